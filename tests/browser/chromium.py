"""Where a Chromium is, and how it is started for tests."""

import os
import shutil
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Read here: tests see none of it.
NAMED = os.environ.get("HFSVC_CHROMIUM")
# In containers its sandbox cannot be made; the others keep it from calling home.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


def find_chromium() -> str | None:
    """The one that HFSVC_CHROMIUM names, the system's, or one that Playwright has brought; None where there is none."""
    return NAMED or next(filter(None, map(shutil.which, NAMES)), None) or _brought()


def _brought() -> str | None:
    folder = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH", Path.home() / ".cache" / "ms-playwright"))
    return next((str(each) for each in sorted(folder.glob("chromium-*/chrome-linux*/chrome"))), None)
