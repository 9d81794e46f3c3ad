"""One row of the voice pack, in two halves. The pack has a row for each number of symbols.

    voice [N, 2*style] --> row min(length - 2, N) - 1 --> [ style_decoder | style_prosody ]
                                      ^
    length ---------------------------+

Source: kokoro 0.9.4, pipeline.py (KPipeline.infer) and model.py (KModel.forward_with_tokens).
Differs: the reference counts unknown symbols, which it drops, and fails beyond the last row; here the symbols that are
spoken count, and a longer utterance takes the last row.

Raises:
    StageError: a pack without rows, or of an odd width; a length that is no utterance's.
"""

from __future__ import annotations

import numpy as np

from stages.contract import In, Out, StageError, stage
from stages.dims import END_TOKENS


@stage(
    voice=In("voice", "voice pack [N, 2*style]"),
    length=In("int64[1]", "tokens, the two zeros included"),
    style_decoder=Out("float32[1, style]", "timbre: first half of the row"),
    style_prosody=Out("float32[1, style]", "prosody: second half of the row"),
)
def voice(voice: np.ndarray, length: np.ndarray) -> dict[str, np.ndarray]:
    if voice.ndim != 2 or voice.shape[0] == 0 or voice.shape[1] % 2:
        raise StageError(
            f"the voice pack has the shape {list(voice.shape)}, expected [N, 2*style] with at least one row"
        )
    symbols = int(length[0]) - END_TOKENS
    if symbols < 0:
        raise StageError(f"length is {int(length[0])}, expected at least {END_TOKENS}: the zeros at both ends")

    row = max(min(symbols, voice.shape[0]) - 1, 0)
    style = voice.shape[1] // 2
    decoder, prosody = voice[row : row + 1, :style], voice[row : row + 1, style:]
    return {"style_decoder": np.ascontiguousarray(decoder), "style_prosody": np.ascontiguousarray(prosody)}
