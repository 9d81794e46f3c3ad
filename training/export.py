"""`python -m training.export OUT [FOLDER]`: what the runner reads, from the averaged weights in OUT.

FOLDER, by default the model's own in configs/, gets model.safetensors (float16, the published checkpoint's key names)
and voices/NAME.npy (float16 [510, 2 * style_dim]: one style for every length); the sha256 beside FOLDER, in its .yaml,
is brought up to date.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save

from runner.speech.reference import checkpoint_keys
from training import decoder, model, predictor
from training.checkpoint import load_mean
from training.errors import TrainingError, reporting

# Symbols of the vocabulary that the corpus has not, and what they are read as: people paste some of them.
UNHEARD = {
    "—": ",", "…": ",", '"': " ", "“": " ", "”": " ", "(": ",", ")": ",", "↓": " ", "→": " ", "↗": " ", "↘": " ",
    "ɒ": "ɑ", "ɨ": "ᵻ", "c": "k", "q": "k", "x": "k", "χ": "k", "ç": "h", "ɣ": "ɡ", "ɟ": "ɡ", "y": "i", "ø": "ɜ",
    "œ": "ɛ", "ɯ": "u", "ɤ": "ʌ", "ɻ": "ɹ", "ʁ": "ɹ", "ɽ": "ɾ", "ɖ": "d", "ʈ": "t", "ɳ": "n", "ɲ": "n", "ɴ": "n",
    "ʎ": "l", "β": "v", "ʋ": "v", "ɸ": "f", "ʂ": "ʃ", "ɕ": "ʃ", "ʝ": "j", "ɥ": "w", "ɰ": "w", "Q": "O", "S": "s",
    "ʣ": "z", "ʥ": "ʤ", "ʦ": "s", "ʨ": "ʧ", "ꭧ": "ʧ",
}  # fmt: skip
_ROWS = 510  # of a voice pack: one for each number of symbols
_LARGEST = 65504.0  # of a float16


def trained(out: Path) -> Any:
    """The model with the averaged weights of both trainers.

    Raises:
        TrainingError: one of them has not been run.
    """
    parts = model.build(0)
    styles = []
    for trainer in (decoder, predictor):
        path = out / trainer.FILE
        if not path.exists():
            raise TrainingError(f"{path}: not there; run python -m training first")
        load_mean(path, model.named_tensors(parts, trainer.PARTS))
        styles.append(parts.styles.detach().clone())
    half = parts.styles.shape[1] // 2
    with torch.no_grad():
        parts.styles.copy_(torch.cat([styles[0][:, :half], styles[1][:, half:]], dim=1))
    predictor.fold_scales(parts)
    _read_unheard(parts)
    return parts.eval()


def _read_unheard(parts: Any) -> None:
    vocab = model.config()["vocab"]
    with torch.no_grad():
        for table in (parts.text_encoder.embedding.weight, parts.bert.embeddings.word_embeddings.weight):
            for symbol, like in UNHEARD.items():
                table[vocab[symbol]] = table[vocab[like]]


def write(parts: Any, folder: Path) -> str:
    """Write checkpoint and voices to `folder`; the checkpoint's sha256.

    Raises:
        TrainingError: a weight is beyond float16.
    """
    state = parts.state_dict()
    data = save({key: _half(key, state[key]) for key in sorted(checkpoint_keys(parts))})
    styles = [_half(f"voice {name}", style) for name, style in zip(model.VOICES, parts.styles, strict=True)]
    voices = folder / "voices"
    voices.mkdir(parents=True, exist_ok=True)
    _replace(folder / "model.safetensors", data)
    for name, style in zip(model.VOICES, styles, strict=True):
        np.save(voices / f"{name}.npy", np.tile(style, (_ROWS, 1)))
    return hashlib.sha256(data).hexdigest()


def _half(key: str, tensor: torch.Tensor) -> np.ndarray:
    array = tensor.detach().numpy()
    if not np.abs(array).max() <= _LARGEST:
        raise TrainingError(f"{key}: not finite, or beyond float16; the training has diverged: start it anew")
    return array.astype(np.float16)


def _replace(path: Path, data: bytes) -> None:
    part = path.with_suffix(".part")
    part.write_bytes(data)
    part.replace(path)


@reporting
def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m training.export", description="Export the trained model.")
    parser.add_argument("out", type=Path, help="the folder that the trainers wrote to")
    parser.add_argument("folder", type=Path, nargs="?", default=model.config_path().parent)
    given = parser.parse_args(arguments)
    digest = write(trained(given.out), given.folder)
    described = given.folder.with_suffix(".yaml")
    if described.exists():
        text = described.read_text(encoding="utf-8")
        described.write_text(re.sub(r"sha256: [0-9a-f]{64}", f"sha256: {digest}", text), encoding="utf-8")
    sys.stdout.write(f"{given.folder}: model.safetensors, sha256 {digest}; voices {', '.join(model.VOICES)}\n")


if __name__ == "__main__":
    sys.exit(main())
