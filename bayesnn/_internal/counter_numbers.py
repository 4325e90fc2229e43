"""Random words from a counter, and gamma numbers made of them: cheap enough for a number per row at each sweep.

The generator is the one that JAX uses, written out element by element, with the 13 rounds that pass all tests for
randomness instead of 20. On a CPU, JAX's own implementation keeps its rounds in a loop and joins two halves, so that
XLA cannot fuse it with what uses the numbers into one vectorised loop: it costs ten times as much.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.special import ndtri

ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
PARITY = 0x1BD11BDA
THREEFRY_ROUNDS = 13  # table 2 of Salmon et al.
STREAM = 0x9E3779B9  # turns one key into the key of another stream
MOST_ATTEMPTS = 100  # attempts at rejection sampling, each failing with probability below 0.2: never reached

SERIES_UP_TO, LAST_POWER = 0.25, 12  # of log(1 + y) - y + y^2/2 - y^3/3: relative error below 1e-6

Words = tuple[jax.Array, jax.Array]  # two random 32-bit words, which serve as a key


def words_of(key: jax.Array) -> Words:
    """Two random words from a JAX key."""
    left, right = jax.random.bits(key, (2,), jnp.uint32)
    return left, right


def threefry(key: Words, counter: jax.Array, rounds: int = THREEFRY_ROUNDS) -> Words:
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


def other_stream(key: Words) -> Words:
    """The key of a second stream of words."""
    return key[0], key[1] ^ np.uint32(STREAM)


def uniform_numbers(word: jax.Array, dtype: jnp.dtype | type = jnp.float32) -> jax.Array:
    """Uniform numbers inside (0, 1), never 0 or 1: 23 bits of each word in single precision, all 32 in double."""
    if dtype == jnp.float32:
        return ((word >> 9).astype(jnp.float32) + np.float32(0.5)) * np.float32(2.0**-23)
    return (word.astype(dtype) + 0.5) * 2.0**-32


def gamma_numbers(key: jax.Array, shape: jax.Array) -> jax.Array:
    """Gamma numbers of rate one with these shape parameters, an array of any shape; zero where the parameter is zero.

    G. Marsaglia and W. Tsang (2000), A simple method for generating gamma variables, ACM Transactions on Mathematical
    Software 26, 363-372, with their step from a + 1 to a for parameters below one. All numbers are attempted
    together until each is accepted; `jax.random.gamma` makes one after the other on a CPU and costs many times as
    much. Whether a number is accepted is computed in single precision, in a form that loses no digits
    (`log_acceptance`).

    Examples
    --------
    >>> gamma_numbers(jax.random.key(0), jnp.array([0.5, 2.0])).shape
    (2,)
    """
    parameter = jnp.ravel(shape)
    words = words_of(key)
    counter = lax.iota(jnp.uint32, parameter.size)
    raised = jnp.where(parameter < 1.0, parameter + 1.0, parameter)
    d = raised - 1.0 / 3.0
    c = 1.0 / jnp.sqrt(9.0 * d)
    single = d.astype(jnp.float32), c.astype(jnp.float32)

    def attempt(state: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array]:
        normal, accepted, attempts = state
        left, right = threefry(words, counter + attempts * np.uint32(parameter.size))
        new = ndtri(uniform_numbers(left))
        y = single[1] * new
        inside = (y > -1.0) & (jnp.log(uniform_numbers(right)) < log_acceptance(jnp.maximum(y, -1.0), single[0]))
        return jnp.where(accepted, normal, new), accepted | inside, attempts + np.uint32(1)

    start = jnp.zeros(parameter.shape, jnp.float32), jnp.zeros(parameter.shape, bool), jnp.zeros((), jnp.uint32)
    normal, *_ = lax.while_loop(lambda s: ~s[1].all() & (s[2] < MOST_ATTEMPTS), attempt, start)
    value = d * (1.0 + c * normal) ** 3
    level = jnp.log(uniform_numbers(threefry(other_stream(words), counter)[0])).astype(parameter.dtype)
    small = (parameter < 1.0) & (parameter > 0.0)
    factor = jnp.where(small, jnp.exp(level / jnp.where(small, parameter, 1.0)), 1.0)
    return jnp.where(parameter > 0, value * factor, 0.0).reshape(jnp.shape(shape))


def log_acceptance(y: jax.Array, d: jax.Array) -> jax.Array:
    """Log of the probability of accepting d (1 + y)^3, where y is normal with variance 1/(9 d): single precision.

    That is x^2/2 + d - d v + d log(v) for v = (1 + y)^3 and x^2 = 9 d y^2. All terms up to y^3 cancel, which leaves
    3 d (log(1 + y) - y + y^2/2 - y^3/3): near zero, the series of the logarithm from its fourth term on.
    """
    series = jnp.zeros_like(y)
    for power in range(LAST_POWER, 3, -1):
        series = series * y + np.float32((-1.0) ** (power + 1) / power)
    y = jnp.where(y == -1.0, np.float32(-0.5), y)  # not accepted, whatever its density
    direct = jnp.log1p(y) - y + 0.5 * y**2 - y**3 / 3
    return 3 * d * jnp.where(jnp.abs(y) < SERIES_UP_TO, series * y**4, direct)
