"""Reading a JSON value as the format's objects, the way Harbor's models do, and noting everything that is in the way.

This is the slow and tolerant path; documents that msgspec decodes strictly never come here. It follows the structs of
`hfsvc.atif.schema` field by field, so the two cannot drift apart.
"""

import difflib
from typing import Any

import msgspec
from msgspec import inspect

from hfsvc.atif.findings import Finding, Path, json_path
from hfsvc.atif.hints import HINTS
from hfsvc.atif.lenient import read_bool, read_float, read_int
from hfsvc.atif.schema import NEWEST, AudioSource, Trajectory

Reading = tuple[Trajectory, list[Finding]]

UNREADABLE: Any = msgspec.UNSET
"""Stands in a partly read struct where the document holds something that cannot be read."""

AUDIO_ALIASES = {
    "audio/mp3": "audio/mpeg",
    "audio/mpga": "audio/mpeg",
    "audio/x-mpeg": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/x-m4a": "audio/mp4",
    "audio/m4a": "audio/mp4",
    "audio/x-aac": "audio/aac",
    "audio/x-flac": "audio/flac",
    "audio/x-aiff": "audio/aiff",
}
"""Spellings of recordings' media types that are rewritten on reading."""

_NOUNS: dict[type[inspect.Type], str] = {
    inspect.BoolType: "a boolean",
    inspect.DictType: "an object",
    inspect.FloatType: "a number",
    inspect.IntType: "an integer",
    inspect.ListType: "a list",
    inspect.LiteralType: "a string",
    inspect.StrType: "a string",
    inspect.StructType: "an object",
}
_DOCUMENT = inspect.type_info(Trajectory)


def read_document(value: Any) -> Reading:
    """Read a parsed JSON document.

    Returns:
        The trajectory and what was found. Without an error among the findings, it is what Harbor would hold; with one,
        it has `UNREADABLE` in the places that are not usable, or is itself `UNREADABLE`. Values that were converted to
        the type they should have had are warnings.
    """
    reader = _Reader()
    try:
        trajectory: Trajectory = reader.read(_DOCUMENT, value, ())
    except RecursionError:
        return too_deep()
    return trajectory, reader.findings


def too_deep() -> Reading:
    """What reading comes to where Python's recursion limit is in the way."""
    message = "the document is nested deeper than this Python can follow"
    return UNREADABLE, [Finding(code="too_deep", path="$", message=message)]


def canonical_audio_type(value: Any) -> Any:
    """A recording's media type in its one spelling (RFC 0001, v1.8); what is no string stays as it is."""
    if not isinstance(value, str):
        return value
    spelled = value.strip().lower()
    return AUDIO_ALIASES.get(spelled, spelled)


class _Reader:
    """One document's reading. Each method returns the value as its type, or notes why not and returns `UNREADABLE`."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self._methods: dict[type[inspect.Type], Any] = {
            inspect.BoolType: self._bool,
            inspect.DictType: self._free_object,
            inspect.FloatType: self._float,
            inspect.IntType: self._int,
            inspect.ListType: self._list,
            inspect.LiteralType: self._literal,
            inspect.StrType: self._str,
            inspect.StructType: self._object,
            inspect.UnionType: self._union,
        }

    def read(self, kind: inspect.Type, value: Any, path: Path) -> Any:
        return self._methods[type(kind)](kind, value, path)

    # ---- objects

    def _object(self, kind: inspect.StructType, value: Any, path: Path) -> Any:
        if not isinstance(value, dict):
            return self._wrong_type(kind, value, path)
        self._unknown_fields(kind, value, path)
        return kind.cls(**{field.name: self._field(kind.cls, field, value, path) for field in kind.fields})

    def _field(self, cls: type, field: inspect.Field, value: dict[str, Any], path: Path) -> Any:
        before = len(self.findings)
        result = self._field_value(cls, field, value, (*path, field.name))
        if len(self.findings) > before:
            self._advise(before, json_path((*path, field.name)), HINTS.get((cls.__name__, field.name)))
        return result

    def _field_value(self, cls: type, field: inspect.Field, value: dict[str, Any], path: Path) -> Any:
        if field.name in value:
            return self.read(field.type, _respelled(cls, field.name, value[field.name]), path)
        if not field.required:
            return None
        if cls is Trajectory and field.name == "schema_version":
            self._note("no_schema_version", path, f"the document names no version and counts as {NEWEST}", warning=True)
            return NEWEST
        return self._note("missing_field", path, "a required field is missing")

    def _advise(self, start: int, path: str, hint: str | None) -> None:
        for index, finding in enumerate(self.findings[start:], start):
            if hint and finding.path == path and finding.hint is None:
                self.findings[index] = msgspec.structs.replace(finding, hint=hint)

    def _unknown_fields(self, kind: inspect.StructType, value: dict[str, Any], path: Path) -> None:
        known = [field.name for field in kind.fields]
        for key in value:
            if key not in known:
                self._unknown_field(str(key), known, path)

    def _unknown_field(self, key: str, known: list[str], path: Path) -> None:
        place = "into `extra`" if "extra" in known else "into an `extra` object further up"
        close = difflib.get_close_matches(key, known, n=1, cutoff=0.75)
        hint = f"is it {close[0]}? Otherwise move it {place}" if close else f"move it {place}"
        self._note("unknown_field", (*path, key), "the format has no such field here", hint)

    # ---- unions

    def _union(self, kind: inspect.UnionType, value: Any, path: Path) -> Any:
        if value is None and kind.includes_none:
            return None
        options = [option for option in kind.types if not isinstance(option, inspect.NoneType)]
        if isinstance(options[0], inspect.StructType) and options[0].tag_field:
            return self._part([option for option in options if isinstance(option, inspect.StructType)], value, path)
        if len(options) == 1:
            return self.read(options[0], value, path)
        if isinstance(value, str):
            return value
        return self._other_than_string(kind, options, value, path)

    def _other_than_string(self, kind: inspect.Type, options: list[inspect.Type], value: Any, path: Path) -> Any:
        (other,) = (option for option in options if not isinstance(option, inspect.StrType))
        fits = isinstance(value, list) if isinstance(other, inspect.ListType) else read_float(value) is not None
        return self.read(other, value, path) if fits else self._wrong_type(kind, value, path)

    def _part(self, options: list[inspect.StructType], value: Any, path: Path) -> Any:
        """A content part: what `type` says. A field of the other types may be there if it is null (ATIF 2.6)."""
        if not isinstance(value, dict):
            return self._wrong_type(options[0], value, path)
        kinds = {str(option.tag): option for option in options}
        if "type" not in value:
            return self._note(
                "missing_field", (*path, "type"), "a required field is missing", f"one of {_words(kinds)}"
            )
        kind = value["type"]
        if not isinstance(kind, str) or kind not in kinds:
            return self._wrong_value((*path, "type"), kind, tuple(kinds))
        return self._object(kinds[kind], self._without_foreign_fields(kinds, value, path), path)

    def _without_foreign_fields(
        self, kinds: dict[str, inspect.StructType], value: dict[str, Any], path: Path
    ) -> dict[str, Any]:
        own = {field.name for field in kinds[value["type"]].fields}
        foreign = {field.name for kind in kinds.values() for field in kind.fields} - own
        for key in sorted(foreign):
            if value.get(key) is not None:
                message = f"a part of type {value['type']} has no {key}"
                self._note(
                    "foreign_field", (*path, key), message, f"remove it, or change the part's type ({_words(kinds)})"
                )
        return {key: item for key, item in value.items() if key not in foreign and key != "type"}

    # ---- lists, free objects, scalars

    def _list(self, kind: inspect.ListType, value: Any, path: Path) -> Any:
        if not isinstance(value, list):
            return self._wrong_type(kind, value, path)
        if len(value) < (kind.min_length or 0):
            self._note("too_short", path, f"the list holds {len(value)} items, at least {kind.min_length} are needed")
        return [self.read(kind.item_type, item, (*path, index)) for index, item in enumerate(value)]

    def _free_object(self, kind: inspect.DictType, value: Any, path: Path) -> Any:
        return value if isinstance(value, dict) else self._wrong_type(kind, value, path)

    def _str(self, kind: inspect.StrType, value: Any, path: Path) -> Any:
        return value if isinstance(value, str) else self._wrong_type(kind, value, path)

    def _literal(self, kind: inspect.LiteralType, value: Any, path: Path) -> Any:
        if isinstance(value, str) and value in kind.values:
            return value
        return self._wrong_value(path, value, kind.values)

    def _bool(self, kind: inspect.BoolType, value: Any, path: Path) -> Any:
        return self._converted(kind, value, read_bool(value), path)

    def _int(self, kind: inspect.IntType, value: Any, path: Path) -> Any:
        return self._limited(kind.ge, self._converted(kind, value, read_int(value), path), path)

    def _float(self, kind: inspect.FloatType, value: Any, path: Path) -> Any:
        return self._limited(kind.ge, self._converted(kind, value, read_float(value), path), path)

    def _converted(self, kind: inspect.Type, value: Any, result: Any, path: Path) -> Any:
        if result is None:
            return self._wrong_type(kind, value, path)
        if type(value) is not type(result) and not (type(value) is int and type(result) is float):
            message = f"expected {_expected(kind)}, found {_found(value)}, which is read as {_short(result)}"
            self._note("converted_value", path, message, "write the value itself", warning=True)
        return result

    def _limited(self, limit: float | None, value: Any, path: Path) -> Any:
        # Written so that NaN, which is neither below nor above, is refused too.
        if value is UNREADABLE or limit is None or value >= limit:
            return value
        return self._note("out_of_range", path, f"{_short(value)} is below {limit:g}")

    # ---- notes

    def _wrong_type(self, kind: inspect.Type, value: Any, path: Path) -> Any:
        return self._note("wrong_type", path, f"expected {_expected(kind)}, found {_found(value)}")

    def _wrong_value(self, path: Path, value: Any, allowed: tuple[Any, ...]) -> Any:
        return self._note("wrong_value", path, f"expected one of {_words(allowed)}, found {_found(value)}")

    def _note(self, code: str, path: Path, message: str, hint: str | None = None, *, warning: bool = False) -> Any:
        severity: Any = "warning" if warning else "error"
        self.findings.append(Finding(code=code, path=json_path(path), message=message, severity=severity, hint=hint))
        return UNREADABLE


def _respelled(cls: type, field: str, value: Any) -> Any:
    return canonical_audio_type(value) if cls is AudioSource and field == "media_type" else value


def _expected(kind: inspect.Type) -> str:
    options = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    nouns = [_NOUNS[type(option)] for option in options if type(option) in _NOUNS]
    return " or ".join(sorted(set(nouns), reverse=True))


def _found(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "the boolean " + str(value).lower()
        case dict():
            return "an object"
        case list():
            return "a list"
        case str():
            return f"the string {_short(value)}"
        case int() | float():
            return f"the number {_short(value)}"
        case _:
            return f"a Python {type(value).__name__}"


def _short(value: Any) -> str:
    # An integer of more than 4,300 digits has no text at all.
    if isinstance(value, int) and value.bit_length() > 200:
        return f"of {value.bit_length()} bits"
    text = ascii(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _words(words: Any) -> str:
    return ", ".join(words)
