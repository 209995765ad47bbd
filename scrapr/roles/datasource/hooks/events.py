"""What webhooks are told, and who is told what. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from pydantic import SecretStr

from scrapr.model.batch import ReducedRun
from scrapr.model.state import ConfigurationState
from scrapr.model.times import show
from scrapr.model.webhook import EventType


@dataclass(frozen=True)
class Hook:
    """A webhook as those see it who write to it."""

    id: str
    url: str
    secret: SecretStr
    events: tuple[EventType, ...]
    collection: str | None
    configuration: str | None
    disabled: str | None

    def wants(self, event: Event) -> bool:
        """Whether it is to be told of `event`."""
        return (
            self.disabled is None
            and event.type in self.events
            and self.collection in {None, event.collection}
            and self.configuration in {None, event.configuration}
        )


@dataclass(frozen=True)
class Event:
    """Something that happened. `data` is JSON."""

    type: EventType
    at: datetime
    collection: str
    data: dict[str, Any]
    configuration: str | None = None

    def body(self) -> str:
        """What is sent: the same text with every try, for its signature covers it."""
        return orjson.dumps({"type": self.type, "timestamp": show(self.at), "data": self.data}).decode()


def of_run(run: ReducedRun, at: datetime) -> Event:
    """A run that ended and is reduced: failed if it brought nothing."""
    kind: EventType = "run.failed" if run.outcome in {"failed", "empty"} else "run.finished"
    data = run.model_dump(mode="json", exclude={"finished", "unchanged", "epoch"})
    return Event(kind, at, run.collection, data, run.configuration)


def of_state(before: ConfigurationState | None, after: ConfigurationState, at: datetime) -> Iterable[Event]:
    """The change of a configuration's state, if it is one; to become known as new is none."""
    was = "new" if before is None else before.state
    if was == after.state:
        return ()
    data = {**after.model_dump(mode="json"), "before": was}
    return (Event("state.changed", at, after.collection, data, after.configuration),)


def of_items(collection: str, since: int, version: int, records: int, at: datetime) -> Event:
    """New versions of a collection: those after `since`, up to `version`."""
    data = {"collection": collection, "since": since, "version": version, "records": records}
    return Event("items.changed", at, collection, data)
