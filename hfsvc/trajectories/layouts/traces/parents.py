"""The branch of a log that its session ended on: events name the one before them. Pure."""

from collections.abc import Callable, Sequence

from hfsvc.trajectories.layouts.traces.turns import Event


def last_branch(events: Sequence[Event], id_of: Callable[[Event], str | None], parents: Sequence[str]) -> set[str]:
    """The ids of the events from the first one to the last, from parent to parent.

    Args:
        events: In the file's order.
        id_of: The id of an event; None for one that has no place in the chain.
        parents: The keys that may name the event before; the first that is there counts.
    """
    by_id = {id: event for event in events if (id := id_of(event)) is not None}
    at: str | None = next(reversed([*by_id]), None)
    branch: set[str] = set()
    while at is not None and at in by_id and at not in branch:
        branch.add(at)
        at = next((by_id[at][key] for key in parents if isinstance(by_id[at].get(key), str)), None)
    return branch
