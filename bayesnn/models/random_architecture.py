"""Random architectures: a prior on the number of hidden units, the linear term and the number of lags; and masks.

Arrays keep the size of the largest network. A smaller network is the largest one with masks: units in use come first;
unused units and terms have readout coefficients of zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist

from bayesnn._internal import checks

RANDOM = "random"
UNBOUND = 0  # stands for the largest lag order until data with lag columns are known


@dataclass(frozen=True)
class Geometric:
    """The number of hidden units M is random: P(M = m) proportional to alpha^m for m = 0, ..., maximum.

    Parameters
    ----------
    alpha : float
        Prior odds of one more unit, above 0 and at most 1; 1 gives every number of units the same probability.
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

    See Also
    --------
    shallow : the hierarchical shallow network
    architectures : probabilities of architectures

    Examples
    --------
    >>> Geometric(0.5, maximum=2).probabilities().round(3)
    array([0.571, 0.286, 0.143])
    """

    alpha: float = 0.5
    maximum: int = 10

    def __post_init__(self) -> None:
        """Raise a ValueError for settings out of range."""
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
    """Which parts of a network are random.

    `hidden` is the prior of the number of units, None if that is fixed; `linear` says whether the linear term may be
    left out; `lags` is the largest number of leading lag columns in use, None if all are always used, 0 if it is not
    known yet because the model has not seen data.
    """

    hidden: Geometric | None = None
    linear: bool = False
    lags: int | None = None

    def sites(self) -> dict[str, tuple[str, ...]]:
        """Names of the sites of the architecture, which are scalars without axes."""
        random = {"M": self.hidden is not None, "linear_in": self.linear, "lag_order": self.lags is not None}
        return {name: () for name, is_random in random.items() if is_random}

    def priors(self) -> dict[str, dist.Distribution]:
        """Prior distributions of these sites: truncated geometric, even odds, uniform on 1, ..., lags."""
        found: dict[str, dist.Distribution] = {}
        if self.hidden is not None:
            found["M"] = dist.Categorical(logits=jnp.asarray(self.hidden.log_probabilities()))
        if self.linear:
            found["linear_in"] = dist.Bernoulli(0.5)
        if self.lags is not None:
            found["lag_order"] = dist.DiscreteUniform(1, self.lags)
        return found

    def probabilities(self) -> dict[str, dict[int, float]]:
        """Prior probability of each value of these sites."""
        found: dict[str, dict[int, float]] = {}
        if self.hidden is not None:
            found["M"] = dict(enumerate(self.hidden.probabilities().tolist()))
        if self.linear:
            found["linear_in"] = {0: 0.5, 1: 0.5}
        if self.lags is not None:
            found["lag_order"] = {order: 1.0 / self.lags for order in range(1, self.lags + 1)}
        return found

    def check(self, width: int) -> None:
        """Raise a ValueError for a lag order without a largest value, or with more lags than inputs."""
        if self.lags == UNBOUND:
            raise ValueError(
                'lags="random" needs data that say which columns are lags: fit to bnn.lagged(series, lags)'
            )
        if self.lags is not None and self.lags > width:
            raise ValueError(f"the lag order goes up to {self.lags}, but there are only {width} inputs")


class Structure(NamedTuple):
    """One architecture: number of units in use (), whether the linear term is included (), number of lags in use ()."""

    units: jax.Array
    linear: jax.Array
    lags: jax.Array


class Masks(NamedTuple):
    """1 for what is in use, else 0: units (m,), inputs (p,), and readout coefficients (k,)."""

    units: jax.Array
    inputs: jax.Array
    coefficients: jax.Array


def sampled_structure(architecture: Architecture | None, width: int, units: int, linear: bool) -> Structure | None:
    """Issue the sample statements of the random parts of the architecture; None if nothing is random."""
    if architecture is None:
        return None
    architecture.check(width)
    sites = {n: numpyro.sample(n, prior) for n, prior in architecture.priors().items()}
    return random_structure(sites, units, linear)


def masks(architecture: Architecture, structure: Structure, units: int, extras: tuple[int, int]) -> Masks:
    """The masks that turn the largest network, of `units` units, into one architecture.

    `extras` are the number of constants in the readout, 0 or 1, and the number of inputs. The mask of the coefficients
    always includes a linear term; for a readout without one, the caller cuts it off.
    """
    intercepts, width = extras
    active = used_units(structure.units, units)
    inputs = used_inputs(architecture, structure.lags, width)
    linear = inputs * jnp.asarray(structure.linear, inputs.dtype)
    return Masks(active, inputs, jnp.concatenate([active, jnp.ones(intercepts), linear]))


def used_units(count: Any, units: int) -> jax.Array:
    """Mask (units,), 1 for the first `count` units."""
    return (jnp.arange(units) < count).astype(float)


def used_inputs(architecture: Architecture, order: Any, width: int) -> jax.Array:
    """Mask (width,), 0 for lags beyond the order; inputs that are not lags are always in use."""
    if architecture.lags is None:
        return jnp.ones(width)
    column = jnp.arange(width)
    return ((column < order) | (column >= architecture.lags)).astype(float)


def random_structure(sites: dict[str, Any], units: int, linear: bool) -> Structure:
    """The structure from the random sites; parts that are not random are those of the model."""
    return Structure(
        jnp.asarray(sites.get("M", units)),
        jnp.asarray(sites.get("linear_in", int(linear))),
        jnp.asarray(sites.get("lag_order", UNBOUND)),
    )
