"""The orchestrator, wired."""

from __future__ import annotations

from collections.abc import Mapping

from scrapr.client.config import ConfigClient
from scrapr.client.datasource import DatasourceClient
from scrapr.fleet.fleet import Fleet, Services
from scrapr.fleet.nodes import Provider
from scrapr.fleet.settings import FleetSettings, NodesSettings
from scrapr.roles.orchestrator import http, page
from scrapr.roles.orchestrator.cluster import Cluster
from scrapr.roles.orchestrator.growing import Growing
from scrapr.roles.orchestrator.leadership import Leadership
from scrapr.roles.orchestrator.outfit import Outfit
from scrapr.roles.orchestrator.overview import Lookout
from scrapr.roles.orchestrator.service import Orchestrator
from scrapr.roles.orchestrator.settings import OrchestratorSettings
from scrapr.roles.orchestrator.shape import Shape
from scrapr.runtime.loops import Loop
from scrapr.web.role import Role


async def build(
    *,
    config: ConfigClient,
    datasource: DatasourceClient,
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
        routes=(*http.routes(orchestrator), *page.routes(Lookout(orchestrator, config, datasource))),
        loops=(
            Loop("feed", orchestrator.demand.listen),
            Loop("pools", orchestrator.demand.learn),
            Loop("fleet", orchestrator.watch),
            Loop("reconcile", orchestrator.reconcile),
        ),
        checks={"fleet": orchestrator.check_fleet},
        release=orchestrator.release,
    )


async def build_for_cluster(
    *,
    config: ConfigClient,
    datasource: DatasourceClient,
    fleet: Services,
    settings: OrchestratorSettings,
    fleet_settings: FleetSettings,
    environment: Mapping[str, str],
    container: str,
    provider: Provider | None,
    nodes_settings: NodesSettings,
    token: str,
) -> Role:
    """The role where a cluster runs the replicas; of several that are called by other `container`s one acts."""
    shape = Shape(
        stack=fleet_settings.stack,
        image=fleet_settings.image,
        networks=fleet_settings.networks,
        secrets=fleet_settings.secrets,
        environment=environment,
        grace=fleet_settings.grace,
    )
    leadership = Leadership(config, container)
    cluster = Cluster(config, fleet, settings, shape, leadership=leadership, token=token)
    growing = provider and Growing(
        provider,
        fleet,
        nodes_settings,
        stack=fleet_settings.stack,
        leadership=leadership,
        look=lambda: cluster.look,
        decisions=cluster.decisions,
    )
    return Role(
        name="orchestrator",
        home="/pools",
        routes=(*http.routes(cluster), *page.routes(Lookout(cluster, config, datasource))),
        loops=(
            Loop("feed", cluster.demand.listen),
            Loop("pools", cluster.demand.learn),
            Loop("lease", leadership.hold),
            Loop("fleet", cluster.watch),
            Loop("reconcile", cluster.reconcile),
            *([Loop("nodes", growing.run)] if growing else []),
        ),
        checks={"fleet": cluster.check_fleet},
        release=cluster.release,
    )
