"""One HTML page about a run: graph, times, sound and ports, with all it needs inside; a browser loads nothing else.

Request, Result, events --> Spoken --> graph and timeline (`drawing`), pictures (`pictures`), tables --> page
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from html import escape
from importlib import metadata, util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runner.engine.run_state import HIT, RUN
from runner.engine.trace import BESIDE, STAGE
from runner.engine.trace import HIT as HIT_EVENT
from runner.errors import RunError
from runner.inspect.cache_text import spell_bytes
from runner.inspect.svg import Fate, graph_svg, spell_time, timeline_svg
from runner.speech.line_runner import PHONEMES
from runner.speech.speaker import AUDIO, DURATIONS
from stages.dims import END_TOKENS, SAMPLE_RATE_HZ
from stages.symbols import normalise

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runner.engine.run_state import Request
    from runner.engine.trace import Traced
    from runner.graph.types import Graph, StageSpec
    from runner.runtime.values import Array
    from runner.speech.sound_plots import Sound

MOST = 16  # utterances of a page: each takes about a megabyte
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
        raise RunError(f"--report draws with matplotlib, which is not installed: {_INSTALL}")


@dataclass(frozen=True)
class Spoken:
    """One run of the graph: what became of it, and every port's array by 'stage.port', outputs by name."""

    request: Request
    values: Mapping[str, Any]


def check_count(total: int) -> None:
    """Refuse a page without end.

    Raises:
        RunError: it would hold no utterance, or more than `MOST`.
    """
    if not 0 < total <= MOST:
        raise RunError(f"--report: a page holds 1 to {MOST} utterances, this run has {total}; give fewer lines")


def page(pipeline: Traced, wall_s: float) -> str:
    """The page about all that `pipeline` has run with `keep`.

    Args:
        wall_s: of the whole command so far.

    Raises:
        RunError: there are none, or more than `MOST`.
    """
    check_count(len(pipeline.spoken))
    graph, spoken = pipeline.graph, [Spoken(*one) for one in pipeline.spoken]
    sections = "".join(_utterance(pipeline, number, one) for number, one in enumerate(spoken, 1))
    when = time.strftime("%Y-%m-%d %H:%M:%S %Z")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("kokoro-run", "apache-tvm", "numpy"))
    total = sum(_audio_s(graph, one) for one in spoken)
    facts = [
        ("audio", f"{total:.2f} s"),
        ("wall time", spell_time(wall_s)),
        ("stages that ran", str(sum(run.status == RUN for one in spoken for run in one.request.stages.values()))),
        ("stages kept", str(sum(run.status == HIT for one in spoken for run in one.request.stages.values()))),
        ("model", graph.model.name),
        ("devices", ", ".join(dict.fromkeys(graph.devices.values()))),
    ]
    return _PAGE.format(
        title=escape(f"{graph.name}: {_line(spoken[0])}"),
        style=Path(__file__).with_name("report.css").read_text("utf-8"),
        name=escape(graph.name),
        path=escape(str(graph.path)),
        when=escape(when),
        facts="".join(f"<div><b>{escape(value)}</b><span>{escape(name)}</span></div>" for name, value in facts),
        sections=sections,
        versions=escape(versions),
    )


def _line(one: Spoken) -> str:
    return str(one.request.given.get(f"input.{PHONEMES}", ""))


def _audio_s(graph: Graph, one: Spoken) -> float:
    audio = _output(graph, one, AUDIO)
    return 0.0 if audio is None else float(audio.size) / SAMPLE_RATE_HZ


def _utterance(pipeline: Traced, number: int, one: Spoken) -> str:
    graph, request = pipeline.graph, one.request
    fates = _fates(request)
    own = [
        event for event in pipeline.events if event.owner == id(request) and event.kind in (STAGE, BESIDE, HIT_EVENT)
    ]
    parts = [
        f'<section><h2><span class="count">{number}</span>{escape(_line(one))}</h2>',
        f"<p class=params>{escape(_values({**_params(request), **request.sizes.known()}))}</p>",
        _panel("Graph", _LEGEND + graph_svg(graph, fates, _params(request))),
        _panel("Timeline", timeline_svg(list(graph.stages), own, fates)) if own else "",
        _pictures(pipeline, one),
        _panel("Ports", _table(graph, one, fates)),
        "</section>",
    ]
    return "".join(parts)


def _panel(title: str, body: str) -> str:
    return f'<div class="panel"><h3>{escape(title)}</h3><div class="scroll">{body}</div></div>'


def _params(request: Request) -> dict[str, Any]:
    return {ref.partition(".")[2]: value for ref, value in request.given.items() if ref.startswith("params.")}


def _values(named: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in named.items())


def _fates(request: Request) -> dict[str, Fate]:
    total = sum(request.timings.values()) or 1.0
    return {name: Fate(run.status, run.seconds, run.seconds / total) for name, run in request.stages.items()}


def _pictures(pipeline: Traced, one: Spoken) -> str:
    from runner.speech import sound_plots  # noqa: PLC0415 - matplotlib takes 0.3 s

    given = _sound(pipeline, one)
    drawn = {"Sound": sound_plots.sound(given), "Alignment": sound_plots.alignment(given)}
    shown = [
        _panel(title, f'<img style="width:{picture.width}px" src="{picture.uri}" alt="{escape(picture.shows)}">')
        for title, picture in drawn.items()
        if picture is not None
    ]
    return "".join(shown) or _panel("Sound", "<p>This graph gives neither audio nor durations to draw.</p>")


def _sound(pipeline: Traced, one: Spoken) -> Sound:
    from runner.speech.sound_plots import Sound  # noqa: PLC0415

    durations = _port(pipeline.graph, one, DURATIONS)
    symbols = [symbol.text for symbol in normalise(_line(one), pipeline.config["vocab"])]
    symbols = [text for text in symbols if text in pipeline.config["vocab"]]
    if durations is not None:
        durations = durations.reshape(-1)
        used = int(np.count_nonzero(durations))
        labels = [_SILENCE, *symbols, _SILENCE] if used == len(symbols) + END_TOKENS else [str(n) for n in range(used)]
        durations, symbols = durations[:used], labels
    return Sound(
        audio=_output(pipeline.graph, one, AUDIO),
        durations=durations,
        symbols=symbols,
        f0_hz=_prosody(pipeline.graph, one, _F0),
        energy=_prosody(pipeline.graph, one, _ENERGY),
        frame_s=pipeline.dims.frame_samples / SAMPLE_RATE_HZ,
    )


def _output(graph: Graph, one: Spoken, name: str) -> Array | None:
    """An output of the graph, whether or not this run was to give it."""
    ref = graph.outputs.get(name)
    return None if ref is None else one.values.get(str(ref))


def _port(graph: Graph, one: Spoken, port: str) -> Array | None:
    """What the first stage gives that has an output of this name and of the type that goes with it."""
    for spec in graph.stages.values():
        if port in spec.outputs and str(spec.outputs[port]) == _TYPES[port]:
            return one.values.get(f"{spec.name}.{port}")
    return None


def _prosody(graph: Graph, one: Spoken, port: str) -> Array | None:
    """A value each half-frame, without padding."""
    value, durations = _port(graph, one, port), _port(graph, one, DURATIONS)
    if value is None:
        return None
    return value.reshape(-1)[: None if durations is None else 2 * int(durations.sum())]


def _table(graph: Graph, one: Spoken, fates: Mapping[str, Fate]) -> str:
    names = ("stage", "port", "type", "shape", "dtype", "device")
    head = "".join(f"<th>{name}</th>" for name in names)
    head += "".join(f"<th class=num>{name}</th>" for name in ("size", "smallest", "largest"))
    rows = "".join(row for spec in graph.stages.values() for row in _rows(spec, one, fates[spec.name]))
    return f'<table class="ports"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _rows(spec: StageSpec, one: Spoken, fate: Fate) -> Iterator[str]:
    for number, (port, type_) in enumerate(spec.outputs.items()):
        value = one.values.get(f"{spec.name}.{port}")
        dot = f'<i style="background:{fate.colour}"></i>{escape(spec.name)} <small>{escape(fate.words)}</small>'
        first = f'<td class=stage rowspan="{len(spec.outputs)}">{dot}</td>' if number == 0 else ""
        cells = [f"<code>{escape(port)}</code>", f"<code>{escape(str(type_))}</code>", *_facts(value, spec.device)]
        classes = ["", "", "", "", "", " class=num", " class=num", " class=num"]
        cells = [f"<td{kind}>{cell}</td>" for kind, cell in zip(classes, cells, strict=True)]
        yield f"<tr{' class=first' if number == 0 else ''}>{first}{''.join(cells)}</tr>"


def _facts(value: Array | None, device: str) -> list[str]:
    if value is None:
        return ["not computed", "", escape(device), "", "", ""]
    ends = [f"{float(end):.4g}" for end in (value.min(), value.max())] if value.size else ["", ""]
    shape = " × ".join(map(str, value.shape)) or "scalar"
    return [shape, value.dtype.name, escape(device), spell_bytes(value.nbytes), *ends]


_LEGEND = (
    '<p class="legend"><i style="background:#d3efdf"></i>kept: not run '
    '<i style="background:linear-gradient(90deg,#fff0d9,#f58442)"></i>ran: the hotter, the larger its share '
    '<i style="background:#e4dcf8"></i>given '
    '<i style="background:#f0f1f4"></i>not needed '
    "<span>round corners: Python, square: compiled</span></p>"
)

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>{style}</style>
</head>
<body><main>
<header><h1>{name}</h1><p>{path}, {when}</p><div class="facts">{facts}</div></header>
{sections}
<footer>{versions}</footer>
</main></body>
</html>
"""
