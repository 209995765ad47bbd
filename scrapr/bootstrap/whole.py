"""Everything on one machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from scrapr.settings import Settings

if TYPE_CHECKING:
    from scrapr.embedded.machine import Machine

LOCAL_DRAIN = {
    "SCRAPR_DRAIN_GRACE": "1.4",
    "SCRAPR_DRAIN_CANCEL": "0.5",
    "SCRAPR_DRAIN_CLOSE": "0.5",
    "SCRAPR_SCRAPER_FINISH": "0.8",
    "SCRAPR_SCRAPER_HAND_OVER": "0.4",
}
"""On one machine everything stops together, one role after the other, within ten seconds."""


def open_machine(settings: Settings, *, data: Path, port_base: int) -> Machine:
    """Everything on this machine, to be entered and run: MongoDB and Redis where none are given, and all roles."""
    from scrapr.embedded.machine import Machine

    return Machine(
        settings.embedded.model_copy(update={"data": data}),
        port_base=port_base,
        host=settings.web.host,
        zygote_command=[sys.executable, "-m", "scrapr", "zygote"],
        mongo_url=settings.mongo.url.get_secret_value() or None,
        redis_url=settings.redis.url.get_secret_value() or None,
        environment=LOCAL_DRAIN,
    )
