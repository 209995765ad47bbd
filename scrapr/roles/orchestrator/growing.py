"""The loop that makes and unmakes machines, one step at a time, as long as this process leads."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import structlog

from scrapr.fleet.fleet import Services
from scrapr.fleet.nodes import Gate, Provider, cloud_init
from scrapr.fleet.settings import NodesSettings
from scrapr.model.errors import ScraprError
from scrapr.roles.orchestrator.leadership import Leadership
from scrapr.roles.orchestrator.machines import Bounds, Drain, Grow, Step, Unmake, Watch, decide
from scrapr.roles.orchestrator.nodes import Decision
from scrapr.roles.orchestrator.scene import Look

log = structlog.get_logger()
BETWEEN = 2.0
"""Seconds between two looks: what matters here are minutes."""


class Growing:
    """Keeps as many machines as the cluster needs. Whom the machines are made by is the only memory of them."""

    def __init__(
        self,
        provider: Provider,
        fleet: Services,
        settings: NodesSettings,
        *,
        stack: str,
        leadership: Leadership,
        look: Callable[[], Look],
        decisions: deque[Decision],
    ) -> None:
        self._provider = provider
        self._fleet = fleet
        self._settings = settings
        self._stack = stack
        self._leadership = leadership
        self._look = look
        self._bounds = Bounds(
            settings.least, settings.most, settings.full, settings.pause, settings.idle, settings.join
        )
        self._watch = Watch()
        self._failure = ""
        self._decisions = decisions

    async def run(self) -> None:
        """Look and act, until cancelled."""
        while True:
            if self._leadership.holds():
                await self._turn()
            await asyncio.sleep(BETWEEN)

    async def _turn(self) -> None:
        try:
            machines = await self._provider.machines()
            look = self._look()
            now = datetime.now(UTC)
            self._watch = self._watch.observe(look, machines, now)
            step = decide(look, machines, self._watch, self._bounds, stack=self._stack, now=now)
            if step is not None and self._leadership.holds():
                await self._carry_out(step)
                self._watch = replace(self._watch, acted_at=datetime.now(UTC))
            self._failure = ""
        except ScraprError as error:
            self._watch = replace(self._watch, acted_at=datetime.now(UTC))
            self._complain(error.detail)

    async def _carry_out(self, step: Step) -> None:
        """Say what is done before it is: it may take minutes."""
        match step:
            case Grow(name=name, why=why):
                self._tell(f"make {name}", why)
                await self._provider.create(name, cloud_init(name, await self._gate()))
            case Drain(node=node, why=why):
                self._tell(f"drain {node.name}", why)
                await self._fleet.drain(node)
            case Unmake(name=name, node=node, why=why):
                self._tell(f"remove {name}", why)
                await self._provider.remove(name)
                if node is not None:
                    await self._fleet.forget(node)

    async def _gate(self) -> Gate:
        token, address = self._settings.join_token.get_secret_value(), self._settings.join_address
        if token and address:
            return Gate(address, token)
        told = await self._fleet.gate()
        return Gate(address or told.address, token or told.token)

    def _tell(self, what: str, why: str) -> None:
        log.info("nodes", decision=what, reason=why, epoch=self._leadership.epoch)
        self._decisions.appendleft(Decision(at=datetime.now(UTC), what=what, why=why))

    def _complain(self, why: str) -> None:
        """Once for each failure, however often it comes again."""
        if why != self._failure:
            log.warning("nodes not changed", reason=why)
            self._decisions.appendleft(Decision(at=datetime.now(UTC), what="failed", why=why))
        self._failure = why
