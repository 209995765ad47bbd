"""The seam between what should run and where it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from scrapr.fleet.replica import Replica, ReplicaSpec


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
