"""Conversion between versions. Nothing is dropped in silence: what a version has no field for is kept, or reported lost."""

from typing import Any

import msgspec

from hfsvc.atif.findings import Path, json_path
from hfsvc.atif.keeping import MOVED, Json, keep, put_back
from hfsvc.atif.schema import (
    VERSIONS,
    Agent,
    Atif,
    Metrics,
    ObservationResult,
    SchemaVersion,
    Step,
    SubagentTrajectoryRef,
    ToolCall,
    Trajectory,
)
from hfsvc.atif.versions import (
    AUDIO_SINCE,
    CACHED_WITHIN_PROMPT_SINCE,
    PARTS_SINCE,
    SESSION_ID_OPTIONAL_SINCE,
    SINCE,
    SYSTEM_OBSERVATIONS_SINCE,
    minor,
)
from hfsvc.errors import InvalidArgument

_EMBEDDED_SINCE = SINCE[Trajectory]["subagent_trajectories"]
_ROOT_EXTRA_SINCE = SINCE[Trajectory]["extra"]
_RESULT_EXTRA_SINCE = SINCE[ObservationResult]["extra"]
_REF_ID_SINCE = SINCE[SubagentTrajectoryRef]["trajectory_id"]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One value that a conversion did not leave as it was.

    Attributes:
        path: JSON path of the field in the document that was converted.
        value: What stood there.
        reason: Why the target version cannot have it there.
        kept_at: JSON path of the ``extra`` object that holds it now; None if it is not kept.
    """

    path: str
    value: Any
    reason: str
    kept_at: str | None = None


class Converted(msgspec.Struct, frozen=True, kw_only=True):
    """A document in another version.

    Attributes:
        trajectory: Valid if the one it was made of is.
        moved: Values that are kept in an ``extra`` object; converting to a version that has their fields puts them back.
        lost: Values that no ``extra`` of the target version can hold.
        changed: Values that say the same in the target version's terms, and ids that it requires and the document lacked.
    """

    trajectory: Trajectory
    moved: tuple[Change, ...]
    lost: tuple[Change, ...]
    changed: tuple[Change, ...]


def convert_version(trajectory: Trajectory, to: SchemaVersion) -> Converted:
    """Write a document in another version, older or newer.

    Fields that came after the target version move into the nearest ``extra`` that it has, under ``atif_moved``; going up
    puts them back. Content parts become their text before v1.6, recordings are taken out before v1.8, and embedded
    subagents are moved as they are. Where v1.2 is crossed, cached tokens are added to the prompt's, or taken out of them.

    Raises:
        InvalidArgument: There is no such version.
    """
    if to not in VERSIONS:
        reason = "ATIF has no such version"
        raise InvalidArgument(name="to", given=repr(to), reason=reason, known=VERSIONS)
    document: Json = msgspec.to_builtins(trajectory)
    conversion = _Conversion(minor(to))
    conversion.convert(document, ())
    return Converted(
        trajectory=msgspec.convert(document, Trajectory),
        moved=tuple(conversion.moved),
        lost=tuple(conversion.lost),
        changed=tuple(conversion.changed),
    )


class _Conversion:
    """The way of one document, as plain JSON and in place, to one minor version."""

    def __init__(self, version: int) -> None:
        self._version = version
        self.moved: list[Change] = []
        self.lost: list[Change] = []
        self.changed: list[Change] = []

    def convert(self, document: Json, path: Path) -> None:
        before, document["schema_version"] = minor(document["schema_version"]), VERSIONS[self._version]
        put_back(document)
        self._recount(document.get("final_metrics"), "total_", before, (*path, "final_metrics"))
        self._subagents(document, path)
        self._agent(document["agent"], (*path, "agent"))
        for index, step in enumerate(document["steps"]):
            self._step(step, before, (*path, "steps", index))
        self._root(document, path)

    # ---- the document

    def _subagents(self, document: Json, path: Path) -> None:
        if self._version < _EMBEDDED_SINCE:
            return
        for index, subagent in enumerate(document.get("subagent_trajectories") or ()):
            self.convert(subagent, (*path, "subagent_trajectories", index))

    def _root(self, document: Json, path: Path) -> None:
        has_extra = self._version >= _ROOT_EXTRA_SINCE
        self._fill_session(document, path, has_extra=has_extra)
        if has_extra:
            self._move_newer(Trajectory, document, document, "", path)
            return
        for field in SINCE[Trajectory]:
            if document.get(field) is not None:
                self._lose(document, field, path)

    def _fill_session(self, owner: Json, path: Path, *, has_extra: bool) -> None:
        if self._version >= SESSION_ID_OPTIONAL_SINCE or owner.get("session_id") is not None:
            return
        owner["session_id"] = owner.get("trajectory_id") or "unknown"
        reason = f"{VERSIONS[self._version]} requires a session_id"
        self.changed.append(Change(path=json_path((*path, "session_id")), value=None, reason=reason))
        if has_extra:
            self._write_down(owner, "session_id", None, owner["session_id"], path)

    def _agent(self, agent: Json, path: Path) -> None:
        put_back(agent)
        self._move_newer(Agent, agent, agent, "", path)

    # ---- steps

    def _step(self, step: Json, before: int, path: Path) -> None:
        put_back(step)
        self._content(step, "message", step, "message", path)
        for index, call in enumerate(step.get("tool_calls") or ()):
            self._move_newer(ToolCall, call, step, f"tool_calls[{index}].", path)
        self._observation(step, path)
        self._metrics(step.get("metrics"), before, (*path, "metrics"))
        self._move_newer(Step, step, step, "", path)

    def _observation(self, step: Json, path: Path) -> None:
        if step.get("observation") is None:
            return
        if self._version < SYSTEM_OBSERVATIONS_SINCE and step["source"] != "agent":
            reason = f"only agent steps have an observation before ATIF-v1.{SYSTEM_OBSERVATIONS_SINCE}"
            self._move(step, "observation", step, "observation", path, reason)
            return
        for index, result in enumerate(step["observation"]["results"]):
            self._result(result, step, f"observation.results[{index}].", path)

    def _result(self, result: Json, step: Json, place: str, path: Path) -> None:
        put_back(result)
        own_path = (*path, *_keys(place))
        if self._version >= _RESULT_EXTRA_SINCE:
            self._content(result, "content", result, "content", own_path)
        else:
            self._content(result, "content", step, f"{place}content", path)
        self._refs(result, step, place, path)
        self._move_newer(ObservationResult, result, step, place, path)

    def _refs(self, result: Json, step: Json, place: str, path: Path) -> None:
        refs = result.get("subagent_trajectory_ref") or []
        for ref in refs:
            put_back(ref)
        if self._version >= _REF_ID_SINCE:
            return
        if any(ref.get("trajectory_path") is None for ref in refs):
            reason = f"a reference by id needs ATIF-v1.{_REF_ID_SINCE}"
            self._move(result, "subagent_trajectory_ref", step, f"{place}subagent_trajectory_ref", path, reason)
            return
        for index, ref in enumerate(refs):
            self._ref(ref, (*path, *_keys(place), "subagent_trajectory_ref", index))

    def _ref(self, ref: Json, path: Path) -> None:
        self._fill_session(ref, path, has_extra=True)
        self._move_newer(SubagentTrajectoryRef, ref, ref, "", path)

    def _metrics(self, metrics: Json | None, before: int, path: Path) -> None:
        if metrics is not None:
            put_back(metrics)
            self._recount(metrics, "", before, path)
            self._move_newer(Metrics, metrics, metrics, "", path)

    def _recount(self, metrics: Json | None, prefix: str, before: int, path: Path) -> None:
        """Prompt tokens hold the cached ones since v1.2, and before they did not."""
        crosses = (before < CACHED_WITHIN_PROMPT_SINCE) - (self._version < CACHED_WITHIN_PROMPT_SINCE)
        prompt, cached = ((metrics or {}).get(f"{prefix}{name}_tokens") for name in ("prompt", "cached"))
        # More cached tokens than the prompt has: the writer counted them apart already, whatever the version.
        if metrics is None or not crosses or prompt is None or not cached or (crosses < 0 and cached > prompt):
            return
        metrics[f"{prefix}prompt_tokens"] = prompt + crosses * cached
        reason = f"prompt tokens include cached ones since ATIF-v1.{CACHED_WITHIN_PROMPT_SINCE}, and not before"
        self.changed.append(Change(path=json_path((*path, f"{prefix}prompt_tokens")), value=prompt, reason=reason))

    def _content(self, owner: Json, field: str, holder: Json, place: str, path: Path) -> None:
        content = owner.get(field)
        if not isinstance(content, list):
            return
        if self._version < PARTS_SINCE:
            text = "\n".join(part["text"] for part in content if part["type"] == "text")
            self._move(owner, field, holder, place, path, f"content parts need ATIF-v1.{PARTS_SINCE}", text)
        elif self._version < AUDIO_SINCE and any(part["type"] == "audio" for part in content):
            others = [part for part in content if part["type"] != "audio"]
            self._move(owner, field, holder, place, path, f"audio parts need ATIF-v1.{AUDIO_SINCE}", others)

    # ---- moving

    def _move_newer(self, kind: type[Atif], owner: Json, holder: Json, prefix: str, path: Path) -> None:
        for field, came in SINCE[kind].items():
            if came > self._version and owner.get(field) is not None:
                self._move(owner, field, holder, f"{prefix}{field}", path, f"{field} needs ATIF-v1.{came}")

    def _move(
        self, owner: Json, field: str, holder: Json, place: str, path: Path, reason: str, instead: Any = None
    ) -> None:
        was = owner.pop(field)
        if instead is not None:
            owner[field] = instead
        self._write_down(holder, place, was, instead, path)
        kept_at = json_path((*path, "extra", MOVED))
        self.moved.append(Change(path=json_path((*path, *_keys(place))), value=was, reason=reason, kept_at=kept_at))

    def _write_down(self, holder: Json, place: str, was: Any, now: Any, path: Path) -> None:
        obstacle = keep(holder, place, was, now)
        if obstacle is not None:
            reason = "conversion needs this key for itself"
            self.lost.append(Change(path=json_path((*path, "extra", MOVED)), value=obstacle, reason=reason))

    def _lose(self, owner: Json, field: str, path: Path) -> None:
        reason = f"{field} needs ATIF-v1.{SINCE[Trajectory][field]}, and there is no extra to keep it in"
        self.lost.append(Change(path=json_path((*path, field)), value=owner.pop(field), reason=reason))


def _keys(place: str) -> Path:
    return tuple(
        int(key) if key.isdecimal() else key for key in place.replace("[", ".").replace("]", "").split(".") if key
    )
