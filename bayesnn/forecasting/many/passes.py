"""The compiled pass over the curves of some series, one program per season, number of rows and of series."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bayesnn.forecasting.many.curve_arrays import OBSERVED
from bayesnn.forecasting.many.evidence import evidence, filtered
from bayesnn.forecasting.many.network import windows
from bayesnn.forecasting.many.prior import StructuralPrior, hidden_of_points, make_grid

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
    hidden = hidden_of_points(prior, periods)
    recent = np.moveaxis(windows(u, kind, 0 if hidden is None else prior.lags).recent[..., :-1], 0, -1)
    size = 1 if len(u) == 1 else size_of(periods)
    for start in range(0, len(u), size):
        part, kinds, columns, before = (_filled(a[start : start + size], size) for a in (u, kind, x, recent))
        first = int(np.argmax((kinds > 0).any(axis=(0, 1))))
        results = []
        for network in (False, True) if hidden is not None else (False,):
            passed = _filter_program(prior, periods, network)(part, kinds, first, columns, before)
            count = (kinds == OBSERVED).sum(axis=-1)
            evidences = _evidence_program(prior, periods, x.shape[2], network)(passed.products, count)
            results.append(Passed(*jax.device_get((*passed, *evidences))))
        result = results[0] if hidden is None else together(results[0], results[1], hidden.width)
        found += [Passed(*(a[i] for a in result)) for i in range(min(size, len(u) - start))]
    return found


def together(without: Passed, network: Passed, width: int) -> Passed:
    """The members without a network, which lack its `width` coefficients, and those with one, as one pass."""
    k = without.state.shape[-2] - 1

    def wider(a: np.ndarray, *axes: int) -> np.ndarray:
        for axis in axes:
            a = np.insert(a, [k] * width, 0.0, axis=axis)
        return a

    def blocks(first: np.ndarray, second: np.ndarray, other: float) -> np.ndarray:
        (p, g), (q, h) = first.shape[-2:], second.shape[-2:]
        result = np.full((*first.shape[:-2], p + q, g + h), other)
        result[..., :p, :g], result[..., p:, g:] = first, second
        return result

    return Passed(
        np.concatenate([wider(without.products, -3, -2), network.products], axis=-1),
        np.concatenate([wider(without.state, -2), network.state], axis=-1),
        np.concatenate([wider(without.season, -2), network.season], axis=-1),
        blocks(without.log, network.log, -np.inf),
        blocks(without.rate, network.rate, 1.0),
        without.shape,
    )


def size_of(periods: tuple[int, ...]) -> int:
    """Number of series that one compiled program takes."""
    return SIZE if sum(periods) <= LONG else FEWER


def _filled(a: np.ndarray, size: int) -> np.ndarray:
    """Series of zeros behind the last one, so that there are `size` of them."""
    return np.concatenate([a, np.zeros((size - len(a), *a.shape[1:]), a.dtype)])


@lru_cache(maxsize=32)
def _filter_program(prior: StructuralPrior, periods: tuple[int, ...], network: bool) -> Any:
    """The pass of members with a network, or without: compiled for each number of rows, which takes a second."""
    grid = make_grid(prior, periods).part(network)

    def one(arguments: Any) -> Any:
        u, kind, first, x, recent = arguments
        dynamics, basis = jnp.asarray(grid.dynamics), jnp.asarray(grid.basis)
        return filtered(u, kind, first, dynamics, basis, periods, x, recent, grid.hidden)

    @jax.jit
    def program(u: Any, kind: Any, first: Any, x: Any, recent: Any) -> Any:
        columns = jnp.broadcast_to(x[:, None], (*u.shape, x.shape[2]))
        return _over_curves(one, u, kind, jnp.full(u.shape[:2], first), columns, recent)

    return program


@lru_cache(maxsize=32)
def _evidence_program(prior: StructuralPrior, periods: tuple[int, ...], columns: int, network: bool) -> Any:
    """The evidence, which takes longer to compile, and does not depend on the number of rows."""
    grid = make_grid(prior, periods, columns).part(network)

    def one(arguments: Any) -> Any:
        products, count = arguments
        return evidence(products, count, jnp.asarray(grid.precision), prior.noise_shape, jnp.asarray(grid.noise_rate))

    return jax.jit(lambda products, count: _over_curves(one, products, count))


def _over_curves(function: Any, *arrays: Any) -> Any:
    """A function of one curve for arrays (s, c, ...), a curve at a time: so what it works on stays in the cache."""
    series, curves = arrays[0].shape[:2]
    found = jax.lax.map(function, tuple(a.reshape(series * curves, *a.shape[2:]) for a in arrays))
    return jax.tree.map(lambda a: a.reshape(series, curves, *a.shape[1:]), found)
