"""The planner of deltas: asks the storage of chunks what changed files share with their versions on disk.

Whatever is doubtful leaves a file as it would be without: fetched whole.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from typing import Final

import anyio
import msgspec
from anyio import to_thread

from hfsvc.datasets.deltas import Question, SharedChunks
from hfsvc.datasets.donors import Donors
from hfsvc.datasets.shared_runs import Doubtful
from hfsvc.errors import HfsvcError, TryLater
from hfsvc.hub.client import HubClient
from hfsvc.hub.reconstruction import Chunk, ContentTerm
from hfsvc.hub.xet import XetStorage, may_ask_storage
from hfsvc.models import Delta, DownloadPlan, PlannedFile, RemoteDataset
from hfsvc.secret import Secret
from hfsvc.settings import Settings
from hfsvc.store.inventory import RecordedVersions
from hfsvc.transfer.part_folder import SMALL_FILE_BYTES

logger = logging.getLogger(__name__)
MOST_QUESTIONS: Final = 100
QUESTIONS_AT_ONCE: Final = 8
FILES_AT_ONCE: Final = 8
# Those of a file with more take as much memory as thousands of others: one such file at a time.
MANY_TERMS: Final = 10_000
# Where so much of a file is found, nothing more is looked for in other ones.
ENOUGH_SHARED: Final = 0.9
# What planning may take: a download that is quick without it should not wait for it.
PATIENCE_S: Final = 20.0
PATIENCE_BYTES_PER_S: Final = 64 << 20

TURNED_OFF = "the setting deltas is off"
NOT_ALLOWED = "behind a mirror no storage of chunks is asked that the setting delta_storage does not name"
NOT_KNOWN = "the Hub tells no chunks of it"
NOT_KNOWN_OF_OLD = "no chunks were told of the version on disk"
TOO_LITTLE = "it shares too little with the version on disk"
NO_ANSWER = "the storage of chunks gave no answer that can be used"
TOO_SLOW = "the storage of chunks is too slow"

Teller = tuple[XetStorage, str]
"""Who tells of a file, and by which hash."""


class DeltaPlanner:
    """Finds out what is copied of the files of one update.

    Args:
        hub: Knows the storage.
        settings: Say whether deltas are wanted, and whom may be asked.
        remote: The dataset at its new commit.
        versions: What is on disk; its files are what they are recorded as.
        token: For the Hub.
    """

    def __init__(
        self,
        hub: HubClient,
        settings: Settings,
        remote: RemoteDataset,
        versions: RecordedVersions,
        token: Secret | None,
    ) -> None:
        self._entry = entry = versions.entry
        self._folder = versions.folder
        may_ask = may_ask_storage(hub.endpoint, settings.delta_storage)
        self._unasked = None if settings.deltas and may_ask else NOT_ALLOWED if settings.deltas else TURNED_OFF
        self._new = hub.storage(remote, token=token, allowed=settings.delta_storage)
        self._old = hub.storage(entry.remote(), token=token, allowed=settings.delta_storage)
        self._new_opens_old = True
        self._large = anyio.Lock()

    async def plan(self, plan: DownloadPlan, listed: Collection[str]) -> Mapping[str, Delta | str]:
        """For files of which other versions are on disk: what is copied of them, or why nothing is.

        Args:
            plan: Of the download.
            listed: All paths of the new commit.
        """
        files = await to_thread.run_sync(self._candidates, plan, listed)
        if self._unasked:
            return {file.path: self._unasked for file, _ in files}
        found: dict[str, Delta | str] = {}
        at_work = anyio.CapacityLimiter(FILES_AT_ONCE)

        async def look(file: PlannedFile, donors: Sequence[str]) -> None:
            async with at_work:
                found[file.path] = await self._plan_or_reason(file, donors)

        with anyio.move_on_after(PATIENCE_S + sum(file.size for file, _ in files) / PATIENCE_BYTES_PER_S):
            async with anyio.create_task_group() as looking:
                for each in files:
                    looking.start_soon(look, *each)
        return {file.path: found.get(file.path, TOO_SLOW) for file, _ in files}

    def _candidates(self, plan: DownloadPlan, listed: Collection[str]) -> list[tuple[PlannedFile, list[str]]]:
        """What may be copied in part, and from where. What is fetched in one request needs no plan."""
        checksums = self._entry.checksums
        changed = [file.path for file in plan.files if checksums.get(file.path, file.checksum) != file.checksum]
        known = Donors(changed, [path for path in self._entry.files if path not in listed])
        large = [file for file in plan.files if file.to_fetch and not file.fault and file.size > SMALL_FILE_BYTES]
        found = ((file, known.find(file.path)) for file in large if file.kept_bytes < file.size)
        return [(file, donors) for file, donors in found if donors]

    async def _plan_or_reason(self, file: PlannedFile, donors: Sequence[str]) -> Delta | str:
        donors = [each for each in donors if each in self._entry.xet_hashes]
        if file.xet_hash is None:
            return NOT_KNOWN
        if not donors:
            return NOT_KNOWN_OF_OLD
        try:
            delta = await self._plan_file(file, donors, file.xet_hash)
        except (HfsvcError, Doubtful) as error:
            logger.debug("%s: no delta: %s", file.path, _brief(error))
            return NO_ANSWER
        logger.debug("%s: %d of %d bytes are copied", file.path, delta.copied_bytes if delta else 0, file.size)
        return delta or TOO_LITTLE

    async def _plan_file(self, file: PlannedFile, donors: Sequence[str], new_hash: str) -> Delta | None:
        new = await self._new.terms(new_hash, file.size)
        async with self._large if len(new) > MANY_TERMS else nullcontext():
            tellers, shared = await self._compare(file, donors, new)
            await _find_places(shared, tellers | {"": (self._new, new_hash)})
            copies = await to_thread.run_sync(shared.copies)
        found = (msgspec.structs.replace(each, donor=self._folder + each.donor) for each in copies)
        return Delta(copies=tuple(found)) if copies else None

    async def _compare(
        self, file: PlannedFile, donors: Sequence[str], new: Sequence[ContentTerm]
    ) -> tuple[dict[str, Teller], SharedChunks]:
        """What the first donors share with a file, as many of them as are needed, and who tells of each."""
        tellers: dict[str, Teller] = {}
        old: dict[str, Sequence[ContentTerm]] = {}
        shared = SharedChunks({}, ())
        for donor in donors:
            old_hash = self._entry.xet_hashes[donor]
            try:
                storage, old[donor] = await self._old_terms(old_hash, self._entry.sizes[donor])
            except HfsvcError as error:
                if not tellers:
                    raise
                logger.debug("%s: nothing is told of %s: %s", file.path, donor, _brief(error))
                break
            tellers[donor] = storage, old_hash
            shared = await to_thread.run_sync(SharedChunks, old, new)
            if shared.hoped_bytes >= ENOUGH_SHARED * file.size or sum(map(len, old.values())) > MANY_TERMS:
                break
        return tellers, shared

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


def _brief(error: HfsvcError | Doubtful) -> object:
    return error.brief() if isinstance(error, TryLater) else error


async def _find_places(shared: SharedChunks, tellers: Mapping[str, Teller]) -> None:
    """Ask for the places of chunks that matter, in whichever file."""
    asked = 0
    while asked < MOST_QUESTIONS:
        most = min(QUESTIONS_AT_ONCE, MOST_QUESTIONS - asked)
        questions = await to_thread.run_sync(shared.questions, most)
        if not questions:
            break
        answers = await _ask_all([tellers[each.file] for each in questions], questions)
        await to_thread.run_sync(_learn_all, shared, questions, answers)
        asked += len(questions)


async def _ask_all(asked: Sequence[Teller], questions: Sequence[Question]) -> list[Chunk]:
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
