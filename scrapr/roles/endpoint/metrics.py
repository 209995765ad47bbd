"""The endpoint's numbers."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

COLLECTIONS = Gauge("scrapr_endpoint_collections", "Collections that this process serves")
APPLIED = Counter("scrapr_endpoint_changes_applied_total", "Changes applied to the mirror", ["how"])
LAG = Histogram(
    "scrapr_endpoint_change_lag_seconds",
    "Time from a change to its being visible here",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300),
)
LOADS = Counter("scrapr_endpoint_loads_total", "Whole copies loaded", ["source"])
LOST = Gauge("scrapr_endpoint_collections_lost", "Collections for which the datasource does not answer")
MADE = Counter("scrapr_endpoint_answers_made_total", "Answers that were not ready and had to be made")
INDEXED = Counter("scrapr_endpoint_indexes_made_total", "Indexes made because queries lacked them")
FORWARDED = Counter("scrapr_endpoint_forwarded_total", "Requests answered by a peer", ["outcome"])
KEPT = Counter("scrapr_endpoint_copies_kept_total", "Writes of last good copies to Redis", ["outcome"])
PUSH_CLIENTS = Gauge(
    "scrapr_endpoint_push_clients", "Connections of clients that are told of changes", ["kind"]
)
PUSH_EVENTS = Counter("scrapr_endpoint_push_events_total", "Changes told to clients", ["kind"])
PUSH_REPLAYED = Counter(
    "scrapr_endpoint_push_replayed_total", "Changes asked of the datasource because clients had missed them"
)
PUSH_RESETS = Counter("scrapr_endpoint_push_resets_total", "Clients told to reload a collection")
PUSH_CUT = Counter("scrapr_endpoint_push_cut_total", "Clients cut off because they were too slow", ["reason"])
PUSH_REFUSED = Counter(
    "scrapr_endpoint_push_refused_total", "Connections refused because there were too many"
)
