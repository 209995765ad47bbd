"""A role's HTTP server: its routes under `/v1` and bare, beside health, metrics and OpenAPI."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache, partial
from time import perf_counter
from typing import cast

import orjson
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import Counter, Histogram

import scrapr
from scrapr.client.events import MEDIA_TYPE
from scrapr.model.errors import Refused, Unavailable
from scrapr.runtime.lifecycle import Lifecycle, State
from scrapr.web import address, health, openapi, problems, ready, sharing
from scrapr.web.access import READS
from scrapr.web.auth import Guard
from scrapr.web.call import PREFIX, Call
from scrapr.web.connection import Connection
from scrapr.web.crowd import Crowd
from scrapr.web.role import Role
from scrapr.web.routes import Route, respond
from scrapr.web.settings import WebSettings

log = structlog.get_logger()
BACKLOG = 4096
"""Connections that may wait to be accepted: after a restart thousands of listeners come back at once."""
REQUESTS = Counter(
    "scrapr_http_requests_total", "Answers by route, method and status", ["method", "path", "status"]
)
SECONDS = Histogram("scrapr_http_request_seconds", "Time to answer by route", ["path"])


@asynccontextmanager
async def serving(
    role: Role,
    settings: WebSettings,
    lifecycle: Lifecycle,
    *,
    port: int,
    close: float,
    peer: str = "localhost",
    guard: Guard | None = None,
) -> AsyncIterator[str]:
    """Serve `role` and yield its URL; at the end requests under way get `close` seconds. Port 0 is a free one.

    Without a `guard` the settings' token alone says who may do what.

    A role that listens everywhere is told of at the address from which it reaches `peer`.
    """
    guard = guard or Guard(settings)
    app = build_app(role, settings, lifecycle, guard)
    runner = web.AppRunner(app, shutdown_timeout=close, handler_cancellation=False)
    await runner.setup()
    server = cast(web.Server, runner.server)  # there since the setup
    if role.quick:
        server.request_handler = ready.first(role.quick, server.request_handler, _count, guard.admits_at_once)
    try:
        async with _listening(server, settings.host, port) as bound:
            url = settings.advertise or f"http://{await _name_host(settings.host, peer)}:{bound}"
            log.info("listening", url=url)
            yield url
    finally:
        if role.push:
            await role.push.close()
        await runner.cleanup()


async def _name_host(host: str, peer: str) -> str:
    """The host in this process's URL."""
    host = await address.find_own(peer) if address.is_everywhere(host) else host
    return f"[{host}]" if ":" in host else host


@asynccontextmanager
async def _listening(server: web.Server, host: str, port: int) -> AsyncIterator[int]:
    """Accept connections, and yield the port."""
    loop = asyncio.get_running_loop()
    try:
        sockets = await loop.create_server(
            partial(Connection, server), host, port, reuse_address=True, backlog=BACKLOG
        )
    except OSError as error:
        raise Refused(
            f"Port {port} of {host} cannot be had ({error.strerror}); choose another with web.port"
        ) from error
    try:
        yield sockets.sockets[0].getsockname()[1]
    finally:
        sockets.close()


def build_app(role: Role, settings: WebSettings, lifecycle: Lifecycle, guard: Guard) -> web.Application:
    """The role as an aiohttp application."""
    crowd = Crowd(settings.at_once)
    middlewares = (
        _observe,
        *((sharing.answer_preflights,) if role.shared else ()),
        problems.answer_problems,
        crowd.admit,
        _refuse_while_draining(lifecycle),
    )
    app = web.Application(middlewares=middlewares, client_max_size=settings.body_limit)
    app[problems.LIMIT] = settings.body_limit
    crowd.attach(app)
    if role.shared:
        app.on_response_prepare.append(sharing.tell_origins)
    routes = (*role.routes, *health.routes(role.name, scrapr.__version__, lifecycle, role.checks))
    described = orjson.dumps(openapi.document(f"scrapr {role.name}", scrapr.__version__, routes))

    async def describe(_: Call) -> web.Response:
        return web.Response(body=described, content_type="application/json")

    async def go_home(_: web.Request) -> web.Response:
        raise web.HTTPFound(role.home)

    for route in (*routes, Route("GET", "/openapi.json", describe, "This document", need="nothing")):
        _mount(app, route, guard)
    app.router.add_get("/", go_home)
    if role.push:
        role.push.attach(app, ping=settings.ping)
    return app


def _mount(app: web.Application, route: Route, guard: Guard) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        await guard.admit(request.headers.get("Authorization", ""), route.needs)
        call = Call(request)
        if route.query is None and not route.lenient:
            call.take_no_query()
        answer = await route.handle(call)
        if isinstance(answer, web.StreamResponse):
            return answer
        return web.Response(status=204) if answer is None else respond(answer, status=route.status)

    for prefix in ("", PREFIX):
        if route.method == "GET":
            app.router.add_get(prefix + route.path, handle)  # and HEAD, whose answer has no body
        else:
            app.router.add_route(route.method, prefix + route.path, handle)


def _refuse_while_draining(lifecycle: Lifecycle) -> Middleware:
    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method not in READS and lifecycle.state in {State.DRAINING, State.STOPPED}:
            raise Unavailable("This process is stopping; another one will take this")
        return await handler(request)

    return check


@web.middleware
async def _observe(request: web.Request, handler: Handler) -> web.StreamResponse:
    started = perf_counter()
    answer = await handler(request)
    seconds = perf_counter() - started
    resource = request.match_info.route.resource
    listened = answer.status == 101 or answer.content_type == MEDIA_TYPE
    _count(
        request.method,
        resource.canonical if resource else "unknown",
        answer.status,
        None if listened else seconds,
    )
    log.debug(
        "request", method=request.method, path=request.path, status=answer.status, ms=round(seconds * 1e3, 2)
    )
    return answer


def _count(method: str, path: str, status: int, seconds: float | None) -> None:
    """Count an answer; how long somebody listened is no time to answer, and then there is none."""
    count, duration = _meters(method, path, status)
    count.inc()
    if seconds is not None:
        duration.observe(seconds)


@lru_cache(maxsize=1024)
def _meters(method: str, path: str, status: int) -> tuple[Counter, Histogram]:
    """The metrics of one kind of answer; finding them by their labels takes longer than counting."""
    return REQUESTS.labels(method, path, status), SECONDS.labels(path)
