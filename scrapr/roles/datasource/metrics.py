"""The datasource's numbers."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

BATCHES = Counter("scrapr_datasource_batches_total", "Batches and run ends received", ["outcome"])
ITEMS = Counter("scrapr_datasource_items_total", "Items received in new batches")
UNKEYED = Counter("scrapr_datasource_unkeyed_total", "Items without a key, kept aside")
QUARANTINED = Counter("scrapr_datasource_quarantined_total", "Items that break a rule, kept aside")
CHANGES = Counter("scrapr_datasource_changes_total", "Changes of records", ["op"])
REDUCED = Counter("scrapr_datasource_reduced_total", "Batches and run ends reduced")
REDUCTION = Histogram(
    "scrapr_datasource_reduction_seconds",
    "Time from gathering batches to their commit",
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
LAG = Histogram(
    "scrapr_datasource_lag_seconds",
    "Time from the arrival of a batch to the commit of its changes",
    buckets=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 60),
)
RUNS = Counter(
    "scrapr_datasource_runs_total", "Runs that ended, by how they compare with those before", ["state"]
)
CONFIGURATIONS = Gauge(
    "scrapr_datasource_configurations",
    "Configurations by state; each replica counts all of them, so take the greatest, not the sum",
    ["state"],
)
STATE_CHANGES = Counter(
    "scrapr_datasource_state_changes_total", "Configurations whose state changed, by the new state", ["state"]
)
OUTRUN = Counter("scrapr_datasource_outrun_total", "Reductions that another replica was faster with")
SPOILED = Counter("scrapr_datasource_spoiled_total", "Batches set aside because they cannot be reduced")
DEPTH = Gauge("scrapr_datasource_inbox_depth", "Batches that waited when last counted, up to the limit")
ROOM = Gauge("scrapr_datasource_room_bytes", "Room that MongoDB's disk had when last looked at")
ANNOUNCED = Counter("scrapr_datasource_announced_total", "Changes announced to joined clients")
