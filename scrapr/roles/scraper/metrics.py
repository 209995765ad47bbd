"""The scraper's numbers."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

SPANS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000)

RUNS = Counter("scrapr_scraper_runs_total", "Runs that ended, by outcome", ["outcome"])
PAGES = Counter("scrapr_scraper_pages_total", "Pages fetched and extracted")
UNCHANGED = Counter("scrapr_scraper_unchanged_pages_total", "Pages that did not change since they were read")
ISOLATED = Counter(
    "scrapr_scraper_isolated_pages_total", "Suspicious pages, read by a process of their own", ["outcome"]
)
ITEMS = Counter("scrapr_scraper_items_total", "Items handed to the datasource")
BYTES = Counter("scrapr_scraper_bytes_total", "Bytes of pages on the wire")
SECONDS = Histogram("scrapr_scraper_run_seconds", "Time from the start of a run to its end", buckets=SPANS)
LAG = Histogram("scrapr_scraper_lag_seconds", "How much later than its ttl asks a run starts", buckets=SPANS)
HELD = Gauge("scrapr_scraper_configurations", "Configurations that this process holds")
UNDER_WAY = Gauge("scrapr_scraper_runs_under_way", "Runs at the moment")
DELAYED = Counter(
    "scrapr_scraper_delayed_sends_total", "Sends that the datasource did not take at the first try"
)
