"""The same verdict as Harbor's validator on every document, and the same dump of every valid one.

Runs only where HFSVC_PEERS_HARBOR names a Python that has Harbor 0.25 (pip install --no-deps harbor==0.25.0, and pydantic).
HFSVC_PEERS_DOCUMENTS changes how many random mixtures are tried on top of the systematic changes.
"""

import json
import os
import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hfsvc.atif import VERSIONS, check, convert_version, encode, media_paths
from hfsvc.trajectories.files.json_documents import Document
from hfsvc.trajectories.validation import judge
from tests.atif.atif_corpus import FULL, VERDICTS, dump, recorded, variants, verdict_text

from .atif_harbor import Harbor

HARBOR = os.environ.get("HFSVC_PEERS_HARBOR")
DATA = os.environ.get("HFSVC_TEST_DATA")
MIXTURES = int(os.environ.get("HFSVC_PEERS_DOCUMENTS", "10000"))

pytestmark = [
    pytest.mark.skipif(not HARBOR, reason="HFSVC_PEERS_HARBOR names no Python with Harbor"),
    pytest.mark.timeout(1200),
]


@pytest.fixture(scope="module")
def harbor() -> Iterator[Harbor]:
    peer = Harbor(str(HARBOR))
    yield peer
    peer.close()


def compare(harbor: Harbor, documents: Iterable[bytes]) -> tuple[int, int, list[str]]:
    """How many documents were compared, how many of them are valid, and where the judges differ."""
    count, valid, differences = 0, 0, list[str]()
    for document, theirs in harbor.judge(documents):
        differences += difference(document, theirs)
        valid += theirs["valid"]
        count += 1
    return count, valid, differences


def difference(document: bytes, theirs: dict[str, Any]) -> list[str]:
    ours = check(document)
    shown = document if len(document) < 3000 else document[:3000] + b"..."
    if ours.valid != theirs["valid"]:
        return [f"verdict: {theirs['errors'] or 'valid'} / {list(map(str, ours.findings)) or 'valid'}: {shown!r}"]
    if ours.trajectory is None or theirs["dump"] is None:
        return []
    # As text, so that field order, 1 and 1.0, and NaN are compared, too.
    written = json.dumps(json.loads(encode(ours.trajectory)))
    return [] if written == theirs["dump"] else [f"dump: {theirs['dump']} / {written}: {shown!r}"]


def assert_equal(harbor: Harbor, documents: Iterable[bytes]) -> None:
    count, valid, differences = compare(harbor, documents)
    print(f"{count} documents, {valid} valid, {len(differences)} differences")  # noqa: T201
    assert not differences, "\n".join(differences[:20])


def test_changed_documents(harbor: Harbor) -> None:
    assert_equal(harbor, variants(random.Random(1), MIXTURES))


def test_recorded_verdicts_are_harbors(harbor: Harbor) -> None:
    theirs = [verdict["valid"] for _, verdict in harbor.judge(recorded())]
    assert VERDICTS.read_text("ascii") == verdict_text(theirs)


def converted() -> Iterator[bytes]:
    """Every valid document of the recorded ones in every version."""
    valid = [trajectory for document in recorded() if (trajectory := check(document).trajectory)]
    for trajectory in valid:
        yield from (encode(convert_version(trajectory, version).trajectory) for version in VERSIONS)


def test_converted_documents_are_valid(harbor: Harbor) -> None:
    refused = [(theirs["errors"], document) for document, theirs in harbor.judge(converted()) if not theirs["valid"]]
    assert refused == []


@pytest.mark.skipif(not DATA, reason="HFSVC_TEST_DATA names no folder of recorded documents")
def test_recorded_documents(harbor: Harbor) -> None:
    assert_equal(harbor, [file.read_bytes() for file in sorted(Path(str(DATA), "atif").rglob("*.json*"))])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
loose = (
    st.none()
    | st.booleans()
    | st.integers(-2, 3)
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(["1", "1.0", "c"])
)
part = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "text", "image", "audio"])},
    optional={
        "text": loose,
        "source": st.fixed_dictionaries(
            {"media_type": st.sampled_from(["image/png", "audio/MP3 ", "audio/wav"]), "path": st.text(max_size=3)},
            optional={"duration_sec": loose},
        ),
    },
)
content = st.text(max_size=4) | st.lists(part, max_size=2) | loose
result = st.fixed_dictionaries(
    {},
    optional={
        "source_call_id": st.sampled_from(["c", "d", None]),
        "content": content,
        "subagent_trajectory_ref": st.lists(st.fixed_dictionaries({}, optional={"trajectory_id": loose}), max_size=1),
        "extra": json_values,
    },
)
step = st.fixed_dictionaries(
    {
        "step_id": st.sampled_from([1, 1, 1, "1", 1.0, True, 2]),
        "source": st.sampled_from(["agent", "agent", "user", "system"]),
        "message": content,
    },
    optional={
        "timestamp": st.sampled_from([None, "2025-10-11T10:30:00Z", "2025-10-11", "x"]),
        "reasoning_effort": loose,
        "reasoning_content": st.none() | st.text(max_size=3),
        "tool_calls": st.none()
        | st.lists(
            st.fixed_dictionaries({
                "tool_call_id": st.sampled_from(["c", "d"]),
                "function_name": st.text(max_size=3),
                "arguments": st.dictionaries(st.text(max_size=3), json_values, max_size=2),
            }),
            max_size=2,
        ),
        "observation": st.none() | st.fixed_dictionaries({"results": st.lists(result, max_size=2)}),
        "metrics": st.none()
        | st.fixed_dictionaries(
            {}, optional={"prompt_tokens": loose, "cost_usd": loose, "logprobs": st.lists(loose, max_size=2)}
        ),
        "is_copied_context": loose,
        "llm_call_count": loose,
        "extra": st.none() | st.dictionaries(st.text(max_size=3), json_values, max_size=2),
    },
)
trajectory = st.fixed_dictionaries(
    {"agent": st.just({"name": "a", "version": "1"}), "steps": st.lists(step, min_size=1, max_size=1)},
    optional={
        "schema_version": st.sampled_from(["ATIF-v1.4", "ATIF-v1.8", None]),
        "notes": loose,
        "extra": json_values,
    },
)


@settings(
    max_examples=200,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example, HealthCheck.data_too_large],
)
@given(st.lists(trajectory | json_values, min_size=20, max_size=40))
def test_generated_documents(harbor: Harbor, documents: list[Any]) -> None:
    _, _, differences = compare(harbor, map(dump, documents))
    assert not differences, "\n".join(differences[:5])


def test_the_files_that_must_exist_are_the_same(harbor: Harbor) -> None:
    """Harbor names each missing file, and in the judge's empty folder all of them are missing."""
    ((_, theirs),) = harbor.judge([dump(FULL)], media=True)
    trajectory = check(dump(FULL)).trajectory
    assert trajectory is not None
    named = [error.rpartition(": ")[2] for error in theirs["errors"]]
    assert named == [media.path for media in media_paths(trajectory)]


def media_documents(folder: Path) -> Iterator[bytes]:
    """Documents with one media file each, in every place that may hold one; absolute paths are those that can be there."""
    there = folder / "there.png"
    there.touch()
    paths = ["", "a.png", "./a/../b.png", "https://example.org/a.png", "s3:/a.png", "a\0b", "x" * 5000, "\ud800", "."]
    for path in [*paths, str(there), str(folder), f"{there}/a", str(folder / "none.png")]:
        image = {"type": "image", "source": {"media_type": "image/png", "path": path}}
        audio = {"type": "audio", "source": {"media_type": "audio/wav", "path": path}}
        step = {"step_id": 1, "source": "agent", "message": "m"}
        steps = [step | {"message": [image]}, step | {"observation": {"results": [{"content": [audio]}, {}]}}]
        agent = {"name": "a", "version": "1"}
        for each in steps:
            yield json.dumps({"agent": agent, "steps": [each]}).encode()
            inner = {"trajectory_id": "i", "agent": agent, "steps": [each]}
            yield json.dumps({"agent": agent, "steps": [step], "subagent_trajectories": [inner]}).encode()


def test_media_files_beside_a_document(harbor: Harbor, tmp_path: Path) -> None:
    verdicts = list(harbor.judge(media_documents(tmp_path), media=True))
    ours = [judge(Document(text=document), folder=tmp_path).valid for document, _ in verdicts]
    assert ours == [theirs["valid"] for _, theirs in verdicts]
    assert len(set(ours)) == 2
