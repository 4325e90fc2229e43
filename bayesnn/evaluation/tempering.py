"""Particles on a path from the prior to the posterior: p_t(z) proportional to prior(z) likelihood(z)^t, 0 <= t <= 1.

All densities are on NumPyro's unconstrained space and include the Jacobian of its transforms. A pilot run finds the
path and tunes the moves; the estimates use both unchanged with new particles, so that no setting depends on the
particles it is used with.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpyro import handlers
from numpyro.distributions import biject_to
from numpyro.infer.util import potential_energy
from tqdm.auto import tqdm

from bayesnn._internal.hamiltonian import acceptance_probability, leapfrog

DATA_SITES = ("y", "log_marginal")  # names of the observed site: of a Model, of a MarginalModel
ACCEPTANCE = 0.8
PILOT_MOVES = 10  # moves at each temperature, enough for the step size to settle and the particles to spread
KEEP = 0.5  # effective particles after a step of the pilot run, as a share of all; chosen here
JITTER = 0.3  # step sizes vary by this share, against periodic trajectories; R. Neal (2011), section 3.2

Tree = Any  # dictionary of arrays by site
Setting = tuple[np.ndarray, np.ndarray, Tree]  # temperature, step size, scales of the coordinates


class Particles(NamedTuple):
    """Unconstrained positions (p, ...), with log prior (p,) and log likelihood (p,)."""

    position: Tree
    log_prior: jax.Array
    log_likelihood: jax.Array


class Path(NamedTuple):
    """Temperatures (k + 1,) from 0 to 1, with step size (k + 1,) and scales (k + 1, ...) of the moves at each."""

    temperatures: np.ndarray
    step_sizes: np.ndarray
    scales: Tree

    def at(self, k: int) -> Setting:
        """Temperature, step size and scales of step k."""
        return _setting(self.temperatures[k], self.step_sizes[k], jax.tree.map(lambda s: s[k], self.scales))


def log_densities(model: Any, position: Tree, data: tuple[Any, ...]) -> tuple[jax.Array, jax.Array]:
    """Log prior on the unconstrained space, and log likelihood, at one position."""
    prior = -potential_energy(handlers.block(model, hide=list(DATA_SITES)), data, {}, position)
    return prior, -potential_energy(model, data, {}, position) - prior


@functools.partial(jax.jit, static_argnums=(0, 1))
def from_prior(model: Any, count: int, key: jax.Array, data: tuple[Any, ...]) -> Particles:
    """Independent particles from the prior."""

    def one(key: jax.Array) -> Particles:
        hidden = handlers.block(model, hide=list(DATA_SITES))
        trace = handlers.trace(handlers.seed(hidden, key)).get_trace(*data)
        latent = {n: s for n, s in trace.items() if s["type"] == "sample" and not s["is_observed"]}
        position = {n: biject_to(s["fn"].support).inv(s["value"]) for n, s in latent.items()}
        return Particles(position, *log_densities(model, position, data))

    return jax.vmap(one)(jax.random.split(key, count))


@functools.partial(jax.jit, static_argnums=(0, 1))
def move(
    model: Any, leapfrogs: int, key: jax.Array, particles: Particles, data: tuple[Any, ...], setting: Setting
) -> tuple[Particles, jax.Array]:
    """Every particle after an HMC move that leaves p_t invariant, and its acceptance (p,)."""
    keys = jax.random.split(key, len(particles.log_prior))
    return jax.vmap(lambda k, p: _hmc(model, leapfrogs, k, p, data, setting))(keys, particles)


def _hmc(
    model: Any, leapfrogs: int, key: jax.Array, start: Particles, data: tuple[Any, ...], setting: Setting
) -> tuple[Particles, jax.Array]:
    """One trajectory of one particle, with scales as the square roots of an inverse diagonal mass."""
    temperature, step, scales = setting
    key_momentum, key_step, key_accept = jax.random.split(key, 3)
    step = step * jax.random.uniform(key_step, minval=1 - JITTER, maxval=1 + JITTER)

    def tempered(position: Tree) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        prior, likelihood = log_densities(model, position, data)
        return prior + temperature * likelihood, (prior, likelihood)

    density = jax.value_and_grad(tempered, has_aux=True)
    momentum = _normal_like(key_momentum, start.position)
    first = density(start.position)
    position, last_momentum, last = leapfrog(density, start.position, momentum, first, step, leapfrogs, scales)
    change = last[0][0] - first[0][0] - _kinetic(last_momentum) + _kinetic(momentum)
    rate = acceptance_probability(change)
    accepted = jax.random.uniform(key_accept) < rate
    end = Particles(position, *last[0][1])
    return jax.tree.map(lambda new, old: jnp.where(accepted, new, old), end, start), rate


def pilot(
    model: Any, count: int, leapfrogs: int, key: jax.Array, data: tuple[Any, ...], bar: tqdm[Any]
) -> tuple[Path, np.ndarray]:
    """A path whose steps all keep the same share of effective particles, with tuned moves; and acceptance rates (k,).

    Sequential Monte Carlo with adaptive temperatures, as in P. Del Moral, A. Doucet and A. Jasra (2012), An adaptive
    sequential Monte Carlo method for approximate Bayesian computation, Statistics and Computing 22, 1009-1020.
    """
    key, own = jax.random.split(key)
    particles = from_prior(model, count, own, data)
    temperature, step = 0.0, 0.3
    rows: list[tuple[float, float, Tree, float]] = []
    while temperature < 1.0:
        values = np.asarray(particles.log_likelihood)
        before, temperature = temperature, _next_temperature(temperature, values)
        key, key_choice, key_move = jax.random.split(key, 3)
        chosen = systematic(key_choice, weights(temperature - before, values))
        particles = jax.tree.map(lambda a, c=chosen: a[c], particles)
        scales = jax.tree.map(lambda a: np.asarray(a.std(axis=0)) + 1e-12, particles.position)
        for own in jax.random.split(key_move, PILOT_MOVES):
            particles, rates = move(model, leapfrogs, own, particles, data, _setting(temperature, step, scales))
            rate = float(rates.mean())
            step = float(np.clip(step * np.exp(rate - ACCEPTANCE), 1e-6, 2.0))
        rows.append((temperature, step, scales, rate))
        bar.set_postfix_str(f"temperature {temperature:.2g}", refresh=False)
        bar.update()
    rows = [(0.0, *rows[0][1:]), *rows]  # at t = 0 no particle moves
    temperatures, steps, scales, rates = zip(*rows, strict=True)
    path = Path(np.array(temperatures), np.array(steps), jax.tree.map(lambda *s: np.stack(s), *scales))
    return path, np.array(rates[1:])


def refine(path: Path, temperatures: int | np.ndarray) -> Path:
    """The same path in another number of steps, evenly spaced between those of the pilot, or at given temperatures."""
    known = np.arange(len(path.temperatures), dtype=float)
    if isinstance(temperatures, np.ndarray):
        grid = temperatures
        wanted = np.interp(grid, path.temperatures, known)
    else:
        wanted = np.linspace(0.0, known[-1], temperatures + 1)
        grid = np.interp(wanted, known, path.temperatures)
    below = np.minimum(wanted.astype(int), len(known) - 2)
    part = wanted - below

    def between(values: np.ndarray) -> np.ndarray:
        share = part.reshape(-1, *(1,) * (values.ndim - 1))
        return np.exp((1 - share) * np.log(values[below]) + share * np.log(values[below + 1]))

    return Path(grid, between(path.step_sizes), jax.tree.map(between, path.scales))


def systematic(key: jax.Array, weights: np.ndarray) -> np.ndarray:
    """Systematic resampling: as many indices as weights; each occurs its expected number of times, rounded."""
    points = (np.arange(len(weights)) + float(jax.random.uniform(key))) / len(weights)
    cumulative = np.cumsum(weights)
    return np.searchsorted(cumulative / cumulative[-1], points)


def effective(log_weights: np.ndarray) -> float:
    """Effective number of weighted particles, (sum w)^2 / sum w^2."""
    weights = np.exp(log_weights - log_weights.max())
    return float(weights.sum() ** 2 / (weights**2).sum())


def weights(power: float, log_likelihood: np.ndarray) -> np.ndarray:
    """likelihood^power, divided by the largest; zero where the likelihood is zero."""
    logs = _times(power, log_likelihood)
    return np.exp(logs - logs.max())


def _next_temperature(temperature: float, values: np.ndarray) -> float:
    """The temperature at which the effective number of particles is KEEP times their number, at most 1."""
    low, high = temperature, 1.0
    if effective(_times(high - temperature, values)) >= KEEP * len(values):
        return high
    for _ in range(100):
        middle = (low + high) / 2
        enough = effective(_times(middle - temperature, values)) >= KEEP * len(values)
        low, high = (middle, high) if enough else (low, middle)
    return high


def _times(power: float, values: np.ndarray) -> np.ndarray:
    possible = np.isfinite(values)
    return np.where(possible, power * np.where(possible, values, 0.0), -np.inf)


def _setting(temperature: float, step: float, scales: Tree) -> Setting:
    return np.asarray(temperature), np.asarray(step), scales  # arrays of one type, so that `move` compiles once


def _normal_like(key: jax.Array, tree: Tree) -> Tree:
    leaves, structure = jax.tree.flatten(tree)
    keys = jax.random.split(key, len(leaves))
    drawn = [jax.random.normal(k, leaf.shape, leaf.dtype) for k, leaf in zip(keys, leaves, strict=True)]
    return jax.tree.unflatten(structure, drawn)


def _kinetic(momentum: Tree) -> Any:
    return sum(jnp.sum(m**2) for m in jax.tree.leaves(momentum)) / 2
