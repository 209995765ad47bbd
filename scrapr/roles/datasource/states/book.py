"""Where states are kept, one document for each configuration, and the runs that are not in them yet."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from pymongo.asynchronous.client_session import AsyncClientSession

from scrapr.model.batch import ReducedRun
from scrapr.model.errors import NotFound
from scrapr.model.state import ConfigurationState, ConfigurationStates
from scrapr.roles.datasource.states.settle import Entry, Facts
from scrapr.roles.datasource.store import run_of
from scrapr.storage.mongo import Collection, Database, Document, translated

NEWS: Final[Document] = {"updateDescription.updatedFields.untold": {"$exists": True}}
"""Runs whose end was just reduced."""


class Book:
    """The collection `states`, and of `runs` those that are `untold`."""

    def __init__(self, database: Database) -> None:
        self.runs: Collection = database["runs"]
        self._states: Collection = database["states"]
        self.database = database

    async def untold(self, most: int) -> list[ReducedRun]:
        """Runs that are reduced and in no state yet, in the order of their ends."""
        found = self.runs.find({"untold": {"$exists": True}}, sort=[("untold", 1)], limit=most)
        with translated():
            return [run_of(document) for document in await found.to_list()]

    async def take(self, run: str, session: AsyncClientSession) -> bool:
        """Whether the run was untold until now."""
        guard = {"_id": run, "untold": {"$exists": True}}
        taken = await self.runs.update_one(guard, {"$unset": {"untold": ""}}, session=session)
        return taken.matched_count == 1

    async def read(self, configuration: str, session: AsyncClientSession) -> Entry | None:
        """What is known of a configuration."""
        found = await self._states.find_one({"_id": configuration}, session=session)
        return None if found is None else _entry_of(found)

    async def write(self, entry: Entry, session: AsyncClientSession) -> None:
        """Keep what is known now."""
        document = _document_of(entry)
        await self._states.replace_one({"_id": document["_id"]}, document, upsert=True, session=session)

    async def forget(self, configuration: str) -> bool:
        """Whether there was something to forget."""
        with translated():
            return (await self._states.delete_one({"_id": configuration})).deleted_count == 1

    async def facts(self) -> dict[str, Facts | None]:
        """What config said of all configurations that have a state, when it was asked last."""
        with translated():
            return {each["_id"]: _facts_of(each) async for each in self._states.find({}, {"facts": 1})}

    async def silent(self, now: Any, most: int) -> list[str]:
        """Configurations whose runs should have come by `now`, and that are not known as overdue."""
        query = {"due_at": {"$lte": now}, "state": {"$ne": "overdue"}}
        with translated():
            found = await self._states.find(query, {"_id": 1}, limit=most).to_list()
        return [each["_id"] for each in found]

    async def count(self) -> dict[str, int]:
        """How many configurations are in which state."""
        with translated():
            counts = await self._states.aggregate([{"$group": {"_id": "$state", "count": {"$sum": 1}}}])
            return {each["_id"]: each["count"] async for each in counts}

    async def find(self, configuration: str) -> ConfigurationState:
        """The state of one configuration. Raises `NotFound`."""
        with translated():
            found = await self._states.find_one({"_id": configuration})
        if found is None:
            raise NotFound(f"Nothing is known of a configuration {configuration[:100]}")
        return _entry_of(found).state

    async def select(
        self, *, state: str | None, collection: str | None, after: str | None, limit: int
    ) -> ConfigurationStates:
        """A page of states that match, by the configurations' ids."""
        wish = {"state": state, "collection": collection, "_id": None if after is None else {"$gt": after}}
        query: Document = {name: value for name, value in wish.items() if value is not None}
        with translated():
            found = await self._states.find(query, sort=[("_id", 1)], limit=limit + 1).to_list()
        page = [_entry_of(each).state for each in found[:limit]]
        return ConfigurationStates(
            states=tuple(page), next=page[-1].configuration if len(found) > limit else None
        )


def _document_of(entry: Entry) -> Document:
    told = entry.state.model_dump()
    facts = None if entry.facts is None else asdict(entry.facts)
    return {"_id": told.pop("configuration"), **told, "facts": facts}


def _entry_of(document: Document) -> Entry:
    return Entry(
        ConfigurationState.model_validate({**document, "configuration": document["_id"]}),
        _facts_of(document),
    )


def _facts_of(document: Document) -> Facts | None:
    return None if document["facts"] is None else Facts(**document["facts"])
