"""A prior around given weights, such as those of a network that was trained before on other data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.frozen_array import Vectors
from bayesnn._internal.numbers import real_numbers
from bayesnn._internal.weights import Weight
from bayesnn.priors.base import GaussianPrior, Terms
from bayesnn.priors.factors import Factor
from bayesnn.priors.scale_mixture import FactorStates, ScaleMixture, Table

READOUT = ("beta", "intercept", "linear")


@dataclass(frozen=True)
class Around(ScaleMixture):
    """w ~ N(w_0, scale^2) for the weights that are given, `prior` for all others. `Model.prior_at` makes it.

    Parameters
    ----------
    prior : Normal, Hierarchical, Horseshoe or HeavyTailed
        The prior of weights that are not given. Given weights without a scale have it too, moved from zero to w_0.
    means : tuple of (str, array)
        w_0 by the full name of the array, such as dense0_kernel or beta.
    scales : tuple of (str, float)
        Standard deviations by the full name of the array.

    Raises
    ------
    ValueError
        If the prior is of another kind, an array is not finite, a scale is not positive; in a fit, if the network has
        no array of this name or one of another shape.

    References
    ----------
    R. Krishnan, M. Subedar and O. Tickoo (2020), Specifying weight priors in Bayesian deep neural networks with
    empirical Bayes, AAAI, equation (4).

    Examples
    --------
    >>> import numpy as np
    >>> from bayesnn.priors.normal import Normal
    >>> Around(Normal(), (("dense0_bias", np.zeros(3)),), (("dense0_bias", 0.1),)).scales
    (('dense0_bias', 0.1),)
    """

    prior: ScaleMixture
    means: tuple[tuple[str, Any], ...]
    scales: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        """Check the parts, and keep arrays so that the spec hashes."""
        if not isinstance(self.prior, ScaleMixture) or isinstance(self.prior, Around):
            raise ValueError(
                f"prior_at needs a model with one of the priors Normal, Hierarchical, Horseshoe and HeavyTailed, got "
                f"{type(self.prior).__name__}"
            )
        means = tuple((name, v if isinstance(v, Vectors) else Vectors(v)) for name, v in self.means)
        for name, vectors in means:
            checks.finite(name, np.atleast_1d(vectors.values))
        for name, scale in self.scales:
            checks.positive(f"scale of {name}", scale)
        object.__setattr__(self, "means", means)
        object.__setattr__(self, "scales", tuple((name, float(scale)) for name, scale in self.scales))

    def sd(self, weight: Weight) -> float:
        return self.prior.sd(weight)

    def sd_of(self, name: str, weight: Weight) -> float:
        return dict(self.scales).get(name, self.prior.sd(weight))

    def factors(self, name: str, weight: Weight, first: bool) -> tuple[Factor, ...]:
        """None where the scale is given."""
        return () if name in dict(self.scales) else self.prior.factors(name, weight, first)

    def mean_of(self, name: str) -> jax.Array | None:
        vectors = dict(self.means).get(name)
        return None if vectors is None else jnp.asarray(vectors.values, jnp.zeros(()).dtype)

    def check(self, table: Table) -> None:
        """Refuse arrays that the network does not have, or has in another shape."""
        self.prior.check(table)
        unknown = [name for name, _ in self.means if name not in table and name not in READOUT]
        if unknown:
            raise ValueError(f"prior_at got weights {checks.some(unknown)}, and the model has {', '.join(table)}")
        self._check_shapes(table)

    def readout(self, terms: Terms) -> tuple[jax.Array, jax.Array]:
        self._check_readout(terms)
        return super().readout(terms)

    def collapsed_readout(self, terms: Terms) -> GaussianPrior:
        self._check_readout(terms)
        return super().collapsed_readout(terms)

    def start(self, key: jax.Array, table: Table, terms: Terms) -> FactorStates:
        self._check_readout(terms)
        return super().start(key, table, terms)

    def _check_readout(self, terms: Terms) -> None:
        table = terms.weights()
        absent = [name for name, _ in self.means if name in READOUT and name not in table]
        if absent:
            raise ValueError(f"prior_at got {checks.some(absent)}, and the readout has {', '.join(table)}")
        self._check_shapes(table)

    def _check_shapes(self, table: Table) -> None:
        for name, vectors in self.means:
            if name in table and vectors.values.shape != table[name].shape:
                raise ValueError(
                    f"prior_at needs {name} of shape {table[name].shape}, got {vectors.values.shape}: are these "
                    "weights of another layer, or were they trained on inputs of another width?"
                )


def around(prior: Any, weights: Mapping[str, Any], scale: Any, layers: tuple[str, ...]) -> Around:
    """The prior around weights by layer or by full name, with one scale, scales by either name, or the prior's own.

    Parameters
    ----------
    prior : ScaleMixture
    weights : mapping
        From the name of a layer, or "readout", to its arrays by name; or from full names to arrays.
    scale : float, mapping or None
    layers : tuple of str
        Names of the model's layers.
    """
    if not isinstance(weights, Mapping) or not weights:
        raise ValueError(f"weights must be arrays by name, such as {{'dense0_kernel': array}}, got {weights!r}")
    given: dict[str, Any] = {}
    for name, value in weights.items():
        if isinstance(value, Mapping) or name in (*layers, "readout"):
            _known(name, layers)
            if not isinstance(value, Mapping) or not value:
                raise ValueError(
                    f"weights of {name!r} must be arrays by name, such as {{'bias': array}}, got {value!r}"
                )
            prefix = "" if name == "readout" else f"{name}_"
            given |= {f"{prefix}{part}": real_numbers(f"{prefix}{part}", v) for part, v in value.items()}
        else:
            given[name] = real_numbers(str(name), value)
    return Around(prior, tuple(given.items()), _scales(scale, given, layers))


def _known(name: Any, layers: tuple[str, ...]) -> None:
    if name not in (*layers, "readout"):
        raise ValueError(f"prior_at got weights of {name!r}, and the model has {', '.join((*layers, 'readout'))}")


def _scales(scale: Any, given: Mapping[str, Any], layers: tuple[str, ...]) -> tuple[tuple[str, float], ...]:
    """Standard deviations by full name: those of an array come before those of its layer."""
    if scale is None:
        return ()
    if not isinstance(scale, Mapping):
        checks.positive("scale", scale)
        return tuple((name, scale) for name in given)
    for name in scale:
        if name not in given:
            _known(name, layers)
    found = {}
    for name in given:
        layer = "readout" if name in READOUT else name.split("_", 1)[0]
        if name in scale or layer in scale:
            found[name] = scale.get(name, scale.get(layer))
    return tuple(found.items())
