"""English text to phonemes, a letter at a time: a toy that a real front end takes the place of."""

from kokoro_run import In, Out, stage

SOUNDS = {"c": "k", "q": "k", "x": "ks", "y": "j", "r": "ɹ", "a": "æ", "e": "ɛ", "i": "ɪ", "o": "ɑ", "u": "ʌ", "g": "ɡ"}


@stage(text=In("str", "English text"), phonemes=Out("str", "a symbol for each letter"))
def letters(text: str) -> dict[str, str]:
    return {"phonemes": "".join(SOUNDS.get(letter, letter) for letter in text.lower())}
