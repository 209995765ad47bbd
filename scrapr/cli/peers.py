"""The roles of the machine that a command speaks to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    import aiohttp

    from scrapr.client.config import ConfigClient
    from scrapr.client.datasource import DatasourceClient
    from scrapr.client.endpoint import EndpointClient
    from scrapr.client.transport import Transport

T = TypeVar("T")
PORT_BASE = 3000
PortBase = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=65531,
        help="First port of the `scrapr up` to speak to; without it, SCRAPR_CLIENT_ENTRY may name a cluster's entry.",
        show_default="3000",
    ),
]


@dataclass(frozen=True)
class Peers:
    """Clients of the roles of one machine, or of a cluster, and their URLs by role."""

    config: ConfigClient
    datasource: DatasourceClient
    endpoint: EndpointClient
    urls: dict[str, str]
    session: aiohttp.ClientSession
    entry: Transport | None
    """To a cluster's entry, at which all roles answer."""


def with_peers(act: Callable[[Peers], Awaitable[T]], port_base: int | None) -> T:
    """Do `act` with the roles of this machine."""
    from scrapr.runtime import log
    from scrapr.runtime.settings import LogSettings

    log.configure(LogSettings(level="error"), role="cli")

    async def do() -> T:
        async with _open(port_base) as peers:
            with _told_who_is_missing(peers.urls):
                return await act(peers)

    return asyncio.run(do())


@contextmanager
def _told_who_is_missing(urls: dict[str, str]) -> Iterator[None]:
    """Where nobody listens, the role is named instead of the socket's error."""
    import aiohttp

    from scrapr.model.errors import Unavailable

    try:
        yield
    except Unavailable as error:
        cause = error.__cause__
        if not isinstance(cause, aiohttp.ClientConnectorError):
            raise
        missing = (f"{role} answers at {url}" for role, url in urls.items() if url.endswith(f":{cause.port}"))
        told = f"no {next(missing, 'role answers')}; is `scrapr up` running? (--port-base N)"
        raise Unavailable(error.detail if len(set(urls.values())) == 1 else told) from error


@asynccontextmanager
async def _open(port_base: int | None) -> AsyncIterator[Peers]:
    from scrapr import settings as all_settings
    from scrapr.bootstrap.table import ROLES
    from scrapr.client.config import ConfigClient
    from scrapr.client.datasource import DatasourceClient
    from scrapr.client.endpoint import EndpointClient
    from scrapr.client.transport import Transport, at, open_session

    settings = all_settings.load()
    base = port_base or settings.fleet.port_base
    entry = settings.client.entry if port_base is None else None
    urls = {name: entry or f"http://127.0.0.1:{role.port - PORT_BASE + base}" for name, role in ROLES.items()}
    async with open_session(settings.client, settings.web.token.get_secret_value()) as session:
        to = {name: Transport(session, at(url), settings.client) for name, url in urls.items()}
        yield Peers(
            config=ConfigClient(to["config"]),
            datasource=DatasourceClient(to["datasource"]),
            endpoint=EndpointClient(to["endpoint"]),
            urls=urls,
            session=session,
            entry=to["orchestrator"] if entry else None,
        )
