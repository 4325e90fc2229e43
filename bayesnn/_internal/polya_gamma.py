"""Pólya-Gamma numbers, a vector at a time.

PG(b, c) is the distribution of the precision that makes a logistic likelihood Gaussian in its linear predictor:

    exp(f)^a / (1 + exp(f))^b = 2^-b exp((a - b/2) f) E exp(-omega f^2 / 2),   omega ~ PG(b, 0),

and omega given f is PG(b, f). N. Polson, J. Scott and J. Windle (2013), Bayesian inference for logistic models using
Pólya-Gamma latent variables, JASA 108, 1339-1349, equations (2) and (7).
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.special import ndtri

from bayesnn._internal.counter_numbers import (
    MOST_ATTEMPTS,
    Words,
    gamma_numbers,
    other_stream,
    threefry,
    uniform_numbers,
    words_of,
)

SINGLE = np.float32
TURN = SINGLE(1.2)  # |c|/2 from which the left part is proposed as inverse Gaussian rather than Lévy numbers
CUT_LEVY, CUT_INVERSE_GAUSSIAN = SINGLE(0.64), SINGLE(2.0)  # where the left part ends; any cut in [0.35, 2.2] is exact
LEVY_TAIL = SINGLE(0.10564977366685535)  # Phi(-1/sqrt(0.64)), the normal tail that becomes a Lévy number below the cut
ONLY_LEFT = SINGLE(12.0)  # |c|/2 from which the right part has a probability below 1e-60


class Envelope(NamedTuple):
    """Of each number: z = |c|/2, whether the left part is Lévy, where it ends, its share, and the rate of the right."""

    z: jax.Array
    levy: jax.Array
    cut: jax.Array
    left: jax.Array
    rate: jax.Array


def polya_gamma(key: jax.Array, c: jax.Array, b: jax.Array | None = None) -> jax.Array:
    """PG(b, c) numbers (n,) for c (n,); b (n,), at least zero and any real number, is one if it is not given.

    For b = 1 the draws are exact, in single precision (24 bits). For other b they are those of `series_numbers`, whose
    error it bounds. Where b is zero, so is the number.

    Examples
    --------
    >>> polya_gamma(jax.random.key(0), jnp.zeros(5)).shape
    (5,)
    """
    return exact_numbers(key, c) if b is None else series_numbers(key, b, c)


def exact_numbers(key: jax.Array, c: jax.Array) -> jax.Array:
    """PG(1, c) = X/4 for c (n,), where X has the density cosh(z) exp(-z^2 x/2) sum_k (-1)^k a_k(x), z = |c|/2.

    L. Devroye (2009), On exact simulation algorithms for some distributions related to Jacobi theta functions,
    Statistics and Probability Letters 79, 2251-2259, as in Polson, Scott and Windle, section 4: a_k(x) has one form to
    the left of a cut and another to its right, and exp(-z^2 x/2) a_0(x) bounds the density. Three changes make it fast
    for vectors. (1) Divided by a_0 the sum is 1 - 3r + 5r^3 - 7r^6 + 9r^10 - ..., r = exp(-4/x) on the left and
    exp(-pi^2 x) on the right: five terms leave an error below 1e-12 on the parts used here, so no series has to be
    followed until it decides. (2) Numbers on the left are Lévy numbers below the cut, from one normal quantile,
    accepted with probability exp(-z^2 x/2), or for large z inverse Gaussian numbers with a higher cut, so that at least
    four in five are accepted for every z. (3) All rows are attempted together until each is accepted.
    """
    z = jnp.abs(c).astype(SINGLE) * SINGLE(0.5)
    levy = z < TURN
    cut = jnp.where(levy, CUT_LEVY, CUT_INVERSE_GAUSSIAN)
    rate = SINGLE(np.pi**2 / 8) + SINGLE(0.5) * z**2
    right = SINGLE(np.pi / 2) / rate * jnp.exp(-rate * cut)
    left = jnp.where(levy, 4 * LEVY_TAIL, 2 * jnp.exp(-z))
    envelope = Envelope(z, levy, cut, jnp.where(z > ONLY_LEFT, SINGLE(1.0), left / (left + right)), rate)
    words, counter = words_of(key), lax.iota(jnp.uint32, z.size)

    def attempt(state: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array]:
        value, accepted, attempts = state
        new, good = attempted(words, counter + attempts * np.uint32(z.size), envelope)
        return jnp.where(accepted, value, new), accepted | good, attempts + np.uint32(1)

    start = jnp.zeros_like(z), jnp.zeros(z.shape, bool), jnp.zeros((), jnp.uint32)
    value, *_ = lax.while_loop(lambda s: ~s[1].all() & (s[2] < MOST_ATTEMPTS), attempt, start)
    return 0.25 * value.astype(c.dtype)


def attempted(words: Words, counter: jax.Array, envelope: Envelope) -> tuple[jax.Array, jax.Array]:
    """A number below the envelope (n,) for each counter, and whether it is accepted (n,)."""
    z, levy, cut, share, rate = envelope
    first, second = (uniform_numbers(word) for word in threefry(words, counter))
    third, fourth = (uniform_numbers(word) for word in threefry(other_stream(words), counter))
    left = second < share
    squared = ndtri(jnp.where(levy, first * LEVY_TAIL, first)) ** 2
    gaussian = jnp.where(levy, 1.0 / squared, inverse_gaussian(squared, fourth, 1.0 / jnp.maximum(z, TURN)))
    x = jnp.where(left, gaussian, cut - jnp.log(first) / rate)
    r = jnp.exp(jnp.where(left, -4.0 / x, SINGLE(-(np.pi**2)) * x))
    cube, sixth = r**3, r**6
    series = 1.0 - 3.0 * r + 5.0 * cube - 7.0 * sixth + 9.0 * cube * sixth * r
    tilt = jnp.exp(jnp.where(left & levy, SINGLE(-0.5) * z**2 * x, 0.0))
    return x, (third < series * tilt) & ~(left & (x > cut))


def inverse_gaussian(squared: jax.Array, uniform: jax.Array, mean: jax.Array) -> jax.Array:
    """Inverse Gaussian numbers of shape one from squared normal and uniform numbers; see `conditionals`."""
    ratio = 0.5 * mean * squared
    root = mean / (1.0 + ratio + jnp.sqrt(ratio * (ratio + 2.0)))
    return jnp.where(uniform * (mean + root) <= mean, root, mean**2 / root)


# PG(b, 0) = sum_k g_k / (2 pi^2 (k - 1/2)^2), g_k ~ Gamma(b). By level: how many gamma numbers take its place, and the
# largest |f| for which they are made.
BLOCK, LEVELS = 4, ((4, 12.0), (8, 24.0), (12, 36.0))
LARGEST_ERROR = 1e-4  # allowed error of the log likelihood; the level rises until it is met


def _series(count: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Rates and shapes of the series, for b = 1: `count` terms, and one with the first two cumulants of the others."""
    k = np.arange(1, count + 1) - 0.5
    first, second = 1 / count, (1 - 1 / (4 * count**2)) / (3 * count**3)  # sums of 1/k^2 and of 1/k^4 beyond
    first *= 1 - 1 / (12 * count**2)
    rates = 2 * np.pi**2 * np.append(k**2, first / second)
    return rates, np.append(np.ones(count), first**2 / second)


def quadrature(nodes: int, largest: float) -> tuple[np.ndarray, np.ndarray]:
    """Rates and shapes (nodes,) of gamma numbers whose sum has nearly the Laplace transform of PG(1, 0).

    log cosh(|f|/2) = sum_k a_k log(1 + t/r_k) with t = f^2/2, r_k = 2 pi^2 (k - 1/2)^2 and all a_k = 1. Its derivative
    in t is a Stieltjes function, sum_k a_k/(t + r_k), so the rational function with `nodes` poles that agrees with
    it in value and slope at as many points t has negative poles and positive residues, which are gamma numbers
    again. It is found by projection: in the space of the vectors 1/(r + t), one for each point, the quadratic form
    of (t + diag(r))^-1 is exact at these points (A. Ruhe, 1984, Rational Krylov sequence methods for eigenvalue
    computation, Linear Algebra and its Applications 58, 391-405). The points are those of Chebyshev in log(r_1 +
    t), for |f| up to `largest`.
    """
    rates, shapes = _series()
    ends = np.log(rates[0] + np.array([0.0, 0.5 * largest**2]))
    cosines = np.cos(np.pi * (np.arange(nodes) + 0.5) / nodes)
    points = np.exp(ends.mean() + 0.5 * (ends[1] - ends[0]) * cosines) - rates[0]
    vector = np.sqrt(shapes)
    basis, _ = np.linalg.qr(vector[:, None] / (rates[:, None] + points))
    _, roots, rotation = np.linalg.svd(np.sqrt(rates)[:, None] * basis, full_matrices=False)  # small rates keep digits
    return roots[::-1] ** 2, ((vector @ basis) @ rotation[::-1].T) ** 2


def _tables() -> tuple[np.ndarray, np.ndarray]:
    """Rates and shapes (level, most nodes), filled up with gamma numbers of shape zero."""
    most = LEVELS[-1][0]
    rates, shapes = np.ones((len(LEVELS), most)), np.zeros((len(LEVELS), most))
    for level, (nodes, largest) in enumerate(LEVELS):
        rates[level, :nodes], shapes[level, :nodes] = quadrature(nodes, largest)
    return rates, shapes


RATES, SHAPES = _tables()


def series_numbers(key: jax.Array, b: jax.Array, c: jax.Array) -> jax.Array:
    """PG(b, c) numbers (n,) for real b (n,) of at least zero, by a sum of a few gamma numbers.

    Polson, Scott and Windle, equation (2), is an infinite sum of gamma numbers of shape b. The sum of four gamma
    numbers of `quadrature`, whose shapes are proportional to b, has nearly the same Laplace transform, and
    exp(-c^2 omega/2) tilts both alike. A Gibbs sampler that uses these numbers is therefore exact for a likelihood
    whose logarithm differs from the right one by b times a function of f alone that is at most 2e-9 up to |f| = 4,
    5e-8 up to 10, and 4e-4 up to 20 (`log_error`). Where the largest b makes that too much, as `LARGEST_B` says,
    there are eight or twelve: as many for all rows, so that their number depends on b alone and not on f.
    """
    b = jnp.broadcast_to(b, c.shape)
    level = jnp.sum(b.max() > LARGEST_B[:-1])
    rates, shapes = (jnp.asarray(table)[level].reshape(-1, BLOCK, 1) for table in (RATES, SHAPES))
    tilt = 0.5 * c**2

    def of_block(key: jax.Array, block: jax.Array | int) -> jax.Array:
        return jnp.sum(gamma_numbers(key, shapes[block] * b) / (rates[block] + tilt), axis=0)

    def add(state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        total, block = state
        return total + of_block(jax.random.fold_in(key, block), block), block + 1

    start = of_block(key, 0), jnp.ones((), level.dtype)
    return lax.while_loop(lambda state: state[1] <= level, add, start)[0]


def log_error(f: np.ndarray, level: int = 0) -> np.ndarray:
    """By how much the likelihood for which `series_numbers` is exact differs from the right one: logarithms, b = 1."""
    f = np.abs(np.asarray(f, float))
    own = np.log1p(0.5 * f[..., None] ** 2 / RATES[level]) @ SHAPES[level]
    return 0.5 * f + np.log1p(np.exp(-f)) - np.log(2) - own


def _largest() -> np.ndarray:
    """The largest b that each level serves, for |f| up to log(1 + b) + 5: b is about r exp(f) at least."""
    b = np.geomspace(1.0, 1e12, 481)
    f = np.log1p(b) + 5.0
    return np.array([b[np.abs(b * log_error(f, level)) <= LARGEST_ERROR].max() for level in range(len(LEVELS))])


LARGEST_B = _largest()
