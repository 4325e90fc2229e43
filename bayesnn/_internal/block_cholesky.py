"""Cholesky factors of a few hundred rows in blocks that OpenBLAS works on by one thread.

NumPy and SciPy each bring an OpenBLAS of their own, and each divides a product or a factorisation of a few hundred rows
among threads, which then spin while they wait. Thousands of such calls one after the other keep all cores busy without
being quicker, and are many times slower where the cores have other work.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import lapack

SIZE = 64  # a product of three such dimensions is the largest that OpenBLAS leaves to one thread


def inner_products(x: np.ndarray) -> np.ndarray:
    """x x' (n, n) of rows (n, p), some rows at a time.

    Examples
    --------
    >>> inner_products(np.array([[1.0, 2.0], [0.0, 1.0]])).tolist()
    [[5.0, 2.0], [2.0, 1.0]]
    """
    count, columns = x.shape
    size = max(1, SIZE**3 // max(1, columns * count))
    padded = np.pad(x, ((0, -count % size), (0, 0)))
    return (padded.reshape(-1, size, columns) @ x.T).reshape(-1, count)[:count]


def half_log_det_and_whitened(matrix: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray] | None:
    """sum log L_ii and L^-1 y, for a symmetric matrix (n, n) = L L' and y (n,); None if it is not positive definite.

    Examples
    --------
    >>> half, whitened = half_log_det_and_whitened(np.diag([4.0, 9.0]), np.array([2.0, 6.0]))
    >>> bool(round(half, 6) == round(np.log(6.0), 6)), whitened.tolist()
    (True, [1.0, 2.0])
    """
    count = len(y)
    blocks = -(-count // SIZE)
    padded = np.eye(blocks * SIZE)
    padded[:count, :count] = matrix
    parts = padded.reshape(blocks, SIZE, blocks, SIZE).swapaxes(1, 2).copy()  # block row, block column, row, column
    right = np.pad(y, (0, blocks * SIZE - count)).reshape(blocks, SIZE)
    half = 0.0
    for j in range(blocks):
        column = parts[j:, j]
        if j:
            column -= (parts[j:, :j] @ parts[j, :j].swapaxes(1, 2)).sum(axis=1)
            right[j] -= (parts[j, :j] @ right[:j, :, None]).sum(axis=0)[:, 0]
        factor, failed = lapack.dpotrf(column[0], lower=1, clean=1)
        if failed:
            return None
        inverse, _ = lapack.dtrtri(factor, lower=1)
        half += float(np.log(np.diag(factor)).sum())
        right[j] = inverse @ right[j]
        column[0] = factor
        column[1:] = column[1:] @ inverse.T
    return half, right.ravel()[:count]
