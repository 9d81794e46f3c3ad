"""The length of a row of ids, and a mask for what a stage may pad it with."""

import numpy as np

from kokoro_run import In, Out, stage


@stage(
    ids=In("int64[1, n]", "ids, 0 at both ends"),
    length=Out("int64[1]", "valid ids"),
    mask=Out("bool[1, n]", "True where padded"),
)
def lengths(ids: np.ndarray) -> dict[str, np.ndarray]:
    return {"length": np.array([ids.shape[1]]), "mask": np.zeros(ids.shape, bool)}
