"""What goes wrong: an exit code of its own, one sentence that says what happened and what to do, the disk as it was."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hfsvc.testing import LocalHub
from hfsvc.testing.localhub import CaptivePortal, Corrupt, Status, TooManyRequests
from tests.cli.command import ALIAS, FILE, REPO, Command, tree


def check(hfsvc: Command, work: Path, arguments: list[str], code: int, name: str, happened: str, advice: str) -> None:
    """Both forms of a failure: words, and JSON; neither changes what is on disk."""
    before = tree(work)
    ended = hfsvc(*arguments)
    assert ended.code == code
    assert not ended.out
    assert happened in ended.sentence
    assert advice in ended.sentence

    ended = hfsvc(*arguments, "--json")
    assert ended.code == code
    assert not ended.out
    assert ended.error["code"] == name
    assert tree(work) == before


@pytest.mark.parametrize(
    ("arguments", "code", "name", "happened", "advice"),
    [
        (["o/missing"], 3, "dataset_not_found", "o/missing is missing or private", "set HF_TOKEN"),
        ([ALIAS, "--revision", "nope"], 3, "revision_not_found", "has no revision 'nope'", "name a branch"),
        (["nonsense"], 3, "unknown_source", "no source called 'nonsense'", f"known are: {ALIAS}"),
        (
            [ALIAS, "--include", "*.parquet"],
            3,
            "file_not_found",
            f"matches *.parquet. It holds README.md, {FILE}",
            "--include '**/*.parquet'",
        ),
        ([ALIAS, "--include", "x"], 3, "file_not_found", f"matches x. It holds README.md, {FILE}", "--include '**'"),
        ([ALIAS, "no.txt"], 3, "file_not_found", "matches no.txt. It holds", "the names of files"),
        (["a//b"], 2, "invalid_repo_id", "'a//b' is no dataset id", "it must be owner/name"),
        (["models/a/b"], 2, "invalid_repo_id", "it names a model", "'models/a/b'"),
        (["https://example.org/datasets/a/b"], 2, "invalid_repo_id", "an address of another site", "no dataset id"),
        ([ALIAS, "--include", ""], 2, "invalid_pattern", "The pattern ''", "it is empty"),
        ([ALIAS, "--endpoint", "ftp://x"], 2, "invalid_settings", "endpoint cannot be used", "such as https://"),
    ],
)
def test_requests_that_cannot_work(
    hfsvc: Command, work: Path, arguments: list[str], code: int, name: str, happened: str, advice: str
) -> None:
    check(hfsvc, work, ["download", *arguments], code, name, happened, advice)


@pytest.mark.parametrize("command", ["info", "path", "verify", "delete", "count"])
def test_what_is_not_downloaded(hfsvc: Command, work: Path, command: str) -> None:
    check(hfsvc, work, [command, ALIAS], 3, "not_downloaded", "is not downloaded", "run: hfsvc download")
    assert not list(work.iterdir())


@pytest.mark.parametrize("arguments", [["sample"], ["show", "0"], ["show", "some-task"]])
def test_trajectories_of_what_is_not_downloaded(hfsvc: Command, work: Path, arguments: list[str]) -> None:
    check(hfsvc, work, arguments, 3, "not_downloaded", "is not downloaded", "run: hfsvc download")
    assert not list(work.iterdir())


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["40"], "row 40"),
        (["no-such"], "key 'no-such'"),
        (["0", "--by", "task"], "task '0'"),
        (["\u0663"], "key '\u0663'"),
        (["9" * 5000], "key '9999"),
        (["no-such-\udcff"], "key 'no-such-"),
    ],
)
def test_no_such_trajectory(downloaded: Command, work: Path, arguments: list[str], wanted: str) -> None:
    check(downloaded, work, ["show", *arguments], 3, "trajectory_not_found", f"no trajectory for {wanted}", ALIAS)


@pytest.mark.usefixtures("short_waits")
def test_no_network(hfsvc: Command, work: Path, nowhere: str) -> None:
    arguments = ["download", ALIAS, "--endpoint", nowhere]
    check(hfsvc, work, arguments, 5, "hub_unavailable", f"cannot be reached ({nowhere}", "Check the network")


def test_offline(hfsvc: Command, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    check(hfsvc, work, ["download", ALIAS], 5, "offline", "Offline mode is on", "unset HF_HUB_OFFLINE")


class Page(BaseHTTPRequestHandler):
    """A server that is no Hub."""

    def do_GET(self) -> None:
        content = b"<!doctype html><title>Welcome</title>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def test_an_endpoint_that_is_no_hub(hfsvc: Command, work: Path) -> None:
    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            arguments = ["download", ALIAS, "--endpoint", f"http://127.0.0.1:{server.server_port}"]
            check(hfsvc, work, arguments, 5, "not_a_hub", "is no Hugging Face Hub", "Check HF_ENDPOINT")
        finally:
            server.shutdown()
            thread.join()


def test_a_captive_portal(hfsvc: Command, hub: LocalHub, work: Path) -> None:
    hub.fault(CaptivePortal())
    check(hfsvc, work, ["download", ALIAS], 5, "not_a_hub", "is no Hugging Face Hub", "Check HF_ENDPOINT")


def test_a_quota_that_is_used_up(hfsvc: Command, hub: LocalHub, work: Path) -> None:
    hub.fault(TooManyRequests(left=0, reset_s=7200, retry_after="7200"))
    ended = hfsvc("download", ALIAS, "--json")
    assert ended.code == 5
    assert ended.error["code"] == "rate_limited"
    assert ended.error["retryAfter"] >= 7200
    assert "HF_TOKEN" in ended.error["message"]
    assert not tree(work)


class TestAccess:
    @pytest.fixture
    def hub(self, sample: Path, local_hub_factory: Callable[..., LocalHub]) -> LocalHub:
        return local_hub_factory(sample, tokens={"hf_good": ("*",), "hf_other": ()})

    def test_a_bad_token(self, hfsvc: Command, work: Path) -> None:
        arguments = ["download", ALIAS, "--token", "hf_bad"]
        check(hfsvc, work, arguments, 4, "authentication_required", "wants a valid token", "renew it")
        assert "hf_bad" not in hfsvc(*arguments, "-v").err

    def test_a_gated_dataset(self, hub: LocalHub, hfsvc: Command, work: Path) -> None:
        hub.configure(REPO, gated="manual")
        arguments = ["download", ALIAS, "--token", "hf_other"]
        check(hfsvc, work, arguments, 4, "gated_dataset", "is gated", "ask for access on its page")

    def test_a_private_dataset(self, hub: LocalHub, hfsvc: Command, work: Path) -> None:
        hub.configure(REPO, private=True)
        check(hfsvc, work, ["download", ALIAS], 3, "dataset_not_found", "missing or private", "set HF_TOKEN")
        hfsvc.succeeds("download", ALIAS, "--token", "hf_good")

    def test_a_disabled_dataset(self, hub: LocalHub, hfsvc: Command, work: Path) -> None:
        hub.configure(REPO, disabled=True)
        check(hfsvc, work, ["download", ALIAS], 4, "access_denied", "denies access", "check the token")


def test_a_root_that_cannot_be_written(hfsvc: Command, work: Path) -> None:
    (work / "file").write_text("a file")
    arguments = ["download", ALIAS, "--root", str(work / "file" / "root")]
    check(hfsvc, work, arguments, 7, "store_not_writable", "cannot be written", "permissions, or take another folder")


@pytest.mark.parametrize("arguments", [["list"], ["info", ALIAS], ["count"], ["download", ALIAS]])
def test_a_damaged_index(downloaded: Command, work: Path, arguments: list[str]) -> None:
    index = work / ".openagents" / "datasets" / "index.json"
    index.write_bytes(index.read_bytes()[:40])
    check(downloaded, work, arguments, 7, "damaged_index", "index.json is damaged", "move it away")


def test_after_a_damaged_index_files_are_adopted(downloaded: Command, hub: LocalHub, work: Path) -> None:
    index = work / ".openagents" / "datasets" / "index.json"
    index.unlink()
    hub.reset()
    downloaded.succeeds("download", ALIAS)
    assert hub.count(server="cdn") == 0


def test_content_that_is_not_what_the_hub_lists(hfsvc: Command, hub: LocalHub, work: Path) -> None:
    hub.fault(Corrupt(at=1000), server="cdn")
    check(hfsvc, work, ["download", ALIAS], 6, "checksum_mismatch", "is not what the Hub lists", "expected sha256:")


def test_several_files_that_fail(hfsvc: Command, hub: LocalHub, work: Path) -> None:
    for name in ("a", "b", "c"):
        hub.write("o/three", f"{name}.parquet", name.encode() * 100)
    hub.fault(Corrupt(at=10), server="cdn", path="[ab].parquet")
    ended = hfsvc("download", "o/three")
    assert ended.code == 6
    assert "2 files of o/three failed, the others are kept" in ended.err
    assert "a.parquet" in ended.err
    assert "b.parquet" in ended.err
    assert "Traceback" not in ended.err
    assert hfsvc("download", "o/three", "--json").error["code"] == "download_failed"


def test_a_server_that_fails_for_long(hfsvc: Command, hub: LocalHub, work: Path) -> None:
    hub.fault(Status(503, headers={"Retry-After": "7200"}))
    check(hfsvc, work, ["download", ALIAS], 5, "hub_unavailable", "it answered 503", "try again")


@pytest.mark.parametrize("arguments", [["count"], ["sample"], ["show", "0"]])
def test_parquet_that_is_none(hfsvc: Command, hub: LocalHub, work: Path, arguments: list[str]) -> None:
    hub.write("o/bad", "data/a.parquet", b"this is no parquet file")
    hfsvc.succeeds("download", "o/bad")
    wanted = ["o/bad"] if arguments == ["count"] else ["--dataset", "o/bad"]
    check(hfsvc, work, [*arguments, *wanted], 6, "bad_parquet", "a.parquet cannot be read as trajectories", "parquet")


@pytest.mark.parametrize("arguments", [["sample"], ["show", "0"]])
def test_a_dataset_without_conversations(hfsvc: Command, hub: LocalHub, work: Path, arguments: list[str]) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"text": ["a", "b"]}), sink)
    hub.write("o/texts", "a.parquet", sink.getvalue().to_pybytes())
    hfsvc.succeeds("download", "o/texts")
    arguments = [*arguments, "--dataset", "o/texts"]
    check(hfsvc, work, arguments, 6, "bad_parquet", "as Human:, USER:", "it has text (string)")


def test_a_row_that_cannot_be_read(hfsvc: Command, hub: LocalHub, work: Path) -> None:
    kind = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
    table = pa.table({"conversations": pa.array([[{"role": "user", "content": "a"}], None], kind)})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    hub.write("o/holes", "a.parquet", sink.getvalue().to_pybytes())
    hfsvc.succeeds("download", "o/holes")
    check(hfsvc, work, ["show", "1", "--dataset", "o/holes"], 6, "bad_row", "Row 1 in a.parquet", "it is null")


def test_damage_and_its_repair(downloaded: Command, work: Path) -> None:
    path = work / ".openagents" / "datasets" / REPO / FILE
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"?")
    ended = downloaded("verify", ALIAS)
    assert ended.code == 6
    assert ended.out == f"damaged\t{FILE}\n"
    assert f"hfsvc verify {ALIAS} --repair" in ended.err
    assert path.read_bytes() == whole[:-1] + b"?"

    ended = downloaded.succeeds("verify", ALIAS, "--repair")
    assert ended.out == f"repaired\t{FILE}\n"
    assert path.read_bytes() == whole
    assert not downloaded.succeeds("verify", ALIAS).out


def test_deleting_without_a_terminal_needs_yes(downloaded: Command, work: Path) -> None:
    before = tree(work)
    ended = downloaded.spawn("delete", ALIAS)
    assert ended.code == 2
    assert ended.sentence == "Without a terminal to ask on, deleting needs --yes."
    assert tree(work) == before


def test_a_traceback_is_shown_when_asked_for(hfsvc: Command, nowhere: str) -> None:
    ended = hfsvc.spawn("download", ALIAS, "-v", "--endpoint", nowhere)
    assert "Traceback" in ended.err
    assert "trying again in" in ended.err
    assert "stamina" not in ended.err.partition("Traceback")[0]
    assert ended.err.splitlines()[-1].startswith("Error: ")
