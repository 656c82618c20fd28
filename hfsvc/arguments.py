"""Checks of what callers pass: a value that its type does not allow is refused, with a list of what there is. Pure."""

import types
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from hfsvc.errors import InvalidArgument

_LONGEST = 80
_SECRET = {"token"}
_NAMES: dict[Any, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    type(None): "None",
}


def check_fields(struct: msgspec.Struct) -> None:
    """Refuse a struct of which a field holds what its type does not allow.

    Raises:
        InvalidArgument: The first such field.
    """
    for name, kind in _hints(type(struct)).items():
        check_value(name, getattr(struct, name), kind)


def check_value(name: str, value: Any, kind: Any) -> None:
    """Refuse a value that is not of a type, as annotations write it: literals, unions, ``Annotated`` with bounds.

    Raises:
        InvalidArgument: It is not; the error lists the values that there are.
    """
    members = _members(kind)
    if any(_fits(value, member) for member in members):
        return
    known = [text for member in members if get_origin(member) is Literal for text in get_args(member)]
    if known:
        raise not_among(name, value, known, nothing=type(None) in members)
    raise InvalidArgument(name=name, given=_shown(name, value), reason=f"it must be {_described(members)}")


def check_name(name: str, value: Any, known: Iterable[str]) -> None:
    """Refuse a text that is none of those that there are.

    Raises:
        InvalidArgument: It is none; the error lists them.
    """
    there = tuple(known)
    if not isinstance(value, str) or value not in there:
        raise not_among(name, value, there)


def check_rows(**given: Any) -> None:
    """Refuse what counts no rows: anything but whole numbers from 0 on.

    Raises:
        InvalidArgument: The first that does not.
    """
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            reason = "it must be a whole number; rows are counted from 0"
            raise InvalidArgument(name=name, given=_shown(name, value), reason=reason)


def not_among(name: str, value: Any, known: Collection[str], *, nothing: bool = False) -> InvalidArgument:
    """The error of a value that is none of those that there are; with `nothing`, None is one of them."""
    there = (*known, *((None,) if nothing else ()))
    return InvalidArgument(
        name=name,
        given=_shown(name, value),
        reason="there is no such value",
        known=tuple(map(str, there)),
        hint=did_you_mean(value, known),
    )


def did_you_mean(value: Any, known: Collection[str], *, alike: float = 0.6) -> str | None:
    """A hint at the most similar of the known texts, where one is as much `alike` as that, from 0 to 1."""
    near = get_close_matches(value, known, 1, alike) if isinstance(value, str) else []
    return f"Did you mean {near[0]}?" if near else None


def described(kind: Any) -> str:
    """What a value of a type is, in words: ``a whole number``. That it may be None goes without saying."""
    return _described(tuple(member for member in _members(kind) if member is not type(None)))


@cache
def _hints(struct: type[msgspec.Struct]) -> dict[str, Any]:
    found = get_type_hints(struct, include_extras=True)
    return {name: found[name] for name in struct.__struct_fields__}


def _members(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)


def _fits(value: Any, kind: Any) -> bool:
    if kind is Any:
        return True
    bare = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if get_origin(bare) is None and bare not in _NAMES:
        return isinstance(value, bare)
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def _described(members: Iterable[Any]) -> str:
    return " or ".join(_describe(member) for member in members)


def _describe(kind: Any) -> str:
    if kind in _NAMES:
        return _NAMES[kind]
    if get_origin(kind) is Annotated:
        bare, *bounds = get_args(kind)
        return f"{_describe(bare)} {' '.join(_bound(each) for each in bounds)}".strip()
    return str(getattr(kind, "__name__", kind)) if get_origin(kind) is None else str(kind)


def _bound(meta: Any) -> str:
    low = getattr(meta, "ge", None)
    return "" if low is None else f"from {low} on"


def _shown(name: str, value: Any) -> str:
    if name in _SECRET:
        return f"a {type(value).__name__}"
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
