"""CSS selectors as X-Ray reads them (css-what 2), parsed with positions and written in lexbor's dialect.

Lexbor alone would not do: it recovers from an unclosed bracket instead of refusing it, has no position in its
errors, and wants values quoted that cheerio takes bare.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from scrapr.extraction import pseudos
from scrapr.extraction.compounds import JUMPS, Complex, Compound, TextTest
from scrapr.extraction.csstexts import identifier, string, unescape
from scrapr.extraction.syntax import Reader

MAX_COMPOUNDS = 200
"""Compound selectors (`li.next`) in one CSS selector, those within `:not()` and the like included."""
MAX_NESTING = 8
"""Parentheses within parentheses in one CSS selector."""
MAX_INNER_JUMPS = 1
"""Spaces and `~` in one selector within `:not()`, `:is()` or `:has()`; lexbor's time grows with their power."""

_SPACE = re.compile(r"[ \t\r\n\f]*")
_NAME = re.compile(r"(?:\\[0-9a-fA-F]{1,6}[ \t\r\n\f]?|\\[^\r\n\f]|[\w\-\u00a0-\U0010ffff])+")
_COMBINATOR = re.compile(r"[ \t\r\n\f]*([>+~<,)]|\Z)|[ \t\r\n\f]+")
_ATTRIBUTE = re.compile(
    r"""\s*(?P<name>(?:\\.|[\w\-\u00a0-\U0010ffff])+)\s*
    (?:(?P<how>[~^$*!|]?)=\s*(?:"(?P<double>(?:\\.|[^"\\])*)"|'(?P<single>(?:\\.|[^'\\])*)'
    |(?P<bare>(?:\\.|[^\]"'\s\\])*))\s*(?P<case>[iIsS])?)?\s*\]""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Written:
    """A selector list: its alternatives, and the tests of texts that it needs."""

    alternatives: tuple[Complex, ...]
    texts: tuple[TextTest, ...]
    is_steep: bool
    """It holds `:has(a b)`, for which lexbor's time grows with the cube of how deep elements are nested."""


def parse(text: str, offset: int = 0) -> Written:
    """Read a selector list; positions of problems count from `offset` before it.

    Raises `SyntaxProblem`.
    """
    parser = _Parser(" " * offset + text, offset)
    found = parser.selector_list(depth=0)
    if not parser.reader.done:
        raise parser.reader.problem(f"{parser.reader.peek()!r} has no place here")
    return Written(found, tuple(parser.texts), parser.is_steep)


class _Parser:
    def __init__(self, text: str, at: int):
        self.reader = Reader(text, at)
        self.compounds = 0
        self.texts: list[TextTest] = []
        self.is_steep = False
        self._within_has = False

    def selector_list(self, depth: int, *, relative: bool = False) -> tuple[Complex, ...]:
        if depth > MAX_NESTING:
            raise self.reader.problem("is nested too deeply", f"at most {MAX_NESTING} levels")
        found = [self.complex(depth, relative=relative)]
        while self.reader.take(","):
            found.append(self.complex(depth, relative=relative))
        return tuple(found)

    def complex(self, depth: int, *, relative: bool) -> Complex:
        self.reader.match(_SPACE)
        parts = [(self._leading(relative=relative), self.compound(depth))]
        while (how := self._combinator()) is not None:
            start = self.reader.at
            parts.append((how, self.compound(depth)))
            if parts[-1][1].is_scope:
                raise self.reader.problem(":scope may only come first", at=start)
        self._check_inner(depth, parts)
        return Complex(_without_scope(parts, self.reader))

    def _check_inner(self, depth: int, parts: list[tuple[str, Compound]]) -> None:
        jumps = sum(how in JUMPS for how, _ in parts)
        self.is_steep |= self._within_has and jumps > 0
        if depth and jumps > MAX_INNER_JUMPS:
            raise self.reader.problem("has too many spaces or ~ in parentheses", f"at most {MAX_INNER_JUMPS}")
        if depth and jumps and any(part.has_selectors for _, part in parts[:-1]):
            raise self.reader.problem("has :not(), :is() or :has() before a space or ~ in parentheses")

    def _leading(self, *, relative: bool) -> str:
        how = self.reader.peek()
        if how not in {">", "+", "~"}:
            return ""
        if how != ">" and not relative:
            raise self.reader.problem(f"a selector cannot begin with {how!r}", "a leading >")
        self.reader.at += 1
        self.reader.match(_SPACE)
        return how

    def _combinator(self) -> str | None:
        start = self.reader.at
        found = self.reader.match(_COMBINATOR)
        if found is None:
            return None
        how = found.group(1)
        if how is None:
            return " "
        if how in {"", ",", ")"}:
            self.reader.at = found.start(1)
            return None
        if how == "<":
            raise self.reader.problem("there is no parent combinator", ":has(> …)", at=found.start(1))
        self.reader.match(_SPACE)
        if self.reader.done:
            raise self.reader.problem(f"nothing follows {how!r}", at=max(start, found.start(1)))
        return how

    def compound(self, depth: int) -> Compound:
        self.compounds += 1
        if self.compounds > MAX_COMPOUNDS:
            raise self.reader.problem("has too many parts", f"at most {MAX_COMPOUNDS}")
        start = self.reader.at
        built = self._type()
        wanted: list[tuple[str, bool]] = []
        while (part := self._simple(depth, wanted)) is not None:
            built = replace(
                built,
                text=built.text + part.text,
                labels=built.labels | part.labels,
                is_scope=built.is_scope or part.is_scope,
            )
        for holds, any_case in wanted:
            self.texts.append(TextTest(built.text or "*", holds, any_case))
            built = replace(built, text=f"{built.text}[{self.texts[-1].mark}]")
        if self.reader.at == start:
            raise self.reader.problem(
                "a selector is missing" if self.reader.done else "no selector begins like this"
            )
        return built

    def _type(self) -> Compound:
        if self.reader.take("*"):
            return Compound("*", frozenset())
        found = self.reader.match(_NAME)
        if found is None:
            return Compound("", frozenset())
        name = unescape(found.group())
        return Compound(identifier(name), frozenset(), name.lower())

    def _simple(self, depth: int, wanted: list[tuple[str, bool]]) -> Compound | None:
        sign = self.reader.peek()
        if sign in {".", "#"}:
            start = self.reader.at
            self.reader.at += 1
            found = self.reader.match(_NAME)
            if found is None:
                raise self.reader.problem(f"no name follows {sign!r}", at=start)
            name = unescape(found.group())
            return Compound(sign + identifier(name), frozenset({sign + name.lower()}))
        if sign == "[":
            return self._attribute()
        if sign == ":":
            return self._pseudo(depth, wanted)
        return None

    def _attribute(self) -> Compound:
        start = self.reader.at
        self.reader.at += 1
        found = self.reader.match(_ATTRIBUTE)
        if found is None:
            raise self.reader.problem(
                "is no attribute selector", "[name], [name=value], [name*='value'] …", at=start
            )
        name = identifier(unescape(found["name"]).lower())
        if found["how"] is None:
            return Compound(f"[{name}]", frozenset())
        value = string(unescape(found["double"] or found["single"] or found["bare"] or ""))
        case = f" {found['case']}" if found["case"] else ""
        if found["how"] == "!":
            return Compound(f":not([{name}={value}{case}])", frozenset())
        return Compound(f"[{name}{found['how']}={value}{case}]", frozenset())

    def _pseudo(self, depth: int, wanted: list[tuple[str, bool]]) -> Compound:
        start = self.reader.at
        self.reader.at += 1
        if self.reader.peek() == ":":
            raise self.reader.problem("there are no pseudo-elements", "@text, @html, @attribute", at=start)
        found = self.reader.match(_NAME)
        name = found.group().lower() if found else ""
        if name == "scope":
            return Compound("", frozenset(), is_scope=True)
        if name in pseudos.PLAIN and self.reader.peek() != "(":
            return Compound(pseudos.PLAIN[name], frozenset())
        if name not in pseudos.WITH_ARGUMENT:
            raise self.reader.problem(
                f"there is no :{name}", rf"{pseudos.ALLOWED}; in XML, name\:{name}", at=start
            )
        if not self.reader.take("("):
            raise self.reader.problem(f":{name} needs an argument in parentheses", at=start)
        kind = pseudos.WITH_ARGUMENT[name]
        if kind is pseudos.Kind.SELECTORS:
            return Compound(self._selectors(name, start, depth), frozenset())
        if kind is pseudos.Kind.POSITION:
            return Compound(self._position(name, start), frozenset())
        wanted.append((self._quoted(name, start), name == "icontains"))
        return Compound("", frozenset())

    def _position(self, name: str, start: int) -> str:
        body = self._body(name, start)
        if not pseudos.NTH.fullmatch(body):
            raise self.reader.problem(f":{name}({body}) is no position", "odd, even, 3, 2n+1 …", at=start)
        return f":{name}({body.strip()})"

    def _selectors(self, name: str, start: int, depth: int) -> str:
        if name == "has" and self._within_has:
            raise self.reader.problem(":has() cannot be within :has()", at=start)
        self.reader.match(_SPACE)
        quote = self.reader.peek() if self.reader.peek() in {'"', "'"} else ""
        self.reader.take(quote)
        before, self._within_has = self._within_has, self._within_has or name == "has"
        inner = self.selector_list(depth + 1, relative=name == "has")
        self._within_has = before
        self.reader.match(_SPACE)
        if not (self.reader.take(quote) and self.reader.match(_SPACE) and self.reader.take(")")):
            raise self.reader.problem(f":{name}( is never closed", at=start)
        return f":{pseudos.RENAMED.get(name, name)}({', '.join(map(str, inner))})"

    def _body(self, name: str, start: int) -> str:
        """What stands up to the parenthesis that closes the present one."""
        level, at = 1, self.reader.at
        while at < len(self.reader.text):
            sign = self.reader.text[at]
            level += (sign == "(") - (sign == ")")
            if not level:
                body, self.reader.at = self.reader.text[self.reader.at : at], at + 1
                return body
            at += 2 if sign == "\\" else 1
        raise self.reader.problem(f":{name}( is never closed", at=start)

    def _quoted(self, name: str, start: int) -> str:
        found = self.reader.match(pseudos.QUOTED)
        return unescape(found.group(2) if found else self._body(name, start))


def _without_scope(parts: list[tuple[str, Compound]], reader: Reader) -> tuple[tuple[str, Compound], ...]:
    """`:scope > b` means `> b`, and `:scope b` means `b`."""
    how, first = parts[0]
    if not first.is_scope:
        return tuple(parts)
    if how or first.text or len(parts) == 1:
        raise reader.problem(":scope must stand alone before a combinator", ":scope > …")
    how, second = parts[1]
    if how in {"+", "~"}:
        raise reader.problem("nothing beside the scope can be selected", ":scope > …")
    return (("" if how == " " else how, second), *parts[2:])
