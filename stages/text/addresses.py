"""Reads addresses of the web, of mail and of files aloud, each part with its own place in the text."""

from __future__ import annotations

import re

from stages.text.codes import spell_out
from stages.text.fixed_parts import HIDDEN
from stages.text.numbers import read_as_name
from stages.text.rules import list_words
from stages.text.tokens import Token, find_kind

# symbol in an address -> spoken
ADDRESS_SYMBOLS = {
    ".": "dot", "/": "slash", "-": "dash", "_": "underscore", "@": "at", ":": "colon", "?": "question mark",
    "=": "equals", "&": "and", "#": "hash", "%": "percent", "+": "plus", "~": "tilde", ",": "comma", "!": "bang",
    ";": "semicolon", "$": "dollar", "*": "star", "'": "apostrophe", "(": "open bracket", ")": "close bracket",
    "\\": "backslash", "[": "open bracket", "]": "close bracket", "|": "bar", "{": "open brace", "}": "close brace",
}  # fmt: skip
# Last parts of host names; a bare name (example.com) is an address only with one of these. Those of two letters are
# spelled. Countries whose code is an English word (it, in, is, me, us, at, be, so, am, to) need www. or http.
TOP_LEVELS = [
    "com",
    "org",
    "net",
    "edu",
    "gov",
    "mil",
    "int",
    "info",
    "biz",
    "dev",
    "app",
    "xyz",
    "shop",
    "blog",
    "online",
    "io",
    "ai",
    "uk",
    "co",
    "de",
    "fr",
    "eu",
    "nl",
    "ch",
    "se",
    "jp",
    "cn",
    "ru",
    "br",
    "au",
    "ca",
    "nz",
    "ie",
    "pl",
    "es",
    "dk",
    "fi",
    "tv",
    "fm",
]
# Endings of file names -> spoken; in capitals letter by letter
FILE_ENDINGS = {
    "pdf": "PDF", "txt": "TXT", "md": "MD", "py": "PY", "js": "JS", "ts": "TS", "html": "HTML", "htm": "HTM",
    "css": "CSS", "json": "Jason", "yaml": "YAML", "yml": "YML", "xml": "XML", "csv": "CSV", "tsv": "TSV",
    "doc": "doc", "docx": "doc X", "xls": "XLS", "xlsx": "XLSX", "ppt": "PPT", "pptx": "PPTX", "zip": "zip",
    "tar": "tar", "gz": "GZ", "exe": "EXE", "dll": "DLL", "jpg": "JPG", "jpeg": "jpeg", "png": "PNG",
    "gif": "gif", "svg": "SVG", "mp3": "MP three", "mp4": "MP four", "wav": "wave", "sh": "SH", "cpp": "CPP",
    "java": "Java", "log": "log", "cfg": "CFG", "ini": "INI", "toml": "TOML", "so": "SO", "onnx": "ONNX",
    "iso": "ISO", "bak": "BAK", "rs": "RS", "go": "go", "sql": "SQL",
}  # fmt: skip
# Parts of addresses that are spelled, beside those that have no vowel.
SPELLED = list_words("io ai uk eu ie au es de fr ca se api url html pdf id faq ui aws usa")

_TOP = "|".join(sorted(TOP_LEVELS, key=len, reverse=True))
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})"
_SIGN = rf"[^\s<>\"“”{HIDDEN}]"
_TAIL = rf"(?::\d{{1,5}}(?!\d))?(?:[/?#]{_SIGN}*+)?"
_FILE = "|".join(sorted(FILE_ENDINGS, key=len, reverse=True))
_LAST = r"(?![A-Za-z0-9_@-]|\.[A-Za-z0-9])"  # no further part of a name follows
# name -> pattern. The tail of an address has no bound: once it is reached the match succeeds and takes it all.
MAIL = re.compile(rf"(?:mailto:)?[A-Za-z0-9._%+-]{{1,64}}+@(?:{_LABEL}\.){{1,5}}[A-Za-z]{{2,24}}(?![\w@])")
WEB = re.compile(rf"(?P<scheme>[Hh]ttps?|[Ff]tp|[Ff]ile|[Ss]sh|[Gg]it)://(?P<rest>{_SIGN}++)")
HOST = re.compile(
    rf"(?:localhost(?=:\d)|www\.(?:{_LABEL}\.){{1,4}}[A-Za-z]{{2,24}}|(?:{_LABEL}\.){{1,4}}(?:{_TOP}))"
    rf"{_LAST}{_TAIL}"
)
FILE = re.compile(rf"(?:[A-Za-z0-9_-]{{1,64}}\.){{1,3}}(?P<ending>{_FILE}){_LAST}")
_ENDING = re.compile(rf"(?<![^\s(\"“*]).(?P<ending>{_FILE}){_LAST}")
_PATH = re.compile(r"(?:~|\.{1,2})?/\.?[A-Za-z_][\w.-]{0,63}(?:/[\w.-]{1,64}){0,20}/?")
_PARTS = re.compile(r"[A-Za-z]++|\d++|[^\w\s]|_|[^\W\d_a-zA-Z]++")
_TRAILING = ".,;:!?)]}'’\"”*"


def find_address(text: str, start: int) -> tuple[list[Token], int] | None:
    """The words of the address that begins at `start`, and its end; None where none begins."""
    if match := WEB.match(text, start):
        return _read(text, match.start("rest"), _trim(text, match.start("rest"), match.end()), "")
    if match := MAIL.match(text, start):
        return _read(text, start + 7 * match[0].startswith("mailto:"), match.end(), "")
    if match := HOST.match(text, start):
        return _read(text, start, _trim(text, start, match.end()), "")
    if match := FILE.match(text, start):
        return _read(text, start, match.end(), match["ending"])
    return None


def find_path(text: str, start: int) -> tuple[list[Token], int] | None:
    """The words of the path of a file that begins at `start` (~/.app/), and its end."""
    if start and text[start - 1] not in " \t\n(\"'`“‘=":
        return None
    match = _PATH.match(text, start)
    return _read(text, start, _trim(text, start, match.end()), "") if match else None


def find_ending(text: str, start: int) -> tuple[list[str], int] | None:
    """The words of an ending of file names that stands alone (a .pdf), and its end."""
    match = _ENDING.match(text, start)
    return (["dot", *FILE_ENDINGS[match["ending"]].split()], match.end()) if match else None


def _trim(text: str, start: int, end: int) -> int:
    """The end of an address without the punctuation of the sentence behind it; all of it before a hidden part."""
    if text[end : end + 1] == HIDDEN:
        return end
    while end > start + 1 and text[end - 1] in _TRAILING:
        if text[end - 1] == ")" and "(" in text[max(start, end - 200) : end - 1]:
            break
        end -= 1
    return end - 1 if end > start + 1 and text[end - 1] == "/" else end


def _read(text: str, start: int, end: int, ending: str) -> tuple[list[Token], int]:
    tokens: list[Token] = []
    last = end - len(ending)
    for match in _PARTS.finditer(text, start, last):
        spoken = _read_part(match[0])
        tokens += [_make_token(word, match.start(), match.end()) for word in spoken]
    if ending:
        tokens += [_make_token(word, last, end) for word in FILE_ENDINGS[ending].split()]
    slash = text[end : end + 1] == "/" and not ending
    return tokens, end + slash


def _read_part(part: str) -> list[str]:
    if part in ADDRESS_SYMBOLS:
        return ADDRESS_SYMBOLS[part].split()
    if part.isdecimal():
        return read_as_name(part)
    if not part.isalpha():
        return []
    return spell_out(part) if _is_spelled(part) else [part]


def _is_spelled(part: str) -> bool:
    """Whether a part is spelled: it is short and no word can be made of it."""
    return part.lower() in SPELLED or (len(part) < 5 and not set(part.lower()) & set("aeiouy")) or len(part) == 1


def _make_token(word: str, start: int, end: int) -> Token:
    return Token(word, start, end, kind=find_kind(word))
