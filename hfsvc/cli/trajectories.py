"""The commands ``count`` and ``show``: how many trajectories a dataset has, and single ones."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import msgspec

from hfsvc.cli.options import Options, command, workers_option
from hfsvc.cli.read_options import choosing_options, row_options
from hfsvc.cli.remote import remote_option, traffic_facts

if TYPE_CHECKING:
    from hfsvc.atif import Content, Step, Trajectory
    from hfsvc.models import FileLayout, LeftFiles, ReadOptions
    from hfsvc.protocols import TrajectorySource

SHOWN_CHARACTERS = 400
EMPTY_LINES = re.compile(r"\n(?:[ \t\r]*\n){2,}")
STDOUT = Path("-")


@command("count", example="hfsvc count openthoughts-sft --filter success")
@click.argument("dataset", required=False)
@workers_option
@remote_option
@choosing_options
def count_command(options: Options, dataset: str | None, reading: "ReadOptions", workers: int) -> None:
    """Count a dataset's trajectories, from the footers of its files."""
    from hfsvc.cli.output import say_left_out, write_json
    from hfsvc.cli.progress import show_rows
    from hfsvc.cli.run import open_source, run, say_why_nothing, source_of

    name = source_of(options, dataset)
    with show_rows("indexing", quiet=options.quiet or options.as_json) as on_rows:
        found = run(options, lambda container: _count(open_source(container, name, reading, on_rows, workers=workers)))
    if options.as_json:
        parts = {name: value for name, value in (("leftOut", found.left_out), ("left", found.left)) if value}
        write_json({"source": name, "count": found.rows} | parts | traffic_facts())
        return
    click.echo(found.rows)
    say_left_out(found.left_out, name)
    if not found.rows:
        say_why_nothing(options, name, reading)


class _Count(NamedTuple):
    """How many rows there are, and what is not counted."""

    rows: int
    left_out: "tuple[FileLayout, ...]"
    left: "LeftFiles | None"


async def _count(source: "TrajectorySource") -> _Count:
    return _Count(await source.count(), source.left_out, source.left)


@command("show", example="hfsvc show 0 --style structured")
@click.argument("key")
@click.argument("named", metavar="[DATASET]", required=False)
@click.option("--dataset", help="Instead of the default source (HFSVC_DEFAULT_SOURCE).")
@click.option(
    "--by", type=click.Choice(["key", "trial_name", "run_id", "task"]), help="What KEY is; digits are a row otherwise."
)
@click.option(
    "--html",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    metavar="FILE",
    help="Write it as one page instead, which needs no server, - for stdout; steps are rebuilt unless --style says otherwise.",
)
@remote_option
@row_options
def show_command(
    options: Options,
    key: str,
    named: str | None,
    dataset: str | None,
    by: Any,
    html: Path | None,
    reading: "ReadOptions",
) -> None:
    """Print one trajectory.

    KEY is a row number from 0, or a key of the dataset's own, a trial_name, a run_id or a task: the first row that has it.
    """
    from hfsvc.cli.output import say, write_json
    from hfsvc.cli.progress import show_rows
    from hfsvc.cli.run import open_source, run, source_of
    from hfsvc.trajectories.lookup import look_up

    if html == STDOUT and options.as_json:
        raise click.UsageError("On stdout there is only the page itself: no --json.")
    name = source_of(options, one_dataset(named, dataset))
    if html is not None and click.get_current_context().params["style"] is None:
        reading = msgspec.structs.replace(reading, style="structured")
    if named is None and dataset is None and _is_dataset(options, key):
        raise click.UsageError(f"{key} is a dataset, and KEY is missing: hfsvc show 0 {key}")
    with show_rows("indexing", quiet=options.quiet or options.as_json) as on_rows:
        row, matches, trajectory = run(
            options, lambda container: look_up(open_source(container, name, reading, on_rows), key, by=by, name=name)
        )
    if matches > 1:
        say(f"{matches} rows answer to {key}; this is the first of them, row {row}.")
    if html is not None:
        _write_page(options, html, row, name, trajectory)
    elif options.as_json:
        write_json(trajectory)
    else:
        print_trajectory(row, trajectory, longest=None)


def _is_dataset(options: Options, word: str) -> bool:
    from hfsvc.cli.run import settings_of
    from hfsvc.trajectories.registry import open_registry

    return open_registry(settings_of(options).sources).find_alias(word) is not None


def one_dataset(named: str | None, option: str | None) -> str | None:
    """The dataset that was named, as an argument or by the option.

    Raises:
        UsageError: As both.
    """
    if named and option:
        raise click.UsageError("Name the dataset once, or with --dataset.")
    return named or option


def _write_page(options: Options, file: Path, row: int, source: str, trajectory: "Trajectory") -> None:
    from hfsvc import __version__
    from hfsvc.cli.output import write_json
    from hfsvc.export.atomic_output import whole_file
    from hfsvc.pages import make_report
    from hfsvc.settings import expand_home

    page = make_report(trajectory, row=row, source=source, version=__version__)
    if file == STDOUT:
        click.echo(page, nl=False)
        return
    file = expand_home(file)
    with whole_file(file) as output:
        output.write(page)
    if options.as_json:
        write_json({"path": file})
    else:
        click.echo(file)


def print_trajectory(row: int, trajectory: "Trajectory", *, longest: int | None = SHOWN_CHARACTERS) -> None:
    """A trajectory for a person: who, what, and every step's message, cut at `longest` characters."""
    from hfsvc.cli.output import printable

    model = trajectory.agent.model_name or "unknown model"
    task = (trajectory.extra or {}).get("task", "no task")
    steps = f"{len(trajectory.steps)} step{'s' * (len(trajectory.steps) != 1)}"
    click.echo(printable(f"row {row}: {task}, {trajectory.agent.name} with {model}, {steps}"))
    for step in trajectory.steps:
        click.echo(f"--- {step.step_id} {step.source}")
        for text in _step_texts(step):
            click.echo(printable(text if longest is None else _cut(text, longest)))


def _cut(text: str, longest: int) -> str:
    # A terminal's screen is mostly empty lines below its prompt.
    shown = EMPTY_LINES.sub("\n\n", text.strip("\r\n"))
    return shown if len(shown) <= longest else f"{shown[:longest]} …"


def _step_texts(step: "Step") -> Iterator[str]:
    """What an agent thinks, what is said, what is called (after ``>``), and what comes back (after ``<``)."""
    if step.reasoning_content:
        yield f"(thinks) {step.reasoning_content.strip()}"
    if (said := _text_of(step.message)) or not (step.tool_calls or step.observation):
        yield said
    for call in step.tool_calls or ():
        yield f"> {call.function_name} {json.dumps(call.arguments, ensure_ascii=False, default=str)}"
    for result in step.observation.results if step.observation else ():
        yield f"< {_text_of(result.content or '')}"


def _text_of(content: "Content") -> str:
    from hfsvc.atif import TextPart

    if isinstance(content, str):
        return content
    return "\n".join(part.text if isinstance(part, TextPart) else f"[{part.source.path}]" for part in content)
