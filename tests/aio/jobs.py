"""What worker processes of tests are asked to do."""

import logging
import os
import signal
import sys
import warnings
from pathlib import Path
from typing import NamedTuple

logger = logging.getLogger(__name__)


class Killing(NamedTuple):
    """A job that kills its worker while so many files are not there yet; each time it makes one."""

    folder: Path
    times: int


class Unportable(Exception):
    """An error that cannot be made again from what it was pickled as."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(one + other)


def double(number: int) -> int:
    return number * 2


def after(file: Path) -> str:
    """Ends as soon as a file is there; a name that begins with ``make`` makes the one without it."""
    if file.name.startswith("make"):
        file.with_name(file.name.removeprefix("make")).touch()
        return file.name
    while not file.exists():
        pass
    return file.name


def divide(number: int) -> float:
    return 1 / number


def fail_unportably(_: int) -> None:
    raise Unportable("a", "b")


def kill(job: Killing) -> str:
    for time in range(job.times):
        marker = job.folder / str(time)
        if not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def forever(started: Path) -> None:
    started.touch()
    while True:
        signal.pause()


def say(text: str) -> str:
    sys.stdout.write(text)
    logger.warning("%s was said", text)
    warnings.warn(f"{text} again", stacklevel=1)
    return text


def interrupted(_: int) -> str:
    os.kill(os.getpid(), signal.SIGINT)
    return "it goes on"


def modules_loaded(_: int) -> set[str]:
    return {name.partition(".")[0] for name in sys.modules}
