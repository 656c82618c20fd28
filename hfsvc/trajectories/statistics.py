"""Statistics of a dataset: rows, messages, who speaks; counted batch by batch in bounded memory. Pure."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest

from hfsvc.models import Bucket, DatasetStatistics, Distribution, Fidelity, RecoveryStatistics, RoleStatistics
from hfsvc.trajectories.layouts.message_counts import MessageCounts

RECOVERED = ("reasoning", "calls", "answered", "observations")
COUNTED = ("agent", "model", "result")
# So many different values of one column are counted by name: a column that names every row must not fill memory.
MAX_VALUES = 1000
OTHERS = "(others)"
UNNAMED = "(none)"
_STEPS = (1, 3)
EDGES = (0, *(step * 10**power for power in range(9) for step in _STEPS))


class Histogram:
    """A histogram of numbers from 0 on, with their sum and extremes."""

    def __init__(self) -> None:
        self._count = 0
        self._total = 0
        self._bounds: tuple[int, int] | None = None
        self._buckets = Counter[int]()

    def add(self, numbers: Sequence[int]) -> None:
        """Take in numbers."""
        if not numbers:
            return
        smallest, largest = min(numbers), max(numbers)
        known = self._bounds or (smallest, largest)
        self._bounds = min(known[0], smallest), max(known[1], largest)
        self._count += len(numbers)
        self._total += sum(numbers)
        self._buckets.update(bisect_right(EDGES, number) - 1 for number in numbers)

    def merge(self, other: "Histogram") -> None:
        """Take in what another one has."""
        if other._bounds:
            known = self._bounds or other._bounds
            self._bounds = min(known[0], other._bounds[0]), max(known[1], other._bounds[1])
        self._count += other._count
        self._total += other._total
        self._buckets.update(other._buckets)

    def result(self) -> Distribution:
        """What there was so far."""
        smallest, largest = self._bounds or (None, None)
        edges = enumerate(zip_longest(EDGES, EDGES[1:]))
        buckets = [Bucket(at_least=low, below=high, count=self._buckets[index]) for index, (low, high) in edges]
        return Distribution(
            count=self._count,
            total=self._total,
            smallest=smallest,
            largest=largest,
            buckets=tuple(_without_empty_ends(buckets)),
        )


def _without_empty_ends(buckets: Sequence[Bucket]) -> Sequence[Bucket]:
    filled = [index for index, bucket in enumerate(buckets) if bucket.count]
    return buckets[filled[0] : filled[-1] + 1] if filled else ()


class RecoveryBuilder:
    """What was recovered of the rows so far."""

    def __init__(self) -> None:
        self._counts = Counter[str]()
        self._notations = Counter[str]()

    def add(self, found: Fidelity) -> None:
        """Take in a row."""
        for name in RECOVERED:
            self._counts[name] += getattr(found, name)
        self._counts["kept_as_text"] += len({each.message for each in found.kept_as_text})
        self._notations.update(found.notations)

    def merge(self, other: "RecoveryBuilder") -> None:
        """Take in later rows that another one counted."""
        self._counts.update(other._counts)
        self._notations.update(other._notations)

    def result(self) -> RecoveryStatistics:
        """What there was so far."""
        return RecoveryStatistics(**self._counts, notations=dict(self._notations.most_common()))


class StatisticsBuilder:
    """Statistics of a dataset, counted from some of its batches so far.

    Args:
        most_values: So many values of a column, and roles, are told apart, those that come first; None for all.

    Attributes:
        recovered: Takes what the rows tell when they are read in the style ``structured``.
    """

    def __init__(self, most_values: int | None = MAX_VALUES) -> None:
        self._most_values = most_values
        self._rows = 0
        self._bad_rows = 0
        self._steps = Histogram()
        self._characters = Histogram()
        self._roles: dict[str, RoleStatistics] = {}
        self._values = {name: Counter[str]() for name in COUNTED}
        self.recovered = RecoveryBuilder()

    def add(self, counts: MessageCounts, metadata: Mapping[str, Iterable[str | None]]) -> None:
        """Take in a batch.

        Args:
            counts: Its messages.
            metadata: What its rows have of `COUNTED`, column by column.
        """
        lengths = [length for length in counts.lengths if length]
        self._rows += len(counts.lengths)
        self._bad_rows += len(counts.lengths) - len(lengths)
        self._steps.add(lengths)
        self._characters.add(counts.characters)
        self._add_roles(counts)
        for name, counter in self._values.items():
            for value, rows in Counter(metadata.get(name, ())).items():
                self._count(counter, value, rows)

    def merge(self, other: "StatisticsBuilder") -> None:
        """Take in later batches that another one counted, with all values by their names."""
        self._rows += other._rows
        self._bad_rows += other._bad_rows
        self._steps.merge(other._steps)
        self._characters.merge(other._characters)
        for role, said in other._roles.items():
            self._add_role(role, said)
        for name, counter in self._values.items():
            for value, rows in other._values[name].items():
                self._count(counter, value, rows)
        self.recovered.merge(other.recovered)

    def _add_roles(self, counts: MessageCounts) -> None:
        said = Counter[str | None]()
        for role, characters in zip(counts.roles, counts.characters, strict=True):
            said[role] += characters
        for role, messages in Counter(counts.roles).items():
            name = UNNAMED if role is None else role
            self._add_role(name, RoleStatistics(messages=messages, characters=said[role]))

    def _add_role(self, name: str, said: RoleStatistics) -> None:
        if name not in self._roles and self._is_full(len(self._roles)):
            name = OTHERS
        known = self._roles.get(name, RoleStatistics(messages=0, characters=0))
        self._roles[name] = RoleStatistics(
            messages=known.messages + said.messages, characters=known.characters + said.characters
        )

    def _count(self, counter: Counter[str], value: str | None, rows: int) -> None:
        if value is not None:
            counter[OTHERS if value not in counter and self._is_full(len(counter)) else value] += rows

    def _is_full(self, values: int) -> bool:
        return self._most_values is not None and values >= self._most_values

    def result(self) -> DatasetStatistics:
        """What there was so far."""
        agents, models, results = (dict(self._values[name].most_common()) for name in COUNTED)
        return DatasetStatistics(
            rows=self._rows,
            bad_rows=self._bad_rows,
            steps=self._steps.result(),
            characters=self._characters.result(),
            roles=dict(sorted(self._roles.items(), key=lambda item: -item[1].messages)),
            agents=agents,
            models=models,
            results=results,
            recovered=self.recovered.result(),
        )


def joined_statistics(several: Sequence[DatasetStatistics]) -> DatasetStatistics:
    """The statistics of several datasets together."""
    roles: dict[str, RoleStatistics] = {}
    for role, said in (item for each in several for item in each.roles.items()):
        known = roles.get(role, RoleStatistics(messages=0, characters=0))
        roles[role] = RoleStatistics(
            messages=known.messages + said.messages, characters=known.characters + said.characters
        )
    numbers = {name: sum(getattr(each.recovered, name) for each in several) for name in (*RECOVERED, "kept_as_text")}
    notations = _added(each.recovered.notations for each in several)
    return DatasetStatistics(
        rows=sum(each.rows for each in several),
        bad_rows=sum(each.bad_rows for each in several),
        steps=_joined([each.steps for each in several]),
        characters=_joined([each.characters for each in several]),
        roles=dict(sorted(roles.items(), key=lambda item: -item[1].messages)),
        agents=_added(each.agents for each in several),
        models=_added(each.models for each in several),
        results=_added(each.results for each in several),
        recovered=RecoveryStatistics(**numbers, notations=notations),
    )


def _joined(several: Sequence[Distribution]) -> Distribution:
    filled = [each for each in several if each.count]
    buckets = Counter[int]()
    for each in filled:
        buckets.update({bucket.at_least: bucket.count for bucket in each.buckets})
    edges = zip_longest(EDGES, EDGES[1:])
    return Distribution(
        count=sum(each.count for each in filled),
        total=sum(each.total for each in filled),
        smallest=min((each.smallest for each in filled if each.smallest is not None), default=None),
        largest=max((each.largest for each in filled if each.largest is not None), default=None),
        buckets=tuple(
            _without_empty_ends([Bucket(at_least=low, below=high, count=buckets[low]) for low, high in edges])
        ),
    )


def _added(several: Iterable[Mapping[str, int]]) -> dict[str, int]:
    counts = Counter[str]()
    for each in several:
        counts.update(each)
    return dict(counts.most_common())
