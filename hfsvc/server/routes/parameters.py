"""Parameters of routes: their types, their bounds, and what the OpenAPI description says of them."""

from typing import Annotated, Literal, NamedTuple

from litestar.di import NamedDependency
from litestar.params import FromQuery, PathParameter, QueryParameter, SkipValidation

from hfsvc.models import KeyColumn, LayoutName, ReadOptions, Style
from hfsvc.server.limits import PAGE_ROWS
from hfsvc.server.row_order import SortField
from hfsvc.server.state import AppStateDep

# Of integers that every reader of JSON keeps exactly.
LARGEST = (1 << 53) - 1
LONGEST_TEXT = 1000


class SourceRequest(NamedTuple):
    """A dataset, by its alias or id as asked for, how it is read, and the commit that is meant, where one is."""

    name: str
    options: ReadOptions
    commit: str | None


Source = Annotated[
    str | None,
    QueryParameter(name="source", max_length=LONGEST_TEXT, description="Alias or id; else the default source."),
]
Query = Annotated[
    str | None,
    QueryParameter(name="query", max_length=LONGEST_TEXT, description='Words, field:word, or field:"whole value".'),
]
Sort = Annotated[
    SortField | None,
    QueryParameter(
        description="By what the list is put in order, with `-` the greatest first; rows without a value come last. "
        "By cost, tokens or duration every row is gone over once for them."
    ),
]
Text = Annotated[
    str,
    QueryParameter(
        min_length=1, max_length=LONGEST_TEXT, description="Words as they follow each other; case does not count."
    ),
]
Row = Annotated[int, QueryParameter(ge=0, le=LARGEST)]
Stop = Annotated[int, QueryParameter(ge=0, le=LARGEST, description="Row to stop before.")]
MostRows = Annotated[int, QueryParameter(ge=0, le=LARGEST, description="Most rows that come out.")]
FoundRows = Annotated[int, QueryParameter(ge=1, le=LARGEST, description="Rows with the text after which it ends.")]
Offset = Annotated[int, QueryParameter(ge=0, le=LARGEST, description="How many to leave out.")]
Limit = Annotated[int, QueryParameter(ge=0, le=PAGE_ROWS, description="Longest page.")]
Key = Annotated[
    str,
    PathParameter(description="Row number, else a key, trial_name, run_id or task, percent-encoded, slashes included."),
]
By = Annotated[KeyColumn | None, QueryParameter(description="What the key is; digits are a row number otherwise.")]
Cursor = Annotated[str | None, QueryParameter(max_length=2 * LONGEST_TEXT)]
Part = Annotated[
    str | None, QueryParameter(min_length=1, max_length=LONGEST_TEXT, description="As in the card of the dataset.")
]
Episodes = Annotated[
    Literal["all", "last"], QueryParameter(description="Leave out rows that a later episode goes on from.")
]
Result = Annotated[Literal["all", "success", "failure"], QueryParameter(description="How runs ended.")]
Lines = Annotated[
    Literal["atif", "rows"], QueryParameter(description="Documents alone, or each with its row, file and cursor.")
]
NamedCommit = Annotated[
    str | None,
    QueryParameter(
        name="commit",
        pattern=r"^[0-9a-f]{7,40}(-[0-9a-f]{6})?$",
        description="The commit that rows are numbered by, 7 of its digits or more, or the `snapshot` of an answer: "
        "409 where the dataset is at another one.",
    ),
]


Wanted = NamedDependency[SkipValidation[SourceRequest]]


def read_source(
    app: AppStateDep,
    source: Source = None,
    style: FromQuery[Style] = "messages",
    config: Part = None,
    split: Part = None,
    episodes: Episodes = "all",
    result: Result = "all",
    layout: FromQuery[LayoutName | None] = None,
    commit: NamedCommit = None,
) -> SourceRequest:
    """The source that a request's query asks for."""
    options = ReadOptions(style=style, config=config, split=split, episodes=episodes, result=result, layout=layout)
    return SourceRequest(app.sources.name(source), options, commit)
