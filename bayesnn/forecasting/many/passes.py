"""The compiled pass over the curves of some series, one program per season, number of rows and of series."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bayesnn.forecasting.many.curve_arrays import OBSERVED
from bayesnn.forecasting.many.evidence import evidence, filtered
from bayesnn.forecasting.many.prior import StructuralPrior, make_grid

SIZE = 16  # series per program; a single series has a program of its own
FEWER, LONG = 4, 64  # FEWER series per program where seasons have more than LONG phases, to save memory


class Passed(NamedTuple):
    """What the pass leaves of one series, by curve: `Filtered` and `Evidence` with an axis (c,) before theirs."""

    products: np.ndarray
    state: np.ndarray
    season: np.ndarray
    log: np.ndarray
    rate: np.ndarray
    shape: np.ndarray


def passes(
    prior: StructuralPrior, periods: tuple[int, ...], u: np.ndarray, kind: np.ndarray, x: np.ndarray
) -> list[Passed]:
    """Passes over curves u (s, c, rows) of these kinds with columns x (s, rows, e), for any number of series."""
    found: list[Passed] = []
    size = 1 if len(u) == 1 else size_of(periods)
    for start in range(0, len(u), size):
        part, kinds, columns = (_filled(a[start : start + size], size) for a in (u, kind, x))
        first = int(np.argmax((kinds > 0).any(axis=(0, 1))))
        passed = _filter_program(prior, periods)(part, kinds, first, columns)
        evidences = _evidence_program(prior, periods, x.shape[2])(passed.products, (kinds == OBSERVED).sum(axis=-1))
        result = jax.device_get((*passed, *evidences))
        found += [Passed(*(a[i] for a in result)) for i in range(min(size, len(u) - start))]
    return found


def size_of(periods: tuple[int, ...]) -> int:
    """Number of series that one compiled program takes."""
    return SIZE if sum(periods) <= LONG else FEWER


def _filled(a: np.ndarray, size: int) -> np.ndarray:
    """Series of zeros behind the last one, so that there are `size` of them."""
    return np.concatenate([a, np.zeros((size - len(a), *a.shape[1:]), a.dtype)])


@lru_cache(maxsize=32)
def _filter_program(prior: StructuralPrior, periods: tuple[int, ...]) -> Any:
    """The pass: compiled for each number of rows, which takes a second."""
    grid = make_grid(prior, periods)

    def one(arguments: Any) -> Any:
        u, kind, first, x = arguments
        return filtered(u, kind, first, jnp.asarray(grid.dynamics), jnp.asarray(grid.basis), periods, x)

    @jax.jit
    def program(u: Any, kind: Any, first: Any, x: Any) -> Any:
        columns = jnp.broadcast_to(x[:, None], (*u.shape, x.shape[2]))
        return _over_curves(one, u, kind, jnp.full(u.shape[:2], first), columns)

    return program


@lru_cache(maxsize=32)
def _evidence_program(prior: StructuralPrior, periods: tuple[int, ...], columns: int) -> Any:
    """The evidence, which takes longer to compile, and does not depend on the number of rows."""
    grid = make_grid(prior, periods, columns)

    def one(arguments: Any) -> Any:
        products, count = arguments
        return evidence(products, count, jnp.asarray(grid.precision), prior.noise_shape, prior.noise_rate)

    return jax.jit(lambda products, count: _over_curves(one, products, count))


def _over_curves(function: Any, *arrays: Any) -> Any:
    """A function of one curve for arrays (s, c, ...), a curve at a time: so what it works on stays in the cache."""
    series, curves = arrays[0].shape[:2]
    found = jax.lax.map(function, tuple(a.reshape(series * curves, *a.shape[2:]) for a in arrays))
    return jax.tree.map(lambda a: a.reshape(series, curves, *a.shape[1:]), found)
