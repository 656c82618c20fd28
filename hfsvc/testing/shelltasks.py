"""Small shell tasks and how an agent might go about them: the texts of the sample dataset, all made up here."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any

PROMPT_LINE = "root@box:/app# "
SCREEN_LINES = 40
INSTRUCTIONS = """\
You work in a Linux terminal and solve one task. Everything you type goes into a shell that keeps running, and after
each answer you are shown what appeared on its screen.

Answer with one JSON object and nothing else:

{
  "analysis": "what the screen shows and what is still missing",
  "plan": "what you do next, and why",
  "commands": [
    {"keystrokes": "ls -la\\n", "duration": 0.1}
  ],
  "task_complete": false
}

- "keystrokes" are typed as they are: end a command with a line feed, or nothing runs.
- "duration" is the number of seconds to wait before the screen is read. Quick commands need 0.1, a build may need 30.
- An empty list of commands waits.
- Set "task_complete" to true when the task is done. You are asked once more before it is graded.
"""
CONFIRM = """\
Current terminal state:
{screen}

Are you sure you want to mark the task as complete? It will be graded as it is now. If so, answer with
"task_complete": true again.
"""


@dataclass(frozen=True, slots=True)
class ShellTurn:
    """One answer of the agent and what the terminal shows after it. `commands` are lines without the line feed."""

    analysis: str
    plan: str
    commands: tuple[str, ...]
    output: str


@dataclass(frozen=True, slots=True)
class ShellTask:
    """A task in words, and the turns that solve it."""

    family: str
    description: str
    turns: tuple[ShellTurn, ...]


def _listing(rng: Random, folder: str, suffix: str, count: int) -> list[tuple[str, int]]:
    return [(f"{folder}/{rng.randbytes(4).hex()}{suffix}", rng.randrange(200, 900_000)) for _ in range(count)]


def _find_large(rng: Random) -> ShellTask:
    limit = rng.choice((10, 50, 100, 250))
    files = sorted(_listing(rng, "/srv/data", rng.choice((".dat", ".img", ".log")), rng.randrange(40, 120)))
    shown = "\n".join(f"{size:>9} {name}" for name, size in files)
    large = [name for name, size in files if size > limit * 1000]
    return ShellTask(
        "task",
        f"Write the names of all files below /srv/data that are larger than {limit} kB to /app/large.txt, sorted.",
        (
            ShellTurn(
                "Nothing is known yet.",
                "Look at what is there.",
                ("find /srv/data -type f -printf '%9s %p\\n'",),
                shown,
            ),
            ShellTurn(
                f"{len(files)} files, and {len(large)} of them are above the limit.",
                "Let find select them, and sort by name.",
                (f"find /srv/data -type f -size +{limit}000c | sort > /app/large.txt", "cat /app/large.txt"),
                "\n".join(large),
            ),
        ),
    )


def _checksums(rng: Random) -> ShellTask:
    files = sorted(name for name, _ in _listing(rng, "/app/release", ".tar", rng.randrange(50, 120)))
    sums = [f"{rng.randbytes(32).hex()}  {name}" for name in files]
    broken = rng.choice(files)
    verdicts = "\n".join(f"{name}: {'FAILED' if name == broken else 'OK'}" for name in files)
    return ShellTask(
        "task",
        "One archive in /app/release does not fit SHA256SUMS. Write its name to /app/broken.txt.",
        (
            ShellTurn("The list of checksums comes first.", "Read it.", ("cat /app/SHA256SUMS",), "\n".join(sums)),
            ShellTurn(
                "All archives are listed.", "Let sha256sum compare.", ("sha256sum -c /app/SHA256SUMS",), verdicts
            ),
            ShellTurn(
                f"Only {broken} fails.",
                "Write it down.",
                (f"echo {broken} > /app/broken.txt",),
                "",
            ),
        ),
    )


def _count_errors(rng: Random) -> ShellTask:
    codes = [rng.choice((200, 200, 301, 404, 404, 500, 503)) for _ in range(rng.randrange(80, 180))]
    lines = [
        f"10.0.{rng.randrange(256)}.{rng.randrange(256)} - [{rng.randbytes(8).hex()}] "
        f'"GET /item/{rng.randrange(10_000)} HTTP/1.1" {code} {rng.randrange(9_000)}'
        for code in codes
    ]
    totals = "\n".join(f"{codes.count(code):>7} {code}" for code in sorted(set(codes)))
    count = "awk '{print $(NF-1)}' /var/log/web.log | sort | uniq -c"
    return ShellTask(
        "task",
        "Count the status codes in /var/log/web.log and write one line for each, count and code, to /app/codes.txt.",
        (
            ShellTurn(
                "The format of the log is not known.", "Look at it.", ("cat /var/log/web.log",), "\n".join(lines)
            ),
            ShellTurn(
                "The status is the last field but one.",
                "Count it.",
                (f"{count} > /app/codes.txt", "cat /app/codes.txt"),
                totals,
            ),
        ),
    )


def _rename(rng: Random) -> ShellTask:
    names = sorted(f"IMG {rng.randbytes(5).hex()} ({number}).JPG" for number in range(rng.randrange(40, 100)))
    fixed = [name.lower().replace(" ", "_").replace("(", "").replace(")", "") for name in names]
    loop = 'for f in *; do n=$(echo "$f" | tr "A-Z " "a-z_" | tr -d "()"); mv -- "$f" "$n"; done'
    return ShellTask(
        "task",
        "Give the pictures in /app/pictures names without blanks, brackets and capitals.",
        (
            ShellTurn("The names must be seen first.", "List them.", ("cd /app/pictures", "ls -1"), "\n".join(names)),
            ShellTurn("Blanks become underscores, brackets go.", "Rename in a loop.", (loop,), ""),
            ShellTurn("The loop said nothing, which is good.", "Check the names.", ("ls -1",), "\n".join(fixed)),
        ),
    )


def _sort_table(rng: Random) -> ShellTask:
    rows = [
        f"{rng.randrange(100_000)},{rng.randbytes(6).hex()},{rng.random():.4f}" for _ in range(rng.randrange(80, 180))
    ]
    ordered = sorted(rows, key=lambda row: int(row.split(",")[0]))
    sort = "(head -1 table.csv; tail -n +2 table.csv | sort -t, -k1,1n) > sorted.csv"
    return ShellTask(
        "task",
        "Sort /app/table.csv by its first column, as numbers, keep the header, and write it to /app/sorted.csv.",
        (
            ShellTurn(
                "The table may have a header.", "Print it.", ("cat table.csv",), "\n".join(["id,key,score", *rows])
            ),
            ShellTurn("It has one.", "Sort the rest.", (sort, "cat sorted.csv"), "\n".join(["id,key,score", *ordered])),
        ),
    )


def _null_check(rng: Random) -> ShellTask:
    name = f"Order{rng.randrange(1000)}Service"
    fields = [f"    private readonly int _slot{rng.randbytes(4).hex()};" for _ in range(rng.randrange(60, 140))]
    source = "\n".join([
        f"public class {name}",
        "{",
        *fields,
        "    public string Label(Order order) => order.Customer.Name;",
        "}",
    ])
    fixed = '    public string Label(Order order) => order?.Customer?.Name ?? "";'
    fix = f"sed -i 's/order.Customer.Name/order?.Customer?.Name ?? \"\"/' src/{name}.cs"
    return ShellTask(
        "inferredbugs",
        f"A check reports that `Label` in src/{name}.cs may read a null customer. Repair it.",
        (
            ShellTurn("The source comes first.", "Read the file.", (f"cat src/{name}.cs",), source),
            ShellTurn(
                "`order` and its customer may both be null.", "Guard both.", (fix, f"grep Label src/{name}.cs"), fixed
            ),
            ShellTurn(
                "The guard is in place.", "Build it.", ("dotnet build --nologo",), "Build succeeded.\n    0 Error(s)"
            ),
        ),
    )


def _look_around(rng: Random) -> ShellTurn:
    """A turn that brings the task no further, as agents take them."""
    unit = rng.choice(("cron", "nginx", "sshd", "backup"))
    lines = [
        f"Nov 12 22:{number // 60:02}:{number % 60:02} box {unit}[{rng.randrange(100, 9999)}]: "
        f"{rng.choice(('started', 'finished', 'retried'))} job {rng.randbytes(16).hex()}"
        for number in range(rng.randrange(30, 90))
    ]
    return ShellTurn(
        f"Something else may touch these files; {unit} is a candidate.",
        "Look at its log before going on.",
        (f"journalctl -u {unit} --no-pager",),
        "\n".join(lines),
    )


KINDS: tuple[Callable[[Random], ShellTask], ...] = (
    _find_large,
    _checksums,
    _count_errors,
    _rename,
    _sort_table,
    _null_check,
)


def make_task(rng: Random) -> ShellTask:
    """A task of any kind, at times with detours; the same generator state gives the same task."""
    task = rng.choice(KINDS)(rng)
    detours = tuple(_look_around(rng) for _ in range(rng.choice((0, 0, 1, 2, 3, 5, 8))))
    return replace(task, turns=(task.turns[0], *detours, *task.turns[1:]))


def conversation(task: ShellTask, rng: Random) -> list[dict[str, str]]:
    """The messages of one attempt: user and assistant in turns, the assistant last, completion told twice."""
    messages = [_message("user", _opening(task))]
    for turn in task.turns:
        messages.append(_message("assistant", _answer(turn, rng)))
        messages.append(_message("user", _screen(turn, rng)))
    done = ShellTurn("The task is solved and checked.", "Nothing is left to do.", (), "")
    messages.append(_message("assistant", _answer(done, rng, complete=True)))
    messages.append(_message("user", CONFIRM.format(screen=PROMPT_LINE)))
    closing = f"Let me look back: {task.turns[-1].analysis}\n" if rng.random() < 0.3 else ""
    messages.append(_message("assistant", closing + _answer(done, rng, complete=True)))
    return messages


def _message(role: str, content: str) -> dict[str, str]:
    return {"content": content, "role": role}


def _opening(task: ShellTask) -> str:
    screen = PROMPT_LINE + "\n" * SCREEN_LINES
    return (
        f"{INSTRUCTIONS}\nTask Description:\n{task.description}\n\n"
        f"Current terminal state:\nCurrent Terminal Screen:\n{screen}"
    )


def _answer(turn: ShellTurn, rng: Random, *, complete: bool = False) -> str:
    commands = [{"keystrokes": f"{line}\n", "duration": rng.choice((0.1, 0.5, 1.0))} for line in turn.commands]
    answer: dict[str, Any] = {"analysis": turn.analysis, "plan": turn.plan, "commands": commands}
    if complete:
        answer["task_complete"] = True
    return "\n" + json.dumps(answer, indent=2)


def _screen(turn: ShellTurn, rng: Random) -> str:
    warned = (
        "Previous response had warnings:\nWARNINGS: - Extra text before the JSON object\n\n"
        if rng.random() < 0.1
        else ""
    )
    echo = f"{PROMPT_LINE}{turn.commands[0] if turn.commands else ''}\n{turn.output}\n{PROMPT_LINE}"
    return f"{warned}New Terminal Output:\n{echo}" + "\n" * rng.randrange(SCREEN_LINES)
