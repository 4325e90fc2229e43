"""The interface of a prior: it knows weights by name, role and fan-in, never layers, and issues the sample statements.

The readout is a vector of coefficients, [one per unit, perhaps an intercept, perhaps one per predictor], or one such
vector per output; `Terms` says which are there. Given its hyperparameters, the readout is Gaussian under every prior
here, so that it can be integrated out. Given all hyperparameters, every weight is Gaussian, which a Gibbs sampler uses:
`whiten` turns weights into independent standard normal numbers, `unwhiten` does the reverse, and `update` draws the
hyperparameters given the weights.
"""

from __future__ import annotations

import abc
from typing import Any, ClassVar, NamedTuple

import jax
import numpyro
import numpyro.distributions as dist

from bayesnn._internal.weights import Weight, Weights

Sites = dict[str, jax.Array]
OF_PRIOR = "of prior"  # key of a statement's `infer`: it is observed, but its density belongs to the prior


class Terms(NamedTuple):
    """Which coefficients the readout has: k = units + intercept + predictors, for each output.

    `outputs` is () for one output and (K,) for several; `output_dims` holds the name of that axis.
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
        """Descriptions of the readout's weight arrays, each with its own role."""
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
    """A frozen spec of the joint distribution of all weights.

    `sort_by` names the site and column by which exchangeable units can be ordered; None where units have no such site.

    To write a prior, subclass this as a frozen dataclass and implement all abstract methods; if the weights are
    independent normals around zero whose scales are products of factors, subclass `ScaleMixture` instead, which needs
    only `sd` and `factors`.
    """

    sort_by: ClassVar[tuple[str, int] | None] = None

    @abc.abstractmethod
    def check(self, table: dict[str, Weight]) -> None:
        """Refuse a network for which this prior is not defined."""

    @abc.abstractmethod
    def body(self, table: dict[str, Weight]) -> Weights:
        """Issue the sample statements of the body, the layers before the readout, and return its weights by name."""

    @abc.abstractmethod
    def readout(self, terms: Terms) -> tuple[jax.Array, jax.Array]:
        """Sample the readout's hyperparameters; mean and sd of its independent coefficients, each `terms.shape`."""

    @abc.abstractmethod
    def collapsed_readout(self, terms: Terms) -> GaussianPrior:
        """The readout's joint normal for one output, as many hyperparameters integrated out as leave it Gaussian."""

    @abc.abstractmethod
    def complete(self, key: jax.Array, terms: Terms, coefficients: jax.Array, sites: Sites) -> Sites:
        """Exact draws of what `collapsed_readout` integrates out, given coefficients (k,) and the other sites."""

    @abc.abstractmethod
    def unpack(self, sites: Sites, table: dict[str, Weight]) -> Weights:
        """The weights of the body by name, from one posterior draw."""

    @abc.abstractmethod
    def dims(self, table: dict[str, Weight], terms: Terms) -> dict[str, tuple[str, ...]]:
        """Reported sites of body and hyperparameters, without the readout, each with the names of its axes."""

    def log_factor(self, linear: jax.Array, used: jax.Array | None = None) -> jax.Array | None:
        """Log of a further factor of the prior of the linear coefficients (p,), beside their independent normals.

        `used` (p,) says which coefficients are in use.

        The factor is zero outside the region to which a prior may be confined; None if the prior has no such factor.
        """
        return None

    def factor(self, linear: jax.Array, used: jax.Array | None) -> None:
        """Issue the statement of `log_factor`, if there is one."""
        value = self.log_factor(linear, used)
        if value is not None:
            prior_factor("linear_factor", value)

    def input_scales(self, sites: dict[str, Any], table: dict[str, Weight]) -> Any:
        """Scales of the weights of each input (..., p) from reported draws; None if no such scale is learnt."""
        return None

    @abc.abstractmethod
    def start(self, key: jax.Array, table: dict[str, Weight], terms: Terms) -> Any:
        """Initial hyperparameters of a chain."""

    @abc.abstractmethod
    def whiten(self, hyper: Any, weights: Sites, table: dict[str, Weight], terms: Terms) -> Sites:
        """Transform weights, by site, to numbers that are independent standard normal under the prior given hyper."""

    @abc.abstractmethod
    def unwhiten(self, hyper: Any, noise: Sites, table: dict[str, Weight], terms: Terms) -> Sites:
        """The inverse of `whiten`."""

    @abc.abstractmethod
    def shapes(self, table: dict[str, Weight], terms: Terms) -> dict[str, tuple[int, ...]]:
        """Shapes of the sites that `whiten` transforms."""

    @abc.abstractmethod
    def update(self, key: jax.Array, hyper: Any, weights: Sites, table: dict[str, Weight], terms: Terms) -> Any:
        """Draw every hyperparameter from its exact conditional given the weights."""

    @abc.abstractmethod
    def report(self, hyper: Any, table: dict[str, Weight], terms: Terms) -> Sites:
        """The hyperparameters by site, as they are reported."""


def prior_factor(name: str, value: jax.Array) -> None:
    """`numpyro.factor` for a factor of the prior: no power of the likelihood multiplies its logarithm `value`."""
    unit, marks = dist.Unit(value), {"is_auxiliary": True, OF_PRIOR: True}
    numpyro.sample(name, unit, obs=unit.sample(None), infer=marks)
