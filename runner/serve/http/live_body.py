"""Reads what the page asks to be spoken: what OpenAI's endpoint takes, and changes of single words.

{"model": "kokoro", "input": "Hi there.", "edits": [{"row": 0, "word": 1, "phonemes": "ðˈɛɹ"}]}
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, Field

from runner.serve.http.errors import HttpError
from runner.serve.http.speech_body import STRICT, SpeechBody, make_utterance

if TYPE_CHECKING:
    from runner.graph.types import Graph
    from runner.serve.settings import ServeSettings
    from runner.serve.utterance import Utterance

_MOST_EDITS, _LONGEST_EDIT = 4096, 200  # of a request; symbols of one


class EditBody(BaseModel):
    """Phonemes in place of those that the text gives for a word."""

    model_config = STRICT
    row: Annotated[int, Field(ge=0, description="The paragraph, from 0.")]
    word: Annotated[int, Field(ge=0, description="The word in it, from 0.")]
    phonemes: Annotated[str, Field(max_length=_LONGEST_EDIT)]


class LiveBody(SpeechBody):
    """What is to be spoken, and how, with changes of single words."""

    edits: Annotated[list[EditBody] | None, Field(max_length=_MOST_EDITS)] = None


def make_live_utterance(body: LiveBody, graph: Graph, settings: ServeSettings) -> Utterance:
    """Check what is asked for against the graph and the limits.

    Raises:
        HttpError: it cannot be spoken.
    """
    edits = {(edit.row, edit.word): edit.phonemes for edit in body.edits or ()}
    if edits and body.phonemes is not None:
        raise HttpError(400, "edits: are of words of a text, found phonemes", param="edits")
    return dataclasses.replace(make_utterance(body, graph, settings), edits=edits, needs_length=False, watched=True)
