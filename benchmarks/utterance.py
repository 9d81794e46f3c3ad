"""A whole utterance on a rival: its five stages with the alignment between them, as the graph wires them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.rivals import PORTS, Rival
from stages.align import align
from tests.reference import voice_row

Array = NDArray[Any]


def speak(rival: Rival, input_ids: Array, pack: Array, speed: float) -> Array:
    """float32 [1, 600*frames]: the audio of int64 [1, text] input ids in the voice pack [N, 2*style]."""
    tokens = input_ids.shape[1]
    decoder_style, prosody_style = np.split(voice_row(pack, tokens).astype(np.float32), 2, axis=1)
    ports: dict[str, Array] = {
        "input_ids": input_ids,
        "length": np.array([tokens], np.int64),
        "text_mask": np.zeros((1, tokens), bool),
        "attention_mask": np.ones((1, tokens), np.int64),
        "style": prosody_style,
    }
    for stage in ("bert", "duration", "text_encoder"):
        ports |= _outputs(rival, stage, ports)
    between = {port: ports[port] for port in ("logits", "d", "t_en", "length")}
    ports |= align(**between, speed=np.array(speed, np.float32))
    ports |= _outputs(rival, "f0n", ports)
    return _outputs(rival, "decoder", ports | {"style": decoder_style})["audio"]


def _outputs(rival: Rival, stage: str, ports: dict[str, Array]) -> dict[str, Array]:
    return dict(zip(PORTS[stage][1], rival.run(stage, rival.prepare(stage, ports)), strict=True))
