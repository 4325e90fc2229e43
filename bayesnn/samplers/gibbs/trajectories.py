"""Hamiltonian trajectories of all hidden units at once, with readout, mu_beta and S_gamma integrated out.

A sweep moves one unit at a time within what S_gamma allows, and S_gamma is drawn from few units in many dimensions, the
moving unit among them: with 8 units of 14 weights both hold each other in place. Here all units move together along the
gradient, and S_gamma is drawn afterwards. Two densities of gamma (m, q) have a gradient in closed form.

With D = [Z, other columns], weights W of the working rows (one for plain Gaussian errors) and their targets y,
K = D'W D tau + V^-1, h = D'y tau + V^-1 b0, the readout's posterior mean b = K^-1 h and r = y - W D b:
log p(y | gamma) = const + h'K^-1 h/2 - log|K|/2, whose gradient in column z_j is tau (b_j r - W D (K^-1)_j).

With S_gamma ~ inverse Wishart(c_g, c_g C_g) integrated out, G = gamma - mu_gamma and P = (c_g C_g)^-1, the units are a
matrix-variate t: log p(gamma | mu_gamma) = const - (c_g + m)/2 log|I + G P G'|, whose gradient is
-(c_g + m) (I + G P G')^-1 G P.

R. Neal (2011), MCMC using Hamiltonian dynamics, in Handbook of Markov Chain Monte Carlo, chapter 5, for the algorithm;
A. Gupta and D. Nagar (2000), Matrix Variate Distributions, chapter 4, for the matrix-variate t.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from bayesnn._internal import random
from bayesnn._internal.conditionals import solve_lower
from bayesnn._internal.random import RandomSource
from bayesnn.likelihoods.working_rows import WorkingRows
from bayesnn.models import readout
from bayesnn.models.model import Model
from bayesnn.models.readout import Precision
from bayesnn.samplers.gibbs.collapsed import GibbsState, active_units, collapsed_prior, draw_readout, prior_of
from bayesnn.samplers.gibbs.confined import all_products, if_inside, is_confined
from bayesnn.samplers.gibbs.structure import readout_rows
from bayesnn.samplers.gibbs.unit_moves import activations
from bayesnn.samplers.gibbs.working_rows import refresh

JITTER = 0.2  # sd of the log step from one trajectory to the next: a fixed one may be the period of an orbit
CURVATURE = 0.0002  # chosen by measurement: mean square slope of a unit, times its share of rows, in the metric
TARGET_ACCEPTANCE = 0.7  # the acceptance to which the step is tuned; between .65 (R. Neal, 2011) and NumPyro's .8
STEPS = 60  # leapfrog steps per trajectory
FIRST_STEP = 0.03  # the step size before it is tuned
MANY_WEIGHTS = 24  # trajectories pay if all units together have at least this many weights


def default_steps(units: int, weights: int) -> int:
    """Leapfrog steps of the trajectories of `units` units with `weights` weights each, 0 for small networks."""
    return STEPS if units * weights >= MANY_WEIGHTS else 0


class UnitsTarget(NamedTuple):
    """What the density of the units is conditional on.

    inputs (q, n) with the constant, other columns of the readout `extra` (k - m, n), the working rows' targets y (n,),
    the readout's prior, 1/s2, mu_gamma (q,), c_g, P = (c_g C_g)^-1 (q, q), which units are in use (m,), None if all
    are, and the weights of the working rows (n,), None if all are one. With K outputs y is (K, n), and prior and 1/s2
    have an axis of outputs.
    """

    inputs: jax.Array
    extra: jax.Array
    y: jax.Array
    prior: Precision
    noise_precision: jax.Array
    mean: jax.Array
    size: float
    precision: np.ndarray
    active: jax.Array | None = None
    weights: jax.Array | None = None

    def weighted(self, rows: jax.Array) -> jax.Array:
        """Values (..., n) times the weights of the working rows."""
        return rows if self.weights is None else rows * self.weights


class Trajectory(NamedTuple):
    """Units (m, q) after a trajectory, and the probability () with which its end was accepted."""

    gamma: jax.Array
    acceptance: jax.Array


class Density(NamedTuple):
    """A log density () of the units and its gradient (m, q)."""

    value: jax.Array
    gradient: jax.Array


class Phase(NamedTuple):
    """A point of a trajectory: units and momenta (m, q), and the density of the units."""

    gamma: jax.Array
    momentum: jax.Array
    density: Density


def log_likelihood(gamma: jax.Array, target: UnitsTarget) -> Density:
    """log p(y | gamma) with readout and mu_beta integrated out, up to a constant, and its gradient."""
    m = gamma.shape[0]
    z = activations(gamma, target.inputs)
    slope = z * (1.0 - z)
    if target.active is not None:
        z, slope = z * target.active[:, None], slope * target.active[:, None]
    rows = jnp.concatenate([z, target.extra])
    weighted = target.weighted(rows)
    gram = weighted @ rows.T

    def of_output(y: jax.Array, prior: Precision, tau: jax.Array) -> tuple[jax.Array, jax.Array]:
        cholesky = jnp.linalg.cholesky(gram * tau + prior.matrix)
        root = solve_lower(cholesky, jnp.eye(len(rows)))
        covariance = root.T @ root
        h = rows @ y * tau + prior.shift
        whitened, b = root @ h, covariance @ h
        residuals = y - b @ weighted
        by_column = tau * (b[:m, None] * residuals - covariance[:m] @ weighted)
        return 0.5 * whitened @ whitened - jnp.log(jnp.diag(cholesky)).sum(), by_column

    of_targets = target.y, target.prior, target.noise_precision
    if target.y.ndim > 1:
        value, by_column = (values.sum(axis=0) for values in jax.vmap(of_output)(*of_targets))
    else:
        value, by_column = of_output(*of_targets)
    return Density(value, (by_column * slope) @ target.inputs.T)


def log_prior(gamma: jax.Array, target: UnitsTarget) -> Density:
    """log p(gamma | mu_gamma) with S_gamma integrated out, up to a constant, and its gradient."""
    centred, count = gamma - target.mean, jnp.asarray(gamma.shape[0], gamma.dtype)
    if target.active is not None:
        centred, count = centred * target.active[:, None], target.active.sum()
    scaled = centred @ target.precision
    cholesky = jnp.linalg.cholesky(jnp.eye(len(gamma)) + scaled @ centred.T)
    degrees = target.size + count
    solved = solve_lower(cholesky, solve_lower(cholesky, scaled), trans=1)
    return Density(-degrees * jnp.log(jnp.diag(cholesky)).sum(), -degrees * solved)


def log_density(gamma: jax.Array, target: UnitsTarget) -> Density:
    """Sum of both, the density that a trajectory leaves invariant."""
    return Density(*(a + b for a, b in zip(log_likelihood(gamma, target), log_prior(gamma, target), strict=True)))


def metric(target: UnitsTarget, units: int) -> jax.Array:
    """The mass matrix of one unit (q, q): curvature of its prior plus that of the likelihood on average.

    It may depend on anything but the units (and mu_beta and S_gamma, which are integrated out). Were a unit linear with
    slope c, its likelihood would have the curvature tau beta^2 c^2 X'X.
    """
    of_prior = jnp.asarray((target.size + units) * target.precision)
    variance = target.prior.variance[
        ..., 0
    ]  # prior variance of a readout weight: sigma_beta^2 + A_b, the same for all units
    curvature = jnp.sum(CURVATURE * target.noise_precision * variance)  # over outputs
    return of_prior + curvature * (target.weighted(target.inputs) @ target.inputs.T)


def move_together(
    source: RandomSource, gamma: jax.Array, target: UnitsTarget, log_step: jax.Array, steps: int
) -> Trajectory:
    """One trajectory of `steps` leapfrog steps from gamma (m, q), accepted or not; afterwards S_gamma is out of date.

    The step is exp(log_step) times a lognormal number. Units that are not in use stay.
    """
    of_momentum, of_step, of_acceptance = random.split(source, 3)
    m, q = gamma.shape
    mass = jnp.linalg.cholesky(metric(target, m))
    root = solve_lower(mass, jnp.eye(q))
    inverse_mass = root.T @ root
    momentum = random.normal(of_momentum, (m, q)) @ mass.T
    momentum = momentum if target.active is None else momentum * target.active[:, None]
    step = jnp.exp(log_step + JITTER * random.normal(of_step))

    def leapfrog(point: Phase, _: None) -> tuple[Phase, None]:
        half = point.momentum + 0.5 * step * point.density.gradient
        moved = point.gamma + step * (half @ inverse_mass)
        density = log_density(moved, target)
        return Phase(moved, half + 0.5 * step * density.gradient, density), None

    def energy(point: Phase) -> jax.Array:
        return 0.5 * jnp.sum((point.momentum @ inverse_mass) * point.momentum) - point.density.value

    start = Phase(gamma, momentum, log_density(gamma, target))
    end, _ = lax.scan(leapfrog, start, length=steps)
    log_ratio = energy(start) - energy(end)
    acceptance = jnp.where(jnp.isnan(log_ratio), 0.0, jnp.exp(jnp.minimum(log_ratio, 0.0)))  # NaN: it left the range
    accept = random.uniform(of_acceptance) < acceptance
    return Trajectory(jnp.where(accept, end.gamma, gamma), acceptance)


def move_and_redraw(
    source: RandomSource,
    state: GibbsState,
    model: Model,
    x: jax.Array,
    working: WorkingRows,
    steps: int,
) -> tuple[GibbsState, jax.Array]:
    """One trajectory of all units, then S_gamma given them: the state, its readout out of date, and acceptance ()."""
    assert state.log_step is not None
    of_trajectory, of_covariance = random.split(source)
    weights, active = prior_of(model), active_units(state)
    terms, q = model.terms(x.shape[1:]), state.gamma.shape[1]
    inputs, extra = readout_rows(terms, x, model.masks(state.structure, x.shape[1:]))
    size = weights.unit_size_for(q)
    precision = np.linalg.inv(size * weights.unit_matrices(q)[0])
    prior, mean = collapsed_prior(model, state, x), state.hyper.mu_gamma
    target = UnitsTarget(
        inputs, extra, working.target, prior, state.tempered_precision, mean, size, precision, active, working.weights
    )
    gamma, acceptance = move_together(of_trajectory, state.gamma, target, state.log_step, steps)
    covariance = weights.draw_unit_covariance(of_covariance, mean, gamma, active)
    return state._replace(gamma=gamma, hyper=state.hyper._replace(s_gamma=covariance)), acceptance


def trajectory_step(
    key: jax.Array, state: GibbsState, model: Model, x: jax.Array, y: jax.Array, steps: int, *rows: Any
) -> tuple[GibbsState, jax.Array]:
    """A trajectory given fresh auxiliary variables, and what has to follow it; the state and acceptance ().

    With Gaussian errors the readout, which is then out of date, is not read before the next sweep draws it. Auxiliary
    variables are drawn given the function, so with these the readout is drawn at once.
    """

    def one(source: RandomSource, state: GibbsState) -> tuple[GibbsState, jax.Array]:
        of_rows, of_trajectory, of_readout = random.split(source, 3)
        state, working = refresh(of_rows, state, model, x, y, *rows)
        new, acceptance = move_and_redraw(of_trajectory, state, model, x, working, steps)
        if model.likelihood.augments or is_confined(model):
            new = new._replace(coefficients=fresh_readout(of_readout, new, model, x, working))
        return if_inside(new, state, model, x) if is_confined(model) else new, acceptance

    moved, acceptance = random.scan_with_predrawn(key, 1, one, state)
    return moved, acceptance[0]


def fresh_readout(
    source: RandomSource, state: GibbsState, model: Model, x: jax.Array, working: WorkingRows
) -> jax.Array:
    """A draw of the readout (k,) given the units and the working rows."""
    data = all_products(state, model, x, working)
    return draw_readout(
        source, state, model, x, readout.solve(data, collapsed_prior(model, state, x), state.tempered_precision)
    )


def tuned(log_step: jax.Array, acceptance: jax.Array, iteration: jax.Array) -> jax.Array:
    """A Robbins-Monro step of the log step towards `TARGET_ACCEPTANCE`, after warm-up step `iteration`."""
    return log_step + (iteration + 1.0) ** -0.6 * (acceptance - TARGET_ACCEPTANCE)
