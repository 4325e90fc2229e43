"""Random rows and cheap noise for minibatch steps.

A single step moves a chain very little: what matters is the sum of the noise of many steps, which is Gaussian by the
central limit theorem. Schemes of weak order one, such as Langevin steps, keep their order for any independent numbers
whose first three moments are those of a standard normal and whose fourth is bounded: P. Kloeden and E. Platen (1992),
Numerical Solution of Stochastic Differential Equations, section 14.1, where even coin flips suffice. Here a number is
the sum of four random bytes.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from bayesnn._internal.counter_numbers import Words, threefry

MEAN = 4 * 255 / 2  # mean of the sum of four uniform bytes
SD = (4 * (256**2 - 1) / 12) ** 0.5


def words_of_steps(words: Words, steps: int) -> tuple[Words, Words]:
    """Keys for `steps` steps: the words (steps,) for their rows, and those for their noise."""
    left, right = threefry(words, lax.iota(jnp.uint32, 2 * steps))
    return (left[:steps], right[:steps]), (left[steps:], right[steps:])


def random_rows(words: Words, size: int, count: int) -> jax.Array:
    """`size` of the numbers 0, ..., count - 1 with replacement; relative error of the probabilities count/2^32."""
    return (threefry(words, lax.iota(jnp.uint32, size))[0] % np.uint32(count)).astype(int)


def standard_noise(words: Words, like: jax.Array) -> jax.Array:
    """Independent numbers of mean zero and variance one, as many as in `like` (d,), nearly normal.

    Their third moment is zero and their fourth 2.7, against 3 of the normal distribution.

    Examples
    --------
    >>> from bayesnn._internal.counter_numbers import words_of
    >>> standard_noise(words_of(jax.random.key(0)), jnp.zeros(3)).shape
    (3,)
    """
    word = threefry(words, lax.iota(jnp.uint32, like.size))[0]
    sums = (word & 255) + ((word >> 8) & 255) + ((word >> 16) & 255) + (word >> 24)
    return (sums.astype(like.dtype) - MEAN) / SD
