"""A dataset that means harm: everything in it that a page could take for more than text."""

from pathlib import Path
from typing import Any

from hfsvc.testing.samples import rows_table

HURT = "window.hurt=1"
ELSEWHERE = "http://elsewhere.invalid"
SCRIPT = f"<script>{HURT};alert(1);fetch('{ELSEWHERE}/a')</script>"
IMAGE = f"<img src=x onerror=\"{HURT};alert(2)\"><img src='{ELSEWHERE}/b.png'>"
CLOSER = f"</script></div></pre>--><svg onload={HURT}><style>*{{display:none}}</style><base href={ELSEWHERE}>"
LINK = f'[click](javascript:{HURT}) javascript:{HURT} <a href="javascript:{HURT}">click</a> data:text/html,{SCRIPT}'
TEMPLATE = "{{constructor.constructor('window.hurt=1')()}} ${window.hurt=1} %3Cscript%3E"
BIDI = "user \u202egnp.exe\u202c \u2066isolated\u2069 zero\u200bwidth \U000e0041tag \ufeffend"
ANSI = "\x1b[31mred\x1b[0m \x1b[2J\x1b[H \x1b]8;;javascript:window.hurt=1\x07click\x1b]8;;\x07 \x07\x08\x00bell"
ZALGO = "h" + "\u0301\u0327" * 500 + "i"
CALL = (
    '<tool_call>{"name": "<script>window.hurt=1</script>", '
    '"arguments": {"<img src=x onerror=window.hurt=1>": "javascript:window.hurt=1", "__proto__": {"hurt": 1}}}</tool_call>'
)
ALL = "\n".join((SCRIPT, IMAGE, CLOSER, LINK, TEMPLATE, BIDI, ANSI, ZALGO))
LONG_STEPS = 1700
LARGE_CHARACTERS = 5 << 20


def message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def row(conversations: list[dict[str, str]], task: str, **others: Any) -> dict[str, Any]:
    common = {"agent": IMAGE, "model": SCRIPT, "model_provider": LINK, "date": CLOSER, "episode": BIDI, "run_id": LINK}
    return {"conversations": conversations, "task": task, "trial_name": f"{task}/%2F?#&'\"", **common, **others}


def hostile_rows() -> list[dict[str, Any]]:
    """Tricks in every field; a message of 5 MB on one line and one of many lines; 1,700 steps."""
    tricks = [message("user", ALL), message("assistant", f"{CALL}\n{ALL}"), message("user", ALL), message(SCRIPT, ALL)]
    large = [
        message("user", "x" * LARGE_CHARACTERS),
        message("assistant", "line\x1b \u202e\n" * (LARGE_CHARACTERS // 8)),
    ]
    roles = ("user", "assistant")
    long = [message(roles[number % 2], f"turn {number + 1} {IMAGE}") for number in range(LONG_STEPS)]
    return [
        row(tricks, IMAGE),
        row(large, f"{SCRIPT}\n\t{LINK}"[:190]),
        row(long, f"{BIDI} long"),
        row(tricks, "x" * 10_000),
    ]


def write_hostile_rows(path: Path) -> None:
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True)
    pq.write_table(rows_table(hostile_rows()), path)
