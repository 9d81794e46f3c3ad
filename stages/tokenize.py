"""Phonemes to token ids, with a zero at both ends.

                  alphabet   config.vocab: symbol -> id
                      |            |
    phonemes --> normalise --> look up --> [0] + ids + [0] --> input_ids
                                                    |
                                                    +--> length, text_mask, attention_mask

`stages.symbols` defines a symbol, and spells those that the vocabulary lacks with those that it has;
`stages.text.espeak` has the tables of other alphabets.

Source: kokoro 0.9.4, model.py (KModel.forward).
Differs: the reference drops unknown symbols silently; here they are an error, or counted in a warning.

Raises:
    StageError: no symbols; an unknown symbol or alphabet; more symbols than the model has positions for.
"""

from collections.abc import Mapping

import numpy as np

from stages.contract import In, Out, StageError, stage, warn
from stages.dims import END_TOKENS
from stages.symbols import normalise, refusal, summarise
from stages.text.espeak import Alphabet, find_alphabet


@stage(
    config=("vocab", "plbert"),
    phonemes=In("str", "symbols of one utterance, as IPA"),
    alphabet=In("str", "kokoro, or that of espeak-ng for a language: espeak (American), espeak-en-gb, espeak-fr ..."),
    skip_unknown=In("bool[]", "drop symbols that the vocabulary lacks, with a warning, where False refuses them"),
    input_ids=Out("int64[1, text]", "ids, with a zero at both ends"),
    length=Out("int64[1]", "tokens, the two zeros included"),
    text_mask=Out("bool[1, text]", "True where padded: here nowhere"),
    attention_mask=Out("int64[1, text]", "1 where not padded: here everywhere"),
)
def tokenize(
    phonemes: str, alphabet: str, skip_unknown: np.ndarray, *, vocab: Mapping[str, int], plbert: Mapping[str, int]
) -> dict[str, np.ndarray]:
    symbols = list(normalise(phonemes, vocab, _read_alphabet(alphabet, phonemes)))
    unknown = [symbol for symbol in symbols if symbol.text not in vocab]
    if unknown and not skip_unknown:
        raise StageError(refusal(unknown, vocab))
    if unknown:
        warn(f"dropped {summarise(unknown)}")

    ids = [vocab[symbol.text] for symbol in symbols if symbol.text in vocab]
    _check_count(len(ids), plbert["max_position_embeddings"] - END_TOKENS)

    input_ids = np.array([[0, *ids, 0]], np.int64)
    return {
        "input_ids": input_ids,
        "length": np.array([input_ids.shape[1]], np.int64),
        "text_mask": np.zeros(input_ids.shape, np.bool_),
        "attention_mask": np.ones(input_ids.shape, np.int64),
    }


def _read_alphabet(name: str, phonemes: str) -> Alphabet | None:
    try:
        alphabet = find_alphabet(name)
    except ValueError as error:
        raise StageError(f"alphabet: {error}") from None
    flags = [] if alphabet is None else alphabet.find_flags(phonemes)
    if flags:
        warn(f"dropped {len(flags)} mark{'s' if len(flags) > 1 else ''} of a change of language: {' '.join(flags)}")
    return alphabet


def _check_count(count: int, limit: int) -> None:
    if count == 0:
        raise StageError("no phonemes: the utterance is empty; give at least one symbol of the vocabulary")
    if count > limit:
        raise StageError(
            f"{count} symbols, but the model takes at most {limit} "
            f"(plbert.max_position_embeddings less the zeros at both ends); split the line"
        )
