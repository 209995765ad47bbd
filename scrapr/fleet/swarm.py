"""The fleet of a cluster: services of Docker Swarm, which starts, places and restarts their replicas itself.

The services' labels are the only memory. What has not the label of this stack is neither told nor touched.
"""

from __future__ import annotations

import asyncio
import base64
import copy
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import structlog
from aiodocker import Docker
from aiodocker.exceptions import DockerError
from aiodocker.utils import compose_auth_header

from scrapr.fleet import document
from scrapr.fleet.nodes import Gate
from scrapr.model.errors import Refused, ScraprError, Unavailable
from scrapr.runtime import backoff
from scrapr.runtime.names import FreshNames

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scrapr.fleet.service import Node, Service, ServiceSpec, Task

log = structlog.get_logger()
OUT_OF_SEQUENCE = "out of sequence"
"""How the engine says, with status 500, that a service has changed since it was read."""
JOIN_PORT = 2377
TRIES = 5
CALL_WITHIN = 10.0
"""Seconds that the engine may take for an answer."""
Spec = Mapping[str, Any]


class Swarm:
    """The pools of one stack as services. Raises `Unavailable`, and `Refused` for what the engine will not take."""

    def __init__(self, docker: Docker, *, stack: str, login: str = "") -> None:
        self._docker = docker
        self._login = login
        self.stack = stack

    async def services(self) -> list[Service]:
        """The pools' services."""
        return [document.read_service(raw) for raw in await self._ours()]

    async def tasks(self) -> list[Task]:
        """The pools' replicas: of each place of a service the newest."""
        asked = {"label": f"{document.STACK}={self.stack}"}
        with _translated():
            found = await self._docker.tasks.list(filters=asked)
        return document.present(document.read_task(raw) for raw in found)

    async def nodes(self) -> list[Node]:
        """All machines of the cluster."""
        with _translated():
            return [document.read_node(raw) for raw in await self._docker.nodes.list()]

    async def create(self, spec: ServiceSpec) -> None:
        """Create a pool's service."""
        await self._post("services/create", await self._describe(spec), headers=self._credentials(spec))

    async def update(self, service: Service, spec: ServiceSpec) -> None:
        """Make a pool's service what `spec` says; its replicas are renewed one by one."""
        body = await self._describe(spec)
        await self._change(service, lambda _: body, headers=self._credentials(spec))

    async def scale(self, service: Service, replicas: int) -> None:
        """Give a pool's service another number of replicas; those that run are not touched."""
        await self._change(service, lambda found: document.scaled(found, replicas))

    async def refuse(self, service: Service, digest: str) -> None:
        """Note on a service that what the spec of this digest asks for was tried and rolled back."""
        await self._change(service, lambda found: document.refused(found, digest))

    async def remove(self, service: Service) -> None:
        """End a pool's service, and its replicas with it; nothing happens where it is gone."""
        if await self._find(service.id) is not None:
            with _translated(absent_is_fine=True):
                await self._docker.services.delete(service.id)

    async def gate(self) -> Gate:
        """How a machine joins as a worker."""
        with _translated():
            told = await self._docker.swarm.inspect()
        managers = [
            each.address for each in await self.nodes() if each.role == "manager" and each.state == "ready"
        ]
        if not managers:
            raise Unavailable("The cluster tells of no manager that is ready")
        return Gate(f"{managers[0]}:{JOIN_PORT}", told["JoinTokens"]["Worker"])

    async def drain(self, node: Node) -> None:
        """Give a node no more tasks; those that it has move elsewhere."""
        with _translated():
            found = await self._docker.nodes.inspect(node_id=node.id)
        spec = {**found["Spec"], "Availability": "drain"}
        await self._post(f"nodes/{node.id}/update", spec, {"version": found["Version"]["Index"]})

    async def forget(self, node: Node) -> None:
        """Take a node off the list whose machine is gone."""
        with _translated(absent_is_fine=True):
            await self._docker.nodes.remove(node_id=node.id, force=True)

    async def changes(self) -> AsyncGenerator[None]:
        """Yield when services or nodes have changed, and at each (re)connection; never ends by itself.

        A hint: what becomes of tasks is told by no event of the engine's.
        """
        failures = 0
        while True:
            try:
                async for _ in self._watch():
                    failures = 0
                    yield
            except (Unavailable, Refused):
                pass
            failures += 1
            await asyncio.sleep(backoff.delay(failures))

    async def _watch(self) -> AsyncIterator[None]:
        kinds = '{"type":["service","node"]}'
        with _translated():
            patience = aiohttp.ClientTimeout(connect=CALL_WITHIN)
            # The driver's own subscription starts a task that nobody awaits.
            async with self._docker._query(  # noqa: SLF001 - see above
                "events", params={"filters": kinds}, timeout=patience
            ) as answer:
                yield
                async for _ in answer.content:
                    yield

    def _credentials(self, spec: ServiceSpec) -> dict[str, str]:
        """What nodes show to the registry; where nothing is said the engine keeps what it was told before."""
        if not self._login:
            return {}
        encoded = base64.b64encode(self._login.encode())
        return {"X-Registry-Auth": compose_auth_header(encoded, spec.image.partition("/")[0])}

    async def _post(
        self, path: str, body: Spec, query: Spec | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        # The driver's own methods change parts of a spec; what is sent here is always whole.
        with _translated():
            await self._docker._query_json(  # noqa: SLF001 - see above
                path, method="POST", params=query, data=body, headers=headers
            )

    async def _describe(self, spec: ServiceSpec) -> dict[str, Any]:
        names = {document.split_secret(each)[0] for each in spec.secrets}
        known: dict[str, str] = {}
        if names:
            with _translated():
                known = {each["Spec"]["Name"]: each["ID"] for each in await self._docker.secrets.list()}
        if missing := names - known.keys():
            raise Refused(f"The cluster has no secret {', '.join(sorted(missing))}")
        return document.describe(spec, stack=self.stack, secrets=known)

    async def _ours(self) -> list[Mapping[str, Any]]:
        asked = {"label": f"{document.STACK}={self.stack}"}
        with _translated():
            found = await self._docker.services.list(filters=asked)
        return [raw for raw in found if document.is_ours(raw, self.stack)]

    async def _find(self, identity: str) -> Mapping[str, Any] | None:
        """The service as it is now; None where it is gone, or no longer ours."""
        found: Mapping[str, Any] = {}
        with _translated(absent_is_fine=True):
            found = await self._docker.services.inspect(identity)
        return found if document.is_ours(found, self.stack) else None

    async def _change(
        self, service: Service, make: Callable[[Spec], Spec], headers: Mapping[str, str] | None = None
    ) -> None:
        """Send the whole spec with the version that it was read at, again where somebody else was faster."""
        for tried in range(1, TRIES + 1):
            found = await self._find(service.id)
            if found is None:
                raise Unavailable(f"The service {service.name} is gone")
            body = make(copy.deepcopy(found["Spec"]))
            try:
                version = {"version": found["Version"]["Index"]}
                await self._post(f"services/{service.id}/update", body, version, headers)
            except Unavailable as error:
                if OUT_OF_SEQUENCE not in error.detail or tried == TRIES:
                    raise
            else:
                return


@contextmanager
def _translated(*, absent_is_fine: bool = False) -> Iterator[None]:
    """The driver's errors as ours."""
    try:
        yield
    except DockerError as error:
        if error.status == 404 and absent_is_fine:
            return
        raise _judge(error) from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise Unavailable(f"The Docker engine: {str(error) or type(error).__name__}") from error


def _judge(error: DockerError) -> ScraprError:
    told = f"The Docker engine: {error.message}"
    return (
        Refused(told) if 400 <= error.status < 500 and error.status not in {408, 429} else Unavailable(told)
    )


@asynccontextmanager
async def connected(engine: str | None, *, stack: str, login: str = "") -> AsyncIterator[Swarm]:
    """The cluster that the engine at `engine` is a manager of, as `unix:///run/docker.sock`, `tcp://proxy:2375` or
    `https://manager:2376`; none: what Docker's own client takes, from its `DOCKER_*` variables or its usual socket."""
    timeout = aiohttp.ClientTimeout(total=CALL_WITHIN)
    async with AsyncExitStack() as opened:
        connector = None
        if engine and engine.startswith("tcp://"):
            connector = await opened.enter_async_context(aiohttp.TCPConnector(resolver=FreshNames()))
        try:
            docker = Docker(engine, connector=connector, timeout=timeout)
        except (ValueError, AssertionError) as error:
            raise Refused(f"SCRAPR_FLEET_ENGINE names no Docker engine: {error}") from error
        yield Swarm(await opened.enter_async_context(docker), stack=stack, login=login)
