"""The command ``mix``: several datasets into one export, by a file that says how."""

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import click
import msgspec

from hfsvc.cli.export_options import check_report
from hfsvc.cli.exported import tell_exported, write_report
from hfsvc.cli.options import Options, command
from hfsvc.cli.token_options import TokenPlan

if TYPE_CHECKING:
    from hfsvc.containers import Container
    from hfsvc.export import Exported
    from hfsvc.trajectories.mixed_source import MixedSource

NAME = "mix"
TABLES = ("parquet", "steps", "tokens")
"""Formats that are never lines."""
ORIGIN = ("dataset", "row")
"""What goes along with every row of a mix: where it comes from."""


@command("mix", example="hfsvc mix spec.toml -o mixed")
@click.argument("spec", type=click.Path(dir_okay=False, path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The folder to write into.")
@click.option("--resume", is_flag=True, help="Leave out files that are there already.")
@click.option(
    "--report", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write what became of every row."
)
@click.option(
    "--progress", type=click.Choice(["auto", "json", "none"]), default="auto", help="A bar, or events as JSON lines."
)
def mix_command(
    options: Options, spec: Path, output: Path, report: Path | None, progress: str, *, resume: bool
) -> None:
    """Write the rows of several datasets into one, in random order by weight, as SPEC says."""
    from hfsvc.cli.output import write_json
    from hfsvc.cli.progress import show_export
    from hfsvc.cli.run import run
    from hfsvc.export import ExportRequest, export_shards
    from hfsvc.export.formats import choose_target

    plan = read_spec(spec)
    request = ExportRequest(
        path=output / f"{NAME}{plan.name_ending}", format=plan.format, limit=plan.limit, resume=resume
    )
    format = choose_target(request.path, plan.format).format
    check_report(report, output)
    plan.tokens.check(format, lambda field: f"{spec}: {field}")
    with show_export(progress, quiet=options.quiet or options.as_json) as listen:

        async def work(container: "Container") -> "list[Exported]":
            fit = await plan.tokens.open(container, format)
            return await export_shards(open_mix(container, plan), request, plan.shards, on_event=listen, **fit)

        done = run(options, work)
    write_report(report, done)
    if options.as_json:
        write_json(done)
    else:
        tell_exported(options, done)


class MixPlan(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a file says of a mix.

    Attributes:
        seed: Of the order.
        dataset: Tables of a name, a weight, and the options of ``container.source``.
        until: As for `MixedSource`.
        format: What to write.
        ending: Of the files; None for ``.parquet`` where the format is always a table, else ``.jsonl``.
        shards: How many files.
        limit: Most rows, in all files together.
        tokenizer: Counts tokens, and makes them for the format ``tokens``.
        max_tokens: Of a row.
        too_long: What becomes of longer rows.
        loss: What counts in the format ``tokens``.
    """

    seed: int
    dataset: list[dict[str, Any]]
    until: Literal["all", "first"] = "all"
    format: (
        Literal["jsonl", "parquet", "steps", "openai", "sharegpt", "atif-dir", "sts", "prompt-completion", "tokens"]
        | None
    ) = None
    ending: str | None = None
    shards: int = 1
    limit: int | None = None
    tokenizer: str | None = None
    max_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    too_long: Literal["drop", "truncate-tools", "split-episodes"] | None = None
    loss: tuple[str, ...] | None = None

    @property
    def name_ending(self) -> str:
        """What names of files end with."""
        return self.ending or (".parquet" if self.format in TABLES else ".jsonl")

    @property
    def tokens(self) -> TokenPlan:
        """What is asked for of tokens."""
        return TokenPlan(self.tokenizer, self.max_tokens, self.too_long, self.loss)


def read_spec(file: Path) -> MixPlan:
    """The plan that a file holds.

    Raises:
        UsageError: It is no TOML, or something in it is wrong.
    """
    try:
        plan = msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), MixPlan)
    except (OSError, ValueError, msgspec.ValidationError) as error:
        raise click.UsageError(f"{file}: {error}") from None
    if not plan.dataset or any(not isinstance(each.get("name"), str) for each in plan.dataset):
        raise click.UsageError(f"{file}: each [[dataset]] has a name, and there is at least one.")
    if plan.shards < 1:
        raise click.UsageError(f"{file}: shards is a number of files, 1 at least.")
    return plan


def open_mix(container: "Container", plan: MixPlan) -> "MixedSource":
    """The source of a plan.

    Raises:
        InvalidArgument: A dataset is given an option that there is not, or a weight that is none.
    """
    from hfsvc.trajectories.mixed_source import MixedSource
    from hfsvc.trajectories.mixed_stream import MixPart

    parts = []
    for each in plan.dataset:
        reading = {name: _frozen(value) for name, value in each.items() if name not in {"name", "weight"}}
        reading["keep"] = _with_origin(reading.get("keep", ()))
        parts.append(MixPart(each["name"], container.source(each["name"], **reading), each.get("weight", 1.0)))
    return MixedSource(parts, seed=plan.seed, until=plan.until)


def _with_origin(keep: Any) -> Any:
    kept = (keep,) if isinstance(keep, str) else keep
    return (*kept, *(name for name in ORIGIN if name not in kept)) if isinstance(kept, tuple) else keep


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
