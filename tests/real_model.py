"""Kokoro-82M itself, from the packages of the extra `kokoro`, and words for it to say: for tests and benchmarks.

    MODEL                what `-c` is told
    obstacle()           why it cannot be had here; None if it can
    passage(30, 1)       30 phonemes of English speech
    SENTENCES            whole sentences with their spelling

The passage is from H. G. Wells, The Time Machine (public domain), its phonemes as Kokoro was trained with.
"""

from __future__ import annotations

from runner.errors import WeightsError
from runner.graph.load import load_graph
from runner.model.packages import find_checkpoint
from tests.runner.graphs import model_of

MODEL = "kokoro-82m-int8"

SENTENCES = {
    "The small dog ran across the green field.": "ðə smˈɔl dˈɔɡ ɹˈæn əkɹˈɔs ðə ɡɹˈin fˈild.",
    "Can you tell me what time the train arrives?": "kæn ju tˈɛl mi wˌʌt tˈIm ðə tɹˈAn əɹˈIvz?",
    "It takes about twenty minutes to drive to the city.": "ɪt tˈAks əbˌWt twˈɛnti mˈɪnɪts tə dɹˈIv tə ðə sˈɪTi.",
}
"""What is written -> the phonemes of it."""

_PASSAGE = (
    "ðə tˈIm tɹˈævᵊləɹ (fɔɹ sˌO ɪt wɪl bi kənvˈinjənt tə spˈik ʌv hˌɪm) wʌz ɛkspˈWndɪŋ ɐ ɹˈɛkəndˌIt mˈæTəɹ tʊ ˌʌs.",
    "hˈɪɹ ɪz ɐ pˈɑpjələɹ sˌIəntˈɪfɪk dˈIəɡɹˌæm, ɐ wˈɛðəɹ ɹˈɛkəɹd.",
    "bˌʌt θɹu ɐ nˈæʧəɹᵊl ɪnfˈɜɹməTi ʌv ðə flˈɛʃ, wˌɪʧ ˌI wɪl ɪksplˈAn tə ju ɪn ɐ mˈOmᵊnt, wi ɪnklˈIn tʊ ˌOvəɹlˈʊk "
    "ðɪs fˈækt.",
    "ðˈɛn, stˈɪl smˈIlɪŋ fˈAntli, ænd wɪð hɪz hˈændz dˈip ɪn hɪz tɹˈWzəɹz pˈɑkəts, hi wˈɔkt slˈOli ˈWt ʌv ðə ɹˈum, "
    "ænd wi hˈɜɹd hɪz slˈɪpəɹz ʃˈʌfᵊlɪŋ dˌWn ðə lˈɔŋ pˈæsɪʤ tə hɪz lˈæbɹətˌɔɹi.",
    "ˌɪt wɪl vˈænɪʃ, pˈæs ˈɪntu fjˈuʧəɹ tˈIm, ænd dˌɪsəpˈɪɹ.",
    "ðə sIkˈɑləʤɪst sˈimd əbˈWt tə spˈik tə mˌi, bˌʌt ʧˈAnʤd hɪz mˈInd.",
)


def passage(symbols: int, start: int = 0) -> str:
    """The first `symbols` phonemes of the passage, from its sentence `start` on; at most 598."""
    first = start % len(_PASSAGE)
    text = " ".join(_PASSAGE[first:] + _PASSAGE[:first])
    if not 0 < symbols <= len(text):
        raise ValueError(f"the passage has {len(text)} phonemes, and {symbols} are asked for")
    return text[:symbols]


def obstacle() -> str | None:
    """Why the model's weights are not here, in words for a skipped test; None if they are."""
    model = model_of(load_graph("default", [MODEL]))
    try:
        find_checkpoint(model)
    except WeightsError as error:
        return f"the weights of Kokoro are not installed: {error}"
    return None
