"""Structs that cross borders: JSON of them needs nothing but msgspec, and no repr shows a token."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.pretty import pretty_repr

from hfsvc.datasets.request import parse_request
from hfsvc.errors import FixRequest
from hfsvc.export import ExportRequest, export_trajectories
from hfsvc.models import DatasetRequest, DownloadedDataset, VerifyReport
from hfsvc.secret import Secret
from hfsvc.settings import Settings
from hfsvc.testing import FakeDatasetService, FakeTrajectorySource
from hfsvc.testing.samples import sample_row, sample_trajectory

from .builders import REPO


async def test_what_a_service_gives_is_json_and_comes_back(tmp_path: Path) -> None:
    service = FakeDatasetService(tmp_path, {REPO: {"a.parquet": b"a"}})
    plan = await service.plan(DatasetRequest(REPO))
    dataset = await service.download(DatasetRequest(REPO))
    report = await service.verify(REPO)
    for each in (plan, dataset, report):
        assert msgspec.json.decode(msgspec.json.encode(each), type=type(each)) == each
    assert isinstance(report, VerifyReport)
    document = msgspec.json.decode(msgspec.json.encode(dataset))
    assert document["localPath"] == str(tmp_path / REPO) == str(dataset.local_path)
    assert msgspec.json.decode(msgspec.json.encode([dataset]), type=list[DownloadedDataset]) == [dataset]


async def test_what_a_source_and_an_export_give_is_json(tmp_path: Path) -> None:
    source = FakeTrajectorySource([sample_trajectory(sample_row(0))])
    row = await anext(source.stream_rows())
    done = await export_trajectories(source, ExportRequest(tmp_path / "a.jsonl"))
    found: list[Any] = [row, await source.list_summaries(0, 9), await source.statistics(), done]
    for each in found:
        assert msgspec.json.decode(msgspec.json.encode(each), type=type(each)) == each
    assert done.path == tmp_path / "a.jsonl"


@pytest.mark.parametrize("token", ["hf_geheim", " hf_geheim\n", Secret("hf_geheim")])
def test_a_token_is_used_and_never_shown(token: str | Secret) -> None:
    request = DatasetRequest(REPO, token=token)
    shown = (repr(request), str(request), pretty_repr(request), repr(msgspec.structs.asdict(request)))
    assert "geheim" not in " ".join(shown)
    assert parse_request(request, Settings()).token == Secret("hf_geheim")
    with pytest.raises(TypeError):
        msgspec.json.encode(request)


def test_a_request_takes_its_dataset_by_place_and_one_glob_as_text() -> None:
    found = parse_request(DatasetRequest(REPO, include="*.txt", exclude="b*"), Settings()).globs
    assert found is not None
    assert (found.include, found.exclude) == (("*.txt",), ("b*",))
    assert DatasetRequest(REPO, include=["a", "b"]) is not None
    with pytest.raises(FixRequest):
        DatasetRequest(Path("x"))  # type: ignore[arg-type]
