"""What logs show of addresses and tokens."""

import pytest

from hfsvc.hub.transport import redact


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET https://h/x?Signature=geheim", "GET https://h/x?…"),
        ("GET https://h/x?name=UTF-8''a.parquet&Signature=geheim done", "GET https://h/x?… done"),
        ('GET https://h/it\'s?Signature=geheim "HTTP/1.1 206"', 'GET https://h/it\'s?… "HTTP/1.1 206"'),
        ('[(b"location", b"https://h/it\'s?Signature=geheim")]', '[(b"location", b"https://h/it\'s?…'),
        ("Authorization: Bearer hf_geheim", "Authorization: Bearer …"),
        ("a token hf_geheim", "a token hf_…"),
        ("no address? and no token", "no address? and no token"),
    ],
)
def test_queries_and_tokens_are_cut(text: str, shown: str) -> None:
    assert redact(text) == shown
