"""Layers whose weights are optimised or given rather than sampled."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bayesnn._internal.weights import Shape, Weight, Weights
from bayesnn.layers.base import Layer, Wrapper
from bayesnn.layers.given import as_weights, check_given, given_weights


@dataclass(frozen=True)
class Fixed(Wrapper):
    """A layer whose weights are fixed, at the posterior mode of the whole network or at given values.

    Without `values`, a fit first finds the mode of all weights by optimisation. It then keeps the weights of this
    layer, and the hyperparameters of their priors, at the mode and samples the rest given them. The posterior is thus
    conditional on point estimates and too narrow, since it ignores the uncertainty of these weights. They are reported
    with the same value in every draw, and the attribute `fixed` of the posterior names them. Weights with given values
    are a part of the model, and are not reported.

    Parameters
    ----------
    layer : Layer
    values : mapping from str to array, optional
        The weights of the layer by name.

    Raises
    ------
    ValueError
        If `layer` is not a layer; in `fit`, if values have other names or shapes than the layer's weights, or, without
        values, if the sampler has no chains.

    Examples
    --------
    >>> from bayesnn.layers.dense import Dense
    >>> Fixed(Dense(3)).output_shape((2,))
    (3,)
    """

    layer: Layer
    values: Any = field(default=None, metadata={"later": True})

    def __post_init__(self) -> None:
        """Refuse anything that is not a layer, and keep arrays so that the spec hashes."""
        if not isinstance(self.layer, Layer):
            raise ValueError(f"fix takes a layer such as Dense(8), got {self.layer!r}")
        if self.values is not None:
            object.__setattr__(self, "values", given_weights("fix", self.values))

    def weights(self, shape: Shape) -> dict[str, Weight]:
        """The weights of the layer; no weights where values are given, since nothing is then unknown."""
        if self.values is None:
            return self.layer.weights(shape)
        check_given(self.values, self.layer, shape)
        return {}

    def all_weights(self, weights: Weights) -> Weights:
        return weights if self.values is None else as_weights(self.values)


def fix(layer: Layer, weights: Any = None) -> Fixed:
    """Make a network partly stochastic: the weights of this layer are optimised, or given, and the others sampled.

    See `Fixed` for what that means. Sampling the last layers alone is the usual choice (M. Sharma, S. Farquhar,
    E. Nalisnick and T. Rainforth, 2023, Do Bayesian neural networks need to be fully stochastic?, AISTATS).

    Parameters
    ----------
    layer : Layer
    weights : mapping from str to array, optional
        Values of the layer's weights, such as `convert_weights` returns for a pretrained layer: every sampler then
        serves the model. Default: their values at the posterior mode.

    See Also
    --------
    LowRank : known weights changed by matrices of low rank
    read_weights : weights from a file

    Examples
    --------
    >>> from bayesnn.layers.dense import Dense
    >>> from bayesnn.models.model import Model
    >>> Model([fix(Dense(20, "tanh")), Dense(3, "tanh")]).layers[0].layer
    Dense(units=20, activation='tanh')
    """
    return Fixed(layer, weights)
