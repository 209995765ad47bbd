"""Links made absolute, as X-Ray and browsers do."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://[^/?#]*")
_UNSAFE = re.compile(r"""[\x00-\x20"'<>\\^`{|}]""")
_STRIPPED = " \t\r\n\f"
_SEGMENT = r"[\w~%+,=!$*()@-][\w~%+,=!$*()@.-]*+"
_PLAIN = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*+/?(?:\?[\w~%+,=!$*()@.&/-]++)?").fullmatch
"""What follows the base's folder as it stands: no scheme, no dots between slashes, nothing to escape."""
_ADDRESS = re.compile(
    rf"(https?://[A-Za-z0-9._-]+(?::[0-9]+)?)(/(?:{_SEGMENT}/)*)(?:{_SEGMENT})?(?:\?[\w~%+,=!$*()@.&/-]++)?"
).fullmatch
"""A page's address as most are: its origin, and its folder; nothing in it is to be resolved, escaped or cut off."""
_EMPTY_END = re.compile(r"[^?#](\?#?|#)\Z|\A(#)\Z")
"""An empty query or fragment, which urljoin drops and browsers keep."""
LINKS = {
    "href": frozenset({"a", "link"}),
    "src": frozenset({"img", "script", "source", "track", "frame", "iframe"}),
}
"""The attributes that X-Ray makes absolute wherever they are read, and the elements on which it does."""


def join(base: str, reference: str) -> str:
    """The absolute URL that `reference` means on a page at `base`; `reference` itself where that cannot be said."""
    reference = reference.strip(_STRIPPED)
    if _ABSOLUTE.match(reference):
        return reference
    try:
        joined = urljoin(base, reference.replace("\\", "/"))
    except ValueError:
        return reference
    if reference[-1:] in {"#", "?"} and (end := _EMPTY_END.search(reference)) is not None:
        joined = joined.removesuffix(end[1] or end[2]) + (end[1] or end[2])
    return _UNSAFE.sub(lambda found: f"%{ord(found.group()):02X}", joined)


class Base:
    """An address that many links are relative to."""

    def __init__(self, url: str):
        self.url = url
        if (address := _ADDRESS(url)) is not None:
            self._origin = address[1]
            self._folder = address[1] + address[2]
            return
        self._folder = join(url, "x").removesuffix("x")
        origin = _ORIGIN.match(self._folder)
        self._origin = "" if origin is None else origin[0]

    def join(self, reference: str) -> str:
        """As `join`; quick for the ordinary `/path` and `name`."""
        if self._origin:
            if reference[:1] == "/":
                if _PLAIN(reference, 1):
                    return self._origin + reference
            elif _PLAIN(reference):
                return self._folder + reference
        return join(self.url, reference) if self.url else reference


def page_address(url: object) -> str | None:
    """`url` without its fragment if a page can be fetched from it, else none."""
    if not isinstance(url, str):
        return None
    if _ADDRESS(url):
        return url
    try:
        parts = urlsplit(url.strip(_STRIPPED))
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return None
    return parts._replace(fragment="").geturl()


def is_absolute(url: str) -> bool:
    """Whether `url` is one, with a scheme."""
    try:
        return bool(urlsplit(url).scheme)
    except ValueError:
        return False
