"""The orchestrator's numbers."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

WANTED = Gauge("scrapr_orchestrator_wanted_replicas", "Replicas that should run, by pool", ["pool"])
RUNNING = Gauge("scrapr_orchestrator_running_replicas", "Replicas that run, by pool", ["pool"])
ACTIONS = Counter(
    "scrapr_orchestrator_actions_total", "Replicas started and stopped, by pool", ["pool", "action"]
)
REPLACEMENTS = Counter(
    "scrapr_orchestrator_replacements_total", "Replicas started in place of one that died, by pool", ["pool"]
)
FAILURES = Counter(
    "scrapr_orchestrator_failures_total",
    "Starts and stops that the fleet did not carry out, by pool",
    ["pool"],
)
RECONCILE = Histogram(
    "scrapr_orchestrator_reconcile_seconds", "Time to compare what runs with what should, and to act on it"
)
