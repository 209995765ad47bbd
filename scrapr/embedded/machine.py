"""`scrapr up`: everything of one machine, started in order, kept alive, stopped in reverse."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Self

import structlog

from scrapr.embedded import folder, keeping, logs, mongod, plan, ports, readiness, redis
from scrapr.embedded.keeping import Kept
from scrapr.embedded.servers import Servers
from scrapr.embedded.settings import StopDeadlines
from scrapr.fleet.processes import Processes, zygote_process
from scrapr.model import errors
from scrapr.runtime.trigger import Trigger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    from scrapr.embedded.folder import Folder
    from scrapr.embedded.plan import Step
    from scrapr.embedded.server import Server
    from scrapr.embedded.servers import Urls
    from scrapr.embedded.settings import EmbeddedSettings
    from scrapr.fleet.companion import Companion
    from scrapr.fleet.replica import ReplicaSpec

SLACK = 0.25
"""Seconds beyond a step's grace after which the zygote itself counts as stuck."""
BETWEEN_TRIMS = 60.0
"""Seconds between two looks at the sizes of the logs."""

log = structlog.get_logger(__name__)


class Machine:
    """mongod, redis-server, the zygote and the roles of one machine.

    `zygote_command` is completed by `--socket PATH`. A given `mongo_url` or `redis_url` is used instead of a server of
    its own. `environment` goes to each role, with `SCRAPR_WEB_PORT`, `SCRAPR_MONGO_URL`, `SCRAPR_REDIS_URL`,
    `SCRAPR_FLEET_SOCKET`, `SCRAPR_FLEET_PORT_BASE` and `SCRAPR_FLEET_LOGS` added. `terminal` has every role write to
    this process's output instead of `log/<name>.log` in the data folder.

    Entering raises `errors.Conflict` (a port or the data folder is taken), `errors.Refused` (the data folder cannot be
    used) or `errors.Unavailable` (a server does not start). Leaving stops everything within `StopDeadlines`, and notes
    in `late` who did not end by itself.
    """

    def __init__(
        self,
        settings: EmbeddedSettings,
        *,
        port_base: int,
        host: str,
        zygote_command: Sequence[str],
        mongo_url: str | None,
        redis_url: str | None,
        environment: Mapping[str, str],
        terminal: bool = False,
    ) -> None:
        self._settings = settings
        self._port_base = port_base
        self._host = host
        self._zygote_command = tuple(zygote_command)
        self._mongo_url = mongo_url
        self._redis_url = redis_url
        self._environment = dict(environment)
        self._terminal = terminal
        self._deadlines = StopDeadlines()
        self._trigger = Trigger()
        self._late: set[str] = set()
        self._urls_are_told = False
        self._life = self._living()

    async def __aenter__(self) -> Self:
        await self._life.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return await self._life.__aexit__(kind, error, trace)

    @property
    def late(self) -> frozenset[str]:
        """The names of the replicas and servers that passed their deadline at the stop; whole after the block."""
        return frozenset(self._late)

    async def run(self, stop: asyncio.Event) -> None:
        """Keep everything running until `stop` is set; it is stopped when the machine's block ends."""
        await stop.wait()

    async def ready(self, timeout: float) -> None:  # noqa: ASYNC109 - the error names the roles that are late
        """Return when all five roles are ready; raises `errors.Unavailable` that names the others."""
        host = {"0.0.0.0": ports.LOOPBACK, "::": "[::1]"}.get(self._host, self._host)  # noqa: S104 - compared, not bound
        await readiness.wait(plan.list_ports(self._port_base), host, timeout)

    @contextlib.asynccontextmanager
    async def _living(self) -> AsyncIterator[None]:
        with folder.held(self._settings.data) as home:
            ports.require_free(plan.list_ports(self._port_base), self._host)
            self._trim(home)
            failure: BaseException | None = None
            try:
                async with asyncio.TaskGroup() as group, self._children(home, group):
                    yield
            except BaseExceptionGroup as e:
                if len(e.exceptions) != 1:
                    raise
                failure = e.exceptions[0]
            if failure is not None:
                # Told as itself; the group is only how it travelled.
                raise failure

    @contextlib.asynccontextmanager
    async def _children(self, home: Folder, group: asyncio.TaskGroup) -> AsyncIterator[None]:
        fleet = Processes(home.socket)
        servers = self._start_servers(home, group)
        tasks: list[asyncio.Task[None]] = []
        try:
            specs = self._list_specs(home, await servers.up())
            tasks += [
                group.create_task(
                    keeping.keep_replicas(
                        fleet, specs, self._trigger, longest_pause=self._settings.restart_most
                    ),
                    name="replicas",
                ),
                group.create_task(
                    keeping.pull_on_changes(fleet, self._trigger, None if self._terminal else home.log),
                    name="changes",
                ),
                group.create_task(self._trim_for_ever(home), name="logs"),
            ]
            yield
        finally:
            for task in tasks:
                task.cancel()
            await self._stop_replicas(fleet)
            self._note_late(await servers.stop())

    def _start_servers(self, home: Folder, group: asyncio.TaskGroup) -> Servers:
        """Start at once what is not given."""
        output = None if self._terminal else home.log("zygote")
        command = [*self._zygote_command, "--socket", str(home.socket)]

        def start_zygote() -> AbstractAsyncContextManager[Companion]:
            return zygote_process(
                command,
                home.socket,
                output=output,
                start_within=self._settings.start_within,
                grace=self._deadlines.zygote,
            )

        def start_mongod() -> AbstractAsyncContextManager[Server]:
            return mongod.started(home, self._settings, same_port=self._urls_are_told)

        def start_redis() -> AbstractAsyncContextManager[Server]:
            return redis.started(home, self._settings, same_port=self._urls_are_told)

        most = self._settings.restart_most
        return Servers(
            zygote=Kept("zygote", start_zygote, group, longest_pause=most, on_up=self._trigger.pull),
            redis=self._redis_url or Kept("redis", start_redis, group, longest_pause=most),
            mongod=self._mongo_url or Kept("mongod", start_mongod, group, longest_pause=most),
        )

    def _list_specs(self, home: Folder, urls: Urls) -> tuple[ReplicaSpec, ...]:
        self._urls_are_told = True
        logs_folder = None if self._terminal else str(home.logs)
        environment = {
            **self._environment,
            "SCRAPR_MONGO_URL": urls.mongo,
            "SCRAPR_REDIS_URL": urls.redis,
            "SCRAPR_FLEET_SOCKET": str(home.socket),
            "SCRAPR_FLEET_PORT_BASE": str(self._port_base),
        }
        if logs_folder is not None:
            environment["SCRAPR_FLEET_LOGS"] = logs_folder
        return plan.list_specs(self._port_base, environment, logs_folder)

    async def _stop_replicas(self, fleet: Processes) -> None:
        try:
            steps = plan.list_stops(await fleet.replicas(), self._deadlines)
        except errors.Unavailable:
            return  # no zygote, so no replicas
        for step in steps:
            await self._stop_step(fleet, step)
        # A zygote that does not tell is late itself, or has taken its replicas with it.
        with contextlib.suppress(TimeoutError, errors.Unavailable):
            async with asyncio.timeout(SLACK):
                self._note_late(plan.list_late(steps, await fleet.replicas()))

    async def _stop_step(self, fleet: Processes, step: Step) -> None:
        async with asyncio.TaskGroup() as group:
            for name in step.names:
                group.create_task(self._stop_replica(fleet, name, step.grace))

    async def _stop_replica(self, fleet: Processes, name: str, grace: float) -> None:
        try:
            async with asyncio.timeout(grace + SLACK):
                await fleet.stop(name, grace=grace)
        except (TimeoutError, errors.Unavailable):
            # Whoever is left dies with the zygote.
            self._note_late([name])

    def _note_late(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in self._late:
                log.warning("deadline passed", step="stop", name=name)
                self._late.add(name)

    async def _trim_for_ever(self, home: Folder) -> None:
        while True:
            await asyncio.sleep(BETWEEN_TRIMS)
            await asyncio.to_thread(self._trim, home)

    def _trim(self, home: Folder) -> None:
        logs.trim(home.logs, self._settings.log_limit_mb << 20)
