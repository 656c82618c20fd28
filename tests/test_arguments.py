from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest

from hfsvc.arguments import check_rows, check_value
from hfsvc.atif import convert_version
from hfsvc.errors import FixRequest, InvalidArgument
from hfsvc.export import ExportRequest, export_shards
from hfsvc.models import DatasetRequest, ReadOptions
from hfsvc.secret import Secret
from hfsvc.server import ServerAccess, ServerLimits, make_access
from hfsvc.testing import FakeTrajectorySource
from hfsvc.testing.samples import sample_row, sample_trajectory
from hfsvc.trajectories.known_datasets import KnownDataset

Kind = Literal["whole", "part"]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("whole", Kind),
        (None, Kind | None),
        (3, int | None),
        (3, float),
        (["a"], list[str] | str),
        ("a", list[str] | str),
        (Path("x"), Path | None),
        (0, Annotated[int, msgspec.Meta(ge=0)]),
        (object(), Any),
    ],
)
def test_what_fits_is_taken(value: Any, kind: Any) -> None:
    check_value("x", value, kind)


@pytest.mark.parametrize(
    ("value", "kind", "told"),
    [
        ("wohle", Kind, "x cannot be 'wohle': there is no such value; there are: whole, part. Did you mean whole?"),
        (None, Kind, "x cannot be None: there is no such value; there are: whole, part."),
        (True, Kind | None, "x cannot be True: there is no such value; there are: whole, part, None."),
        (True, int, "x cannot be True: it must be a whole number."),
        ("3", int | None, "x cannot be '3': it must be a whole number or None."),
        (5, str, "x cannot be 5: it must be a text."),
        ("", Path, "x cannot be '': it must be Path."),
        (-1, Annotated[int, msgspec.Meta(ge=0)], "x cannot be -1: it must be a whole number from 0 on."),
    ],
)
def test_what_does_not_fit_is_refused_with_what_there_is(value: Any, kind: Any, told: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        check_value("x", value, kind)
    assert str(caught.value) == told


def test_a_refused_token_is_not_shown() -> None:
    with pytest.raises(InvalidArgument) as caught:
        check_value("token", ["hf_geheim"], str)
    assert "geheim" not in f"{caught.value} {caught.value!r}"


def test_a_long_value_is_cut() -> None:
    with pytest.raises(InvalidArgument) as caught:
        check_value("x", "y" * 10_000, Kind)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("value", [-1, True, 1.0, "1", None])
def test_rows_are_whole_numbers_from_0(value: Any) -> None:
    check_rows(start=0)
    with pytest.raises(InvalidArgument, match="start"):
        check_rows(start=value)


OPTIONS: list[tuple[str, Any]] = [
    ("result", "succes"),
    ("result", "failed"),
    ("result", None),
    ("result", ""),
    ("result", True),
    ("episodes", "lst"),
    ("episodes", None),
    ("on_bad_row", "ignore"),
    ("style", "structurd"),
    ("style", None),
    ("layout", "opnai"),
    ("layout", ""),
    ("fenced", "yes"),
    ("fenced", 1),
    ("columns", "messages=history"),
    ("columns", {"messages": 1}),
    ("config", ""),
    ("config", 5),
    ("split", ""),
    ("split", ("train",)),
]


@pytest.mark.parametrize(("name", "value"), OPTIONS)
def test_a_way_of_reading_that_there_is_not_is_refused(name: str, value: Any) -> None:
    with pytest.raises(FixRequest, match=name):
        ReadOptions(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("repo", 5),
        ("repo", None),
        ("revision", ""),
        ("revision", None),
        ("revision", 3),
        ("include", 5),
        ("include", ("a", 5)),
        ("exclude", None),
        ("exclude", b"x"),
        ("token", ""),
        ("token", 5),
        ("force", "yes"),
        ("force", None),
    ],
)
def test_a_request_that_cannot_be_is_refused(name: str, value: Any) -> None:
    facts: dict[str, Any] = {"repo": "acme/notes"} | {name: value}
    with pytest.raises(FixRequest, match=name):
        DatasetRequest(**facts)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("path", ""),
        ("path", None),
        ("format", "opnai"),
        ("format", ""),
        ("start", -1),
        ("start", "1"),
        ("stop", -1),
        ("shard", (2, 2)),
        ("shard", "0/2"),
        ("cursor", 5),
        ("resume", "no"),
        ("job", None),
    ],
)
def test_an_export_that_cannot_be_is_refused(name: str, value: Any) -> None:
    facts: dict[str, Any] = {"path": "x.jsonl"} | {name: value}
    with pytest.raises(FixRequest, match=name):
        ExportRequest(**facts)


@pytest.mark.parametrize("shards", [0, -1, "2", True, None])
async def test_a_number_of_shards_is_at_least_one(tmp_path: Path, shards: Any) -> None:
    source = FakeTrajectorySource([None])
    with pytest.raises(FixRequest, match="shards"):
        await export_shards(source, ExportRequest(tmp_path / "x.jsonl"), shards)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value"), [("connections", -1), ("connections", "8"), ("stall_s", None), ("stall_s", float("nan"))]
)
def test_a_limit_of_a_server_that_cannot_be_is_refused(name: str, value: Any) -> None:
    with pytest.raises(FixRequest, match=name):
        ServerLimits(**{name: value})


def test_access_may_be_told_in_texts() -> None:
    given: Any = {"token": "geheim", "allow_origins": "https://a.test", "allow_hosts": ["a.test"]}
    access = ServerAccess(**given)
    assert access.token == Secret("geheim")
    assert access.allow_origins == frozenset({"https://a.test"})
    assert make_access(token="geheim", allow_origins="https://a.test", allow_hosts="a.test") == access
    wrong: Any
    for wrong in ({"token": 5}, {"allow_hosts": 5}, {"allow_origins": (5,)}):
        with pytest.raises(FixRequest):
            ServerAccess(**wrong)


def test_a_version_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    trajectory = sample_trajectory(sample_row(0))
    assert trajectory is not None
    with pytest.raises(FixRequest, match=r"ATIF-v1\.4"):
        convert_version(trajectory, "ATIF-v9")  # type: ignore[arg-type]


def test_a_known_dataset_of_a_layout_that_there_is_not_is_refused() -> None:
    with pytest.raises(FixRequest, match="layout"):
        KnownDataset(alias="mine", repo="acme/notes", layout="opnai")  # type: ignore[arg-type]
