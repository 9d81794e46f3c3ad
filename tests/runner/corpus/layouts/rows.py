"""Rows with everything that a reader may stumble over, and outputs that are written of them as two shards.

python -m tests.runner.corpus.layouts.rows FOLDER ROWS    # an output for each layout and format, FOLDER/LAYOUT-FORMAT
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from runner.corpus.layouts.layouts import LAYOUTS
from runner.speech.pcm import round_to_16_bits

RATE_HZ = 24_000
CASES = [(name, codec) for name, layout in LAYOUTS.items() for codec in layout.formats]
LOSSLESS = ("flac", "wav")
# In the order of their rows, then numbers
IDS = (
    "first", "LJ001-0001", "a.b.c", "a b", "naïve-日本語", "v" * 200, "é" * 100, ".".join("x" * 100), "%2E", "_",
    "__init__", "test-1", "dev", "eval 2", "train.validation", "50%", "a|b", "a:b", "zip::x", "what?*[1]#", '"quoted"',
    "it's", "NA", "null", "007", "1e5", "-x", "CON", "a\\b", "<b>", "~", "%~" + "0" * 32, ":" * 200, "|" * 199 + "a",
    "|" * 199 + "b", "dev " * 49 + "val",
)  # fmt: skip
TEXTS = (
    "Plain words.", "Pipes | are | spoken", '"Quoted," she said, "twice"', "Two\nlines", "Carriage\r\nreturn\rtwice",
    "tab\there", "line\u2028paragraph\u2029next\x85last\x0bv\x0cf", "日本語のテキスト", "e\u0301 and é", "back\\slash",
    "'", '{"json": 1}', "  spaced  ", "NA", "half a pair: \ud800",
)  # fmt: skip


def make_id(number: int) -> str:
    return IDS[number] if number < len(IDS) else f"{number:08}"


def make_audio(number: int) -> npt.NDArray[np.float32]:
    """Make a tone of 20 to 120 ms, of a pitch of its own; the longest of them is clipped."""
    samples = 480 + number * 37 % 2400
    tone = np.sin(np.arange(samples) * (0.05 + number % 100 / 500)) * (1.1 if samples > 2800 else 0.5)
    return tone.astype(np.float32)


def make_entry(number: int) -> dict[str, Any]:
    """Make the entry of a row; the first eight have no words and no seed, so that nobody can guess their types."""
    audio, has_all = make_audio(number), number >= 8 and number % 3 > 0
    text = TEXTS[number % len(TEXTS)]
    word = {"text": "Wörd|", "start": 0.001, "end": audio.size / RATE_HZ, "phonemes": "wˈɜːd"}
    return {
        "id": make_id(number),
        "text": None if number % 7 == 5 else text,
        "phonemes": "həlˈO wˈɜːld." if number % 7 in (4, 5) else None,
        "voice": ("af_heart", "am_adam", "af_heart*0.5+am_adam*0.5")[number % 3],
        "lang": "en-us" if has_all else None,
        "speed": 1.25 if has_all else 1,
        "seed": 2**53 + number if has_all else None,
        "duration": audio.size / RATE_HZ,
        "samples": audio.size,
        "rate": RATE_HZ,
        "words": [word, dict(word, text="")] if has_all else [],
        "symbols": [{"symbol": "ˈ", "start": 0.0, "end": 0.01}] if has_all else None,
        "model": "m" * 64,
        "graph": "g" * 64,
        "audio_sha256": hash_samples(audio),
        "extra": {"chapter": number, "note": "ü|\n"} if number % 2 else {"chapter": "ii", "list": [1, None]},
    }


def hash_samples(audio: npt.NDArray[Any]) -> str:
    """Hash samples rounded to 16 bits, as a lossless file has them."""
    return hashlib.sha256(round_to_16_bits(audio).tobytes()).hexdigest()


def write_output(name: str, codec: str, out: Path, rows: int) -> list[dict[str, Any]]:
    """Write an output of `rows` rows in two shards, each aside and moved, as a corpus is written. Gives the entries."""
    layout = LAYOUTS[name]
    numbers = range(rows)
    entries: list[dict[str, Any]] = []
    for shard, part in enumerate((numbers[: rows // 3], numbers[rows // 3 :])):
        aside = out / ".kokoro-run" / "tmp" / f"{shard}"
        aside.mkdir(parents=True)
        writer = layout.open_shard(aside, f"{shard:05}-9f3c0a1b2c3d4e5f", RATE_HZ, codec)
        for number in part:
            entries.append(make_entry(number))
            writer.add(entries[-1], make_audio(number))
        for file in writer.close():
            (out / file).parent.mkdir(parents=True, exist_ok=True)
            (aside / file).rename(out / file)
    layout.finish(out, lambda: iter(entries))
    return entries


def hash_files(out: Path) -> dict[str, str]:
    """Hash the files of outputs, by their paths."""
    return {path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in list_files(out)}


def list_files(out: Path) -> Iterator[Path]:
    return (path for path in sorted(out.rglob("*")) if path.is_file())


if __name__ == "__main__":
    for case in CASES:
        write_output(*case, Path(sys.argv[1]) / "-".join(case), int(sys.argv[2]))
