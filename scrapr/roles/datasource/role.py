"""The datasource, wired."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from scrapr.client.config import ConfigClient
from scrapr.roles.datasource import http, indexes
from scrapr.roles.datasource.announcer import Announcer
from scrapr.roles.datasource.care import Care
from scrapr.roles.datasource.dropping import Dropper
from scrapr.roles.datasource.hooks import http as hooks_http
from scrapr.roles.datasource.hooks.herald import Herald
from scrapr.roles.datasource.hooks.outbox import Outbox
from scrapr.roles.datasource.hooks.registry import Registry
from scrapr.roles.datasource.hooks.sender import Sender
from scrapr.roles.datasource.hooks.settings import WebhookSettings
from scrapr.roles.datasource.inbox import Inbox
from scrapr.roles.datasource.ledger import Ledger
from scrapr.roles.datasource.past import Past
from scrapr.roles.datasource.quarantine import QuarantineStore
from scrapr.roles.datasource.rebuilding import Rebuilder
from scrapr.roles.datasource.retention import Retention
from scrapr.roles.datasource.service import Reducer
from scrapr.roles.datasource.settings import DatasourceSettings
from scrapr.roles.datasource.states import http as states_http
from scrapr.roles.datasource.states.book import Book
from scrapr.roles.datasource.states.census import Census
from scrapr.roles.datasource.states.keeper import Keeper
from scrapr.roles.datasource.states.settle import Patience
from scrapr.roles.datasource.store import Store
from scrapr.runtime.loops import Loop
from scrapr.storage import mongo
from scrapr.storage.archive import Archive
from scrapr.storage.hearing import Ear, Hearing
from scrapr.storage.mongo import Database
from scrapr.web import backup
from scrapr.web.role import Role
from scrapr.web.routes import Route


async def build(
    *,
    database: Database,
    settings: DatasourceSettings,
    token: str,
    replica: str | None = None,
    config: ConfigClient | None = None,
    webhooks: WebhookSettings | None = None,
) -> Role:
    """The role over its `database`; `token` is what clients of its rooms must carry, empty for none.

    `replica` is what its leases are called by. Without `config` nobody tells which configurations there are: none is
    ever overdue, and none keeps a collection from being dropped.
    """
    webhooks = webhooks or WebhookSettings()
    await indexes.prepare(database, settings, webhooks)
    inbox, store = Inbox(database, settings), Store(database)
    ledger, dropper = Ledger(database, settings, replica or secrets.token_hex(8)), Dropper(database)
    rebuilder = Rebuilder(database, ledger, settings)
    news = _news(database, settings, webhooks, config=config, token=token)
    announcer = Announcer(store, settings, token=token, heard=news.heard)
    reducer = Reducer(inbox, ledger, dropper, rebuilder, settings, announcer.tell)
    care = Care(dropper, rebuilder, reducer.mark, config)
    hearing = Hearing(database, (reducer.ear, announcer.ear, *news.ears), reducer.bookmark)
    workers = (Loop(f"reduce-{number}", reducer.work) for number in range(1, settings.reducers + 1))

    async def release() -> None:
        await asyncio.gather(reducer.drain(), news.sender.release())

    return Role(
        name="datasource",
        home="/collections",
        routes=(
            *http.routes(
                inbox,
                store,
                Past(database, store),
                QuarantineStore(database, store),
                care,
                arrived=reducer.mark,
            ),
            *news.routes,
            *backup.routes(_archive(database)),
        ),
        loops=(
            Loop("hear", hearing.listen),
            Loop("reconcile", reducer.reconcile),
            *workers,
            Loop("announce", announcer.announce),
            Loop("retain", Retention(database, settings.change_retention).retain),
            *news.loops,
        ),
        checks={"mongo": partial(mongo.ping, database)},
        push=announcer.push,
        release=release,
    )


@dataclass(frozen=True)
class _News:
    """What follows from reduced runs and new versions: states, and webhooks that are told."""

    sender: Sender
    heard: Callable[[str | None], None]
    ears: tuple[Ear, ...]
    routes: tuple[Route, ...]
    loops: tuple[Loop, ...]


def _news(
    database: Database,
    settings: DatasourceSettings,
    webhooks: WebhookSettings,
    *,
    config: ConfigClient | None,
    token: str,
) -> _News:
    book, registry = Book(database), Registry(database, most=webhooks.most)
    outbox = Outbox(database, backlog=webhooks.backlog)
    patience = Patience(settings.overdue_ttls, settings.overdue_least)
    keeper = Keeper(book, registry, outbox, patience, reconcile=settings.reconcile)
    herald = Herald(database, registry, outbox, reconcile=settings.reconcile)
    sender = Sender(outbox, registry, webhooks, reconcile=settings.reconcile, received=herald.mark)

    def look_again() -> None:
        herald.mark(None)
        sender.pull()

    census = config and Census(
        config, book, keeper, every=settings.census, look=settings.overdue_look, token=token
    )
    return _News(
        sender,
        herald.mark,
        (keeper.ear, sender.ear),
        routes=(
            *states_http.routes(book),
            *hooks_http.WebhookRoutes(registry, outbox, webhooks, look_again).routes,
        ),
        loops=(
            Loop("states", keeper.tell),
            *(census.loops if census else ()),
            Loop("changed items", herald.look),
            Loop("send", sender.send),
        ),
    )


def _archive(database: Database) -> Archive:
    """All but the places in change streams, which are of this server's oplog, and what a rebuild makes beside.

    Batches that wait come last: they are reduced at once.
    """
    settled = ("records", "changes", "quarantine", "sources")
    at_work = ("states", "webhooks", "positions", "lanes", "deliveries")
    reduced = ("waiting", "reduced_at", "order", "effect", "has_begun", "spoiled")
    return Archive(
        database,
        {
            **dict.fromkeys(settled, ()),
            "runs": ("untold",),
            **dict.fromkeys(at_work),
            "collections": (),
            "inbox": reduced,
        },
        expiring=("quarantine", "runs", "deliveries", "inbox"),
    )
