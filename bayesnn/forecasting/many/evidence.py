"""Evidence of every point of the grid: a recursion over time makes a linear regression, which has a closed form.

Arrays have the points on the last axis, so that one instruction serves several of them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import gammaln

from bayesnn.forecasting.many.network import Hidden, features

SMALLEST = 1e-12
MOST_WRITTEN_OUT = 16  # coefficients


class Filtered(NamedTuple):
    """What a pass over a series leaves, for k coefficients, a season of m steps and g points.

    products (k + 1, k + 1, g) are cross products of the rows (-X, y); state (3, k + 1, g) is level, trend and last
    residual at the end as linear functions of the coefficients and a constant; season (m, k + 1, g) likewise, with the
    phase of the first forecast first. Of several seasons, the phases come one after the other.
    """

    products: jax.Array
    state: jax.Array
    season: jax.Array


class Evidence(NamedTuple):
    """Log evidence and rate of the error variance (p, g), and its shape ()."""

    log: jax.Array
    rate: jax.Array
    shape: jax.Array


def filtered(
    u: jax.Array,
    kind: jax.Array,
    first: jax.Array,
    dynamics: jax.Array,
    basis: jax.Array,
    periods: tuple[int, ...],
    x: jax.Array | None = None,
    recent: jax.Array | None = None,
    hidden: Hidden | None = None,
) -> Filtered:
    """Pass over a curve u (n,) that ends at the last row, with seasons of `periods` steps; before `first` is padding.

    kind (n,): 0 before the series starts, 1 where it is missing, 2 where it is observed, 3 where an observation moves
    the states but is no row of the regression. One that is missing moves the states by their expectation. The last
    coefficients are those of exogenous columns x (n, e), and of a network of these hidden weights on the values before
    each step, recent (n, w), if there is one.
    """
    alpha, beta, phi, gamma, rho = dynamics
    columns, points, n = jnp.zeros((len(u), 0)) if x is None else x, dynamics.shape[1], u.shape[0]
    seasons = 3 + basis.shape[1]
    readout = seasons + columns.shape[1]
    k = readout + (0 if hidden is None else hidden.width)
    starts = [sum(periods[:place]) for place in range(len(periods))]
    drift = jnp.zeros((k + 1, 1)).at[1].set(1.0)
    state = jnp.zeros((3, k + 1, points)).at[0, 0].set(1.0).at[1, 2].set(1.0)
    season = jnp.zeros((sum(periods), k + 1, points)).at[:, 3:seasons].set(basis[:, :, None])

    def step(t: jax.Array, carry: Filtered) -> Filtered:
        products, (level, trend, last), season = carry
        places = [start + (t - n) % period for start, period in zip(starts, periods, strict=True)]
        level, trend = level + drift + phi * trend, phi * trend
        r = (
            (-sum((season[place] for place in places), start=level))
            .at[k]
            .add(u[t])
            .at[seasons:readout]
            .add(-columns[t][:, None])
        )
        expected = rho * last
        if hidden is not None and recent is not None:
            expected = expected.at[readout:k].add(
                features(jnp.broadcast_to(recent[t][:, None], (recent.shape[1], points)), *hidden, jnp)
            )
        error = r - expected
        r = jnp.where(kind[t] >= 2, r, expected)
        moved = jnp.stack([level + alpha * r, trend + beta * r, r])
        correction = jnp.where(kind[t] > 0, gamma * r / len(periods), 0.0)
        for place in places:
            season = season.at[place].add(correction)
        return Filtered(
            products + (kind[t] == 2) * error[:, None] * error[None],
            jnp.where(kind[t] > 0, moved, carry.state),
            season,
        )

    start = Filtered(jnp.zeros((k + 1, k + 1, points)), state, season)
    return jax.lax.fori_loop(first, n, step, start)


def evidence(
    products: jax.Array, count: jax.Array, precision: jax.Array, noise_shape: float, noise_rate: Any
) -> Evidence:
    """Evidence of `count` rows under normal inverse gamma priors of precisions (k, p), from cross products of g points.

    noise_rate is a number, or (p,).

    y = X b + e with b | s2 ~ N(0, s2 diag(1 / precision)): A. O'Hagan and J. Forster (2004), Kendall's Advanced Theory
    of Statistics 2B: Bayesian Inference, 2nd edition, chapter 11.
    """
    k = precision.shape[0]
    log_det, explained = _by_scale(products, precision)
    squares = jnp.maximum(products[k, k] - explained, SMALLEST)
    prior_rate = jnp.asarray(noise_rate)[..., None]
    shape, rate = noise_shape + count / 2, prior_rate + squares / 2
    log = (
        (jnp.sum(jnp.log(precision), axis=0)[:, None] - log_det - count * jnp.log(2 * jnp.pi)) / 2
        + noise_shape * jnp.log(prior_rate)
        - shape * jnp.log(rate)
        + gammaln(shape)
        - gammaln(noise_shape)
    )
    return Evidence(log, rate, shape)


def _by_scale(products: jax.Array, precision: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Log determinant (p, g) of the posterior precision, and squares (p, g) that the coefficients explain."""
    k = precision.shape[0]

    def one(own: jax.Array) -> tuple[jax.Array, jax.Array]:
        diagonal = jnp.eye(k).reshape(k, k, *[1] * own.ndim) * own[..., None]
        extra = (slice(None), slice(None), *[None] * (own.ndim - 1))
        log_det, white = eliminate(products[:k, :k][extra] + diagonal, -products[:k, k][extra[1:]])
        return log_det, jnp.sum(white**2, axis=0)

    if k <= MOST_WRITTEN_OUT:
        return one(precision)
    return jax.lax.map(one, precision.T)  # a scale at a time: matrices of all of them would not stay in the cache


def eliminate(matrix: jax.Array, right: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Log determinant of matrices L L' (k, k, ...), and w (k, ...) of L w = right.

    The steps of Cholesky's method, written out where they are few, since that is fast, and as a loop where they would
    take long to compile.
    """
    k = len(right)
    if k > MOST_WRITTEN_OUT:
        return _eliminate_by_loop(matrix, right)
    columns: list[jax.Array] = []
    solved = []
    for j in range(k):
        rest = matrix[j:, j]
        for i, before in enumerate(columns):
            rest = rest - before[j - i :] * before[j - i]
        columns.append(rest / jnp.sqrt(jnp.maximum(rest[0], SMALLEST)))
        solved.append(right[0] / columns[-1][0])
        right = right[1:] - columns[-1][1:] * solved[-1]
    return 2 * jnp.sum(jnp.log(jnp.stack([column[0] for column in columns])), axis=0), jnp.stack(solved)


def _eliminate_by_loop(matrix: jax.Array, right: jax.Array) -> tuple[jax.Array, jax.Array]:
    """`eliminate` by a loop, with the right side as one more column, whose rows above j are those of w."""
    k = len(right)
    right = jnp.broadcast_to(right, (k, *matrix.shape[2:]))
    rows = jnp.arange(k).reshape(k, *[1] * (right.ndim - 1))

    def step(j: jax.Array, carry: Any) -> Any:
        rest, right, log_det = carry
        pivot = jnp.sqrt(jnp.maximum(rest[j, j], SMALLEST))
        column = jnp.where(rows > j, rest[:, j] / pivot, 0.0)
        solved = right[j] / pivot
        right = jnp.where(rows == j, solved, right - column * solved)
        return rest - column[:, None] * column[None], right, log_det + 2 * jnp.log(pivot)

    start = matrix, right, jnp.zeros(matrix.shape[2:])
    _, right, log_det = jax.lax.fori_loop(0, k, step, start)
    return log_det, right
