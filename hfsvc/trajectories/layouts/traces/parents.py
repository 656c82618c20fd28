"""The branch of a log that its session ended on: events name the one before them. Pure."""

from collections.abc import Callable, Sequence

from hfsvc.trajectories.layouts.traces.turns import Event


def last_branch(
    events: Sequence[Event],
    id_of: Callable[[Event], str | None],
    parents: Sequence[str],
    is_said: Callable[[Event], bool],
) -> set[str]:
    """The ids of the events from the first one to the last in which somebody speaks, from parent to parent.

    Args:
        events: In the file's order.
        id_of: The id of an event; None for one that has no place in the chain.
        parents: The keys that may name the event before; the first that is there counts.
        is_said: Whether somebody speaks in an event: logs end on remarks that hang on nothing.
    """
    by_id = {id: event for event in events if (id := id_of(event)) is not None}
    at = next((id for id, event in reversed(by_id.items()) if is_said(event)), None)
    branch: set[str] = set()
    while at is not None and at in by_id and at not in branch:
        branch.add(at)
        at = next((by_id[at][key] for key in parents if isinstance(by_id[at].get(key), str)), None)
    return branch
