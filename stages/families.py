"""The families of models: all that the runner has to know of a model's files beside the contracts of its stages.

    config.json --dims_of--> Dims        the dims that the model fixes, and those that it limits
    checkpoint  --Family's rules-->      the parts that it has, a prefix to drop, tensors that no stage takes

A graph's model names its family. Another family is another entry of `FAMILIES`, beside stages of its own.

Source of KOKORO: kokoro 0.9.4, model.py, and the files of hexgrad/Kokoro-82M.

This module imports neither TVM nor NumPy, so that a graph is checked without them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from stages.dims import SAMPLE_RATE_HZ, ModelDims


class Dims(Protocol):
    """Sizes of one model. Its compiled stages are made with it; the runner itself asks for these two."""

    def named(self) -> dict[str, int]:
        """The dims of contracts that the model fixes, by name."""

    def limits(self) -> dict[str, int]:
        """The largest size of other dims of contracts, by name."""


@dataclass(frozen=True)
class NoDims:
    """The sizes of no model: nothing is fixed."""

    def named(self) -> dict[str, int]:
        return {}

    def limits(self) -> dict[str, int]:
        return {}


@dataclass(frozen=True)
class SpareTensor:
    """Tensors that a checkpoint may have though no stage takes them.

    Attributes:
        pattern: a regular expression that is searched for in the tensor's name.
        value: the number that every element must be; None allows any.
        reason: why, as the message about a tensor with other values ends.
    """

    pattern: str
    value: int | None = None
    reason: str = ""


@dataclass(frozen=True)
class Family:
    """One family of models.

    Attributes:
        name: as a graph's model names it.
        dims_of: reads the sizes out of a parsed config.json; raises a ValueError with one mistake a line.
        parts: prefixes of the names of all tensors of a checkpoint. The stages of a graph need not take all of them.
        wrapper: a prefix that the names below the first level may have, and that is dropped.
        called_past_parent: modules that the reference calls without a call of their parent, so that a trace of it has
            them without the first name: `predictor.shared` is `shared` there.
        spares: tensors that may be there though no stage takes them.
        audio_name, audio_type, rate_hz: the output that is audio though its graph does not say so, and its rate.
    """

    name: str
    dims_of: Callable[[Mapping[str, object]], Dims]
    parts: tuple[str, ...]
    wrapper: str = ""
    called_past_parent: tuple[str, ...] = ()
    spares: tuple[SpareTensor, ...] = ()
    audio_name: str = "audio"
    audio_type: str = "float32[samples]"
    rate_hz: int = SAMPLE_RATE_HZ


_NO_AFFINE = "an instance norm has no values here"

KOKORO = Family(
    name="kokoro",
    dims_of=ModelDims.from_config,
    parts=(
        "bert",
        "bert_encoder",
        "predictor.text_encoder",
        "predictor.lstm",
        "predictor.duration_proj",
        "predictor.shared",
        "predictor.F0",
        "predictor.N",
        "predictor.F0_proj",
        "predictor.N_proj",
        "text_encoder",
        "decoder",
    ),
    wrapper="module.",  # of torch.nn.DataParallel, under which the published model was trained
    called_past_parent=(
        "predictor.text_encoder.lstms",
        "predictor.lstm",
        "predictor.duration_proj",
        "predictor.shared",
        "predictor.F0",
        "predictor.N",
        "predictor.F0_proj",
        "predictor.N_proj",
    ),
    spares=(
        SpareTensor(r"\Abert\.pooler\.(weight|bias)\Z"),
        SpareTensor(r"\Adecoder\.generator\.stft\."),  # cosines and windows, which a complex-free export stores
        # PyTorch writes these where the published file has none. AdaIN's own scale and shift are the style's.
        SpareTensor(r"\.(norm[12]|adain[12]\.\d+)\.norm\.weight\Z", 1, _NO_AFFINE),
        SpareTensor(r"\.(norm[12]|adain[12]\.\d+)\.norm\.bias\Z", 0, _NO_AFFINE),
    ),
)
NO_FAMILY = Family(name="", dims_of=lambda _: NoDims(), parts=())  # of weights that belong to a stage, not to a model
FAMILIES = {family.name: family for family in (KOKORO,)}
DEFAULT_FAMILY = KOKORO.name  # of a model that names none


def find_family(name: str) -> Family:
    """Find a family by its name.

    Raises:
        ValueError: there is none; the message lists those that there are.
    """
    family = FAMILIES.get(name)
    if family is None:
        raise ValueError(f"no model family '{name}'; known: {', '.join(FAMILIES)}")
    return family
