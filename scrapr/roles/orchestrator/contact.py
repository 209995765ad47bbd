"""Whether a peer answers, told once when that changes."""

from __future__ import annotations

import structlog

from scrapr.runtime import backoff

log = structlog.get_logger()


class Contact:
    """The orchestrator's line to config, or to the fleet. `state` is `ok`, or why there is no answer."""

    def __init__(self, peer: str) -> None:
        self._peer = peer
        self._failures = 0
        self.state = "not asked yet"

    def lose(self, reason: str) -> float:
        """Note a failure; gives the seconds to wait before the next try."""
        self._failures += 1
        self.state = reason
        if self._failures == 1:
            log.warning("contact lost, going on with what is known", peer=self._peer, reason=reason)
        return backoff.delay(self._failures)

    def keep(self) -> None:
        """Note an answer."""
        if self._failures:
            log.info("contact recovered", peer=self._peer, failures=self._failures)
        self._failures = 0
        self.state = "ok"
