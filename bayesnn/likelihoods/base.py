"""The interface of a likelihood: one pure `distribution(f, **nuisance)`, used wherever y is scored or simulated.

f has one value per row, (n,), or one per row and output, (n, K): `outputs` is () or (K,), and `output_dim` names that
axis.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.distributions import biject_to

from bayesnn._internal import conditionals
from bayesnn.data.dataset import numeric_target
from bayesnn.likelihoods.working_rows import WorkingRows

Nuisance = dict[str, jax.Array]
Latents = dict[str, jax.Array]


class Likelihood(abc.ABC):
    """A frozen spec of the distribution of y given the function value f.

    `kind` says what y is ("continuous", "class", "count"), `standardizes` whether a fit may centre and scale it,
    `output_dim` is the name of the axis of outputs. `augments` and `informs` say whether `augment` or `information` is
    there: the collapsed Gibbs sweep, or that of units and readout together, then serves the likelihood. `latent_rows`
    says whether `augment` draws anything, and `by_series` whether each series of a panel has parameters of its own: f
    then has the number of the row's series beside the function value, (n, 2).

    To write a likelihood, subclass this as a frozen dataclass and implement `distribution`. If it has nuisance
    parameters, give their axes in `dims` and the distributions of their latent sites in `priors`, and override `report`
    where the latent sites are not the nuisance parameters themselves.
    """

    kind: ClassVar[str] = "continuous"
    standardizes: ClassVar[bool] = False
    output_dim: ClassVar[str] = "output"
    augments: ClassVar[bool] = False
    informs: ClassVar[bool] = False
    latent_rows: ClassVar[bool] = True
    by_series: ClassVar[bool] = False

    def bind(self, y: Any, offset: np.ndarray | None = None, weights: np.ndarray | None = None) -> Likelihood:
        """The spec completed by what the training target tells, such as the classes or the number of outputs.

        The target, offset (n,) and case weights (n,) are those of rows with a weight above zero; weights are given only
        where the fit has them.
        """
        return self

    @property
    def outputs(self) -> tuple[int, ...]:
        """Shape of f without the axis of rows."""
        return (len(self.output_labels),) if self.output_labels else ()

    @property
    def output_labels(self) -> Sequence[Any]:
        """Names of the outputs; none where f has one value per row."""
        return ()

    @property
    def output_dims(self) -> tuple[str, ...]:
        """Names of the axes of f without that of rows."""
        return (self.output_dim,) if self.outputs else ()

    def encode(self, y: Any) -> np.ndarray:
        """A target as an array of numbers (n,), checked."""
        target = numeric_target(y)
        if target.ndim != 1:
            raise ValueError(f"y must have shape (n,) for {type(self).__name__}, got {target.shape}")
        return target

    def priors(self) -> dict[str, dist.Distribution]:
        """Prior distributions of the latent sites that determine the nuisance parameters."""
        return {}

    def report(self, latents: Latents) -> Nuisance:
        """The reported nuisance parameters, computed from the latent sites."""
        return dict(latents)

    @property
    def dims(self) -> dict[str, tuple[str, ...]]:
        """Names of the nuisance parameters, each with the names of its axes."""
        return {}

    def coordinates(self) -> dict[str, Any]:
        """Coordinate values of axes in `dims` that are no outputs."""
        return {}

    def function_of(self, f: Any) -> Any:
        """The function values alone, (...,) or (..., K), of f as `distribution` takes it."""
        return f

    def nuisance_of(self, sites: Mapping[str, Any]) -> dict[str, Any]:
        """The nuisance parameters among reported sites, for `distribution`."""
        return {name: sites[name] for name in self.dims}

    def nuisance(self) -> Nuisance:
        """Issue the sample statements of the latent sites and return the nuisance parameters."""
        latents = {name: numpyro.sample(name, prior) for name, prior in self.priors().items()}
        reported = self.report(latents)
        return {n: v if n in latents else numpyro.deterministic(n, v) for n, v in reported.items()}

    @abc.abstractmethod
    def distribution(self, f: Any, **nuisance: Any) -> dist.Distribution:
        """Distribution of y given f and nuisance parameters; its log density has one value per row."""

    def rescale(self, nuisance: dict[str, Any], scale: Any) -> dict[str, Any]:
        """The nuisance parameters once y has been multiplied by `scale`."""
        return dict(nuisance)

    def identified(self, f: Any, center: Any, scale: Any) -> Any:
        """The function values that the data identify, in units of y: convergence is judged on these."""
        return f * scale + center

    def start(self, key: jax.Array) -> Latents:
        """Initial values of the latent sites for a Gibbs sampler."""
        priors = self.priors()
        keys = jax.random.split(key, max(1, len(priors)))
        return {name: prior.sample(k) for k, (name, prior) in zip(keys, priors.items(), strict=False)}

    def update(
        self, key: jax.Array, latents: Latents, f: jax.Array, y: jax.Array, weights: jax.Array | None
    ) -> Latents:
        """Draw the latent sites given f and y, unless overridden by slice sampling of each of their numbers in turn.

        The numbers are those of the unconstrained space: logarithms where a site is positive.
        """
        for name, prior in self.priors().items():
            key, own = jax.random.split(key)
            latents = latents | {name: self._moved(own, name, prior, latents, lambda n: self._score(n, f, y, weights))}
        return latents

    def _score(self, nuisance: Nuisance, f: jax.Array, y: jax.Array, weights: jax.Array | None) -> jax.Array:
        return weighted(self.distribution(f, **nuisance).log_prob(y), weights).sum()

    def _moved(
        self,
        key: jax.Array,
        name: str,
        prior: dist.Distribution,
        latents: Latents,
        log_likelihood: Callable[[Nuisance], jax.Array],
    ) -> jax.Array:
        """A new value of one latent site."""
        transform = biject_to(prior.support)

        def log_density(free: jax.Array) -> jax.Array:
            value = transform(free)
            density = log_likelihood(self.report(latents | {name: value})) + jnp.sum(prior.log_prob(value))
            return density + jnp.sum(transform.log_abs_det_jacobian(free, value))

        return transform(conditionals.slice_moves(key, transform.inv(latents[name]), log_density))

    def augment(
        self, key: jax.Array, latents: Latents, f: jax.Array, y: jax.Array, weights: jax.Array | None
    ) -> WorkingRows:
        """Draw auxiliary variables given f (n,), given which the likelihood is Gaussian in f: its working rows."""
        raise NotImplementedError(f"{type(self).__name__} has no auxiliary variables")

    def information(self, f: jax.Array, **nuisance: Any) -> jax.Array:
        """Fisher information of each row about f, (n,) for f (n,) and (n, K, K) for f (n, K)."""
        raise NotImplementedError(f"{type(self).__name__} does not state its information")


def weighted(log_density: jax.Array, weights: jax.Array | None) -> jax.Array:
    """Log densities (n,) times their case weights, if there are any."""
    return log_density if weights is None else log_density * weights
