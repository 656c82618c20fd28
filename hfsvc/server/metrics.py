"""Metrics of the server, in Prometheus' text format."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from hfsvc.metrics import MetricsRecorder


class MetricFamily(NamedTuple):
    """One metric: its name, its kind, its help text, and its value for every set of labels."""

    name: str
    kind: str
    help: str
    values: Mapping[str, float]


class ServerCounters:
    """Counters of one server.

    Attributes:
        responses: HTTP responses begun, by status.
        refused: Requests and sockets that did not come in, by the code of the refusal.
        socket_requests: Requests on sockets, by what they asked for.
        requests: HTTP requests under way.
        sockets: Sockets that are open.
    """

    def __init__(self) -> None:
        self.responses: Counter[int] = Counter()
        self.refused: Counter[str] = Counter()
        self.socket_requests: Counter[str] = Counter()
        self.requests = 0
        self.sockets = 0

    def families(self) -> list[MetricFamily]:
        """Everything that is counted here."""
        return [
            MetricFamily(
                "hfsvc_http_answers_total", "counter", "HTTP answers by status.", _by("status", self.responses)
            ),
            MetricFamily("hfsvc_refused_total", "counter", "Requests that did not come in.", _by("code", self.refused)),
            MetricFamily(
                "hfsvc_socket_requests_total", "counter", "Requests on sockets.", _by("request", self.socket_requests)
            ),
            MetricFamily("hfsvc_http_requests", "gauge", "HTTP requests under way.", {"": self.requests}),
            MetricFamily("hfsvc_sockets", "gauge", "Open sockets.", {"": self.sockets}),
        ]


def transfer_families(metrics: MetricsRecorder) -> list[MetricFamily]:
    """What a container's metrics have counted, where they keep totals as `Counters` do."""
    totals: Mapping[str, float] = getattr(metrics, "totals", {})
    return [
        MetricFamily(f"hfsvc_{name}_total", "counter", f"Transfers: {name.replace('_', ' ')}.", {"": value})
        for name, value in sorted(totals.items())
    ]


def as_prometheus(families: Iterable[MetricFamily]) -> str:
    """Metrics in Prometheus' text format, version 0.0.4. Pure."""
    return "".join(line for family in families for line in _lines(family))


def _lines(family: MetricFamily) -> Iterable[str]:
    yield f"# HELP {family.name} {family.help}\n"
    yield f"# TYPE {family.name} {family.kind}\n"
    for labels, value in family.values.items():
        yield f"{family.name}{labels} {value}\n"


def _by(label: str, counter: Mapping[int, int] | Mapping[str, int]) -> dict[str, float]:
    return {f'{{{label}="{name}"}}': value for name, value in counter.items()}
