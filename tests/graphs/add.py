"""The sum of two rows of numbers."""

import numpy as np

from kokoro_run import In, Out, stage


@stage(a=In("float32[n]", "numbers"), b=In("float32[n]", "as many"), y=Out("float32[n]", "their sums"))
def add(a: np.ndarray, b: np.ndarray) -> dict[str, np.ndarray]:
    return {"y": a + b}
