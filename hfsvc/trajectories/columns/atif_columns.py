"""The format ``parquet``: ATIF as nested Arrow columns that read back to equal structs.

Fields keep the names of the format, and are null where absent. What Arrow has no type for is stored so:

- free-form objects (``extra``, ``arguments``, each of ``tool_definitions``) as JSON text,
- text or parts (``message``, ``content``) in two columns, ``message`` and ``message_parts``, of which one is null,
- ``reasoning_effort`` likewise as text or ``reasoning_effort_number``,
- each of ``subagent_trajectories`` as the JSON text of its document,
- a trajectory that these columns cannot hold (an integer of more than 64 bits, half a character) as JSON text in the
  column ``document``, all others null.
"""

import json
from collections.abc import Iterator, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from hfsvc import atif
from hfsvc.atif import AudioPart, AudioSource, ImagePart, ImageSource, TextPart, Trajectory
from hfsvc.atif.schema import Atif
from hfsvc.errors import BadParquet
from hfsvc.models import TrajectoryRow
from hfsvc.trajectories.columns.column_kinds import (
    NOT_HELD,
    Column,
    Either,
    Items,
    Plain,
    Record,
    Text,
    json_text,
    json_value,
)
from hfsvc.trajectories.files.base import bad_parquet
from hfsvc.trajectories.files.parquet import BUFFER_BYTES, iter_batches

FORMAT_KEY = b"hfsvc.export"
FORMAT = b"atif/1"

_STRING, _INTEGER, _NUMBER, _BOOLEAN = map(Plain, (pa.string(), pa.int64(), pa.float64(), pa.bool_()))
_FREE = Text(json_text, json_value)


def _document_text(trajectory: Trajectory) -> str:
    # Of ASCII alone: escapes can name halves of characters, UTF-8 cannot.
    return json.dumps(msgspec.to_builtins(trajectory), separators=(",", ":"))


_DOCUMENT = Text(_document_text, atif.decode)


def _explode_part(part: atif.ContentPart) -> tuple[Any, ...]:
    if isinstance(part, TextPart):
        return "text", part.text, None, None, None
    kind, duration = ("audio", part.source.duration_sec) if isinstance(part, AudioPart) else ("image", None)
    return kind, None, part.source.media_type, part.source.path, duration


def _build_part(type: str, text: str, media_type: Any, path: str, duration_sec: float | None) -> atif.ContentPart:
    if type == "text":
        return TextPart(text=text)
    if type == "audio":
        return AudioPart(source=AudioSource(media_type=media_type, path=path, duration_sec=duration_sec))
    return ImagePart(source=ImageSource(media_type=media_type, path=path))


_PARTS = Items(
    Record(
        {"type": _STRING, "text": _STRING, "media_type": _STRING, "path": _STRING, "duration_sec": _NUMBER},
        _explode_part,
        _build_part,
    )
)
_CONTENT = Either(_STRING, _PARTS, "parts", lambda content: isinstance(content, list))
_EFFORT = Either(_STRING, _NUMBER, "number", lambda effort: not isinstance(effort, str))


def _record(kind: type[Atif], **columns: Column) -> Record:
    """A column for objects of one of the format's structs."""
    names = kind.__struct_fields__
    get = attrgetter(*names)
    # Of a single name it gives the value, of several a tuple.
    explode = get if len(names) > 1 else lambda value: (get(value),)
    return Record({name: columns[name] for name in names}, explode, kind)


_TOOL_CALL = _record(atif.ToolCall, tool_call_id=_STRING, function_name=_STRING, arguments=_FREE, extra=_FREE)
_REF = _record(
    atif.SubagentTrajectoryRef, trajectory_id=_STRING, session_id=_STRING, trajectory_path=_STRING, extra=_FREE
)
_RESULT = _record(
    atif.ObservationResult, source_call_id=_STRING, content=_CONTENT, subagent_trajectory_ref=Items(_REF), extra=_FREE
)
_OBSERVATION = _record(atif.Observation, results=Items(_RESULT))
_METRICS = _record(
    atif.Metrics,
    prompt_tokens=_INTEGER,
    completion_tokens=_INTEGER,
    cached_tokens=_INTEGER,
    cost_usd=_NUMBER,
    prompt_token_ids=Items(_INTEGER),
    completion_token_ids=Items(_INTEGER),
    logprobs=Items(_NUMBER),
    extra=_FREE,
)
_STEP = _record(
    atif.Step,
    step_id=_INTEGER,
    timestamp=_STRING,
    source=_STRING,
    model_name=_STRING,
    reasoning_effort=_EFFORT,
    message=_CONTENT,
    reasoning_content=_STRING,
    tool_calls=Items(_TOOL_CALL),
    observation=_OBSERVATION,
    metrics=_METRICS,
    is_copied_context=_BOOLEAN,
    llm_call_count=_INTEGER,
    extra=_FREE,
)
_FINAL_METRICS = _record(
    atif.FinalMetrics,
    total_prompt_tokens=_INTEGER,
    total_completion_tokens=_INTEGER,
    total_cached_tokens=_INTEGER,
    total_cost_usd=_NUMBER,
    total_steps=_INTEGER,
    extra=_FREE,
)
_AGENT = _record(
    atif.Agent, name=_STRING, version=_STRING, model_name=_STRING, tool_definitions=Items(_FREE), extra=_FREE
)
_TRAJECTORY = _record(
    atif.Trajectory,
    schema_version=_STRING,
    session_id=_STRING,
    trajectory_id=_STRING,
    agent=_AGENT,
    steps=Items(_STEP),
    notes=_STRING,
    final_metrics=_FINAL_METRICS,
    continued_trajectory_ref=_STRING,
    extra=_FREE,
    subagent_trajectories=Items(_DOCUMENT),
)

SCHEMA = pa.schema(
    [pa.field("row", pa.int64()), *_TRAJECTORY.members_fields, *_DOCUMENT.fields("document")], {FORMAT_KEY: FORMAT}
)


def atif_batch(rows: Sequence[TrajectoryRow]) -> pa.RecordBatch:
    """Trajectories as a batch of `SCHEMA`."""
    numbers = pa.array([row.row for row in rows], pa.int64())
    trajectories = [row.trajectory for row in rows]
    try:
        members, documents = _TRAJECTORY.members(trajectories), pa.nulls(len(rows), pa.string())
    except NOT_HELD:
        held = [each if _is_held(each) else None for each in trajectories]
        members = _TRAJECTORY.members(held)
        others = [each if other is None else None for each, other in zip(trajectories, held, strict=True)]
        (documents,) = _DOCUMENT.write(others)
    return pa.RecordBatch.from_arrays([numbers, *members, documents], schema=SCHEMA)


def _is_held(trajectory: Trajectory) -> bool:
    try:
        _TRAJECTORY.members([trajectory])
    except NOT_HELD:
        return False
    return True


def trajectories_of(batch: pa.RecordBatch) -> list[Trajectory]:
    """The trajectories of a batch of `SCHEMA`."""
    documents = _DOCUMENT.read([batch.column("document")])
    members = [batch.column(field.name) for field in _TRAJECTORY.members_fields]
    found = _TRAJECTORY.build(members, [document is None for document in documents])
    return [each if document is None else document for each, document in zip(found, documents, strict=True)]


def read_parquet(path: Path) -> Iterator[Trajectory]:
    """The trajectories of a file of the format ``parquet``, in order, in bounded memory, equal to those written. Blocks.

    Raises:
        BadParquet: It is another file, or is cut.
        FileNotFoundError: It is not there.
    """
    try:
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=BUFFER_BYTES) as parquet:
            schema = parquet.schema_arrow
            if (schema.metadata or {}).get(FORMAT_KEY) != FORMAT:
                raise BadParquet(file=str(path), reason="hfsvc did not export it as parquet")
            for _, batch in iter_batches(parquet, schema.names, 0):
                yield from trajectories_of(batch)
    except pa.ArrowException as error:
        raise bad_parquet(str(path), error) from error
