"""Which letters say which phonemes: an alignment learned from whole words by expectation and maximisation.

    word, phonemes --> one chunk a letter: "phase" f|-|ˈA|z|-

A letter says a chunk of no phoneme to three. The probability of a word is the sum, over all ways to cut its phonemes
into as many chunks as it has letters, of the product of p(chunk | letter); EM raises that of all words, and the
most probable way is the alignment. Probabilities are of chunks without stress marks, so that a vowel counts as one
whether stressed or not.

Source: Jiampojamarn, Kondrak, Sherif 2007, "Applying many-to-many alignments and hidden Markov models to
letter-to-phoneme conversion", with one letter a chunk.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LONGEST = 3  # phonemes of a chunk
_KINDS = LONGEST + 1
_UNIT = re.compile("[ˈˌ]*[^ˈˌ]ː?")  # a phoneme with what belongs to it: its stress mark before it, its length after it
_STRESS = re.compile("[ˈˌ]")
_START = (0.2, 1.0, 0.05, 0.005)  # p of a chunk of 0, 1, 2, 3 phonemes before anything is known, but for a factor
_BLOCK = 8192  # words at a time

Floats = NDArray[np.float64]
Integers = NDArray[np.int32]


@dataclass(frozen=True)
class _Words:
    """Words side by side: letters [words, letters], -1 past a word's end; chunks [words, first phoneme, phonemes]."""

    letters: Integers
    sizes: Integers
    chunks: Integers


class Aligner:
    """p(chunk | letter), and the alignments that follow from it."""

    def __init__(self, letters: str) -> None:
        self.letters = letters
        self.ids: dict[str, int] = {}
        self.table: Floats = np.zeros((len(letters), 0))

    def learn(self, words: Sequence[str], phonemes: Sequence[str], rounds: int) -> None:
        """Learn from words and how they are said; each round is one step of EM over all of them."""
        blocks = [self._pack(w, p, add=True) for w, p in _in_blocks(words, phonemes)]
        sizes = [0] * (len(self.ids) + 1)
        for chunk, at in self.ids.items():
            sizes[at] = len(_UNIT.findall(chunk))
        self.table = np.tile(np.array([_START[size] for size in sizes]), (len(self.letters), 1))
        self.table[:, -1] = 0.0  # the chunk that reaches past the word's end
        for _ in range(rounds):
            counts = sum(self._expect(block) for block in blocks)
            self.table = counts / np.maximum(np.sum(counts, axis=1, keepdims=True), 1e-30)

    def align(self, words: Sequence[str], phonemes: Sequence[str]) -> list[list[str] | None]:
        """Cut each word's phonemes into one chunk a letter; None where no way is possible."""
        found: list[list[str] | None] = []
        for some, said in _in_blocks(words, phonemes):
            for lengths, each in zip(self._decode(self._pack(some, said, add=False)), said, strict=True):
                units = iter(_UNIT.findall(each))
                found.append(None if lengths is None else ["".join(next(units) for _ in range(n)) for n in lengths])
        return found

    def _pack(self, words: Sequence[str], phonemes: Sequence[str], *, add: bool) -> _Words:
        units = [_UNIT.findall(_STRESS.sub("", each)) for each in phonemes]
        sizes = np.array([len(each) for each in units], np.int32)
        letters = np.full((len(words), max(map(len, words))), -1, np.int32)
        chunks = np.full((len(words), int(sizes.max()) + 1, _KINDS), -1, np.int32)
        for i, (word, said) in enumerate(zip(words, units, strict=True)):
            letters[i, : len(word)] = [self.letters.index(letter) for letter in word]
            for first in range(len(said) + 1):
                for count in range(min(LONGEST, len(said) - first) + 1):
                    chunk = "".join(said[first : first + count])
                    new = len(self.ids) if add else -1
                    chunks[i, first, count] = self.ids.setdefault(chunk, new) if add else self.ids.get(chunk, new)
        return _Words(letters, sizes, chunks)

    def _steps(self, words: _Words, at: int) -> Floats:
        """Return p [words, first phoneme, phonemes] of the chunks that letter `at` may say."""
        steps: Floats = self.table[words.letters[:, at, None, None], words.chunks]
        return steps

    def _expect(self, words: _Words) -> Floats:
        """Count how often each letter says each chunk, each way weighted by its probability."""
        count, letters = words.letters.shape
        places = words.chunks.shape[1]
        ahead: Floats = np.zeros((letters + 1, count, places))
        ahead[0, :, 0] = 1.0
        behind: Floats = np.zeros((letters + 1, count, places + LONGEST))
        for at in range(letters):
            steps = self._steps(words, at)
            for k in range(_KINDS):
                ahead[at + 1, :, k:] += (ahead[at] * steps[:, :, k])[:, : places - k]
        spelled = (words.letters >= 0).sum(axis=1)
        each, last = np.arange(count), words.sizes
        whole: Floats = np.maximum(ahead[spelled, each, last], 1e-300)
        behind[letters, each, last] = 1.0
        counts: Floats = np.zeros(self.table.shape)
        for at in reversed(range(letters)):
            steps, inside = self._steps(words, at), np.flatnonzero(words.letters[:, at] >= 0)
            ways = np.stack([steps[:, :, k] * behind[at + 1, :, k : k + places] for k in range(_KINDS)], axis=2)
            behind[at, :, :places] = behind[at + 1, :, :places]
            behind[at, inside, :places] = ways[inside].sum(axis=2)
            shares = (ahead[at, :, :, None] * ways / whole[:, None, None])[inside]
            where = words.letters[inside, at, None, None] * counts.shape[1] + words.chunks[inside]
            where[words.chunks[inside] < 0] = counts.shape[1] - 1
            counts += np.bincount(where.ravel(), shares.ravel(), counts.size).reshape(counts.shape)
        return counts

    def _decode(self, words: _Words) -> list[list[int] | None]:
        """Find the most probable number of phonemes of each letter."""
        count, letters = words.letters.shape
        places = words.chunks.shape[1]
        best = np.full((count, places), -np.inf)
        best[:, 0] = 0.0
        choices = np.zeros((letters, count, places), np.int8)
        for at in range(letters):
            with np.errstate(divide="ignore"):
                steps = np.log(self._steps(words, at))
            ways = np.full((count, places, _KINDS), -np.inf)
            for k in range(_KINDS):
                ways[:, k:, k] = (best + steps[:, :, k])[:, : places - k]
            choices[at] = ways.argmax(axis=2)
            inside = words.letters[:, at] >= 0
            best = np.where(inside[:, None], ways.max(axis=2), best)
        return [self._trace(words, choices, best, i) for i in range(count)]

    @staticmethod
    def _trace(words: _Words, choices: NDArray[np.int8], best: Floats, i: int) -> list[int] | None:
        place = int(words.sizes[i])
        if not np.isfinite(best[i, place]):
            return None
        lengths: list[int] = []
        for at in reversed(range(int((words.letters[i] >= 0).sum()))):
            lengths.append(int(choices[at, i, place]))
            place -= lengths[-1]
        return lengths[::-1]


def _in_blocks(words: Sequence[str], phonemes: Sequence[str]) -> Iterator[tuple[Sequence[str], Sequence[str]]]:
    for first in range(0, len(words), _BLOCK):
        yield words[first : first + _BLOCK], phonemes[first : first + _BLOCK]
