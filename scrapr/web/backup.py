"""Routes by which a role's whole database leaves and comes back; they ask for the token, as writes do."""

from __future__ import annotations

import structlog
from aiohttp import web

from scrapr.model.backup import Parts
from scrapr.model.errors import ScraprError
from scrapr.storage.archive import Archive
from scrapr.web.call import Call
from scrapr.web.routes import Route

log = structlog.get_logger()


def routes(archive: Archive) -> tuple[Route, ...]:
    """Backup and restore. The first is a POST though it changes nothing: whoever may not write need not have it all."""

    async def backup(call: Call) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "application/octet-stream"})
        await answer.prepare(call.request)
        try:
            async for piece in archive.dump():
                await answer.write(piece)
        except (ScraprError, ConnectionError) as error:
            # The answer has begun: that it breaks off before its end is how the caller learns of it, if still there.
            log.error("backup broken off", reason=str(error))
            if call.request.transport is not None:
                call.request.transport.close()
            return answer
        await answer.write_eof()
        return answer

    async def restore(call: Call) -> Parts:
        parts = await archive.load(call.request.content.iter_chunked(2**20))
        restored = {name: part.documents for name, part in parts.parts.items()}
        if any(restored.values()):  # else it was only to see whether it would be
            log.info("restored", **restored)
        return parts

    return (
        Route("POST", "/backup", backup, "All that the role keeps, as of one moment, as a stream"),
        Route(
            "POST",
            "/restore",
            restore,
            "Put back a backup's stream where there is nothing yet, and check what came of it",
            answer=Parts,
            refusals=(409,),
        ),
    )
