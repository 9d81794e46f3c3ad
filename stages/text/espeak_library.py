"""Calls espeak-ng through ctypes: text to IPA in any of its languages.

The library and its data are those of the package `espeakng-loader` (the extra `espeak`). espeak-ng is under the
GPL-3.0; nothing of it is in this project. Its state is global: one lock guards it, and each call sets the language
that it wants, so that another user of the library in this process does no harm between two calls.
"""

from __future__ import annotations

import ctypes
import functools
import threading

from stages.contract import StageError

_INSTALL = "pip install 'kokoro-run[espeak]', of which it needs the package espeakng-loader"
_REINSTALL = "pip install --force-reinstall espeakng-loader"
_RETRIEVAL, _DONT_EXIT = 1, 0x8000  # of espeak_Initialize: no sound card; an error of the data does not end the process
_UTF8 = 1
_IPA_TIED = 0x02 | 0x80 | ord("^") << 8  # the phoneme mode of espeak_TextToPhonemes: IPA, `^` within a phoneme
_LOCK = threading.Lock()


def transcribe(text: str, voice: str) -> str:
    """Transcribe `text` to IPA with stress marks, in which `^` ties the letters of one phoneme.

    Clauses are separated by a space; a change of language is marked as in `(en)weekend(fr)`.

    Args:
        voice: espeak-ng's name of a language.

    Raises:
        StageError: espeak-ng is not installed, or has no such language.
    """
    encoded = ctypes.create_string_buffer(text.replace("\0", " ").encode(errors="replace"))
    rest = ctypes.c_void_p(ctypes.addressof(encoded))
    clauses = []
    with _LOCK:
        library = _load()
        if library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise StageError(f"espeak-ng has no voice '{voice}'; `espeak-ng --voices` lists those that it has")
        while rest.value:
            clause: bytes | None = library.espeak_TextToPhonemes(ctypes.byref(rest), _UTF8, _IPA_TIED)
            clauses.append((clause or b"").decode(errors="replace").strip())
    return " ".join(filter(None, clauses)).replace("r.", "ɽ")  # the one letter of espeak-ng that IPA does not have


@functools.cache
def _load() -> ctypes.CDLL:
    """Load the library, once a process: a second initialisation leaks.

    Raises:
        StageError: the package is missing, or its library does not work here.
    """
    try:
        import espeakng_loader  # noqa: PLC0415 - of an extra

        library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path()
    except ImportError:
        raise StageError(f"espeak-ng is not installed: {_INSTALL}") from None
    except (OSError, RuntimeError) as error:
        raise StageError(f"espeak-ng cannot be loaded: {error}; reinstall it: {_REINSTALL}") from None
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    library.espeak_TextToPhonemes.argtypes = (ctypes.POINTER(ctypes.c_void_p), ctypes.c_int, ctypes.c_int)
    library.espeak_SetVoiceByName.argtypes = (ctypes.c_char_p,)
    if library.espeak_Initialize(_RETRIEVAL, 0, data.encode(), _DONT_EXIT) <= 0:
        raise StageError(f"espeak-ng does not start with the data in {data}; reinstall it: {_REINSTALL}")
    return library
