"""A reader of small languages that knows its place, and the error that tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import re


class SyntaxProblem(Exception):
    """A selector string is wrong at `position`, an offset into that string."""

    def __init__(self, position: int, problem: str, allowed: str | None = None):
        super().__init__(problem)
        self.position = position
        self.problem = problem
        self.allowed = allowed


class Reader:
    """Reads `text` from `at`, forward only."""

    __slots__ = ("at", "text")

    def __init__(self, text: str, at: int = 0):
        self.text = text
        self.at = at

    @property
    def done(self) -> bool:
        return self.at >= len(self.text)

    def peek(self) -> str:
        """The next character, or an empty string at the end."""
        return self.text[self.at : self.at + 1]

    def take(self, expected: str) -> bool:
        """Pass over `expected` if it is next."""
        if self.text.startswith(expected, self.at):
            self.at += len(expected)
            return True
        return False

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Pass over what `pattern` matches here, if it does."""
        found = pattern.match(self.text, self.at)
        if found is not None:
            self.at = found.end()
        return found

    def problem(self, problem: str, allowed: str | None = None, *, at: int | None = None) -> SyntaxProblem:
        return SyntaxProblem(self.at if at is None else at, problem, allowed)
