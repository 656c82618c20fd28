"""What errors propose over HTTP: nothing that only a shell or Python understands."""

import re
from typing import Any

import pytest

from hfsvc.errors import BadParquet, BadRow, DatasetChanged, GatedDataset, LockMismatch, NotDownloaded
from hfsvc.server.callers_words import in_callers_words
from hfsvc.trajectories.files.base import damage_hint


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            NotDownloaded(repo="acme/v1.5"),
            'acme/v1.5 is not downloaded: download it with POST api/jobs {"repo": "acme/v1.5"}',
        ),
        (NotDownloaded(repo="squad"), 'POST api/jobs {"repo": "squad"}'),
        (BadRow(file="a", row=1, column=None, reason="no"), "`skip_bad=true` of api/trajectories.jsonl"),
        (BadParquet(file="a", reason="no", hint=damage_hint("acme/v1.5")), "POST api/datasets/acme%2Fv1.5/verify"),
        (DatasetChanged(repo="a/b", hint="It was: run: hfsvc download a/b"), 'POST api/jobs {"repo": "a/b"}'),
        (LockMismatch(repo="a/b", differences=("x",)), "DELETE api/datasets/a%2Fb"),
        (GatedDataset(repo="a/b"), "then set HF_TOKEN of the server"),
    ],
)
def test_a_client_can_do_what_it_is_told(error: Any, said: str) -> None:
    document = in_callers_words(error.document())
    told = f"{document['message']} {document['hint']}"
    assert said in told
    assert not re.search(r"hfsvc [a-z]+|(?<!\w)--\w|on_bad_row", told)
    assert (document["code"], document["retryable"]) == (error.code, error.retryable)
