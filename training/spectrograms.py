"""`python -m training.spectrograms FILE.jpg`: three held-out sentences by each voice, beside espeak-ng's."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import kokoro_run
from training.alignment import SAMPLE_RATE
from training.errors import TrainingError
from training.evaluate import original
from training.sentences import heldout
from training.speakers import SPEAKERS

_SENTENCES = (1, 10, 36)  # of the held-out ones
_WINDOW, _HOP = 1024, 120
_RANGE_DB = 70


def spectrogram(audio: NDArray[np.float32]) -> NDArray[np.float64]:
    """[513, frames] in dB under the loudest, of Hann windows of 1024 samples, 120 apart."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(audio, _WINDOW // 2), _WINDOW)[::_HOP]
    power = np.abs(np.fft.rfft(windows * np.hanning(_WINDOW))).T ** 2
    decibels: NDArray[np.float64] = 10 * np.log10(power / power.max() + 1e-12)
    return decibels


def draw(path: Path) -> None:
    """Write the picture.

    Raises:
        TrainingError: espeak-ng is missing.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - the extra [train]

    pipeline = kokoro_run.Pipeline(kokoro_run.Graph.load())
    pipeline.build()
    figure = Figure(figsize=(14, 8), layout="constrained")
    axes = figure.subplots(len(_SENTENCES), 2 * len(SPEAKERS), sharey=True, squeeze=False)
    for row, number in zip(axes, _SENTENCES, strict=True):
        for at, (name, speaker) in enumerate(SPEAKERS.items()):
            said = original(heldout()[number], speaker)
            made = pipeline.run({"phonemes": said.aligned["misaki"].symbols, "voice": name})["audio"]
            for axis, title, audio in zip(
                row[2 * at :], (f"espeak-ng, {name}", name), (said.audio, made), strict=False
            ):
                extent = (0, len(audio) / SAMPLE_RATE, 0, SAMPLE_RATE / 2000)
                axis.imshow(
                    spectrogram(audio), extent=extent, vmin=-_RANGE_DB, origin="lower", aspect="auto", cmap="magma"
                )
                axis.set_title(title, fontsize=9)
        row[0].set_title(f"{heldout()[number]}\n{row[0].get_title()}", fontsize=9)
        row[0].set_ylabel("kHz", fontsize=8)
    figure.savefig(path, dpi=80, pil_kwargs={"quality": 85} if path.suffix == ".jpg" else None)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0, or 2 with a message."""
    parser = argparse.ArgumentParser(prog="python -m training.spectrograms", description=__doc__)
    parser.add_argument("file", type=Path)
    given = parser.parse_args(arguments)
    try:
        draw(given.file)
    except (TrainingError, kokoro_run.KokoroError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
