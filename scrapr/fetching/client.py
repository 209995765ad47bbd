"""The client that all of scrapr's requests to the web go through."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from types import TracebackType
from typing import Self

from aiohttp.abc import AbstractResolver
from yarl import URL

from scrapr.fetching import asking, gate, reading, retry
from scrapr.fetching.browser import Browser
from scrapr.fetching.errors import FetchFailed, FetchUnavailable
from scrapr.fetching.hop import REDIRECTS, Hop, first_hop, follow, is_conditional
from scrapr.fetching.hosts import HostLimits, LocalHosts
from scrapr.fetching.page import Page, Request, Validators
from scrapr.fetching.pool import Pool
from scrapr.fetching.settings import FetchSettings
from scrapr.fetching.transfer import Answer
from scrapr.fetching.visits import Trip, Visits, host_of
from scrapr.model.fetch import FetchOptions
from scrapr.runtime import backoff

OPTIONS_KEPT = 1024


class Client:
    """Fetches pages politely and safely: one per process, for any number of fetches at the same time.

    `hosts` shares the limits per host with other processes. `resolver` and `open_socket` are aiohttp's
    resolver, and what opens a socket once the guard agreed to its address.
    """

    def __init__(
        self,
        settings: FetchSettings,
        hosts: HostLimits | None = None,
        *,
        resolver: AbstractResolver | None = None,
        open_socket: gate.OpenSocket = gate.open_socket,
    ):
        self._settings = settings
        self._hosts: HostLimits = LocalHosts() if hosts is None else hosts
        self._pool = Pool(settings, resolver=resolver, open_socket=open_socket)
        self._browser = Browser(settings, resolver=resolver, open_socket=open_socket)
        self._visits = Visits(self._pool, self._hosts)
        self._settled: dict[int, tuple[FetchOptions, FetchSettings]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._browser.close()
        await self._pool.close()

    def settings_for(self, options: FetchOptions | None) -> FetchSettings:
        """How requests with these options are sent."""
        if options is None:
            return self._settings
        # Told apart by identity: they hold what cannot be hashed, and each page of a configuration comes with the same.
        found = self._settled.get(id(options))
        if found is None:
            if len(self._settled) >= OPTIONS_KEPT:
                del self._settled[next(iter(self._settled))]
            found = self._settled[id(options)] = options, self._settings.with_options(options)
        return found[1]

    async def fetch(self, request: Request) -> Page:
        """The page, after redirects and retries, and as its scripts left it if the options ask for that.

        Raises `FetchFailed`: `FetchRefused` if it may not be fetched, `FetchUnavailable` if it did not come.
        """
        render = request.options.render if request.options is not None else None
        if not render:
            return await self._fetch(request)
        # That the text is as it was says nothing about what its scripts load.
        page = await self._fetch(replace(request, validators=None) if render is True else request)
        if page.unchanged:
            return page
        if render == "auto" and (request.lacks is None or not await request.lacks(page)):
            return page
        return await self._render(page, request)

    async def _render(self, page: Page, request: Request) -> Page:
        settings, started = self.settings_for(request.options), time.perf_counter()
        rendered = await self._browser.render(page, settings)
        known = request.validators.body_hash if request.validators is not None else None
        digest = await asyncio.to_thread(reading.digest, rendered.text)
        return replace(
            page,
            text="" if digest == known else rendered.text,
            encoded=None,
            unchanged=digest == known,
            validators=Validators(body_hash=digest),
            size=page.size + rendered.size,
            seconds=page.seconds + time.perf_counter() - started,
        )

    async def _fetch(self, request: Request) -> Page:
        trip = Trip(self.settings_for(request.options), request.expect)
        first = first_hop(asking.complete(request, trip.settings), trip.settings)
        while True:
            try:
                answer, seconds = await self._travel(first, trip)
                return await reading.read_page(
                    answer,
                    request,
                    limit=trip.settings.body_limit,
                    seconds=seconds,
                    retries=trip.retries,
                    waited=trip.waited,
                )
            except FetchFailed as failure:
                failure.retries, failure.waited = trip.retries, trip.waited
                await self._pause(failure, first.method, trip)
            trip.retries += 1

    async def _travel(self, hop: Hop, trip: Trip) -> tuple[Answer, float]:
        """Follow the hop to a success or a 304; also the seconds that all hosts on the way took."""
        settings = trip.settings
        spent = 0.0
        while True:
            answer = await self._visits.visit(hop, trip, left=settings.timeout - spent)
            spent += answer.seconds
            if answer.status in REDIRECTS:
                location = answer.headers.get("Location")
                hop = follow(hop, answer.status, location, limit=settings.redirects)
            elif 200 <= answer.status < 300 or (answer.status == 304 and is_conditional(hop)):
                return answer, spent
            else:
                raise _status(answer)

    async def _pause(self, failure: FetchFailed, method: str, trip: Trip) -> None:
        """Wait until the failed request may be tried again; raise the failure if it may not.

        What the host asked for holds all requests to it, not this one alone: the wait is then at the host.
        """
        settings = trip.settings
        again = retry.decide(failure, retries=trip.retries, method=method, settings=settings)
        if failure.reason == "status" and failure.retry_after:
            await self._hosts.hold(host_of(URL(failure.url)), min(failure.retry_after, retry.HOLD_MOST))
        if again is None:
            raise failure
        if again.after is None:
            seconds = backoff.delay(
                trip.retries + 1, first=settings.backoff_first, most=settings.backoff_most
            )
            trip.wait("backoff", seconds)
            await asyncio.sleep(seconds)


def _status(answer: Answer) -> FetchUnavailable:
    seconds = retry.parse_retry_after(answer.headers.get("Retry-After"))
    later = f", and asks to come back in {seconds:.0f} s" if seconds else ""
    return FetchUnavailable(
        "status",
        f"the host answered {answer.status}{later}",
        url=str(answer.url),
        status=answer.status,
        retry_after=seconds,
    )
