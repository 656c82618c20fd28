"""What lies on disk after a download, whatever the content is like."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from hfsvc.errors import (
    ChecksumMismatch,
    DatasetNotFound,
    DownloadFailed,
    FileNotFound,
    InvalidPattern,
    RevisionNotFound,
)
from hfsvc.models import BytesReceived, DatasetConfig, DatasetRequest, Event, FileStarted, Finished, Retried
from hfsvc.protocols import DatasetService
from hfsvc.testing import LocalHub
from hfsvc.testing.localhub import Corrupt, MaskedHashes, Missing, Status, WithoutHeader, WrongHash

from ..builders import REPO, MiB, everything, files_below, noise, of_kind, open_service, parts_left, read_index, sha256

ODD_NAMES = [
    "with space.parquet",
    "hash#tag.parquet",
    "why?.parquet",
    "100%.parquet",
    "a+b.parquet",
    "literal%20space.parquet",
    "naïve-日本-🎈.parquet",
    "e\u0301 decomposed.parquet",
    "semi;colon,comma&amp='quote\".parquet",
    "[brackets]{braces}(parens)!.parquet",
    ".hidden.parquet",
    "trailing..dots..parquet",
    "~tilde~.parquet",
    "-dash.parquet",
    "refs/pr/1.parquet",
    "deep/er/and/deep er/x.parquet",
    "colon:inside.parquet",
    "star*.parquet",
]


async def test_only_what_the_globs_mean_is_fetched(local_hub: LocalHub, service: DatasetService) -> None:
    local_hub.write(REPO, "data/a.parquet", b"a")
    local_hub.write(REPO, "root.parquet", b"r")
    local_hub.write(REPO, "README.md", b"words")
    found = await service.download(DatasetRequest(repo=REPO))
    assert found.files == ("data/a.parquet", "root.parquet")
    assert files_below(found.local_path) == {"data/a.parquet": b"a", "root.parquet": b"r"}


async def test_a_large_file_comes_in_ranges_and_whole(local_hub: LocalHub, service: DatasetService) -> None:
    content = noise(5 * MiB + 1)
    local_hub.write(REPO, "big.parquet", content)
    found = await service.download(everything())
    assert files_below(found.local_path) == {"big.parquet": content}
    ranges = sorted(request.range or (0, 0) for request in local_hub.find(server="cdn"))
    assert ranges[0][0] == 0
    assert all(left[1] == right[0] for left, right in pairwise(ranges))
    assert ranges[-1][1] == len(content)


@pytest.mark.parametrize("size", [0, 1, MiB - 1, MiB, MiB + 1, 256 << 10, (256 << 10) + 1])
async def test_a_file_of_any_size_is_right(local_hub: LocalHub, service: DatasetService, size: int) -> None:
    content = noise(size)
    local_hub.write(REPO, "file.parquet", content)
    found = await service.download(everything())
    assert files_below(found.local_path) == {"file.parquet": content}
    assert found.total_bytes == size


async def test_an_empty_file_costs_no_request_for_content(local_hub: LocalHub, service: DatasetService) -> None:
    local_hub.write(REPO, "empty.txt", b"")
    await service.download(everything())
    assert local_hub.count(bucket="resolvers") == 0
    assert local_hub.count(server="cdn") == 0


async def test_odd_names_arrive_byte_for_byte(local_hub: LocalHub, service: DatasetService) -> None:
    contents = {name: f"I am {name}".encode() for name in ODD_NAMES}
    for name, content in contents.items():
        local_hub.write(REPO, name, content)
        local_hub.write(REPO, name.replace(".parquet", ".txt"), content)
    found = await service.download(everything())
    expected = contents | {name.replace(".parquet", ".txt"): content for name, content in contents.items()}
    assert files_below(found.local_path) == expected


async def test_the_record_names_every_file_in_byte_order(local_hub: LocalHub, service: DatasetService) -> None:
    names = ["b.txt", "B.txt", "a/z.txt", "a.txt", "ä.txt", "a-b.txt", "\U0001f388.txt", "\uff5e.txt"]
    for name in names:
        local_hub.write(REPO, name, name.encode())
    found = await service.download(everything())
    assert found.files == tuple(sorted(names, key=str.encode))


async def test_content_listed_twice_is_fetched_once(local_hub: LocalHub, service: DatasetService) -> None:
    content = noise(3 * MiB)
    for name in ("one.parquet", "two.parquet", "more/three.parquet"):
        local_hub.write(REPO, name, content)
    found = await service.download(everything())
    assert set(files_below(found.local_path).values()) == {content}
    assert len(found.files) == 3
    assert local_hub.bytes_sent() == len(content)
    assert local_hub.count(bucket="resolvers") == 1


async def test_copies_are_files_of_their_own(local_hub: LocalHub, service: DatasetService) -> None:
    for name in ("one.parquet", "two.parquet"):
        local_hub.write(REPO, name, b"same")
    one, two = (await service.download(everything())).paths
    one.write_bytes(b"other")
    assert two.read_bytes() == b"same"


async def test_nothing_is_left_on_its_way(local_hub: LocalHub, service: DatasetService, root: Path) -> None:
    local_hub.write(REPO, "big.parquet", noise(3 * MiB))
    await service.download(everything())
    assert parts_left(root) == []


async def test_the_licence_of_the_card_is_recorded(local_hub: LocalHub, service: DatasetService) -> None:
    local_hub.write(REPO, "README.md", b"---\nlicense: apache-2.0\n---\n")
    assert (await service.download(everything())).license == "apache-2.0"


async def test_the_configurations_of_the_card_are_recorded_also_later(
    local_hub: LocalHub, service: DatasetService, root: Path
) -> None:
    local_hub.write(REPO, "en/a.parquet", b"content")
    assert (await service.download(everything())).configs == ()
    card = {"configs": [{"config_name": "en", "data_files": [{"split": "train.raw", "path": "en/*.parquet"}]}]}
    local_hub.configure(REPO, card=card)
    expected = (DatasetConfig(name="en", patterns={"train.raw": ("en/*.parquet",)}),)
    assert (await service.download(everything())).configs == expected
    async with open_service(local_hub, root) as later:
        assert (await later.list_downloaded())[0].configs == expected
    local_hub.write(REPO, "en/b.parquet", b"more")
    assert (await service.download(everything())).configs == expected


async def test_a_range_that_fails_the_checksum_is_fetched_once_more(
    local_hub: LocalHub, service: DatasetService
) -> None:
    content = noise(3 * MiB)
    local_hub.write(REPO, "big.parquet", content)
    local_hub.fault(Corrupt(at=MiB), server="cdn", times=1, covering=MiB)
    found = await service.download(everything())
    assert files_below(found.local_path) == {"big.parquet": content}


@pytest.mark.parametrize("size", [100, 3 * MiB])
async def test_content_that_never_fits_its_checksum_never_reaches_its_place(
    local_hub: LocalHub, service: DatasetService, size: int
) -> None:
    content = noise(size)
    target = local_hub.write(REPO, "bad.parquet", content)
    local_hub.fault(Corrupt(at=7), server="cdn")
    with pytest.raises(ChecksumMismatch) as caught:
        await service.download(everything())
    assert caught.value.path == target.name
    assert caught.value.expected == sha256(content)
    assert await service.get_download_info(REPO) is None


async def test_corrupt_content_leaves_no_file(local_hub: LocalHub, service: DatasetService, root: Path) -> None:
    local_hub.write(REPO, "bad.parquet", noise(100))
    local_hub.fault(Corrupt(), server="cdn")
    with pytest.raises(ChecksumMismatch):
        await service.download(everything())
    assert not files_below(root)


@pytest.mark.parametrize("name", ["file.parquet", "file.txt"])
async def test_a_listing_with_a_wrong_checksum_is_found_before_the_first_byte(
    local_hub: LocalHub, service: DatasetService, name: str
) -> None:
    local_hub.write(REPO, name, noise(3 * MiB))
    local_hub.fault(WrongHash(), server="hub")
    with pytest.raises(ChecksumMismatch):
        await service.download(everything())
    assert local_hub.bytes_sent() == 0
    assert local_hub.count(bucket="resolvers") == 1


async def test_a_masked_checksum_is_taken_from_the_linked_etag(local_hub: LocalHub, service: DatasetService) -> None:
    content = noise(100)
    local_hub.write(REPO, "file.parquet", content)
    local_hub.fault(MaskedHashes(), server="hub")
    found = await service.download(everything())
    assert files_below(found.local_path) == {"file.parquet": content}


async def test_a_masked_checksum_is_recorded_as_it_was_verified(
    local_hub: LocalHub, service: DatasetService, root: Path
) -> None:
    content = noise(100)
    local_hub.write(REPO, "file.parquet", content)
    local_hub.fault(MaskedHashes(), server="hub")
    await service.download(everything())
    assert read_index(root)["datasets"][REPO]["checksums"] == {"file.parquet": sha256(content)}
    assert (await service.verify(REPO)).ok


@pytest.mark.parametrize("at", [0, 50])
async def test_corrupt_content_behind_a_masked_checksum_is_refused(
    local_hub: LocalHub, service: DatasetService, at: int
) -> None:
    local_hub.write(REPO, "file.parquet", noise(100))
    local_hub.fault(MaskedHashes(), server="hub")
    local_hub.fault(Corrupt(at=at), server="cdn")
    with pytest.raises(ChecksumMismatch):
        await service.download(everything())


async def test_a_file_that_nobody_tells_the_checksum_of_fails(local_hub: LocalHub, service: DatasetService) -> None:
    local_hub.write(REPO, "file.parquet", noise(100))
    local_hub.write(REPO, "good.txt", b"good")
    local_hub.fault(MaskedHashes(), server="hub")
    local_hub.fault(WithoutHeader("X-Linked-ETag"), server="hub")
    with pytest.raises(ChecksumMismatch) as caught:
        await service.download(everything())
    assert caught.value.expected is None
    assert local_hub.bytes_sent() == 0


# ---- several files ---------------------------------------------------------------------------------------------------


async def test_a_dangling_entry_fails_alone(local_hub: LocalHub, service: DatasetService) -> None:
    for name in ("a.parquet", "b.parquet", "c.parquet"):
        local_hub.write(REPO, name, name.encode())
    local_hub.fault(Missing(), server="hub", path="b.parquet")
    with pytest.raises(FileNotFound) as caught:
        await service.download(everything())
    assert caught.value.path == "b.parquet"
    assert await service.get_download_info(REPO) is None
    local_hub.clear_faults()
    local_hub.reset()
    await service.download(everything())
    assert local_hub.count(bucket="resolvers") == 1


async def test_a_large_file_fails_once_not_once_a_range(local_hub: LocalHub, service: DatasetService) -> None:
    local_hub.write(REPO, "big.parquet", noise(3 * MiB))
    local_hub.fault(Missing(), server="hub", path="big.parquet")
    with pytest.raises(FileNotFound):
        await service.download(everything())
    assert local_hub.count(bucket="resolvers") == 1


async def test_several_failures_are_told_together(local_hub: LocalHub, service: DatasetService) -> None:
    for name in ("a.parquet", "b.parquet", "c.parquet"):
        local_hub.write(REPO, name, name.encode() * 50)
    local_hub.fault(Missing(), server="hub", path="b.parquet")
    local_hub.fault(Corrupt(), server="cdn", path="c.parquet")
    with pytest.raises(DownloadFailed) as caught:
        await service.download(everything())
    assert Counter(type(each) for each in caught.value.failures) == Counter([FileNotFound, ChecksumMismatch])
    assert caught.value.exit_code == 6
    assert not caught.value.retryable


async def test_a_failed_update_leaves_what_is_recorded(local_hub: LocalHub, service: DatasetService) -> None:
    local_hub.write(REPO, "a.parquet", b"old")
    before = await service.download(everything())
    local_hub.write(REPO, "a.parquet", b"new")
    local_hub.write(REPO, "b.parquet", b"bad")
    local_hub.fault(Corrupt(), server="cdn", path="b.parquet")
    with pytest.raises(ChecksumMismatch):
        await service.download(everything())
    assert await service.get_download_info(REPO) == before
    assert files_below(before.local_path) == {"a.parquet": b"old"}


# ---- what is not there -----------------------------------------------------------------------------------------------


async def test_a_missing_dataset_is_not_found(service: DatasetService) -> None:
    with pytest.raises(DatasetNotFound) as caught:
        await service.download(everything("acme/nothing"))
    assert "HF_TOKEN" in str(caught.value)


@pytest.mark.parametrize("revision", ["no/such", "..", "."])
async def test_a_missing_revision_is_not_found(local_hub: LocalHub, service: DatasetService, revision: str) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    with pytest.raises(RevisionNotFound) as caught:
        await service.download(everything(revision=revision))
    assert caught.value.revision == revision


async def test_no_match_says_what_is_there(local_hub: LocalHub, service: DatasetService) -> None:
    local_hub.write(REPO, "a.txt", b"a")
    with pytest.raises(FileNotFound) as caught:
        await service.download(DatasetRequest(repo=REPO))
    assert caught.value.available == ("a.txt",)


async def test_a_glob_that_would_match_deeper_is_answered_with_that(
    local_hub: LocalHub, service: DatasetService
) -> None:
    local_hub.write(REPO, "data/a.csv", b"a")
    with pytest.raises(FileNotFound, match=r"\*\*/\*\.csv"):
        await service.download(DatasetRequest(repo=REPO, include=("*.csv",)))


async def test_an_empty_pattern_is_refused_before_any_request(local_hub: LocalHub, service: DatasetService) -> None:
    with pytest.raises(InvalidPattern):
        await service.download(DatasetRequest(repo=REPO, include=("",)))
    assert not local_hub.requests


# ---- events ----------------------------------------------------------------------------------------------------------


async def test_events_tell_the_download_in_order(local_hub: LocalHub, service: DatasetService) -> None:
    local_hub.write(REPO, "a.parquet", noise(2 * MiB))
    local_hub.write(REPO, "b.txt", b"b")
    events: list[Event] = []
    found = await service.download(everything(), on_event=events.append)
    names = [type(event).__name__ for event in events]
    assert names[0] == "Planned"
    assert names[-1] == "Finished"
    assert names[-2] == "BytesReceived"
    assert Counter(names)["FileStarted"] == Counter(names)["FileVerified"] == 2
    assert of_kind(events, Finished)[0].dataset == found


async def test_progress_never_falls_and_ends_at_the_total(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "a.parquet", noise(4 * MiB))
    events: list[Event] = []
    async with open_service(local_hub, root) as service:
        await service.download(everything(), on_event=events.append)
    received = [event.received for event in of_kind(events, BytesReceived)]
    assert received == sorted(received)
    assert received[-1] == 4 * MiB


async def test_a_second_call_tells_only_that_it_is_finished(local_hub: LocalHub, service: DatasetService) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    await service.download(everything())
    events: list[Event] = []
    await service.download(everything(), on_event=events.append)
    assert [type(event).__name__ for event in events] == ["Finished"]


async def test_a_retry_says_what_failed(local_hub: LocalHub, service: DatasetService) -> None:
    local_hub.write(REPO, "a.parquet", noise(1000))
    local_hub.fault(Status(503), server="cdn", times=1)
    events: list[Event] = []
    await service.download(everything(), on_event=events.append)
    (retried,) = of_kind(events, Retried)
    assert retried.path == "a.parquet"
    assert "503" in retried.reason


class _Enough(Exception): ...


@pytest.mark.parametrize("kind", [_Enough, BrokenPipeError, KeyError])
async def test_what_a_listener_raises_comes_out_as_it_is(
    local_hub: LocalHub, service: DatasetService, kind: type[Exception]
) -> None:
    local_hub.write(REPO, "a.parquet", noise(3 * MiB))

    def refuse(event: Event) -> None:
        if isinstance(event, FileStarted):
            raise kind("enough")

    with pytest.raises(kind, match="enough"):
        await service.download(everything(), on_event=refuse)
