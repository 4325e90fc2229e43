"""The interface of a layer: it declares its weights and applies them to ONE example."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

import jax

from bayesnn._internal.weights import Shape, Weight, Weights


class Layer(abc.ABC):
    """A frozen spec: pure functions of (weights, x), no sampling inside.

    An example is a vector (d,) or a sequence (time, d), for the first layer also token ids (time,). A sequence may end
    in padding: `mask` (time,) is True at real steps; None means that all steps are real. Padding must not change the
    output at a real step, and values at padded steps are unspecified.

    To write a layer, subclass this as a frozen dataclass and implement `weights`, `output_shape` and `apply`. The other
    methods describe special layers and have defaults. `at_each_step` says that an output is a function of the input at
    the same step alone.
    """

    at_each_step: ClassVar[bool] = False

    @property
    def tokens(self) -> int | None:
        """Number of token ids that the layer reads; None if it reads numbers."""
        return None

    @property
    def words(self) -> Any:
        """The `bnn.text.Vocabulary` that turns texts into token ids; None if the layer knows none."""
        return None

    @property
    def source_tokens(self) -> int:
        """Number of token ids of the source, where it has a vocabulary of its own; 0 for most layers."""
        return 0

    @property
    def source(self) -> int:
        """Number of leading steps that form a sequence of their own, with its own padding; 0 for most layers."""
        return 0

    @property
    def stepwise(self) -> bool:
        """Whether `step` gives the outputs of `apply` one after the other, which takes that no step sees later ones."""
        return self.at_each_step

    def before(self, weights: Weights, shape: Shape) -> Any:
        """What a step needs of those before it, at the beginning of a sequence (time, d): arrays, or () for nothing."""
        return ()

    def step(self, weights: Weights, kept: Any, x: jax.Array, place: jax.Array) -> tuple[Any, jax.Array]:
        """What the next step needs, and the output at step `place` with the input x, (d,) or () for a token id."""
        return kept, self.apply(weights, x[None])[0]

    @property
    def has_attention(self) -> bool:
        """Whether `attention` gives attention weights."""
        return False

    def attention(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """Attention weights (head, query step, key step) at one example; rows sum to one."""
        raise NotImplementedError(f"{type(self).__name__} has no attention")

    def mask_after(self, mask: jax.Array) -> jax.Array:
        """The mask of the output's steps, given the mask of the input's steps."""
        return mask

    @abc.abstractmethod
    def weights(self, shape: Shape) -> dict[str, Weight]:
        """Descriptions of the weight arrays by name, for examples of this shape."""

    @abc.abstractmethod
    def output_shape(self, shape: Shape) -> Shape:
        """Shape of the layer's output for one example of this shape."""

    @abc.abstractmethod
    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """The layer's output for one example x, given its weight arrays by name."""


class Wrapper(Layer):
    """What layers around another layer share: they read, mask and return what it does."""

    layer: Layer

    @property
    def tokens(self) -> int | None:
        return self.layer.tokens

    @property
    def words(self) -> Any:
        return self.layer.words

    @property
    def source_tokens(self) -> int:
        return self.layer.source_tokens

    @property
    def source(self) -> int:
        return self.layer.source

    @property
    def has_attention(self) -> bool:
        return self.layer.has_attention

    def mask_after(self, mask: jax.Array) -> jax.Array:
        return self.layer.mask_after(mask)

    def output_shape(self, shape: Shape) -> Shape:
        return self.layer.output_shape(shape)

    @property
    def stepwise(self) -> bool:
        return self.layer.stepwise

    def before(self, weights: Weights, shape: Shape) -> Any:
        return self.layer.before(self.all_weights(weights), shape)

    def step(self, weights: Weights, kept: Any, x: jax.Array, place: jax.Array) -> tuple[Any, jax.Array]:
        return self.layer.step(self.all_weights(weights), kept, x, place)

    def all_weights(self, weights: Weights) -> Weights:
        """The weights of the layer inside, given those of this layer."""
        return weights

    def attention(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        return self.layer.attention(self.all_weights(weights), x, mask)

    def apply(self, weights: Weights, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        return self.layer.apply(self.all_weights(weights), x, mask)


def sequence_shape(layer: Layer, shape: Shape) -> tuple[int, int]:
    """The shape (time, d) of a sequence; any other shape is refused."""
    if len(shape) != 2:
        raise ValueError(
            f"{type(layer).__name__} needs sequences (time, features), got examples of shape {shape}: "
            "turn lags into a sequence with AsSequence(), and pool sequences only after this layer"
        )
    return shape[0], shape[1]
