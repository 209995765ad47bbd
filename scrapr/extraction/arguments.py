"""The arguments of a filter, checked: how many, of what type, and where a wrong one stands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar, overload

from scrapr.extraction.language import Call
from scrapr.extraction.syntax import SyntaxProblem

T = TypeVar("T")

_INTEGER = re.compile(r"[+-]?\d{1,9}", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,15}(?:\.\d{1,15})?", re.ASCII)


class Arguments:
    """What stands after a filter's colon. All methods raise `SyntaxProblem`."""

    def __init__(self, call: Call):
        self._call = call

    @property
    def count(self) -> int:
        return len(self._call.arguments)

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(each.text for each in self._call.arguments)

    def expect(self, least: int, most: int | None = None) -> None:
        """Refuse fewer than `least` or more than `most` arguments; exactly `least` if there is no `most`."""
        most = least if most is None else most
        if least <= self.count <= most:
            return
        allowed = f"{least}" if least == most else f"{least} to {most}"
        at = self._call.arguments[most].position if self.count > most else self._call.position
        raise SyntaxProblem(
            at, f"{self._call.name} has {self.count} arguments", f"{allowed}, separated by spaces"
        )

    def problem(self, at: int, problem: str, allowed: str | None = None) -> SyntaxProblem:
        """What to raise about argument number `at`."""
        argument = self._call.arguments[at]
        return SyntaxProblem(argument.position, f"{argument.text!r} {problem}", allowed)

    @overload
    def text(self, at: int) -> str: ...
    @overload
    def text(self, at: int, default: T) -> str | T: ...
    def text(self, at: int, default: Any = None) -> Any:
        return self._call.arguments[at].text if at < self.count else default

    def integer(self, at: int) -> int:
        if not _INTEGER.fullmatch(self.text(at)):
            raise self.problem(at, "is no whole number")
        return int(self.text(at))

    def number(self, at: int) -> int | float:
        if not _NUMBER.fullmatch(self.text(at)):
            raise self.problem(at, "is no number", "as 12 or 12.5")
        return float(self.text(at)) if "." in self.text(at) else int(self.text(at))

    def choice(self, at: int, choices: Mapping[str, T]) -> T:
        if self.text(at) not in choices:
            raise self.problem(at, "is unknown", ", ".join(choices))
        return choices[self.text(at)]
