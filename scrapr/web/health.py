"""Alive, ready, and the numbers: what every role tells about itself."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from scrapr.model.errors import Unavailable
from scrapr.runtime.lifecycle import Lifecycle, State
from scrapr.web.call import Call
from scrapr.web.role import Check
from scrapr.web.routes import Route, respond

CHECK_TIMEOUT = 2.0


class Alive(BaseModel):
    """The process answers."""

    ok: bool = True
    role: str
    version: str
    state: str


class Readiness(BaseModel):
    """Whether the process can do its work: its state, and each dependency's `ok` or what is wrong with it."""

    ready: bool
    state: str
    checks: dict[str, str]


def routes(role: str, version: str, lifecycle: Lifecycle, checks: Mapping[str, Check]) -> tuple[Route, ...]:
    """`/ping`, `/ready` and `/metrics`."""

    async def ping(_: Call) -> Alive:
        return Alive(role=role, version=version, state=lifecycle.state.value)

    async def ready(_: Call) -> web.Response:
        found = dict(zip(checks, await asyncio.gather(*map(_examine, checks.values())), strict=True))
        good = lifecycle.state is State.READY and set(found.values()) <= {"ok"}
        told = Readiness(ready=good, state=lifecycle.state.value, checks=found)
        return respond(told, status=200 if good else 503)

    async def metrics(_: Call) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return (
        Route("GET", "/ping", ping, "Is the process alive?", answer=Alive, need="nothing"),
        Route("GET", "/ready", ready, "Can it do its work?", answer=Readiness, need="nothing"),
        Route("GET", "/metrics", metrics, "Its numbers, in Prometheus's text format", need="nothing"),
    )


async def _examine(check: Check) -> str:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT):
            await check()
    except Unavailable as error:
        return error.public
    except TimeoutError:
        return f"no answer within {CHECK_TIMEOUT} s"
    return "ok"
