"""The mean of heteroskedastic errors integrated out: moves of the units together with the function of the log sd.

Given the log sd g, the mean is a regression with known weights, so its readout and its mu_beta can be integrated out as
in the collapsed sweep, while units, which both functions share, and the readout of g stay. With design D (k, n), case
weights v, w = v exp(-2 g), W = diag(w), K = D W D' + V^-1, h = D W y + V^-1 b0, b = K^-1 h and r = y - D'b,

    log p(y | D, g) = const - v'g - y'W y/2 + h'b/2 - log|K|/2,

whose gradients are w_i (b r_i - K^-1 D_i) in column i of D, and -v_i + w_i (r_i^2 + D_i' K^-1 D_i) in g_i. The moves
are those of the joint sweep with this density for the likelihood; after each the mean's readout is drawn from its
normal distribution.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp

from bayesnn._internal import random
from bayesnn._internal.conditionals import solve_lower
from bayesnn._internal.random import RandomSource
from bayesnn.models import readout
from bayesnn.models.readout import Precision, Readout, precision_of
from bayesnn.priors import Terms
from bayesnn.samplers.gibbs.joint_density import Point, Target

Extra = TypeVar("Extra")
MEAN = 0  # index of the mean among the functions


def mean_rows(log_sd: jax.Array, shares: jax.Array | None) -> tuple[jax.Array, jax.Array]:
    """Weights (n,) of the rows about the mean given the log sd (n,), and case weights (n,)."""
    cases = jnp.ones_like(log_sd) if shares is None else shares
    return cases * jnp.exp(-2.0 * log_sd), cases


def marginal(
    log_sd: jax.Array, design: jax.Array, y: jax.Array, shares: jax.Array | None, prior: Precision
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """log p(y | D, g) () up to a constant, and its gradients in g (n,) and D (k, n)."""
    weights, cases = mean_rows(log_sd, shares)
    weighted = design * weights
    cholesky = jnp.linalg.cholesky(weighted @ design.T + prior.matrix)
    root = solve_lower(cholesky, jnp.eye(len(design)))
    h = weighted @ y + prior.shift
    whitened = root @ h
    b, covariance_rows = root.T @ whitened, root.T @ (root @ design)
    residuals = y - b @ design
    spread = jnp.sum(covariance_rows * design, axis=0)
    # h'b - y'W y as squares: the difference of both loses its digits where the sd of a candidate is tiny in some rows
    squares = weights @ residuals**2 + b @ prior.matrix @ b - 2.0 * prior.shift @ b
    value = -0.5 * squares - cases @ log_sd - jnp.log(jnp.diag(cholesky)).sum()
    return value, weights * (residuals**2 + spread) - cases, weights * (b[:, None] * residuals - covariance_rows)


def without_mean(
    target: Target, y: jax.Array, shares: jax.Array | None, beta_precision: jax.Array, terms: Terms
) -> Target:
    """The density of the units and the log sd alone, given 1/sigma_beta^2 () of the mean's readout."""
    used = None if target.used is None else target.used.coefficients
    prior = precision_of(target.prior.collapsed_given(terms, 1.0 / beta_precision, used))
    centred = y - target.offset

    def of_rows(f: jax.Array, design: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        value, of_log_sd, of_design = marginal(f[0], design, centred, shares, prior)
        return value, of_log_sd[None], of_design

    def information(f: jax.Array) -> jax.Array:
        """Fisher information about the log sd, and about the mean, which is as large and informs the units too."""
        return target.information(jnp.concatenate([jnp.zeros_like(f), f]))[1:, 1:]

    return target._replace(marginal=of_rows, information=information)


def mean_of(point: Point, target: Target, y: jax.Array, shares: jax.Array | None, prior: Precision) -> Readout:
    """The posterior of the mean's readout given units and log sd."""
    design = target.design(point.gamma)
    weights, _ = mean_rows(point.coefficients[:, 0] @ design + target.offset, shares)
    weighted = design * weights
    data = readout.Products(weighted @ design.T, weighted @ (y - target.offset), jnp.zeros(()), None)
    return readout.solve(data, prior, jnp.ones(()))


def move_without_mean(
    source: RandomSource,
    point: Point,
    target: Target,
    y: jax.Array,
    shares: jax.Array | None,
    beta_precision: jax.Array,
    terms: Terms,
    move: Callable[[RandomSource, Point, Target], tuple[Point, Extra]],
) -> tuple[Point, Extra]:
    """A move (source, point, target) of units and log sd; then readout and mu_beta of the mean are drawn.

    beta_precision (2,) of the two readouts, that of the mean is held.
    """
    of_move, of_readout, of_mean = random.split(source, 3)
    precision = beta_precision[MEAN]
    rest = point._replace(coefficients=point.coefficients[:, 1:], mu_beta=point.mu_beta[1:])
    rest, extra = move(of_move, rest, without_mean(target, y, shares, precision, terms))
    used = None if target.used is None else target.used.coefficients
    prior = precision_of(target.prior.collapsed_given(terms, 1.0 / precision, used))
    mean = readout.draw(of_readout, mean_of(rest, target, y, shares, prior))
    mean = mean if used is None else mean * used
    count = None if target.active is None else target.active.sum()
    centre = target.prior.draw_mu_beta(of_mean, mean[: terms.units], precision, count)
    coefficients = jnp.concatenate([mean[:, None], rest.coefficients], axis=1)
    return rest._replace(coefficients=coefficients, mu_beta=jnp.concatenate([centre[None], rest.mu_beta])), extra
