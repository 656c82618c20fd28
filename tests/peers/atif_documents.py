"""The documents of the default tests, for asking peers about them."""

import importlib
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "atif"))
_corpus: Any = importlib.import_module("atif_corpus")

FULL: dict[str, Any] = _corpus.FULL
VERDICTS: Path = _corpus.VERDICTS
dump = _corpus.dump
recorded = _corpus.recorded
variants = _corpus.variants
verdict_text = _corpus.verdict_text
