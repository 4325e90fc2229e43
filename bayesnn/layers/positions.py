"""Where a step stands, added to what it is; and values brought to a common scale."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from bayesnn import _checks
from bayesnn.layers.base import Layer, Shape, Weight, Weights, sequence_shape

KINDS = ("sinusoidal", "learnt")
LONGEST = 10_000.0  # wavelength over 2 pi, Vaswani et al. (2017), section 3.5


@dataclass(frozen=True)
class PositionalEncoding(Layer):
    """x_t + a vector of its position t, fixed sines and cosines or learnt.

    x (time, d) -> (time, d); learnt: positions (maximum, d).

    Parameters
    ----------
    kind : {"sinusoidal", "learnt"}
    maximum : int, optional
        Longest sequence that learnt positions serve. Default: that of the training rows.

    References
    ----------
    A. Vaswani et al. (2017), Attention is all you need, NeurIPS, section 3.5.

    Examples
    --------
    >>> PositionalEncoding("learnt").weights((10, 4))["positions"].shape
    (10, 4)
    """

    kind: str = "sinusoidal"
    maximum: int | None = None

    def __post_init__(self) -> None:
        """Refuse unknown kinds."""
        _checks.known("kind", self.kind, KINDS)
        if self.maximum is not None:
            _checks.positive_integer("maximum", self.maximum)

    def weights(self, shape: Shape) -> dict[str, Weight]:
        """One vector a position, where they are learnt."""
        time, width = sequence_shape(self, shape)
        maximum = time if self.maximum is None else self.maximum
        if time > maximum:
            raise ValueError(f"sequences must have at most {maximum} steps, as PositionalEncoding says, got {time}")
        return (
            {}
            if self.kind == "sinusoidal"
            else {"positions": Weight((maximum, width), ("position", "feature"), "position", 1)}
        )

    def output_shape(self, shape: Shape) -> Shape:
        """That of the input."""
        return sequence_shape(self, shape)

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """The vector of each step is added to it."""
        time, width = x.shape
        if self.kind == "learnt":
            return x + weights["positions"][:time]
        return x + jnp.asarray(sinusoids(time, width), x.dtype)


def sinusoids(time: int, width: int) -> np.ndarray:
    """Sines at even features, cosines at odd ones, (time, width)."""
    feature = np.arange(width)
    angle = np.arange(time)[:, None] / LONGEST ** ((feature - feature % 2) / width)
    return np.where(feature % 2, np.cos(angle), np.sin(angle))


@dataclass(frozen=True)
class LayerNorm(Layer):
    """(x - mean)/sd over the features of a step, times 1 + gain, plus bias.

    x (..., d) -> (..., d); gain and bias (d,). The gain's prior is centred at no change.

    Parameters
    ----------
    epsilon : float
        Added to the variance.

    References
    ----------
    J. Ba, J. Kiros and G. Hinton (2016), Layer normalization, arXiv:1607.06450, equation (4).

    Examples
    --------
    >>> LayerNorm().output_shape((10, 4))
    (10, 4)
    """

    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        """Refuse an epsilon that is not positive."""
        _checks.positive("epsilon", self.epsilon)

    def weights(self, shape: Shape) -> dict[str, Weight]:
        """Gain and bias."""
        return {role: Weight((shape[-1],), ("feature",), role, 1) for role in ("gain", "bias")}

    def output_shape(self, shape: Shape) -> Shape:
        """That of the input."""
        return shape

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """Each step by itself."""
        centred = x - x.mean(axis=-1, keepdims=True)
        scaled = centred / jnp.sqrt((centred**2).mean(axis=-1, keepdims=True) + self.epsilon)
        return scaled * (1.0 + weights["gain"]) + weights["bias"]
