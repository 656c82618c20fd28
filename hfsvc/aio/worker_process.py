"""A worker process: a child that makes calls for its parent, one after the other, over its pipes.

It starts as a new interpreter that loads no more than what it is asked to call. Unlike the processes of anyio and
multiprocessing it does not run the caller's script again, so that a script needs no guard, and it hears no Ctrl-C: its
parent does, and kills it.
"""

import logging
import os
import pickle
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from logging.handlers import QueueHandler
from typing import Any, BinaryIO, TypeVar

import anyio
from anyio.abc import ByteReceiveStream, ByteSendStream, Process
from anyio.streams.buffered import BufferedByteReceiveStream

J = TypeVar("J")
R = TypeVar("R")
_LENGTH_BYTES = 8
_GONE = (anyio.EndOfStream, anyio.IncompleteRead, anyio.BrokenResourceError, anyio.ClosedResourceError, OSError)
_CODE = f"import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); from {__name__} import serve; serve()"


class WorkerDied(Exception):
    """A worker process ended in the middle of a call.

    Attributes:
        code: What it ended with; below 0 the number of the signal that ended it.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"a worker process ended with {code}")
        self.code = code


class WorkerProcess:
    """The parent's side of a worker.

    Args:
        process: As `start_worker` starts it.
    """

    def __init__(self, process: Process, requests: ByteSendStream, answers: ByteReceiveStream) -> None:
        self._process = process
        self._requests = requests
        self._answers = BufferedByteReceiveStream(answers)

    async def call(self, work: Callable[[J], R], job: J) -> R:
        """What `work` gives or raises there; what it logs is logged here. Where it is cancelled, the worker is good for nothing.

        Raises:
            WorkerDied: The worker did.
        """
        request = pickle.dumps((work, job), pickle.HIGHEST_PROTOCOL)
        try:
            await self._requests.send(request)
            size = int.from_bytes(await self._answers.receive_exactly(_LENGTH_BYTES))
            answer = await self._answers.receive_exactly(size)
        except _GONE as error:
            raise WorkerDied(await self._process.wait()) from error
        value, failure, records = pickle.loads(answer)
        for record in records:
            _log(record)
        if failure is not None:
            raise failure
        found: R = value
        return found

    async def aclose(self) -> None:
        """Kill it, and wait for its end."""
        with anyio.CancelScope(shield=True):
            if self._process.returncode is None:
                self._process.kill()
            await self._process.aclose()


async def start_worker() -> WorkerProcess:
    """A new worker."""
    # In a session of its own, since Ctrl-C goes to all processes of a terminal's.
    process = await anyio.open_process(
        [sys.executable, "-c", _CODE], stdin=subprocess.PIPE, stderr=None, start_new_session=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    worker = WorkerProcess(process, process.stdin, process.stdout)
    try:
        await process.stdin.send(pickle.dumps(sys.path))
    except _GONE:
        # The first call says so.
        pass
    except BaseException:
        await worker.aclose()
        raise
    return worker


def _log(record: logging.LogRecord) -> None:
    logger = logging.getLogger(record.name)
    if logger.isEnabledFor(record.levelno):
        logger.handle(record)


# ---- the worker's side ----------------------------------------------------------------------------------------------


class _Records(QueueHandler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        self._kept: list[logging.LogRecord] = []
        super().__init__(self._kept)  # type: ignore[arg-type]

    def enqueue(self, record: logging.LogRecord) -> None:
        self._kept.append(record)

    def taken(self) -> list[logging.LogRecord]:
        """What was logged since the last time."""
        found, self._kept = self._kept, []
        return found


def serve() -> None:
    """Make calls until the parent has no more, or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests, answers = sys.stdin.buffer, _own_output()
    records = _Records()
    logging.getLogger().addHandler(records)
    logging.captureWarnings(capture=True)
    while True:
        try:
            answer = _answer(requests, records)
            answers.write(len(answer).to_bytes(_LENGTH_BYTES) + answer)
            answers.flush()
        except (EOFError, BrokenPipeError):
            return


def _own_output() -> BinaryIO:
    """The pipe to the parent; what anybody prints goes to stderr instead."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # A caller may have closed its own stderr.
    os.dup2(sys.stderr.fileno() if sys.stderr else os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return answers


def _answer(requests: BinaryIO, records: _Records) -> bytes:
    work, job = pickle.load(requests)
    value: Any = None
    failure: Exception | None = None
    try:
        value = work(job)
    except Exception as error:
        failure = _portable(error)
    return pickle.dumps((value, failure, records.taken()), pickle.HIGHEST_PROTOCOL)


def _portable(error: Exception) -> Exception:
    """An error that the parent can have: itself with its trace as a note, or one that says the same."""
    error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError("\n".join(error.__notes__))
    return error
