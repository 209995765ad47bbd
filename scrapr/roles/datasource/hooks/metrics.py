"""The webhooks' numbers."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

DELIVERIES = Counter(
    "scrapr_datasource_webhook_deliveries_total",
    "Tries to deliver to webhooks: delivered, again (to be tried once more), dead",
    ["outcome"],
)
EVENTS = Counter("scrapr_datasource_webhook_events_total", "Deliveries that events gave", ["event"])
SECONDS = Histogram("scrapr_datasource_webhook_seconds", "Time until a receiver answered, or did not")
SENDING = Gauge("scrapr_datasource_webhook_sending", "Tries under way")
