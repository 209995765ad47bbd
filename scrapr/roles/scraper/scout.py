"""Fetches a run's pages: those that are wanted, and ahead of them those that probably will be."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from scrapr.fetching.errors import FetchFailed
from scrapr.fetching.page import Page
from scrapr.roles.scraper.memory import Known


@dataclass(frozen=True, slots=True)
class Fetched:
    """A page; `known` is what it was before, if it did not change."""

    page: Page
    known: Known | None = None


class Scout:
    """Keeps fetches in flight, in `group`, until their pages are wanted or turn out not to be."""

    def __init__(self, fetch: Callable[[str], Awaitable[Fetched]], group: asyncio.TaskGroup) -> None:
        self._fetch = fetch
        self._group = group
        self._ahead: dict[str, asyncio.Task[Fetched | FetchFailed]] = {}
        self.wasted = 0
        """Pages that were fetched, or begun to be, and not wanted."""

    def expects(self, url: str) -> bool | None:
        """Whether `url` is being fetched ahead; None where nothing is."""
        return url in self._ahead if self._ahead else None

    async def fetch(self, url: str, guesses: Sequence[str]) -> Fetched:
        """The page at `url`; `guesses` are fetched meanwhile, and nothing else. Raises `FetchFailed`.

        A page that was not there while it was only guessed is asked for again now that it is linked to.
        """
        task = self._ahead.pop(url, None)
        self._look(guesses)
        if task is not None:
            found = await task
            if isinstance(found, Fetched):
                return found
            if found.status is None or not 400 <= found.status < 500:
                raise found
        # The tasks of the guesses begin after this did: at the host it comes first.
        return await self._fetch(url)

    def _look(self, guesses: Sequence[str]) -> None:
        """Begin `guesses`, but none beyond a page that could not be had."""
        window = []
        for url in guesses:
            window.append(url)
            if _has_failed(self._ahead.get(url)):
                break
        for url in self._ahead.keys() - set(window):
            self._drop(url)
        for url in window:
            if url not in self._ahead:
                self._ahead[url] = self._group.create_task(self._try(url), name=f"ahead {url}")

    def close(self) -> None:
        """Want nothing more."""
        for url in list(self._ahead):
            self._drop(url)

    def _drop(self, url: str) -> None:
        self._ahead.pop(url).cancel()
        self.wasted += 1

    async def _try(self, url: str) -> Fetched | FetchFailed:
        try:
            return await self._fetch(url)
        except FetchFailed as failure:
            return failure


def _has_failed(task: asyncio.Task[Fetched | FetchFailed] | None) -> bool:
    if task is None or not task.done() or task.cancelled() or task.exception() is not None:
        return False
    return isinstance(task.result(), FetchFailed)
