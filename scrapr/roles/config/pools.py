"""Which pools there are, and how much work is for each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from scrapr.model.configuration import Type
from scrapr.model.errors import Conflict, FieldError, Invalid
from scrapr.model.pool import Pool, PoolDraft, name_of
from scrapr.roles.config.drafting import Places
from scrapr.roles.config.settings import ConfigSettings

TYPES: Final[tuple[Type, ...]] = ("endpoint", "scraper")
DEFAULT: Final = "default"
DEFAULT_PLACES: Final[Places] = {kind: frozenset({DEFAULT}) for kind in TYPES}


def default_pools(settings: ConfigSettings) -> dict[str, PoolDraft]:
    """The pools that exist though nobody described them; what an operator says of one counts instead."""
    return {
        name_of(kind, DEFAULT): PoolDraft(
            role=kind,
            slots=settings.pool_slots,
            replicas_min=settings.pool_replicas_min,
            replicas_max=settings.pool_replicas_max,
            copies=settings.pool_copies if kind == "endpoint" else 1,
        )
        for kind in TYPES
    }


def places(pools: Iterable[PoolDraft]) -> Places:
    """What a configuration may name as its pool."""
    pools = tuple(pools)
    return {kind: frozenset(pool.place for pool in pools if pool.role == kind) for kind in TYPES}


def with_work(pools: Mapping[str, PoolDraft], counts: Iterable[Mapping[str, Any]]) -> tuple[Pool, ...]:
    """The pools by name, each with the number of its configurations, of those claimed, and of claims."""
    work = {name_of(each["type"], each["pool"]): each for each in counts}
    return tuple(
        Pool(
            name=name,
            **pools[name].model_dump(),
            configurations=work.get(name, {}).get("configurations", 0),
            claimed=work.get(name, {}).get("claimed", 0),
            claims=work.get(name, {}).get("claims", 0),
        )
        for name in sorted(pools)
    )


def check_name(name: str, draft: PoolDraft) -> None:
    """Raise `Invalid` unless the pool is called after its role and place."""
    right = name_of(draft.role, draft.place)
    if name != right:
        problem = f"a pool of role {draft.role} at {draft.place} is called {right}, not {name}"
        raise Invalid(FieldError(field="place", problem=problem, allowed=f"PUT /pools/{right}"))


def check_removal(pool: Pool) -> None:
    """Raise `Conflict` if the pool is needed."""
    if pool.place == DEFAULT:
        raise Conflict(f"{pool.name} is a default pool; PUT it to change it")
    if pool.configurations:
        raise Conflict(
            f"{pool.configurations} configurations name the pool {pool.name}; move or remove them first"
        )
