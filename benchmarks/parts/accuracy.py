"""What fewer bits cost: bf16 of ours against our float32, and ONNX Runtime's int8 against its float32.

Ours run on the same inputs and the same noise, so their waveforms can be subtracted. ONNX Runtime draws new noise in
each call: there spectra are compared, and two calls of float32 give the distance that noise alone makes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.cases import Case, cases, pick, symbols
from benchmarks.names import ORT, ORT_INT8, ORT_WHOLE, ORT_WHOLE_INT8
from benchmarks.ours import Ours
from benchmarks.rivals import disagreement
from benchmarks.session import REFUSALS, Session
from runner.speech.spectral_distance import log_spectral_distance

Array = NDArray[Any]

SIZES = {"bert": 128, "duration": 128, "text_encoder": 128, "f0n": 200, "decoder": 200}
SPOKEN_S = 3.0


def measure(session: Session) -> dict[str, Any]:
    """Rows of `ours`, and of `onnxruntime`."""
    chosen = pick(cases(session.reference, session.pack, quick=session.quick), SIZES).values()
    first, *others = session.ours
    return {
        "ours": [_ours(first, other, case) for other in others for case in chosen if other.has(case.stage)],
        "onnxruntime": [row for case in chosen for row in _onnxruntime(session, case)] + _whole(session),
    }


def _ours(first: Ours, other: Ours, case: Case) -> dict[str, Any]:
    exact, got = (
        {port: np.asarray(value, np.float64) for port, value in ours.run(case.stage, case.inputs).items()}
        for ours in (first, other)
    )
    row = {"contender": other.variant.name, "case": case.label}
    return row | {port: _distance(exact[port], got[port]) for port in exact}


def _distance(exact: Array, got: Array) -> dict[str, float | None]:
    noise, signal = float(np.sum(np.square(got - exact))), float(np.sum(np.square(exact)))
    return {
        "snr_db": 10 * math.log10(signal / noise) if noise else None,
        "log_spectral_distance_db": log_spectral_distance(got.reshape(-1), exact.reshape(-1)),
    }


def _onnxruntime(session: Session, case: Case) -> list[dict[str, Any]]:
    """int8 against float32, relative to the largest value; of the decoder, loudness and spectrum."""
    outputs: dict[str, list[Array]] = {}
    for rival in session.rivals((ORT, ORT_INT8)):
        try:
            prepared = rival.prepare(case.stage, case.inputs)
            outputs[rival.name] = rival.run(case.stage, prepared)
            again = rival.run(case.stage, prepared)
        except REFUSALS as error:
            session.fail(f"{rival.name}, {case.label}", error)
            return []
        if rival.name == ORT:
            repeated = again
    exact, got = outputs[ORT], outputs[ORT_INT8]
    row: dict[str, Any] = {"contender": ORT_INT8, "case": case.label, "apart": disagreement(case.stage, exact, got)}
    if case.stage == "decoder":
        row |= _spectra(exact[0], got[0], repeated[0])
    return [row]


def _whole(session: Session) -> list[dict[str, Any]]:
    """The same of the whole model, whose durations quantization may change."""
    length = session.length(SPOKEN_S)
    ids = session.reference.input_ids(symbols(session.config, length.tokens))
    wholes = {whole.name: whole for whole in session.wholes((ORT_WHOLE, ORT_WHOLE_INT8))}
    try:
        exact, repeated, got = (
            wholes[name].speak(ids, session.pack, length.speed) for name in (ORT_WHOLE, ORT_WHOLE, ORT_WHOLE_INT8)
        )
    except (KeyError, *REFUSALS) as error:
        session.fail("accuracy of the whole model's int8", error)
        return []
    row: dict[str, Any] = {"contender": ORT_WHOLE_INT8, "case": f"utterance, {SPOKEN_S:g} s"}
    row |= {"apart": disagreement("decoder", [exact], [got]), "longer": got.size / exact.size - 1}
    return [row | _spectra(exact, got, repeated)]


def _spectra(exact: Array, got: Array, repeated: Array) -> dict[str, float]:
    common = min(exact.size, got.size)
    one, other, same = (audio.reshape(-1).astype(np.float64) for audio in (exact, got, repeated))
    return {
        "log_spectral_distance_db": log_spectral_distance(other[:common], one[:common]),
        "of_two_calls_db": log_spectral_distance(same, one),
    }
