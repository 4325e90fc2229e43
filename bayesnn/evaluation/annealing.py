"""Estimates of the log marginal likelihood from particles that follow a path of temperatures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from scipy.special import logsumexp
from tqdm.auto import tqdm

from bayesnn.evaluation import tempering
from bayesnn.evaluation.tempering import Particles, Path

BATCHES = 20  # batches of particles in thermodynamic integration, whose spread gives the standard error

Move = Callable[[jax.Array, Particles, int], tuple[Particles, Any]]


class AnnealedParticles(NamedTuple):
    """Particles that follow the path, independently or with resampling within independent batches."""

    moved: Move
    path: Path
    moves: int
    batches: np.ndarray | None

    def run(self, key: jax.Array, state: Particles, progress: bool) -> tuple[list[np.ndarray], list[float]]:
        """Log likelihoods (moves, p) at every temperature, the first from the prior; mean acceptance at all others."""
        levels, rates = [np.asarray(state.log_likelihood)[None]], []
        steps = range(1, len(self.path.temperatures))
        keys = jax.random.split(key, (len(steps), self.moves + 1))
        for k in tqdm(steps, disable=not progress, unit="step", desc="annealing"):
            state = self._resampled(keys[k - 1, -1], state, k)
            values, taken = [], []
            for own in keys[k - 1, :-1]:
                state, rate = self.moved(own, state, k)
                values.append(np.asarray(state.log_likelihood))
                taken.append(float(rate.mean()))
            levels.append(np.stack(values))
            rates.append(float(np.mean(taken)))
        return levels, rates

    def _resampled(self, key: jax.Array, state: Particles, k: int) -> Particles:
        if self.batches is None:
            return state
        step = self.path.temperatures[k] - self.path.temperatures[k - 1]
        weights = tempering.weights(step, np.asarray(state.log_likelihood))
        chosen = np.empty(len(weights), int)
        for own, batch in zip(jax.random.split(key, self.batches.max() + 1), range(self.batches.max() + 1)):
            rows = np.flatnonzero(self.batches == batch)
            chosen[rows] = rows[tempering.systematic(own, weights[rows])]
        return jax.tree.map(lambda a: a[chosen], state)


def annealed(levels: list[np.ndarray], path: Path) -> tuple[float, float, float]:
    """Estimate, standard error and effective sample size; log w = sum_k (t_k - t_(k-1)) log likelihood(z_(k-1)).

    R. Neal (2001), section 2. The standard error is that of the log of a mean, to first order.
    """
    before = np.stack([values[-1] for values in levels[:-1]])
    log_weights = np.diff(path.temperatures) @ np.where(np.isfinite(before), before, -np.inf)
    count = len(log_weights)
    effective = tempering.effective(log_weights)
    estimate = float(logsumexp(log_weights) - np.log(count))
    return estimate, float(np.sqrt((count / effective - 1) / (count - 1))), effective


def integrated(levels: list[np.ndarray], path: Path, batches: np.ndarray) -> tuple[float, float, float]:
    """Estimate and standard error by thermodynamic integration: trapezoids with the correction of Friel et al. (2014).

    Under the prior the mean log likelihood may be infinite. For the first, short interval the log ratio of normalising
    constants, log E_0 likelihood^t_1, is estimated instead. The standard error is from the variance between batches.
    """
    t = path.temperatures[1:]
    kept = [values[len(values) // 2 :] for values in levels[1:]]
    means = np.stack([values.mean(axis=0) for values in kept])
    spreads = np.array([values.var(axis=1, ddof=1).mean() for values in kept])
    steps = np.diff(t)
    paths = steps @ (means[1:] + means[:-1]) / 2
    curvature = float(steps**2 @ np.diff(spreads)) / 12
    start, start_error, _ = annealed(levels[:2], Path(path.temperatures[:2], path.step_sizes[:2], path.scales))
    by_batch = np.bincount(batches, paths) / np.bincount(batches)
    error = np.sqrt(by_batch.var(ddof=1) / len(by_batch) + start_error**2)
    return start + float(paths.mean()) - curvature, float(error), float("nan")


def batch_numbers(particles: int) -> np.ndarray:
    """Batch of each particle: at most BATCHES of them, with two particles or more."""
    return np.arange(particles) % max(1, min(BATCHES, particles // 2))
