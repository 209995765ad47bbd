"""What a webhook's URL says already about where it leads."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from scrapr.model.errors import Invalid
from scrapr.roles.datasource.hooks.addresses import check
from scrapr.roles.datasource.hooks.settings import WebhookSettings

CAREFUL = WebhookSettings()


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/hook",
        "http://2130706433/hook",
        "http://0x7f.1/hook",
        "http://[::1]/hook",
        "http://[::ffff:10.0.0.1]/hook",
        "http://10.1.2.3:8080/hook",
        "http://169.254.169.254/",
        "http://localhost/hook",
        "http://LOCALHOST./hook",
        "http://app.localhost/hook",
        "http://8.8.8.8:22/hook",
        "http://1.2.3.4.5/hook",
    ],
)
def test_an_address_that_nothing_would_be_sent_to_is_refused_at_once(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        check(url, CAREFUL)
    (field,) = refused.value.fields
    assert field.field == "url"
    assert "SCRAPR_WEBHOOK_ALLOW" in str(field.allowed)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/hook",
        "http://8.8.8.8/hook",
        "https://[2606:4700::1111]:8443/hook",
        "http://receiver.internal:9000/hook",
        "http://localhost.example.org/hook",
    ],
)
def test_a_public_address_is_taken_and_a_name_is_judged_when_it_is_resolved(url: str) -> None:
    check(url, CAREFUL)


def test_an_address_in_an_allowed_network_is_taken_at_any_port() -> None:
    allowing = WebhookSettings(allow=(ip_network("127.0.0.0/8"),))
    check("http://127.0.0.1:4711/hook", allowing)
    check("http://localhost:4711/hook", allowing)
    with pytest.raises(Invalid):
        check("http://10.0.0.1:4711/hook", allowing)
