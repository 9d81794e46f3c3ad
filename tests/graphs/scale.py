"""Numbers times a factor."""

import numpy as np

from kokoro_run import In, Out, stage


@stage(
    x=In("float32[n]", "numbers"),
    factor=In("float32[]", "what each is multiplied by"),
    y=Out("float32[n]", "the products"),
)
def scale(x: np.ndarray, factor: np.ndarray) -> dict[str, np.ndarray]:
    return {"y": x * factor}
