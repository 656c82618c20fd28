"""The conversion of a record batch to trajectories: read by its layout, built in a style. Pure."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa

from hfsvc.atif import Trajectory
from hfsvc.models import Fidelity, KeptText, ReadOptions, Style
from hfsvc.trajectories.files.base import unreadable_rows
from hfsvc.trajectories.layouts.base import Layout
from hfsvc.trajectories.layouts.conversation import Conversation, RowLocation, Unreadable
from hfsvc.trajectories.styles import messages as messages_style
from hfsvc.trajectories.styles import structured as structured_style
from hfsvc.trajectories.styles.shared_results import shared_results

Build = Callable[[Conversation, RowLocation], tuple[Trajectory, Fidelity]]


STYLES: dict[Style, Build] = {"messages": messages_style.build, "structured": structured_style.build}


def style_of(options: ReadOptions) -> Build:
    """What builds the documents."""
    if options.fenced and options.style == "structured":
        return partial(structured_style.build, fenced=True)
    return STYLES[options.style]


class BuiltTrajectory(NamedTuple):
    """A row as a trajectory, what was recovered of it, and the column of tools that its document has no place for."""

    trajectory: Trajectory
    fidelity: Fidelity
    tools: Any = None


def convert(
    batch: pa.RecordBatch, first: RowLocation, layout: Layout, build: Build
) -> Iterator[tuple[RowLocation, BuiltTrajectory | Unreadable]]:
    """What every row of a batch becomes, with its location.

    Args:
        batch: With the columns that `layout` wants.
        first: The location of its first row.
        layout: Reads it.
        build: Makes the documents.
    """
    repo, commit, file, row, file_row = first
    unreadable = unreadable_rows(batch)
    for offset, read in enumerate(layout.conversations(batch)):
        location = RowLocation(repo, commit, file, row + offset, file_row + offset)
        found = Unreadable(None, unreadable[offset]) if offset in unreadable else read
        if isinstance(found, Trajectory):
            yield location, BuiltTrajectory(found, fidelity_of(found))
        else:
            yield location, found if isinstance(found, Unreadable) else _built(found, location, build)


def _built(row: Conversation, location: RowLocation, build: Build) -> BuiltTrajectory:
    trajectory, fidelity = build(row, location)
    if row.notes:
        noted = tuple(KeptText(message=message, reason=reason) for message, reason in row.notes)
        fidelity = msgspec.structs.replace(fidelity, kept_as_text=noted + fidelity.kept_as_text)
    tools = row.columns.get("tools") if fidelity.style == "messages" else None
    return BuiltTrajectory(trajectory, fidelity, tools)


def recovered(batch: pa.RecordBatch, first: RowLocation, layout: Layout, options: ReadOptions) -> Iterator[Fidelity]:
    """What the style ``structured`` recovers of every row of a batch that can be read."""
    build = style_of(msgspec.structs.replace(options, style="structured"))
    for _, found in convert(batch, first, layout, build):
        if not isinstance(found, Unreadable):
            yield found.fidelity


def fidelity_of(document: Trajectory) -> Fidelity:
    """What a row that is a document holds; there was nothing to recover."""
    steps = document.steps
    made = {call.tool_call_id for step in steps for call in step.tool_calls or ()}
    results = [result for step in steps for result in (step.observation.results if step.observation else ())]
    return Fidelity(
        style="atif",
        messages=len(steps),
        reasoning=sum(step.reasoning_content is not None for step in steps),
        calls=sum(len(step.tool_calls or ()) for step in steps),
        answered=len(made & {result.source_call_id for result in results}),
        shared_results=shared_results(steps),
        observations=sum(step.observation is not None for step in steps),
        tool_definitions=bool(document.agent.tool_definitions),
    )
