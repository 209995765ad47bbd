"""A `scrapr up` of its own for tests that kill it: `up_script.py DATA PORT_BASE`; says so when all is ready."""

import asyncio
import sys
from pathlib import Path

from scrapr.embedded.machine import Machine
from scrapr.embedded.settings import EmbeddedSettings
from scrapr.runtime import signals

ZYGOTE = Path(__file__).with_name("zygote_script.py")


async def main(data: Path, port_base: int) -> None:
    """Run a machine until SIGTERM."""
    stop = asyncio.Event()
    signals.stop_on_signals(stop)
    async with Machine(
        EmbeddedSettings(data=data),
        port_base=port_base,
        host="127.0.0.1",
        zygote_command=[sys.executable, str(ZYGOTE)],
        mongo_url=None,
        redis_url=None,
        environment={"STOPS": str(data / "stops")},
    ) as machine:
        await machine.ready(30)
        sys.stdout.write("\nready\n")
        sys.stdout.flush()
        await machine.run(stop)


asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
