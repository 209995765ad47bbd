"""What to do so that the cluster's services become what the pools ask for: pure, level by level."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from scrapr.fleet.service import Service, ServiceSpec


@dataclass(frozen=True)
class Create:
    """Make the service of a pool."""

    spec: ServiceSpec
    reason: str = "it is missing"


@dataclass(frozen=True)
class Update:
    """Make a service what its pool asks for; its replicas are renewed one by one."""

    service: Service
    spec: ServiceSpec
    reason: str


@dataclass(frozen=True)
class Scale:
    """Give a service another number of replicas."""

    service: Service
    replicas: int
    reason: str


@dataclass(frozen=True)
class Refuse:
    """Note on a service that what its pool asks for was tried, failed and was rolled back."""

    service: Service
    digest: str
    reason: str


@dataclass(frozen=True)
class Remove:
    """End a service that no pool asks for."""

    service: Service
    reason: str = "no pool wants it"


Change: TypeAlias = Create | Update | Scale | Refuse | Remove


def plan(
    specs: Iterable[ServiceSpec], services: Iterable[Service], *, tried: Mapping[str, str]
) -> tuple[Change, ...]:
    """Compare by name; carried out, it leaves nothing to do.

    `tried` is the digest that each service was last updated to, as far as this process knows.
    """
    specs, found = tuple(specs), {each.name: each for each in services}
    names = {spec.name for spec in specs}
    changes = [change for spec in specs for change in _compare(spec, found.get(spec.name), tried)]
    changes += [Remove(each) for each in found.values() if each.name not in names]
    return tuple(changes)


def _compare(spec: ServiceSpec, found: Service | None, tried: Mapping[str, str]) -> Iterator[Change]:
    if found is None:
        yield Create(spec)
    elif found.progress == "rolling back":
        return  # what it will be is what it was: any change now would be lost, or end the way back
    elif is_current(spec, found) or found.refused == spec.digest:
        yield from _scale(spec, found)
    elif found.progress == "rolled back" and _last_tried(spec, found, tried) == spec.digest:
        yield Refuse(found, spec.digest, found.message or "its update was rolled back")
    else:
        why = "its pool has changed" if found.digest != spec.digest else "somebody has changed its image"
        yield Update(found, spec, why)


def _last_tried(spec: ServiceSpec, found: Service, tried: Mapping[str, str]) -> str:
    """What the way back was from. Where nobody remembers, it was this; but where another was refused already, that."""
    return tried.get(spec.name, found.refused or spec.digest)


def _scale(spec: ServiceSpec, found: Service) -> Iterator[Scale]:
    if found.replicas != spec.replicas:
        yield Scale(found, spec.replicas, f"{spec.replicas} replicas are wanted, not {found.replicas}")


def is_current(spec: ServiceSpec, found: Service) -> bool:
    """Whether the service is what its pool asks for, but perhaps for the number of its replicas."""
    return found.digest == spec.digest and found.image == spec.image
