"""What a likelihood is: one pure `distribution(f, **nuisance)`, used wherever y is scored or simulated."""

from __future__ import annotations

import abc
from typing import Any

import jax
import numpyro.distributions as dist

Nuisance = dict[str, jax.Array]


class Likelihood(abc.ABC):
    """A frozen spec of y given the function value f."""

    @property
    @abc.abstractmethod
    def dims(self) -> dict[str, tuple[str, ...]]:
        """Nuisance sites with the names of their axes."""

    @abc.abstractmethod
    def nuisance(self) -> Nuisance:
        """Issue the sample statements of the nuisance parameters and return them."""

    @abc.abstractmethod
    def distribution(self, f: Any, **nuisance: Any) -> dist.Distribution:
        """Distribution of y given f (and anything that broadcasts with it)."""

    @abc.abstractmethod
    def rescale(self, nuisance: dict[str, Any], scale: float) -> dict[str, Any]:
        """The nuisance parameters after y was multiplied by `scale`."""
