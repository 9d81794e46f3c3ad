"""How a row is cut into chunks, and how their audio is joined: two choices that a caller has.

cut     even     as few chunks as the model allows, of sizes as even as can be
        early    the first one short, so that it is spoken early, and each one after it up to twice as long
joints  measured a joint trims the silence that is heard at its edges
        timed    it trims the silence that the durations tell of, so that lengths are known before the decoder runs
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Cut = Literal["even", "early"]
Joints = Literal["measured", "timed"]


@dataclass(frozen=True)
class Delivery:
    """How a row is cut and joined.

    Attributes:
        cut: `even` for the best sound, `early` for the first sound soon.
        joints: `measured` for joints of one length to the ear, `timed` for lengths that are known in advance.
    """

    cut: Cut = "even"
    joints: Joints = "measured"


DEFAULT = Delivery()
