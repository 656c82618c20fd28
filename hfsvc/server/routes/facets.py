"""The route of facets: which values rows have, and how many rows have each."""

from typing import Annotated

from litestar import get
from litestar.params import QueryParameter

from hfsvc.models import FACETS, SummaryField, ValueCounts
from hfsvc.server.routes.openapi import failing
from hfsvc.server.routes.parameters import Limit, Query, ReadAs
from hfsvc.server.schemas import FacetList
from hfsvc.server.state import Using

Fields = Annotated[
    list[SummaryField] | None,
    QueryParameter(
        name="field", max_items=len(FACETS), description="Which fields; agent, model, task and result else."
    ),
]


@get("/api/facets", responses=failing(404, 409))
async def list_facets(
    parts: Using, reading: ReadAs, fields: Fields = None, search: Query = None, limit: Limit = 100
) -> FacetList:
    """The values of fields over the rows that a list with this query has, the most frequent first."""
    source = parts.sources.open(reading)
    async with parts.lists:
        counts: dict[str, ValueCounts] = {
            field: await source.count_values(field, search, limit=limit) for field in fields or FACETS
        }
    return FacetList(source=reading.source, facets=counts)
