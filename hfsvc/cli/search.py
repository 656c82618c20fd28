"""The command ``search``: rows whose summaries hold words, as the pages search."""

from typing import TYPE_CHECKING

import click

from hfsvc.cli.options import Options, command, workers_option
from hfsvc.cli.read_options import storage_options
from hfsvc.cli.remote import remote_option, traffic_facts
from hfsvc.cli.tables import TableColumn, write_table

if TYPE_CHECKING:
    from hfsvc.models import ReadOptions, SummaryPage

COLUMNS = (
    TableColumn("ROW", number=True),
    TableColumn("TASK", wraps=True),
    TableColumn("AGENT", wraps=True),
    TableColumn("MODEL", wraps=True),
    TableColumn("STEPS", number=True),
    TableColumn("RESULT"),
)


@command("search", example="hfsvc search model:glm bugs --limit 5")
@click.argument("words", nargs=-1, required=True)
@click.option("--dataset", help="Instead of the default source (HFSVC_DEFAULT_SOURCE).")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Longest list.")
@click.option("--offset", type=click.IntRange(min=0), default=0, help="Matches to leave out before it.")
@workers_option
@remote_option
@storage_options
def search_command(
    options: Options,
    words: tuple[str, ...],
    dataset: str | None,
    limit: int,
    offset: int,
    reading: "ReadOptions",
    workers: int,
) -> None:
    """Find rows whose summaries hold all WORDS.

    Case does not count. field:word looks at one field, such as model:glm or result:1; field:"whole value" wants nothing
    less. Whole rows are not searched, only what is told of them: agent, model, task, episode, trial_name, run_id,
    trace_source, date, result, key.
    """
    from hfsvc.cli.output import write_json
    from hfsvc.cli.progress import show_rows
    from hfsvc.cli.run import open_source, run, say_why_nothing, source_of

    name = source_of(options, dataset)
    query = " ".join(map(_as_query, words))
    with show_rows("indexing", quiet=options.quiet or options.as_json) as on_rows:
        page = run(
            options,
            lambda container: open_source(container, name, reading, on_rows, workers=workers).list_summaries(
                offset, limit, query
            ),
        )
    if options.as_json:
        write_json({"source": name, "query": query, "page": page} | traffic_facts())
    elif options.quiet:
        click.echo("".join(f"{each.row}\n" for each in page.items), nl=False)
    else:
        _print(options, name, page)
        if not page.total:
            say_why_nothing(options, name, reading)


def _as_query(word: str) -> str:
    # The shell has taken the quotes around a value of several words.
    field, colon, value = word.partition(":")
    return f'{field}:"{value}"' if colon and " " in value and '"' not in value else word


def _print(options: Options, name: str, page: "SummaryPage") -> None:
    from hfsvc.cli.output import count_of, say
    from hfsvc.cli.pasting import pasteable

    rows = [
        (str(each.row), each.task or "-", each.agent or "-", each.model or "-", str(each.steps), each.result or "-")
        for each in page.items
    ]
    write_table(COLUMNS, rows)
    after = page.offset + len(rows)
    more = f"; go on with --offset {after}" if after < page.total else ""
    say(f"{count_of('row', page.total)} of {name} answer{'s' * (page.total == 1)}{more}")
    if rows:
        say(pasteable(f"See one: hfsvc show {page.items[0].row} --dataset {name}", options))
