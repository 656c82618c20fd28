"""What ``download`` prints: what was downloaded or would be, and what people are told of it."""

import sys
from typing import TYPE_CHECKING, Any

import click

from hfsvc.cli.options import Options

if TYPE_CHECKING:
    from hfsvc.models import OnEvent

SHOWN_SHARDS = 10


def telling_plan(listen: "OnEvent", *, quiet: bool) -> "OnEvent":
    """The same listener, after people were told on stderr what is special about the plan."""
    from hfsvc.models import Planned

    def tell(event: Any) -> None:
        if isinstance(event, Planned) and not quiet:
            _tell_plan(event.plan)
        listen(event)

    return tell


def _tell_plan(plan: Any) -> None:
    from hfsvc.cli.output import count_files, say

    if plan.conversion:
        gone = f", in place of {count_files(len(plan.removed))} recorded here" if plan.removed else ""
        say(f"{plan.repo}: {plan.conversion.about} is taken, at commit {plan.commit[:12]}{gone}")
    if plan.unportable:
        first, count = plan.unportable[0], len(plan.unportable)
        say(
            f"{count} of these names cannot be kept on other systems, such as Windows: {first}{' …' if count > 1 else ''}"
        )


def tell_left(options: Options, found: Any, total: int) -> None:
    """Say on stderr what limits leave of a dataset of `total` bytes, planned or on disk, and how it goes on."""
    from hfsvc.cli.output import count_files, say
    from hfsvc.cli.pasting import pasteable
    from hfsvc.errors import typed
    from hfsvc.units import format_bytes

    if left := found.left:
        what = f"{count_files(left.files)} of what was asked for, {format_bytes(left.total_bytes)}"
        following = f"next is {left.next_path}, {format_bytes(left.next_bytes)}"
        # What is here counts, so this is enough for the next file, whichever limit there was.
        more = pasteable(f"hfsvc download {typed(found.repo)} --max-bytes {total + left.next_bytes}", options)
        say(f"{found.repo}: left out are {what}; {following}. It comes with: {more}")


def print_dataset(options: Options, dataset: Any) -> None:
    """Print the folder of what was downloaded, or the record; tell people what it is."""
    from hfsvc.cli.output import count_files, say, write_json
    from hfsvc.units import format_bytes

    if options.as_json:
        write_json(dataset)
        return
    if not options.quiet:
        _tell_missing(dataset)
        count = count_files(len(dataset.files))
        copied = f" ({dataset.conversion.about})" if dataset.conversion else ""
        size = format_bytes(dataset.total_bytes)
        say(f"{dataset.repo}: {count}, {size}, commit {dataset.commit[:12]}{copied}, verified")
        tell_left(options, dataset, dataset.total_bytes)
    click.echo(dataset.folder)


def _tell_missing(dataset: Any) -> None:
    from hfsvc.cli.output import say

    if dataset.shard:
        index, shards, missing = dataset.shard.index, dataset.shard.count, dataset.shard.missing
        named = ", ".join(map(str, missing[:SHOWN_SHARDS])) + (" …" if len(missing) > SHOWN_SHARDS else "")
        others = f"Not here yet: {named}." if missing else "All are here; one is worked on, and joins them afterwards."
        say(f"This is shard {index} of {shards}; the dataset is there once all are. {others}")


def print_plan(options: Options, plan: Any) -> None:
    """Print what would be downloaded, a line a file, or the plan."""
    from hfsvc.cli.file_tables import FileLine, print_files
    from hfsvc.cli.output import say, write_json
    from hfsvc.cli.tables import write_lines
    from hfsvc.units import format_bytes, format_free

    if options.as_json:
        write_json(plan)
        return
    if sys.stdout.isatty():
        print_files([FileLine(file.path, file.size, _state(file)) for file in plan.files])
    else:
        write_lines([(file.path, str(file.size), _state(file)) for file in plan.files])
    if not options.quiet:
        fetch, total = format_bytes(plan.fetch_bytes), format_bytes(plan.total_bytes)
        copied = f", {format_bytes(plan.copied_bytes)} to copy" if plan.copied_bytes else ""
        free = format_free(plan.free_bytes)
        say(f"{plan.repo} at {plan.commit[:12]}: {fetch} of {total} to fetch{copied}, {free} free")
        _tell_plan(plan)
        tell_left(options, plan, plan.total_bytes)


def _state(file: Any) -> str:
    if file.fault:
        return "cannot be fetched"
    if file.present:
        return "here"
    if file.copy_of:
        return f"copy of {file.copy_of}"
    here = [f"{file.kept_bytes} bytes here"] if file.kept_bytes else []
    if file.copied_bytes:
        here.append(f"{file.copied_bytes} bytes to copy from {', '.join(file.delta.donors)}")
    if file.whole_because:
        here.append(f"to fetch: {file.whole_because}")
    return ", ".join(here) or "to fetch"
