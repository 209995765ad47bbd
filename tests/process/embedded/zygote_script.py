"""A zygote with tiny roles: each serves `/ready`; the orchestrator starts a scraper and an endpoint."""

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

from aiohttp import web

from scrapr.fleet import zygote
from scrapr.fleet.processes import Processes
from scrapr.fleet.replica import ReplicaSpec
from scrapr.runtime import signals


def run(role: str, environment: Mapping[str, str]) -> int:
    """Serve until SIGTERM."""
    if environment.get("FAIL") == role:
        raise LookupError(f"{role} fails")
    asyncio.run(serve(role, environment))
    with Path(environment["STOPS"]).open("a") as stops:
        stops.write(f"{role}\n")
    return 0


async def serve(role: str, environment: Mapping[str, str]) -> None:
    """Answer on the role's port, and write down when asked to stop."""
    stop = asyncio.Event()
    signals.stop_on_signals(stop)
    if role == "orchestrator":
        await start_pools(environment)

    async def ready(_: web.Request) -> web.Response:
        return web.json_response(dict(environment))

    app = web.Application()
    app.router.add_get("/ready", ready)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(environment["SCRAPR_WEB_PORT"])).start()
    await stop.wait()
    await runner.cleanup()


async def start_pools(environment: Mapping[str, str]) -> None:
    """Start one scraper and one endpoint, as the orchestrator does."""
    fleet = Processes(Path(environment["SCRAPR_FLEET_SOCKET"]))
    base = int(environment["SCRAPR_FLEET_PORT_BASE"])
    for role, port in (("scraper", base), ("endpoint", base + 2)):
        await fleet.start(
            ReplicaSpec(f"{role}-default-0", role, {**environment, "SCRAPR_WEB_PORT": str(port)})
        )


if __name__ == "__main__":
    zygote.serve(Path(sys.argv[sys.argv.index("--socket") + 1]), run)
