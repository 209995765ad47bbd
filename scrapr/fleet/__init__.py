"""Where replicas run: one seam, `Fleet`, and its implementations (local processes)."""
