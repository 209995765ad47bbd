"""What must be true of a collection whatever happened to it, judged from outside by plain Python.

Each function gives the faults that it finds, in words; none is good.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from tests.chaos.producer import Producer
from tests.chaos.shop import Shop
from tests.chaos.town import Town

Json = dict[str, Any]
PAGE = 10_000


def read_records(town: Town, collection: str) -> dict[str, Json]:
    """All records of the datasource by their keys."""
    records: dict[str, Json] = {}
    after: int | None = 0
    while after is not None:
        page = town.ask("datasource", f"/v1/collections/{collection}", after=after, limit=PAGE)
        records |= {record["key"]: record for record in page["records"]}
        after = page["next"]
    return records


def read_changes(town: Town, collection: str) -> list[Json]:
    """All changes of the datasource, from the first."""
    changes: list[Json] = []
    while True:
        since = changes[-1]["version"] if changes else 0
        page = town.ask("datasource", f"/v1/collections/{collection}/changes", since=since, limit=PAGE)
        changes += page["changes"]
        if not page["changes"] or page["version"] >= page["latest"]:
            return changes


def find_faults_of_ledger(town: Town, collection: str) -> Iterator[str]:
    """Versions are 1, 2, 3 …; replaying the changes gives the records; the endpoint has the same."""
    changes, records = read_changes(town, collection), read_records(town, collection)
    versions = [change["version"] for change in changes]
    if versions != list(range(1, len(versions) + 1)):
        gap = next(later for earlier, later in pairwise([0, *versions]) if later != earlier + 1)
        yield f"{collection}: the versions have a gap or a double before {gap}"
    replayed: dict[str, Json] = {}
    for change in changes:
        yield from _replay(replayed, change)
    yield from _differences(
        f"{collection}: replayed changes", replayed, {key: each["values"] for key, each in records.items()}
    )
    yield from _find_faults_of_endpoint(town, collection, records, len(versions))


def _replay(records: dict[str, Json], change: Json) -> Iterator[str]:
    key, before, after = change["key"], change["before"] or {}, change["after"] or {}
    now = records.get(key)
    where = f"{change['collection']}: version {change['version']}, {change['op']} of {key}"
    if (now is None) != (change["op"] == "create"):
        yield f"{where}: it was {'not ' if now is None else ''}there"
    if now is not None and any(now.get(name) != value for name, value in before.items()):
        yield f"{where}: it was {now}, not {before}"
    if change["op"] == "update" and before == after:
        yield f"{where}: it changes nothing"
    if change["op"] == "remove":
        records.pop(key, None)
        return
    kept = {name: value for name, value in (now or {}).items() if name in after or name not in before}
    records[key] = {**kept, **after}


def _find_faults_of_endpoint(
    town: Town, collection: str, records: Mapping[str, Json], version: int
) -> Iterator[str]:
    path, cursor = f"/v1/collections/{collection}/items", None
    items: list[Json] = []
    while True:
        query = {"limit": 1000} | ({"cursor": cursor} if cursor else {})
        page = town.ask("endpoint", path, **query)
        items += page["items"]
        if page["version"] != version:
            yield f"{collection}: the endpoint is at version {page['version']}, the datasource at {version}"
            return
        if (cursor := page["next"]) is None:
            break
    shown = {item["title"]: {name: item[name] for name in item if name != "timestamp"} for item in items}
    if len(shown) != len(items):
        yield f"{collection}: the endpoint has {len(items)} items of {len(shown)} titles"
    yield from _differences(
        f"{collection}: the endpoint", shown, {key: each["values"] for key, each in records.items()}
    )


def find_faults_of_shop(town: Town, collection: str, shop: Shop) -> Iterator[str]:
    """The records are what the shop has now, and never went back to what it had before."""
    records = read_records(town, collection)
    goods = shop.expected()
    found = {key: {"revision": each["values"]["revision"]} for key, each in records.items()}
    yield from _differences(
        f"{collection}: the shop",
        found,
        {title: {"revision": good.revision} for title, good in goods.items()},
    )
    for key, record in records.items():
        tags = record["values"]["tags"]
        if len(set(tags)) != len(tags) or not set(tags) <= shop.shown[key]:
            yield f"{collection}: {key} has the tags {tags}, was shown with {sorted(shop.shown[key])}"
        if key in goods and goods[key].tag not in tags:
            yield f"{collection}: {key} lacks the tag {goods[key].tag}"
    newest: dict[str, int] = {}
    for change in read_changes(town, collection):
        revision = (change["after"] or {}).get("revision")
        if revision is None:
            continue
        if revision < newest.get(change["key"], 0):
            yield f"{collection}: {change['key']} went back to revision {revision} in {change['version']}"
        newest[change["key"]] = revision


def find_faults_of_posting(town: Town, collection: str, producers: list[Producer]) -> Iterator[str]:
    """Each acknowledged batch took effect once, in its order, and nothing else did."""
    expected = {title: batches for each in producers for title, batches in each.expected().items()}
    records = read_records(town, collection)
    wanted = {
        title: {"title": title, "latest": seen[-1], "items": [f"{batch} of {title}" for batch in seen]}
        for title, seen in expected.items()
    }
    found = {key: each["values"] for key, each in records.items()}
    yield from _differences(f"{collection}: what was posted", found, wanted)
    effects: dict[str, list[int]] = {}
    for change in read_changes(town, collection):
        effects.setdefault(change["key"], []).append((change["after"] or {}).get("latest", -1))
    for title in effects.keys() | expected.keys():
        if effects.get(title) != expected.get(title):
            yield f"{collection}: {title} saw the batches {effects.get(title)}, not {expected.get(title)}"


def find_faults_of_runs(town: Town, configurations: Mapping[str, str], since: str) -> Iterator[str]:
    """Each configuration is held by one, ran to its end after `since`, and never twice at the same time."""
    for identity, collection in configurations.items():
        held = town.ask("config", f"/v1/configurations/{identity}")
        if held["container"] is None:
            yield f"{collection}: nobody has claimed {identity}"
        runs = town.ask("datasource", "/v1/runs", configuration=identity, limit=1000)["runs"]
        whole = [run for run in runs if run["outcome"] == "complete" and run.get("reduction")]
        if not whole or whole[0]["started_at"] <= since:
            yield f"{collection}: no whole run began after {since}; the last was {whole[:1]}"
        for later, earlier in pairwise(runs):
            if later["started_at"] < earlier["finished_at"] and later["epoch"] == earlier["epoch"]:
                yield f"{collection}: the runs {earlier['run']} and {later['run']} were at the same time"


def _differences(what: str, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    if missing := sorted(wanted.keys() - found.keys()):
        yield f"{what}: {len(missing)} of {len(wanted)} are missing, the first {missing[0]}"
    if surplus := sorted(found.keys() - wanted.keys()):
        yield f"{what}: {len(surplus)} should not be there, the first {surplus[0]}"
    for key in found.keys() & wanted.keys():
        if found[key] != wanted[key]:
            yield f"{what}: {key} is {found[key]}, not {wanted[key]}"
