"""The orchestration engine: keeps pools at the replicas that their configurations need."""
