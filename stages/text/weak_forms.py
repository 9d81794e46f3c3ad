"""Pronounces the small words whose sound depends on the sound that follows.

Kokoro was trained with these forms. The words with a variant "None" in the lexicon (have, this, there) are stressed at
the end of a phrase, too; and "used" has the variant VBD before "to" (jˈust).
"""

from __future__ import annotations

from typing import NamedTuple


class Context(NamedTuple):
    """What is around a word.

    Attributes:
        vowel: whether the next sound is a vowel; None at the end of a phrase, where nothing or a mark follows.
        before_to: whether the next word is "to".
        shouted: whether the words around are written in capitals too, so that capitals mean nothing.
    """

    vowel: bool | None = None
    before_to: bool = False
    shouted: bool = False


END = Context()


class Form(NamedTuple):
    """The phonemes of a small word; None for those of the lexicon.

    Attributes:
        before_vowel, before_consonant, at_end: the word before a vowel, before a consonant, at the end of a phrase.
        tag: the part of speech for which these are the forms.
        otherwise: the word as another part of speech: the letters A and I, the adverbs in and by.
    """

    before_vowel: str | None
    before_consonant: str | None
    at_end: str | None
    tag: str = ""
    otherwise: str | None = None


_FORMS = {
    "the": Form("ði", "ðə", "ðə"),
    "to": Form("tʊ", "tə", None),
    "a": Form("ɐ", "ɐ", "ˈA", "DT", "ˈA"),
    "an": Form("ɐn", "ɐn", "ɐn"),
    "am": Form("ɐm", "ɐm", None),
    "in": Form("ɪn", "ɪn", "ˈɪn", "IN", "ˈɪn"),
    "by": Form(None, None, None, "IN", "bˈI"),
    "i": Form("ˌI", "ˌI", "ˌI", "PRP", "ˈI"),
}


def pronounce_weak_form(word: str, key: str | None, context: Context) -> str | None:
    """The phonemes of `word`, if it is a small word that the lexicon does not decide."""
    form = _FORMS.get(word.lower())
    if form is None:
        return None
    if form.tag and key not in (None, "DEFAULT", form.tag):
        return form.otherwise
    if context.vowel is None:
        return form.at_end
    return form.before_vowel if context.vowel else form.before_consonant


def choose_key(word: str, key: str | None, context: Context) -> str | None:
    """The variant of `word`: that of its part of speech, unless its neighbours decide."""
    if word.lower() == "used":
        return "VBD" if context.before_to and key in (None, "DEFAULT", "VBD", "ADJ") else "DEFAULT"
    return "None" if context.vowel is None else key
