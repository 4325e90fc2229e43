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


# PG(b, 0) = sum_k g_k / (2 pi^2 (k - 1/2)^2), g_k ~ Gamma(b). Terms are kept in blocks; by number of blocks, the others
# together are REST_SHIFT b plus a gamma number of shape REST_SHAPE b and scale REST_SCALE, with their three cumulants.
TERMS, BLOCKS = 6, 40
LARGEST_ERROR = 1e-4  # allowed error of the log likelihood; blocks are added until it is met


def _rest() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shape, scale and shift of the gamma number with the first three cumulants of the terms left out, for b = 1."""
    k = np.arange(1, 100_000) - 0.5
    end, kept = k[-1] + 0.5, TERMS * np.arange(1, BLOCKS + 1)
    sums = (np.cumsum(k[::-1] ** (-2 * p))[::-1][kept] + end ** (1 - 2 * p) / (2 * p - 1) for p in (1, 2, 3))
    ratio = 2 * np.pi**2
    mean, variance, cumulant = (s * f for s, f in zip(sums, (1 / ratio, 1 / ratio**2, 2 / ratio**3), strict=True))
    scale = cumulant / (2 * variance)
    shape = variance / scale**2
    return shape, scale, mean - shape * scale


REST_SHAPE, REST_SCALE, REST_SHIFT = _rest()


def series_numbers(key: jax.Array, b: jax.Array, c: jax.Array) -> jax.Array:
    """PG(b, c) numbers (n,) for real b (n,) of at least zero, by a series of gamma numbers with an accurate remainder.

    Polson, Scott and Windle, equation (2): six terms as they are, and one gamma number in place of all others with
    their first three cumulants at c = 0, tilted by exp(-c^2 omega/2) as the terms are. A Gibbs sampler that uses these
    numbers is therefore exact for a likelihood whose logarithm differs from the right one by b times a function of f
    alone that is at most 5e-10 up to |f| = 4, 7e-7 up to 10, and 1.4e-4 up to 20 (`log_error`). Where the largest b
    makes that too much (counts above 140) there are more blocks of six terms, as `LARGEST_B` says: as many for
    all rows, so that their number depends on b alone and not on f.
    """
    b = jnp.broadcast_to(b, c.shape)
    more = jnp.sum(b.max() > LARGEST_B[:-1])
    shape, scale, shift = (jnp.asarray(rest)[more] for rest in (REST_SHAPE, REST_SCALE, REST_SHIFT))
    place = (np.arange(1, TERMS + 1) - 0.5)[:, None] ** 2
    rates = jnp.concatenate([2 * np.pi**2 * place + 0.5 * c**2, 1.0 / scale + 0.5 * c[None] ** 2])
    kept = jnp.broadcast_to(b, (TERMS, *c.shape))
    shapes = jnp.concatenate([kept, shape * b[None]])
    first = jnp.sum(gamma_numbers(key, shapes) / rates, axis=0) + shift * b

    def add(state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        total, block = state
        place = (jnp.arange(1, TERMS + 1) + TERMS * block - 0.5)[:, None] ** 2
        numbers = gamma_numbers(jax.random.fold_in(key, block), kept)
        return total + jnp.sum(numbers / (2 * np.pi**2 * place + 0.5 * c**2), axis=0), block + 1

    return lax.while_loop(lambda state: state[1] <= more, add, (first, jnp.ones((), more.dtype)))[0]


def log_error(f: np.ndarray, blocks: int = 1) -> np.ndarray:
    """By how much the likelihood for which `series_numbers` is exact differs from the right one: logarithms, b = 1."""
    half = 0.5 * np.asarray(f, float)[..., None] ** 2
    terms = np.log1p(half / (2 * np.pi**2 * (np.arange(1, TERMS * blocks + 1) - 0.5) ** 2)).sum(axis=-1)
    shape, scale, shift = (rest[blocks - 1] for rest in (REST_SHAPE, REST_SCALE, REST_SHIFT))
    rest = shape * np.log1p(half[..., 0] * scale) + shift * half[..., 0]
    root = np.abs(np.asarray(f, float)) / 2
    return root + np.log1p(np.exp(-2 * root)) - np.log(2) - terms - rest


def _largest() -> np.ndarray:
    """The largest b that each number of blocks serves, for |f| up to log(1 + b) + 5: b is about r exp(f) at least."""
    b = np.geomspace(1.0, 1e12, 481)
    f = np.log1p(b) + 5.0
    return np.array([b[np.abs(b * log_error(f, blocks)) <= LARGEST_ERROR].max() for blocks in range(1, BLOCKS + 1)])


LARGEST_B = _largest()
