"""Reads the four lexicons of misaki from its wheel, without importing its code.

misaki (hexgrad, Apache License 2.0) has two lexicons for each variety of English: gold, which people checked, and
silver, which nobody did. Each is a JSON object: word -> phonemes, or word -> {part of speech: phonemes or null}.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from training.errors import TrainingError

SHA256 = "90e2eeb169786c014c429e5058d2ea6bcd02d651f2a24450ba6c9ffc0f8da15a"  # misaki-0.9.4-py3-none-any.whl
_MEMBER = "misaki/data/{}.json"

Phonemes = str | Mapping[str, str | None]
Words = Mapping[str, Phonemes]


class Sources(NamedTuple):
    """The lexicons, each by the name of its file in the wheel."""

    us_gold: Words
    us_silver: Words
    gb_gold: Words
    gb_silver: Words


def read_wheel(path: Path, sha256: str = SHA256) -> Sources:
    """Read the lexicons from the wheel at `path`.

    Raises:
        TrainingError: the file has another digest than `sha256`, or lacks a lexicon.
    """
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        raise TrainingError(
            f"{path}: got a file with the SHA-256 digest {found}, expected {sha256}; "
            "download it again: pip download misaki==0.9.4 --no-deps"
        )
    with zipfile.ZipFile(path) as archive:
        return Sources(*(_read_words(archive, path, name) for name in Sources._fields))


def _read_words(archive: zipfile.ZipFile, path: Path, name: str) -> dict[str, Phonemes]:
    member = _MEMBER.format(name)
    try:
        words: dict[str, Phonemes] = json.loads(archive.read(member))
    except KeyError:
        raise TrainingError(f"{path}: {member} is missing; give the wheel of misaki 0.9.4") from None
    return words
