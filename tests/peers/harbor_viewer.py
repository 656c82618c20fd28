"""Runs inside a Python that has Harbor and what its viewer needs: what the viewer's API says of a folder, as JSON."""

import json
import sys
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient  # pyright: ignore[reportMissingImports]
from harbor.viewer.server import create_app  # pyright: ignore[reportMissingImports]


def look(folder: Path) -> list[dict[str, Any]]:
    """Every job, with its trials and their trajectories."""
    client = TestClient(create_app(folder, mode="jobs"))
    jobs: list[dict[str, Any]] = client.get("/api/jobs").raise_for_status().json()["items"]
    for job in jobs:
        place = f"/api/jobs/{job['name']}"
        job["result"] = client.get(place).raise_for_status().json()
        job["trials"] = client.get(f"{place}/trials").raise_for_status().json()["items"]
        for trial in job["trials"]:
            inside = f"{place}/trials/{trial['name']}"
            trial["result"] = client.get(inside).raise_for_status().json()
            trial["trajectory"] = client.get(f"{inside}/trajectory").raise_for_status().json()
    return jobs


if __name__ == "__main__":
    json.dump(look(Path(sys.argv[1])), sys.stdout)
