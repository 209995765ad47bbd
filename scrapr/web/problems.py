"""Every error leaves as `application/problem+json` (RFC 9457)."""

from __future__ import annotations

import math

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from scrapr.model import problem
from scrapr.model.errors import ScraprError, Unauthorized, Unavailable

log = structlog.get_logger()


@web.middleware
async def answer_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn errors into problems: ours as they are, aiohttp's by their status, all others into a logged 500."""
    try:
        return await handler(request)
    except ScraprError as error:
        if error.public != error.detail:
            log.warning("unavailable", method=request.method, path=request.path, reason=error.detail)
        return respond(error)
    except web.HTTPRequestEntityTooLarge as error:
        allowed = request.app[LIMIT]
        return tell(413, "The request is larger than allowed", f"allowed: {allowed} bytes; {error.text}")
    except web.HTTPMethodNotAllowed as error:
        answer = tell(405, error.reason, f"allowed: {', '.join(sorted(error.allowed_methods))}")
        answer.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
        return answer
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return tell(error.status, error.reason, f"{request.method} {request.path}")
    except Exception:
        log.exception("failed", method=request.method, path=request.path)
        return tell(500, "Something went wrong", IN_THE_LOG)


LIMIT = web.AppKey("limit", int)
IN_THE_LOG = "The reason is in the log of this role."


def respond(error: ScraprError) -> web.Response:
    """The answer that tells of `error`; an unavailable world may be asked again after a second or so."""
    told = problem.describe(error)
    answer = web.Response(
        body=told.model_dump_json(exclude_none=True).encode(),
        status=told.status,
        content_type=problem.MEDIA_TYPE,
    )
    wait = (
        error.retry_after if error.retry_after is not None else 1 if isinstance(error, Unavailable) else None
    )
    if wait is not None:
        answer.headers["Retry-After"] = str(math.ceil(wait))
    if isinstance(error, Unauthorized):
        answer.headers["WWW-Authenticate"] = error.challenge
    return answer


def tell(status: int, title: str, detail: str) -> web.Response:
    """The answer that tells of what is no error of ours."""
    told = problem.Problem(title=title, status=status, detail=detail)
    body = told.model_dump_json(exclude_none=True).encode()
    return web.Response(body=body, status=status, content_type=problem.MEDIA_TYPE)
