"""The choice of rows: which of a dataset's rows are read, in which order, and why all others are not.

Everything here blocks: call it from a worker thread.
"""

import hashlib
import logging
import random
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any, NamedTuple, cast

from xxhash import xxh3_128_digest

from hfsvc.errors import InvalidArgument
from hfsvc.models import KEY_COLUMNS, SUMMARY_FIELDS, LeftOut, RowChoice, SplitShare
from hfsvc.models.choice import CHOICE_LOGGER
from hfsvc.trajectories.duplicates import DigestIndex, Sameness, repeated
from hfsvc.trajectories.field_texts import FieldTexts
from hfsvc.trajectories.index.episodes import EpisodeRow, superseded
from hfsvc.trajectories.index.outcomes import passes, rank, tells
from hfsvc.trajectories.index.query import check_query, read_query
from hfsvc.trajectories.index.summary_index import SummaryIndex
from hfsvc.trajectories.selection import numbers

logger = logging.getLogger(CHOICE_LOGGER)
NO_RESULTS = (
    "no row of {} says how its run ended, so that none is read for the result {}: "
    "say which column does with --column result=NAME, or leave the filter out"
)
HAS_NONE = "no row of {} has the field {}, so that {}"
ROWS_AT_ONCE = 1 << 18
"""So few rows are looked through for duplicates in one go."""

MAIN = "main"
"""What Harbor's exporter calls the trace of the agent itself."""


class Chosen(NamedTuple):
    """The rows that are read.

    Attributes:
        rows: Their numbers, in the order in which they are read.
        window: Which places among them were asked for.
        left_out: How many others there are, by the reason.
        without_result: How many of those that a filter by result left out have none.
        ordered: Whether the numbers rise.
        notes: What of the choice could not make a difference, a sentence each.
    """

    rows: Sequence[int]
    window: range
    left_out: Mapping[LeftOut, int]
    without_result: int = 0
    ordered: bool = True
    notes: tuple[str, ...] = ()


class Chooser:
    """Chooses rows of one dataset.

    Args:
        repo: The dataset.
        rows: How many it has.
        index: Of their summaries.
        digests: Of their messages.
        texts: Of their fields and columns.
    """

    def __init__(self, repo: str, rows: int, index: SummaryIndex, digests: DigestIndex, texts: FieldTexts) -> None:
        self._repo = repo
        self._rows = rows
        self._index = index
        self._digests = digests
        self._texts = texts

    def choose(self, choice: RowChoice, first: int, stop: int, where: str | None = None) -> Chosen:
        """The rows from `first` to `stop` that a choice keeps, and that answer to one more query.

        Args:
            choice: Of rows.
            first: The first row.
            stop: The row to stop before.
            where: The query.

        Raises:
            InvalidArgument: It names a field or a key that there is not, or lacks a seed.
        """
        check_choice(choice)
        check_columns(choice, self._texts.names)
        kept = _Kept(self._rows, first, stop)
        if choice.rows is not None:
            kept.keep("rows", self._named(choice.rows))
        notes = list(self._fields_without_texts(choice, where))
        without, told = self._by_result(kept, choice) if choice.result != "all" else (0, True)
        if not told:
            notes.append(NO_RESULTS.format(self._repo, choice.result))
        if choice.episodes == "last":
            kept.drop("episode", superseded(self._episodes()))
        if choice.traces == MAIN:
            kept.drop("trace", self._where("trace_source", lambda value: value not in {None, MAIN}))
        for query in filter(None, (choice.where, where)):
            kept.keep("query", self._index.rows_matching(query))
        if choice.dedupe is not None:
            kept.drop("duplicate", self._repeated(choice, kept))
        if choice.share is not None:
            kept.drop("split", self._outside(choice.share))
        rows = kept.rows()
        if choice.sample is not None and choice.sample < len(rows):
            drawn = sorted(random.Random(choice.seed).sample(rows, choice.sample))
            kept.left_out["sample"] = len(rows) - len(drawn)
            rows = numbers(drawn)
        if choice.shuffle:
            random.Random(choice.seed).shuffle(cast("Any", rows))
        for note in notes:
            logger.warning("%s", note)
        left_out = dict(+kept.left_out)
        return Chosen(rows, range(len(rows)), left_out, without, ordered=not choice.shuffle, notes=tuple(notes))

    def _fields_without_texts(self, choice: RowChoice, where: str | None) -> Iterator[str]:
        """A note for each part of a choice that asks for a field which no row has."""
        for field, effect in asked_fields(choice, where):
            if self._texts.is_empty(field):
                yield HAS_NONE.format(self._repo, field, effect)

    def _by_result(self, kept: "_Kept", choice: RowChoice) -> tuple[int, bool]:
        """How many rows that were left out have no result, and whether any row has one."""
        without = told = 0
        for first, block in self._index.blocks("result"):
            results = block.column("result").to_pylist()
            told += sum(map(tells, results))
            failing = [row for row, result in enumerate(results, first) if not passes(result, choice.result)]
            without += sum(kept.has(row) and not tells(results[row - first]) for row in failing)
            kept.drop("filter", failing)
        return without, bool(told)

    def _named(self, named: Iterable[int | str]) -> Iterator[int]:
        for each in named:
            found = (each,) if isinstance(each, int) else self._with_key(each)
            if not found or not 0 <= found[0] < self._rows:
                raise InvalidArgument(name="rows", given=repr(each), reason=f"of {self._rows:,} rows none is it")
            yield from found

    def _with_key(self, key: str) -> Sequence[int]:
        return next(filter(None, (self._index.rows_with(column, key) for column in KEY_COLUMNS)), ())

    def _episodes(self) -> Iterator[EpisodeRow]:
        names = EpisodeRow._fields[1:]
        for first, block in self._index.blocks(*names):
            columns = (block.column(name).to_pylist() for name in names)
            for row, values in enumerate(zip(*columns, strict=True), first):
                yield EpisodeRow(row, *values)

    def _where(self, field: str, holds: Callable[[str | None], bool]) -> Iterator[int]:
        for first, texts in self._texts.blocks(field):
            column = texts.dictionary_encode()
            answers = [holds(value) for value in column.dictionary.to_pylist()]
            of_null = holds(None)
            for row, code in enumerate(column.indices.to_pylist(), first):
                if of_null if code is None else answers[code]:
                    yield row

    def _outside(self, share: SplitShare) -> Iterator[int]:
        return self._where(share.by, lambda value: not share.start <= place_of(value, share.seed) < share.stop)

    def _repeated(self, choice: RowChoice, kept: "_Kept") -> Iterator[int]:
        best = choice.prefer == "best"
        # A row costs 16 bytes in all, in each of so many goes over one part of the digests.
        parts = 1 if self._rows < ROWS_AT_ONCE else (3 if best else 2)
        for part in range(parts):
            digests, ranks, found = bytearray(), array("d"), array("q")
            results = self._results() if best else repeat(None)
            for row, (digest, result) in enumerate(zip(self._digests_by(choice.dedupe or ""), results, strict=False)):
                if digest is not None and digest[0] % parts == part and kept.has(row):
                    digests += digest
                    found.append(row)
                    if best:
                        ranks.append(rank(result))
            yield from repeated(digests, ranks if best else None, found)

    def _digests_by(self, same: str) -> Iterator[bytes | None]:
        """A digest of every row, or None where it has nothing to compare, or cannot be read."""
        if same in {"exact", "messages"}:
            for _, column in self._digests.blocks(cast("Sameness", same)):
                yield from column.to_pylist()
            return
        # A row that cannot be read must not stand for others that can.
        for value, steps in zip(self._values(same), self._steps(), strict=True):
            yield xxh3_128_digest(value.encode("utf-8", "surrogatepass")) if steps and value is not None else None

    def _values(self, field: str) -> Iterator[str | None]:
        for _, texts in self._texts.blocks(field):
            yield from texts.to_pylist()

    def _steps(self) -> Iterator[int]:
        for _, block in self._index.blocks("steps"):
            yield from block.column("steps").to_pylist()

    def _results(self) -> Iterator[str | None]:
        for _, block in self._index.blocks("result"):
            yield from block.column("result").to_pylist()


class _Kept:
    """The rows that are still kept, and why the others are not: the first reason counts."""

    def __init__(self, rows: int, first: int, stop: int) -> None:
        self._mask = bytearray(rows)
        self._mask[first:stop] = b"\1" * (stop - first)
        self.left_out: Counter[LeftOut] = Counter({"range": rows - (stop - first)})

    def has(self, row: int) -> bool:
        """Whether a row is kept."""
        return bool(self._mask[row])

    def drop(self, reason: LeftOut, rows: Iterable[int]) -> None:
        """Keep these no longer."""
        for row in rows:
            self.left_out[reason] += self._mask[row]
            self._mask[row] = 0

    def keep(self, reason: LeftOut, rows: Iterable[int]) -> None:
        """Keep none but these."""
        before = self._mask
        self._mask = bytearray(len(before))
        for row in rows:
            self._mask[row] = before[row]
        self.left_out[reason] += before.count(1) - self._mask.count(1)

    def rows(self) -> "array[int]":
        """Those that are kept, rising."""
        return numbers(row for row, kept in enumerate(self._mask) if kept)


def depends_on_range(choice: RowChoice) -> bool:
    """Whether a row may be kept or not, or come sooner or later, for what other rows are asked for. Pure."""
    return choice.dedupe is not None or choice.sample is not None or choice.shuffle


def place_of(value: str | None, seed: int) -> float:
    """The place of a value between 0 and 1, at random and always the same. Pure."""
    text = f"{seed}\0{'' if value is None else value}"
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:7], "big") / (1 << 56)


def asked_fields(choice: RowChoice, where: str | None = None) -> Iterator[tuple[str, str]]:
    """The fields that a choice looks at, each with what it means that no row has it. Pure."""
    if choice.episodes == "last":
        yield "episode", "no row is left out as one that a later episode goes on from"
    if choice.traces == MAIN:
        yield "trace_source", "no row is left out as one of a subagent or a summary"
    if choice.dedupe not in {None, "exact", "messages"}:
        yield str(choice.dedupe), "no row is a duplicate by it"
    if choice.share is not None:
        yield choice.share.by, "all rows are in one split"
    for query in filter(None, (choice.where, where)):
        named = {word.field for word in read_query(query, SUMMARY_FIELDS) if word.field and word.text}
        yield from ((field, f"none answers to {query}") for field in sorted(named))


def check_columns(choice: RowChoice, names: Sequence[str]) -> None:
    """Refuse a choice by a column that a dataset does not have. Pure.

    Args:
        choice: The choice.
        names: Fields and columns of the dataset.

    Raises:
        InvalidArgument: It is one.
    """
    fields = {"dedupe": choice.dedupe, "share": choice.share.by if choice.share else None}
    for argument, field in fields.items():
        known = ("exact", "messages", *names) if argument == "dedupe" else tuple(names)
        if field is not None and field not in known:
            raise InvalidArgument(name=argument, given=repr(field), reason="there is no such field", known=known)


def check_choice(choice: RowChoice) -> None:
    """Refuse a choice that no dataset could serve. Pure.

    Raises:
        InvalidArgument: It is one.
    """
    check_query(choice.where)
    if choice.sample is not None and choice.sample < 0:
        raise InvalidArgument(name="sample", given=str(choice.sample), reason="it is a number of rows")
    if choice.seed is None and (choice.sample is not None or choice.shuffle):
        raise InvalidArgument(
            name="seed", given="None", reason="a sample and a random order need a number to begin with"
        )
