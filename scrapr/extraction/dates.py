"""Dates out of text, to ISO 8601; day and month are told apart by name, locale or format, never by guess."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

from scrapr.extraction.arguments import Arguments

Read = Callable[[str], str]

_MONTHS = {
    "en": "january february march april may june july august september october november december",
    "de": "januar februar märz april mai juni juli august september oktober november dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
}
_SHORT = {
    "en": {"sept": 9},
    "de": {"jän": 1, "jänner": 1, "mär": 3, "mrz": 3, "sept": 9},
    "fr": {"janv": 1, "févr": 2, "avr": 4, "juil": 7, "sept": 9, "déc": 12},
    "es": {"sept": 9, "setiembre": 9},
    "it": {},
    "pt": {},
    "nl": {"mrt": 3},
}
LOCALES = (*_MONTHS, "en-US", "en-GB")

_TIME = (
    r"(?:(?:,|T| at| um| à| -)?\s*(?P<hour>\d{1,2})(?::|h|\.)(?P<minute>\d{2})(?::(?P<second>\d{2}))?"
    r"\s*(?P<half>[ap]\.?m\.?)?(?:\s*Uhr)?\s*(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2})?)?"
)
_DAY = r"(?P<day>\d{1,2})(?:\.|st|nd|rd|th|er|º)?"
_NAMED = tuple(
    re.compile(r"(?:[^\W\d]+\.?,? )?" + pattern + _TIME, re.IGNORECASE)
    for pattern in (
        _DAY + r"[ -](?:de |of )?(?P<month>[^\W\d]+)\.?,?[ -](?:de )?(?P<year>\d{4})",
        r"(?P<month>[^\W\d]+)\.? " + _DAY + r",? (?P<year>\d{4})",
    )
)
_YEAR_FIRST = re.compile(r"(?P<year>\d{4})([./])(?P<month>\d{1,2})\2(?P<day>\d{1,2})" + _TIME, re.IGNORECASE)
_DAY_FIRST = re.compile(r"(?P<day>\d{1,2})([./-])(?P<month>\d{1,2})\2(?P<year>\d{4})" + _TIME, re.IGNORECASE)
_MONTH_FIRST = re.compile(
    r"(?P<month>\d{1,2})([./-])(?P<day>\d{1,2})\2(?P<year>\d{4})" + _TIME, re.IGNORECASE
)
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ].+)?", re.ASCII)
_RFC = re.compile(
    r"(?:[A-Z][a-z]{2}, )?\d{1,2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}(?::\d{2})? (?:[+-]\d{4}|[A-Z]{1,3})"
)
_ZONED = "%z"


def reader(arguments: Arguments) -> Read:
    """What reads dates as `arguments` ask: nothing, a locale, `unix`, `unix-ms`, or strptime formats.

    It raises `ValueError` for text that is no date, or could be two.
    """
    if not arguments.count:
        return _by_locale("en", ())
    first = arguments.text(0)
    if "%" in first:
        return _by_formats(arguments)
    arguments.expect(1)
    if first in {"unix", "unix-ms"}:
        return lambda text: _from_unix(text, 1000 if first == "unix-ms" else 1)
    locale = arguments.choice(0, dict.fromkeys(LOCALES, first))
    if locale == "en":
        return _by_locale("en", ())
    return _by_locale(locale[:2], (_MONTH_FIRST if locale == "en-US" else _DAY_FIRST,))


def _by_formats(arguments: Arguments) -> Read:
    formats = arguments.texts
    sample = datetime(2016, 6, 12, tzinfo=UTC)
    for at, each in enumerate(formats):
        try:
            found = datetime.strptime(sample.strftime(each), each).replace(tzinfo=UTC)
        except ValueError as error:
            raise arguments.problem(at, "is no date format", "strptime's, as %d.%m.%Y") from error
        if found.year != sample.year:
            raise arguments.problem(at, "names no year", "a format with the year, as %d.%m.%Y")

    def read(text: str) -> str:
        text = " ".join(text.split())
        for each in formats:
            try:
                found = datetime.strptime(text, each)  # noqa: DTZ007 -- without %z the page names no zone, nor do we
            except ValueError:
                continue
            has_time = any(sign in each for sign in ("%H", "%I", "%M", "%S", "%c", "%X", "%p"))
            return found.isoformat() if has_time else found.date().isoformat()
        raise ValueError(text)

    return read


def _from_unix(text: str, per_second: int) -> str:
    seconds = float(text) / per_second
    if not abs(seconds) < 1e11:
        raise ValueError(text)
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except OverflowError as error:
        raise ValueError(text) from error


def _by_locale(language: str, numeric: tuple[re.Pattern[str], ...]) -> Read:
    months = _months(language)

    def read(text: str) -> str:
        text = " ".join(text.split())
        if _ISO.fullmatch(text):
            return _from_iso(text)
        if _RFC.fullmatch(text):
            return parsedate_to_datetime(text).isoformat()
        for pattern in (*_NAMED, _YEAR_FIRST, *numeric):
            if found := pattern.fullmatch(text):
                return _from_parts(found.groupdict(), months)
        raise ValueError(text)

    return read


def _months(language: str) -> dict[str, int]:
    names = _MONTHS[language].split()
    starts = [name[:3] for name in names]
    short = {name[:3]: at for at, name in enumerate(names, 1) if starts.count(name[:3]) == 1}
    return {**short, **{name: at for at, name in enumerate(names, 1)}, **_SHORT[language]}


def _from_iso(text: str) -> str:
    if len(text) == len("2016-06-12"):
        return date.fromisoformat(text).isoformat()
    return datetime.fromisoformat(text).isoformat()


def _from_parts(parts: dict[str, str | None], months: dict[str, int]) -> str:
    month = (parts["month"] or "").lower()
    number = int(month) if month.isdecimal() else months.get(month)
    if number is None:
        raise ValueError(month)
    day = date(int(parts["year"] or 0), number, int(parts["day"] or 0))
    if parts["hour"] is None:
        return day.isoformat()
    hour = _hour(int(parts["hour"]), parts["half"])
    at = datetime(day.year, day.month, day.day, hour, int(parts["minute"] or 0), int(parts["second"] or 0))  # noqa: DTZ001 -- the zone follows, if the page names one
    return at.replace(tzinfo=_zone(parts["zone"])).isoformat()


def _hour(hour: int, half: str | None) -> int:
    if half is None:
        return hour
    if not 1 <= hour <= 12:
        raise ValueError(hour)
    return hour % 12 + (12 if half[0] in "pP" else 0)


def _zone(text: str | None) -> timezone | None:
    if text is None:
        return None
    if text[0] not in "+-":
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return timezone(-offset if text[0] == "-" else offset)
