"""Tokens to context, by ALBERT: one shared layer, run many times.

    input_ids -> word + position embeddings -> norm -> embedding_hidden_mapping_in -> x
    layers times:  x -> query, key, value -> attention -> dense -> + x -> norm -> h
                   h -> ffn - gelu - ffn_output -> + h -> norm -> x
    x -> bert_encoder -> d_en

Source: kokoro 0.9.4, modules.py, CustomAlbert; Hugging Face AlbertModel (ALBERT, Lan et al. 2019).
Differs: the pooler is not computed, since its output is not used. Every token is of type 0, whose embedding is added at
build.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from tvm.relax.frontend import nn

from stages import ops
from stages.contract import In, Out, stage
from stages.dims import BertDims, ModelDims
from stages.dispatch import padded
from stages.layers.conv import Linear
from stages.layers.norm import LayerNorm
from stages.layers.packing import Array, Packed, Shapes, pad_channels
from stages.layers.port import to_channel_port
from stages.layers.signal import Axis, Signal

_EPS = 1e-12


@stage(
    weights=("bert", "bert_encoder"),
    input_ids=In("int64[1, text]", "symbol ids, 0 at both ends"),
    attention_mask=In("int64[1, text]", "1 at valid tokens, which come first, 0 at padding"),
    d_en=Out("float32[1, hidden, text]", "context of each token"),
)
class Bert(nn.Module):
    """bert_forward(input_ids, attention_mask) -> d_en."""

    PREFIX = ""

    def __init__(self, dims: ModelDims) -> None:
        self.bert = Albert(dims.bert, dims.vocabulary)
        self.bert_encoder = Linear(dims.bert.hidden, dims.hidden)

    def forward(self, input_ids: nn.Tensor, attention_mask: nn.Tensor) -> nn.Tensor:
        length = nn.op.sum(attention_mask, axis=1)  # [1]
        x = self.bert(input_ids, Axis(length, input_ids.shape[1]))  # [text, bert.hidden]
        return to_channel_port(self.bert_encoder(x))  # [1, hidden, text]


class Albert(nn.Module):
    """The encoder, under the names of Hugging Face's AlbertModel."""

    def __init__(self, dims: BertDims, vocabulary: int) -> None:
        self.embeddings = Embeddings(dims, vocabulary)
        self.encoder = Encoder(dims)

    def forward(self, input_ids: nn.Tensor, text: Axis) -> Signal:
        return self.encoder(self.embeddings(input_ids, text))


class Embeddings(nn.Module):
    """Word, position and type embeddings, summed and normalised."""

    def __init__(self, dims: BertDims, vocabulary: int) -> None:
        self.tables = Tables(dims, vocabulary)
        self.LayerNorm = LayerNorm(dims.embedding, _EPS)

    def forward(self, input_ids: nn.Tensor, text: Axis) -> Signal:
        return self.LayerNorm(self.tables(input_ids, text))


class Tables(Packed):
    """The tables word [vocabulary, c] and position [positions, c]; the latter has the embedding of type 0 added."""

    NAMED = False

    def __init__(self, dims: BertDims, vocabulary: int) -> None:
        self.dims, self.vocabulary = dims, vocabulary
        self.word = nn.Parameter((vocabulary, padded(dims.embedding)), "float32")
        self.position = nn.Parameter((dims.positions, padded(dims.embedding)), "float32")

    def forward(self, input_ids: nn.Tensor, text: Axis) -> Signal:
        data = ops.embedding(ids=input_ids, table=self.word, length=text.length, positions=self.position)
        return Signal(data, self.dims.embedding, text)

    def tensors(self) -> Shapes:
        rows = {"word": self.vocabulary, "position": self.dims.positions, "token_type": self.dims.token_types}
        return {f"{name}_embeddings.weight": (count, self.dims.embedding) for name, count in rows.items()}

    def pack(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        word, position, kind = (tensors[name] for name in self.tensors())
        return {"word": pad_channels(word, axis=1), "position": pad_channels(position + kind[0], axis=1)}


class Encoder(nn.Module):
    """The projection to the hidden width, and the shared layer, run `layers` times."""

    def __init__(self, dims: BertDims) -> None:
        self.layers = dims.layers
        self.embedding_hidden_mapping_in = Linear(dims.embedding, dims.hidden)
        self.albert_layer_groups = nn.ModuleList([LayerGroup(dims)])

    def forward(self, x: Signal) -> Signal:
        x = self.embedding_hidden_mapping_in(x)  # [text, bert.hidden]
        for _ in range(self.layers):
            x = self.albert_layer_groups[0].albert_layers[0](x)  # [text, bert.hidden]
        return x


class LayerGroup(nn.Module):
    """A level of the checkpoint's names: one group of one layer."""

    def __init__(self, dims: BertDims) -> None:
        self.albert_layers = nn.ModuleList([Layer(dims)])


class Layer(nn.Module):
    """An attention and a feed-forward block, each normalised after its residual sum."""

    def __init__(self, dims: BertDims) -> None:
        self.full_layer_layer_norm = LayerNorm(dims.hidden, _EPS)
        self.attention = Attention(dims)
        self.ffn = Linear(dims.hidden, dims.intermediate)
        self.ffn_output = Linear(dims.intermediate, dims.hidden)

    def forward(self, x: Signal) -> Signal:
        h = self.attention(x)  # [text, hidden]
        inner = self.ffn(h, gelu=True)  # [text, intermediate]
        return self.full_layer_layer_norm(self.ffn_output(inner, residuals=[h]))  # [text, hidden]


class Attention(nn.Module):
    """Self-attention over the valid tokens."""

    def __init__(self, dims: BertDims) -> None:
        self.dims = dims
        self.query_key_value = QueryKeyValue(dims.hidden)
        self.dense = Linear(dims.hidden, dims.hidden)
        self.LayerNorm = LayerNorm(dims.hidden, _EPS)

    def forward(self, x: Signal) -> Signal:
        qkv = self.query_key_value(x)  # [text, 3*hidden]
        data = ops.attention(qkv=qkv.data, length=x.axis.length, heads=self.dims.heads, head_dim=self.dims.head)
        context = Signal(data, self.dims.hidden, x.axis)  # [text, hidden]
        return self.LayerNorm(self.dense(context, residuals=[x]))


class QueryKeyValue(Linear):
    """The projections to query, key and value, as one matrix product."""

    NAMED = False
    PARTS = ("query", "key", "value")

    def __init__(self, hidden: int) -> None:
        super().__init__(hidden, 3 * hidden)

    def tensors(self) -> Shapes:
        shapes: Shapes = {"weight": (self.inputs, self.inputs), "bias": (self.inputs,)}
        return {f"{part}.{name}": shape for part in self.PARTS for name, shape in shapes.items()}

    def pack(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        weight = [tensors[f"{part}.weight"] for part in self.PARTS]
        bias = [tensors[f"{part}.bias"] for part in self.PARTS]
        return self.packed(np.concatenate(weight), np.concatenate(bias))
