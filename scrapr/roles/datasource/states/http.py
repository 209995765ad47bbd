"""The routes of states."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from scrapr.model.collection import Name
from scrapr.model.state import Condition, ConfigurationState, ConfigurationStates
from scrapr.roles.datasource.states.book import Book
from scrapr.web.call import Call
from scrapr.web.routes import Route


class StatesQuery(BaseModel):
    """Which states."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: Condition | None = None
    collection: Name | None = None
    after: Annotated[str | None, Field(max_length=100, description="go on after this configuration")] = None
    limit: Annotated[int, Field(ge=1, le=1000, description="how many at most")] = 100


def routes(book: Book) -> tuple[Route, ...]:
    """`/states`."""

    async def select(call: Call) -> ConfigurationStates:
        query = call.query(StatesQuery)
        return await book.select(
            state=query.state, collection=query.collection, after=query.after, limit=query.limit
        )

    async def show(call: Call) -> ConfigurationState:
        return await book.find(call.place("configuration"))

    return (
        Route(
            "GET",
            "/states",
            select,
            "How configurations are, since when, and why",
            query=StatesQuery,
            answer=ConfigurationStates,
        ),
        Route(
            "GET",
            "/states/{configuration}",
            show,
            "How one configuration is",
            answer=ConfigurationState,
            refusals=(404,),
        ),
    )
