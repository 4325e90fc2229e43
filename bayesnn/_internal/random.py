"""Standard random numbers for a sampler's sweeps: from a JAX key as they are asked for, or drawn ahead all at once.

Every call of JAX's generator is a piece of program of its own, a fifth of a second of compile time for normal numbers
and a second for gamma ones, and a dozen small operations whenever it runs. A sweep makes fifteen such calls.
`sweeps` first traces one sweep to see what it asks for, draws the numbers of many sweeps in one call a kind, and hands
each sweep a `Tape` of its own. Code that draws takes a `Source`, either of the two, and does not know which.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

Shape = tuple[int, ...]
MOST_SQUARES = 1000  # of normals for the gamma numbers of a sweep
MOST_AHEAD = 200_000  # numbers of a chain that are worth keeping at a time; more are drawn as they are asked for


class Tape:
    """Numbers of one sweep, handed out in the order of the calls that ask for them while it is traced."""

    def __init__(self, normals: jax.Array, uniforms: jax.Array, gammas: jax.Array, key: jax.Array) -> None:
        self.numbers = {"normal": normals, "uniform": uniforms, "gamma": gammas}
        self.used = {"normal": 0, "uniform": 0, "gamma": 0, "key": 0}
        self.own_key = key

    def take(self, kind: str, shape: Shape, alphas: np.ndarray | None = None) -> jax.Array:
        """The next numbers of this kind; `alphas` are those of gamma numbers, as they were when drawn."""
        start = self.used[kind]
        self.used[kind] += math.prod(shape)
        return self.numbers[kind][start : self.used[kind]].reshape(shape)

    def key(self) -> jax.Array:
        """A key for what cannot be drawn ahead."""
        self.used["key"] += 1
        return jax.random.fold_in(self.own_key, self.used["key"])


class Count(Tape):
    """A tape that notes what is asked for and hands out ones."""

    def __init__(self, key: jax.Array) -> None:
        super().__init__(jnp.ones(0), jnp.ones(0), jnp.ones(0), key)
        self.alphas: list[np.ndarray] = []

    def take(self, kind: str, shape: Shape, alphas: np.ndarray | None = None) -> jax.Array:
        """Ones."""
        self.used[kind] += math.prod(shape)
        self.alphas += [] if alphas is None else [alphas.ravel()]
        return jnp.ones(shape)


Source = jax.Array | Tape


def normal(source: Source, shape: Shape = ()) -> jax.Array:
    """Standard normal numbers."""
    return source.take("normal", shape) if isinstance(source, Tape) else jax.random.normal(source, shape)


def uniform(source: Source, shape: Shape = ()) -> jax.Array:
    """Numbers in [0, 1)."""
    return source.take("uniform", shape) if isinstance(source, Tape) else jax.random.uniform(source, shape)


def gumbel(source: Source, shape: Shape = ()) -> jax.Array:
    """Standard Gumbel numbers."""
    if not isinstance(source, Tape):
        return jax.random.gumbel(source, shape)
    return -jnp.log(-jnp.log(source.take("uniform", shape)))


def gamma(source: Source, alpha: Any, shape: Shape | None = None) -> jax.Array:
    """Gamma numbers of rate one; those whose `alpha` varies from sweep to sweep cannot be drawn ahead."""
    shape = np.shape(alpha) if shape is None else shape
    if not isinstance(source, Tape):
        return jax.random.gamma(source, alpha, shape)
    if isinstance(alpha, jax.core.Tracer):
        return jax.random.gamma(source.key(), alpha, shape)
    return source.take("gamma", shape, np.broadcast_to(np.asarray(alpha, dtype=float), shape))


def split(source: Source, count: int = 2) -> list[Source]:
    """Sources for `count` uses; a tape serves them all, one after the other."""
    return [source] * count if isinstance(source, Tape) else list(jax.random.split(source, count))


def as_key(source: Source) -> jax.Array:
    """A JAX key, for code that needs one."""
    return source.key() if isinstance(source, Tape) else source


def sweeps(key: jax.Array, count: int, sweep: Callable[[Source, Any], tuple[Any, Any]], state: Any) -> tuple[Any, Any]:
    """`count` sweeps: state, stacked results (count, ...) of state, result = sweep(source, state)."""
    asked: list[Count] = []

    def noted(state: Any) -> Any:
        asked.append(Count(key))
        return sweep(asked[-1], state)

    jax.eval_shape(noted, state)
    used, alphas = asked[-1].used, np.concatenate([np.zeros(0), *asked[-1].alphas])
    if count * (used["normal"] + used["uniform"] + used["gamma"]) > MOST_AHEAD:
        return lax.scan(lambda state, key: sweep(key, state), state, jax.random.split(key, count))
    of_normals, of_uniforms, of_gammas, rest = jax.random.split(key, 4)
    squares = _squares(alphas)
    normals = jax.random.normal(of_normals, (count, used["normal"] + (0 if squares is None else len(squares))))
    if squares is None:
        gammas = jax.random.gamma(of_gammas, jnp.asarray(alphas), (count, used["gamma"]))
    else:
        gammas = 0.5 * normals[:, used["normal"] :] ** 2 @ squares
    uniforms = jax.random.uniform(of_uniforms, (count, used["uniform"]))
    keys = jax.random.split(rest, count) if used["key"] else jnp.zeros(count)  # no key is asked for
    numbers = normals, uniforms, gammas, keys
    return lax.scan(lambda state, own: sweep(Tape(*own), state), state, numbers)


def _squares(alphas: np.ndarray) -> np.ndarray | None:
    """Which squared normals (d, numbers) add up to twice each gamma number; None where these are not few and whole.

    A gamma number of parameter k/2 is half the sum of k squares of normals, by the definition of chi-square, and
    compiles in no time at all, where the generator of gamma numbers takes a second.
    """
    degrees = np.rint(2 * alphas).astype(int)
    if (degrees != 2 * alphas).any() or degrees.sum() > MOST_SQUARES:
        return None
    return np.repeat(np.eye(len(alphas)), degrees, axis=0)
