"""Checks the tags of SSML documents: which elements there are, which attributes, and what may be in what.

A mistake is named as it is written, with its place: line 2, column 12: got pitch='high' of <prosody>.
"""

from __future__ import annotations

import re
from typing import NamedTuple, NoReturn

from runner.errors import RunError, suggest
from runner.speech.mark_values import name_place, shorten

DEEPEST = 10
NAMESPACE = "http://www.w3.org/2001/10/synthesis"
_LANG = "http://www.w3.org/XML/1998/namespace}lang"
_SCHEMA = "http://www.w3.org/2001/XMLSchema-instance}schemaLocation"
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "speak": ("version", _LANG, _SCHEMA),
    "p": (),
    "s": (),
    "break": ("time", "strength"),
    "voice": ("name",),
    "prosody": ("rate",),
    "phoneme": ("alphabet", "ph"),
    "sub": ("alias",),
    "say-as": ("interpret-as",),
}
"""The elements, and the attributes of each."""
MARKUP = ("phoneme", "sub", "say-as")
"""The elements that say how their words are spoken; they hold text alone."""
_OUTSIDE = {"p": ("p", "s"), "s": ("s",)}  # elements that an element must not be in
_NAME = re.compile(r"<([^ \t\r\n/>]++)")
_ATTRIBUTE = re.compile(r"[ \t\r\n]++([^ \t\r\n=]++)[ \t\r\n]*+=[ \t\r\n]*+(\"[^\"]*+\"|'[^']*+')")


class Tag(NamedTuple):
    """The start of an element.

    Attributes:
        row: the row with the document.
        line: number of the row's first line.
        at: its place in the row.
        name: of the element, with its namespace unless that is SSML's.
        attributes: name -> value.
    """

    row: str
    line: int
    at: int
    name: str
    attributes: dict[str, str]

    @property
    def shown(self) -> str:
        """The tag for messages, as it is written: `<break>`."""
        found = _NAME.match(self.row, self.at)
        return f"<{found[1] if found else self.name}>"

    def check(self, parents: list[Tag]) -> None:
        """Check its name, its attributes, and the elements that it is in.

        Raises:
            RunError: they are not of the subset.
        """
        if self.name not in ATTRIBUTES:
            known = ", ".join(f"<{name}>" for name in ATTRIBUTES)
            self.refuse(self.shown, f"one of {known}{self._suggest()}", "take it out, or write its text alone")
        self._check_place(parents)
        for name in self.attributes:
            if name not in ATTRIBUTES[self.name]:
                known = ", ".join(name for name in ATTRIBUTES[self.name] if "}" not in name) or "no attribute"
                self.refuse_value(name, f"{known} of {self.shown}", "leave it out")

    def _suggest(self) -> str:
        hint = suggest(self.name, ATTRIBUTES)
        return f" ({hint[2:]})" if "mean" in hint else ""

    def _check_place(self, parents: list[Tag]) -> None:
        if (self.name == "speak") != (not parents):
            expected = "<speak> around the document, and once"
            self.refuse(self.shown, expected, "write the document as <speak>...</speak>")
        if len(parents) >= DEEPEST:
            self.refuse(f"{self.shown} in {len(parents)} others", f"at most {DEEPEST} in one another", "nest them less")
        around = parents[-1] if parents else None
        if around is not None and around.name in (*MARKUP, "break"):
            expected = "no element" if around.name == "break" else "text alone"
            self.refuse(self.shown, f"{expected} in {around.shown}", f"close {around.shown} first")
        for parent in parents:
            if parent.name in _OUTSIDE.get(self.name, ()):
                self.refuse(f"{self.shown} in {parent.shown}", "one behind the other", f"close {parent.shown} first")

    def refuse(self, got: str, expected: str, fix: str, at: int | None = None) -> NoReturn:
        """Refuse the document.

        Raises:
            RunError: always; it names the place of the tag, unless `at` is another one.
        """
        refuse(self.row, self.line, self.at if at is None else at, got, expected, fix)

    def refuse_value(self, name: str, expected: str, fix: str) -> NoReturn:
        """Refuse an attribute, at its own place.

        Raises:
            RunError: always.
        """
        local, value = name.rpartition("}")[2], self.attributes[name]
        at, written = self._find_attribute(local)
        self.refuse(f"{written}={shorten(value)} of {self.shown}", expected, fix, at)

    def _find_attribute(self, local: str) -> tuple[int, str]:
        """Find an attribute in the row: its place, and its name as it is written."""
        name = _NAME.match(self.row, self.at)
        end = name.end() if name else self.at
        while found := _ATTRIBUTE.match(self.row, end):
            if found[1].rpartition(":")[2] == local and not found[1].startswith("xmlns"):
                return found.start(1), found[1]
            end = found.end()
        return self.at, local


def refuse(row: str, line: int, at: int, got: str, expected: str, fix: str) -> NoReturn:
    """Refuse a document.

    Raises:
        RunError: always; it names the place.
    """
    raise RunError(f"{name_place(row, at, line, lines=True)}: got {got}, expected {expected}; {fix}")
