"""The planner of deltas: asks the storage of chunks what changed files share with their versions on disk.

Whatever is doubtful leaves a file as it would be without: fetched whole.
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Final

import anyio
from anyio import to_thread

from hfsvc.datasets.deltas import Question, SharedChunks, find_donor
from hfsvc.datasets.shared_runs import Doubtful
from hfsvc.errors import HfsvcError, TryLater
from hfsvc.hub.client import HubClient
from hfsvc.hub.reconstruction import Chunk, ContentTerm
from hfsvc.hub.xet import XetStorage, may_ask_storage
from hfsvc.models import Delta, DownloadPlan, PlannedFile, RemoteDataset
from hfsvc.secret import Secret
from hfsvc.settings import Settings
from hfsvc.store.index import IndexEntry
from hfsvc.transfer.part_folder import SMALL_FILE_BYTES

logger = logging.getLogger(__name__)
MOST_QUESTIONS: Final = 100
QUESTIONS_AT_ONCE: Final = 8
FILES_AT_ONCE: Final = 8
# Those of a file with more take as much memory as thousands of others: one such file at a time.
MANY_TERMS: Final = 10_000
# What planning may take: a download that is quick without it should not wait for it.
PATIENCE_S: Final = 20.0
PATIENCE_BYTES_PER_S: Final = 64 << 20

NOT_KNOWN = "the Hub tells no chunks of it"
NOT_KNOWN_OF_OLD = "no chunks were told of the version on disk"
TOO_LITTLE = "it shares too little with the version on disk"
NO_ANSWER = "the storage of chunks gave no answer that can be used"
TOO_SLOW = "the storage of chunks is too slow"


class DeltaPlanner:
    """Finds out what is copied of the files of one update.

    Args:
        hub: Knows the storage.
        settings: Say whether deltas are wanted, and whom may be asked.
        remote: The dataset at its new commit.
        entry: What is on disk; its files are what they are recorded as.
        token: For the Hub.
    """

    def __init__(
        self, hub: HubClient, settings: Settings, remote: RemoteDataset, entry: IndexEntry, token: Secret | None
    ) -> None:
        self._entry = entry
        self._wanted = settings.deltas and may_ask_storage(hub.endpoint, settings.delta_storage)
        self._new = hub.storage(remote, token=token, allowed=settings.delta_storage)
        self._old = hub.storage(entry.remote(), token=token, allowed=settings.delta_storage)
        self._new_opens_old = True
        self._large = anyio.Lock()

    async def plan(self, plan: DownloadPlan) -> Mapping[str, Delta | str]:
        """For files of which another version is on disk: what is copied of it, or why nothing is."""
        files = self._candidates(plan) if self._wanted else []
        found: dict[str, Delta | str] = {}
        at_work = anyio.CapacityLimiter(FILES_AT_ONCE)

        async def look(file: PlannedFile, donor: str) -> None:
            async with at_work:
                found[file.path] = await self._plan_or_reason(file, donor)

        with anyio.move_on_after(PATIENCE_S + sum(file.size for file, _ in files) / PATIENCE_BYTES_PER_S):
            async with anyio.create_task_group() as looking:
                for each in files:
                    looking.start_soon(look, *each)
        return {file.path: found.get(file.path, TOO_SLOW) for file, _ in files}

    def _candidates(self, plan: DownloadPlan) -> list[tuple[PlannedFile, str]]:
        """What may be copied in part, and from where. What is fetched in one request needs no plan."""
        large = [file for file in plan.files if file.to_fetch and not file.fault and file.size > SMALL_FILE_BYTES]
        donors = ((file, find_donor(file.path, self._entry.checksums, plan.removed)) for file in large)
        return [(file, donor) for file, donor in donors if donor and file.kept_bytes < file.size]

    async def _plan_or_reason(self, file: PlannedFile, donor: str) -> Delta | str:
        old_hash = self._entry.xet_hashes.get(donor)
        if file.xet_hash is None:
            return NOT_KNOWN
        if old_hash is None:
            return NOT_KNOWN_OF_OLD
        try:
            delta = await self._plan_file(file, donor, file.xet_hash, old_hash)
        except (HfsvcError, Doubtful) as error:
            told = error.brief() if isinstance(error, TryLater) else error
            logger.debug("%s: no delta: %s", file.path, told)
            return NO_ANSWER
        logger.debug("%s: %d of %d bytes are copied", file.path, delta.copied_bytes if delta else 0, file.size)
        return delta or TOO_LITTLE

    async def _plan_file(self, file: PlannedFile, donor: str, new_hash: str, old_hash: str) -> Delta | None:
        new = await self._new.terms(new_hash, file.size)
        storage, old = await self._old_terms(old_hash, self._entry.sizes[donor])
        async with self._large if len(old) + len(new) > MANY_TERMS else nullcontext():
            shared = await to_thread.run_sync(SharedChunks, old, new)
            await _find_places(shared, (storage, old_hash), (self._new, new_hash))
            copies = await to_thread.run_sync(shared.copies)
        return Delta(donor=donor, copies=tuple(copies)) if copies else None

    async def _old_terms(self, old_hash: str, size: int) -> tuple[XetStorage, list[ContentTerm]]:
        """Who told the terms of the version on disk: a token of the new commit opens it, or one of its own."""
        if self._new_opens_old:
            try:
                return self._new, await self._new.terms(old_hash, size)
            except TryLater as error:
                if error.status not in {401, 403, 404}:
                    raise
        terms = await self._old.terms(old_hash, size)
        self._new_opens_old = False
        return self._old, terms


async def _find_places(shared: SharedChunks, old: tuple[XetStorage, str], new: tuple[XetStorage, str]) -> None:
    """Ask for the places of chunks that matter, of either version where it is told."""
    asked = 0
    while asked < MOST_QUESTIONS:
        most = min(QUESTIONS_AT_ONCE, MOST_QUESTIONS - asked)
        questions = await to_thread.run_sync(shared.questions, most)
        if not questions:
            break
        answers = await _ask_all([new if each.of_new else old for each in questions], questions)
        await to_thread.run_sync(_learn_all, shared, questions, answers)
        asked += len(questions)


async def _ask_all(asked: Sequence[tuple[XetStorage, str]], questions: Sequence[Question]) -> list[Chunk]:
    answers: dict[int, Chunk] = {}
    failures: list[HfsvcError] = []

    async def ask(number: int) -> None:
        storage, file_hash = asked[number]
        try:
            answers[number] = await storage.chunk_at(file_hash, questions[number].position)
        except HfsvcError as error:
            failures.append(error)

    async with anyio.create_task_group() as asking:
        for number in range(len(questions)):
            asking.start_soon(ask, number)
    if failures:
        raise failures[0]
    return [answers[number] for number in range(len(questions))]


def _learn_all(shared: SharedChunks, questions: Sequence[Question], answers: Sequence[Chunk]) -> None:
    for question, answer in zip(questions, answers, strict=True):
        shared.learn(question, answer)
