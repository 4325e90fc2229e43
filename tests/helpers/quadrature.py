"""Draws compared with a density: z-scores of their moments against those found by numerical integration."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from bayesnn._internal.runtime import computing

LIMIT = 4.5  # of |z|; a right sampler exceeds it in one comparison of 150,000
DRAWS = 20_000
LEVELS = np.array([0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98])


@computing
def many(draw: Callable, *arguments: Any, seed: int) -> Any:
    """DRAWS results of draw(key, *arguments), in double precision; compiled once per `draw` and shapes."""
    draws = _many(draw, jax.random.split(jax.random.key(seed), DRAWS), *arguments)
    return jax.tree.map(np.asarray, draws)


@functools.partial(jax.jit, static_argnums=0)
def _many(draw: Callable, keys: jax.Array, *arguments: Any) -> Any:
    return jax.vmap(lambda key: draw(key, *arguments))(keys)


def z_of_mean(draws: np.ndarray, mean: np.ndarray | float) -> float:
    """Largest |z| of the means of draws (s, ...) against their expectations."""
    error = draws.std(axis=0, ddof=1) / len(draws) ** 0.5
    return float(np.max(np.abs(draws.mean(axis=0) - mean) / error))


def z_of_moments(draws: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> float:
    """Largest |z| of the means and covariances of draws (s, k) against their expectations."""
    centred = draws - mean
    return max(z_of_mean(draws, mean), z_of_mean(centred[:, :, None] * centred[:, None, :], covariance))


def z_against(draws: np.ndarray, log_density: Callable[[np.ndarray], np.ndarray], grid: np.ndarray) -> float:
    """Largest |z| of draws (s,) against an unnormalised log density: mean, variance, and mass below seven quantiles.

    The grid must hold all of the mass and resolve the density; the trapezoidal rule does the rest.
    """
    log_values = log_density(grid)
    values = np.exp(log_values - log_values.max())
    assert max(values[0], values[-1]) < 1e-10, "the grid must reach where the density has vanished"
    steps = np.diff(grid)
    mass = np.concatenate([[0.0], np.cumsum(steps * (values[1:] + values[:-1]) / 2)])
    density, cumulative = values / mass[-1], mass / mass[-1]
    mean = np.trapezoid(grid * density, grid)
    variance = np.trapezoid((grid - mean) ** 2 * density, grid)
    below = draws[:, None] <= np.interp(LEVELS, cumulative, grid)
    z_levels = (below.mean(axis=0) - LEVELS) / np.sqrt(LEVELS * (1 - LEVELS) / len(draws))
    return max(z_of_mean(draws, mean), z_of_mean((draws - mean) ** 2, variance), float(np.abs(z_levels).max()))
