"""The endpoint, wired."""

from __future__ import annotations

import aiohttp
import structlog

from scrapr.client.config import ConfigClient
from scrapr.client.datasource import DatasourceClient
from scrapr.client.scraper import ScraperClient
from scrapr.discovery.directory import Directory
from scrapr.model.claim import ClaimRequest
from scrapr.roles.endpoint import http
from scrapr.roles.endpoint.answers import Answers
from scrapr.roles.endpoint.audience import Audience
from scrapr.roles.endpoint.declarations import Declarations
from scrapr.roles.endpoint.indexer import Indexer
from scrapr.roles.endpoint.inputs import Inputs
from scrapr.roles.endpoint.making import Maker
from scrapr.roles.endpoint.mirror import Mirror
from scrapr.roles.endpoint.past import Past
from scrapr.roles.endpoint.peers import Peers
from scrapr.roles.endpoint.rooms import Rooms
from scrapr.roles.endpoint.service import Service
from scrapr.roles.endpoint.settings import EndpointSettings
from scrapr.roles.endpoint.store import Store
from scrapr.roles.endpoint.stream import Streams
from scrapr.runtime import descriptors
from scrapr.runtime.loops import Loop
from scrapr.storage.redis import Redis
from scrapr.web.auth import Guard
from scrapr.web.role import Role

log = structlog.get_logger()
RESERVED = 256
"""File descriptors that are not for clients of pushes."""


async def build(
    *,
    redis: Redis,
    config: ConfigClient,
    datasource: DatasourceClient,
    session: aiohttp.ClientSession,
    claim: ClaimRequest,
    settings: EndpointSettings,
    directory: Directory,
    guard: Guard,
) -> Role:
    """An endpoint that takes what `claim` asks for; `guard` says who may listen.

    Once it has something to serve, nothing that is away makes it unready: it answers from what it has.
    """
    audience = Audience(datasource, settings, most=_connections(settings))
    mirror = Mirror(folder=settings.folder, readers=settings.readers)
    service = Service(
        config=config,
        datasource=datasource,
        store=Store(redis, settings),
        mirror=mirror,
        claim=claim,
        settings=settings,
        directory=directory,
        audience=audience,
        token=guard.token,
    )
    indexer = Indexer(mirror, settings)
    past = Past(datasource, mirror, settings)
    maker = Maker(mirror, indexer, settings, private=guard.private)
    answers = Answers(mirror, maker, past, Declarations(config), service.places, settings)
    scrapers = ScraperClient(config.transport.toward(directory.locate("scraper"), name="The scraper"))
    peers = Peers(
        directory,
        session,
        container=claim.container,
        patience=settings.forward,
        hearing=settings.forward + settings.push_heartbeat,
        token=guard.token,
    )
    inputs = Inputs(scrapers, settings, private=guard.private)
    return Role(
        name="endpoint",
        home="/items",
        routes=http.routes(service, answers, inputs, peers, Streams(audience, settings), settings),
        loops=(
            Loop("listen-config", service.listen_to_config),
            Loop("hold", service.hold),
            Loop("listen-datasource", service.listen_to_datasource),
            Loop("follow", service.follow),
            Loop("keep", service.keep),
            Loop("index", indexer.index_columns),
            Loop("index-text", indexer.index_texts),
            Loop("load-past", past.load),
            Loop("audience", audience.tend),
        ),
        quick=answers.quick,
        shared=True,
        checks={"claims": service.check},
        push=Rooms(service, audience, peers, settings, guard),
        release=service.release,
    )


def _connections(settings: EndpointSettings) -> int:
    """How many clients may be told of changes: as the settings say, and with descriptors left for everything else."""
    most = descriptors.allow_most() - RESERVED
    if most < settings.push_clients:
        log.warning("too few file descriptors", push_clients=settings.push_clients, possible=most)
    return max(0, min(settings.push_clients, most))
