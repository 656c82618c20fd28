"""Names of query parameters: an address that is asked with others, or twice with one, is refused with those that it takes."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl

from litestar import Litestar, Request
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from hfsvc.arguments import did_you_mean
from hfsvc.errors import InvalidArgument


class _Taken(NamedTuple):
    names: tuple[str, ...]
    repeated: frozenset[str]
    values: Mapping[str, tuple[str, ...]]


class QueryNames:
    """Knows which parameters every route takes, and refuses others before anything is done."""

    def __init__(self) -> None:
        self._taken: dict[int, _Taken] = {}

    def learn(self, app: Litestar) -> None:
        """Read what the routes of an app take; its own pages take anything."""
        for route in app.routes:
            for handler, parameters in route.route_handler_map.values() if isinstance(route, HTTPRoute) else ():
                if handler.resolve_include_in_schema():
                    names = {each.field_alias: each.field_name for each in parameters.expected_query_params}
                    self._taken[id(handler)] = _Taken(
                        tuple(sorted(names)),
                        frozenset(parameters.sequence_query_parameter_names),
                        _values(handler, names),
                    )

    async def check(self, request: Request[Any, Any, Any]) -> None:
        """Refuse a request of parameters, or of values of one, that its route does not take.

        Litestar calls it before it reads them.

        Raises:
            InvalidArgument: There is one; the error lists those that there are.
        """
        taken = self._taken.get(id(request.scope["route_handler"]))
        if taken is None:
            return
        query = request.scope["query_string"].decode("latin-1")
        given = parse_qsl(query, keep_blank_values=True)
        for name, times in Counter(name for name, _ in given).items():
            if name not in taken.names:
                self._refuse(name[:100], "this address takes no such parameter", taken)
            if times > 1 and name not in taken.repeated:
                self._refuse(name, f"it is given {times} times, and may be given once", taken)
        for name, value in given:
            known = taken.values.get(name, (value,))
            if value not in known:
                hint, reason = did_you_mean(value, known), "there is no such value"
                raise InvalidArgument(name=name, given=repr(value[:100]), reason=reason, known=known, hint=hint)

    def _refuse(self, name: str, reason: str, taken: _Taken) -> None:
        known = taken.names or ("none",)
        hint = did_you_mean(name, taken.names) if name not in taken.names else None
        raise InvalidArgument(name="A query parameter", given=repr(name), reason=reason, known=known, hint=hint)


def _values(handler: HTTPRouteHandler, names: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The values of those parameters that take no others, by the names that requests give them."""
    functions = (handler.fn, *(each.dependency for each in handler.resolve_dependencies().values()))
    kinds: dict[str, Any] = {}
    for function in functions:
        kinds |= get_type_hints(function, include_extras=True)
    found = {alias: tuple(_literals(kinds[name])) for alias, name in names.items()}
    return {alias: values for alias, values in found.items() if values}


def _literals(kind: Any) -> Iterator[str]:
    if get_origin(kind) is Literal:
        yield from get_args(kind)
    else:
        for each in get_args(kind):
            yield from _literals(each)
