"""An orchestrator in a process of its own: `python orchestrator_script.py ZYGOTE-SOCKET CONFIG-URL`."""

import asyncio
import sys
from pathlib import Path

from scrapr.client.config import ConfigClient
from scrapr.client.datasource import DatasourceClient
from scrapr.client.settings import ClientSettings
from scrapr.client.transport import Transport, at, open_session
from scrapr.fleet.processes import Processes
from scrapr.fleet.settings import FleetSettings
from scrapr.roles.orchestrator import role
from scrapr.roles.orchestrator.settings import OrchestratorSettings
from scrapr.runtime.lifecycle import Lifecycle
from scrapr.runtime.settings import DrainSettings


async def orchestrate(socket: Path, config: str) -> None:
    """Reconcile until killed."""
    async with open_session(ClientSettings(), "") as session:
        transport = Transport(session, at(config), ClientSettings())
        built = await role.build(
            config=ConfigClient(transport),
            datasource=DatasourceClient(transport),
            fleet=Processes(socket),
            settings=OrchestratorSettings(),
            fleet_settings=FleetSettings(),
            environment={},
            token="",
        )
        await Lifecycle(DrainSettings()).live(built.loops, stop=asyncio.Event(), release=built.release)


if __name__ == "__main__":
    asyncio.run(orchestrate(Path(sys.argv[1]), sys.argv[2]))
