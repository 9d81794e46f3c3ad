"""The model in PyTorch, layer for layer what `stages/letters.py` compiles, under the same names of tensors."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from stages.letters import CHANNELS, EPS, LAYERS, LEAKY, TAPS
from stages.text.spelling import IDS


class Tagger(nn.Module):
    """ids [words, letters], 0 for none -> scores [words, letters, chunks]."""

    def __init__(self, chunks: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(IDS, CHANNELS)
        self.blocks = nn.ModuleList([Block() for _ in range(LAYERS)])
        self.norm = nn.LayerNorm(CHANNELS, EPS)
        self.head = nn.Linear(CHANNELS, chunks)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.embedding(ids)
        spoken = (ids != 0).unsqueeze(-1).to(x.dtype)
        for block in self.blocks:
            x = block(x, spoken)
        scores: torch.Tensor = self.head(self.norm(x))
        return scores


class Block(nn.Module):
    """A norm and a convolution, whose result is added to what enters."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(CHANNELS, EPS)
        self.conv = nn.Conv1d(CHANNELS, CHANNELS, TAPS, padding=TAPS // 2)

    def forward(self, x: torch.Tensor, spoken: torch.Tensor) -> torch.Tensor:
        heard = functional.leaky_relu(self.norm(x), LEAKY) * spoken
        # as an image of one row with its channels last: two thirds of the time that conv1d takes on a CPU
        image = heard.mT.unsqueeze(2).contiguous(memory_format=torch.channels_last)
        said = functional.conv2d(image, self.conv.weight.unsqueeze(2), self.conv.bias, padding=(0, TAPS // 2))
        return x + said.squeeze(2).mT
