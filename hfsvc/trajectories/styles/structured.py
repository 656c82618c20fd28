"""The style ``structured``: an ATIF-v1.7 document with thinking, calls, observations and tools rebuilt. Pure.

It is the inverse of what Harbor's exporter does, for every layout. What a row does not tell is not made up, and what
the document cannot hold as it was is kept in ``extra``.
"""

from collections.abc import Mapping
from typing import Any

from hfsvc.atif import Agent, SchemaVersion, Trajectory
from hfsvc.models import Fidelity, SharedResult
from hfsvc.trajectories.layouts.conversation import Conversation, RowLocation
from hfsvc.trajectories.styles.notations.tools import Tools, tools_of
from hfsvc.trajectories.styles.provenance import survive
from hfsvc.trajectories.styles.shared_results import shared_results
from hfsvc.trajectories.styles.step_builder import StepBuilder

SCHEMA_VERSION: SchemaVersion = "ATIF-v1.7"
UNKNOWN = "unknown"
TOOLS = ("tool_definitions", "tools", "available_tools")


def build(conversation: Conversation, location: RowLocation, *, fenced: bool = False) -> tuple[Trajectory, Fidelity]:
    """The document of a row, and what was recovered for it.

    Args:
        conversation: The row.
        location: Where it stands; names the document where the row has no key of its own.
        fenced: Whether the last fenced block of an agent's message is a command.
    """
    columns = dict(conversation.columns)
    offered = _tools(columns)
    builder = StepBuilder(conversation.messages, fenced=fenced, tools=offered and offered[1])
    builder.read(system=_text(columns, "system"))
    tools = builder.tools or (offered and offered[1])
    if offered and tools is offered[1]:
        del columns[offered[0]]
    steps = builder.steps()
    trajectory = Trajectory(
        schema_version=SCHEMA_VERSION,
        trajectory_id=_text(columns, "key") or f"{location.repo}@{location.commit}/{location.file}#{location.file_row}",
        session_id=_kept_text(columns, "run_id"),
        agent=Agent(
            name=_text(columns, "agent") or UNKNOWN,
            version=UNKNOWN,
            model_name=_text(columns, "model") or _text(columns, "model_name"),
            tool_definitions=tools,
        ),
        steps=steps,
        extra=_extra(columns, location),
    )
    return trajectory, _fidelity(conversation, builder, tools, shared_results(steps))


def _extra(columns: dict[str, Any], location: RowLocation) -> dict[str, Any]:
    ours = {"source": location.repo, "revision": location.commit, "file": location.file, "file_row": location.file_row}
    return ours | {f"row_{name}" if name in ours else name: value for name, value in columns.items()}


def _fidelity(
    conversation: Conversation, builder: StepBuilder, tools: Tools | None, shared: tuple[SharedResult, ...]
) -> Fidelity:
    return Fidelity(
        style="structured",
        messages=len(conversation.messages),
        reasoning=builder.reasoning,
        calls=builder.calls,
        answered=builder.answered,
        shared_results=shared,
        notations=builder.notations,
        observations=builder.observations,
        tool_definitions=tools is not None,
        kept_as_text=tuple(builder.kept),
        exact=survive(conversation.messages),
    )


def _text(columns: dict[str, Any], name: str) -> str | None:
    """A column's text, taken out of the columns."""
    return columns.pop(name) if _kept_text(columns, name) else None


def _kept_text(columns: Mapping[str, Any], name: str) -> str | None:
    value = columns.get(name)
    return value if isinstance(value, str) and value else None


def _tools(columns: Mapping[str, Any]) -> tuple[str, Tools] | None:
    """The column that offers tools, and these."""
    return next(((name, tools) for name in TOOLS if (tools := tools_of(columns.get(name)))), None)
