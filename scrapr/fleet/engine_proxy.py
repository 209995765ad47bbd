"""A proxy that lets through to a Docker engine what an orchestrator needs, and nothing else.

It alone has the engine's socket; whoever takes over an orchestrator can keep, change and end the pools of one stack.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson
import structlog
from aiohttp import web

from scrapr.fleet import allowance
from scrapr.fleet.document import is_ours
from scrapr.model.errors import Refused

log = structlog.get_logger()
BODY_LIMIT = 2**20
CREDENTIALS = "X-Registry-Auth"
"""With these nodes pull the image; they are the asker's own."""
ANSWER_WITHIN = 60.0
"""Seconds that the engine may be silent; an event comes when it comes."""


class Absent(Exception):
    """The engine has not what a request names."""


class EngineProxy:
    """The proxy for one stack, in front of the engine whose connections `session` makes."""

    def __init__(self, session: aiohttp.ClientSession, *, engine: str, stack: str) -> None:
        self._session = session
        self._engine = engine
        self._stack = stack

    def app(self) -> web.Application:
        """The proxy as an application."""
        app = web.Application(client_max_size=BODY_LIMIT)
        app.router.add_route("*", "/{path:.*}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        match = allowance.find_rule(request.method, request.rel_url.raw_path, request.query)
        if match is None:
            return self._refuse(request, ["no orchestrator needs this"])
        try:
            body = orjson.loads(content) if (content := await request.read()) else None
            if faults := await self._look(match, body):
                return self._refuse(request, faults)
            return await self._pass_on(request, match, body)
        except Absent as absent:
            return _tell(404, str(absent))
        except orjson.JSONDecodeError:
            return self._refuse(request, ["the body is not JSON"])
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return _tell(503, f"The engine does not answer: {error}")

    async def _look(self, match: allowance.Match, body: Any) -> list[str]:
        """What is wrong with a request that follows a rule, in the light of what the engine has."""
        match match.rule.subject:
            case "create":
                return await self._spec_faults(body)
            case "service":
                found = await self._get(f"/services/{match.id}")
                if not found:
                    raise Absent(f"service {match.id} not found")
                # By its id alone: a name may be another's by the time that the request is passed on.
                if not is_ours(found, self._stack) or found["ID"] != match.id:
                    return [f"the service {match.id} is none of the stack {self._stack}"]
                return await self._spec_faults(body) if match.rule.method == "POST" else []
            case "node":
                found = await self._get(f"/nodes/{match.id}")
                if not found:
                    raise Absent(f"node {match.id} not found")
                return list(allowance.node_faults(found, body, self._stack))
            case _:
                return []

    async def _spec_faults(self, spec: Any) -> list[str]:
        found = list(allowance.faults(spec, stack=self._stack))
        for name in () if found else allowance.networks(spec):
            safe = name.replace("_", "").replace("-", "").isalnum()
            network = await self._get(f"/networks/{name}") if safe else {}
            if not allowance.allows_network(network, self._stack):
                found.append(f"the network {name} is none of the stack {self._stack}")
        return found

    async def _get(self, path: str) -> dict[str, Any]:
        """What the engine has there; empty where it has nothing."""
        async with self._session.get(self._engine + path) as answer:
            content = await answer.read()
            found: dict[str, Any] = orjson.loads(content) if answer.status == 200 else {}
            return found

    async def _pass_on(self, request: web.Request, match: allowance.Match, body: Any) -> web.StreamResponse:
        query = dict(request.query)
        if match.rule.subject == "list":
            query["filters"] = orjson.dumps(allowance.filters_for(match.path, self._stack)).decode()
        # The body is written anew: what was judged is what is sent.
        content = None if body is None else orjson.dumps(body)
        patience = aiohttp.ClientTimeout(connect=ANSWER_WITHIN) if match.path == "/events" else None
        headers = {"Content-Type": "application/json"}
        if match.rule.method == "POST" and CREDENTIALS in request.headers:
            headers[CREDENTIALS] = request.headers[CREDENTIALS]
        url = self._engine + request.rel_url.raw_path
        async with self._session.request(
            request.method, url, params=query, data=content, headers=headers, timeout=patience
        ) as answer:
            kind = answer.headers.get("Content-Type", "application/json")
            told = web.StreamResponse(status=answer.status, headers={"Content-Type": kind})
            if "Api-Version" in answer.headers:
                told.headers["Api-Version"] = answer.headers["Api-Version"]
            await told.prepare(request)
            async for chunk in answer.content.iter_any():
                await told.write(chunk)
            await told.write_eof()
            return told

    def _refuse(self, request: web.Request, faults: Iterable[str]) -> web.Response:
        why = "; ".join(faults)
        log.warning("refused", method=request.method, path=request.rel_url.raw_path[:200], reason=why)
        return _tell(403, f"engine proxy: {why}")


def _tell(status: int, message: str) -> web.Response:
    """An error in the engine's own shape."""
    return web.json_response({"message": message}, status=status)


@asynccontextmanager
async def serving(engine: str, *, stack: str, host: str, port: int) -> AsyncIterator[int]:
    """Serve the proxy in front of the engine at a unix socket, as `unix:///run/docker.sock`; yields the port."""
    if not engine.startswith("unix://"):
        raise Refused(f"{engine!r} is no engine's socket; allowed: unix:///path/of/docker.sock")
    connector = aiohttp.UnixConnector(engine.removeprefix("unix://"))
    timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as session:
        proxy = EngineProxy(session, engine="http://docker", stack=stack)
        runner = web.AppRunner(proxy.app(), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            bound: int = runner.addresses[0][1]
            log.info("listening", host=host, port=bound, engine=engine, stack=stack)
            yield bound
        finally:
            await runner.cleanup()


async def serve(engine: str, *, stack: str, host: str, port: int, stop: asyncio.Event) -> None:
    """Serve the proxy until `stop`."""
    async with serving(engine, stack=stack, host=host, port=port):
        await stop.wait()
