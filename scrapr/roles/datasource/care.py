"""What a person does with a collection as a whole: drop it, or have it made again."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import BaseModel, ConfigDict, Field

from scrapr.client.config import ConfigClient
from scrapr.model.errors import Conflict
from scrapr.model.rebuild import Rebuild
from scrapr.roles.datasource.dropping import Dropper
from scrapr.roles.datasource.rebuilding import Rebuilder
from scrapr.web.call import Call
from scrapr.web.routes import Route


class DropQuery(BaseModel):
    """How to drop a collection."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    force: bool = Field(
        default=False, description="though configurations feed it: with their next runs it begins anew"
    )


class Care:
    """The routes that change a collection as a whole."""

    def __init__(
        self, dropper: Dropper, rebuilder: Rebuilder, mark: Callable[[str], None], config: ConfigClient | None
    ) -> None:
        self._dropper = dropper
        self._rebuilder = rebuilder
        self._mark = mark
        self._config = config

    async def drop(self, call: Call) -> None:
        """Forget a collection, unless somebody feeds it."""
        collection = call.place("collection")
        if not call.query(DropQuery).force:
            await self._refuse_if_fed(collection)
        await self._dropper.drop(collection)

    async def _refuse_if_fed(self, collection: str) -> None:
        if self._config is None:
            return
        feeders = [
            each.id async for each in self._config.configurations(of_type="scraper", collection=collection)
        ]
        if feeders:
            raise Conflict(
                f"The collection {collection} is fed by {', '.join(feeders[:10])}; remove what feeds it first, or drop "
                "it by force (?force=true, --force): then it begins anew with their next runs"
            )

    async def rebuild(self, call: Call) -> Rebuild:
        """Have a collection's records made again."""
        collection = call.place("collection")
        asked = await self._rebuilder.request(collection)
        self._mark(collection)
        return asked

    async def tell(self, call: Call) -> Rebuild:
        """How the newest rebuild went."""
        return await self._rebuilder.tell(call.place("collection"))

    @property
    def routes(self) -> tuple[Route, ...]:
        """Drop, and rebuild."""
        path = "/collections/{collection}"
        return (
            Route(
                "DELETE",
                path,
                self.drop,
                "Forget a collection: its records, changes, batches, runs and quarantine",
                query=DropQuery,
                status=204,
                refusals=(404, 409),
            ),
            Route(
                "POST",
                f"{path}/rebuild",
                self.rebuild,
                "Make a collection's records again from the batches that are kept, and put right what differs",
                answer=Rebuild,
                status=202,
                refusals=(404,),
            ),
            Route(
                "GET",
                f"{path}/rebuild",
                self.tell,
                "How the newest rebuild of a collection went",
                answer=Rebuild,
                refusals=(404,),
            ),
        )
