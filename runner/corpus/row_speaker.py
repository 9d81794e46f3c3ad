"""Speaks rows of a corpus, each by the speaker for its voice and its parameters."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from runner.batch.rows import Row
from runner.cache.digest import array_digest, value_digest
from runner.corpus.columns import Columns
from runner.engine.options import RunOptions
from runner.engine.pipeline import Pipeline
from runner.errors import LineError
from runner.runtime.process import use_heap
from runner.speech.model import VOICE, make_resolvers
from runner.speech.speaker import Speaker
from runner.speech.timestamps import join_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runner.corpus.recipe import Recipe
    from runner.corpus.row import CorpusRow
    from runner.runtime.values import Array
    from runner.speech.speaker import Part

_MOST = 64  # speakers that are kept: one with its templates takes tens of kilobytes
_SEED = "seed"
_TOLD = ("lang", "speed", _SEED)  # parameters that an entry tells, where the graph has them


@dataclass(frozen=True)
class SpokenRow:
    """A row that was spoken.

    Attributes:
        audio: float32 [samples].
        entry: what is told of it (`layouts.layout`), but for the digests and the file.
    """

    audio: Array
    entry: dict[str, Any]


class RowSpeaker:
    """Speaks the rows of a corpus with one pipeline.

    Attributes:
        pipeline: runs the graph of the recipe.
        rate_hz: of the audio.
    """

    def __init__(self, recipe: Recipe) -> None:
        """Load the graph; libraries are loaded with the first row.

        Raises:
            KokoroError: the graph does not load, or does not speak.
        """
        use_heap()
        graph = recipe.load()
        self._inputs, self._params = dict(recipe.inputs), dict(recipe.params)
        self._speakers: OrderedDict[tuple[Any, ...], Speaker] = OrderedDict()
        self.pipeline = Pipeline(graph, recipe.build_dir, recipe.threads, resolvers=make_resolvers(graph))
        # A row may have a seed of its own, and so a speaker, but rows have few voices, which are files.
        self._resolve = lru_cache(_MOST)(lambda given: self.pipeline.resolve_inputs(dict(given)))
        self._digest_inputs = lru_cache(_MOST)(self._digest_resolved)
        self._input = Columns(graph).text
        self.rate_hz = self._find_speaker({}, {}).rate_hz

    def check(self, row: CorpusRow) -> None:
        """Find out whether a row could be spoken.

        Raises:
            KokoroError: it could not.
        """
        # A seed keeps no row from being spoken.
        params = {name: value for name, value in row.params.items() if name != _SEED}
        speaker = self._find_speaker(row.inputs, params)
        if row.is_phonemes:
            speaker.begin(_make_row(row), phonemes=True)
        else:
            speaker.check(_make_row(row))

    def digest(self, row: CorpusRow) -> str:
        """Digest a row and what its other inputs are: a voice of the same name may have become another one."""
        return value_digest([row.digest, self._digest_inputs(self._spell({**self._inputs, **row.inputs}))])

    def sum_up(self) -> None:
        """Log what the rows that were checked have in common, in place of a warning for each."""
        for speaker in self._speakers.values():
            speaker.sum_up()

    def speak(self, row: CorpusRow) -> SpokenRow:
        """Speak a row that `check` has found good.

        Raises:
            LineError: a stage refused it, or nothing in it is spoken.
        """
        speaker = self._find_speaker(row.inputs, row.params)
        speech = speaker.begin(_make_row(row), phonemes=row.is_phonemes)
        parts = [speech.finish(number) for number in range(len(speech))]
        audio = np.concatenate([part.audio for part in parts]) if parts else np.zeros(0, np.float32)
        if not audio.size:
            raise LineError(row.origin, "nothing in it is spoken", row.id)
        told = {
            "id": row.id,
            "text": row.text,
            "phonemes": speech.phonemes,
            **self._describe(row),
            "samples": audio.size,
            "rate": self.rate_hz,
            "duration": self._to_seconds(audio.size),
            **self._time(parts),
            "extra": dict(row.extra),
        }
        return SpokenRow(audio, told)

    def _find_speaker(self, inputs: Mapping[str, str], params: Mapping[str, object]) -> Speaker:
        given, options = {**self._inputs, **inputs}, {**self._params, **params}
        voices = self._spell(given)
        key = voices, tuple(sorted((name, repr(value)) for name, value in options.items()))
        speaker = self._speakers.get(key)
        if speaker is None:
            speaker = Speaker(self.pipeline, self._resolve(voices), self._input, RunOptions(options), timed=True)
            self._speakers[key] = speaker
            if len(self._speakers) > _MOST:
                self._speakers.popitem(last=False)[1].sum_up()
        self._speakers.move_to_end(key)
        return speaker

    @staticmethod
    def _spell(inputs: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        return tuple(sorted(inputs.items()))

    def _digest_resolved(self, given: tuple[tuple[str, str], ...]) -> str:
        resolved = self._resolve(given)
        told = {name: value if isinstance(value, str) else array_digest(value) for name, value in resolved.items()}
        return value_digest(told)

    def _describe(self, row: CorpusRow) -> dict[str, Any]:
        """Describe how a row is spoken."""
        graph = self.pipeline.graph
        params = {**graph.params, **self._params, **row.params}
        inputs = {**self._inputs, **row.inputs}
        voice = inputs.get(VOICE) or (None if graph.model is None else graph.model.voice)
        told = {"voice": voice} if VOICE in graph.inputs else {}
        return {**told, **{name: params[name] for name in _TOLD if name in params}}

    def _time(self, parts: Sequence[Part]) -> dict[str, Any]:
        """Tell when words and symbols are spoken [s]."""
        words, symbols, start = [], [], 0
        for part in parts:
            for word in part.words or join_words(part.spans):
                if word.text:
                    phonemes = getattr(word, "phonemes", word.text)
                    words.append({"text": word.text, **self._place(word, start), "phonemes": phonemes})
            symbols += [{"symbol": span.text, **self._place(span, start)} for span in part.spans]
            start += part.audio.size
        return {"words": words, "symbols": symbols}

    def _place(self, span: Any, start: int) -> dict[str, float]:
        return {"start": self._to_seconds(start + span.start), "end": self._to_seconds(start + span.end)}

    def _to_seconds(self, samples: int) -> float:
        return round(samples / self.rate_hz, 6)


def _make_row(row: CorpusRow) -> Row:
    return Row(row.text.encode("utf-8", "surrogateescape"), row.origin, id=row.id)
