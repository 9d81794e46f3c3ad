"""Finds the voices that a request may name: those of the model, and other names for them. No file is within reach."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from runner.errors import WeightsError, suggest
from runner.speech.model import list_model_voices, make_voice_resolver
from runner.speech.voice_spec import parse_spec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runner.graph.types import Graph
    from runner.runtime.values import Array

_KEPT = 64  # packs of voices and mixes in memory, half a megabyte each
_LONGEST = 400  # characters of a specification


class NamedVoices:
    """The voices of a graph's model, by name.

    Attributes:
        names: of the model's voices on this machine.
        aliases: other names, each for one of `names`, or for None: the model's own voice.
    """

    def __init__(self, graph: Graph, aliases: Mapping[str, Sequence[str]]) -> None:
        """List the voices.

        Args:
            aliases: other name -> voices, of which the first that the model has is meant.

        Raises:
            WeightsError: the voices cannot be read.
        """
        model = graph.model
        found = [] if model is None else list_model_voices(model)
        self.names = [voice.name for voice in found if not voice.problem]
        self.aliases = {
            alias: next((name for name in preferred if name in self.names), None)
            for alias, preferred in aliases.items()
            if alias not in self.names
        }
        self._own = (model and model.voice) or ""
        self._resolve = functools.lru_cache(_KEPT)(make_voice_resolver(graph))

    def resolve(self, given: Any) -> Array:
        """Give the pack of a voice; a resolver of the engine, for requests and for marks in a text.

        Args:
            given: a name, or a mix of names; None for the model's own voice.

        Raises:
            WeightsError: the model has no such voice, or the mix is misspelled.
        """
        if given is None:
            return self._resolve(None)
        if hasattr(given, "dtype"):
            pack: Array = given
            return pack
        spec = str(given).strip()
        if len(spec) > _LONGEST:
            raise WeightsError(f"the voice has {len(spec)} characters, expected at most {_LONGEST}")
        if spec in self.aliases:
            return self._resolve(self.aliases[spec])
        for part in parse_spec(spec):
            if part.voice not in self.names and part.voice not in self.aliases:
                raise WeightsError(f"no voice '{part.voice}'{suggest(part.voice, self.names)}")
        return self._resolve(self._spell(spec))

    def _spell(self, spec: str) -> str:
        """Spell a mix with the model's own names."""
        parts = parse_spec(spec)
        if len(parts) == 1 or all(part.voice in self.names for part in parts):
            return spec
        return "+".join(f"{self._find_name(part.voice)}*{part.weight}" for part in parts)

    def _find_name(self, voice: str) -> str:
        """Find the model's name of a voice.

        Raises:
            WeightsError: it stands for the model's own, which is none of `names`.
        """
        name = self.aliases.get(voice, voice) or self._own
        if name not in self.names:
            raise WeightsError(
                f"'{voice}' is the model's own voice here, which is in no mix; name others of its voices"
            )
        return name
