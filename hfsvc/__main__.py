"""``python -m hfsvc``."""

from hfsvc.cli.main import main

main()
