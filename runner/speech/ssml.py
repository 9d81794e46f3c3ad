"""Reads an SSML document as the segments that are spoken one after the other.

    <speak>Good <break time="500ms"/> morning, <sub alias="doctor">Dr</sub> Who.</speak>

    expat --tags, texts, bytes--> Reader --words, places in the row--> SegmentWriter --> segments
                                              "Good"   0.5 s "morning, [Dr](=doctor) Who."

The subset of SSML that is read is in `runner.speech.ssml_tags`; all else is refused, with its place. A document has no
DTD: `defusedxml` refuses one, and so all entities that a document can define.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn
from xml.parsers.expat import ExpatError, errors

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from runner.speech.mark_values import shorten
from runner.speech.segment_writer import SegmentWriter
from runner.speech.ssml_tags import MARKUP, NAMESPACE, Tag, refuse
from runner.speech.ssml_values import check_version, read_break, read_markup, read_prosody, read_voice_name

if TYPE_CHECKING:
    from fractions import Fraction

    from runner.speech.segments import Segment

_SPACES = " \t\r\n"
_GOT = re.compile(
    r"<[^<>\n]{0,60}>|&[^\s<>&;]{0,60};|[^\n]{1,20}|\n"
)  # what a message shows: a tag, a reference, a few characters
_AMPERSAND = re.compile(r"&[^\s<>&;]{0,30}\Z")  # just before the place at which expat gives up
_MISTAKES = {  # message of expat -> what is expected, how it is corrected
    errors.XML_ERROR_UNDEFINED_ENTITY: (
        "&amp; &lt; &gt; &quot; &apos; or a number such as &#160;",
        "write the character itself",
    ),
    errors.XML_ERROR_JUNK_AFTER_DOC_ELEMENT: ("nothing behind </speak>", "take it out"),
    errors.XML_ERROR_INVALID_TOKEN: (
        f"well-formed XML ({errors.XML_ERROR_INVALID_TOKEN})",
        "write & as &amp; and < as &lt; in a text, and the values of attributes in quotes",
    ),
    errors.XML_ERROR_UNCLOSED_TOKEN: ("a '>' at its end", "close it"),
}


def read_ssml(row: str, line: int = 1) -> list[Segment]:
    """Read a row that is an SSML document.

    Args:
        line: number of the row's first line, for messages.

    Raises:
        RunError: it is not well-formed, not of the subset, or has nothing to speak; it names the place.
    """
    return _Reader(row, line).read()


class _Element(NamedTuple):
    """An element that is open: its tag, and what is to be done at its end."""

    tag: Tag
    voice: str | None
    rate: Fraction
    markup: str


class _Reader:
    """Reads one document."""

    def __init__(self, row: str, line: int) -> None:
        self._row, self._line = row, line
        self._start = len(row) - len(row.lstrip(_SPACES))
        self._data = row[self._start :].encode("utf-8", "surrogatepass")  # a lone surrogate is refused by expat
        self._ascii = len(self._data) == len(row) - self._start
        self._counted, self._offset = 0, self._start  # bytes of the document, and the offset in the row that they are
        self._writer = SegmentWriter()
        self._open: list[_Element] = []
        self._in_cdata = False
        self._parser = self._make_parser()

    def _make_parser(self) -> Any:
        parser = DefusedXMLParser(encoding="utf-8", forbid_dtd=True).parser
        parser.buffer_text = parser.ordered_attributes = False  # a place for each text; attributes as a dict
        parser.DefaultHandlerExpand = parser.CommentHandler = parser.ProcessingInstructionHandler = None
        parser.StartElementHandler, parser.EndElementHandler = self._begin, self._end
        parser.CharacterDataHandler = self._read_text
        parser.StartCdataSectionHandler, parser.EndCdataSectionHandler = self._begin_cdata, self._end_cdata
        return parser

    def read(self) -> list[Segment]:
        """Read the document to its end."""
        try:
            self._parser.Parse(self._data, True)
        except ExpatError as error:
            self._refuse(error)
        except DefusedXmlException:
            at = self._row.rfind("<!DOCTYPE", 0, self._here() + len("<!DOCTYPE"))
            fix = "take it out, and write the texts of its entities themselves"
            refuse(self._row, self._line, max(at, 0), "<!DOCTYPE", "no DTD", fix)
        segments = self._writer.finish()
        if not segments:
            refuse(self._row, self._line, self._start, "a document without text", "words or a break in it", "add some")
        return segments

    def _here(self) -> int:
        """The offset in the row of what expat tells about: expat counts bytes."""
        index: int = self._parser.CurrentByteIndex
        if self._ascii:
            return self._start + index
        if index > self._counted:
            self._offset += len(self._data[self._counted : index].decode("utf-8", "surrogatepass"))
            self._counted = index
        return self._offset

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        tag = Tag(self._row, self._line, self._here(), name.removeprefix(NAMESPACE + "}"), attributes)
        tag.check([element.tag for element in self._open])
        writer, markup = self._writer, ""
        around = writer.voice, writer.rate
        match tag.name:
            case "speak":
                check_version(tag)
            case "p":
                writer.end_paragraph()
            case "s":
                writer.end_sentence()
            case "break":
                writer.pause(read_break(tag), tag.at)
            case "voice":
                writer.voice = read_voice_name(tag)
            case "prosody":
                writer.rate = read_prosody(tag, writer.rate)
            case _:
                markup = read_markup(tag)
                writer.begin_markup()
        self._open.append(_Element(tag, *around, markup))

    def _end(self, _: str) -> None:
        element, writer = self._open.pop(), self._writer
        tag = element.tag
        if tag.name == "p":
            writer.end_paragraph()
        elif tag.name == "s":
            writer.end_sentence()
        elif tag.name in MARKUP and not writer.end_markup(element.markup):
            tag.refuse(f"{tag.shown} without text", "the words that it is about", "write them inside of it")
        writer.voice, writer.rate = element.voice, element.rate

    def _begin_cdata(self) -> None:
        self._in_cdata = True

    def _end_cdata(self) -> None:
        self._in_cdata = False

    def _read_text(self, text: str) -> None:
        at, row = self._here(), self._row
        tag = self._open[-1].tag
        if tag.name == "break" and text.strip(_SPACES):
            refuse(row, self._line, at, shorten(text), f"nothing inside of {tag.shown}", "write the text behind it")
        if row[at] == "&" and not self._in_cdata:
            self._writer.write_character(text, at, row.index(";", at) + 1 - at)
        elif row[at] == "\r":
            self._writer.write_space(at, 2 if row.startswith("\r\n", at) else 1)
        else:
            self._writer.write(text, at)

    def _refuse(self, error: ExpatError) -> NoReturn:
        """Refuse a document that is not well-formed."""
        at = self._start + len(self._data[: self._parser.ErrorByteIndex].decode("utf-8", "ignore"))
        last = self._open[-1].tag.shown.replace("<", "</") if self._open else "<speak>...</speak>"
        message = errors.messages[error.code]
        if message == errors.XML_ERROR_TAG_MISMATCH:
            at, expected, fix = at - len("</"), last, "close the elements in the order in which they were opened"
        elif reference := _AMPERSAND.search(self._row, max(0, at - 40), at):
            at, (expected, fix) = reference.start(), _MISTAKES[errors.XML_ERROR_INVALID_TOKEN]
        elif message == errors.XML_ERROR_NO_ELEMENTS:
            expected, fix = last, "add it"
        else:
            expected, fix = _MISTAKES.get(message, (f"well-formed XML ({message})", "correct it"))
        got = _GOT.match(self._row, at)
        refuse(self._row, self._line, at, shorten(got[0]) if got else "the end of the document", expected, fix)
