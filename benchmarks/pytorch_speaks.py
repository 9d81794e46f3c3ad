"""The PyTorch package as a command: loads checkpoint and voice, speaks one utterance, writes a .wav.

    python -m benchmarks.pytorch_speaks MODEL_DIR PHONEMES SPEED THREADS OUT.wav

What a user of `kokoro` 0.9.4 would write, and no more: its own `KModel`, its own way to choose the voice's row. The
package's `__init__` is passed by (it would import a text front end, which takes longer still and is not needed here).
"""

from __future__ import annotations

import importlib
import sys

import numpy as np
import soundfile
import torch
from loguru import logger

from runner.speech.reference import import_kokoro


def main() -> None:
    """Reads sys.argv."""
    folder, phonemes, speed, threads, out = sys.argv[1:]
    torch.set_num_threads(int(threads))
    import_kokoro()
    logger.disable("kokoro")  # as the package's `__init__` does
    model = importlib.import_module("kokoro.model").KModel(
        repo_id="", config=f"{folder}/config.json", model=f"{folder}/model.pth"
    )
    pack = torch.from_numpy(np.load(f"{folder}/voice.npy"))
    audio = model.eval()(phonemes, pack[len(phonemes) - 1][None], float(speed))
    soundfile.write(out, audio.numpy(), 24000)


if __name__ == "__main__":
    main()
