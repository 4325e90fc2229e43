"""Curves of a series: none, square root and logarithm, with their inverses and Jacobians."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Curve(NamedTuple):
    """u = forward(y), y = inverse(u), log du/dy = log_slope(y), and which series it suits."""

    forward: Callable[[np.ndarray], np.ndarray]
    inverse: Callable[[np.ndarray], np.ndarray]
    log_slope: Callable[[np.ndarray], np.ndarray]
    allowed: Callable[[np.ndarray], bool]


LARGEST = 170.0  # largest logarithm, since the package allows numbers up to 1e75


def _always(y: np.ndarray) -> bool:
    return True


def _above_zero(y: np.ndarray) -> bool:
    return bool((y > 0).all())


CURVES = {
    "none": Curve(lambda y: y, lambda u: u, np.zeros_like, _always),
    # Below zero the square root of a path has no meaning: the value is zero there.
    "sqrt": Curve(np.sqrt, lambda u: np.maximum(u, 0.0) ** 2, lambda y: -np.log(2 * np.sqrt(y)), _above_zero),
    "log": Curve(np.log, lambda u: np.exp(np.minimum(u, LARGEST)), lambda y: -np.log(y), _above_zero),
}
