"""What the service of a pool is: pure, from the pool and from what all replicas are given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from scrapr.fleet.service import ServiceSpec
from scrapr.model.pool import Pool, PoolRole

PORTS: Mapping[PoolRole, int] = {"scraper": 3000, "endpoint": 3002}
OWN = (
    "SCRAPR_WEB_",
    "SCRAPR_CLAIM_",
    "SCRAPR_FLEET_",
    "SCRAPR_ORCHESTRATOR_",
    "SCRAPR_NODES_",
    "SCRAPR_MONGO_",
)
"""Settings of the orchestrator's own process, and what a replica must not know, by the beginning of their names."""
SHARED = frozenset({"SCRAPR_WEB_TOKEN", "SCRAPR_WEB_BODY_LIMIT"})
"""Of those, what all processes have in common."""


@dataclass(frozen=True)
class Shape:
    """What every pool's service has in common."""

    stack: str
    image: str
    networks: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    grace: float = 10.0

    def spec(self, pool: Pool, replicas: int) -> ServiceSpec:
        """The pool's service. A replica claims under the name of its task, which `docker ps` shows.

        Not under that of its place in the service: while a replica is renewed, or its node is out of reach, there may
        be two for one place, and each must have claims of its own.
        """
        own = {
            "SCRAPR_CLAIM_CONTAINER": "{{.Task.Name}}",
            "SCRAPR_CLAIM_NODE": "{{.Node.Hostname}}",
            "SCRAPR_CLAIM_PLACE": pool.place,
            "SCRAPR_CLAIM_SLOTS": str(pool.slots),
            "SCRAPR_WEB_HOST": "0.0.0.0",  # noqa: S104 - within its own container and networks
            "SCRAPR_WEB_PORT": str(PORTS[pool.role]),
        }
        return ServiceSpec(
            name=f"{self.stack}_{pool.name}",
            pool=pool.name,
            role=pool.role,
            image=pool.image or self.image,
            replicas=replicas,
            environment={**self._inherited, **own},
            cpu=pool.cpu,
            memory=pool.memory,
            constraints=pool.constraints,
            networks=self.networks,
            secrets=self.secrets,
            grace=self.grace,
        )

    @property
    def _inherited(self) -> dict[str, str]:
        return {
            name: value
            for name, value in self.environment.items()
            if name in SHARED or not name.startswith(OWN)
        }
