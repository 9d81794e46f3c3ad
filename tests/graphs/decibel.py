"""Levels in decibels."""

import numpy as np


def to_factor(decibels: float) -> np.float32:
    """Give the factor of amplitudes."""
    return np.float32(10 ** (decibels / 20))
