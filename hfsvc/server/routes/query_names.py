"""Names of query parameters: an address that is asked with others, or twice with one, is refused with those that it takes."""

from collections import Counter
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from litestar import Litestar, Request
from litestar.routes import HTTPRoute

from hfsvc.arguments import did_you_mean
from hfsvc.errors import InvalidArgument


class _Taken(NamedTuple):
    names: tuple[str, ...]
    repeated: frozenset[str]


class QueryNames:
    """Knows which parameters every route takes, and refuses others before anything is done."""

    def __init__(self) -> None:
        self._taken: dict[int, _Taken] = {}

    def learn(self, app: Litestar) -> None:
        """Read what the routes of an app take; its own pages take anything."""
        for route in app.routes:
            for handler, parameters in route.route_handler_map.values() if isinstance(route, HTTPRoute) else ():
                if handler.resolve_include_in_schema():
                    names = sorted(each.field_alias for each in parameters.expected_query_params)
                    self._taken[id(handler)] = _Taken(
                        tuple(names), frozenset(parameters.sequence_query_parameter_names)
                    )

    async def check(self, request: Request[Any, Any, Any]) -> None:
        """Refuse a request of parameters that its route does not take. Litestar calls it before it reads them.

        Raises:
            InvalidArgument: There is one; the error lists those that there are.
        """
        taken = self._taken.get(id(request.scope["route_handler"]))
        if taken is None:
            return
        query = request.scope["query_string"].decode("latin-1")
        for name, times in Counter(name for name, _ in parse_qsl(query, keep_blank_values=True)).items():
            if name not in taken.names:
                self._refuse(name[:100], "this address takes no such parameter", taken)
            if times > 1 and name not in taken.repeated:
                self._refuse(name, f"it is given {times} times, and may be given once", taken)

    def _refuse(self, name: str, reason: str, taken: _Taken) -> None:
        known = taken.names or ("none",)
        hint = did_you_mean(name, taken.names) if name not in taken.names else None
        raise InvalidArgument(name="A query parameter", given=repr(name), reason=reason, known=known, hint=hint)
