"""Describes the service to clients of Wyoming: its voices, with the languages that they speak."""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING

from wyoming.info import Attribution, Info, TtsProgram, TtsVoice

if TYPE_CHECKING:
    from wyoming.event import Event

    from runner.serve.service import Service
    from runner.serve.wyoming.voices import VoiceLanguages

_PROGRAM = "kokoro-run"
_KOKORO = Attribution("Kokoro", "https://github.com/hexgrad/kokoro")


def make_info(service: Service, voices: VoiceLanguages) -> Event:
    """Make the answer to `describe`."""
    model = service.pipeline.graph.model
    program = TtsProgram(
        name=_PROGRAM,
        attribution=_KOKORO,
        installed=True,
        description=f"{_PROGRAM}, model {model.name if model else service.pipeline.graph.name}",
        version=importlib.metadata.version(_PROGRAM),
        voices=[
            TtsVoice(
                name=name,
                attribution=_KOKORO,
                installed=True,
                description=name,
                version=None,
                languages=[voices.spell(name)],
            )
            for name in voices.names
        ],
        supports_synthesize_streaming=True,
    )
    return Info(tts=[program]).event()
