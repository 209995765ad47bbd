"""A circuit breaker: a peer that failed several times in a row is left alone for a while, then asked once.

Pure but for its state: the time is a parameter, in seconds of any clock that only goes forward. Source of the pattern:
Michael Nygard, "Release It!", 2nd edition, chapter 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

DOUBT = 10.0
"""Seconds after a failure for which another peer, if there is one, had better be called."""


class Circuit(IntEnum):
    """Whether calls pass. The numbers are those of the metric."""

    CLOSED = 0
    """All do."""
    HALF_OPEN = 1
    """One does, to find out."""
    OPEN = 2
    """None does."""


@dataclass(frozen=True, slots=True)
class Pass:
    """The right to make one call; `probe` is that of the one which finds out."""

    probe: int = 0


class Breaker:
    """The circuit to one peer.

    Each call asks for a `Pass` and tells with it how it ended. What is told late, of a call that began before the
    circuit opened, does not close it, for that call found out nothing new.
    """

    def __init__(self, *, failures: int, rest: float) -> None:
        """Open after `failures` in a row, for `rest` seconds; so long may a probe take, too."""
        self._most = failures
        self._rest = rest
        self._failures = 0
        self._failed_at = float("-inf")
        self._open_until = 0.0
        self._probe = 0
        self.circuit = Circuit.CLOSED

    def admit(self, now: float) -> Pass | None:
        """A pass for one call; None where the peer is to be left alone."""
        if self.circuit is Circuit.CLOSED:
            return Pass()
        if now < self._open_until:
            return None
        # A probe that was never told of, as its caller was cancelled, makes room for another after as long a rest.
        self.circuit = Circuit.HALF_OPEN
        self._open_until = now + self._rest
        self._probe += 1
        return Pass(self._probe)

    def wait(self, now: float) -> float:
        """Seconds until a call may pass."""
        return 0.0 if self.circuit is Circuit.CLOSED else max(0.0, self._open_until - now)

    def is_doubtful(self, now: float) -> bool:
        """Whether the last call that ended failed, a short while ago."""
        return now - self._failed_at < DOUBT

    def succeed(self, which: Pass) -> bool:
        """Note an answer; whether that closed the circuit."""
        was_closed = self.circuit is Circuit.CLOSED
        if not was_closed and (not which.probe or which.probe != self._probe):
            return False
        self.circuit, self._failures, self._failed_at = Circuit.CLOSED, 0, float("-inf")
        return not was_closed

    def fail(self, which: Pass, now: float) -> bool:
        """Note a failure; whether that opened the circuit, which was closed."""
        self._failed_at = now
        if self.circuit is Circuit.CLOSED:
            self._failures += not which.probe
            if which.probe or self._failures < self._most:
                return False
            self.circuit, self._open_until = Circuit.OPEN, now + self._rest
            return True
        if which.probe and which.probe == self._probe:
            self.circuit, self._open_until = Circuit.OPEN, now + self._rest
        return False
