"""A stand-in for `scrapr up`: starts a zygote and two replicas, tells their process ids, and waits to be killed."""

import asyncio
import sys
from pathlib import Path

from scrapr.fleet import processes
from scrapr.fleet.replica import ReplicaSpec


async def main(folder: Path) -> None:
    """Start everything and stay."""
    path = folder / "z.sock"
    script = str(Path(__file__).with_name("zygote_script.py"))
    output = folder / "zygote.log"
    async with processes.zygote_process([sys.executable, script, str(path)], path, output=output) as zygote:
        fleet = processes.Processes(path)
        pids = [zygote.pid]
        for name, role in (("a", "idle"), ("b", "stubborn")):
            pids.append((await fleet.start(ReplicaSpec(name, role))).pid)
        sys.stdout.write(" ".join(map(str, pids)) + "\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


asyncio.run(main(Path(sys.argv[1])))
