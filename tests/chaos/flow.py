"""Data that flows in while things break: shops that change and are scraped, and producers that post."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.chaos import audit
from tests.chaos.producer import PER_BATCH, Producer
from tests.chaos.shop import Shop, configuration, open_street
from tests.chaos.town import Town

CHANGE_EVERY = 0.02
SHOWN = 8
"""Faults that are told at most."""


@dataclass
class Flow:
    """What flows into a town, and what must have become of it."""

    town: Town
    posted: str
    """The collection of what the producers post."""
    shops: dict[str, Shop]
    """By the collection of what is scraped from each."""
    producers: list[Producer]
    configurations: dict[str, str] = field(default_factory=dict)
    """Collections of the shops by their configurations' ids."""
    endpoint: str | None = None
    """The configuration of the endpoint of what is posted; those of the shops come by themselves."""
    _still: threading.Event = field(default_factory=threading.Event)

    def change(self) -> None:
        """Change the shops until told to be still."""
        dice = random.Random(self.posted)
        while not self._still.wait(CHANGE_EVERY):
            dice.choice(list(self.shops.values())).change()

    @property
    def items(self) -> int:
        """How many items were posted and acknowledged."""
        return sum(each.acknowledged for each in self.producers) * PER_BATCH

    def settle(self, *, within: float) -> None:
        """Let everything be still, and fail unless within so many seconds all is as it must be."""
        deadline = time.monotonic() + within
        for producer in self.producers:
            producer.stop()
        self._still.set()
        since = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        for producer in self.producers:
            producer.join(deadline - time.monotonic())
            assert not producer.refusals, producer.refusals
        while (faults := self.find_faults(since)) and time.monotonic() < deadline:
            threading.Event().wait(0.5)
        assert not faults, "\n".join([f"{len(faults)} faults:", *faults[:SHOWN]])

    def find_faults(self, since: str) -> list[str]:
        """All that is not as it must be; the costly looks only where the cheap ones find nothing."""
        faults = list(audit.find_faults_of_runs(self.town, self.configurations, since))
        if faults:
            return faults
        for collection, shop in self.shops.items():
            faults += audit.find_faults_of_shop(self.town, collection, shop)
        if self.producers:
            faults += audit.find_faults_of_posting(self.town, self.posted, self.producers)
        if not faults:
            for collection in (*self.shops, *([self.posted] if self.producers else [])):
                faults += audit.find_faults_of_ledger(self.town, collection)
        return faults


@contextmanager
def flowing(
    town: Town,
    name: str,
    *,
    seed: float,
    shops: int = 2,
    goods: int = 150,
    producers: int = 2,
    items: int = 0,
) -> Iterator[Flow]:
    """Let data flow into the collections that begin with `name`, of each producer up to its part of `items`."""
    dice = random.Random(seed)
    stores = {f"{name}-{number}": Shop(f"s{number}", dice, goods) for number in range(shops)}
    most = max(1, items // max(1, producers) // PER_BATCH)
    posting = [
        Producer(
            f"{name}-p{number}",
            f"{name}-posted",
            lambda: town.urls["datasource"],
            seed=dice.random(),
            most=most,
        )
        for number in range(producers)
    ]
    flow = Flow(town, f"{name}-posted", stores, posting)
    with open_street({shop.name: shop for shop in stores.values()}) as base:
        _configure(flow, base)
        changing = threading.Thread(target=flow.change)
        changing.start()
        for producer in posting:
            producer.start()
        try:
            yield flow
        finally:
            flow._still.set()
            for producer in posting:
                producer.stop()
            changing.join()
            _withdraw(town, [*flow.configurations, *([flow.endpoint] if flow.endpoint else [])])


def _configure(flow: Flow, base: str) -> None:
    endpoint = {"type": "endpoint", "collection": flow.posted}
    flow.endpoint = flow.town.change("config", "POST", "/v1/configurations", endpoint)["id"]
    for collection, shop in flow.shops.items():
        draft = configuration(shop, base, collection, ttl=1)
        flow.configurations[flow.town.change("config", "POST", "/v1/configurations", draft)["id"]] = (
            collection
        )


def _withdraw(town: Town, configurations: Sequence[str]) -> None:
    """Scrape no more; where the town is broken, that was told already."""
    for identity in configurations:
        if town.try_to_ask("config", f"/v1/configurations/{identity}"):
            town.change("config", "DELETE", f"/v1/configurations/{identity}")
