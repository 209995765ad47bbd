"""What a text search asks for: words, phrases in quotes, beginnings and exclusions, as an expression of FTS5."""

from __future__ import annotations

import re
from unicodedata import normalize

from scrapr.model.errors import FieldError, Invalid

CHUNK = re.compile(r'(?P<without>-?)(?:"(?P<phrase>[^"]*)"?|(?P<word>\S+))')
WORD = re.compile(r"[^\W_]+")
"""As SQLite's unicode61 cuts text: letters and digits."""
ALLOWED = 'words, "phrases", beginnings* and -exclusions, one of which is to be found'
LENGTH_MOST, TERMS_MOST = 500, 20


def read(text: str) -> str:
    """The FTS5 expression of a search; all of it must be found in a record. Raises `Invalid`."""
    if len(text) > LENGTH_MOST:
        raise _wrong(f"is longer than {LENGTH_MOST} characters")
    wanted: list[str] = []
    unwanted: list[str] = []
    for chunk in CHUNK.finditer(normalize("NFC", text)):
        term = _term(chunk["phrase"], chunk["word"] or "")
        if term:
            (unwanted if chunk["without"] else wanted).append(term)
    if not wanted:
        raise _wrong("names nothing to find")
    if len(wanted) + len(unwanted) > TERMS_MOST:
        raise _wrong(f"has more than {TERMS_MOST} terms")
    found = " AND ".join(wanted)
    return f"({found}) NOT ({' OR '.join(unwanted)})" if unwanted else found


def _term(phrase: str | None, word: str) -> str:
    """One term: what is written together is found together, `x-ray` as `x ray`."""
    words = WORD.findall(word if phrase is None else phrase)
    if not words:
        return ""
    begins = phrase is None and word.endswith("*")
    return f'"{" ".join(words)}"{" *" if begins else ""}'


def _wrong(problem: str) -> Invalid:
    return Invalid(FieldError(field="q", problem=problem, allowed=ALLOWED))
