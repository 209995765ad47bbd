"""The seam between what should run and where it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from scrapr.fleet.nodes import Gate
    from scrapr.fleet.replica import Replica, ReplicaSpec
    from scrapr.fleet.service import Node, Service, ServiceSpec, Task


class Fleet(Protocol):
    """Runs replicas by name, and is the only memory of which exist.

    Every method raises `errors.Unavailable` when the fleet does not answer, except `changes`.
    """

    async def replicas(self) -> list[Replica]:
        """All replicas, exited ones included until their name is started again."""

    async def start(self, spec: ReplicaSpec) -> Replica:
        """Start a replica, or return the running one of that name; raises `errors.Refused`."""

    async def stop(self, name: str, *, grace: float) -> None:
        """End a replica: SIGTERM, SIGKILL after `grace` seconds; returns when it is gone, or was not there."""

    def changes(self) -> AsyncGenerator[Replica]:
        """Yield replicas as they start and exit, all of them once at each (re)connection.

        A hint: what happened while disconnected is seen only as the state found afterwards. Never ends by itself.
        """


class Services(Protocol):
    """Runs services, each of so many replicas that it starts, places and restarts itself; the only memory of them.

    Every method raises `errors.Unavailable` when the cluster does not answer, except `changes`, and `errors.Refused`
    for what it will not take. What is not of this stack is neither told nor touched.
    """

    async def services(self) -> list[Service]:
        """The pools' services."""

    async def tasks(self) -> list[Task]:
        """The services' replicas, of each place the newest."""

    async def nodes(self) -> list[Node]:
        """All machines of the cluster."""

    async def create(self, spec: ServiceSpec) -> None:
        """Create a service."""

    async def update(self, service: Service, spec: ServiceSpec) -> None:
        """Make a service what `spec` says; its replicas are renewed one by one."""

    async def scale(self, service: Service, replicas: int) -> None:
        """Give a service another number of replicas."""

    async def refuse(self, service: Service, digest: str) -> None:
        """Note on a service that what the spec of this digest asks for was tried and rolled back."""

    async def remove(self, service: Service) -> None:
        """End a service and its replicas."""

    async def gate(self) -> Gate:
        """How a machine joins as a worker."""

    async def drain(self, node: Node) -> None:
        """Give a node no more tasks; those that it has move elsewhere."""

    async def forget(self, node: Node) -> None:
        """Take a node off the list whose machine is gone."""

    def changes(self) -> AsyncGenerator[None]:
        """Yield when services or nodes have changed: a hint. Never ends by itself."""
