"""Work on many jobs in several processes, whose results come in the order of the jobs."""

import os
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

import anyio
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from hfsvc.aio.cancellation import only_error
from hfsvc.aio.worker_process import WorkerDied, WorkerProcess, start_worker

J = TypeVar("J")
R = TypeVar("R")
AHEAD = 2
"""How many results may wait for the one before them, for each worker."""
TRIES = 2


class JobLost(Exception, Generic[J]):
    """A job whose worker died, and so did the one that was given it next.

    Attributes:
        job: The job.
        code: As `WorkerDied.code`.
    """

    def __init__(self, job: J, code: int) -> None:
        super().__init__(f"two worker processes ended over one job, the last one with {code}")
        self.job = job
        self.code = code


class _Call(Generic[J, R]):
    """A job, and what came of it: a result in a tuple of one, or an error."""

    def __init__(self, job: J) -> None:
        self.job = job
        self.done = anyio.Event()
        self.result: tuple[R] | None = None
        self.error: Exception | None = None

    def value(self) -> R:
        if self.error:
            raise self.error
        assert self.result is not None
        return self.result[0]


@asynccontextmanager
async def ordered_results(
    work: Callable[[J], R], jobs: Iterable[J], *, workers: int
) -> AsyncIterator[AsyncIterator[tuple[J, R]]]:
    """The jobs with their results, in order, made by `workers` processes. At the end of the context they are gone.

    Jobs are taken one at a time, as there is room: at most ``workers * (1 + AHEAD)`` are at work or wait for their turn.
    An error of a job is raised at its turn. A job whose worker dies is done once more.

    Args:
        work: A function that a module has, called in the processes.
        jobs: Can be pickled.
        workers: How many processes.

    Raises:
        JobLost: A job's worker died twice.
    """
    lanes = _Lanes(work, jobs, workers)
    try:
        with lanes.taken:
            async with anyio.create_task_group() as group:
                lanes.start(group)
                yield lanes
                group.cancel_scope.cancel()
    except BaseExceptionGroup as errors:
        raise only_error(errors) from None


def processes_of(workers: int) -> int:
    """How many processes so many workers are: for 0, one for each core that this process may use."""
    if workers:
        return workers
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


class _Lanes(Generic[J, R]):
    def __init__(self, work: Callable[[J], R], jobs: Iterable[J], workers: int) -> None:
        self._work = work
        self._jobs = iter(jobs)
        self._workers = workers
        self._room = anyio.Semaphore(workers * (1 + AHEAD))
        self.taken: MemoryObjectReceiveStream[_Call[J, R]]
        self._send, self.taken = anyio.create_memory_object_stream[_Call[J, R]](float("inf"))

    def start(self, group: TaskGroup) -> None:
        with self._send:
            for _ in range(self._workers):
                group.start_soon(self._lane, self._send.clone())

    def __aiter__(self) -> "_Lanes[J, R]":
        return self

    async def __anext__(self) -> tuple[J, R]:
        call = await self.taken.__anext__()
        await call.done.wait()
        self._room.release()
        return call.job, call.value()

    async def _lane(self, send: MemoryObjectSendStream[_Call[J, R]]) -> None:
        """Do jobs with a worker of its own, one after the other: what follows one is likely to go on where it ended."""
        worker = _RestartedWorker()
        try:
            with send:
                while True:
                    await self._room.acquire()
                    # One after the other: a generator of jobs is never asked twice at once.
                    call = next(map(_Call[J, R], self._jobs), None)
                    if call is None:
                        self._room.release()
                        return
                    send.send_nowait(call)
                    await self._do(call, worker)
        finally:
            await worker.aclose()

    async def _do(self, call: _Call[J, R], worker: "_RestartedWorker") -> None:
        try:
            call.result = (await worker.call(self._work, call.job),)
        except Exception as error:
            call.error = error
        call.done.set()


class _RestartedWorker:
    def __init__(self) -> None:
        self._worker: WorkerProcess | None = None

    async def call(self, work: Callable[[J], R], job: J) -> R:
        """As `WorkerProcess.call`, with another worker where one dies.

        Raises:
            JobLost: The other one did, too.
        """
        code = 0
        for _ in range(TRIES):
            self._worker = self._worker or await start_worker()
            try:
                return await self._worker.call(work, job)
            except WorkerDied as died:
                code = died.code
                await self.aclose()
        raise JobLost(job, code)

    async def aclose(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.aclose()
