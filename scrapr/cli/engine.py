"""The command that stands between an orchestrator and a Docker engine."""

from __future__ import annotations

from typing import Annotated

import typer


def engine_proxy(
    engine: Annotated[str, typer.Option(help="The engine's socket.")] = "unix:///var/run/docker.sock",
    host: Annotated[
        str, typer.Option(help="Address to listen on; beyond loopback, only in a network of its own.")
    ] = ("127.0.0.1"),
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 2375,
) -> None:
    """Let an orchestrator keep the pools of one stack (SCRAPR_FLEET_STACK) in a Docker Swarm, and do nothing else.

    It alone needs the engine's socket. Exit codes: 0 asked to stop, 2 refused.
    """
    import asyncio

    from scrapr import settings as all_settings
    from scrapr.fleet import engine_proxy as proxy
    from scrapr.runtime import log
    from scrapr.runtime.signals import stop_on_signals

    settings = all_settings.load()
    log.configure(settings.log, role="engine-proxy")

    async def serve() -> None:
        stop = asyncio.Event()
        stop_on_signals(stop)
        await proxy.serve(engine, stack=settings.fleet.stack, host=host, port=port, stop=stop)

    asyncio.run(serve())
