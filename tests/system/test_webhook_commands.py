"""Commands on webhooks, with a receiver that a user may have."""

from __future__ import annotations

import http.server
import json
from collections.abc import Iterator
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.system.conftest import Site, serving
from tests.system.machine import Machine, wait_for

PAGE = "<ul><li><a href='/1'>one</a></li></ul>"


class Receiver(http.server.BaseHTTPRequestHandler):
    """Keeps what is posted to it; answers with the next of `answers`, then with 204."""

    told: list[tuple[dict[str, str], bytes]]
    answers: list[int]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.told.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(self.answers.pop(0) if self.answers else 204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[tuple[str, type[Receiver]]]:
    """A receiver on loopback that is gone at first, and where it is."""
    kept = type("Kept", (Receiver,), {"told": [], "answers": [410]})
    with serving(kept) as url:
        yield url, kept


def test_a_webhook_is_added_told_given_up_tried_again_and_removed(
    machine: Machine, site: Site, receiver: tuple[str, type[Receiver]]
) -> None:
    url, kept = receiver
    added = machine.scrapr("webhooks", "add", url, "--event", "run.finished", "--collection", "hooked")
    assert added.returncode == 0, added.stderr
    identity, secret = added.stdout.split()

    scraper = {"source": site("/", PAGE), "scope": "li", "selector": [{"title": "a"}]}
    draft = {"type": "scraper", "collection": "hooked", "scraper": scraper, "ttl": 86_400}
    machine.post("config", "/v1/configurations", draft)
    wait_for(lambda: "410" in machine.scrapr("webhooks", "dead", identity).stdout, 60)
    [delivery] = machine.scrapr("webhooks", "dead", identity).stdout.splitlines()[1:]
    assert identity in machine.scrapr("webhooks", "ls").stdout

    again = machine.scrapr("webhooks", "retry", identity, delivery.split()[0])
    assert again.stdout.strip() == "1 to be sent again"
    wait_for(lambda: len(kept.told) == 2, 60)
    headers, body = kept.told[1]
    assert Webhook(secret).verify(body, headers) == json.loads(body)
    assert json.loads(body)["data"]["collection"] == "hooked"

    assert machine.scrapr("webhooks", "rm", identity).returncode == 0
    assert identity not in machine.scrapr("webhooks", "ls").stdout
    refused = machine.scrapr("webhooks", "rm", identity)
    assert (refused.returncode, identity in refused.stderr) == (2, True)


def test_a_webhook_for_an_event_that_is_none_is_refused_with_those_there_are(machine: Machine) -> None:
    refused = machine.scrapr("webhooks", "add", "https://example.org/hook", "--event", "run.begun")
    assert refused.returncode == 2
    assert "run.finished" in refused.stderr
