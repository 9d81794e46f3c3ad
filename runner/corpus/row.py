"""Describes a row of a corpus: what is spoken, how, and what is carried over to the output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from runner.cache.digest import value_digest

if TYPE_CHECKING:
    from runner.graph.types import Parameter


@dataclass(frozen=True)
class CorpusRow:
    """A row that can be spoken.

    Attributes:
        id: names the files of the row.
        text: feeds the input of the graph that takes rows.
        is_phonemes: whether `text` is phonemes in place of those that the graph would make; false for a graph that
            takes phonemes anyway.
        inputs: other inputs of the graph, by name: texts, and specifications of voices.
        params: parameters in place of the graph's own, by name, each of the type of its default.
        extra: columns that are carried over, by name; JSON values.
        origin: where it was written: `rows.jsonl:7`.
    """

    id: str
    text: str
    is_phonemes: bool = False
    inputs: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Parameter] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    origin: str = ""

    @property
    def digest(self) -> str:
        """The digest of everything but the origin; the order of inputs, parameters and columns is no matter."""
        return value_digest({name: value for name, value in self.to_json().items() if name != "origin"})

    def to_json(self) -> dict[str, Any]:
        """Make a JSON value that `from_json` reads."""
        return {
            "id": self.id,
            "text": self.text,
            "is_phonemes": self.is_phonemes,
            "inputs": dict(self.inputs),
            "params": dict(self.params),
            "extra": dict(self.extra),
            "origin": self.origin,
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """Make the row that `to_json` was given."""
        return cls(**fields)
