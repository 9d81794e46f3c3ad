"""Reads a model's checkpoint: every tensor has a flat name and is taken exactly once.

    .pth          {part: {"module.KEY": tensor}} of torch.save   --+
                                                                   +-->  "part.KEY" -> tensor  --take-->  float32
    .safetensors  {"part.KEY": tensor}                           --+
    .onnx         nodes of an export that read stored tensors    --+

The model's family (`stages.families`) has the list of parts, the prefix to drop from a KEY, and the tensors that may be
present though no stage takes them. Names of PyTorch's newer weight norm (`parametrizations.weight.original0`,
`original1`) are read as the older `weight_g`, `weight_v`. The layers fold the norm; where a file has it folded already,
as an ONNX export has, the two are made of the `weight` (`runner.model.weight_norm`).

Source: kokoro 0.9.4, model.py (KModel.__init__).
Differs: the reference falls back to a load that ignores missing and unexpected keys; here both are errors.
"""

from __future__ import annotations

import difflib
import mmap
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from runner.errors import WeightsError
from runner.files.digest import file_sha256
from runner.model.onnx_export import read_onnx
from runner.model.onnx_graph import is_onnx
from runner.model.safetensors import StoredTensor, is_safetensors, map_parts, read_safetensors
from runner.model.torch_zip import MAGIC, read_torch_zip
from runner.model.weight_norm import ModelTensor, find_folded
from stages.families import Family

_NEW_WEIGHT_NORM = re.compile(r"\.parametrizations\.weight\.original([01])\Z")
_OLD_PICKLE = b"\x80\x02"


class Checkpoint:
    """An open checkpoint. Take each tensor, then call `finish`, which checks that the checkpoint fits the model.

    Attributes:
        path: the file, or the first of its parts.
        tensors: name -> tensor, with dtype and shape of the file.
    """

    def __init__(self, parts: Sequence[Path], tensors: Mapping[str, ModelTensor], family: Family) -> None:
        self.path = parts[0]
        self._parts = parts
        self.tensors = tensors
        self._family = family
        self._taken: dict[str, set[str]] = {}  # tensor -> its takers
        self._missing: dict[str, tuple[int, ...]] = {}
        self._misfits: dict[str, None] = {}

    @classmethod
    def open(cls, path: Path | Sequence[Path], family: Family, sha256: str | None = None) -> Checkpoint:
        """Open a `.pth`, `.safetensors` or `.onnx` file, recognised by its first bytes.

        Tensors stay on the mapped file; those of an ONNX file are converted when they are taken.

        Args:
            path: the file, or the parts that it is cut into, one after the other.
            family: family of the model.
            sha256: digest that the file must have; None accepts any.

        Raises:
            WeightsError: the file is missing, no checkpoint, truncated or damaged, names a forbidden class, has
                another digest, or is an ONNX file and the package that reads those is not installed.
        """
        parts = (path,) if isinstance(path, Path) else tuple(path)
        data = map_parts(parts)
        if sha256 is not None:
            check_sha256(parts, sha256)
        if is_onnx(data):
            return cls(parts, read_onnx(data, join_name(parts), family), family)
        return cls(parts, dict(_rename_tensors(parts[0], _read_tensors(parts, data), family.wrapper)), family)

    @cached_property
    def digest(self) -> str:
        """sha256 of the file, in hexadecimal."""
        return file_sha256(*self._parts)

    def take(self, key: str, shape: Sequence[int], taker: str = "") -> np.ndarray:
        """Take the tensor `key` as float32, C-contiguous; read-only if it is mapped from the file.

        A mistake is reported later, by `finish`; until then NaN of the expected shape is returned.

        Args:
            taker: the stage that takes it. A stage takes a tensor once; two stages may take the same tensor.
        """
        expected = tuple(shape)
        stored = self._find(key)
        if stored is None:
            self._missing[key] = expected
            return np.full(expected, np.nan, np.float32)
        takers = self._taken.setdefault(key, set())
        if taker in takers:
            self._misfits[f"{key}: taken twice by the model's stages"] = None
        takers.add(taker)
        if stored.shape != expected:
            self._misfits[f"{key}: is {list(stored.shape)}, expected {list(expected)}"] = None
            return np.full(expected, np.nan, np.float32)
        try:
            return stored.float32()
        except ValueError as error:
            self._misfits[f"{key}: {error}"] = None
            return np.full(expected, np.nan, np.float32)

    def _find(self, key: str) -> ModelTensor | None:
        """Find a tensor, or make one of a weight norm from the weight that has the norm folded in."""
        if key in self.tensors:
            return self.tensors[key]
        folded = find_folded(self.tensors, key)
        if folded is None:
            return None
        name, tensor = folded
        self._taken.setdefault(name, set())
        return tensor

    def finish(self, parts: Sequence[str] | None = None) -> None:
        """Check that the tensors that were taken are those of the file.

        Args:
            parts: prefixes, such as `bert` or `predictor.lstm`, whose tensors must all be taken. Tensors of other parts
                of the family may be left. None means all parts.

        Raises:
            WeightsError: lists all missing, misshapen and unexpected tensors, one a line.
        """
        left = list(self._list_left(parts))
        facts = [
            f"missing    {key}: expected {list(shape)}{_suggest_tensor(key, left)}"
            for key, shape in self._missing.items()
        ]
        facts += [f"misfit     {fact}" for fact in self._misfits]
        facts += [f"unexpected {fact}" for key in left if (fact := self._find_objection(key))]
        if facts:
            listed = "\n  ".join(facts)
            raise WeightsError(
                f"{self.path} does not hold the weights of this model:\n  {listed}\n"
                "Give the config.json that belongs to this checkpoint, or the checkpoint of this config.json"
            )

    def lacks_spare(self, key: str) -> bool:
        """Whether the file has no tensor `key`, and no output of the model depends on it."""
        spares = (spare for spare in self._family.spares if spare.value is None)
        return key not in self.tensors and any(re.search(spare.pattern, key) for spare in spares)

    def _list_left(self, parts: Sequence[str] | None) -> Iterator[str]:
        """List the tensors that were not taken: those of `parts`, and those of no part of the family."""
        for key in self.tensors:
            others = parts is not None and not is_below(key, parts) and is_below(key, self._family.parts)
            if key not in self._taken and not others:
                yield key

    def _find_objection(self, key: str) -> str | None:
        """Find the reason why a tensor that was not taken is a mistake; None if the model does not need it."""
        tensor = self.tensors[key]
        spare = next((spare for spare in self._family.spares if re.search(spare.pattern, key)), None)
        if spare is None:
            return f"{key}: {tensor}"
        if spare.value is None:
            return None
        plain = tensor.dtype in ("float32", "float16", "bfloat16") and bool(np.all(tensor.float64() == spare.value))
        return None if plain else f"{key}: {tensor} is not {spare.value} throughout, and {spare.reason}"


def is_below(key: str, prefixes: Iterable[str]) -> bool:
    """Whether a tensor's name begins with one of `prefixes`: `bert.a` is below `bert`, `bert_encoder.a` is not."""
    return f"{key}.".startswith(tuple(f"{prefix}." for prefix in prefixes))


_OTHER_FILE = "damaged, or another version. Fetch it again, or correct sha256 in the model's file"


def check_sha256(parts: Sequence[Path], expected: str, name: str = "", meaning: str = _OTHER_FILE) -> None:
    """Check that a file, which may be cut into parts, has the expected digest.

    Args:
        name: of the file, for the message; that of the parts by default.
        meaning: of another digest, for the message, and what is to be done.

    Raises:
        WeightsError: the file has another digest.
    """
    found = file_sha256(*parts)
    if found != expected.lower():
        raise WeightsError(f"{name or join_name(parts)}: its sha256 is {found}, expected {expected}: {meaning}")


def join_name(parts: Sequence[Path]) -> str:
    """Name a file, which may be cut into parts, for messages."""
    first, *others = parts
    return f"{first} and {len(others)} more {'part' if len(others) == 1 else 'parts'}" if others else str(first)


def _read_tensors(parts: Sequence[Path], data: mmap.mmap) -> Iterable[tuple[str, StoredTensor]]:
    """List the tensors of a file, whose bytes are `data`, under its own names."""
    path = parts[0]
    if is_safetensors(data):
        return read_safetensors(path, data).items()
    if data[: len(MAGIC)] == MAGIC and len(parts) == 1:
        return _list_tensors(path, read_torch_zip(path))
    if data[: len(_OLD_PICKLE)] == _OLD_PICKLE:
        raise WeightsError(f"{path}: torch.save's format before PyTorch 1.6; load it there and save it again")
    limit = ", which alone may be cut into parts" if len(parts) > 1 else ""
    fact = f"neither a .pth of torch.save (a zip file) nor a .safetensors or .onnx file{limit}"
    raise WeightsError(f"{join_name(parts)}: {fact}")


def _list_tensors(path: Path, saved: object) -> Iterator[tuple[str, StoredTensor]]:
    """List the tensors of a saved `{part: {key: tensor}}` as ("part.key", tensor)."""
    if not isinstance(saved, dict) or not saved:
        raise WeightsError(f"{path}: holds a {type(saved).__name__}, expected {{part: {{key: tensor}}}}")
    for part, state in saved.items():
        for key, tensor in state.items() if isinstance(state, dict) else [("", state)]:
            name = f"{part}.{key}" if key else str(part)
            if not isinstance(tensor, StoredTensor):
                raise WeightsError(f"{path}: {name} is a {type(tensor).__name__}, expected a tensor")
            yield name, tensor


def _rename_tensors(
    path: Path, tensors: Iterable[tuple[str, StoredTensor]], wrapper: str
) -> Iterator[tuple[str, StoredTensor]]:
    """Rename tensors to the names that stages use."""
    seen: set[str] = set()
    for name, tensor in tensors:
        part, _, key = name.partition(".")
        key = _NEW_WEIGHT_NORM.sub(lambda match: f".weight_{'gv'[int(match[1])]}", key.removeprefix(wrapper))
        flat = f"{part}.{key}"
        if flat in seen:
            raise WeightsError(f"{path}: {flat} is there twice, under two spellings")
        seen.add(flat)
        yield flat, tensor


def _suggest_tensor(key: str, left: Sequence[str]) -> str:
    """Suggest a tensor of the same part that may be `key` under another name."""
    part = key.partition(".")[0]
    close = difflib.get_close_matches(key, [name for name in left if name.startswith(part)], n=1, cutoff=0.9)
    return f"; did you mean '{close[0]}'?" if close else ""
