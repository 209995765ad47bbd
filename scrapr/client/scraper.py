"""A scraper, as its callers see it."""

from __future__ import annotations

from scrapr.client.transport import Transport, as_kind
from scrapr.model.batch import Run, Runs
from scrapr.model.start import FORWARDED, Start, Started

MARGIN = 5.0
"""Seconds beyond the wait that a start asked for, for the way there and back."""


class ScraperClient:
    """Runs that are started by hand, and recent ones. Raises the errors of `scrapr.model.errors`."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    async def start(self, start: Start, *, forwarded: bool = False) -> Started:
        """Run now, or join the run that is under way; waits for its end as long as `start` says."""
        body = start.model_dump(exclude_none=True)
        headers = {FORWARDED: "1"} if forwarded else None
        patience = (start.wait or 0) + MARGIN
        answer = await self.transport.call(
            "POST", "/v1/scraper/start", body=body, headers=headers, patience=patience
        )
        return as_kind(Started, answer)

    async def runs(self, *, configuration: str | None = None, limit: int = 20) -> tuple[Run, ...]:
        """Recent runs, newest first."""
        query = {"configuration": configuration, "limit": limit}
        return (await self.transport.get(Runs, "/v1/runs", query)).runs
