"""A process that used the transfer layer ends as it should, with the interpreter's own last steps."""

import asyncio

import pytest

from tests.builders import run_python

RUNS = 3
FAILS = """
import asyncio
import hfsvc
from hfsvc.errors import HfsvcError
from hfsvc.hub import session

async def main():
    # One try: the process ends right behind a failure, while threads may still be about.
    session.UNREACHED_ATTEMPTS = 1
    try:
        await hfsvc.download("acme/notes")
    except HfsvcError:
        print("failed")

asyncio.run(main())
"""


async def test_a_process_ends_well_right_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    children = [run_python(FAILS) for _ in range(RUNS)]
    printed = [await asyncio.to_thread(child.communicate) for child in children]
    assert [out for out, _ in printed] == ["failed\n"] * RUNS
    assert [child.returncode for child in children] == [0] * RUNS
