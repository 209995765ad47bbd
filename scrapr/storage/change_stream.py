"""Change streams that go on where they were, or say that they cannot."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from time import monotonic
from typing import Any

from pymongo.errors import OperationFailure

from scrapr.storage.mongo import Collection, Database, Document, translated

AWAIT_MS = 500
SAVE_EVERY = 0.5
"""Seconds between two stores of a token; what is announced again after a crash costs time, never data."""


class Bookmark:
    """The place of one reader of a change stream, kept under `name` in the collection `tokens`."""

    def __init__(self, tokens: Collection, name: str) -> None:
        self._tokens = tokens
        self._name = name
        self._saved: Any = None
        self._saved_at = 0.0

    async def load(self) -> Any:
        """Return the stored token, or None where there is none."""
        with translated():
            stored = await self._tokens.find_one({"_id": self._name})
        self._saved = stored["token"] if stored else None
        return self._saved

    async def save(self, token: Any) -> None:
        """Store `token`, unless it is known or the last store is but a moment old."""
        if token is None or token == self._saved or monotonic() - self._saved_at < SAVE_EVERY:
            return
        with translated():
            await self._tokens.replace_one({"_id": self._name}, {"token": token}, upsert=True)
        self._saved, self._saved_at = token, monotonic()


async def watch(
    source: Collection | Database, pipeline: Sequence[Document], *, bookmark: Bookmark | None = None
) -> AsyncGenerator[Document | None, None]:
    """Yield the change events of a collection or database; None says that some may be missing: look at the full state.

    None comes first unless the `bookmark` knows where the last reader was, and again when the oplog no longer
    holds that place. The bookmark moves when the next event is asked for: after the effect of the last one, and
    on empty batches too, or an idle stream's token would fall off the oplog. Raises `Unavailable`.
    """
    token = await bookmark.load() if bookmark else None
    while True:
        try:
            async with aclosing(_follow(source, pipeline, token, bookmark)) as events:
                async for event in events:
                    yield event
        except OperationFailure:
            # The codes are many: the oplog no longer holds the place (286), or it was never one (9, 15, 40647 …).
            if token is None:
                raise
            token = None


async def _follow(
    source: Collection | Database, pipeline: Sequence[Document], token: Any, bookmark: Bookmark | None
) -> AsyncGenerator[Document | None, None]:
    with translated():
        stream = await source.watch(list(pipeline), resume_after=token, max_await_time_ms=AWAIT_MS)
    async with stream:
        if token is None:
            yield None
        while stream.alive:
            with translated():
                event = await stream.try_next()
            if event is not None:
                yield event
            if bookmark:
                await bookmark.save(stream.resume_token)
