"""Validation of documents by several processes: one reads files, the others judge what it hands them, in order."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from anyio.from_thread import BlockingPortal, start_blocking_portal

from hfsvc.errors import BadDocuments
from hfsvc.trajectories.files.json_documents import Document, read_file
from hfsvc.trajectories.validation import STEP_STREAM_CODE, OtherContent, Verdict, judge_documents
from hfsvc.trajectories.worker_results import results_of

BATCH_BYTES = 1 << 20
BATCH_FILES = 100


class JudgedFileOptions(NamedTuple):
    """How the documents of a file are judged, as `judge_documents` takes it."""

    folder: Path | None
    strict: bool
    may_be_other: bool


class DocumentBatch(NamedTuple):
    """Some documents of one file.

    Attributes:
        path: Of the file.
        options: How to judge them.
        before: How many documents of the file come before them.
        documents: Themselves.
        failure: Why the file cannot be read on after them; None where it can, or ends.
    """

    path: Path
    options: JudgedFileOptions
    before: int
    documents: list[Document]
    failure: str | None


class BatchesToJudge(NamedTuple):
    """Batches of one file or of several small ones, which are judged in one go."""

    batches: list[DocumentBatch]

    def __str__(self) -> str:
        first, last = self.batches[0], self.batches[-1]
        begin = f"document {first.before + 1} of {first.path}"
        return begin if first is last and len(first.documents) == 1 else f"{begin} to one of {last.path}"


class JudgedBatch(NamedTuple):
    """What was found in a batch.

    Attributes:
        path: Of its file.
        verdicts: One a document, or one for all that is left of the file.
        other: What the file holds instead of documents; None where it holds some.
        begins_file: Whether these are the file's first.
        ends_file: Whether what follows of the file counts no more.
    """

    path: Path
    verdicts: list[Verdict]
    other: str | None
    begins_file: bool
    ends_file: bool


def batches_of(path: Path, options: JudgedFileOptions, on_bytes: Callable[[int], None]) -> Iterator[DocumentBatch]:
    """The documents of a file in batches of about `BATCH_BYTES`; one without any where there are none."""
    documents, before, size, failure = list[Document](), 0, 0, None
    try:
        for document in read_file(path, on_bytes):
            documents.append(document)
            size += len(document.text)
            if size >= BATCH_BYTES:
                yield DocumentBatch(path, options, before, documents, None)
                documents, before, size = [], before + len(documents), 0
    except BadDocuments as error:
        failure = error.reason
    yield DocumentBatch(path, options, before, documents, failure)


def gathered(batches: Iterable[DocumentBatch]) -> Iterator[BatchesToJudge]:
    """Batches in groups of about `BATCH_BYTES`. Pure."""
    group, size = list[DocumentBatch](), 0
    for batch in batches:
        group.append(batch)
        size += sum(len(each.text) for each in batch.documents)
        if size >= BATCH_BYTES or len(group) >= BATCH_FILES:
            yield BatchesToJudge(group)
            group, size = [], 0
    if group:
        yield BatchesToJudge(group)


def judge_batches(job: BatchesToJudge) -> list[JudgedBatch]:
    """What is found in each batch."""
    return [_judged(batch) for batch in job.batches]


def _judged(batch: DocumentBatch) -> JudgedBatch:
    verdicts, other = list[Verdict](), None
    try:
        verdicts.extend(judge_documents(_documents(batch), **batch.options._asdict(), before=batch.before))
    except OtherContent as found:
        other = str(found)
    stream = any(finding.code == STEP_STREAM_CODE for verdict in verdicts for finding in verdict.findings)
    return JudgedBatch(batch.path, verdicts, other, batch.before == 0, ends_file=stream or other is not None)


def _documents(batch: DocumentBatch) -> Iterator[Document]:
    yield from batch.documents
    if batch.failure is not None:
        raise BadDocuments(file=str(batch.path), reason=batch.failure)


@contextmanager
def judged_by_workers(batches: Iterable[DocumentBatch], workers: int) -> Iterator[Iterator[JudgedBatch]]:
    """What is found in batches, in order, judged by so many processes. For callers without an event loop.

    Raises:
        WorkerLost: A worker died over some documents, and so did the next one.
    """
    with start_blocking_portal() as portal:
        shared = results_of(judge_batches, gathered(batches), workers=workers)
        with portal.wrap_async_context_manager(shared) as results:
            yield _without_what_counts_no_more(_taken(portal, results))


def _taken(
    portal: BlockingPortal, results: AsyncIterator[tuple[BatchesToJudge, list[JudgedBatch]]]
) -> Iterator[JudgedBatch]:
    async def take() -> list[JudgedBatch] | None:
        found = await anext(results, None)
        return None if found is None else found[1]

    while (judged := portal.call(take)) is not None:
        yield from judged


def _without_what_counts_no_more(judged: Iterable[JudgedBatch]) -> Iterator[JudgedBatch]:
    ended = False
    for batch in judged:
        if batch.begins_file or not ended:
            yield batch
            ended = batch.ends_file
