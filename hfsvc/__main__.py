"""``python -m hfsvc``."""

from hfsvc.cli.main import run

run()
