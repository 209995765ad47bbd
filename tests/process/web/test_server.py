"""What every role's HTTP does: versions, problems, tokens, limits, health, its own description, push."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError
from structlog.testing import capture_logs

from scrapr.client.feed import Feed
from scrapr.client.transport import at
from scrapr.model.errors import Invalid, Refused, Unavailable
from scrapr.model.validation import wrong
from scrapr.runtime.lifecycle import Lifecycle, State
from scrapr.runtime.settings import DrainSettings
from scrapr.web.call import Call
from scrapr.web.push import Push
from scrapr.web.role import Role
from scrapr.web.routes import Route
from scrapr.web.server import serving
from scrapr.web.settings import WebSettings
from tests.conftest import Until
from tests.endings import end


class Question(BaseModel):
    """A question in a query."""

    model_config = ConfigDict(extra="forbid")

    times: int = 1


class Pace(BaseModel):
    """How an answer comes."""

    model_config = ConfigDict(extra="forbid")

    stream: bool = False


class Thing(BaseModel):
    """Something with a name."""

    name: str


async def answer(call: Call) -> Thing:
    """Say what was asked, and how."""
    return Thing(name=f"{call.place('name')} {call.query(Question).times} {call.versioned}")


async def count(_: Call) -> Thing:
    """Say how many things there are."""
    return Thing(name="7")


async def take(call: Call) -> Thing:
    """Take a thing."""
    thing = await call.body(Thing)
    if thing.name == "bad luck":
        raise ZeroDivisionError
    return thing


async def forget(_: Call) -> None:
    """Forget a thing."""


async def linger(call: Call) -> web.StreamResponse:
    """Answer when asked to, or begin to stream and never end."""
    gate: asyncio.Event = GATES[call.place("name")]
    stream = web.StreamResponse()
    if call.query(Pace).stream:
        await stream.prepare(call.request)
    await gate.wait()
    return web.json_response("late") if not stream.prepared else stream


GATES: dict[str, asyncio.Event] = {}
ROUTES = (
    Route("GET", "/linger/{name}", linger, "Take one's time", query=Pace),
    Route("GET", "/things", count, "How many things", answer=Thing),
    Route("GET", "/things/{name}", answer, "One thing", query=Question, answer=Thing),
    Route("POST", "/things", take, "Take a thing", body=Thing, answer=Thing, status=201),
    Route("DELETE", "/things/{name}", forget, "Forget a thing", status=204),
)


@asynccontextmanager
async def serve(
    lifecycle: Lifecycle | None = None, *, token: str = "", at_once: int = 1000, **parts: Any
) -> AsyncIterator[aiohttp.ClientSession]:
    """A role with these routes, and a client of it."""
    lifecycle = lifecycle or Lifecycle(DrainSettings())
    role = Role(**{"name": "test", "home": "/things/home", "routes": ROUTES, **parts})
    settings = WebSettings(token=SecretStr(token), body_limit=2048, at_once=at_once)
    async with (
        serving(role, settings, lifecycle, port=0, close=0.2) as url,
        aiohttp.ClientSession(url) as client,
    ):
        yield client


async def test_a_route_answers_under_its_version_and_bare() -> None:
    async with serve() as client:
        assert await (await client.get("/v1/things/a?times=2")).json() == {"name": "a 2 True"}
        assert await (await client.get("/things/a")).json() == {"name": "a 1 False"}
        assert (await client.delete("/things/a")).status == 204
        head = await client.head("/v1/things/a")
        assert (head.status, await head.read()) == (200, b"")


async def test_pages_of_other_origins_may_not_read_a_role_that_is_not_meant_for_them() -> None:
    async with serve() as client:
        assert "Access-Control-Allow-Origin" not in (await client.get("/v1/things/a")).headers
        asks = {"Origin": "https://x.org", "Access-Control-Request-Method": "GET"}
        assert (await client.options("/v1/things/a", headers=asks)).status == 405


async def test_the_root_leads_home() -> None:
    async with serve() as client:
        gone = await client.get("/", allow_redirects=False)
        assert (gone.status, gone.headers["Location"]) == (302, "/things/home")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v1/things/a?times=many", b"", 422),
        ("POST", "/v1/things", b"{}", 422),
        ("POST", "/v1/things", b"{", 400),
        ("POST", "/v1/things", b"x" * 4096, 413),
        ("POST", "/v1/things", b'{"name": "bad luck"}', 500),
        ("GET", "/v1/nothing", b"", 404),
        ("PUT", "/v1/things", b"", 405),
    ],
)
async def test_every_error_is_a_problem(method: str, path: str, body: bytes, status: int) -> None:
    async with serve() as client:
        refused = await client.request(method, path, data=body)
        assert refused.status == status
        assert refused.content_type == "application/problem+json"
        problem = await refused.json(content_type=None)
        assert problem["status"] == status
        assert problem["title"]
        if status == 422:
            assert problem["errors"][0]["field"] in {"times", "name"}


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/things/a", "times"),
        ("GET", "/things", "no parameters"),
        ("POST", "/things", "no parameters"),
        ("DELETE", "/things/a", "no parameters"),
    ],
)
async def test_a_parameter_that_a_route_does_not_know_is_refused(
    method: str, path: str, allowed: str
) -> None:
    async with serve() as client:
        for each in (path, f"/v1{path}"):
            refused = await client.request(method, f"{each}?odd=1", json={"name": "a"})
            assert refused.status == 422
            [fault] = (await refused.json(content_type=None))["errors"]
            assert fault == {"field": "odd", "problem": "is not a known field", "allowed": allowed}
        newer = await client.request(
            method, f"{path}?odd=1", json={"name": "a"}, headers={"Scrapr-Role": "endpoint"}
        )
        assert newer.status < 300


async def test_a_parameter_that_is_given_twice_is_refused() -> None:
    async with serve() as client:
        refused = await client.get("/v1/things/a?times=1&times=2")
        assert refused.status == 422
        [fault] = (await refused.json(content_type=None))["errors"]
        assert fault == {"field": "times", "problem": "is given twice", "allowed": "once"}


async def test_what_is_away_is_named_to_the_client_and_its_address_to_the_log() -> None:
    async def lacks() -> None:
        raise Unavailable("Store: 10.0.0.7:27017: refused", public="Store does not answer")

    async def fail(_: Call) -> None:
        await lacks()

    route = Route("GET", "/store", fail, "What is away")
    with capture_logs() as logs:
        async with serve(routes=(route,), checks={"store": lacks}) as client:
            answer = await client.get("/v1/store")
            assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
            assert (await answer.json(content_type=None))["detail"] == "Store does not answer"
            assert (await (await client.get("/ready")).json())["checks"] == {"store": "Store does not answer"}
    [line] = [each for each in logs if each["event"] == "unavailable"]
    assert (line["path"], line["reason"]) == ("/v1/store", "Store: 10.0.0.7:27017: refused")


async def test_health_takes_whatever_a_probe_adds() -> None:
    async with serve() as client:
        for path in ("/ping", "/metrics", "/openapi.json", "/v1/ping"):
            assert (await client.get(f"{path}?odd=1")).status == 200


async def test_a_body_that_is_not_in_its_encoding_is_malformed() -> None:
    async with serve() as client:
        refused = await client.post("/v1/things", data=b"{}", headers={"Content-Encoding": "gzip"})
        assert refused.status == 400
        assert "Content-Encoding" in (await refused.json(content_type=None))["detail"]


@pytest.mark.parametrize(
    "request_",
    [
        "GET /v1/things/a?q=ñ HTTP/1.1\r\n".encode("latin-1"),
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n",
        b"GET / HTTP/1.1\r\nno header\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"a" * 9000 + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"POST /v1/things HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n",
    ],
)
async def test_what_is_no_http_is_refused_with_a_problem_and_fills_no_log(
    request_: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve() as client:
        head, body = await say(client, request_ + b"Host: x\r\n\r\n")
        assert b" 400 " in head.splitlines()[0]
        assert b"application/problem+json" in head
        problem = json.loads(body)
        assert (problem["status"], problem["title"]) == (400, "The request cannot be read")
        assert problem["detail"]
    assert not caplog.records


async def test_a_chunk_that_is_none_is_malformed_and_fills_no_log(caplog: pytest.LogCaptureFixture) -> None:
    async with serve() as client:
        head, body = await say(
            client,
            b"POST /v1/things HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n",
        )
        assert b" 400 " in head.splitlines()[0]
        assert json.loads(body)["status"] == 400
    assert not caplog.records


async def say(client: aiohttp.ClientSession, request: bytes) -> tuple[bytes, bytes]:
    """The head and the body of what is answered to these bytes, up to the end of the connection."""
    url = client._base_url
    assert url is not None
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(request)
    async with asyncio.timeout(10):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return head, body


async def test_writes_need_the_token_where_there_is_one() -> None:
    async with serve(token="s3cret") as client:
        assert (await client.get("/v1/things/a")).status == 200
        for header in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic s3cret"}):
            refused = await client.post("/v1/things", json={"name": "a"}, headers=header)
            assert refused.status == 401
            assert refused.headers["WWW-Authenticate"].split()[0] == "Bearer"
        taken = await client.post(
            "/v1/things", json={"name": "a"}, headers={"Authorization": "Bearer s3cret"}
        )
        assert taken.status == 201


def test_nothing_listens_beyond_loopback_without_a_token() -> None:
    for host in ("0.0.0.0", "192.0.2.1", "::", "example.org"):
        with pytest.raises(ValidationError, match="without a token"):
            WebSettings(host=host)
        WebSettings(host=host, token=SecretStr("s3cret"))
    WebSettings(host="::1")


async def test_a_role_is_ready_when_it_lives_and_its_dependencies_answer() -> None:
    async def lacks() -> None:
        raise Unavailable("the store is away")

    async def has() -> None:
        return None

    lifecycle = Lifecycle(DrainSettings())
    async with serve(lifecycle, checks={"store": has}) as client:
        assert (await client.get("/ready")).status == 503
        lifecycle.state = State.READY
        assert (await client.get("/ready")).status == 200
        assert (await (await client.get("/ping")).json())["role"] == "test"
    async with serve(lifecycle, checks={"store": lacks}) as client:
        answer = await client.get("/v1/ready")
        assert answer.status == 503
        assert (await answer.json())["checks"] == {"store": "the store is away"}


async def test_a_role_that_drains_takes_no_more_writes() -> None:
    lifecycle = Lifecycle(DrainSettings())
    async with serve(lifecycle) as client:
        lifecycle.state = State.DRAINING
        refused = await client.post("/v1/things", json={"name": "a"})
        assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
        assert (await client.get("/v1/things/a")).status == 200


async def test_a_taken_port_is_named() -> None:
    async with serve() as client:
        port = client._base_url.port if client._base_url else None
        role = Role(name="test", home="/", routes=ROUTES)
        with pytest.raises(Refused, match=str(port)):
            async with serving(role, WebSettings(), Lifecycle(DrainSettings()), port=port or 0, close=0.1):
                pass


async def test_a_role_describes_itself() -> None:
    async with serve() as client:
        described = await (await client.get("/openapi.json")).json()
        assert described["openapi"].startswith("3.1")
        post = described["paths"]["/v1/things"]["post"]
        assert (
            post["requestBody"]["content"]["application/json"]["schema"]["$ref"]
            == "#/components/schemas/Thing"
        )
        assert {"201", "400", "413", "422", "503"} <= post["responses"].keys()
        [place, times] = described["paths"]["/v1/things/{name}"]["get"]["parameters"]
        assert (place["in"], times["name"]) == ("path", "times")


async def test_a_role_counts_its_answers_by_route() -> None:
    async with serve() as client:
        await client.get("/v1/things/some-name")
        text = await (await client.get("/metrics")).text()
        assert 'path="/v1/things/{name}"' in text
        assert "some-name" not in text


class Listener:
    """A client of the rooms that notes what it hears."""

    def __init__(self, url: str, wish: Any, *, token: str = "") -> None:
        self.heard: asyncio.Queue[Any] = asyncio.Queue()
        self.replies: asyncio.Queue[Any] = asyncio.Queue()
        self._wish = wish
        self.feed = Feed(at(url), token=token, connected=self._connected, told=self._told)

    async def _connected(self) -> None:
        try:
            await self.replies.put(await self.feed.join(self._wish))
        except Invalid as error:
            await self.replies.put(error)

    async def _told(self, event: str, payload: Any) -> None:
        await self.heard.put((event, payload))


def rooms(token: str = "") -> Push:
    """Rooms by name; a wish without one is refused."""

    def room_of(wish: Any) -> str:
        if not isinstance(wish, dict):
            raise Invalid
        return str(wish["room"])

    async def admit(wish: Any) -> dict[str, Any]:
        return {"welcome": wish["room"]}

    return Push(room_of=room_of, admit=admit, token=token)


@asynccontextmanager
async def listening(listener: Listener) -> AsyncIterator[None]:
    """The listener runs."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(listener.feed.run())
        yield
        await end(task)


async def test_whoever_joins_a_room_is_told_its_news_and_no_others() -> None:
    push = rooms()
    async with asyncio.timeout(10), serve(push=push) as client:
        listener = Listener(str(client._base_url), {"room": "a"})
        async with listening(listener):
            assert await listener.replies.get() == {"welcome": "a"}
            await push.emit("b", "news", {"not": "for a"})
            await push.emit("a", "news", {"big": 2**60, "text": "é"})
            assert await listener.heard.get() == ("news", {"big": 2**60, "text": "é"})


async def test_one_whose_connection_is_closing_keeps_the_others_of_a_room_from_nothing() -> None:
    push = rooms()
    async with asyncio.timeout(10), serve(push=push) as client:
        first, second = (Listener(str(client._base_url), {"room": "a"}) for _ in range(2))
        async with listening(first):
            await first.replies.get()
            async with listening(second):
                await second.replies.get()
                [leaving, _] = push._sockets.room("a")
                # As it is between the end of a connection and the word of it.
                push._sockets._client(leaving).closed = True
                await push.emit("a", "news", {"text": "x"})
                assert await second.heard.get() == ("news", {"text": "x"})


async def test_a_wish_that_cannot_be_read_is_refused_in_our_words() -> None:
    async with asyncio.timeout(10), serve(push=rooms()) as client:
        listener = Listener(str(client._base_url), "nonsense")
        async with listening(listener):
            assert isinstance(await listener.replies.get(), Invalid)


async def test_rooms_ask_for_the_token() -> None:
    push = rooms("s3cret")
    async with asyncio.timeout(10), serve(push=push, token="s3cret") as client:
        stranger, friend = (
            Listener(str(client._base_url), {"room": "a"}, token=token) for token in ("", "s3cret")
        )
        async with listening(stranger), listening(friend):
            assert await friend.replies.get() == {"welcome": "a"}
            assert stranger.replies.empty()


async def test_a_listener_comes_back_to_a_role_that_was_started_anew(free_port: Callable[[], int]) -> None:
    port = free_port()
    listener = Listener(f"http://127.0.0.1:{port}", {"room": "a"})
    async with asyncio.timeout(20), listening(listener):
        for _ in range(2):
            role = Role(name="test", home="/", routes=ROUTES, push=rooms())
            async with serving(role, WebSettings(), Lifecycle(DrainSettings()), port=port, close=0.2):
                assert await listener.replies.get() == {"welcome": "a"}


def test_a_problem_of_a_validator_keeps_its_words() -> None:
    assert wrong("is odd", allowed="even", field="x").context == {
        "problem": "is odd",
        "allowed": "even",
        "field": "x",
    }


async def test_more_requests_than_allowed_are_sent_away_but_health_is_told(until: Until) -> None:
    GATES["a"] = asyncio.Event()
    async with serve(at_once=2) as client, asyncio.TaskGroup() as group:

        async def ask(path: str) -> tuple[int, str | None]:
            async with client.get(path) as answer:
                return answer.status, answer.headers.get("Retry-After")

        async def is_full() -> bool:
            return await ask("/things/x") == (503, "1")

        slow = [group.create_task(ask("/linger/a")) for _ in range(2)]
        await until(is_full)
        for path in ("/ping", "/v1/ping", "/v1/metrics"):
            assert (await ask(path))[0] == 200
        GATES["a"].set()
        assert [await each for each in slow] == [(200, None)] * 2
        assert (await ask("/things/x"))[0] == 200


async def test_answers_that_stream_leave_their_room_to_others() -> None:
    GATES["b"] = asyncio.Event()
    async with serve(at_once=1) as client:
        streams = [await client.get("/linger/b?stream=1") for _ in range(3)]
        assert [stream.status for stream in streams] == [200] * 3
        async with client.get("/things/x") as answer:
            assert answer.status == 200
        GATES["b"].set()
        for stream in streams:
            stream.close()
