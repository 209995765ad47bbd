"""A process that is a role, from its start to its exit code; and the zygote that such processes are forked from."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from importlib import import_module
from pathlib import Path

import setproctitle
import structlog
import uvloop
from yarl import URL

import scrapr
from scrapr import settings as all_settings
from scrapr.bootstrap.ground import Ground, lay_ground
from scrapr.bootstrap.table import ROLES
from scrapr.discovery.instance import Instance
from scrapr.model.errors import Invalid, Refused, ScraprError
from scrapr.runtime import log as logs
from scrapr.runtime.lifecycle import Exit, Lifecycle, start_unless_stopped
from scrapr.runtime.signals import stop_on_signals
from scrapr.runtime.watchdog import watched
from scrapr.settings import Settings
from scrapr.web.role import Role
from scrapr.web.server import serving

log = structlog.get_logger()
SHARED = ("scrapr.extraction.extract", "scrapr.fetching.client", "scrapr.storage.mongo", "sqlite3")
"""What a zygote imports beside this module: a role's own modules are small, and come with the role."""


GARBAGE = 10_000
"""Objects more than before at which the collector looks for cycles. Pages and documents are trees of many small objects
that live for a moment: at Python's 700 the collector looks through them several times before they are gone.
"""


def run_role(name: str, overrides: Mapping[str, str]) -> int:
    """Be the role `name` until asked to stop; the exit code says how that went (`scrapr.runtime.lifecycle.Exit`)."""
    setproctitle.setproctitle(f"scrapr: {name}")
    gc.set_threshold(GARBAGE, *gc.get_threshold()[1:])
    try:
        settings = all_settings.load(overrides)
    except Invalid as error:
        for field in error.fields:
            print(f"scrapr: {field}", file=sys.stderr)  # noqa: T201 - logging is not set up without settings
        return Exit.SETTINGS
    logs.configure(settings.log, role=name)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        code = runner.run(_live(name, settings))
        if code is Exit.DEADLINE:
            # Closing the runner would wait for the work that has just not ended within its deadline.
            os._exit(code)
    return code


async def _live(name: str, settings: Settings) -> Exit:
    stop = asyncio.Event()
    stop_on_signals(stop)
    lifecycle = Lifecycle(settings.drain)
    try:
        async with watched(settings.watchdog.limit), AsyncExitStack() as stack:
            ground = await lay_ground(name, settings, stack)
            role = await start_unless_stopped(lambda: ROLES[name].build(ground), stop)
            if role is None:
                return Exit.ASKED
            return await _serve(role, ground, lifecycle, stop)
    except ScraprError as error:
        log.error("not started", reason=error.detail)
        return Exit.SETTINGS if isinstance(error, Refused) else Exit.FAILED


async def _serve(role: Role, ground: Ground, lifecycle: Lifecycle, stop: asyncio.Event) -> Exit:
    settings, directory = ground.settings, ground.directory
    port = ROLES[role.name].port if settings.web.port is None else settings.web.port

    async def release() -> None:
        await directory.leave()
        await role.release()

    peer = URL(settings.redis.url.get_secret_value()).host or socket.gethostname()
    async with serving(
        role, settings.web, lifecycle, port=port, close=settings.drain.close, peer=peer, guard=ground.guard
    ) as url:
        directory.enter(
            Instance(role=role.name, container=ground.container, url=url, version=scrapr.__version__)
        )
        loops = (*directory.loops, *role.loops)
        return await lifecycle.live(loops, stop=stop, release=release)


def run_zygote(socket_path: Path) -> None:
    """Import what roles have in common, and fork a role for each request until told to end."""
    from scrapr.fleet import zygote

    for shared in SHARED:
        import_module(shared)
    setproctitle.setproctitle("scrapr: zygote")
    logs.configure(all_settings.load().log, role="zygote")
    zygote.serve(socket_path, run_role)
