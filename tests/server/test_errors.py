"""What is said of errors to those who must not learn where the server keeps things."""

from pathlib import Path

import pytest

from hfsvc.server.errors import ErrorRenderer
from hfsvc.settings import Settings


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/data/owner/name/a.parquet is damaged", "owner/name/a.parquet is damaged"),
        ("[Errno 13] '/data/.hfsvc/x': no", "[Errno 13] '.hfsvc/x': no"),
        ("/data cannot be written", "… cannot be written"),
        ("moved to /data.", "moved to …."),
        ("owner/dataset has no data/a.parquet", "owner/dataset has no data/a.parquet"),
        ("owner/data/a.parquet", "owner/data/a.parquet"),
        ("/database", "/database"),
        ("/srv/cache/hub/x, /srv/cache", "x, /srv/cache"),
    ],
)
def test_folders_of_the_server_are_left_out_and_nothing_else(text: str, said: str) -> None:
    assert ErrorRenderer(Settings(root=Path("/data"), hf_cache=Path("/srv/cache/hub"))).redact(text) == said
