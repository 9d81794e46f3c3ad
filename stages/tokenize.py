"""Phonemes to token ids, with a zero at both ends.

                          config.vocab: symbol -> id
                                   |
    phonemes --> normalise --> look up --> [0] + ids + [0] --> input_ids
                                                    |
                                                    +--> length, text_mask, attention_mask

`stages.symbols` defines a symbol, and spells those that the vocabulary lacks with those that it has.

Source: kokoro 0.9.4, model.py (KModel.forward).
Differs: the reference drops unknown symbols silently; here they are an error, or counted in a warning.

Raises:
    StageError: no symbols; an unknown symbol; more symbols than the model has positions for.
"""

from collections.abc import Mapping

import numpy as np

from stages.contract import In, Out, StageError, stage, warn
from stages.dims import END_TOKENS
from stages.symbols import normalise, refusal, summarise


@stage(
    config=("vocab", "plbert"),
    phonemes=In("str", "symbols of one utterance, as IPA"),
    skip_unknown=In("bool[]", "drop symbols that the vocabulary lacks, with a warning, where False refuses them"),
    input_ids=Out("int64[1, text]", "ids, with a zero at both ends"),
    length=Out("int64[1]", "tokens, the two zeros included"),
    text_mask=Out("bool[1, text]", "True where padded: here nowhere"),
    attention_mask=Out("int64[1, text]", "1 where not padded: here everywhere"),
)
def tokenize(
    phonemes: str, skip_unknown: np.ndarray, *, vocab: Mapping[str, int], plbert: Mapping[str, int]
) -> dict[str, np.ndarray]:
    symbols = list(normalise(phonemes, vocab))
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


def _check_count(count: int, limit: int) -> None:
    if count == 0:
        raise StageError("no phonemes: the utterance is empty; give at least one symbol of the vocabulary")
    if count > limit:
        raise StageError(
            f"{count} symbols, but the model takes at most {limit} "
            f"(plbert.max_position_embeddings less the zeros at both ends); split the line"
        )
