"""A producer posts batches with ids of its own, and posts each again until it is acknowledged."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from typing import Any

import httpx

PER_BATCH = 20
TOUCHES = 10
"""Batches in a row that have items of the same titles."""
PATIENCE = 2.0
"""Seconds until an answer counts as lost; then nobody knows whether the batch arrived."""


class Producer:
    """Posts batch after batch from a thread, until it is told to stop or has posted `most`."""

    def __init__(
        self, name: str, collection: str, urls: Callable[[], Sequence[str]], *, seed: float, most: int
    ) -> None:
        self.name = name
        self.collection = collection
        self.acknowledged = 0
        self.unknown = 0
        """Tries whose answer was lost."""
        self.duplicates = 0
        self.refusals: list[str] = []
        """Answers that no later try would change: there must be none."""
        self._urls = urls
        self._most = most
        self._dice = random.Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Begin nothing more; what was begun is posted until it is acknowledged."""
        self._stop.set()

    def join(self, seconds: float) -> None:
        """Wait for the last acknowledgement."""
        self._thread.join(seconds)
        assert not self._thread.is_alive(), (
            f"{self.name} waits for the {self.acknowledged + 1}. acknowledgement"
        )

    @property
    def is_done(self) -> bool:
        """Whether it has posted all that it may."""
        return self.acknowledged >= self._most or bool(self.refusals)

    def titles(self, batch: int) -> list[str]:
        """The titles of a batch's items."""
        return [f"{self.name} {batch // TOUCHES}-{number}" for number in range(PER_BATCH)]

    def body(self, batch: int) -> dict[str, Any]:
        """A batch as it is posted."""
        data = [
            {"title": title, "latest": batch, "item": f"{batch} of {title}"} for title in self.titles(batch)
        ]
        return {"collection": self.collection, "run": self.name, "page": batch + 1, "data": data}

    def expected(self) -> dict[str, list[int]]:
        """The batches that each title must have seen, in their order."""
        seen: dict[str, list[int]] = {}
        for batch in range(self.acknowledged):
            for title in self.titles(batch):
                seen.setdefault(title, []).append(batch)
        return seen

    def _run(self) -> None:
        with httpx.Client(timeout=PATIENCE) as client:
            while not self._stop.is_set() and not self.is_done:
                self._deliver(client, self.body(self.acknowledged))
                self.acknowledged += 1
                if self._dice.random() < 0.1:
                    self._deliver(client, self.body(self._dice.randrange(self.acknowledged)))

    def _deliver(self, client: httpx.Client, body: dict[str, Any]) -> None:
        while True:
            try:
                answer = client.post(self._dice.choice(self._urls()) + "/v1/items", json=body)
            except httpx.TransportError:
                self.unknown += 1
            else:
                if answer.status_code == 200:
                    self.duplicates += answer.json()["duplicate"]
                    return
                if answer.status_code not in {429, 503}:
                    self.refusals.append(answer.text)
                    return
            threading.Event().wait(self._dice.uniform(0.02, 0.2))
