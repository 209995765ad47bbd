"""Errors as RFC 9457 problems, and back: what one role refuses, another can name."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from scrapr.model import errors
from scrapr.model.errors import FieldError, ScraprError

MEDIA_TYPE = "application/problem+json"
_KINDS: dict[str, type[ScraprError]] = {
    kind.__name__: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, ScraprError)
}


class Problem(BaseModel):
    """An `application/problem+json` body (RFC 9457). `type` is a URN that ends in the error's class."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    detail: str | None = None
    errors: tuple[FieldError, ...] = ()
    """Every wrong field."""


def describe(error: ScraprError) -> Problem:
    """The problem that tells of `error`."""
    kind = next(kind for kind in type(error).__mro__ if kind.__name__ in _KINDS)
    return Problem(
        type=f"urn:scrapr:{kind.__name__}",
        title=error.title(),
        status=error.status,
        detail=error.public,
        errors=error.fields,
    )


def revive(status: int, body: Any, *, retry_after: float | None = None) -> ScraprError:
    """The error that a peer's answer tells of; an answer that is no problem is judged by its status alone."""
    try:
        problem = Problem.model_validate(body)
    except ValueError:
        problem = Problem(
            title="The peer answered without a problem",
            status=status,
            detail=f"The answer is none of scrapr's: status {status}",
        )
    kind = _KINDS.get(problem.type.rpartition(":")[2]) or _kind_of(status)
    error = ScraprError.__new__(kind)
    detail = problem.detail or problem.title
    # Past the constructors of the kinds: each has its own, and what they would compute is in the problem.
    ScraprError.__init__(error, detail, fields=problem.errors, retry_after=retry_after)
    return error


def _kind_of(status: int) -> type[ScraprError]:
    if status >= 500 or status == 408:
        return errors.Unavailable
    return next((kind for kind in _KINDS.values() if kind.status == status), errors.Refused)
