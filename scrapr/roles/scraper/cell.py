"""The process in which suspicious pages are extracted; its parent or the kernel may kill it at any moment.

Run as `python -m scrapr.roles.scraper.cell PARENT SECONDS BYTES ANSWER`: the parent's process id, the processor time
and memory that one page may take, and the longest answer in bytes. On standard input and output go frames, each a
length of eight bytes and so many bytes. The first answer is empty: ready.
"""

from __future__ import annotations

import math
import os
import pickle
import resource
import struct
import sys
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Literal

from scrapr.extraction.extract import extract
from scrapr.extraction.rules import Rules
from scrapr.fleet import deathsig
from scrapr.model.errors import TooLarge

LENGTH = struct.Struct(">Q")
RULES_KEPT = 64
ERROR_SHOWN = 500
FOUND, REFUSED, MEMORY, LONG, BROKE, TIME, DIED = range(7)
"""The first byte of an answer; the last two are what the parent makes of it if there is none. With `FOUND` an
extraction follows, with others a text that says what went wrong."""
LAST = 0x80
"""Set in the first byte of an answer after which the process ends."""


@lru_cache(maxsize=RULES_KEPT)
def read_rules(pickled: bytes) -> Rules:
    """The rules, which are compiled as they are read."""
    rules: Rules = pickle.loads(pickled)  # noqa: S301 - the parent's own words
    return rules


def work(question: bytes, *, longest: int, scarce: int) -> bytes:
    """The answer to one question; what fails with more than `scarce` bytes of memory taken, fails for want of it."""
    try:
        pickled, text, url = pickle.loads(question)  # noqa: S301 - the parent's own words
        answer = pickle.dumps(extract(read_rules(pickled), text, url), protocol=5)
    except TooLarge as refused:
        return bytes([REFUSED]) + refused.detail.encode()
    except MemoryError:
        return bytes([MEMORY])
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent says of which page
        if _address_space("VmPeak") > scarce:  # the parser's own word for it is that it cannot parse
            return bytes([MEMORY])
        return bytes([BROKE]) + repr(error)[:ERROR_SHOWN].encode(errors="replace")
    return bytes([FOUND]) + answer if len(answer) < longest else bytes([LONG])


def serve(questions: BinaryIO, answers: BinaryIO, *, seconds: float, memory: int, longest: int) -> None:
    """Answer until there are no more questions, or until a page has left more than half of its memory behind."""
    limit = _address_space("VmSize") + memory
    scarce = limit - memory // 2
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    _write(answers)
    while head := questions.read(LENGTH.size):
        question = questions.read(LENGTH.unpack(head)[0])
        _grant(seconds)
        answer = work(question, longest=longest, scarce=scarce)
        is_last = _address_space("VmSize") > scarce
        _write(answers, bytes([answer[0] | LAST if is_last else answer[0]]), answer[1:])
        if is_last:
            return


def _grant(seconds: float) -> None:
    """Let the kernel end this process if the page at hand takes more, even if the parent cannot."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    most = math.ceil(usage.ru_utime + usage.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))


def _address_space(which: Literal["VmSize", "VmPeak"]) -> int:
    """Bytes of this process's memory as RLIMIT_AS counts it, now or at its most; zero where there is no /proc."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    return int(status.partition(f"{which}:")[2].split(maxsplit=1)[0]) * 1024


def _write(answers: BinaryIO, *parts: bytes) -> None:
    answers.write(LENGTH.pack(sum(map(len, parts))))
    answers.writelines(parts)
    answers.flush()


def main() -> None:
    """Serve on standard input and output, for as long as the parent lives."""
    parent, seconds, memory, longest = sys.argv[1:]
    deathsig.die_with(int(parent))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing that a library prints may get between the answers
    serve(sys.stdin.buffer, answers, seconds=float(seconds), memory=int(memory), longest=int(longest))


if __name__ == "__main__":
    main()
