"""Letters of unknown words to scores of what each of them says, by convolutions.

    letters -> embedding -> x
    layers times:  x -> norm - leaky -> 0 in gaps -> conv -> + x -> x
    x -> norm -> head -> scores

Words stand one after the other with zeros between them. A convolution sees zeros there, as it does past both ends, so
that what a word's letters say does not depend on the words beside it, bit for bit, and one run serves all words.

Source: this project's own model; `training/letters/` trains it, and card.md there has its figures.
"""

from __future__ import annotations

from tvm.relax.frontend import nn

from stages.contract import In, Out, stage
from stages.dims import ModelDims
from stages.layers.conv import Conv1d, Linear
from stages.layers.embedding import Embedding
from stages.layers.norm import LayerNorm
from stages.layers.port import to_row_port
from stages.layers.signal import Axis, Signal
from stages.text.chunks import CHUNKS
from stages.text.spelling import IDS

CHANNELS, LAYERS, TAPS = 128, 6, 5
EPS = 1e-5
LEAKY = 0.1


@stage(
    files=("letters.safetensors",),
    letters=In("int64[1, letters]", "ids of letters, word after word, zeros between (stages/text/spelling.py)"),
    length=In("int64[1]", "valid letters; 0 if no word is unknown, which takes no time"),
    scores=Out("float32[1, letters, 144]", "of each letter, how probable it says each chunk of phonemes: logits"),
)
class Letters(nn.Module):
    """letters_forward(letters, length) -> scores. Its sizes are its own: it belongs to no model of speech."""

    def __init__(self, dims: ModelDims) -> None:
        self.embedding = Embedding(IDS, CHANNELS)
        self.blocks = nn.ModuleList([Block() for _ in range(LAYERS)])
        self.norm = LayerNorm(CHANNELS, EPS)
        self.head = Linear(CHANNELS, len(CHUNKS), exact=True)

    def forward(self, letters: nn.Tensor, length: nn.Tensor) -> nn.Tensor:
        x = self.embedding(letters, Axis(length, letters.shape[1]))  # [letters, CHANNELS]
        spoken = nn.op.permute_dims(letters.astype("bool").astype("float32"), [1, 0])  # [letters, 1]
        for block in self.blocks:
            x = block(x, spoken)  # [letters, CHANNELS]
        return to_row_port(self.head(self.norm(x)))  # [1, letters, chunks]


class Block(nn.Module):
    """A norm and a convolution, whose result is added to what enters."""

    def __init__(self) -> None:
        self.norm = LayerNorm(CHANNELS, EPS, leaky=LEAKY)
        self.conv = Conv1d(CHANNELS, CHANNELS, TAPS, weight_norm=False, exact=True)

    def forward(self, x: Signal, spoken: nn.Tensor) -> Signal:
        inner = self.norm(x)
        heard = Signal(nn.op.multiply(inner.data, spoken), CHANNELS, x.axis)
        return self.conv(heard, residuals=[x])
