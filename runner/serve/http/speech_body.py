"""Reads what a client of OpenAI's endpoint asks to be spoken.

{"model": "kokoro", "input": "Hello.", "voice": "af_heart", "response_format": "mp3", "stream_format": "audio"}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from runner.errors import suggest
from runner.serve.http.errors import HttpError
from runner.serve.utterance import Utterance
from runner.speech.model import VOICE

if TYPE_CHECKING:
    from runner.graph.types import Graph, Parameter
    from runner.serve.settings import ServeSettings

AudioFormat = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
AUDIO_FORMATS: tuple[str, ...] = get_args(AudioFormat)
_WITH_SIZES = ("wav", "flac")  # the length of the whole is in their header
_WITH_LENGTH = ("mp3", "pcm", *_WITH_SIZES)  # or follows from it, for Content-Length, which events have not
_SEEDS = 1 << 63
_MOST_EDITS, _LONGEST_EDIT = 4096, 200  # of a request; symbols of one
_OF_GRAPH = ("speed", "lang", "seed")  # fields that are parameters of the graph
_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class VoiceId(BaseModel):
    """A voice, as an object."""

    model_config = _STRICT
    id: str


class EditBody(BaseModel):
    """Phonemes in place of those that the text gives for a word."""

    model_config = _STRICT
    row: Annotated[int, Field(ge=0, description="The paragraph, from 0.")]
    word: Annotated[int, Field(ge=0, description="The word in it, from 0.")]
    phonemes: Annotated[str, Field(max_length=_LONGEST_EDIT)]


class SpeechBody(BaseModel):
    """What is to be spoken, and how."""

    model_config = _STRICT
    model: Annotated[str, Field(description="One of those that /v1/models lists. All of them are the same.")]
    input: Annotated[str | None, Field(description="Text; paragraphs are parted by blank lines.")] = None
    phonemes: Annotated[str | None, Field(description="In place of `input`: lines of phonemes.")] = None
    voice: Annotated[
        str | VoiceId | None,
        Field(description="Listed by /v1/audio/voices; or a mix: `af_bella(2)+af_sky`, `af_heart*0.6+am_adam*0.4`."),
    ] = None
    response_format: Annotated[AudioFormat | None, Field(description="Default: mp3.")] = None
    speed: Annotated[float | None, Field(ge=0.25, le=4, description="2 takes half the time. Default: 1.")] = None
    stream_format: Annotated[
        Literal["audio", "sse"] | None, Field(description="The audio itself, or server-sent events. Default: audio.")
    ] = None
    instructions: Annotated[str | None, Field(description="Have no effect, which the header X-Ignored says.")] = None
    lang: Annotated[str | None, Field(max_length=32, description="Of the text: en-us, en-gb ...")] = None
    seed: Annotated[int | None, Field(ge=-_SEEDS, lt=_SEEDS, description="Of the noise in the voice.")] = None
    edits: Annotated[
        list[EditBody] | None, Field(max_length=_MOST_EDITS, description="Other phonemes for words of `input`.")
    ] = None
    return_timing: Annotated[
        bool | None,
        Field(description="When each word is spoken: as events, or below the address in the header X-Result."),
    ] = None

    @property
    def format(self) -> str:
        """The audio format."""
        return self.response_format or "mp3"

    @property
    def text(self) -> str:
        """What is to be spoken."""
        return (self.input if self.phonemes is None else self.phonemes) or ""

    @property
    def text_field(self) -> str:
        """The field that has it."""
        return "input" if self.phonemes is None else "phonemes"


def make_utterance(body: SpeechBody, graph: Graph, settings: ServeSettings) -> Utterance:
    """Check what is asked for against the graph and the limits.

    Raises:
        HttpError: the server has no such model, or the text is missing or too long, or the graph has no such parameter.
    """
    _check_model(body.model, settings)
    if (body.input is None) == (body.phonemes is None):
        found = "neither" if body.input is None else "both"
        raise HttpError(400, f"input: expected either input or phonemes, found {found}", param="input")
    if body.edits and body.phonemes is not None:
        raise HttpError(400, "edits: are of words of a text, found phonemes", param="edits")
    if not body.text.strip():
        raise HttpError(400, f"{body.text_field}: there is nothing to speak", param=body.text_field)
    if len(body.text) > settings.longest_input:
        message = f"{body.text_field}: has {len(body.text)} characters, expected at most {settings.longest_input}"
        raise HttpError(400, message, param=body.text_field, code="string_above_max_length")
    named = body.voice.id if isinstance(body.voice, VoiceId) else body.voice
    if named == "":
        raise HttpError(400, f"{VOICE}: is empty; leave it out for the model's own", param=VOICE)
    return Utterance(
        body.text,
        is_phonemes=body.phonemes is not None,
        voice=named,
        params=_find_params(body, graph),
        edits={(edit.row, edit.word): edit.phonemes for edit in body.edits or ()},
        needs_length=body.format in (_WITH_SIZES if body.stream_format == "sse" else _WITH_LENGTH),
    )


def _check_model(name: str, settings: ServeSettings) -> None:
    if name not in settings.models:
        raise HttpError(
            404,
            f"there is no model '{name[:64]}'{suggest(name, settings.models)}",
            param="model",
            code="model_not_found",
        )


def _find_params(body: SpeechBody, graph: Graph) -> dict[str, Parameter]:
    params: dict[str, Parameter] = {}
    for name in _OF_GRAPH:
        value = getattr(body, name)
        if value is None:
            continue
        if name not in graph.params:
            raise HttpError(400, f"{name}: the graph that is served has no such parameter", param=name)
        kind = type(graph.params[name])
        bounds = graph.bounds.get(name)
        problem = None if bounds is None else bounds.describe_violation(value)
        if problem is not None:
            raise HttpError(400, f"{name}: is {value}, expected {problem}", param=name)
        params[name] = kind(value)
    return params
