"""Helpers for the arguments of priors, which may be numbers or arrays, and for masked rows."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from bayesnn._internal.numbers import real_numbers


def frozen(name: str, value: Any) -> Any:
    """A number as a float, an array as nested tuples of floats, so that the spec hashes."""
    if value is None:
        return None
    try:
        array = real_numbers(name, value)
    except ValueError:
        array = np.array(np.nan)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be a finite number or an array of them, got {value!r}")
    plain = array.tolist()
    return tuple(map(tuple, plain)) if array.ndim == 2 else tuple(plain) if array.ndim == 1 else plain


def covariance(name: str, value: Any, q: int) -> np.ndarray:
    """A checked covariance matrix (q, q) from a number, a diagonal (q,) or a matrix."""
    array = np.asarray(value, dtype=float)
    if array.shape not in ((), (q,), (q, q)):
        raise ValueError(f"{name} must be a number, or have shape ({q},) or ({q}, {q}) here, got shape {array.shape}")
    matrix = array if array.ndim == 2 else np.diag(np.broadcast_to(array, (q,)))
    if not np.allclose(matrix, matrix.T) or np.linalg.eigvalsh(matrix).min() <= 0:
        raise ValueError(f"{name} must be symmetric and positive definite, got {value!r}")
    return matrix


def vector(name: str, value: Any, q: int) -> np.ndarray:
    """A checked vector (q,) from a number or an array (q,)."""
    array = np.asarray(value, dtype=float)
    if array.shape not in ((), (q,)):
        raise ValueError(f"{name} must be a number or have shape ({q},) here, got shape {array.shape}")
    return np.broadcast_to(array, (q,))


def masked(values: jax.Array, used: jax.Array | None) -> jax.Array:
    """Values (m, ...) with zeros where the mask `used` (m,) is zero; unchanged without a mask."""
    return values if used is None else values * used.reshape(-1, *(1,) * (values.ndim - 1))
