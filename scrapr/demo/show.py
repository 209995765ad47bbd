"""`scrapr demo`: the main job, for real, from a bundled site to the public API."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import aiohttp

from scrapr import settings as all_settings
from scrapr.bootstrap.table import ROLES
from scrapr.bootstrap.whole import open_machine
from scrapr.client.config import ConfigClient
from scrapr.client.endpoint import EndpointClient
from scrapr.client.transport import Transport, at, open_session
from scrapr.demo import site
from scrapr.model.errors import Unavailable
from scrapr.model.item import Item
from scrapr.runtime import log as logs
from scrapr.runtime.lifecycle import Exit
from scrapr.runtime.signals import stop_on_signals
from scrapr.settings import Settings

COLLECTION = "restaurants"
LOOPBACK = "127.0.0.0/8"
READY_WITHIN = 60.0
SHOWN_WITHIN = 30.0


def configuration(source: str) -> dict[str, Any]:
    """The thesis's configuration, with only the source changed."""
    return {
        "type": "scraper",
        "collection": COLLECTION,
        "scraper": {
            "source": source,
            "scope": "li.resultItem",
            "selector": [{"title": "h3.resultItem-name a", "item": "div.resultItem-address"}],
            "paginate": "div.pagination li.next a@href",
            "limit": 3,
        },
        "ttl": 300,
        "container": None,
    }


def run_demo(port_base: int | None, *, once: bool) -> int:
    """Start everything in a temporary folder, show the data, and stay until asked to stop unless `once`; its `Exit`."""
    settings = all_settings.load({"SCRAPR_FETCH_ALLOW": LOOPBACK, "SCRAPR_LOG_LEVEL": "warning"})
    logs.configure(settings.log, role="demo")
    with tempfile.TemporaryDirectory(prefix="scrapr-demo-") as data:
        return asyncio.run(_run(settings, Path(data), port_base or settings.fleet.port_base, once=once))


async def _run(settings: Settings, data: Path, port_base: int, *, once: bool) -> int:
    stop = asyncio.Event()
    stop_on_signals(stop)
    print("Starting MongoDB, Redis and the five roles …")
    async with (
        site.serving() as source,
        open_machine(settings, data=data, port_base=port_base) as machine,
        asyncio.TaskGroup() as group,
    ):
        running = group.create_task(machine.run(stop))
        showing = group.create_task(
            _show(settings, machine.ready(READY_WITHIN), source, port_base, stays=not once)
        )
        await asyncio.wait({running, showing}, return_when=asyncio.FIRST_COMPLETED)
        if once:
            stop.set()
        if not showing.done():
            showing.cancel()
    return Exit.DEADLINE if machine.late else Exit.ASKED


async def _show(settings: Settings, ready: Any, source: str, port_base: int, *, stays: bool) -> None:
    await ready
    urls = {name: f"http://127.0.0.1:{entry.port - 3000 + port_base}" for name, entry in ROLES.items()}
    async with open_session(settings.client, settings.web.token.get_secret_value()) as session:
        config = ConfigClient(Transport(session, at(urls["config"]), settings.client))
        endpoint = EndpointClient(Transport(session, at(urls["endpoint"]), settings.client))
        posted = configuration(source)
        added = await config.add(posted)
        print(
            f"Posted the configuration {added.id} to {urls['config']}/v1/configurations\n  source  {source}"
        )
        items = await _wait_for_items(endpoint)
        url = f"{urls['endpoint']}/v1/collections/{COLLECTION}/items"
        _tell(items, url, added.id, port_base, stays=stays)
        if stays:
            print("\nIt stays up; Ctrl-C stops everything.")


async def _wait_for_items(endpoint: EndpointClient) -> list[Item]:
    """The items as soon as the number has not grown for a moment: the run's pages come one after the other."""
    found: list[Item] = []
    async with asyncio.timeout(SHOWN_WITHIN):
        while True:
            now = await _items(endpoint)
            if now and len(now) == len(found):
                return now
            found = now
            await asyncio.sleep(0.5)


async def _items(endpoint: EndpointClient) -> list[Item]:
    try:
        return [item async for item in endpoint.items(COLLECTION)]
    except (Unavailable, aiohttp.ClientError):
        return []


def _tell(items: list[Item], url: str, identity: str, port_base: int, *, stays: bool) -> None:
    option = "" if port_base == 3000 else f" --port-base {port_base}"
    print(f"\n{len(items)} items:")
    for item in items:
        gathered = item["items"]
        print(
            f"  {item['title']:<28} {'; '.join(map(str, gathered)) if isinstance(gathered, list) else gathered}"
        )
    print(f"\nThe public URL: {url}")
    print("Next, try:" if stays else "While it stays up (`make demo` alone), try:")
    print(f"  curl '{url}?limit=3'")
    print(f"  .venv/bin/scrapr status{option}")
    print(f"  .venv/bin/scrapr rm {identity}{option}")
