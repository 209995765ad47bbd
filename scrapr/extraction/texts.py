"""Texts made into other texts."""

from __future__ import annotations

import orjson
from selectolax.lexbor import LexborHTMLParser

_BREAK = "\ue000"
"""Marks a line break; a character for private use, so that it is in no ordinary text."""
_BLOCKS = (
    "address, article, aside, blockquote, dd, div, dl, dt, fieldset, figcaption, figure, footer, form, h1, h2, h3, h4, "
    "h5, h6, header, hr, li, main, nav, ol, p, pre, section, table, tr, ul"
)


def collapse(text: str) -> str:
    """One space for each run of white space, none at the ends."""
    return " ".join(text.split())


def show(value: object) -> str:
    """A value as text: text as it is, all else as JSON."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def html_to_text(html: str) -> str:
    """What a reader sees of a piece of HTML: a line for each block and `<br>`, white space collapsed."""
    parser = LexborHTMLParser(html.replace(_BREAK, ""))
    body = parser.body
    if body is None:
        return ""
    for hidden in body.css("script, style, template, noscript"):
        hidden.decompose()
    for cell in body.css("td, th"):
        cell.insert_after(" ")
    for line in body.css("br"):
        line.replace_with(_BREAK)
    for block in body.css(_BLOCKS):
        block.insert_before(_BREAK)
        block.insert_after(_BREAK)
    lines = (collapse(line) for line in body.text_lexbor().split(_BREAK))
    return "\n".join(line for line in lines if line)
