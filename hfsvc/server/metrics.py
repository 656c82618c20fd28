"""What the server counts, and how Prometheus reads it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from hfsvc.metrics import MetricsRecorder


class Family(NamedTuple):
    """One metric: its name, what kind it is, what it tells, and its value for every set of labels."""

    name: str
    kind: str
    about: str
    values: Mapping[str, float]


class Counts:
    """Counts of one server.

    Attributes:
        answers: HTTP answers begun, by status.
        refused: Requests and sockets that did not come in, by the code of the refusal.
        questions: Requests on sockets, by what they asked for.
        requests: HTTP requests under way.
        sockets: Sockets that are open.
    """

    def __init__(self) -> None:
        self.answers: Counter[int] = Counter()
        self.refused: Counter[str] = Counter()
        self.questions: Counter[str] = Counter()
        self.requests = 0
        self.sockets = 0

    def families(self) -> list[Family]:
        """Everything that is counted here."""
        return [
            Family("hfsvc_http_answers_total", "counter", "HTTP answers by status.", _by("status", self.answers)),
            Family("hfsvc_refused_total", "counter", "Requests that did not come in.", _by("code", self.refused)),
            Family("hfsvc_socket_requests_total", "counter", "Requests on sockets.", _by("request", self.questions)),
            Family("hfsvc_http_requests", "gauge", "HTTP requests under way.", {"": self.requests}),
            Family("hfsvc_sockets", "gauge", "Open sockets.", {"": self.sockets}),
        ]


def transfer_families(metrics: MetricsRecorder) -> list[Family]:
    """What a container's metrics have counted, where they keep totals as `Counters` do."""
    totals: Mapping[str, float] = getattr(metrics, "totals", {})
    return [
        Family(f"hfsvc_{name}_total", "counter", f"Transfers: {name.replace('_', ' ')}.", {"": value})
        for name, value in sorted(totals.items())
    ]


def as_prometheus(families: Iterable[Family]) -> str:
    """MetricsRecorder in Prometheus' text format, version 0.0.4. Pure."""
    return "".join(line for family in families for line in _lines(family))


def _lines(family: Family) -> Iterable[str]:
    yield f"# HELP {family.name} {family.about}\n"
    yield f"# TYPE {family.name} {family.kind}\n"
    for labels, value in family.values.items():
        yield f"{family.name}{labels} {value}\n"


def _by(label: str, counter: Mapping[int, int] | Mapping[str, int]) -> dict[str, float]:
    return {f'{{{label}="{name}"}}': value for name, value in counter.items()}
