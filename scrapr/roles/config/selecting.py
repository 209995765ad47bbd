"""Which configurations are asked for."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from scrapr.model.collection import Name
from scrapr.model.configuration import Configuration, Configurations, Type
from scrapr.roles.config import claiming

NOBODY = "null"
"""How a query string says that no container holds the configuration, as in the thesis."""


class Selection(BaseModel):
    """The query of `GET /configurations`: those that match all that is given, in the order of their creation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Type | None = None
    collection: Name | None = None
    pool: Name | None = None
    container: (
        Annotated[str, Field(max_length=200, description="who holds the claim, or null for nobody")] | None
    ) = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 1000
    after: Annotated[str, Field(max_length=100, description="next of the page before")] | None = None


def where(selection: Selection) -> dict[str, Any]:
    """The selection in MongoDB's language; an expired claim is nobody's."""
    asked = selection.model_dump(include={"type", "collection", "pool"}, exclude_none=True)
    if selection.after is not None:
        asked["_id"] = {"$gt": selection.after}
    if selection.container == NOBODY:
        asked |= claiming.free()
    elif selection.container is not None:
        asked |= {"container": selection.container, **claiming.held()}
    return asked


def page(found: tuple[Configuration, ...], limit: int) -> Configurations:
    """The first `limit` of `found`, and whether there are more."""
    shown = found[:limit]
    return Configurations(configurations=shown, next=shown[-1].id if len(found) > limit else None)
