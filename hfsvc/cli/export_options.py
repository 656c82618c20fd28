"""Command line options of exports: where to, which part, in which files; and what of it does not go together."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hfsvc.cli.options import Options, address_option, check_address, workers_option
from hfsvc.cli.token_options import as_option

if TYPE_CHECKING:
    from hfsvc.models import ReadOptions

STDOUT = Path("-")
# As `hfsvc.export.FORMATS` has them; importing that takes a while.
FORMATS = ("jsonl", "parquet", "steps", "openai", "sharegpt", "atif-dir", "sts", "prompt-completion", "tokens")
LONGEST_SHARD = 30


class ShardType(click.ParamType[tuple[int, int]]):
    """``i/n``, counted from 0."""

    name = "i/n"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        index, slash, shards = value.partition("/")
        # Python refuses to read numbers of thousands of digits.
        numbers = len(value) < LONGEST_SHARD and index.isdecimal() and shards.isdecimal()
        if not (slash and numbers and int(index) < int(shards)):
            self.fail(f"{value!r} is no shard: write i/n, with i from 0 to n - 1.", param, ctx)
        return int(index), int(shards)


class OutputType(click.ParamType[Path | str]):
    """A path, or as text the address of an object."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path | str:
        return value if "://" in str(value) else Path(value)


class SplitsType(click.ParamType[dict[str, float]]):
    """``NAME=FRACTION,NAME=FRACTION``."""

    name = "splits"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, float]:
        if isinstance(value, dict):
            return value
        found: dict[str, float] = {}
        for each in value.split(","):
            name, _, fraction = each.strip().partition("=")
            if name in found:
                self.fail(f"{name!r} is there twice: splits have names of their own.", param, ctx)
            try:
                found[name] = float(fraction)
            except ValueError:
                name = ""
            if not name or "/" in name:
                self.fail(f"{each!r} is no split: write for example train=0.9,test=0.1.", param, ctx)
        return found


_OPTIONS = (
    click.option(
        "-o",
        "--output",
        type=OutputType(),
        required=True,
        help="The file or folder to write, or s3://bucket/name; - for stdout.",
    ),
    click.option("--format", type=click.Choice(FORMATS), help="What to write (default: by the ending of the name)."),
    click.option("--start", type=click.IntRange(min=0), default=0, help="First row, from 0."),
    click.option("--stop", type=click.IntRange(min=0), help="Row to stop before."),
    click.option(
        "--cursor",
        "cursors",
        multiple=True,
        help="Go on after the row that this cursor came with; those of all shards of a run, to divide its rest anew.",
    ),
    click.option("--limit", type=click.IntRange(min=0), help="Most rows to write."),
    click.option("--shard", type=ShardType(), help="Write the i-th of n parts, counted from 0."),
    click.option("--shards", type=click.IntRange(min=1), help="Write all of n parts, a file each."),
    click.option("--stripe", is_flag=True, help="Parts are every n-th row, not stretches."),
    click.option(
        "--split-by", metavar="FIELD", help="Write a file for each of --splits; no value of FIELD is in two of them."
    ),
    click.option(
        "--splits", type=SplitsType(), metavar="NAME=FRACTION,…", help="Names and sizes, such as train=0.9,test=0.1."
    ),
    click.option("--one-call-a-step", is_flag=True, help="Steps of several calls become steps of one call each."),
    click.option(
        "--report",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Write what became of every row into a JSON file.",
    ),
    click.option("--resume", is_flag=True, help="Leave out files that are there already."),
    workers_option,
    click.option("--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True),
    address_option,
    click.option(
        "--progress",
        type=click.Choice(["auto", "json", "none"]),
        default="auto",
        help="A bar, or events as JSON lines.",
    ),
)


def export_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds them."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def check_export(options: Options, given: dict[str, Any], reading: "ReadOptions") -> None:
    """Refuse what does not go together, and what would have no effect.

    Args:
        options: Of every command.
        given: Those of the export, and `tokens`.
        reading: How rows are read.

    Raises:
        UsageError: It does not.
        InvalidExport: The name and the format do not go together.
    """
    to_stdout = given["output"] == STDOUT
    if given["shard"] and given["shards"]:
        raise click.UsageError("Give --shard for one part, or --shards for all of them.")
    if len(given["cursors"]) == 1 and given["shards"]:
        raise click.UsageError("A cursor goes on within one part: give --shard instead of --shards.")
    if bool(given["split_by"]) != bool(given["splits"]):
        raise click.UsageError("--split-by names the field, --splits the files: give both.")
    if given["splits"] and (given["shard"] or given["shards"] or given["cursors"] or to_stdout):
        raise click.UsageError("Splits are files of their own: no --shard, --shards or --cursor, and no stdout.")
    if given["splits"] and given["engine"] == "ray":
        raise click.UsageError("The engine ray writes shards of everything: splits need --engine local.")
    if given["stop"] is not None and given["stop"] <= given["start"]:
        raise click.UsageError("No row lies between --start and --stop: --stop is the row after the last one.")
    if to_stdout and (options.as_json or given["shards"] or given["resume"]):
        raise click.UsageError("On stdout there is only the export itself: no --json, --shards or --resume.")
    if given["stripe"] and not (given["shard"] or given["shards"]):
        raise click.UsageError("--stripe says how parts are cut: give --shard or --shards.")
    if reading.seed is not None and not (reading.sample is not None or reading.shuffle or given["splits"]):
        raise click.UsageError("--seed is where chance begins: give --sample, --shuffle or --splits.")
    check_report(given["report"], Path(given["output"]))
    check_address(given)
    if given["engine"] == "ray":
        if isinstance(given["output"], str):
            raise click.UsageError("The engine ray writes into files: for an object, take the engine local.")
        _check_ray(given, to_stdout=to_stdout)
    if given["tokens"].tokenizer and given["workers"] != 1:
        raise click.UsageError("Tokens are counted by one process: leave --workers or --tokenizer out.")
    given["tokens"].check(_format_of(given, to_stdout=to_stdout), as_option)


def check_report(report: Path | None, output: Path) -> None:
    """Refuse a report that could not be written after the export, or would take its place.

    Raises:
        UsageError: It is one.
    """
    if report is None:
        return
    if report.resolve() == output.resolve():
        raise click.UsageError(f"--report {report} would replace what is written: give another name.")
    folder = report.absolute().parent
    # That of the export, and those around it, are made where they are not there.
    if not folder.is_dir() and folder not in {output.absolute(), *output.absolute().parents}:
        raise click.UsageError(f"--report {report}: there is no folder {report.parent}.")


def _check_ray(given: dict[str, Any], *, to_stdout: bool) -> None:
    if to_stdout or given["cursors"] or given["shard"]:
        raise click.UsageError("The engine ray writes --shards into files, without --shard or --cursor.")
    if given["workers"] != 1:
        raise click.UsageError("The engine ray has workers of its own: give --engine or --workers.")
    if given["tokens"].tokenizer:
        raise click.UsageError("The engine ray counts no tokens: leave --tokenizer out, or take the engine local.")


def _format_of(given: dict[str, Any], *, to_stdout: bool) -> str:
    from hfsvc.export.formats import choose_stream, choose_target

    return choose_stream(given["format"]) if to_stdout else choose_target(Path(given["output"]), given["format"]).format


def joined_cursor(cursors: tuple[str, ...]) -> str | None:
    """One cursor of all that were given."""
    from hfsvc.trajectories.cursor import join_cursors

    return join_cursors(cursors) if len(cursors) > 1 else (cursors[0] if cursors else None)


def seed_of(reading: "ReadOptions") -> int:
    """The number that splits are dealt out by.

    Raises:
        UsageError: There is none.
    """
    if reading.seed is None:
        raise click.UsageError("Splits are dealt out by chance, which begins with a number: give --seed.")
    return reading.seed
