import json

from hfsvc.atif import media_paths
from hfsvc.atif.codec import decode

from .atif_corpus import FULL, SMALL


def test_the_local_files_of_messages_and_results_in_document_order() -> None:
    assert [(media.path, media.at, media.kind) for media in media_paths(decode(json.dumps(FULL)))] == [
        ("audio/q.wav", "$.steps[0].message[1].source.path", "audio"),
        ("images/1.png", "$.steps[1].observation.results[1].content[1].source.path", "image"),
    ]


def test_addresses_empty_paths_and_embedded_subagents_are_left_out() -> None:
    parts = [
        {"type": "image", "source": {"media_type": "image/png", "path": path}}
        for path in (
            "",
            "https://example.org/a.png",
            "s3://bucket/a.png",
            "/absolute/a.png",
            "a.png",
            "a.png",
            "data:x",
        )
    ]
    document = SMALL | {"steps": [{"step_id": 1, "source": "user", "message": parts}]}
    document = document | {"subagent_trajectories": [document | {"trajectory_id": "a"}]}
    assert [media.path for media in media_paths(decode(json.dumps(document)))] == [
        "/absolute/a.png",
        "a.png",
        "a.png",
        "data:x",
    ]
