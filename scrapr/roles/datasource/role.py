"""The datasource, wired."""

from __future__ import annotations

from functools import partial

from scrapr.roles.datasource import http, indexes
from scrapr.roles.datasource.announcer import Announcer
from scrapr.roles.datasource.inbox import Inbox
from scrapr.roles.datasource.ledger import Ledger
from scrapr.roles.datasource.past import Past
from scrapr.roles.datasource.quarantine import QuarantineStore
from scrapr.roles.datasource.retention import Retention
from scrapr.roles.datasource.service import Reducer
from scrapr.roles.datasource.settings import DatasourceSettings
from scrapr.roles.datasource.store import Store
from scrapr.runtime.loops import Loop
from scrapr.storage import mongo
from scrapr.storage.mongo import Database
from scrapr.web.role import Role


async def build(*, database: Database, settings: DatasourceSettings, token: str) -> Role:
    """The role over its `database`; `token` is what clients of its rooms must carry, empty for none."""
    await indexes.prepare(database, settings)
    inbox, store = Inbox(database, settings), Store(database)
    reducer = Reducer(inbox, Ledger(database, settings), settings)
    announcer = Announcer(store, settings, token=token)
    workers = (Loop(f"reduce-{number}", reducer.work) for number in range(1, settings.reducers + 1))
    return Role(
        name="datasource",
        home="/collections",
        routes=http.routes(inbox, store, Past(database, store), QuarantineStore(database, store)),
        loops=(
            Loop("inbox", reducer.listen),
            Loop("reconcile", reducer.reconcile),
            *workers,
            Loop("announce", announcer.announce),
            Loop("retain", Retention(database, settings.change_retention).retain),
        ),
        checks={"mongo": partial(mongo.ping, database)},
        push=announcer.push,
        release=reducer.drain,
    )
