"""What config counts."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

TAKEN = Counter("scrapr_config_claims_taken_total", "Free configurations that a replica claimed")
RENEWED = Counter("scrapr_config_claims_renewed_total", "Claims whose lease was extended")
RELEASED = Counter("scrapr_config_claims_released_total", "Claims that their replica gave back")
LOST = Counter("scrapr_config_claims_lost_total", "Claims whose lease ended before it was renewed")
CONFIGURATIONS = Gauge(
    "scrapr_config_configurations",
    "Configurations by type and by whether a replica holds them",
    ["type", "claimed"],
)
HINTS = Counter("scrapr_config_hints_total", "Changes told to rooms, by what happened", ["op"])
