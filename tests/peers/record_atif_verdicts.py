"""Write down Harbor's verdicts for the default tests: `python tests/peers/record_atif_verdicts.py PYTHON_WITH_HARBOR`."""

import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / "atif")]

from atif_corpus import VERDICTS, recorded, verdict_text  # noqa: E402  # pyright: ignore[reportMissingImports]
from atif_harbor import Harbor  # noqa: E402


def main() -> None:
    harbor = Harbor(sys.argv[1])
    verdicts = [theirs["valid"] for _, theirs in harbor.judge(recorded())]
    harbor.close()
    VERDICTS.write_text(verdict_text(verdicts), encoding="ascii")
    print(f"{len(verdicts)} documents, {sum(verdicts)} valid")  # noqa: T201


if __name__ == "__main__":
    main()
