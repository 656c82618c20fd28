"""Commands that messages name, as they work when they are pasted."""

import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from hfsvc.cli.commands import COMMANDS
from hfsvc.cli.options import Options

# What a command that is to do the same as this one must be given too.
_KEPT = ("--root", "--endpoint")
# Of those that there are: sentences speak of the program, too.
_COMMAND = re.compile(rf"(?<![\w./-])hfsvc ({'|'.join(COMMANDS)})\b")


def pasteable(text: str, options: Options) -> str:
    """A text whose commands do what they say for somebody who has just typed a command with these options."""
    given = [("--root", options.root), ("--endpoint", options.endpoint)]
    return _completed(text, [f"{name} {shlex.quote(str(value))}" for name, value in given if value])


def pasteable_after(text: str, argv: Sequence[str]) -> str:
    """The same, for a command whose options may not have been understood."""
    return _completed(text, [*_given(argv)])


def _given(argv: Sequence[str]) -> Iterator[str]:
    for each, after in zip(argv, [*argv[1:], ""], strict=True):
        name, is_one, value = each.partition("=")
        if name in _KEPT and (is_one or after):
            yield f"{name} {shlex.quote(value if is_one else after)}"


def _completed(text: str, options: Sequence[str]) -> str:
    added = "".join(f" {each}" for each in options)
    return _COMMAND.sub(lambda found: f"{program()} {found[1]}{added}", text)


def program() -> str:
    """How this program is called from here: as it was, where no search path leads to it."""
    called = Path(sys.argv[0])
    found = shutil.which("hfsvc")
    if (called.parent.name, called.name) == ("hfsvc", "__main__.py"):
        return f"{shlex.quote(_shown(Path(sys.executable)))} -m hfsvc"
    if called.name != "hfsvc" or (found and called.exists() and called.samefile(found)):
        return "hfsvc"
    return shlex.quote(_shown(called))


def _shown(path: Path) -> str:
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except (ValueError, OSError):
        # It lies elsewhere, or the working folder is gone.
        return str(path)
