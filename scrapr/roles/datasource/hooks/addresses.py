"""What a webhook's URL says already about where it leads, before anything is sent there. Pure.

A name is judged when it is resolved, at each connection; an address that is spelled out, and a name that is this
machine's (RFC 6761, section 6.3), can be refused as soon as the webhook is added.
"""

from __future__ import annotations

from ipaddress import ip_address

from scrapr.fetching import guard
from scrapr.fetching.errors import FetchRefused
from scrapr.fetching.target import parse_target
from scrapr.model.errors import FieldError, Invalid
from scrapr.roles.datasource.hooks.settings import WebhookSettings

ALLOWED = "a public address, or one in a network of SCRAPR_WEBHOOK_ALLOW; at a port of SCRAPR_WEBHOOK_PORTS"
LOOPBACK = ("127.0.0.1", "::1")


def check(url: str, settings: WebhookSettings) -> None:
    """Return if deliveries to `url` may leave, as far as can be told. Raises `Invalid`."""
    try:
        target = parse_target(url)
    except FetchRefused as refused:
        raise Invalid(
            FieldError(field="url", problem=f"cannot be posted to: {refused.detail}", allowed=ALLOWED)
        ) from refused
    refusals = [
        guard.judge(address, target.port or 0, allow=settings.allow, ports=settings.ports)
        for address in _addresses(target.host or "")
    ]
    if refusals and all(refusals) and (first := refusals[0]) is not None:
        raise Invalid(FieldError(field="url", problem=f"leads where {first.why}", allowed=ALLOWED))


def _addresses(host: str) -> tuple[str, ...]:
    """The addresses that `host` is, whatever a resolver says; none for an ordinary name."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return LOOPBACK
    try:
        return (str(ip_address(host)),)
    except ValueError:
        return ()
