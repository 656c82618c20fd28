"""ATIF documents for comparing two judges: a few rich valid ones, and everything that can be done to them."""

import copy
import json
import random
import textwrap
from collections.abc import Iterator
from itertools import islice
from pathlib import Path as File
from typing import Any

Json = Any
Path = tuple[str | int, ...]

STEP_AGENT: Json = {
    "step_id": 2,
    "timestamp": "2026-01-05T09:30:02.5Z",
    "source": "agent",
    "model_name": "example/model-b",
    "reasoning_effort": "low",
    "message": "Let me count.",
    "reasoning_content": "wc -l does that.",
    "tool_calls": [
        {"tool_call_id": "c1", "function_name": "bash", "arguments": {"command": "wc"}, "extra": {"timeout_s": 5}},
        {"tool_call_id": "c2", "function_name": "done", "arguments": {}},
    ],
    "observation": {
        "results": [
            {"source_call_id": "c1", "content": "3 a.txt", "extra": {"exit_code": 0}},
            {
                "source_call_id": "c2",
                "content": [
                    {"type": "text", "text": "chart"},
                    {"type": "image", "source": {"media_type": "image/png", "path": "images/1.png"}},
                ],
            },
            {
                "subagent_trajectory_ref": [
                    {"trajectory_id": "sub-1", "session_id": "s", "extra": {"summary": "ok"}},
                    {"trajectory_path": "other.json"},
                ]
            },
            {},
        ]
    },
    "metrics": {
        "prompt_tokens": 40,
        "completion_tokens": 3,
        "cached_tokens": 32,
        "cost_usd": 0.0004,
        "prompt_token_ids": [1, 2],
        "completion_token_ids": [11, 7, 2],
        "logprobs": [-0.1, -0.02, -0.5],
        "extra": {"reasoning_tokens": 1},
    },
    "is_copied_context": False,
    "llm_call_count": 1,
    "extra": {"k": [1, None, {"a": 1.5}]},
}
STEP_USER: Json = {
    "step_id": 1,
    "timestamp": "2026-01-05T09:30:00+00:00",
    "source": "user",
    "message": [
        {"type": "text", "text": "What is said here?"},
        {"type": "audio", "source": {"media_type": "audio/wav", "path": "audio/q.wav", "duration_sec": 2.4}},
        {"type": "image", "source": {"media_type": "image/webp", "path": "https://example.org/p.webp"}},
    ],
    "is_copied_context": True,
}
STEP_DISPATCH: Json = {
    "step_id": 3,
    "source": "agent",
    "message": "",
    "tool_calls": [{"tool_call_id": "r", "function_name": "dispatch", "arguments": {"to": "tester"}}],
    "observation": {"results": [{"source_call_id": "r", "content": "queued"}]},
    "llm_call_count": 0,
}
STEP_SYSTEM: Json = {
    "step_id": 4,
    "source": "system",
    "message": "compacted",
    "observation": {"results": [{"content": "So far: fine."}]},
    "extra": {"context_management": {"type": "compaction"}},
}
FULL: dict[str, Json] = {
    "schema_version": "ATIF-v1.8",
    "session_id": "run-42",
    "trajectory_id": "main",
    "agent": {
        "name": "demo",
        "version": "1",
        "model_name": "m",
        "tool_definitions": [{"type": "function", "function": {"name": "wc"}}],
        "extra": {"temperature": 0.2},
    },
    "steps": [STEP_USER, STEP_AGENT, STEP_DISPATCH, STEP_SYSTEM],
    "notes": "n",
    "final_metrics": {
        "total_prompt_tokens": 80,
        "total_completion_tokens": 9,
        "total_cached_tokens": 32,
        "total_cost_usd": 0.001,
        "total_steps": 4,
        "extra": {},
    },
    "continued_trajectory_ref": "next.json",
    "extra": {"suite": "demo"},
    "subagent_trajectories": [
        {
            "schema_version": "ATIF-v1.7",
            "trajectory_id": "sub-1",
            "agent": {"name": "r", "version": "1"},
            "steps": [{"step_id": 1, "source": "user", "message": "review"}],
        },
        {
            "trajectory_id": "sub-2",
            "agent": {"name": "r", "version": "1"},
            "steps": [{"step_id": 1, "source": "agent", "message": "fine"}],
        },
    ],
}
SMALL: dict[str, Json] = {
    "schema_version": "ATIF-v1.4",
    "session_id": "s",
    "agent": {"name": "a", "version": "1"},
    "steps": [{"step_id": 1, "source": "user", "message": "go"}],
}

VALUES: tuple[Json, ...] = (
    None, True, False, 0, 1, 2, -1, 5, 10**30, -(10**30), 2**63, 1.0, 0.0, -0.0, 2.0, 1.5, -1.5, 1e18, 1e19, 1e30, 1e308,
    float("nan"), float("inf"), float("-inf"), "", " ", "0", "1", "2", "-1", "1.0", "2.0", "1.5", " 1 ", "+1", "01", "1_0",
    "1e2", "nan", "inf", "-Infinity", "yes", "on", "Off", "T", "false", "null", "text", "user", "agent", "system", "image",
    "audio", "text/plain", "image/png", "IMAGE/PNG", "audio/mp3", " Audio/X-WAV ", "ATIF-v1.0", "ATIF-v1.9", "atif-v1.4",
    "c1", "c2", "sub-1", "main", "2025-10-11", "2025-10-11T10:30:00z", "\ud800", "\u00e9\U0001f600", "x\x00y",
    [], {}, [None], [1], ["1"], ["a"], [1.5], [True], [[]], [{}], {"a": 1}, {"type": "text", "text": "x"},
    [{"type": "text", "text": "x"}], [{"type": "text"}], [{"type": "text", "text": "x", "source": None}],
    [{"type": "image", "text": None, "source": {"media_type": "image/gif", "path": ""}}],
    [{"type": "image", "source": {"media_type": "image/gif", "path": "p", "duration_sec": None}}],
    [{"type": "image", "source": {"media_type": "audio/wav", "path": "p"}}],
    [{"type": "audio", "source": {"media_type": "AUDIO/M4A\t", "path": "p", "duration_sec": "3"}}],
    [{"type": "audio", "source": {"media_type": "image/png", "path": "p"}}],
    [{"type": "audio", "text": "", "source": {"media_type": "audio/ogg", "path": "p"}}],
    {"results": []}, {"results": None}, {"results": [{"source_call_id": "c1"}]}, {"prompt_tokens": "7"},
    [{"tool_call_id": "c1", "function_name": "f", "arguments": {}}], [{"trajectory_id": ""}], [{"session_id": "s"}],
)  # fmt: skip

TIMES = (
    "2025-10-11T10:30:00Z", "2025-10-11T10:30:00+00:00", "2025-10-11T10:30:00+0530", "2025-10-11T10:30:00.123456Z",
    "2025-10-11T10:30:00.1234567Z", "2025-10-11T10:30:00", "2025-10-11 10:30:00", "2025-10-11T10:30Z", "2025-10-11",
    "20251011T103000Z", "2025-W41-6", "2025-10-11T10:30:00z", "2025-10-11T24:00:00", "2025-13-11T10:30:00", "", "yesterday",
    "1760178600", "2025-10-11T10:30:00,5-03", "2025-10-11T10", "2025-W41", "2024-02-30", "2025-10-11T10:30:00+24:00",
    "0001-01-01T00:00:00+23:59", "2025-10-11T10:30:60", "2025-10-11T10:30:00ZZ", "Z", "2025-10-11Z", "2025W416T10",
)  # fmt: skip

NUMBERS = (
    "1_", "_1", "1__0", "1.00", "1.", "--1", "+-1", "- 1", "00", "-0", "+0", "0_1", "0x1", ".0", "0.0", "+1.0", "1.0_0", "1_0.0",
    "\uff11", "1,0", "0-1", "0_-1", "0-_1", "+0-1", "-0-1", "0-01", "0-1.0", "00_", "0_.0", "0_0.0", "0__0", "1\n", "\x1c1",
    "1\x1f", "\u00a01", "1\u2003", "\u200b1", "\u30001", "\ufeff1", "1_0_0", "1 0", "9" * 30, "9" * 4300, "9" * 4301, "-" + "9" * 4300,
    "0" * 5000 + "1", "1._0", "1_.0", "1e_2", "1e2_0", "NaN", "+nan", "na_n", "infinity", "infin", "1e400", "-1e400", "1e-400",
    "._5", ".5", "5.", "+.5", ".", "1e", "1e+", "e5", "1E+2", " 1_0", "1f", "0b1", "\u0131nf", "TRUE", " true", "true ", "y", "N", "2",
)  # fmt: skip

TEXTS: tuple[bytes, ...] = (
    b"", b" ", b"null", b"[]", b"1", b'"x"', b"{}", b"{", b"[" * 100_000, b'{"a":' * 100_000, b"\xff", b"NaN", b"{'a': 1}",
    b'{"steps": [], "steps": 1}', b"{}{}", b"{}\n{}", b"\x00", b'{"agent": {}}', b'{"steps": [1]}', b'{"\\ud800": 1}',
)  # fmt: skip


def variants(rng: random.Random, combined: int) -> Iterator[bytes]:
    """Documents in a fixed order: single changes of every kind, changes to the text, then `combined` random mixtures."""
    for base in (FULL, SMALL):
        yield dump(base)
        yield from map(dump, single_changes(base))
    yield from map(dump, scalar_changes(FULL))
    yield from map(dump, special_documents())
    yield from text_changes()
    for base in (FULL, SMALL):
        yield from byte_changes(base, rng, combined // 4)
    yield from (dump(mixture(rng)) for _ in range(combined))


VERDICTS = File(__file__).with_name("harbor_verdicts.txt")
"""What Harbor 0.25.0 says about the recorded documents; tests/peers/record_atif_verdicts.py writes it."""


def recorded() -> Iterator[bytes]:
    """The documents whose verdicts are kept: all changes to the small one, every kind of the others."""
    yield from map(dump, single_changes(SMALL))
    yield from map(dump, islice(single_changes(FULL), 0, None, 7))
    yield from map(dump, scalar_changes(FULL))
    yield from map(dump, special_documents())
    yield from text_changes()


def verdict_text(verdicts: list[bool]) -> str:
    return "\n".join(textwrap.wrap("".join("+" if valid else "." for valid in verdicts), 120)) + "\n"


def dump(document: Json) -> bytes:
    return json.dumps(document).encode()


def places(document: Json, path: Path = ()) -> Iterator[Path]:
    yield path
    items = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in items:
        yield from places(value, (*path, key))


def changed(document: Json, path: Path, value: Json) -> Json:
    """The document with one place replaced."""
    if not path:
        return value
    result = copy.copy(document)
    result[path[0]] = changed(document[path[0]], path[1:], value)
    return result


def at(document: Json, path: Path) -> Json:
    for key in path:
        document = document[key]
    return document


def single_changes(base: Json) -> Iterator[Json]:
    for path in places(base):
        yield from (changed(base, path, value) for value in VALUES)
        yield from (changed(base, path, container) for container in containers(at(base, path)))


def containers(value: Json) -> Iterator[Json]:
    """An object or list with one member less, one more, one twice, or in another order."""
    if isinstance(value, dict):
        members: tuple[Json, ...] = (None, {}, "x")
        yield from ({other: value[other] for other in value if other != key} for key in value)
        yield from (value | {key: member} for key in ("zz", "is_error", "type", "extra") for member in members)
        yield dict(reversed(value.items()))
    if isinstance(value, list) and value:
        yield from (value[1:], value[:-1], value + value[:1], value[::-1], [*value, None])


def scalar_changes(base: Json) -> Iterator[Json]:
    """Every number-like and time-like text on one field of each scalar type."""
    fields: tuple[Path, ...] = (
        ("steps", 1, "step_id"), ("steps", 1, "metrics", "prompt_tokens"), ("steps", 1, "metrics", "cost_usd"),
        ("steps", 1, "reasoning_effort"), ("steps", 1, "is_copied_context"), ("steps", 1, "llm_call_count"),
        ("steps", 0, "message", 1, "source", "duration_sec"), ("steps", 1, "metrics", "logprobs", 0),
        ("steps", 1, "metrics", "completion_token_ids", 0), ("final_metrics", "total_steps"),
    )  # fmt: skip
    for path in fields:
        yield from (changed(base, path, text) for text in NUMBERS)
    yield from (changed(base, ("steps", 1, "timestamp"), text) for text in TIMES)
    yield from (changed(base, ("schema_version",), f"ATIF-v1.{n}") for n in range(12))


def special_documents() -> Iterator[Json]:
    for depth in (1, 3, 20, 300):
        yield nested_subagents(depth)
    for depth in (50, 300):
        yield changed(FULL, ("extra",), {"deep": nested_list(depth)})
    for alias in (
        "mp3",
        "mpga",
        "x-mpeg",
        "x-wav",
        "wave",
        "vnd.wave",
        "x-m4a",
        "m4a",
        "x-aac",
        "x-flac",
        "x-aiff",
        "opus",
    ):
        yield changed(FULL, ("steps", 0, "message", 1, "source", "media_type"), f"audio/{alias}")
    step = STEP_DISPATCH | {"step_id": 1}
    llm_fields: Json = {"metrics": {}, "reasoning_content": "", "model_name": "m", "reasoning_effort": 1}
    empty: tuple[Json, ...] = (None, "", 0, [], {}, {"results": []})
    for field, value in llm_fields.items():
        for count in (0, "0", False, 0.0, 1, None):
            for source in ("agent", "user"):
                yield SMALL | {"steps": [step | {field: value, "llm_call_count": count, "source": source}]}
    for field in ("model_name", "reasoning_effort", "reasoning_content", "tool_calls", "metrics", "observation"):
        for value in empty:
            for source in ("agent", "user", "system"):
                yield SMALL | {"steps": [{"step_id": 1, "source": source, "message": "", field: value}]}


def nested_list(depth: int) -> Json:
    value: Json = 1
    for _ in range(depth):
        value = [value]
    return value


def nested_subagents(depth: int) -> Json:
    document = SMALL | {"trajectory_id": "a"}
    for _ in range(depth):
        document = SMALL | {"trajectory_id": "a", "subagent_trajectories": [document]}
    return document


def text_changes() -> Iterator[bytes]:
    text = dump(SMALL)
    yield from TEXTS
    yield from (b"\xef\xbb\xbf" + text, text.decode().encode("utf-16"), text + b"\n", text + b"x", b"\n\r\t " + text)
    yield text.replace(b'"go"', '"gö😀"'.encode())
    yield text.replace(b'"go"', b'"g\xff"')
    yield text.replace(b'"go"', b'"\xed\xa0\x80"')
    yield text.replace(b'"go"', b'"g\to"')
    yield text.replace(b'"go"', b'"\\ud800\\udc00 \\udc00"')
    yield text.replace(b'"go"', b'"go", "message": 5')
    yield text.replace(b'"go"', b'5, "message": "go"')
    yield text.replace(b'"go"', b'[{"type": "text", "text": "a", "type": "image"}]')
    yield text.replace(b'"go"', b'[{"type": "image", "text": "a", "type": "text"}]')
    for number in (
        b"NaN",
        b"-Infinity",
        b"1e999",
        b"9" * 400,
        b"9" * 4301,
        b"1.0",
        b"1e0",
        b"-0",
        b"01",
        b"1.",
        b"0x1",
    ):
        yield text.replace(b'"step_id": 1', b'"step_id": ' + number)
        yield text.replace(b'"go"', b'"go", "extra": {"n": [' + number + b'], "m": null}')
        yield text.replace(
            b'"user"', b'"agent", "metrics": {"cost_usd": ' + number + b', "logprobs": [' + number + b"]}"
        )
        yield text.replace(b'"user"', b'"agent", "reasoning_effort": ' + number)


def byte_changes(base: Json, rng: random.Random, count: int) -> Iterator[bytes]:
    text = dump(base)
    alphabet = b'{}[]",:\\u0123456789eE+-. \ntrufalsn\xc3\xa9\x00'
    for _ in range(count):
        place = rng.randrange(len(text))
        middle = bytes([rng.choice(alphabet)]) if rng.random() < 0.7 else b""
        yield text[:place] + middle + text[place + rng.choice((0, 1)) :]


def mixture(rng: random.Random) -> Json:
    """Several changes at once, most of them harmless alone, so that rules meet."""
    document = FULL if rng.random() < 0.8 else SMALL
    for _ in range(rng.choice((1, 2, 2, 3, 4))):
        path = rng.choice([place for place in places(document) if place])
        value = at(document, path)
        options = [None, rng.choice(VALUES), *containers(value)]
        if isinstance(value, int | float):
            options += [str(value), float(value) if abs(value) < 1e300 else 1, bool(value)]
        document = changed(document, path, rng.choice(options))
    return document
