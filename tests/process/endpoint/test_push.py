"""Clients are told of every change, in order, without gaps and doubles, whatever happens in between."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
import pytest
import socketio
from pydantic import SecretStr

from scrapr.client import events
from scrapr.web.settings import WebSettings
from tests.conftest import Until
from tests.endings import end
from tests.process.endpoint.world import TOKEN, Endpoint, World

PATH = "/v1/collections/letters/changes"


class Told:
    """What a client was told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []
        self.last = ""
        self.retries: list[int] = []
        self.ended = asyncio.Event()

    @property
    def versions(self) -> list[int]:
        return [body["version"] for name, body in self.events if name == "change"]

    @property
    def resets(self) -> list[int]:
        return [body["version"] for name, body in self.events if name == "reset"]

    async def has(self, *versions: int) -> bool:
        return self.versions == list(versions)


@asynccontextmanager
async def streaming(endpoint: Endpoint, query: str = "", **headers: str) -> AsyncIterator[Told]:
    """A client of server-sent events."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    told = Told()

    async def listen(answer: aiohttp.ClientResponse) -> None:
        try:
            async for event in events.read(answer.content):
                told.last = event.id
                if event.retry is not None:
                    told.retries.append(event.retry)
                if event.data:
                    told.events.append((event.name, orjson.loads(event.data)))
        except aiohttp.ClientError:
            pass
        told.ended.set()

    async with endpoint.http.get(
        endpoint.url + PATH + query,
        headers={"Accept": "text/event-stream", **named},
        timeout=aiohttp.ClientTimeout(total=None),
    ) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.content_type == "text/event-stream"
        async with asyncio.TaskGroup() as group:
            task = group.create_task(listen(answer))
            yield told
            task.cancel()


@asynccontextmanager
async def joined(endpoint: Endpoint, **wish: Any) -> AsyncIterator[Told]:
    """A client of Socket.IO."""
    told = Told()
    async with aiohttp.ClientSession() as session:
        client = socketio.AsyncClient(reconnection=False, handle_sigint=False, http_session=session)
        client.on("*", lambda name, body: told.events.append((name, body)))
        client.on("disconnect", lambda *_: told.ended.set())
        await client.connect(endpoint.url, transports=["websocket"])
        reply = await client.call("join", {"collection": "letters", **wish})
        assert "problem" not in reply, reply
        told.last = str(reply["version"])
        try:
            yield told
        finally:
            await client.disconnect()


LISTEN: dict[str, Callable[[Endpoint, int], AbstractAsyncContextManager[Told]]] = {
    "sse": lambda endpoint, since: streaming(endpoint, f"?since={since}"),
    "socketio": lambda endpoint, since: joined(endpoint, since=since),
}


@asynccontextmanager
async def listening(endpoint: Endpoint, since: int) -> AsyncIterator[Both]:
    """A client of each kind."""
    async with LISTEN["sse"](endpoint, since) as one, LISTEN["socketio"](endpoint, since) as other:
        yield Both(one, other)


@dataclass(frozen=True)
class Both:
    """What both kinds of clients were told."""

    one: Told
    other: Told

    async def have(self, *versions: int) -> bool:
        return self.one.versions == self.other.versions == list(versions)

    async def were_reset(self, version: int) -> bool:
        return self.one.resets == self.other.resets == [version]

    async def were_reset_below(self, version: int) -> bool:
        return all(told.resets and told.resets[-1] < version for told in (self.one, self.other))

    async def end_with(self, version: int) -> bool:
        return self.one.versions[-1:] == self.other.versions[-1:] == [version]

    async def have_ended(self) -> bool:
        return self.one.ended.is_set() and self.other.ended.is_set()


@pytest.fixture
async def endpoint(world: World, until: Until) -> Endpoint:
    """An endpoint with the collection `letters` at version 3, all of whose changes it was told."""
    endpoint = await world.start_endpoint()
    await world.add("letters")
    await until(lambda: holds(endpoint, 0))
    await world.send("letters", "a", "b", "c")
    await until(lambda: holds(endpoint, 3))
    return endpoint


async def holds(endpoint: Endpoint, version: int) -> bool:
    answer = await endpoint.get("/v1/collections/letters/items")
    return answer.headers.get("X-Collection-Version") == str(version)


async def test_what_was_missed_comes_before_what_is_new(
    world: World, endpoint: Endpoint, until: Until
) -> None:
    async with listening(endpoint, 1) as told:
        await until(lambda: told.have(2, 3))
        await world.send("letters", "d", "e")
        await until(lambda: told.have(2, 3, 4, 5))
        await world.send("letters", "d", item="new")
        await until(lambda: told.have(2, 3, 4, 5, 6))
    change = told.one.events[-1][1]
    page = await endpoint.get(f"{PATH}?since=5")
    assert [change] == page.json["changes"]
    assert (change["op"], change["key"], change["after"]) == ("update", "d", {"items": ["new"]})


async def test_what_is_no_longer_in_memory_is_asked_of_the_datasource(world: World, until: Until) -> None:
    endpoint = await world.start_endpoint(push_keep=2)
    await world.add("letters")
    for number in range(5):
        await world.send("letters", *(f"{number} {each}" for each in range(60)))
    await until(lambda: holds(endpoint, 300))
    async with listening(endpoint, 7) as told:
        await until(lambda: told.have(*range(8, 301)))
        await world.send("letters", "new")
        await until(lambda: told.have(*range(8, 302)))
    await world.stop("endpoint")
    again = await world.start_endpoint()
    await until(lambda: holds(again, 301))
    async with listening(again, 299) as told:
        await until(lambda: told.have(300, 301))


async def test_without_a_version_it_begins_now_and_says_where_that_is(
    world: World, endpoint: Endpoint, until: Until
) -> None:
    async with streaming(endpoint) as told, joined(endpoint) as also:
        await until(lambda: is_at(told, "3"))
        assert also.last == "3"
        assert told.retries
        await world.send("letters", "d")
        await until(lambda: told.has(4))
        await until(lambda: also.has(4))
        assert told.last == "4"
    # Where a browser comes back counts more than where it began.
    async with streaming(endpoint, "?since=0", Last_Event_ID="2") as told:
        await until(lambda: told.has(3, 4))


async def test_whoever_is_ahead_is_told_to_reload(world: World, endpoint: Endpoint, until: Until) -> None:
    async with listening(endpoint, 9) as told:
        await until(lambda: told.were_reset(3))
        await world.send("letters", "d")
        await until(lambda: told.have(4))
    assert told.one.events[0][1]["reason"] == "began anew"


async def test_whoever_missed_what_nobody_has_is_told_to_reload(world: World, until: Until) -> None:
    endpoint = await world.start_endpoint(push_keep=1)
    await world.add("letters")
    await world.send("letters", "a", "b", "c")
    await until(lambda: holds(endpoint, 3))
    await world.database["changes"].delete_many({"_id.version": {"$lte": 2}})
    async with listening(endpoint, 1) as told:
        await until(lambda: told.were_reset(3))
        await world.send("letters", "d")
        await until(lambda: told.have(4))
    assert told.one.events[0][1]["reason"] == "changes are gone"


async def test_whoever_listens_while_a_collection_begins_anew_is_told_to_reload(
    world: World, endpoint: Endpoint, until: Until
) -> None:
    async with listening(endpoint, 3) as told:
        await world.stop("datasource")
        for name in await world.database.list_collection_names():
            await world.database.drop_collection(name)
        await world.start_datasource()
        await world.send("letters", "z")
        await until(lambda: told.were_reset_below(2))
        await until(lambda: holds(endpoint, 1))
        await world.send("letters", "y")
        await until(lambda: told.end_with(2))


async def test_streams_outlive_the_datasource(world: World, endpoint: Endpoint, until: Until) -> None:
    async with listening(endpoint, 3) as told:
        await world.stop("datasource")
        await until(lambda: is_lost(endpoint))
        # Who comes now is listened to as well, and what it missed is told from memory.
        async with listening(endpoint, 0) as late, listening(endpoint, 9) as ahead:
            await until(lambda: late.have(1, 2, 3))
            await world.start_datasource()
            await world.send("letters", "d")
            await until(lambda: told.have(4))
            await until(lambda: late.have(1, 2, 3, 4))
            await until(lambda: ahead.were_reset_below(5))
    assert not told.one.resets + told.other.resets


async def test_silence_is_broken_by_comments(world: World, until: Until) -> None:
    endpoint = await world.start_endpoint(push_heartbeat=0.1)
    await world.add("letters")
    await until(lambda: holds(endpoint, 0))
    async with endpoint.http.get(
        endpoint.url + PATH,
        headers={"Accept": "text/event-stream"},
        timeout=aiohttp.ClientTimeout(total=None),
    ) as answer:
        async with asyncio.timeout(10):
            while await answer.content.readline() != b":\n":
                pass


@asynccontextmanager
async def deaf(endpoint: Endpoint, kind: str) -> AsyncIterator[None]:
    """A client that listens and never reads."""

    def make(info: Any) -> socket.socket:
        made = socket.socket(info[0], info[1], info[2])
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        made.setblocking(False)
        return made

    connector = aiohttp.TCPConnector(socket_factory=make)
    async with aiohttp.ClientSession(connector=connector, read_bufsize=1024) as session:
        if kind == "sse":
            async with session.get(endpoint.url + PATH, headers={"Accept": "text/event-stream"}) as answer:
                assert answer.status == 200
                yield
            return
        async with session.ws_connect(f"{endpoint.url}/socket.io/?EIO=4&transport=websocket") as channel:
            assert (await channel.receive_str()).startswith("0")
            await channel.send_str("40")
            assert (await channel.receive_str()).startswith("40")
            await channel.send_str('420["join",{"collection":"letters"}]')
            assert (await channel.receive_str()).startswith("430")
            yield


@pytest.mark.parametrize(
    ("reason", "settings"),
    [("behind", {"push_keep": 3, "push_stall": 3600}), ("stalled", {"push_stall": 0.05})],
)
async def test_slow_clients_are_cut_off_and_others_miss_nothing(
    world: World, until: Until, reason: str, settings: dict[str, Any]
) -> None:
    endpoint = await world.start_endpoint(**settings)
    await world.add("letters")
    await world.send("letters", "a")
    await until(lambda: holds(endpoint, 1))
    before = await count(endpoint, "push_cut_total", reason=reason)
    async with deaf(endpoint, "sse"), deaf(endpoint, "socketio"), listening(endpoint, 1) as told:
        latest = 1
        while await count(endpoint, "push_cut_total", reason=reason) < before + 2:
            latest += 1
            await world.send("letters", f"{latest}", text="x" * 100_000)
            await until(lambda: told.have(*range(2, latest + 1)))  # noqa: B023 - it is awaited within the loop
            assert latest < 60
        await until(lambda: has_clients(endpoint, 1, 1))
        assert await count(endpoint, "push_cut_total", reason=reason) == before + 2


async def test_there_are_no_more_connections_than_allowed(world: World, until: Until) -> None:
    world.web = WebSettings(token=SecretStr(TOKEN), at_once=2)  # of which those who listen are none
    endpoint = await world.start_endpoint(push_clients=4)
    await world.add("letters")
    await world.send("letters", "a")
    await until(lambda: holds(endpoint, 1))
    async with listening(endpoint, 1), listening(endpoint, 1):
        for path in (PATH, "/socket.io/?EIO=4&transport=websocket"):
            answer = await endpoint.get(path, Accept="text/event-stream")
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        assert (await endpoint.get("/items")).status == 200
        # A browser that comes back would give up for good if it were refused.
        later = await endpoint.get(PATH, Accept="text/event-stream", Last_Event_ID="1")
        assert (later.status, later.headers["Content-Type"]) == (200, "text/event-stream")
        assert later.body == b"retry: 5000\n\n"
    await until(lambda: has_clients(endpoint, 0, 0))
    async with streaming(endpoint) as told:
        await world.send("letters", "b")
        await until(lambda: told.has(2))


async def test_a_process_that_stops_lets_its_clients_go(
    world: World, endpoint: Endpoint, until: Until
) -> None:
    async with streaming(endpoint) as told, joined(endpoint) as also:
        await until(lambda: is_at(told, "3"))
        await world.stop("endpoint")
        await told.ended.wait()
        await also.ended.wait()
        assert len(told.retries) == 2


async def test_a_peer_s_collection_is_listened_to_there(world: World, until: Until) -> None:
    one = await world.start_endpoint("one", slots=1)
    await world.add("letters")
    await world.send("letters", "a", "b")
    await until(lambda: holds(one, 2))
    two = await world.start_endpoint("two", slots=1)
    await until(lambda: is_known(two))
    async with listening(two, 1) as told:
        await until(lambda: told.have(2))
        await world.send("letters", "c")
        await until(lambda: told.have(2, 3))
        await world.stop("one")
        await until(told.have_ended)
    await until(lambda: holds(two, 3))
    async with listening(two, 2) as told:
        await until(lambda: told.have(3))


async def test_what_cannot_be_listened_to_is_refused(lone_world: World, until: Until) -> None:
    endpoint = await lone_world.start_endpoint(wait=0.1)
    await lone_world.add("letters")
    await until(lambda: is_known(endpoint))
    stream = {"Accept": "text/event-stream"}
    unseen = await endpoint.get(PATH, **stream)
    assert (unseen.status, unseen.headers["Retry-After"]) == (503, "1")
    unknown = await endpoint.get("/collections/lettres/changes", **stream)
    assert (unknown.status, "letters" in unknown.json["detail"]) == (404, True)
    await lone_world.start_datasource()
    await until(lambda: holds(endpoint, 0))
    wrong = await endpoint.get(f"{PATH}?since=x&until=3", **stream)
    assert wrong.status == 422
    assert {each["field"] for each in wrong.json["errors"]} == {"since", "until"}
    wrong = await endpoint.get(PATH, Last_Event_ID="x", **stream)
    assert (wrong.status, wrong.json["errors"][0]["field"]) == (422, "Last-Event-ID")
    async with endpoint.http.head(endpoint.url + PATH, headers=stream) as answer:
        assert (answer.status, answer.content_type) == (200, "text/event-stream")


async def test_words_over_socket_io_are_answered(world: World, endpoint: Endpoint, until: Until) -> None:
    async with aiohttp.ClientSession() as session:
        client = socketio.AsyncClient(reconnection=False, handle_sigint=False, http_session=session)
        told: list[Any] = []
        client.on("change", told.append)
        await client.connect(endpoint.url, transports=["websocket"])
        for wish, status in (
            (None, 422),
            ({"collection": "letters", "since": -1}, 422),
            ({"collection": "letters", "sinse": 1}, 422),
            ({"collection": "nothing"}, 404),
        ):
            assert (await client.call("join", wish))["problem"]["status"] == status, wish
        assert (await client.call("leave", {}))["problem"]["status"] == 422
        # Whoever joins again takes the place of its former self; who leaves is told no more.
        for since in (0, 2):
            await client.call("join", {"collection": "letters", "since": since})
        await until(lambda: are(told, 1, 2, 3, 3))
        await client.call("leave", {"collection": "letters"})
        await world.send("letters", "d")
        await until(lambda: holds(endpoint, 4))
        reply = await client.call("join", {"collection": "letters", "since": 4})
        assert reply == {"collection": "letters", "version": 4}
        assert [each["version"] for each in told] == [1, 2, 3, 3]
        await client.disconnect()


@pytest.mark.parametrize(
    "said",
    [
        '42["connect",{"aiohttp.request":5}]',
        '42["disconnect"]',
        "42{",
        "42[]",
        "42[5]",
        '42{"a":1}',
        "49x",
        '4{"a":1}',
        "4 5",
        "9",
        "x",
        "",
        '451-["join",{"_placeholder":true,"num":0}]',
        "42" + "[" * 2000,
    ],
)
async def test_who_speaks_no_socket_io_is_let_go_and_leaves_no_trace(
    endpoint: Endpoint, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with endpoint.http.ws_connect(f"{endpoint.url}/socket.io/?EIO=4&transport=websocket") as socket:
        for word in ("40", said):
            await socket.receive(timeout=10)
            await socket.send_str(word)
        ends = {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}
        assert (await socket.receive(timeout=10)).type in ends
    assert not caplog.records


async def test_what_comes_after_the_wish_is_passed_over(endpoint: Endpoint) -> None:
    async with endpoint.http.ws_connect(f"{endpoint.url}/socket.io/?EIO=4&transport=websocket") as socket:
        for word in ("40", '420["join",{"collection":"nothing"},5]'):
            await socket.receive(timeout=10)
            await socket.send_str(word)
        assert '"status":404' in await socket.receive_str(timeout=10)


async def test_any_number_of_restarts_leaves_no_gap_and_no_double(world: World, until: Until) -> None:
    """Each client comes back whenever its connection ends, with the version that it has."""
    settings: dict[str, Any] = {"push_keep": 7}
    endpoint = await world.start_endpoint(**settings)
    await world.add("letters")
    await world.send("letters", "first")
    await until(lambda: holds(endpoint, 1))
    seen: dict[str, list[int]] = {kind: [] for kind in LISTEN}
    resets: list[int] = []

    async def follow(kind: str) -> None:
        while True:
            before = seen[kind]
            with suppress(AssertionError, aiohttp.ClientError, socketio.exceptions.SocketIOError, OSError):
                async with LISTEN[kind](endpoint, before[-1] if before else 0) as told:
                    while not told.ended.is_set():
                        seen[kind] = before + told.versions
                        resets.extend(told.resets)
                        await asyncio.sleep(0.01)
            await asyncio.sleep(0.02)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(follow(kind)) for kind in seen]
        for step in range(24):
            await world.send("letters", *(f"{step} {each}" for each in range(5)))
            match step:
                case 6 | 16:
                    await world.stop("endpoint")
                    endpoint = await world.start_endpoint(**settings)
                case 11:
                    await world.stop("datasource")
                    await world.start_datasource(reconcile=3600)
        latest = 1 + 24 * 5
        for kind in seen:
            await until(lambda: ends_at(seen, kind, latest), seconds=30)  # noqa: B023 - awaited within the loop
        await end(*tasks)
    assert seen == {kind: list(range(1, latest + 1)) for kind in seen}
    assert not resets


async def ends_at(seen: dict[str, list[int]], kind: str, latest: int) -> bool:
    return bool(seen[kind]) and seen[kind][-1] == latest


async def are(told: list[Any], *versions: int) -> bool:
    return [each["version"] for each in told] == list(versions)


async def is_at(told: Told, version: str) -> bool:
    return told.last == version


async def is_lost(endpoint: Endpoint) -> bool:
    return await count(endpoint, "collections_lost") == 1


async def is_known(endpoint: Endpoint) -> bool:
    return bool((await endpoint.get("/collections")).json["collections"])


async def has_clients(endpoint: Endpoint, sse: int, sockets: int) -> bool:
    found = [await count(endpoint, "push_clients", kind=kind) for kind in ("sse", "socketio")]
    return found == [sse, sockets]


async def count(endpoint: Endpoint, metric: str, **labels: str) -> float:
    text = (await endpoint.get("/metrics")).body.decode()
    named = ",".join(f'{name}="{value}"' for name, value in labels.items())
    found = re.search(
        rf"^scrapr_endpoint_{metric}{re.escape(f'{{{named}}}') if named else ''} (\S+)$", text, re.MULTILINE
    )
    return float(found[1]) if found else 0.0
