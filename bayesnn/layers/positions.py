"""Positional encoding: a vector that tells the position of a step is added to its features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.weights import Shape, Weight, Weights
from bayesnn.layers.base import Layer, sequence_shape

KINDS = ("sinusoidal", "learnt")
LONGEST = 10_000.0  # wavelength over 2 pi, Vaswani et al. (2017), section 3.5


@dataclass(frozen=True)
class PositionalEncoding(Layer):
    """x_t plus a vector for its position t: fixed sines and cosines, or learnt.

    x (time, d) -> (time, d); learnt: positions (maximum, d).

    Parameters
    ----------
    kind : {"sinusoidal", "learnt"}
    maximum : int, optional
        Length of the longest sequence for which positions are learnt. Default: the length of the training rows.

    References
    ----------
    A. Vaswani et al. (2017), Attention is all you need, NeurIPS, section 3.5.

    See Also
    --------
    TransformerBlock : attention and a network per step
    Embedding : vectors of words

    Examples
    --------
    >>> PositionalEncoding("learnt").weights((10, 4))["positions"].shape
    (10, 4)
    """

    kind: str = "sinusoidal"
    maximum: int | None = None

    def __post_init__(self) -> None:
        checks.known("kind", self.kind, KINDS)
        if self.maximum is not None:
            checks.positive_integer("maximum", self.maximum)

    def weights(self, shape: Shape) -> dict[str, Weight]:
        """One vector per position if they are learnt, else nothing."""
        time, width = sequence_shape(self, shape)
        maximum = time if self.maximum is None else self.maximum
        if time > maximum:
            raise checks.TooLongError(
                f"sequences must have at most {maximum} steps, as PositionalEncoding says, got {time}"
            )
        return (
            {}
            if self.kind == "sinusoidal"
            else {"positions": Weight((maximum, width), ("position", "feature"), "position", 1)}
        )

    def output_shape(self, shape: Shape) -> Shape:
        return sequence_shape(self, shape)

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        time, width = x.shape
        if self.kind == "learnt":
            return x + weights["positions"][:time]
        return x + jnp.asarray(sinusoids(time, width), x.dtype)

    @property
    def stepwise(self) -> bool:
        return True

    def before(self, weights: Weights, shape: Shape) -> Any:
        """The vectors of all positions, (time, d)."""
        return self.apply(weights, jnp.zeros(shape))

    def step(self, weights: Weights, kept: Any, x: jax.Array, place: jax.Array) -> tuple[Any, jax.Array]:
        return kept, x + kept[place]


def sinusoids(time: int, width: int) -> np.ndarray:
    """Sines at even features, cosines at odd ones, (time, width)."""
    feature = np.arange(width)
    angle = np.arange(time)[:, None] / LONGEST ** ((feature - feature % 2) / width)
    return np.where(feature % 2, np.cos(angle), np.sin(angle))
