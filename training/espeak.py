"""libespeak-ng through ctypes: speech with the sample at which each phoneme begins, and the phonemes of a text.

The library is the Debian package `libespeak-ng1` (1.51 is what the shipped voice was trained on). It keeps its state in
global variables and stays initialised until the process ends, so a process has one `Espeak` at a time in use: each call
of `speak` sets the voice it was made for.

A phoneme event carries the index of its first sample, which is exact; its position in milliseconds is not. Its name is
at most 8 bytes of IPA and has no stress mark: `Espeak.phonemes` gives the stressed spelling of the same phonemes.
"""

from __future__ import annotations

import ctypes
import dataclasses
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.errors import TrainingError

_LIBRARY = "libespeak-ng.so.1"
_FOLDERS = ("/usr/local/lib", "/usr/lib", "/usr/lib64", "/usr/lib/*-linux-gnu*")
_RETRIEVAL, _PHONEME_EVENTS, _PHONEME_IPA = 1, 1, 2  # espeak_AUDIO_OUTPUT, and the options of espeak_Initialize
_DONT_EXIT = 1 << 15  # of the process, where its data are missing
_POSITION_IN_CHARACTERS, _UTF8 = 1, 1
_IPA, _SEPARATED = 0x02, ord("_") << 8  # the phoneme mode of espeak_TextToPhonemes
_WORD, _PHONEME = 1, 7  # of espeak_EVENT_TYPE
_RATE, _VOLUME, _PITCH, _RANGE, _WORD_GAP = 1, 2, 3, 4, 7  # of espeak_PARAMETER
_NAME_BYTES = 8
_UNCLIPPED = 80  # of 100, at which loud vowels of the Klatt voices are clipped
_LANGUAGE = Path("lang", "gmw", "en-US")
_INSTALL = "Install it: on Debian and Ubuntu, `apt-get install libespeak-ng1 espeak-ng-data`"


class _Identity(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * _NAME_BYTES))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Identity),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclasses.dataclass(frozen=True)
class Word:
    """Where a word of the text begins (0-based code points), how long it is, and its first sample."""

    start: int
    length: int
    sample: int


@dataclasses.dataclass(frozen=True)
class Phoneme:
    """An IPA phoneme without stress, "" for a pause; its first sample; the index of its word among the words."""

    ipa: str
    sample: int
    word: int


@dataclasses.dataclass(frozen=True)
class Utterance:
    """What espeak-ng said: int16 `samples` at `sample_rate` Hz, its words and phonemes in order of time."""

    samples: NDArray[np.int16]
    sample_rate: int
    words: tuple[Word, ...]
    phonemes: tuple[Phoneme, ...]


class Espeak:
    """American English of one espeak-ng variant at one rate (words a minute), pitch and pitch range (both 0 to 99).

    `variant` are the lines of an espeak voice variant: `klatt 2` (the synthesiser and its voicing), `pitch 165 235`
    (low and high, Hz), `formant 1 104` (percent), and so on.
    """

    def __init__(self, variant: Sequence[str] = (), rate: int = 150, pitch: int = 50, pitch_range: int = 50) -> None:
        """Load the library.

        Raises
        ------
        TrainingError
            The library or its American English is not installed.
        """
        self._library, self.sample_rate, data = _library()
        language = data / _LANGUAGE
        try:
            self._voice = "\n".join([language.read_text("utf-8"), *variant, ""])
        except FileNotFoundError:
            raise TrainingError(
                f"{language}: not found; expected espeak-ng 1.51's American English. {_INSTALL}"
            ) from None
        self._parameters = {_RATE: rate, _VOLUME: _UNCLIPPED, _PITCH: pitch, _RANGE: pitch_range, _WORD_GAP: 0}
        self._chunks: list[NDArray[np.int16]] = []
        self._words: list[Word] = []
        self._phonemes: list[Phoneme] = []
        self._callback = _Callback(self._hear)  # kept: the library holds a bare pointer to it

    def speak(self, text: str) -> Utterance:
        """`text` as speech with its events."""
        self._use()
        self._chunks, self._words, self._phonemes = [], [], []
        encoded = text.encode()
        status = self._library.espeak_Synth(
            ctypes.c_char_p(encoded), len(encoded) + 1, 0, _POSITION_IN_CHARACTERS, 0, _UTF8, None, None
        )
        if status != 0 or self._library.espeak_Synchronize() != 0:
            raise TrainingError(f"{_LIBRARY}: espeak_Synth failed with status {status} on {text!r}")
        samples = np.concatenate(self._chunks) if self._chunks else np.zeros(0, np.int16)
        return Utterance(samples, self.sample_rate, tuple(self._words), tuple(self._phonemes))

    def phonemes(self, text: str) -> list[str]:
        """The IPA phonemes of `text` in order, each with its stress mark before it: `["h", "ə", "l", "ˈoʊ"]`."""
        self._use()
        return [
            phoneme
            for clause in self._clauses(text, _IPA | _SEPARATED)
            for word in clause.split()
            for phoneme in word.split("_")
            if phoneme
        ]

    def ipa(self, text: str) -> str:
        """What `espeak-ng --ipa -q` prints for `text`, its clauses joined by a space."""
        self._use()
        return " ".join(clause.strip() for clause in self._clauses(text, _IPA))

    def _clauses(self, text: str, mode: int) -> Iterator[str]:
        encoded = ctypes.c_char_p(text.encode())
        rest = ctypes.c_void_p(ctypes.cast(encoded, ctypes.c_void_p).value)
        while rest.value:
            clause = self._library.espeak_TextToPhonemes(ctypes.byref(rest), _UTF8, mode)
            yield clause.decode() if clause else ""

    def _use(self) -> None:
        """Make this voice the library's, unless it is."""
        global _in_use  # noqa: PLW0603 - as above
        if _in_use is self:
            return
        with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
            file.write(self._voice)
            file.flush()
            status = self._library.espeak_ng_SetVoiceByFile(file.name.encode())
        if status != 0:
            raise TrainingError(f"{_LIBRARY}: espeak_ng_SetVoiceByFile gave {status:#x} for\n{self._voice}")
        self._library.espeak_SetSynthCallback(self._callback)
        for parameter, value in self._parameters.items():
            self._library.espeak_SetParameter(parameter, value, 0)
        _in_use = self

    def _hear(self, wave: ctypes._Pointer[ctypes.c_short], count: int, events: ctypes._Pointer[_Event]) -> int:
        """The library's callback: keep the chunk of audio and the events that came with it."""
        if wave and count > 0:
            self._chunks.append(np.ctypeslib.as_array(wave, (count,)).copy())
        at = 0
        while events[at].type != 0:
            event = events[at]
            if event.type == _WORD:
                self._words.append(Word(event.text_position - 1, event.length, event.sample))
            elif event.type == _PHONEME:
                # The name may fill all 8 bytes, and then no zero ends it.
                raw = ctypes.string_at(ctypes.addressof(event) + _Event.id.offset, _NAME_BYTES).split(b"\0")[0]
                ipa = raw.decode("utf-8", "ignore")
                self._phonemes.append(Phoneme(ipa, event.sample, len(self._words) - 1))
            at += 1
        return 0


_loaded: tuple[ctypes.CDLL, int, Path] | None = None
_in_use: Espeak | None = None


def _find_library() -> str:
    """Find the library of the system.

    By its name alone a process is given the copy of another package, if it has loaded that: it would lose its data.

    Raises:
        TrainingError: there is none.
    """
    found = sorted(str(path) for folder in _FOLDERS for path in Path("/").glob(f"{folder[1:]}/{_LIBRARY}"))
    if not found:
        raise TrainingError(f"{_LIBRARY}: not in {', '.join(_FOLDERS)}; training speech comes from it. {_INSTALL}")
    return found[0]


def _library() -> tuple[ctypes.CDLL, int, Path]:
    """The library, initialised once a process, its sample rate in Hz and the folder of its data."""
    global _loaded  # noqa: PLW0603 - the library's own state is global, and a second initialisation leaks
    if _loaded is None:
        try:
            library = ctypes.CDLL(_find_library())
        except OSError as error:
            raise TrainingError(f"{_LIBRARY}: {error}; training speech comes from it. {_INSTALL}") from None
        library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        library.espeak_Info.restype = ctypes.c_char_p
        library.espeak_Synth.argtypes = (
            ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint,
            ctypes.c_void_p, ctypes.c_void_p,
        )  # fmt: skip
        sample_rate = library.espeak_Initialize(_RETRIEVAL, 0, None, _PHONEME_EVENTS | _PHONEME_IPA | _DONT_EXIT)
        if sample_rate <= 0:
            raise TrainingError(f"{_LIBRARY}: espeak_Initialize gave {sample_rate}, expected a sample rate. {_INSTALL}")
        data = ctypes.c_char_p()
        library.espeak_Info(ctypes.byref(data))
        _loaded = library, sample_rate, Path((data.value or b"").decode())
    return _loaded
