"""The scraper, wired."""

from __future__ import annotations

from scrapr.client.config import ConfigClient
from scrapr.client.datasource import DatasourceClient
from scrapr.client.holder import Holder
from scrapr.discovery.directory import Directory
from scrapr.fetching.client import Client
from scrapr.model.claim import ClaimRequest
from scrapr.roles.scraper import http
from scrapr.roles.scraper.courier import Courier
from scrapr.roles.scraper.hosts import SharedHosts
from scrapr.roles.scraper.isolation import Isolation
from scrapr.roles.scraper.results import Results
from scrapr.roles.scraper.run import Tools
from scrapr.roles.scraper.service import Service
from scrapr.roles.scraper.settings import ScraperSettings
from scrapr.roles.scraper.shelf import Shelf
from scrapr.roles.scraper.starts import Starts
from scrapr.roles.scraper.store import Store
from scrapr.runtime.loops import Loop
from scrapr.storage.redis import Redis
from scrapr.web.role import Role


async def build(
    *,
    redis: Redis,
    config: ConfigClient,
    datasource: DatasourceClient,
    fetcher: Client,
    claim: ClaimRequest,
    settings: ScraperSettings,
    directory: Directory,
    token: str,
    hosts: SharedHosts | None = None,
) -> Role:
    """A scraper that takes what `claim` asks for; `token` is what it shows to config's feed.

    `hosts` are those that `fetcher` goes by, where they are shared with other scrapers.
    """
    store = Store(redis, settings)
    holder = Holder(config, store, claim, token=token)
    isolation = Isolation(settings)
    tools = Tools(fetcher, Courier(datasource), isolation, store, settings)
    service = Service(holder, store, tools, directory)
    results = Results(tools, Shelf(redis, settings))
    starts = Starts(
        service, results, config, directory, container=claim.container, deadline=settings.deadline
    )

    async def release() -> None:
        await service.release()
        if hosts is not None:
            await hosts.release()

    return Role(
        name="scraper",
        home="/scraper/start",
        routes=http.routes(service, starts, store),
        loops=(
            Loop("listen", holder.listen),
            Loop("hold", holder.hold),
            Loop("follow", service.follow),
            Loop("work", service.work),
            Loop("results", results.work),
            Loop("isolate", isolation.keep),
            *([Loop("hosts", hosts.keep)] if hosts is not None else []),
        ),
        checks={"redis": store.ping},
        release=release,
    )
