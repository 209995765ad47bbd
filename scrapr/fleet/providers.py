"""Which node provider the settings name."""

from __future__ import annotations

from scrapr.fleet.cloud import Cloud
from scrapr.fleet.command import Command
from scrapr.fleet.nodes import Provider
from scrapr.fleet.settings import NodesSettings


def find_provider(settings: NodesSettings, *, stack: str) -> Provider | None:
    """Who makes machines; None for nobody. Raises `Refused` where the settings do not fit the provider."""
    match settings.provider:
        case "command":
            return Command(settings.command, within=settings.within)
        case "libcloud":
            return Cloud(
                settings.driver,
                settings.key.get_secret_value(),
                settings.secret.get_secret_value(),
                stack=stack,
                size=settings.size,
                image=settings.image,
                options={"region": settings.region} if settings.region else {},
                within=settings.within,
            )
        case _:
            return None
