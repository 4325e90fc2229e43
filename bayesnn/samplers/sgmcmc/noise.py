"""Random rows and cheap noise for minibatch steps.

A single step moves a chain very little: what matters is the sum of the noise of many steps, which is Gaussian by the
central limit theorem. Schemes of weak order one, such as Langevin steps, keep their order for any independent numbers
whose first three moments are those of a standard normal and whose fourth is bounded: P. Kloeden and E. Platen (1992),
Numerical Solution of Stochastic Differential Equations, section 14.1, where even coin flips suffice. Here a number is
the sum of four random bytes.

The bytes come from the counter-based generator that JAX uses, written out element by element, with the 13 rounds that
pass all tests for randomness instead of 20. On a CPU, JAX's own implementation keeps its rounds in a loop and joins two
halves, so that XLA cannot fuse it with the rest of the step into one vectorised loop: it costs ten times as much.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
PARITY = 0x1BD11BDA
ROUNDS = 13  # table 2 of Salmon et al.
MEAN = 4 * 255 / 2  # of the sum of four uniform bytes
SD = (4 * (256**2 - 1) / 12) ** 0.5


Words = tuple[jax.Array, jax.Array]  # two random 32-bit words, which serve as a key


def words_of(key: jax.Array) -> Words:
    """Two random words from a JAX key."""
    left, right = jax.random.bits(key, (2,), jnp.uint32)
    return left, right


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
    >>> standard_noise(words_of(jax.random.key(0)), jnp.zeros(3)).shape
    (3,)
    """
    word = threefry(words, lax.iota(jnp.uint32, like.size))[0]
    sums = (word & 255) + ((word >> 8) & 255) + ((word >> 16) & 255) + (word >> 24)
    return (sums.astype(like.dtype) - MEAN) / SD


def threefry(key: Words, counter: jax.Array, rounds: int = ROUNDS) -> Words:
    """Two random words (n,) each: Threefry-2x32 of counters (n,) in the first word and zero in the second.

    J. Salmon, M. Moraes, R. Dror and D. Shaw (2011), Parallel random numbers: as easy as 1, 2, 3, SC11, section 3.2.
    """
    keys = (key[0], key[1], key[0] ^ key[1] ^ np.uint32(PARITY))
    left, right = counter + keys[0], jnp.broadcast_to(keys[1], counter.shape)
    for i in range(rounds):
        left, turn = left + right, ROTATIONS[i % 8]
        right = ((right << turn) | (right >> (32 - turn))) ^ left
        if i % 4 == 3:
            j = i // 4 + 1
            left, right = left + keys[j % 3], right + keys[(j + 1) % 3] + np.uint32(j)
    return left, right
