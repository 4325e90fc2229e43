"""Standard random numbers for the sweeps of a sampler, drawn from a JAX key on request or drawn ahead in one call.

Every call of JAX's generator adds code of its own to the compiled program: a fifth of a second of compile time for
normal numbers, a second for gamma numbers, and a dozen small operations at each run. A sweep makes fifteen such calls.
`scan_with_predrawn` first traces one sweep to see what it requests, draws the numbers of many sweeps with one call per
distribution, and gives each sweep its own `PredrawnNumbers`. Code that draws takes a `RandomSource`, which is either of
the two, and need not know which.
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
MOST_SQUARES = 1000  # squared normals per sweep from which gamma numbers may be made
MOST_AHEAD = 200_000  # numbers per chain that are worth keeping in memory; if more are needed, all are drawn on request


class PredrawnNumbers:
    """The numbers of one sweep, handed out in the order in which the sweep requests them while it is traced."""

    def __init__(self, normals: jax.Array, uniforms: jax.Array, gammas: jax.Array, key: jax.Array) -> None:
        self.numbers = {"normal": normals, "uniform": uniforms, "gamma": gammas}
        self.used = {"normal": 0, "uniform": 0, "gamma": 0, "key": 0}
        self.own_key = key

    def take(self, kind: str, shape: Shape, alphas: np.ndarray | None = None) -> jax.Array:
        """The next numbers of this kind; `alphas` are the shape parameters with which gamma numbers were drawn."""
        start = self.used[kind]
        self.used[kind] += math.prod(shape)
        return self.numbers[kind][start : self.used[kind]].reshape(shape)

    def key(self) -> jax.Array:
        """A fresh key, for numbers that cannot be drawn ahead."""
        self.used["key"] += 1
        return jax.random.fold_in(self.own_key, self.used["key"])


class RequestRecorder(PredrawnNumbers):
    """A stand-in that records what a sweep requests."""

    def __init__(self, key: jax.Array) -> None:
        super().__init__(jnp.ones(0), jnp.ones(0), jnp.ones(0), key)
        self.alphas: list[np.ndarray] = []

    def take(self, kind: str, shape: Shape, alphas: np.ndarray | None = None) -> jax.Array:
        """Return ones; only what is requested is recorded."""
        self.used[kind] += math.prod(shape)
        self.alphas += [] if alphas is None else [alphas.ravel()]
        return jnp.ones(shape)


RandomSource = jax.Array | PredrawnNumbers


def normal(source: RandomSource, shape: Shape = ()) -> jax.Array:
    """Standard normal numbers."""
    return source.take("normal", shape) if isinstance(source, PredrawnNumbers) else jax.random.normal(source, shape)


def uniform(source: RandomSource, shape: Shape = ()) -> jax.Array:
    """Uniform numbers in [0, 1)."""
    return source.take("uniform", shape) if isinstance(source, PredrawnNumbers) else jax.random.uniform(source, shape)


def gumbel(source: RandomSource, shape: Shape = ()) -> jax.Array:
    """Standard Gumbel numbers."""
    if not isinstance(source, PredrawnNumbers):
        return jax.random.gumbel(source, shape)
    return -jnp.log(-jnp.log(source.take("uniform", shape)))


def gamma(source: RandomSource, alpha: Any, shape: Shape | None = None) -> jax.Array:
    """Gamma numbers of rate one; they cannot be drawn ahead where `alpha` varies from sweep to sweep."""
    shape = np.shape(alpha) if shape is None else shape
    if not isinstance(source, PredrawnNumbers):
        return jax.random.gamma(source, alpha, shape)
    if isinstance(alpha, jax.core.Tracer):
        return jax.random.gamma(source.key(), alpha, shape)
    return source.take("gamma", shape, np.broadcast_to(np.asarray(alpha, dtype=float), shape))


def split(source: RandomSource, count: int = 2) -> list[RandomSource]:
    """Sources for `count` uses; predrawn numbers serve all of them, one after the other."""
    return [source] * count if isinstance(source, PredrawnNumbers) else list(jax.random.split(source, count))


def as_key(source: RandomSource) -> jax.Array:
    """A JAX key, for code that needs one."""
    return source.key() if isinstance(source, PredrawnNumbers) else source


def scan_with_predrawn(
    key: jax.Array, count: int, sweep: Callable[[RandomSource, Any], tuple[Any, Any]], state: Any
) -> tuple[Any, Any]:
    """Scan `count` sweeps, state, result = sweep(source, state); the last state and the results (count, ...)."""
    recorders: list[RequestRecorder] = []

    def recorded(state: Any) -> Any:
        recorders.append(RequestRecorder(key))
        return sweep(recorders[-1], state)

    jax.eval_shape(recorded, state)
    used, alphas = recorders[-1].used, np.concatenate([np.zeros(0), *recorders[-1].alphas])
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
    keys = jax.random.split(rest, count) if used["key"] else jnp.zeros(count)  # no sweep requests a key
    numbers = normals, uniforms, gammas, keys
    return lax.scan(lambda state, own: sweep(PredrawnNumbers(*own), state), state, numbers)


def _squares(alphas: np.ndarray) -> np.ndarray | None:
    """Indicators (d, numbers) of the squared normals that add up to twice each gamma number.

    A gamma number of shape k/2 is half a chi-square number, the sum of k squared normals. This compiles at once, where
    the generator of gamma numbers takes a second. None if a k is not a whole number, or if more than `MOST_SQUARES`
    normals would be needed.
    """
    degrees = np.rint(2 * alphas).astype(int)
    if (degrees != 2 * alphas).any() or degrees.sum() > MOST_SQUARES:
        return None
    return np.repeat(np.eye(len(alphas)), degrees, axis=0)
