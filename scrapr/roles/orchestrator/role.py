"""The orchestrator, wired."""

from __future__ import annotations

from collections.abc import Mapping

from scrapr.client.config import ConfigClient
from scrapr.fleet.fleet import Fleet
from scrapr.fleet.settings import FleetSettings
from scrapr.roles.orchestrator import http
from scrapr.roles.orchestrator.outfit import Outfit
from scrapr.roles.orchestrator.service import Orchestrator
from scrapr.roles.orchestrator.settings import OrchestratorSettings
from scrapr.runtime.loops import Loop
from scrapr.web.role import Role


async def build(
    *,
    config: ConfigClient,
    fleet: Fleet,
    settings: OrchestratorSettings,
    fleet_settings: FleetSettings,
    environment: Mapping[str, str],
    token: str,
) -> Role:
    """The role; it touches nothing before its loops run.

    `environment` is what every replica gets, by environment names, as `{"SCRAPR_REDIS_URL": "redis://…"}`: what this
    process was given itself. What belongs to one process alone (its port, its claim) is replaced or left out.
    """
    outfit = Outfit(fleet_settings.port_base, fleet_settings.logs, environment)
    orchestrator = Orchestrator(config, fleet, settings, outfit, grace=fleet_settings.grace, token=token)
    return Role(
        name="orchestrator",
        home="/pools",
        routes=http.routes(orchestrator),
        loops=(
            Loop("feed", orchestrator.demand.listen),
            Loop("pools", orchestrator.demand.learn),
            Loop("fleet", orchestrator.watch),
            Loop("reconcile", orchestrator.reconcile),
        ),
        checks={"fleet": orchestrator.check_fleet},
        release=orchestrator.release,
    )
