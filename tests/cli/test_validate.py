"""``hfsvc validate``: what it says about documents in files, lines, arrays, folders and stdin, and how it ends."""

import gzip
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ..processes.children import children_of, needs_proc, until_found
from .command import RUN, WAIT_S, Command, finish
from .terminal import open_terminal

# Read here: tests see none of it.
REAL = os.environ.get("HFSVC_TEST_DATA", "")
STEP: dict[str, Any] = {"step_id": 1, "source": "user", "message": "hello"}
GOOD: dict[str, Any] = {"schema_version": "ATIF-v1.7", "agent": {"name": "a", "version": "1"}, "steps": [STEP]}
BAD: dict[str, Any] = GOOD | {"agent": {"name": "a", "version": 1}}
ODD: dict[str, Any] = GOOD | {"final_metrics": {"total_steps": 5}}
PICTURE = {"type": "image", "source": {"media_type": "image/png", "path": "images/1.png"}}
SEEN: dict[str, Any] = GOOD | {"steps": [STEP | {"message": [PICTURE]}]}


@pytest.fixture
def hfsvc(work: Path, environment: dict[str, str], capsys: pytest.CaptureFixture[str]) -> Command:
    """The command, in an empty folder, without a Hub."""
    return Command(environment, capsys)


def write(path: str, *documents: Any) -> None:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(map(json.dumps, documents)))


def test_a_valid_document(hfsvc: Command) -> None:
    write("a.json", GOOD)
    ended = hfsvc.succeeds("validate", "a.json")
    assert not ended.out
    assert ended.err == "1 document in 1 file: 1 valid, 0 invalid\n"


def test_a_finding_says_where_what_and_what_mends_it(hfsvc: Command) -> None:
    write("a.json", BAD)
    ended = hfsvc("validate", "a.json")
    assert ended.code == 6
    assert ended.out == (
        "a.json: error: $.agent.version: expected a string, found the number 1 "
        "(write the version as a string, unknown if it is not known) [wrong_type]\n"
    )
    assert ended.err == "1 document in 1 file: 0 valid, 1 invalid\n"


def test_lines_and_arrays_go_on_after_what_is_no_json(hfsvc: Command) -> None:
    lines = [json.dumps(GOOD), "{nonsense}", "", json.dumps(BAD), json.dumps(GOOD)]
    Path("a.jsonl").write_text("\n".join(lines))
    Path("b.json").write_text(f"[{','.join(filter(None, lines))}]")
    ended = hfsvc("validate", "a.jsonl", "b.json")
    assert ended.code == 6
    assert [line.split(" ")[0] + line.split(" ")[-1] for line in ended.out.splitlines()] == [
        "a.jsonl:2:[not_json]",
        "a.jsonl:4:[wrong_type]",
        "b.json[1]:[not_json]",
        "b.json[2]:[wrong_type]",
    ]
    assert ended.err == "8 documents in 2 files: 4 valid, 4 invalid\n"


def test_quietly_only_the_places_of_invalid_documents(hfsvc: Command) -> None:
    write("a.jsonl", GOOD, BAD, ODD)
    ended = hfsvc("validate", "a.jsonl", "-q", "--strict")
    assert (ended.code, ended.out, ended.err) == (6, "a.jsonl:2\n", "")


def test_json(hfsvc: Command) -> None:
    write("a.jsonl", GOOD, BAD)
    write("folder/result.json", {"task_name": "t"})
    write("folder/b.json", [ODD])
    ended = hfsvc("validate", "a.jsonl", "folder", "--strict", "--json")
    assert ended.code == 6
    assert not ended.err
    found = ended.json
    error, warning = found.pop("findings")
    assert error == {
        "file": "a.jsonl",
        "line": 2,
        "index": None,
        "path": "$.agent.version",
        "code": "wrong_type",
        "severity": "error",
        "message": "expected a string, found the number 1",
        "hint": "write the version as a string, unknown if it is not known",
    }
    assert (warning["file"], warning["line"], warning["index"]) == (str(Path("folder/b.json")), None, 0)
    assert (warning["severity"], warning["code"]) == ("warning", "total_steps_differ")
    assert found == {
        "documents": 3,
        "valid": 2,
        "invalid": 1,
        "warnings": 1,
        "files": 3,
        "skipped": [{"file": str(Path("folder/result.json")), "reason": "other JSON"}],
    }


def test_json_without_findings(hfsvc: Command) -> None:
    write("a.json", GOOD)
    assert hfsvc.succeeds("validate", "a.json", "--json").json == {
        "findings": [],
        "documents": 1,
        "valid": 1,
        "invalid": 0,
        "warnings": 0,
        "files": 1,
        "skipped": [],
    }


def test_warnings_are_asked_for_and_make_nothing_invalid(hfsvc: Command) -> None:
    write("a.json", ODD)
    assert not hfsvc.succeeds("validate", "a.json").out
    ended = hfsvc.succeeds("validate", "a.json", "--strict")
    assert ended.out.startswith("a.json: warning: $.final_metrics.total_steps: ")
    assert ended.err == "1 document in 1 file: 1 valid, 0 invalid, 1 warning\n"


def test_media_files_beside_the_documents(hfsvc: Command) -> None:
    write("run/a.json", SEEN)
    write("run/b.jsonl", GOOD, SEEN)
    ended = hfsvc("validate", "run")
    assert ended.code == 6
    assert ended.out.count("[missing_media]\n") == 2
    hfsvc.succeeds("validate", "run", "--no-validate-images")
    write("run/images/1.png", "picture")
    hfsvc.succeeds("validate", "run")


def test_many_findings_of_one_document_are_cut(hfsvc: Command) -> None:
    write("a.json", GOOD | {"steps": [STEP | {"step_id": number, "message": None} for number in range(1, 31)]})
    ended = hfsvc("validate", "a.json")
    assert len(ended.out.splitlines()) == 11
    assert ended.out.endswith("a.json: and 20 more; -v shows all\n")
    assert len(hfsvc("validate", "a.json", "-v").out.splitlines()) == 30
    assert len(hfsvc("validate", "a.json", "--json").json["findings"]) == 30


def test_a_folder_may_hold_other_things(hfsvc: Command) -> None:
    write("job/trial/agent/trajectory.json", GOOD)
    write("job/result.json", {"n_total_trials": 1})
    write("job/rows.jsonl", {"conversations": []}, {"conversations": []})
    write("job/steps.jsonl", {"__header__": True}, STEP)
    write("job/notes.txt", "nonsense")
    ended = hfsvc.succeeds("validate", "job", "-v")
    assert not ended.out
    assert ended.err.splitlines() == [
        f"{Path('job/result.json')}: skipped, other JSON",
        f"{Path('job/rows.jsonl')}: skipped, other JSON",
        f"{Path('job/steps.jsonl')}: skipped, steps, one a line, under a header line",
        "1 document in 1 file: 1 valid, 0 invalid; 3 files skipped, no ATIF",
    ]
    assert hfsvc("validate", "job/result.json").code == 6
    steps = hfsvc("validate", "job/steps.jsonl")
    assert steps.code == 6
    assert steps.out.endswith("[step_stream]\n")
    assert steps.out.count("\n") == 1


def test_a_file_that_breaks_off_is_invalid_and_the_others_are_checked(hfsvc: Command) -> None:
    Path("a.jsonl.gz").write_bytes(gzip.compress(b"\n".join([json.dumps(GOOD).encode()] * 3))[:-9])
    write("b.json", GOOD)
    ended = hfsvc("validate", "a.jsonl.gz", "b.json")
    assert ended.code == 6
    assert "a.jsonl.gz: error: $: " in ended.out
    assert ended.out.endswith("[unreadable]\n")
    assert "1 invalid" in ended.err


@pytest.mark.parametrize("name", ["none.json", "folder/none"])
def test_what_is_not_there_is_said_before_anything_else(hfsvc: Command, name: str) -> None:
    write("a.json", BAD)
    ended = hfsvc("validate", "a.json", name)
    assert ended.code == 3
    assert not ended.out
    assert ended.sentence == f"There is no file or folder {Path(name)}."
    assert hfsvc("validate", name, "--json").error["code"] == "path_not_found"


def test_no_file_is_a_mistake(hfsvc: Command) -> None:
    assert hfsvc("validate").code == 2


@pytest.mark.parametrize("text", [json.dumps(BAD, indent=2), json.dumps([BAD])])
def test_stdin(hfsvc: Command, text: str) -> None:
    ended = run_with(hfsvc, text.encode())
    assert ended.returncode == 6
    assert ended.stdout.startswith((b"-: error: $.agent.version", b"-[0]: error: $.agent.version"))


def test_stdin_as_compressed_lines_has_no_media_beside_it(hfsvc: Command) -> None:
    text = f"{json.dumps(SEEN)}\n{json.dumps(BAD)}\n".encode()
    assert run_with(hfsvc, gzip.compress(text), "-q").stdout == b"-:2\n"


def run_with(hfsvc: Command, given: bytes, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    command = [sys.executable, "-c", RUN, "validate", "-", *arguments]
    return subprocess.run(command, input=given, capture_output=True, env=hfsvc.env, timeout=WAIT_S)


def test_a_pipe_with_a_name(hfsvc: Command) -> None:
    os.mkfifo("pipe")
    with hfsvc.start("validate", "-q", "--no-validate-images", "pipe") as process:
        Path("pipe").write_text(f"{json.dumps(SEEN)}\n{json.dumps(BAD)}\n{json.dumps(SEEN)}\n")
        ended = finish(process)
    assert (ended.code, ended.out) == (6, "pipe:2\n")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_can_be_stopped(hfsvc: Command, number: signal.Signals, code: int) -> None:
    os.mkfifo("pipe")
    # Opening waits until the command opens its end.
    with hfsvc.start("validate", "pipe") as process, Path("pipe").open("wb") as pipe:
        pipe.write(json.dumps(BAD).encode() + b"\n")
        pipe.flush()
        process.send_signal(number)
        ended = finish(process)
    assert ended.code == code
    assert "Traceback" not in ended.err


def test_a_reader_that_leaves_ends_it_quietly(hfsvc: Command) -> None:
    write("a.jsonl", *[BAD] * 5000)
    with hfsvc.start("validate", "a.jsonl") as process:
        assert process.stdout
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(WAIT_S) == 0
        assert process.stderr
        assert not process.stderr.read()


def test_what_strangers_wrote_cannot_steer_a_terminal(hfsvc: Command) -> None:
    write("evil\x1b[2J.json", GOOD | {"x\x1b]0;owned\x07": 1})
    for arguments in ([], ["--json"], ["-q"]):
        shown = on_terminal(hfsvc, "evil\x1b[2J.json", *arguments)
        assert "\x1b" not in shown
        assert "evil" in shown


def test_a_bar_for_much_to_read(hfsvc: Command) -> None:
    write("a.jsonl", BAD, GOOD | {"notes": " " * (33 << 20)})
    shown = on_terminal(hfsvc, "a.jsonl")
    assert "validating" in shown
    assert "a.jsonl:1\r\n" in shown
    assert "error     $.agent.version" in shown
    assert "\x1b" not in on_terminal(hfsvc, "a.jsonl", "-q")


def on_terminal(hfsvc: Command, *arguments: str) -> str:
    env = {"COLUMNS": "200"}
    with (
        open_terminal() as terminal,
        hfsvc.start_on_terminal(terminal.child, "validate", *arguments, env=env) as process,
    ):
        os.close(terminal.child)
        shown = terminal.read_all()
        assert process.wait(WAIT_S) in {0, 6}
        return shown


@pytest.mark.skipif(not REAL, reason="HFSVC_TEST_DATA names no folder of recorded documents")
def test_recorded_documents(hfsvc: Command) -> None:
    folder = Path(REAL, "atif")
    wrong = set(folder.glob("invalid/*"))
    (stream,) = folder.glob("jsonl-stream/*")
    ended = hfsvc("validate", str(folder), "--json")
    assert ended.code == 6
    assert {Path(finding["file"]) for finding in ended.json["findings"]} == wrong
    assert [ended.json[name] for name in ("documents", "valid", "invalid", "files")] == [30, 26, 4, 31]
    assert [Path(each["file"]) for each in ended.json["skipped"]] == [stream]
    for file in sorted(each for each in folder.rglob("*") if each.is_file()):
        assert hfsvc("validate", str(file), "-q").code == (6 if file in wrong | {stream} else 0), file


@pytest.mark.parametrize(("begin", "kind"), [(b"PAR1\x15\x04", "parquet"), (b"ARROW1\0\0", "Arrow")])
def test_a_file_of_rows_is_told_as_that_whatever_it_is_called(hfsvc: Command, begin: bytes, kind: str) -> None:
    Path("runs").write_bytes(begin)
    ended = hfsvc("validate", "runs")
    assert ended.code == 2
    assert f"{kind} holds rows and no documents; exported as JSON Lines" in ended.sentence


# ---- several processes ----------------------------------------------------------------------------------------------

STREAM = [{"__header__": {}}, STEP, STEP]


@pytest.fixture
def everything(hfsvc: Command) -> Command:
    """Files of every kind, and one of more than a batch."""
    many = [BAD if number % 700 == 5 else GOOD | {"notes": f"{number} " * 100} for number in range(4000)]
    write("d/many.jsonl", *many)
    Path("d/a.jsonl").write_text("\n".join([json.dumps(GOOD), "{nonsense}", "", json.dumps(BAD)]))
    Path("d/b.json").write_text(f"[{json.dumps(GOOD)},{json.dumps(ODD)},{{]")
    write("d/other.json", {"is": "something else"})
    write("d/others.jsonl", *[{"is": "something else"}] * 3)
    # Of several batches, of which the first tells what it is.
    write("d/steps.jsonl", *STREAM, *[STEP | {"message": "x" * 1000}] * 3000)
    write("d/seen.json", SEEN)
    Path("d/empty.jsonl").write_text("")
    Path("d/cut.jsonl.gz").write_bytes(gzip.compress(b"\n".join([json.dumps(GOOD).encode()] * 9))[:-9])
    for number in range(150):
        write(f"d/runs/{number}.json", BAD if number % 40 == 0 else GOOD)
    return hfsvc


@pytest.mark.parametrize("options", [[], ["--strict", "-v"], ["--no-validate-images"], ["--json"], ["-q"]], ids=str)
def test_several_workers_find_what_one_does(everything: Command, options: list[str]) -> None:
    named = ["d", *["d/other.json", "d/steps.jsonl"] * 2]
    alone = everything("validate", *named, *options)
    assert everything("validate", *named, *options, "--workers", "2") == alone
    assert alone.code == 6


def test_what_is_read_from_a_pipe_is_checked_all_the_same(everything: Command) -> None:
    with everything.start("validate", "d/a.jsonl", "/dev/stdin", "--workers", "2") as process:
        ended = finish(process)
    assert ended.code == 6
    assert ended.err == "4 documents in 2 files: 1 valid, 3 invalid\n"


@needs_proc
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_check_that_is_stopped_leaves_no_process(everything: Command, number: signal.Signals, code: int) -> None:
    with everything.start("validate", *["d"] * 40, "--workers", "2", "-q") as process:
        workers = until_found(lambda: children_of(process.pid))
        process.send_signal(number)
        ended = finish(process)
    assert ended.code == code
    assert ended.err.strip().count("\n") == 0
    assert not [each for each in workers if Path(f"/proc/{each}").exists()]
