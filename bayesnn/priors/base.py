"""What a prior is: it sees weights by name, role and fan-in, never layers, and issues the sample statements.

The readout is one vector of coefficients [one a unit, intercept?, one a predictor], or one such vector an output;
`Terms` says which are there. Given its hyperparameters the readout is Gaussian under every prior here, which is what
makes it integrable; given all of them every weight is, which is what a Gibbs sampler uses: `whiten` turns weights into
independent standard normal numbers and `unwhiten` back, and `update` draws the hyperparameters given the weights.
"""

from __future__ import annotations

import abc
from typing import Any, ClassVar, NamedTuple

import jax

from bayesnn._internal.weights import Weight, Weights

Sites = dict[str, jax.Array]


class Terms(NamedTuple):
    """Which coefficients the readout has: k = units + intercept + predictors, for each output.

    `outputs` is () for one output and (K,) for several, `output_dims` the name of that axis.
    """

    units: int
    intercept: bool
    predictors: int
    outputs: tuple[int, ...] = ()
    output_dims: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Number of coefficients k of one output."""
        return self.units + int(self.intercept) + self.predictors

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of all coefficients, (k,) or (k, K)."""
        return (self.size, *self.outputs)

    def weights(self) -> dict[str, Weight]:
        """The readout's sites as weight arrays of their own roles."""
        table = {}
        if self.units:
            table["beta"] = Weight((self.units, *self.outputs), ("unit", *self.output_dims), "readout", self.units)
        if self.intercept:
            table["intercept"] = Weight(self.outputs, self.output_dims, "intercept", 1)
        if self.predictors:
            shape, dims = (self.predictors, *self.outputs), ("predictor", *self.output_dims)
            table["linear"] = Weight(shape, dims, "linear", self.predictors)
        return table


class GaussianPrior(NamedTuple):
    """Joint normal of the readout coefficients: mean (k,), covariance (k, k) and its inverse."""

    mean: jax.Array
    covariance: jax.Array
    precision: jax.Array


class Prior(abc.ABC):
    """A frozen spec of the distribution of all weights.

    `sort_by` names the site and column by which exchangeable units can be put in order, None where there are none.
    """

    sort_by: ClassVar[tuple[str, int] | None] = None

    @abc.abstractmethod
    def check(self, table: dict[str, Weight]) -> None:
        """Refuse a network this prior cannot serve."""

    @abc.abstractmethod
    def body(self, table: dict[str, Weight]) -> Weights:
        """Issue the sample statements of the body and return its weights by name."""

    @abc.abstractmethod
    def readout(self, terms: Terms) -> tuple[jax.Array, jax.Array]:
        """Issue the readout's hyperparameters; mean and sd of its independent coefficients, each `terms.shape`."""

    @abc.abstractmethod
    def collapsed_readout(self, terms: Terms) -> GaussianPrior:
        """The same for one output with as much integrated out as stays Gaussian; issues only the rest."""

    @abc.abstractmethod
    def complete(self, key: jax.Array, terms: Terms, coefficients: jax.Array, sites: Sites) -> Sites:
        """Exact draws of what `collapsed_readout` left out, given the coefficients (k,) and the other sites."""

    @abc.abstractmethod
    def unpack(self, sites: Sites, table: dict[str, Weight]) -> Weights:
        """Body weights by name from one posterior draw."""

    @abc.abstractmethod
    def dims(self, table: dict[str, Weight], terms: Terms) -> dict[str, tuple[str, ...]]:
        """Reported sites beside the readout's own, body and hyperparameters, with the names of their axes."""

    def input_scales(self, sites: dict[str, Any], table: dict[str, Weight]) -> Any:
        """Size of the weights that leave each input (..., p), reported draws in `sites`; None where none is learnt."""
        return None

    @abc.abstractmethod
    def start(self, key: jax.Array, table: dict[str, Weight], terms: Terms) -> Any:
        """Hyperparameters to start a chain from."""

    @abc.abstractmethod
    def whiten(self, hyper: Any, weights: Sites, table: dict[str, Weight], terms: Terms) -> Sites:
        """Weights, by the names of their sites, as independent standard normal numbers under the prior given hyper."""

    @abc.abstractmethod
    def unwhiten(self, hyper: Any, noise: Sites, table: dict[str, Weight], terms: Terms) -> Sites:
        """The inverse of `whiten`."""

    @abc.abstractmethod
    def shapes(self, table: dict[str, Weight], terms: Terms) -> dict[str, tuple[int, ...]]:
        """Shapes of the sites that `whiten` takes."""

    @abc.abstractmethod
    def update(self, key: jax.Array, hyper: Any, weights: Sites, table: dict[str, Weight], terms: Terms) -> Any:
        """Every hyperparameter from its exact conditional given the weights."""

    @abc.abstractmethod
    def report(self, hyper: Any, table: dict[str, Weight], terms: Terms) -> Sites:
        """The reported hyperparameters."""
