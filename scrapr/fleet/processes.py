"""The fleet of one machine: replicas as processes, forked by a zygote."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING

import structlog

from scrapr.fleet import companion, wire
from scrapr.model import errors

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Sequence
    from pathlib import Path

    from scrapr.fleet.companion import Companion
    from scrapr.fleet.replica import Replica, ReplicaSpec

SHORTEST_PAUSE = 0.05
LONGEST_PAUSE = 1.0
"""Seconds between attempts to reach a zygote that does not answer, doubling from the shortest."""

log = structlog.get_logger(__name__)


class Processes:
    """A client of the zygote at a unix socket; holds no state and no connection between calls."""

    def __init__(self, socket: Path, *, answer_within: float = 5.0) -> None:
        self._socket = socket
        self._answer_within = answer_within

    async def replicas(self) -> list[Replica]:
        """All replicas, exited ones included until their name is started again."""
        return list((await self._ask(wire.Census())).replicas)

    async def start(self, spec: ReplicaSpec) -> Replica:
        """Start a replica, or return the running one of that name."""
        [replica] = (await self._ask(wire.Start(spec))).replicas
        return replica

    async def stop(self, name: str, *, grace: float) -> None:
        """End a replica: SIGTERM, SIGKILL after `grace` seconds; returns when it is gone, or was not there."""
        await self._ask(wire.Stop(name, grace), longer=grace)

    async def changes(self) -> AsyncGenerator[Replica]:
        """Yield replicas as they start and exit, all of them once at each (re)connection; never ends by itself."""
        pause = SHORTEST_PAUSE
        while True:
            with contextlib.suppress(errors.Unavailable):
                async with contextlib.aclosing(self._watch()) as replicas:
                    async for replica in replicas:
                        pause = SHORTEST_PAUSE
                        yield replica
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _watch(self) -> AsyncGenerator[Replica]:
        async with self._connection() as (reader, writer):
            writer.write(wire.encode(wire.Watch()))
            while line := await reader.readline():
                for replica in wire.decode_answer(line).replicas:
                    yield replica

    async def _ask(self, request: wire.Request, *, longer: float = 0.0) -> wire.Answer:
        try:
            async with asyncio.timeout(self._answer_within + longer), self._connection() as (reader, writer):
                writer.write(wire.encode(request))
                line = await reader.readline()
        except TimeoutError as e:
            raise errors.Unavailable(f"the zygote at {self._socket} gives no answer") from e
        if not line:
            raise errors.Unavailable(f"the zygote at {self._socket} hung up")
        return wire.decode_answer(line)

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        try:
            path = os.fspath(self._socket)
            reader, writer = await asyncio.open_unix_connection(path, limit=wire.ANSWER_LIMIT)
        except OSError as e:
            raise errors.Unavailable(f"no zygote answers at {self._socket}: {e.strerror}") from e
        try:
            yield reader, writer
        except ConnectionError as e:
            raise errors.Unavailable(f"the zygote at {self._socket} hung up") from e
        finally:
            writer.close()


@contextlib.asynccontextmanager
async def zygote_process(
    command: Sequence[str],
    socket_path: Path,
    *,
    output: Path | None = None,
    start_within: float = 15.0,
    grace: float = 6.0,
) -> AsyncIterator[Companion]:
    """Start a zygote as a child of this process, wait until it answers, and stop it when the block ends.

    `command` must serve at `socket_path`. `grace` covers the zygote's own stop of its replicas. Raises
    `errors.Unavailable` when it ends or does not answer in time.
    """
    async with companion.running("zygote", command, grace=grace, output=output) as process:
        await _answering(Processes(socket_path), process, start_within)
        yield process


async def _answering(fleet: Processes, process: Companion, within: float) -> None:
    try:
        async with asyncio.timeout(within):
            while process.exit_code is None:
                # A socket file of a killed predecessor refuses until the new zygote has replaced it.
                with contextlib.suppress(errors.Unavailable):
                    await fleet.replicas()
                    return
                await asyncio.sleep(0.01)
    except TimeoutError as e:
        raise errors.Unavailable(f"the zygote did not answer within {within:g} s") from e
    raise errors.Unavailable(f"the zygote ended at once with exit code {process.exit_code}")
