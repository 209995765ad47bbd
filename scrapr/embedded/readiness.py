"""Waiting until every role says that it is ready."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp

from scrapr.model import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

POLL = 0.02
"""Seconds between two questions to a role that is not ready; they are few, and only at the start."""


async def wait(ports: Mapping[str, int], host: str, timeout: float) -> None:  # noqa: ASYNC109 - it names who is late
    """Return when `GET /ready` of every role answers 200; raises `errors.Unavailable` that names the others."""
    last = dict.fromkeys(ports, "does not listen")
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    limits = aiohttp.ClientTimeout(total=2.0)
    try:
        async with (
            asyncio.timeout(timeout),
            aiohttp.ClientSession(connector=connector, timeout=limits) as session,
            asyncio.TaskGroup() as group,
        ):
            for role, port in ports.items():
                group.create_task(_wait_for(session, role, f"http://{host}:{port}/ready", last))
    except TimeoutError as e:
        late = "; ".join(f"{role} ({ports[role]}) {state}" for role, state in last.items() if state)
        raise errors.Unavailable(f"not ready within {timeout:g} s: {late}") from e


async def _wait_for(session: aiohttp.ClientSession, role: str, url: str, last: dict[str, str]) -> None:
    while last[role]:
        try:
            async with session.get(url) as answer:
                body = await answer.content.read(500)
                last[role] = (
                    "" if answer.status == 200 else f"answers {answer.status} {body.decode(errors='replace')}"
                )
        except (aiohttp.ClientError, TimeoutError) as e:
            last[role] = f"does not answer ({type(e).__name__})"
        if last[role]:
            await asyncio.sleep(POLL)
