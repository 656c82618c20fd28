"""Write down Harbor's verdicts for the default tests: `python -m tests.peers.record_atif_verdicts PYTHON_WITH_HARBOR`."""

import sys

from tests.atif.atif_corpus import VERDICTS, recorded, verdict_text

from .atif_harbor import Harbor


def main() -> None:
    harbor = Harbor(sys.argv[1])
    verdicts = [theirs["valid"] for _, theirs in harbor.judge(recorded())]
    harbor.close()
    VERDICTS.write_text(verdict_text(verdicts), encoding="ascii")
    print(f"{len(verdicts)} documents, {sum(verdicts)} valid")  # noqa: T201


if __name__ == "__main__":
    main()
