"""The posterior of a model as a function of one flat vector, for all samplers that are not NumPyro's own kernels.

The vector holds all latent sites on NumPyro's unconstrained space, and the density includes the Jacobians: it is the
density that NUTS samples, so modes, Laplace approximations and Langevin steps all refer to the same scale.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from numpyro import handlers
from numpyro.distributions import biject_to
from numpyro.infer.util import constrain_fn, potential_energy
from numpyro.primitives import Messenger

from bayesnn.layers.dropout import dropping
from bayesnn.priors.base import OF_PRIOR

Data = tuple[Any, ...]
FEW_ROWS = 1000  # rows that are enough to choose a starting point and to estimate a curvature
SHRINKAGE = tuple(2.0 ** (-i / 2) for i in range(17))  # factors of a starting point, 1 to 1/256


class WeightedLikelihood(Messenger):
    """Handler that multiplies the log density of all observed sites by `factor`, except that of sites marked OF_PRIOR.

    Everything else, the prior, is multiplied by `prior`.

    NumPyro adds the Jacobian of a constrained latent site as a factor, which passes for observed, while it processes
    that site. What comes then belongs to the prior, whatever its name; the model's own statements come one by one.
    """

    def __init__(self, fn: Any, factor: Any, prior: float = 1.0) -> None:
        super().__init__(fn)
        self.factor = factor
        self.prior = prior
        self.latent: list[dict[str, Any]] = []  # the messages of latent sites that are being processed

    def process_message(self, msg: dict[str, Any]) -> None:
        """Scale observed sites, and the others where that is asked for, on top of what scales them already."""
        if msg["type"] != "sample":
            return
        if msg["is_observed"] and not self.latent and OF_PRIOR not in msg["infer"]:
            msg["scale"] = self.factor if msg["scale"] is None else self.factor * msg["scale"]
        elif self.prior != 1.0:
            msg["scale"] = self.prior if msg["scale"] is None else self.prior * msg["scale"]
        if not msg["is_observed"]:
            self.latent.append(msg)

    def postprocess_message(self, msg: dict[str, Any]) -> None:
        """The end of a latent site."""
        if self.latent and self.latent[-1] is msg:
            self.latent.pop()


@dataclass(frozen=True)
class Density:
    """-log posterior of `model`, up to a constant, at flat vectors theta (d,), and the map from theta to sites.

    Examples
    --------
    >>> import jax.numpy as jnp, numpyro, numpyro.distributions as dist
    >>> def model(x, y):
    ...     scale = numpyro.sample("scale", dist.LogNormal(0.0, 1.0))
    ...     numpyro.sample("y", dist.Normal(0.0, scale), obs=y)
    >>> data = (jnp.zeros((2, 1)), jnp.ones(2))
    >>> density = make_density(model, data)
    >>> density.sites(jnp.zeros(density.size), data)["scale"].item()
    1.0
    """

    model: Any
    unravel: Callable[[jax.Array], dict[str, jax.Array]]
    names: tuple[str, ...]
    size: int

    def potential(self, theta: jax.Array, data: Data, factor: Any = 1.0) -> jax.Array:
        """-log prior - factor * log likelihood, on the unconstrained scale."""
        return potential_energy(WeightedLikelihood(self.model, factor), data, {}, self.unravel(theta))

    def dropped(self, key: jax.Array, theta: jax.Array, data: Data, factor: Any = 1.0) -> jax.Array:
        """The potential with the units that `Dropout` layers drop for this key."""
        with dropping(key):
            return self.potential(theta, data, factor)

    def log_likelihood(self, theta: jax.Array, data: Data) -> jax.Array:
        """log p(y | theta), summed over the rows of `data`."""
        return self.potential(theta, data, 0.0) - self.potential(theta, data, 1.0)

    def sites(self, theta: jax.Array, data: Data) -> dict[str, jax.Array]:
        """All latent and deterministic sites, on their constrained scale."""
        return constrain_fn(self.model, data, {}, self.unravel(theta), return_deterministic=True)

    def start(self, key: jax.Array, data: Data) -> jax.Array:
        """A dispersed starting point: a draw of the prior, shrunk towards zero if it fits the data too badly.

        Draws of a wide prior over the weights of a deep network are functions of absurd size. Of the factors SHRINKAGE
        the largest is taken whose -log density is within 1 per row of the best: a function of about the size of y.
        """
        draw = flat_draw(key, self.model, data)
        draw = jnp.where(jnp.isfinite(draw), draw, 0.0)  # a scale that overflowed starts at one
        factors = jnp.asarray(SHRINKAGE, draw.dtype)
        values = jax.lax.map(lambda factor: self.potential(factor * draw, data), factors)
        finite = jnp.isfinite(values)
        values = jnp.where(finite, values, jnp.inf)
        return jnp.where(finite.any(), draw * factors[jnp.argmax(values <= values.min() + len(data[0]))], 0.0)


def make_density(model: Any, data: Data) -> Density:
    """The density of a NumPyro model called with `data`."""
    shapes = jax.eval_shape(lambda key: initial_sites(key, model, data), jax.random.key(0))
    zeros = {name: jnp.zeros(s.shape, s.dtype) for name, s in shapes.items()}
    flat, unravel = ravel_pytree(zeros)
    return Density(model, unravel, tuple(zeros), flat.size)


def latent_sites(model: Any, theta: jax.Array, data: Data) -> dict[str, jax.Array]:
    """The latent sites at one flat vector theta (d,), on their constrained scale."""
    density = make_density(model, data)
    sites = density.sites(theta, data)
    return {name: sites[name] for name in density.names}


def initial_sites(key: jax.Array, model: Any, data: Data) -> dict[str, jax.Array]:
    """One draw of the prior on the unconstrained space, by site.

    NumPyro's `initialize_model` gives the same numbers where their density is finite, and takes three times as long to
    compile, since it draws again until it is; `Density.start` shrinks the draw in any case.
    """
    seeded = handlers.seed(model, jax.random.split(key)[1])
    trace = handlers.trace(seeded).get_trace(*data)
    latent = {name: s for name, s in trace.items() if s["type"] == "sample" and not s["is_observed"]}
    return {name: biject_to(site["fn"].support).inv(site["value"]) for name, site in latent.items()}


def flat_draw(key: jax.Array, model: Any, data: Data) -> jax.Array:
    """One draw of the prior on the unconstrained space (d,)."""
    return ravel_pytree(initial_sites(key, model, data))[0]


def take_rows(data: Data, rows: Any) -> Data:
    """The data with these rows only; entries that are not arrays over the rows, such as a dict, are unchanged."""
    count = len(data[0])
    return tuple(a[rows] if not isinstance(a, dict | None) and jnp.shape(a)[:1] == (count,) else a for a in data)
