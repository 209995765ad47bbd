"""The routes of config."""

from __future__ import annotations

from typing import Any

import structlog
from aiohttp import web

from scrapr.model.claim import ClaimRequest, Claims
from scrapr.model.collection import NAME, NAME_ALLOWED
from scrapr.model.configuration import Configuration, Configurations, Draft
from scrapr.model.errors import FieldError, Invalid, NotFound, TooLarge
from scrapr.model.lease import Lease, LeaseRequest
from scrapr.model.pool import Pool, PoolDraft, Pools, name_of
from scrapr.model.validation import read_json
from scrapr.roles.config import claiming, document, drafting, pools, selecting
from scrapr.roles.config.claims import ClaimStore, LeaseStore
from scrapr.roles.config.drafting import Places, Replacement
from scrapr.roles.config.selecting import Selection
from scrapr.roles.config.store import ConfigurationStore, PoolStore
from scrapr.web.call import PREFIX, Call
from scrapr.web.routes import Route, respond

log = structlog.get_logger()


class ConfigurationRoutes:
    """`/configurations`."""

    def __init__(self, store: ConfigurationStore, pool_store: PoolStore, *, draft_limit: int) -> None:
        self._store = store
        self._pools = pool_store
        self._draft_limit = draft_limit
        one, many = "/configurations/{id}", "/configurations"
        self.routes = (
            Route("GET", many, self.select, "Configurations", query=Selection, answer=Configurations),
            Route(
                "POST",
                many,
                self.add,
                "Add one",
                body=Draft,
                answer=Configuration,
                status=201,
                refusals=(409,),
            ),
            Route("GET", one, self.show, "One configuration", answer=Configuration, refusals=(404,)),
            Route(
                "PUT",
                one,
                self.replace,
                "Change one",
                body=Replacement,
                answer=Configuration,
                refusals=(404, 409),
            ),
            Route("DELETE", one, self.remove, "Remove one; its data stays", status=204, refusals=(404,)),
        )

    async def select(self, call: Call) -> Configurations | web.Response:
        selection = call.query(Selection)
        found = await self._store.select(selecting.where(selection), limit=selection.limit + 1)
        page = selecting.page(found, selection.limit)
        return page if call.versioned else _bare(call, page)

    async def add(self, call: Call) -> web.Response:
        body = await self._read(call)
        draft = drafting.read_draft(body, await self._places(body))
        added = await self._store.add(draft, drafting.endpoint_for(draft))
        _tell("added", added)
        place = f"{PREFIX if call.versioned else ''}/configurations/{added.id}"
        return respond(added, status=201, headers={"Location": place})

    async def show(self, call: Call) -> Configuration:
        return await self._find(call.place("id"))

    async def replace(self, call: Call) -> Configuration:
        body = await self._read(call)
        places = await self._places(body)
        while True:
            present = await self._find(call.place("id"))
            draft = drafting.read_replacement(body, present, places)
            if not document.differs(present, draft):
                return present
            if replaced := await self._store.replace(present, draft):
                _tell("replaced", replaced)
                return replaced

    async def remove(self, call: Call) -> None:
        if not await self._store.remove(call.place("id")):
            raise _unknown(call.place("id"))
        log.info("removed", configuration=call.place("id"))

    async def _find(self, identity: str) -> Configuration:
        found = await self._store.find(identity)
        if found is None:
            raise _unknown(identity)
        return found

    async def _read(self, call: Call) -> Any:
        content = await call.read()
        if len(content) > self._draft_limit:
            raise TooLarge(f"A configuration has {len(content)} bytes; allowed: {self._draft_limit}")
        return read_json(content)

    async def _places(self, body: Any) -> Places:
        if isinstance(body, dict) and body.get("pool", pools.DEFAULT) != pools.DEFAULT:
            return pools.places((await self._pools.find_all()).values())
        return pools.DEFAULT_PLACES


class ClaimRoutes:
    """`/claims`."""

    def __init__(self, store: ClaimStore, pool_store: PoolStore) -> None:
        self._store = store
        self._pools = pool_store
        held_by = "/claims/{container}"
        self.routes = (
            Route("POST", "/claims", self.claim, "Renew and take claims", body=ClaimRequest, answer=Claims),
            Route("PUT", held_by, self.renew, "Renew what a container holds", answer=Claims),
            Route("DELETE", held_by, self.release, "Give back what a container holds", status=204),
        )

    async def claim(self, call: Call) -> Claims:
        request = await call.body(ClaimRequest)
        pool = await self._pools.find(name_of(request.type, request.pool))
        return await self._store.claim(claiming.within(request, pool), claiming.seats_of(pool))

    async def renew(self, call: Call) -> Claims:
        return await self._store.renew(call.place("container"))

    async def release(self, call: Call) -> None:
        released = await self._store.release(call.place("container"))
        log.info("claims released", container=call.place("container"), released=released)


class LeaseRoutes:
    """`/leases`."""

    def __init__(self, store: LeaseStore) -> None:
        self._store = store
        what = "Take a lease that nobody else holds, or go on holding it; who holds it"
        self.routes = (
            Route("PUT", "/leases/{name}", self.hold, what, body=LeaseRequest, answer=Lease),
            Route("DELETE", "/leases/{name}/{container}", self.give_back, "Give back a lease", status=204),
        )

    async def hold(self, call: Call) -> Lease:
        request = await call.body(LeaseRequest)
        return await self._store.hold(_name(call), request.container)

    async def give_back(self, call: Call) -> None:
        if await self._store.give_back(_name(call), call.place("container")):
            log.info("lease given back", lease=_name(call), container=call.place("container"))


class PoolRoutes:
    """`/pools`."""

    def __init__(self, store: PoolStore, configurations: ConfigurationStore) -> None:
        self._store = store
        self._configurations = configurations
        one = "/pools/{name}"
        self.routes = (
            Route("GET", "/pools", self.show_all, "Pools and the work for them", answer=Pools),
            Route("PUT", one, self.put, "Create or change a pool", body=PoolDraft, answer=Pool),
            Route("DELETE", one, self.remove, "Delete a pool", status=204, refusals=(404, 409)),
        )

    async def show_all(self, _: Call) -> Pools:
        return Pools(pools=await self._find_all())

    async def put(self, call: Call) -> Pool:
        name, draft = call.place("name"), await call.body(PoolDraft)
        pools.check_name(name, draft)
        await self._store.put(name, draft)
        log.info("pool", name=name, **draft.model_dump())
        return await self._find(name)

    async def remove(self, call: Call) -> None:
        name = call.place("name")
        # A configuration that is posted at this very moment may still name the pool; it waits until it is put again.
        pools.check_removal(await self._find(name))
        await self._store.remove(name)
        log.info("pool removed", name=name)

    async def _find(self, name: str) -> Pool:
        for pool in await self._find_all():
            if pool.name == name:
                return pool
        raise NotFound(f"There is no pool {name[:100]}")

    async def _find_all(self) -> tuple[Pool, ...]:
        return pools.with_work(await self._store.find_all(), await self._configurations.count())


def _name(call: Call) -> str:
    """The name of a lease in the path; raises `Invalid`."""
    name = call.place("name")
    if not NAME.fullmatch(name):
        raise Invalid(FieldError(field="name", problem="is not a name", allowed=NAME_ALLOWED))
    return name


def _bare(call: Call, page: Configurations) -> web.Response:
    """The thesis's shape, an array; a header leads to what did not fit."""
    body = b"[" + b",".join(each.model_dump_json().encode() for each in page.configurations) + b"]"
    answer = web.Response(body=body, content_type="application/json")
    if page.next is not None:
        following = call.request.rel_url.update_query(after=page.next)
        answer.headers["Link"] = f'<{following}>; rel="next"'
    return answer


def _unknown(identity: str) -> NotFound:
    return NotFound(f"There is no configuration {identity[:100]}")


def _tell(event: str, configuration: Configuration) -> None:
    told = configuration.model_dump(include={"type", "collection", "pool", "revision"})
    log.info(event, configuration=configuration.id, **told)
