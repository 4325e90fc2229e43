"""What a prior is: it sees weights by name, role and fan-in, never layers, and issues the sample statements.

The readout is one vector of coefficients [one a unit, intercept?, one a predictor]; `Terms` says which are there.
Given its hyperparameters the readout is Gaussian under every prior here, which is what makes it integrable.
"""

from __future__ import annotations

import abc
from typing import ClassVar, NamedTuple

import jax

from bayesnn.layers import Weight, Weights

Sites = dict[str, jax.Array]


class Terms(NamedTuple):
    """Which coefficients the readout has: k = units + intercept + predictors."""

    units: int
    intercept: bool
    predictors: int

    @property
    def size(self) -> int:
        """Number of coefficients k."""
        return self.units + int(self.intercept) + self.predictors


class GaussianPrior(NamedTuple):
    """Joint normal of the readout coefficients: mean (k,), covariance (k, k)."""

    mean: jax.Array
    covariance: jax.Array


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
        """Issue the readout's hyperparameters; mean (k,) and sd (k,) of its independent coefficients."""

    @abc.abstractmethod
    def collapsed_readout(self, terms: Terms) -> GaussianPrior:
        """The same with as much integrated out as stays Gaussian; issues only the rest."""

    @abc.abstractmethod
    def complete(self, key: jax.Array, terms: Terms, coefficients: jax.Array, sites: Sites) -> Sites:
        """Exact draws of what `collapsed_readout` left out, given the coefficients (k,) and the other sites."""

    @abc.abstractmethod
    def unpack(self, sites: Sites, table: dict[str, Weight]) -> Weights:
        """Body weights by name from one posterior draw."""

    @abc.abstractmethod
    def dims(self, table: dict[str, Weight]) -> dict[str, tuple[str, ...]]:
        """Reported sites, body and hyperparameters, with the names of their axes."""
