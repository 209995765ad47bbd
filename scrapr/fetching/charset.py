"""From the bytes of a body to text, by header, byte order mark, declaration, or detection."""

from __future__ import annotations

import codecs

from w3lib import encoding as w3

DETECTED = "cp1252"
"""What a body is that declares nothing and is not UTF-8; as browsers in the west, and Scrapy, take it."""

# Codecs of text that are no charsets of pages; some of them raise whatever the error handler.
_NO_CHARSETS = frozenset(
    {"idna", "mbcs", "oem", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"}
)

_WITHOUT_MARK = {"utf-16": "utf-16-le", "utf-32": "utf-32-be"}
"""In which order the bytes are where none is told; the first is what browsers take."""

_DETECTION_SIZE = 65_536
_PIECE = 65_536
_AT_ONCE = 1_000_000


def decode(body: bytes, content_type: str | None) -> tuple[str, str]:
    """The text and the name of its charset; what cannot be decoded becomes U+FFFD.

    The order is that of browsers: byte order mark, header, `<meta>` or `<?xml?>`, then UTF-8 if the body is
    valid as that, else Windows-1252. Source: WHATWG HTML, "determining the character encoding".
    """
    name, start = find_charset(body, content_type)
    if start:
        body = body[start:]
    if len(body) <= _PIECE:
        return w3.to_unicode(body, name), name
    flawless = _decode_flawless(body, name) if len(body) <= _AT_ONCE else None
    return _decode_in_pieces(body, name) if flawless is None else flawless, name


def find_charset(body: bytes, content_type: str | None) -> tuple[str, int]:
    """The name of the charset, and the length of the byte order mark."""
    marked, bom = w3.read_bom(body)
    if marked is not None and bom is not None:
        return marked, len(bom)
    name = w3.http_content_type_encoding(content_type) or _find_declared(body)
    if name is None:
        return ("utf-8" if _is_utf8(body) else DETECTED), 0
    if not _is_text(name):
        return DETECTED, 0
    return _WITHOUT_MARK.get(name, name), 0


def _find_declared(body: bytes) -> str | None:
    # What could be read byte by byte is in none of these, whatever it says.
    name = w3.html_body_declared_encoding(body)
    return "utf-8" if name is not None and name.startswith("utf-16") else name


def _is_text(name: str) -> bool:
    # Python also calls transformations codecs ("hex", "rot13", "bz2"), which no page may ask for.
    return name not in _NO_CHARSETS and getattr(codecs.lookup(name), "_is_text_encoding", True)


def _is_utf8(body: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(body[:_DETECTION_SIZE], len(body) <= _DETECTION_SIZE)
    except UnicodeDecodeError:
        return False
    return True


def _decode_flawless(body: bytes, name: str) -> str | None:
    """The text at once, which is quick as long as nothing is wrong with it; None at the first fault."""
    try:
        return body.decode(name)
    except UnicodeDecodeError:
        return None


def _decode_in_pieces(body: bytes, name: str) -> str:
    """Decode so that other threads get their turn: 10 MB of undecodable bytes take up to a second."""
    errors = "w3lib_gb18030_replace" if name == "gb18030" else "replace"
    decoder = codecs.getincrementaldecoder(name)(errors)
    ends = range(0, len(body), _PIECE)
    parts = [decoder.decode(body[at : at + _PIECE]) for at in ends]
    parts.append(decoder.decode(b"", final=True))
    return "".join(parts)
