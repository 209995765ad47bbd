"""A peer that fails several times in a row is left alone for a while, and then asked once."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from scrapr.runtime.breaker import DOUBT, Breaker, Circuit, Pass

REST = 10.0


def opened() -> Breaker:
    breaker = Breaker(failures=3, rest=REST)
    assert [breaker.fail(Pass(), 0.0) for _ in range(3)] == [False, False, True]
    return breaker


def test_failures_in_a_row_open_the_circuit_and_others_do_not() -> None:
    breaker = Breaker(failures=3, rest=REST)
    for _ in range(5):
        breaker.fail(Pass(), 0.0)
        breaker.fail(Pass(), 0.0)
        breaker.succeed(Pass())
    assert breaker.circuit is Circuit.CLOSED
    assert opened().circuit is Circuit.OPEN


def test_who_failed_is_doubted_for_a_while_or_until_it_answers() -> None:
    breaker = Breaker(failures=3, rest=REST)
    assert not breaker.is_doubtful(0.0)
    breaker.fail(Pass(), 0.0)
    assert breaker.is_doubtful(DOUBT - 0.1)
    assert not breaker.is_doubtful(DOUBT)
    breaker.fail(Pass(), 20.0)
    breaker.succeed(Pass())
    assert not breaker.is_doubtful(20.0)


def test_an_open_circuit_lets_nobody_pass_until_its_rest_is_over() -> None:
    breaker = opened()
    assert breaker.admit(9.9) is None
    assert breaker.wait(4.0) == 6.0
    assert breaker.admit(10.0) is not None


def test_one_probe_passes_and_its_answer_closes_the_circuit() -> None:
    breaker = opened()
    probe = breaker.admit(10.0)
    assert probe is not None
    assert breaker.admit(10.1) is None
    assert breaker.circuit.name == "HALF_OPEN"
    assert breaker.succeed(probe)
    assert breaker.circuit.name == "CLOSED"
    assert breaker.admit(10.2) == Pass()


def test_a_probe_that_fails_opens_it_again_without_being_news() -> None:
    breaker = opened()
    probe = breaker.admit(10.0)
    assert probe is not None
    assert not breaker.fail(probe, 15.0)
    assert (breaker.circuit, breaker.wait(15.0)) == (Circuit.OPEN, REST)


def test_what_a_call_from_before_tells_late_changes_nothing() -> None:
    breaker = opened()
    assert not breaker.succeed(Pass())
    assert not breaker.fail(Pass(), 9.0)
    assert (breaker.circuit, breaker.wait(9.0)) == (Circuit.OPEN, 1.0)


def test_a_probe_that_is_never_told_of_makes_room_for_another() -> None:
    breaker = opened()
    lost = breaker.admit(10.0)
    assert lost is not None
    second = breaker.admit(20.0)
    assert second is not None
    assert not breaker.succeed(lost)
    assert breaker.succeed(second)


class Calls(RuleBasedStateMachine):
    """Calls begin and end in any order, at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker(failures=3, rest=REST)
        self.now = 0.0
        self.under_way: list[Pass] = []
        self.failures = 0

    @rule(seconds=st.floats(0, 15))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def begin(self) -> None:
        before, wait = self.breaker.circuit, self.breaker.wait(self.now)
        given = self.breaker.admit(self.now)
        assert (given is not None) == (wait == 0.0)
        if given is not None:
            assert bool(given.probe) == (before is not Circuit.CLOSED)
            self.under_way.append(given)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), good=st.booleans())
    def end(self, data: st.DataObject, good: bool) -> None:
        which = self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))
        before = self.breaker.circuit
        if good:
            assert self.breaker.succeed(which) == (
                before is not Circuit.CLOSED and self.breaker.circuit is Circuit.CLOSED
            )
        else:
            assert self.breaker.fail(which, self.now) == (
                before is Circuit.CLOSED and self.breaker.circuit is Circuit.OPEN
            )

    @invariant()
    def nobody_is_left_out_for_longer_than_a_rest(self) -> None:
        assert 0.0 <= self.breaker.wait(self.now) <= REST + 1e-6


TestCalls = Calls.TestCase
TestCalls.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)
