"""What a role hands over to be served: its routes, its loops, and how it stops."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from aiohttp import web

from scrapr.runtime.loops import Loop
from scrapr.web.ready import Quick
from scrapr.web.routes import Route

Check: TypeAlias = Callable[[], Awaitable[None]]
"""Returns when a dependency answers; raises `Unavailable` when it does not."""


class Pushes(Protocol):
    """What a role pushes beside its routes."""

    def attach(self, app: web.Application, *, ping: float) -> None:
        """Serve it from `app`; between roles a sign of life is sent each `ping` seconds."""

    async def close(self) -> None:
        """Send everybody away."""


async def _nothing() -> None:
    return None


@dataclass(frozen=True)
class Role:
    """One role, wired. `home` is where `GET /` leads; `release` gives back claims and other work when it stops."""

    name: str
    home: str
    routes: tuple[Route, ...]
    loops: tuple[Loop, ...] = ()
    checks: Mapping[str, Check] = field(default_factory=dict)
    """Dependencies without which the role is not ready, by name."""
    push: Pushes | None = None
    quick: Quick | None = None
    """Finds what is ready to be answered, before any route is looked for."""
    shared: bool = False
    """Whether pages of other origins may read its answers."""
    release: Callable[[], Awaitable[None]] = _nothing
