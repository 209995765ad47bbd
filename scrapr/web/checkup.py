"""Whether the public entry answers with a certificate that clients accept, and for how long."""

from __future__ import annotations

import asyncio
import ssl
import time
from pathlib import Path

from yarl import URL

from scrapr.model.finding import Finding, bad, good, warning

PATIENCE = 10.0
DAY = 86400.0


async def examine_entry(entry: URL, authority: Path | None) -> list[Finding]:
    """The certificate at `entry`; `authority` is the PEM file of who signed it, where that is nobody known."""
    try:
        context = ssl.create_default_context(cafile=str(authority) if authority else None)
        async with asyncio.timeout(PATIENCE):
            _, writer = await asyncio.open_connection(entry.host, entry.port, ssl=context)
        shown = writer.get_extra_info("peercert")
        writer.close()
    except (OSError, TimeoutError) as error:
        advice = (
            "is NGINX running on that node, and tls_certificate in force? (docs/operations.md, certificates)"
        )
        return [bad("certificate", f"{entry}: {str(error) or 'no answer'}", advice)]
    return [judge_certificate(ssl.cert_time_to_seconds(shown["notAfter"]) - time.time())]


def judge_certificate(left: float) -> Finding:
    """`left`: seconds for which it is valid."""
    told = f"valid for {left / DAY:.0f} days"
    return good("certificate", told) if left > 21 * DAY else warning("certificate", told, "renew it now")
