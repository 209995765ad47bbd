"""Webhooks, received by real servers on loopback that answer, fail, hang, or want no more."""

from __future__ import annotations

import asyncio
import itertools
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from ipaddress import ip_network
from typing import Any

import orjson
import pytest
from aiohttp import web
from standardwebhooks import Webhook as Signature
from structlog.testing import capture_logs

from scrapr.model.errors import Invalid, NotFound
from scrapr.model.times import now
from scrapr.model.webhook import NewWebhook
from scrapr.roles.datasource.hooks import sender
from scrapr.roles.datasource.hooks.settings import WebhookSettings
from scrapr.roles.datasource.settings import DatasourceSettings
from scrapr.storage.mongo import Database
from tests.conftest import Until
from tests.process.datasource.conftest import Datasource, running

ALLOWED = WebhookSettings(
    allow=(ip_network("127.0.0.0/8"),), timeout=30, backoff_first=0.02, backoff_most=0.05
)
SECRET = "whsec_" + b64encode(b"of the tests, thirty-two bytes !").decode()
SLOW = 60
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Receiver:
    """A server that answers POSTs with the next of `answers`, then with 204, and notes what came."""

    def __init__(self) -> None:
        self.answers: list[int | Answer] = []
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.StreamResponse:
        self.got.append((dict(request.headers), await request.read()))
        answer = self.answers.pop(0) if self.answers else 204
        return web.Response(status=answer) if isinstance(answer, int) else await answer(request)

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.got]

    def told(self, kind: str = "") -> list[dict[str, Any]]:
        """What came, read; of one kind of event where that is named."""
        bodies = [orjson.loads(body) for _, body in self.got]
        return [each for each in bodies if kind in {"", each["type"]}]

    async def got_all(self, count: int) -> bool:
        return len(self.got) >= count


@pytest.fixture
async def receive() -> AsyncIterator[Callable[..., Awaitable[Receiver]]]:
    """A function that starts a receiver: `await receive(500, 204)` answers with these at first."""
    async with AsyncExitStack() as stack:

        async def begin(*answers: int | Answer) -> Receiver:
            receiver = Receiver()
            receiver.answers = list(answers)
            runner = web.AppRunner(
                _app(receiver), access_log=None, shutdown_timeout=0.1, handler_cancellation=True
            )
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook?key=of-the-service"
            return receiver

        yield begin


def _app(receiver: Receiver) -> web.Application:
    app = web.Application()
    app.router.add_post("/{path:.*}", receiver.take)
    return app


async def hang(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


@pytest.fixture
async def sending(database: Database) -> AsyncIterator[Callable[..., Awaitable[Datasource]]]:
    """A function that starts a replica that may send to loopback: `await sending(give_up=1)`."""
    async with AsyncExitStack() as stack:

        async def begin(**changes: Any) -> Datasource:
            settings = ALLOWED.model_copy(update=changes)
            built = running(database, DatasourceSettings(reconcile=3600), webhooks=settings)
            replica = await stack.enter_async_context(built)
            replica.wake()
            return replica

        yield begin


async def add(datasource: Datasource, receiver: Receiver, *events: str, **parts: Any) -> NewWebhook:
    chosen = {"events": list(events)} if events else {}
    return await datasource.client.webhooks.add({"url": receiver.url, "secret": SECRET, **chosen, **parts})


async def run(datasource: Datasource, name: str, *titles: str, **parts: Any) -> None:
    items = [{"title": title} for title in titles]
    if titles:
        await datasource.send("c", *items, run=name, configuration="x")
    told = {"pages": min(1, len(titles)), "items": len(titles), "configuration": "x", **parts}
    await datasource.end("c", name, **told)


FAILED = {"outcome": "failed", "error": "no answer"}


def later(minute: int) -> dict[str, str]:
    return {"started_at": f"2026-01-02T04:{minute:02}:00Z", "finished_at": f"2026-01-02T04:{minute:02}:01Z"}


async def test_events_are_signed_in_order_and_their_data_is_there(
    sending: Any, receive: Any, until: Until
) -> None:
    datasource = await sending()
    seen: list[Any] = []

    async def look(_: web.Request) -> web.Response:
        (newest, *_rest) = await datasource.client.runs(limit=1)
        seen.append(newest.reduction)
        return web.Response()

    receiver = await receive(look)
    await add(datasource, receiver, "run.finished", "run.failed", "state.changed")
    await run(datasource, "r1", "a", "b")
    await until(lambda: receiver.got_all(2), seconds=SLOW)
    await run(datasource, "r2", **FAILED, **later(1))
    await until(lambda: receiver.got_all(4), seconds=SLOW)
    for headers, body in receiver.got:
        assert Signature(SECRET).verify(body, headers) == orjson.loads(body)
        assert headers["Content-Type"] == "application/json"
    finished, healthy, failed, broken = receiver.told()
    assert (finished["type"], finished["data"]["run"], finished["data"]["items"]) == ("run.finished", "r1", 2)
    assert finished["data"]["reduction"]["created"] == 2
    assert (healthy["data"]["before"], healthy["data"]["state"]) == ("new", "healthy")
    assert (failed["type"], failed["data"]["error"]) == ("run.failed", "no answer")
    assert (broken["data"]["before"], broken["data"]["state"]) == ("healthy", "broken")
    assert broken["data"]["good"]["run"] == "r1"
    assert seen[0] is not None


async def test_changes_are_told_without_a_gap_however_many_come_while_one_is_under_way(
    sending: Any, receive: Any, until: Until
) -> None:
    datasource = await sending()
    await datasource.send("c", {"title": "before"})
    await until(datasource.reduced)
    gate = asyncio.Event()

    async def wait(_: web.Request) -> web.Response:
        await gate.wait()
        return web.Response()

    receiver = await receive(wait)
    await add(datasource, receiver, "items.changed", collection="c")
    await datasource.send("c", {"title": "first"})
    await until(lambda: receiver.got_all(1), seconds=SLOW)
    for number in range(20):
        await datasource.send("c", {"title": f"more {number}"})
        await datasource.send("other", {"title": f"more {number}"})
    await until(datasource.reduced)
    gate.set()

    async def all_told() -> bool:
        return bool(receiver.told()[-1]["data"]["version"] == 22)

    await until(all_told, seconds=SLOW)
    stretches = [(each["data"]["since"], each["data"]["version"]) for each in receiver.told()]
    assert stretches[0] == (1, 2)
    assert all(before[1] == after[0] for before, after in itertools.pairwise(stretches))
    assert len(stretches) < 20
    assert receiver.told()[-1]["data"] == {
        "collection": "c",
        "since": stretches[-1][0],
        "version": 22,
        "records": 22,
    }


async def test_what_fails_is_tried_again_with_the_same_id_and_body_until_it_is_received(
    sending: Any, receive: Any, until: Until
) -> None:
    datasource = await sending()
    receiver = await receive(500, 302, 429)
    await add(datasource, receiver, "run.finished")
    with capture_logs() as logs:
        await run(datasource, "r1", "a")
        await until(lambda: receiver.got_all(4), seconds=SLOW)
    assert len(set(receiver.ids)) == 1
    assert len({body for _, body in receiver.got}) == 1

    async def nothing_waits() -> bool:
        (hook,) = await datasource.client.webhooks.all()
        return (hook.waiting, hook.dead) == (0, 0)

    await until(nothing_waits, seconds=SLOW)
    assert [line["reason"] for line in logs if line["event"] == "webhook fails, to be tried again"] == [
        "status 500"
    ]
    assert not [line for line in logs if SECRET in str(line) or "of-the-service" in str(line)]


async def test_a_redirect_is_not_followed(sending: Any, receive: Any, until: Until) -> None:
    datasource = await sending()
    other = await receive()

    async def redirect(_: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": other.url})

    receiver = await receive(redirect)
    await add(datasource, receiver, "run.finished")
    await run(datasource, "r1", "a")
    await until(lambda: receiver.got_all(2), seconds=SLOW)
    assert not other.got


async def test_a_receiver_that_hangs_holds_up_no_other(sending: Any, receive: Any, until: Until) -> None:
    datasource = await sending(timeout=110)
    slow, quick = await receive(*[hang] * 50), await receive()
    for _ in range(5):
        await add(datasource, slow, "run.finished")
    await add(datasource, quick, "run.finished")
    for number in range(5):
        await run(datasource, f"r{number}", "a", **later(number))
    await until(lambda: quick.got_all(5), seconds=SLOW)
    assert [each["data"]["run"] for each in quick.told()] == [f"r{number}" for number in range(5)]


async def test_a_receiver_that_takes_too_long_is_tried_again(
    sending: Any, receive: Any, until: Until
) -> None:
    datasource = await sending(timeout=0.2)
    receiver = await receive(hang)
    await add(datasource, receiver, "run.finished")
    await run(datasource, "r1", "a")
    await until(lambda: receiver.got_all(2), seconds=SLOW)
    assert len(set(receiver.ids)) == 1


async def test_a_receiver_that_is_gone_gets_nothing_more_until_its_letters_are_retried(
    sending: Any, receive: Any, until: Until
) -> None:
    datasource = await sending()
    receiver = await receive(410)
    hook = await add(datasource, receiver, "run.finished")
    await run(datasource, "r1", "a")

    async def is_disabled() -> bool:
        (shown,) = await datasource.client.webhooks.all()
        return shown.disabled is not None and shown.dead == 1

    await until(is_disabled, seconds=SLOW)
    await run(datasource, "r2", "a", **later(2))

    async def is_noted() -> bool:
        last = (await datasource.client.state("x")).last
        return last is not None and last.run == "r2"

    await until(is_noted, seconds=SLOW)
    assert await datasource.client.webhooks.retry(hook.id) == 1
    await until(lambda: receiver.got_all(2), seconds=SLOW)
    await run(datasource, "r3", "a", **later(3))
    await until(lambda: receiver.got_all(3), seconds=SLOW)
    assert [each["data"]["run"] for each in receiver.told()] == ["r1", "r1", "r3"]


async def test_dead_letters_are_listed_and_sent_again(sending: Any, receive: Any, until: Until) -> None:
    datasource = await sending(give_up=0.001)
    receiver = await receive(500, 503)
    hook = await add(datasource, receiver, "run.finished", "run.failed", configuration="x")
    await run(datasource, "r1", "a")
    await run(datasource, "r2", **FAILED, **later(2))

    async def letters() -> Any:
        found = await datasource.client.webhooks.dead(hook.id)
        return found if len(found) == 2 else None

    first, second = await until(letters, seconds=SLOW)
    assert (first.event, first.tries, first.error) == ("run.finished", 1, "status 500")
    assert (second.event, second.configuration, second.error) == ("run.failed", "x", "status 503")
    assert await datasource.client.webhooks.retry(hook.id, [second.id]) == 1
    await until(lambda: receiver.got_all(3), seconds=SLOW)
    assert receiver.ids == [first.id, second.id, second.id]
    with pytest.raises(NotFound, match="dead letter"):
        await datasource.client.webhooks.retry(hook.id, ["msg_of_nobody"])


async def test_an_address_that_is_not_allowed_is_never_connected_to(
    sending: Any, receive: Any, until: Until
) -> None:
    earlier, receiver = await sending(), await receive()
    hook = await add(earlier, receiver, "run.finished")
    await earlier.kill()
    datasource = await sending(allow=())
    await run(datasource, "r1", "a")

    async def letters() -> Any:
        return await datasource.client.webhooks.dead(hook.id)

    (letter,) = await until(letters, seconds=SLOW)
    assert letter.error.startswith("refused-address: 127.0.0.1 is loopback")
    assert not receiver.got


async def test_a_webhook_at_an_address_that_is_not_allowed_is_refused_at_once(sending: Any) -> None:
    datasource = await sending(allow=())
    with pytest.raises(Invalid) as refused:
        await datasource.client.webhooks.add({"url": "http://localhost:8080/hook"})
    (field,) = refused.value.fields
    assert (field.field, "127.0.0.1 is loopback" in field.problem) == ("url", True)
    assert "SCRAPR_WEBHOOK_ALLOW" in str(field.allowed)
    assert not await datasource.client.webhooks.all()


async def test_a_removed_webhook_is_told_nothing(sending: Any, receive: Any, until: Until) -> None:
    datasource = await sending()
    removed, kept = await receive(), await receive()
    hook = await add(datasource, removed, "run.finished")
    await add(datasource, kept, "run.finished")
    await datasource.client.webhooks.remove(hook.id)
    await run(datasource, "r1", "a")
    await until(lambda: kept.got_all(1), seconds=SLOW)
    assert not removed.got
    with pytest.raises(NotFound):
        await datasource.client.webhooks.dead(hook.id)


async def test_several_replicas_send_each_delivery_once(sending: Any, receive: Any, until: Until) -> None:
    first, second = await sending(), await sending()
    receiver = await receive()
    await add(first, receiver)
    for number in range(12):
        await run(first if number % 2 else second, f"r{number:02}", f"title {number}", **later(number))
    await until(first.reduced)

    async def all_told() -> bool:
        runs = [each["data"]["run"] for each in receiver.told("run.finished")]
        changes = receiver.told("items.changed")
        newest = (await first.client.collections())[0].version
        return len(runs) >= 12 and bool(changes) and changes[-1]["data"]["version"] == newest

    await until(all_told, seconds=SLOW)
    assert len(receiver.ids) == len(set(receiver.ids))
    assert len(receiver.told("run.finished")) == 12
    versions = [each["data"]["version"] for each in receiver.told("items.changed")]
    assert versions == sorted(set(versions))


async def test_what_a_killed_replica_was_sending_is_sent_by_the_next(
    sending: Any, receive: Any, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "LEASE", 0.1)
    first = await sending(timeout=0.5)
    receiver = await receive(hang)
    await add(first, receiver, "run.finished", "state.changed")
    await run(first, "r1", "a")
    await until(lambda: receiver.got_all(1), seconds=SLOW)
    await first.kill()
    await sending()
    await until(lambda: receiver.got_all(3), seconds=SLOW)
    assert [each["type"] for each in receiver.told()] == ["run.finished", "run.finished", "state.changed"]
    assert receiver.ids[0] == receiver.ids[1]


async def test_a_secret_is_shown_once_if_it_was_made_and_never_otherwise(sending: Any, receive: Any) -> None:
    datasource = await sending()
    receiver = await receive()
    given = await add(datasource, receiver)
    made = await datasource.client.webhooks.add({"url": receiver.url})
    assert given.secret is None
    assert made.secret is not None
    assert Signature(made.secret).sign("msg_1", now(), "{}").startswith("v1,")
    _, shown = await datasource.ask("GET", "/v1/webhooks")
    _, one = await datasource.ask("GET", f"/v1/webhooks/{made.id}")
    for text in (str(shown), str(one)):
        assert "whsec_" not in text
        assert "of-the-service" not in text
    assert one["url"].endswith("/…")


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        ({"url": "ftp://127.0.0.1/"}, "url"),
        ({"url": " http://127.0.0.1/ "}, "url"),
        ({"url": "http://127.0.0.1/\x00x"}, "url"),
        ({"url": "http://user:word@127.0.0.1/"}, "url"),
        ({"url": "http://127.0.0.1/", "events": ["run.started"]}, "events[0]"),
        ({"url": "http://127.0.0.1/", "events": []}, "events"),
        ({"url": "http://127.0.0.1/", "secret": "hunter2"}, "secret"),
        ({"url": "http://127.0.0.1/", "secret": "whsec_c2hvcnQ="}, "secret"),
        ({"url": "http://127.0.0.1/", "collection": "c", "configuration": "x"}, "configuration"),
        ({"url": "http://127.0.0.1/", "events": ["items.changed"], "configuration": "x"}, "events"),
        ({"events": ["run.failed"]}, "url"),
    ],
)
async def test_a_wrong_webhook_is_refused_by_its_field(sending: Any, draft: Any, field: str) -> None:
    datasource = await sending()
    with pytest.raises(Invalid) as refused:
        await datasource.client.webhooks.add(draft)
    assert refused.value.fields[0].field == field
    assert "hunter2" not in str(refused.value)


async def test_there_may_be_too_many(sending: Any, receive: Any) -> None:
    datasource = await sending(most=1)
    receiver = await receive()
    await add(datasource, receiver)
    status, problem = await datasource.ask("POST", "/v1/webhooks", json={"url": receiver.url})
    assert (status, "webhook.most" in problem["detail"]) == (409, True)
