"""Shows the sound of runs in the report's page: pictures of audio, alignment and pitch, and the seconds of audio.

values of a run --> Sound --> pictures (sound_plots) --> HTML of the panels "Sound" and "Alignment"
"""

from __future__ import annotations

from html import escape
from importlib import util
from typing import TYPE_CHECKING

import numpy as np

from runner.errors import RunError
from runner.speech.line_runner import PHONEMES
from runner.speech.model import model_dims
from runner.speech.speaker import AUDIO, DURATIONS
from stages.dims import END_TOKENS, SAMPLE_RATE_HZ
from stages.symbols import normalise

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runner.engine.pipeline import Pipeline
    from runner.graph.types import Graph
    from runner.inspect.report import KeptRun
    from runner.runtime.values import Array
    from runner.speech.sound_plots import Sound

_INSTALL = "pip install 'kokoro-run[report]'"
_F0, _ENERGY = "f0", "n"
_TYPES = {DURATIONS: "int64[1, text]", _F0: "float32[1, 2*frames]", _ENERGY: "float32[1, 2*frames]"}  # to be drawn
_SILENCE = "·"  # stands for the zero token at either end


def check_drawing() -> None:
    """Refuse a report that could not be drawn, before anything runs.

    Raises:
        RunError: matplotlib is not installed.
    """
    if util.find_spec("matplotlib") is None:
        raise RunError(f"a report needs matplotlib, which is not installed: {_INSTALL}")


def sum_up(graph: Graph, runs: Iterable[KeptRun]) -> list[tuple[str, str]]:
    """Sum up the audio of `runs`, for the head of the page."""
    audios = (_output(graph, run, AUDIO) for run in runs)
    return [("audio", f"{sum(audio.size / SAMPLE_RATE_HZ for audio in audios if audio is not None):.2f} s")]


def draw_panels(pipeline: Pipeline, run: KeptRun) -> list[tuple[str, str]]:
    """Draw the sound of a run: (title, HTML) of each panel."""
    from runner.speech import sound_plots  # noqa: PLC0415 - matplotlib takes 0.3 s

    sound = _compute_sound(pipeline, run)
    pictures = {"Sound": sound_plots.draw_sound(sound), "Alignment": sound_plots.draw_alignment(sound)}
    drawn = [
        (title, f'<img style="width:{picture.width}px" src="{picture.uri}" alt="{escape(picture.alt)}">')
        for title, picture in pictures.items()
        if picture is not None
    ]
    return drawn or [("Sound", "<p>This graph gives neither audio nor durations to draw.</p>")]


def _compute_sound(pipeline: Pipeline, run: KeptRun) -> Sound:
    from runner.speech.sound_plots import Sound  # noqa: PLC0415 - as above

    vocab = pipeline.config["vocab"]
    durations = _port(pipeline.graph, run, DURATIONS)
    phonemes = str(run.state.inputs.get(PHONEMES, ""))
    symbols = [symbol.text for symbol in normalise(phonemes, vocab) if symbol.text in vocab]
    if durations is not None:
        durations = durations.reshape(-1)
        used = int(np.count_nonzero(durations))
        labels = [_SILENCE, *symbols, _SILENCE] if used == len(symbols) + END_TOKENS else [str(n) for n in range(used)]
        durations, symbols = durations[:used], labels
    return Sound(
        audio=_output(pipeline.graph, run, AUDIO),
        durations=durations,
        symbols=symbols,
        f0_hz=_contour(pipeline.graph, run, _F0),
        energy=_contour(pipeline.graph, run, _ENERGY),
        frame_s=model_dims(pipeline).frame_samples / SAMPLE_RATE_HZ,
    )


def _output(graph: Graph, run: KeptRun, name: str) -> Array | None:
    """An output of the graph, whether or not this run was to give it."""
    ref = graph.outputs.get(name)
    return None if ref is None else run.values.get(str(ref))


def _port(graph: Graph, run: KeptRun, port: str) -> Array | None:
    """The value of the first stage's port of this name that has the type in `_TYPES`."""
    for spec in graph.stages.values():
        if port in spec.outputs and str(spec.outputs[port]) == _TYPES[port]:
            return run.values.get(f"{spec.name}.{port}")
    return None


def _contour(graph: Graph, run: KeptRun, port: str) -> Array | None:
    """The value of a port for each half-frame, without padding."""
    value, durations = _port(graph, run, port), _port(graph, run, DURATIONS)
    if value is None:
        return None
    return value.reshape(-1)[: None if durations is None else 2 * int(durations.sum())]
