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
