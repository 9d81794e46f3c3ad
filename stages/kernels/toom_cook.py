"""The matrices of minimal filtering F(m, r), computed exactly by the construction of Toom and Cook."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

_POINTS = [Fraction(p) for p in ("0", "1", "-1", "2", "-2", "1/2", "-1/2", "4/3", "-4/3")]

Matrix = list[list[float]]


@cache
def matrices(m: int, r: int) -> tuple[Matrix, Matrix, Matrix]:
    """Return A^T [m, n], G [n, r] and B^T [n, n], with rows of B^T scaled to at most 1 (the scale is in G)."""
    n = m + r - 1
    points = _POINTS[: n - 1]

    def vandermonde(width: int) -> list[list[Fraction]]:
        return [[p**j for j in range(width)] for p in points] + [[Fraction(int(j == width - 1)) for j in range(width)]]

    bt = [list(column) for column in zip(*_inverse(vandermonde(n)), strict=True)]
    at = [list(column) for column in zip(*vandermonde(m), strict=True)]
    scales = [max(abs(v) for v in row) for row in bt]
    g = [[v * s for v in row] for row, s in zip(vandermonde(r), scales, strict=True)]
    bt = [[v / s for v in row] for row, s in zip(bt, scales, strict=True)]
    return _floats(at), _floats(g), _floats(bt)


def _floats(rows: list[list[Fraction]]) -> Matrix:
    return [[float(v) for v in row] for row in rows]


def _inverse(rows: list[list[Fraction]]) -> list[list[Fraction]]:
    """Invert a matrix by Gauss-Jordan elimination, exactly."""
    size = len(rows)
    work = [[*row, *(Fraction(int(i == j)) for j in range(size))] for i, row in enumerate(rows)]
    for column in range(size):
        pivot = next(i for i in range(column, size) if work[i][column] != 0)
        work[column], work[pivot] = work[pivot], work[column]
        work[column] = [v / work[column][column] for v in work[column]]
        for i in range(size):
            if i != column and work[i][column] != 0:
                work[i] = [a - work[i][column] * b for a, b in zip(work[i], work[column], strict=True)]
    return [row[size:] for row in work]
