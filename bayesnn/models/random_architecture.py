"""What of a network is random: the number of hidden units, the linear term, the number of lags; and the masks it makes.

Arrays keep the size of the largest network. A smaller one is that network with masks: units in use come first, the
others have no column in the readout, and neither has what else is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist

from bayesnn._internal import checks

RANDOM = "random"
UNBOUND = 0  # a lag order whose largest value no data have told yet


@dataclass(frozen=True)
class Geometric:
    """The number of hidden units M is random: P(M = m) proportional to alpha^m for m = 0, ..., maximum.

    Parameters
    ----------
    alpha : float
        How much one more unit costs beforehand, above 0 and at most 1; 1 gives every number the same probability.
    maximum : int
        The largest number of units, at least 1.

    Raises
    ------
    ValueError
        If alpha or maximum is out of range.

    References
    ----------
    P. Müller and D. Ríos Insua (1998), Issues in Bayesian analysis of neural network models, Neural Computation 10,
    749-770, section 4, with a bound on M.

    Examples
    --------
    >>> Geometric(0.5, maximum=2).probabilities().round(3)
    array([0.571, 0.286, 0.143])
    """

    alpha: float = 0.5
    maximum: int = 10

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        checks.positive("alpha", self.alpha)
        if self.alpha > 1:
            raise ValueError(f"alpha must be above 0 and at most 1, got {self.alpha!r}")
        checks.positive_integer("maximum", self.maximum)

    def log_probabilities(self) -> np.ndarray:
        """log P(M = m) (maximum + 1,)."""
        logs = np.arange(self.maximum + 1) * np.log(self.alpha)
        return logs - np.logaddexp.reduce(logs)

    def probabilities(self) -> np.ndarray:
        """P(M = m) (maximum + 1,)."""
        return np.exp(self.log_probabilities())


@dataclass(frozen=True)
class Architecture:
    """What of a network is random: `hidden` the prior of the number of units, None where that is fixed; `linear`
    whether the linear term may be left out; `lags` the largest number of leading lag columns, None where all are used
    and 0 where the data have not told yet.
    """

    hidden: Geometric | None = None
    linear: bool = False
    lags: int | None = None

    def sites(self) -> dict[str, tuple[str, ...]]:
        """Names of the random sites, which have no axes."""
        random = {"M": self.hidden is not None, "linear_in": self.linear, "lag_order": self.lags is not None}
        return {name: () for name, is_random in random.items() if is_random}

    def priors(self) -> dict[str, dist.Distribution]:
        """Prior distributions of those sites: geometric, even odds, uniform on 1, ..., lags."""
        found: dict[str, dist.Distribution] = {}
        if self.hidden is not None:
            found["M"] = dist.Categorical(logits=jnp.asarray(self.hidden.log_probabilities()))
        if self.linear:
            found["linear_in"] = dist.Bernoulli(0.5)
        if self.lags is not None:
            found["lag_order"] = dist.DiscreteUniform(1, self.lags)
        return found

    def probabilities(self) -> dict[str, dict[int, float]]:
        """Prior probability of each value of those sites."""
        found: dict[str, dict[int, float]] = {}
        if self.hidden is not None:
            found["M"] = dict(enumerate(self.hidden.probabilities().tolist()))
        if self.linear:
            found["linear_in"] = {0: 0.5, 1: 0.5}
        if self.lags is not None:
            found["lag_order"] = {order: 1.0 / self.lags for order in range(1, self.lags + 1)}
        return found

    def check(self, width: int) -> None:
        """Refuse a lag order that no data have bounded, or with more lags than inputs."""
        if self.lags == UNBOUND:
            raise ValueError(
                'lags="random" needs data that say which columns are lags: fit to bnn.lagged(series, lags)'
            )
        if self.lags is not None and self.lags > width:
            raise ValueError(f"the lag order goes up to {self.lags}, but there are only {width} inputs")


class Structure(NamedTuple):
    """One architecture: number of units in use (), whether the linear term is in (), number of lags in use ()."""

    units: jax.Array
    linear: jax.Array
    lags: jax.Array


class Masks(NamedTuple):
    """Ones for what is in use, else zeros: units (m,), inputs (p,), and readout coefficients (k,)."""

    units: jax.Array
    inputs: jax.Array
    coefficients: jax.Array


def masks(architecture: Architecture, structure: Structure, units: int, extras: tuple[int, int]) -> Masks:
    """What an architecture uses of a largest network: `extras` are the number of constants in the readout and inputs.

    A readout without a linear term gets the same masks: the caller takes as many coefficients as there are.
    """
    intercepts, width = extras
    active = used_units(structure.units, units)
    inputs = used_inputs(architecture, structure.lags, width)
    linear = inputs * jnp.asarray(structure.linear, inputs.dtype)
    return Masks(active, inputs, jnp.concatenate([active, jnp.ones(intercepts), linear]))


def used_units(count: Any, units: int) -> jax.Array:
    """(units,), the first `count` of them one."""
    return (jnp.arange(units) < count).astype(float)


def used_inputs(architecture: Architecture, order: Any, width: int) -> jax.Array:
    """(width,): lags beyond the order are not used, other inputs always are."""
    if architecture.lags is None:
        return jnp.ones(width)
    column = jnp.arange(width)
    return ((column < order) | (column >= architecture.lags)).astype(float)


def random_structure(sites: dict[str, Any], units: int, linear: bool) -> Structure:
    """The structure that these sites name, with what is not random among them as the model has it."""
    return Structure(
        jnp.asarray(sites.get("M", units)),
        jnp.asarray(sites.get("linear_in", int(linear))),
        jnp.asarray(sites.get("lag_order", UNBOUND)),
    )
