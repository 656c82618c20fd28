"""Summaries of rows, which lists show and searches go through: all but the messages. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from hfsvc.models import SUMMARY_FIELDS, TrajectorySummary
from hfsvc.trajectories.files.arrow_values import texts_of
from hfsvc.trajectories.index.episodes import EpisodeRow
from hfsvc.trajectories.index.query import Word, one_space, read_query
from hfsvc.trajectories.layouts.base import Layout
from hfsvc.trajectories.layouts.metadata import columns_read

# Filters look at what names an attempt, too.
TEXTS = tuple(dict.fromkeys((*SUMMARY_FIELDS, *EpisodeRow._fields[1:])))
# All of a row's fields in one text, case folded: searching it is one call a batch.
TEXT = "text"
SCHEMA = pa.schema([
    *((name, pa.string()) for name in TEXTS),
    ("steps", pa.int32()),
    (TEXT, pa.string()),
])


def summary_columns(leaves: list[str], layout: Layout) -> list[str]:
    """The columns a summary needs; of the messages only what tells how many there are."""
    return [*dict.fromkeys([*columns_read(layout.metadata, TEXTS), *layout.leaves_to_count(leaves)])]


def summarise(batch: pa.RecordBatch, layout: Layout) -> pa.RecordBatch:
    """The summaries of a batch with the columns of `summary_columns`, as a batch of `SCHEMA`."""
    return summary_batch(layout.metadata.texts(batch, TEXTS), layout.count(batch))


def summary_batch(columns: Mapping[str, list[str | None]], steps: list[int]) -> pa.RecordBatch:
    """A batch of `SCHEMA`.

    Args:
        columns: The values of `TEXTS`, as far as rows have them.
        steps: Of every row.
    """
    absent: list[str | None] = [None] * len(steps)
    fields = zip(*(columns.get(name, absent) for name in SUMMARY_FIELDS), strict=True)
    searched = ["\n".join(filter(None, values)).casefold() for values in fields]
    texts = [pa.array(columns.get(name, absent), pa.string()) for name in TEXTS]
    return pa.record_batch([*texts, pa.array(steps, pa.int32()), pa.array(searched, pa.string())], schema=SCHEMA)


def summaries_of(batch: pa.RecordBatch, numbers: Iterable[int]) -> Iterator[TrajectorySummary]:
    """The structs of a batch of `SCHEMA` whose rows have these numbers."""
    columns = [texts_of(batch.column(name)) for name in SUMMARY_FIELDS]
    for row, steps, *fields in zip(numbers, batch.column("steps").to_pylist(), *columns, strict=True):
        yield TrajectorySummary(row=row, steps=steps, **dict(zip(SUMMARY_FIELDS, fields, strict=True)))


def matching(batch: pa.RecordBatch, query: str) -> list[int]:
    """The rows of a batch of `SCHEMA` that answer to a query, from 0: all its words must occur, ignoring case."""
    if not _is_storable(query):
        return []
    masks = [_has(batch, word) for word in read_query(query, SUMMARY_FIELDS)]
    if not masks:
        return list(range(batch.num_rows))
    both = reduce(lambda one, other: pc.call_function("and", [one, other]), masks)
    return pc.call_function("indices_nonzero", [both]).to_pylist()  # type: ignore[no-any-return]


def having(batch: pa.RecordBatch, column: str, value: str) -> list[int]:
    """The rows of a batch of `SCHEMA` that have exactly this value in a column, from 0."""
    if not _is_storable(value):
        return []
    same = pc.call_function("equal", [batch.column(column), pa.scalar(value)])
    return pc.call_function("indices_nonzero", [same]).to_pylist()  # type: ignore[no-any-return]


def _is_storable(text: str) -> bool:
    # Half a character may come from a shell or a request; no column can hold it, and Arrow refuses to look for it.
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _has(batch: pa.RecordBatch, word: Word) -> pa.Array:
    if word.field is None:
        return pc.call_function("match_substring", [batch.column(TEXT)], pc.MatchSubstringOptions(word.text))
    return _field_has(batch.column(word.field), word)


def _field_has(column: pa.Array, word: Word) -> pa.Array:
    # Few values are many rows' here, and Arrow cannot fold case as Python does.
    coded = column.dictionary_encode()
    folded = (value.casefold() for value in coded.dictionary.to_pylist())
    answers = [one_space(value) == word.text if word.whole else word.text in value for value in folded]
    has = pa.array(answers, pa.bool_())
    found = has.take(coded.indices) if len(has) else pa.nulls(len(column), pa.bool_())
    return found.fill_null(not word.text)
