"""What a request wants spoken, whichever protocol it came by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Utterance:
    """What is spoken, and how.

    Attributes:
        text: a text, whose paragraphs are parted by blank lines; or lines of phonemes.
        is_phonemes: whether it is phonemes.
        voice: names of voices, or a mix of them, such as `af_heart*0.6+am_adam*0.4`; None for the model's own.
        params: of the graph, by name.
        edits: (paragraph, word), both from 0 -> phonemes in place of those that the text gives.
        needs_length: whether the samples of the whole are to be known before the first, if there is time for it.
        watched: whether what the stages do is told.
        only_read: whether nothing is spoken: its words are told.
    """

    text: str
    is_phonemes: bool = False
    voice: str | None = None
    params: Mapping[str, object] = field(default_factory=dict)
    edits: Mapping[tuple[int, int], str] = field(default_factory=dict)
    needs_length: bool = False
    watched: bool = False
    only_read: bool = False
