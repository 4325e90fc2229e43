"""What a layer is: it declares its weights and applies them to ONE example."""

from __future__ import annotations

import abc

import jax

from bayesnn._internal.weights import Shape, Weight, Weights


class Layer(abc.ABC):
    """A frozen spec: pure functions of (weights, x), no sampling inside.

    An example is a vector (d,) or a sequence (time, d), for the first layer also token ids (time,). A sequence may end
    in padding: `mask` (time,) is True at its real steps, None where all are. Padding changes no value at a real step,
    and what stands at padded steps is nobody's business.
    """

    @property
    def tokens(self) -> int | None:
        """How many token ids the layer reads; None where it reads numbers."""
        return None

    @property
    def source(self) -> int:
        """How many leading steps are a sequence of their own, with padding of its own; none unless a layer says so."""
        return 0

    @property
    def has_attention(self) -> bool:
        """Whether the layer has attention weights to show."""
        return False

    def attention(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """Attention weights (head, asking step, asked step) at one example, rows summing to one."""
        raise NotImplementedError(f"{type(self).__name__} has no attention")

    def mask_after(self, mask: jax.Array) -> jax.Array:
        """The mask of the output's steps, from that of the input's."""
        return mask

    @abc.abstractmethod
    def weights(self, shape: Shape) -> dict[str, Weight]:
        """The weights needed for one example of this shape."""

    @abc.abstractmethod
    def output_shape(self, shape: Shape) -> Shape:
        """Shape of one example after the layer."""

    @abc.abstractmethod
    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """The layer's value for one example x."""


def sequence_shape(layer: Layer, shape: Shape) -> tuple[int, int]:
    """(time, d), refusing what is no sequence."""
    if len(shape) != 2:
        raise ValueError(
            f"{type(layer).__name__} needs sequences (time, features), got examples of shape {shape}: "
            "make lags a sequence with AsSequence(), and leave sequences whole before this layer"
        )
    return shape[0], shape[1]
