"""Writes a lexicon in the format that `stages.text.lexicon` describes and reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from stages.text.lexicon import (
    ABSENT,
    AMERICAN,
    BLOCK_WORDS,
    GOLD,
    HEADER,
    KEYS,
    MAGIC,
    OFFSET,
    SILVER,
    VARIANTS,
    VERSION,
)
from training.errors import TrainingError
from training.lexicon.merge import Graded, Word
from training.lexicon.strings import choose_strings, make_encoder
from training.lexicon.wheel import Phonemes

Encoder = Callable[[str], bytes]


def write_lexicon(words: Sequence[Word]) -> bytes:
    """The content of the file; `words` are in the order of their ASCII bytes."""
    strings = choose_strings([phonemes for word in words for phonemes in _all_phonemes(word)])
    encode = make_encoder(strings)
    table = bytes([len(strings)]) + b"".join(_counted(each.encode("utf-8"), each) for each in strings)
    blocks = [_write_block(words[at : at + BLOCK_WORDS], encode) for at in range(0, len(words), BLOCK_WORDS)]
    offset, index = HEADER.size + len(table), bytearray()
    for block in blocks:
        index += OFFSET.pack(offset)
        offset += len(block)
    american, british = (sum(word[place] is not None for word in words) for place in (1, 2))
    header = HEADER.pack(MAGIC, VERSION, BLOCK_WORDS, len(words), american, british, len(blocks), offset)
    return header + table + b"".join(blocks) + index


def _all_phonemes(word: Word) -> Iterator[str]:
    for entry in (word.american, word.british):
        if entry and isinstance(entry.phonemes, str):
            yield entry.phonemes
        elif entry:
            yield from (each for each in entry.phonemes.values() if each)  # type: ignore[union-attr]


def _write_block(words: Iterable[Word], encode: Encoder) -> bytes:
    block, before = b"", b""
    for word in words:
        letters = word.spelling.encode("ascii")
        shared = _count_shared(before, letters)
        block += bytes([shared]) + _counted(letters[shared:], word.spelling)
        block += _counted(_write_entries(word, encode), word.spelling)
        before = letters
    return block


def _count_shared(before: bytes, letters: bytes) -> int:
    shared = 0
    while shared < len(before) and before[shared] == letters[shared]:
        shared += 1
    return shared


def _write_entries(word: Word, encode: Encoder) -> bytes:
    """Grades, American entry, British entry."""
    same = word.american is not None and word.american == word.british
    american, british = _grade(word.american), AMERICAN if same else _grade(word.british)
    content = bytes([american | british << 4])
    if word.american:
        content += _counted(_write_phonemes(word.american.phonemes, encode), word.spelling)
    if word.british and not same:
        content += _write_phonemes(word.british.phonemes, encode)
    return content


def _grade(entry: Graded | None) -> int:
    if entry is None:
        return ABSENT
    return (GOLD if entry.gold else SILVER) | (0 if isinstance(entry.phonemes, str) else VARIANTS)


def _write_phonemes(phonemes: Phonemes, encode: Encoder) -> bytes:
    if isinstance(phonemes, str):
        return encode(phonemes)
    variants = sorted((KEYS.index(key), each) for key, each in phonemes.items())
    return b"".join(bytes([key]) + _counted(encode(each or ""), KEYS[key]) for key, each in variants)


def _counted(content: bytes, name: str) -> bytes:
    if len(content) > 255:
        raise TrainingError(f"word {name!r}: got {len(content)} bytes, but a count has one byte")
    return bytes([len(content)]) + content
