import sys
from pathlib import Path

# The documents that peers are compared on are those of the default tests.
sys.path.insert(0, str(Path(__file__).parents[1] / "atif"))
