"""A client's connection, on which even what aiohttp itself refuses is answered with a problem."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_request import BaseRequest

from scrapr.model.errors import Malformed
from scrapr.web import problems


class Connection(web.RequestHandler):
    """Reads requests and hands them to `server`."""

    __slots__ = ()

    def __init__(self, server: web.Server) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(server, loop=loop, access_log=None)  # type: ignore[arg-type]  # None is none, as in AppRunner

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to a request that came to no route."""
        if isinstance(exc, HttpProcessingError):  # not logged: any visitor could fill the log
            answer = problems.respond(Malformed(_first_line(exc.message)))
        else:
            super().handle_error(request, status, exc, message)  # which logs it
            answer = problems.tell(status, HTTPStatus(status).phrase, problems.IN_THE_LOG)
        answer.force_close()
        return answer


def _first_line(message: str) -> str:
    """What is wrong, without aiohttp's drawing of where."""
    return message.strip().partition("\n")[0].rstrip(" :")
