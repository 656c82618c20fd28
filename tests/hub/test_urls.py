from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc.errors import InvalidRepoId
from hfsvc.hub.urls import (
    RepoAddress,
    across_prefix,
    check_repo_id,
    following_page,
    info_url,
    is_downgrade,
    next_hop,
    parse_repo,
    resolve_url,
    same_origin,
    without_query,
)

ENDPOINT = "https://huggingface.co"
MIRROR = "https://mirror.example/hf"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("text", "repo", "revision", "path"),
    [
        ("a/b", "a/b", None, None),
        ("  a/b\n", "a/b", None, None),
        ("squad", "squad", None, None),
        ("datasets/a/b", "a/b", None, None),
        ("datasets/squad", "squad", None, None),
        ("a/b/", "a/b", None, None),
        ("datasets/a/b/", "a/b", None, None),
        ("a/b@v1", "a/b", "v1", None),
        ("a/b/@v1", "a/b", "v1", None),
        ("datasets/a/b@refs/pr/1", "a/b", "refs/pr/1", None),
        ("datasets/squad@main", "squad", "main", None),
        ("git@hf.co:datasets/a/b", "a/b", None, None),
        ("git@huggingface.co:datasets/a/b.git", "a/b", None, None),
        ("ssh://git@hf.co/datasets/a/b", "a/b", None, None),
        ("https://huggingface.co/datasets/a/b.git", "a/b", None, None),
        ("huggingface.co/datasets/a/b", "a/b", None, None),
        ("hf.co/datasets/a/b/tree/v1/data", "a/b", "v1", "data"),
        ("hf://datasets/a/b", "a/b", None, None),
        ("hf://datasets/squad", "squad", None, None),
        ("hf://datasets/a/b@v1", "a/b", "v1", None),
        ("hf://datasets/a/b@v1/data/x.parquet", "a/b", "v1", "data/x.parquet"),
        ("hf://datasets/a/b/data/x.parquet", "a/b", None, "data/x.parquet"),
        ("hf://datasets/a/b@refs/pr/1", "a/b", "refs/pr/1", None),
        ("hf://datasets/a/b@1/a@b.jsonl", "a/b", "1", "a@b.jsonl"),
        ("hf://datasets/a/b/a@b.jsonl", "a/b", None, "a@b.jsonl"),
        ("hf://datasets/a/b/x@1/a@b.jsonl", "a/b", None, "x@1/a@b.jsonl"),
        ("hf://datasets/squad@v1/a@b.jsonl", "squad", "v1", "a@b.jsonl"),
        ("hf://datasets/a/b@refs/pr/1/x.parquet", "a/b", "refs/pr/1", "x.parquet"),
        ("hf://datasets/a/b@refs/convert/parquet/x", "a/b", "refs/convert/parquet", "x"),
        ("hf://datasets/a/b@refs%2Fpr%2F1/x", "a/b", "refs/pr/1", "x"),
        ("https://huggingface.co/datasets/a/b", "a/b", None, None),
        ("https://huggingface.co/datasets/a/b/", "a/b", None, None),
        ("https://huggingface.co/datasets/a/b?row=3#x", "a/b", None, None),
        ("https://www.huggingface.co/datasets/a/b", "a/b", None, None),
        ("https://hf.co/datasets/a/b", "a/b", None, None),
        ("http://huggingface.co/datasets/a/b", "a/b", None, None),
        ("https://huggingface.co/datasets/squad", "squad", None, None),
        ("https://huggingface.co/datasets/squad/tree/main", "squad", "main", None),
        ("https://huggingface.co/datasets/a/b/tree/main", "a/b", "main", None),
        ("https://huggingface.co/datasets/a/b/tree/main/data", "a/b", "main", "data"),
        ("https://huggingface.co/datasets/a/b/tree/refs%2Fpr%2F1/data", "a/b", "refs/pr/1", "data"),
        ("https://huggingface.co/datasets/a/b/tree/refs/pr/1/data", "a/b", "refs/pr/1", "data"),
        ("https://huggingface.co/datasets/a/b/blob/main/data/x%20y%25.parquet", "a/b", "main", "data/x y%.parquet"),
        ("https://huggingface.co/datasets/a/b/resolve/main/x.parquet?download=true", "a/b", "main", "x.parquet"),
        ("https://huggingface.co/datasets/a/b/raw/v1/x", "a/b", "v1", "x"),
        ("https://huggingface.co/datasets/a/b/viewer/default/train", "a/b", None, None),
        ("https://huggingface.co/datasets/a/b/discussions/1", "a/b", None, None),
        ("https://huggingface.co/api/datasets/a/b", "a/b", None, None),
        ("https://mirror.example/hf/datasets/a/b/tree/v1", "a/b", "v1", None),
    ],
)
def test_what_people_paste_is_understood(text: str, repo: str, revision: str | None, path: str | None) -> None:
    assert parse_repo(text, MIRROR) == RepoAddress(repo, revision, path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "a/b/c",
        "/a/b",
        "a/b//",
        "a//b",
        "a/b@",
        "a/b@..",
        "a/b@v1@v2",
        "@v1",
        "git@hf.co:a/b",
        "git@evil.example:datasets/a/b",
        "hf.co/a/b",
        "a b/c",
        "-a/b",
        "a/b.",
        ".a/b",
        "a/b--c",
        "a/b..c",
        "a/b.git",
        "../x",
        "a/..",
        "a/" + "b" * 97,
        "ä/b",
        "a\\b",
        "a/b?x",
        "a/b#x",
        "a/b%20",
        "a/b\n/c",
        "models/a/b",
        "spaces/a/b",
        "hf://a/b",
        "hf://models/a/b",
        "hf://datasets/",
        "hf://datasets/@v1",
        "https://huggingface.co/a/b",
        "https://huggingface.co/datasets",
        "https://huggingface.co/datasets/",
        "https://evil.example/datasets/a/b",
        "https://huggingface.co.evil.example/datasets/a/b",
        "https://huggingface.co@evil.example/datasets/a/b",
        "https://huggingface.co/datasets/..%2F..%2Fx/y",
        "http://[",
        "://",
        "https://[huggingface.co/datasets/a/b",
    ],
)
def test_what_names_no_dataset_is_refused(text: str) -> None:
    with pytest.raises(InvalidRepoId):
        parse_repo(text, MIRROR)


@given(st.text())
def test_any_text_is_an_id_or_refused(text: str) -> None:
    try:
        address = parse_repo(text, ENDPOINT)
    except InvalidRepoId:
        return
    assert check_repo_id(address.repo) == address.repo


@pytest.mark.parametrize("path", ["100%20.parquet", "a%2Fb.parquet", "a%.parquet"])
def test_a_path_in_an_hf_uri_is_taken_as_it_stands(path: str) -> None:
    assert parse_repo(f"hf://datasets/a/b@v1/{path}", ENDPOINT).path == path
    assert parse_repo(f"hf://datasets/a/b/{path}", ENDPOINT).path == path


@pytest.mark.parametrize(
    ("path", "quoted"),
    [
        ("a b.parquet", "a%20b.parquet"),
        ("a#b", "a%23b"),
        ("a?b", "a%3Fb"),
        ("a%b", "a%25b"),
        ("a+b", "a%2Bb"),
        ("a%20b", "a%2520b"),
        ("é/日", "%C3%A9/%E6%97%A5"),
        ("data/x.parquet", "data/x.parquet"),
        ("a&b=c;d", "a%26b%3Dc%3Bd"),
    ],
)
def test_a_path_is_quoted_part_by_part(path: str, quoted: str) -> None:
    assert resolve_url(ENDPOINT, "a/b", COMMIT, path).endswith(f"/datasets/a/b/resolve/{COMMIT}/{quoted}")


def test_a_revision_is_one_segment() -> None:
    assert info_url(ENDPOINT, "a/b", "refs/pr/1") == f"{ENDPOINT}/api/datasets/a/b/revision/refs%2Fpr%2F1"


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(names, names)
def test_quoting_can_be_undone_and_leaves_the_address_whole(revision: str, path: str) -> None:
    url = resolve_url(ENDPOINT, "a/b", revision, path)
    parts = urlsplit(url)
    assert (parts.query, parts.fragment, parts.netloc) == ("", "", "huggingface.co")
    _, _, tail = parts.path.partition("/resolve/")
    quoted_revision, _, quoted_path = tail.partition("/")
    assert (unquote(quoted_revision), unquote(quoted_path)) == (revision, path)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://h/x", "https://h:443/y", True),
        ("http://h/x", "http://h:80", True),
        ("https://H.example", "https://h.example/x", True),
        ("https://h", "http://h", False),
        ("https://h", "https://h:444", False),
        ("https://h", "https://h.evil", False),
        ("https://h", "https://sub.h", False),
        ("https://h", "https://h@evil", False),
    ],
)
def test_an_origin_is_scheme_host_and_port(one: str, other: str, same: bool) -> None:
    assert same_origin(one, other) is same


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:pass@h:8443/a/b?Signature=x#y", "https://h:8443/a/b"),
        ("https://h/a?x", "https://h/a"),
        ("http://h", "http://h"),
        ("http://[::1]:8080/a?x", "http://[::1]:8080/a"),
        ("https://[2001:DB8::1]/a", "https://[2001:db8::1]/a"),
    ],
)
def test_an_address_is_shown_without_what_may_be_secret(url: str, shown: str) -> None:
    assert without_query(url) == shown


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/x?Signature=a%2Fb%3D&x=", "https://h/x?Signature=a%2Fb%3D&x="),
        ("https://cdn/x?b=1&a=2", "https://cdn/x?b=1&a=2"),
        ("//cdn/x", "https://cdn/x"),
        ("x", "https://h/a/x"),
        ("ftp://h/x", None),
        ("http://[", None),
        ("http://h:99999/", None),
        ("data:text/plain,x", None),
    ],
)
def test_a_redirect_leads_to_an_address_or_nowhere(location: str, target: str | None) -> None:
    assert next_hop("https://h/a/b", location, ENDPOINT) == target


def test_leaving_https_is_a_downgrade() -> None:
    assert is_downgrade("https://h", "http://h")
    assert not is_downgrade("http://h", "http://cdn")
    assert not is_downgrade("http://h", "https://cdn")


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/api/x?etag=%22a%22", "https://mirror.example/hf/api/x?etag=%22a%22"),
        ("/hf/api/x", "https://mirror.example/hf/api/x"),
        ("/hfx/api/x", "https://mirror.example/hf/hfx/api/x"),
        ("https://mirror.example/files/x", "https://mirror.example/files/x"),
        ("https://cdn.example/x", "https://cdn.example/x"),
        ("//mirror.example/x", "https://mirror.example/x"),
        ("y?z", "https://mirror.example/hf/datasets/y?z"),
    ],
)
def test_what_a_mirror_calls_absolute_lies_below_its_path(location: str, target: str) -> None:
    assert next_hop("https://mirror.example/hf/datasets/x", location, MIRROR) == target
    assert next_hop("https://cdn.example/a/b", "/x", MIRROR) == "https://cdn.example/x"


def test_an_address_may_lie_on_the_other_side_of_a_mirrors_path() -> None:
    assert across_prefix("https://mirror.example/hf/api/x?y", MIRROR) == "https://mirror.example/api/x?y"
    assert across_prefix("https://mirror.example/api/x?y", MIRROR) == "https://mirror.example/hf/api/x?y"
    assert across_prefix("https://cdn.example/hf/x", MIRROR) is None
    assert across_prefix("https://huggingface.co/api/x", ENDPOINT) is None


@pytest.mark.parametrize(
    ("link", "query"),
    [
        ("https://huggingface.co/api/datasets/a/b/tree/x?recursive=true&cursor=a%3D", "recursive=true&cursor=a%3D"),
        ("http://10.0.0.7:8080/tree?recursive=true&cursor=a%3D", "recursive=true&cursor=a%3D"),
        ("/api/tree?cursor=a", "recursive=true&cursor=a"),
        ("?recursive=true&cursor=a", "recursive=true&cursor=a"),
    ],
)
def test_of_a_link_only_the_query_counts(link: str, query: str) -> None:
    url = "https://mirror.example/hf/api/datasets/a/b/tree/x"
    assert following_page(f"{url}?recursive=true", link) == f"{url}?{query}"


@pytest.mark.parametrize("link", ["https://huggingface.co/api/tree", "http://[?x=", ""])
def test_a_link_without_a_query_names_no_page(link: str) -> None:
    assert following_page("https://h/x?recursive=true", link) is None
