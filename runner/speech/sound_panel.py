"""Shows the speech of runs in the report's page: a figure of sound, pitch and alignment, seconds of audio, the voice.

values of a run --> Sound --> figure (sound_plots) --> panel "Sound"
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.speech.line_runner import PHONEMES
from runner.speech.model import VOICE_TYPE, model_dims
from runner.speech.sound_plots import Sound, draw_sound
from runner.speech.speaker import AUDIO, DURATIONS
from stages.dims import HALF_FRAMES, SAMPLE_RATE_HZ
from stages.symbols import normalise
from stages.text.espeak import KOKORO, find_alphabet

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runner.engine.pipeline import Pipeline
    from runner.graph.types import Graph
    from runner.inspect.report import KeptRun
    from runner.runtime.values import Array

_F0, _ENERGY = "f0", "n"
_TYPES = {DURATIONS: "int64[1, text]", _F0: "float32[1, 2*frames]", _ENERGY: "float32[1, 2*frames]"}  # to be drawn
_SILENCE = "·"  # stands for the zero token at either end


def sum_up(graph: Graph, runs: Iterable[KeptRun], voice: str | None) -> list[tuple[str, str]]:
    """Sum up the audio of `runs` and name their voice, for the head of the page.

    Args:
        voice: a specification; None for the model's own voice.
    """
    spoken = voice or (graph.model and graph.model.voice)
    voices = [("voice", spoken)] if spoken and VOICE_TYPE in graph.inputs.values() else []
    audios = [audio for run in runs for name, audio in run.find_audio(graph).items() if name == AUDIO]
    seconds = sum(audio.size for audio in audios) / graph.audio.get(AUDIO, SAMPLE_RATE_HZ)
    return [*([("audio", f"{seconds:.2f} s")] if audios else []), *voices]


def draw_panels(pipeline: Pipeline, run: KeptRun) -> list[tuple[str, str]]:
    """Show the sound of a run: (title, HTML) of each panel; none if the run has neither audio nor durations."""
    figure = draw_sound(_compute_sound(pipeline, run))
    return [] if figure is None else [("Sound", figure)]


def _compute_sound(pipeline: Pipeline, run: KeptRun) -> Sound:
    audios = run.find_audio(pipeline.graph)
    name = AUDIO if AUDIO in audios else next(iter(audios), None)
    ports = {port: _port(pipeline.graph, run, port) for port in _TYPES}
    padded = ports[DURATIONS]
    durations = None if padded is None or not padded.any() else padded[padded > 0]  # 0 is padding
    end = None if durations is None else HALF_FRAMES * int(durations.sum())
    f0_hz, energy = (None if line is None else line.reshape(-1)[:end] for line in (ports[_F0], ports[_ENERGY]))
    return Sound(
        audio=None if name is None else audios[name].reshape(-1),
        rate_hz=SAMPLE_RATE_HZ if name is None else pipeline.graph.audio[name],
        durations=durations,
        symbols=_label_tokens(pipeline, run, 0 if durations is None else durations.size),
        f0_hz=f0_hz,
        energy=energy,
        frame_s=model_dims(pipeline).frame_samples / SAMPLE_RATE_HZ,
    )


def _label_tokens(pipeline: Pipeline, run: KeptRun, count: int) -> list[str]:
    """The symbols of the tokens; their numbers if the tokens are not those of the line."""
    vocab = pipeline.config["vocab"]
    alphabet = find_alphabet(str(run.state.params.get("alphabet", KOKORO)))
    symbols = normalise(str(run.state.inputs.get(PHONEMES, "")), vocab, alphabet)
    labels = [_SILENCE, *(symbol.text for symbol in symbols if symbol.text in vocab), _SILENCE]
    return labels if len(labels) == count else [str(number) for number in range(count)]


def _port(graph: Graph, run: KeptRun, port: str) -> Array | None:
    """The value of the first stage's port of this name that has the type in `_TYPES`; None if there is none."""
    for spec in graph.stages.values():
        if port in spec.outputs and str(spec.outputs[port]) == _TYPES[port]:
            value: Array | None = run.values.get(f"{spec.name}.{port}")
            return value if value is not None and value.size else None
    return None
