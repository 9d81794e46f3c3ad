"""`python -m training.candidates`: which espeak-ng voices are understood, as the table of `candidates.md`.

A voice is worth learning if a recogniser understands it and its harmonics reach far: the decoder's source has nine of
them, so a pitch of 100 Hz leaves everything above 900 Hz to be made from noise.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import numpy as np

from training.alignment import frames_of
from training.errors import reporting
from training.features import at_24_khz, pitch
from training.measures import ratio, word_errors
from training.recogniser import Recogniser, words
from training.sentences import heldout
from training.speakers import Speaker

_FEMALE = tuple(f"formant {number} {percent}" for number, percent in ((1, 104), (2, 106), (3, 106), (4, 106)))
_LOW, _ANY = (60.0, 200.0), (60.0, 400.0)
_PITCHES = ("140 200", "150 190", "150 200", "160 200", "165 235", "170 210", "180 225")
CANDIDATES = (
    Speaker("default", (), _LOW),
    *(Speaker(f"klatt {kind}", (f"klatt {kind}",), _LOW) for kind in range(1, 7)),
    *(Speaker(f"klatt {kind}, 193 Hz", (f"klatt {kind}", "pitch 150 215"), _ANY) for kind in (1, 2, 3, 4, 6)),
    Speaker("klatt 1, 212 Hz", ("klatt 1", "pitch 165 235"), _ANY),
    Speaker("klatt 1, 193 Hz, formants raised", ("klatt 1", "pitch 150 215", *_FEMALE), _ANY),
    *(Speaker(f"klatt 2, {rate}/min", ("klatt 2",), _LOW, rate) for rate in (120, 135, 150, 165, 200)),
    *(Speaker(f"klatt 1, 193 Hz, {rate}/min", ("klatt 1", "pitch 150 215"), _ANY, rate) for rate in (150, 165, 200)),
    *(Speaker(f"klatt 2, 193 Hz, {rate}/min", ("klatt 2", "pitch 150 215"), _ANY, rate) for rate in (170, 190)),
    *(Speaker(f"klatt 2, pitch {span}", ("klatt 2", f"pitch {span}"), _ANY) for span in _PITCHES),
)


def judged(speaker: Speaker, sentences: Sequence[str], recogniser: Recogniser) -> str:
    """The row of the table of one candidate."""
    espeak = speaker.espeak()
    errors, spoken, f0 = [], [], []
    for sentence in sentences:
        utterance = espeak.speak(sentence)
        audio = at_24_khz(utterance.samples, utterance.sample_rate, frames_of(utterance))
        wanted = words(sentence)
        errors.append(word_errors(wanted, recogniser(audio)))
        spoken.append(len(wanted))
        heard = pitch(audio, *speaker.f0_range_hz)
        f0.append(heard[heard > 0])
    hz = np.concatenate(f0)
    wrong = ratio(errors, spoken)
    lines = "; ".join(speaker.variant) or "none"
    return (
        f"| {speaker.name} | `{lines}` | {speaker.rate} | {hz.mean():.0f} | {np.percentile(hz, 5):.0f} to "
        f"{np.percentile(hz, 95):.0f} | {wrong.value:.3f} | {wrong.low:.3f} to {wrong.high:.3f} |"
    )


@reporting
def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m training.candidates", description="Score espeak-ng voices.")
    parser.add_argument("--sentences", type=int, default=len(heldout()), help="the first so many held-out ones")
    parser.add_argument("names", nargs="*", help="candidates (default: all)")
    given = parser.parse_args(arguments)
    recogniser = Recogniser()
    sys.stdout.write("| voice | variant | rate | mean F0, Hz | 5 to 95 % | word error rate | 95 % interval |\n")
    sys.stdout.write("| --- | --- | --- | --- | --- | --- | --- |\n")
    for speaker in CANDIDATES:
        if not given.names or speaker.name in given.names:
            sys.stdout.write(judged(speaker, heldout()[: given.sentences], recogniser) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
