"""Runs inside a Python that has Harbor: a list of base64 documents a line in, a list of verdicts a line out.

Each document is validated as Harbor does it for a user, as a file.
"""

import base64
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from harbor.models.trajectories import Trajectory  # pyright: ignore[reportMissingImports]
from harbor.utils.trajectory_validator import TrajectoryValidator  # pyright: ignore[reportMissingImports]


def judge(document: bytes, file: Path, *, media: bool) -> dict[str, Any]:
    file.write_bytes(document)
    validator = TrajectoryValidator()
    try:
        valid = validator.validate(file, validate_images=media)
    except Exception as error:  # the command line counts a crash as invalid, too
        return {"valid": False, "errors": [f"crash: {type(error).__name__}"], "dump": None}
    return {"valid": valid, "errors": validator.errors, "dump": dump(file) if valid else None}


def dump(file: Path) -> str | None:
    try:
        document = Trajectory.model_validate(json.loads(file.read_text("utf-8"))).to_json_dict()
    except (ValueError, RecursionError):  # too deep to serialise, or a lone surrogate in a key
        return None
    return json.dumps(document)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "trajectory.json"
        for line in sys.stdin:
            order = json.loads(line)
            documents = map(base64.b64decode, order["documents"])
            verdicts = [judge(document, file, media=order["media"]) for document in documents]
            sys.stdout.write(json.dumps(verdicts) + "\n")
            sys.stdout.flush()


main()
