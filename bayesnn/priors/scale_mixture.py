"""The common base of priors under which weights are independent normals, with products of factors as scales.

Such a prior gives, for each weight array, a fixed sd and its factors; sample statements, exact Gibbs updates and
reports follow from these.
"""

from __future__ import annotations

import abc
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist

from bayesnn._internal.weights import Weight, Weights
from bayesnn.priors.base import GaussianPrior, Prior, Sites, Terms
from bayesnn.priors.factors import Factor, FactorState

Table = dict[str, Weight]
FactorStates = dict[str, tuple[FactorState, ...]]


class ScaleMixture(Prior):
    """w ~ N(mean, sd^2 / product of factors) for every weight; means are zero unless `mean_of` says otherwise."""

    @abc.abstractmethod
    def sd(self, weight: Weight) -> float:
        """The fixed part of the scale."""

    @abc.abstractmethod
    def factors(self, name: str, weight: Weight, first: bool) -> tuple[Factor, ...]:
        """The factors of an array; `first` says whether it is the kernel that reads the inputs themselves."""

    def mean_of(self, name: str) -> jax.Array | None:
        """The prior mean of an array; None if it is zero."""
        return None

    def sd_of(self, name: str, weight: Weight) -> float:
        """The fixed part of the scale of an array by its name."""
        return self.sd(weight)

    def check(self, table: Table) -> None:
        """Accept any network."""

    def body(self, table: Table) -> Weights:
        """One normal site per array: the weights themselves if their distribution is fixed and around zero.

        Otherwise the site is what they are before they are scaled and the mean is added.
        """
        weights = {}
        for name, weight in table.items():
            normal = dist.Normal(0.0, 1.0).expand(weight.shape).to_event()
            mean = self.mean_of(name)
            if mean is None and not self._factors(name, table):
                scaled = dist.Normal(0.0, self.sd_of(name, weight)).expand(weight.shape).to_event()
                weights[name] = numpyro.sample(name, scaled)
                continue
            change = self._sampled_scale(name, table) * numpyro.sample(f"{name}_raw", normal)
            weights[name] = numpyro.deterministic(name, change if mean is None else mean + change)
        return weights

    def readout(self, terms: Terms) -> tuple[jax.Array, jax.Array]:
        """Means and scales of all coefficients."""
        table = terms.weights()
        scales = [jnp.broadcast_to(self._sampled_scale(n, table), w.shape) for n, w in table.items()]
        given = [self.mean_of(n) for n in table]
        means = [jnp.zeros(w.shape) if m is None else m for m, w in zip(given, table.values(), strict=True)]
        of_all = (jnp.concatenate([v.reshape(-1, *terms.outputs) for v in values]) for values in (means, scales))
        return next(of_all), next(of_all)

    def collapsed_readout(self, terms: Terms) -> GaussianPrior:
        """Means and scales of one output as a joint normal; no hyperparameter can be integrated out."""
        mean, sd = self.readout(terms)
        return GaussianPrior(mean, jnp.diag(sd**2), jnp.diag(sd**-2.0))

    def complete(self, key: jax.Array, terms: Terms, coefficients: jax.Array, sites: Sites) -> Sites:
        return {}

    def unpack(self, sites: Sites, table: Table) -> Weights:
        return {name: sites[name] for name in table}

    def dims(self, table: Table, terms: Terms) -> dict[str, tuple[str, ...]]:
        """One site per weight array, and the scales of every level that more than one weight shares."""
        scales = {}
        for name, weight in (table | terms.weights()).items():
            for factor in self._reported(name, weight, table):
                kept = zip(weight.dims, factor.shape(weight.shape), weight.shape, strict=True)
                scales[f"{name}_{factor.level}"] = tuple(d for d, size, full in kept if size == full and size > 1)
        return {name: w.dims for name, w in table.items()} | scales

    def input_scales(self, sites: dict[str, Any], table: Table) -> Any:
        """Scales per source unit of the first kernel, times the scale of its group and its fixed sd."""
        name = next(iter(table), "")
        if not name.endswith("0_kernel"):  # the first layer has no kernel that reads the inputs
            return None
        source = sites.get(f"{name}_source_scale")
        return None if source is None else self.sd_of(name, table[name]) * sites[f"{name}_scale"][..., None] * source

    def start(self, key: jax.Array, table: Table, terms: Terms) -> FactorStates:
        everything = table | terms.weights()
        keys = dict(zip(everything, jax.random.split(key, len(everything)), strict=True))
        hyper = {}
        for name, weight in everything.items():
            factors = self._factors(name, everything)
            own = jax.random.split(keys[name], max(len(factors), 1))
            hyper[name] = tuple(f.start(k, f.shape(weight.shape)) for f, k in zip(factors, own, strict=False))
        return hyper

    def shapes(self, table: Table, terms: Terms) -> dict[str, tuple[int, ...]]:
        return {name: w.shape for name, w in (table | terms.weights()).items()}

    def whiten(self, hyper: FactorStates, weights: Sites, table: Table, terms: Terms) -> Sites:
        """Distances of the weights from their means, divided by their scales."""
        return {n: self._change(n, v) / self._scale(n, hyper[n], w) for n, v, w in _aligned(weights, table, terms)}

    def unwhiten(self, hyper: FactorStates, noise: Sites, table: Table, terms: Terms) -> Sites:
        """Noise times the scales of the weights, plus their means."""
        weights = {}
        for n, v, w in _aligned(noise, table, terms):
            change, mean = v * self._scale(n, hyper[n], w), self.mean_of(n)
            weights[n] = change if mean is None else mean + change
        return weights

    def update(self, key: jax.Array, hyper: FactorStates, weights: Sites, table: Table, terms: Terms) -> FactorStates:
        """Draw every factor from its exact conditional, one after the other."""
        new = dict(hyper)
        everything = table | terms.weights()
        for name, values, weight in _aligned(weights, table, terms):
            for i, factor in enumerate(self._factors(name, everything)):
                key, own = jax.random.split(key)
                others = new[name][:i] + new[name][i + 1 :]
                squares, count = factor.squares(self._change(name, values) / self._scale(name, others, weight))
                new[name] = (*new[name][:i], factor.update(own, new[name][i], squares, count), *new[name][i + 1 :])
        return new

    def report(self, hyper: FactorStates, table: Table, terms: Terms) -> Sites:
        """Scales, as standard deviations, of the levels that more than one weight shares."""
        sites = {}
        everything = table | terms.weights()
        for name, weight in everything.items():
            for factor, state in zip(self._factors(name, everything), hyper[name], strict=True):
                if factor in self._reported(name, weight, everything):
                    sites[f"{name}_{factor.level}"] = jnp.squeeze(state[0] ** -0.5)
        return sites

    def _factors(self, name: str, table: Table) -> tuple[Factor, ...]:
        first_layer = next(iter(table)).split("_")[0]
        kernels = [n for n, w in table.items() if w.role in ("kernel", "input") and n.split("_")[0] == first_layer]
        return self.factors(name, table[name], first=kernels[:1] == [name])

    def _reported(self, name: str, weight: Weight, table: Table) -> list[Factor]:
        """Factors that more than one weight shares; to keep those of single weights would double the size of a fit."""
        everything = {**table, name: weight}
        return [
            f for f in self._factors(name, everything) if math.prod(f.shape(weight.shape)) < math.prod(weight.shape)
        ]

    def _sampled_scale(self, name: str, table: Table) -> jax.Array:
        weight = table[name]
        scale = jnp.full((1,) * len(weight.shape), self.sd_of(name, weight))
        for factor in self._factors(name, table):
            value = factor.sample(f"{name}_{factor.level}", factor.shape(weight.shape))
            if factor in self._reported(name, weight, table):
                numpyro.deterministic(f"{name}_{factor.level}", jnp.squeeze(value**-0.5))
            scale = scale * value**-0.5
        return scale

    def _change(self, name: str, values: jax.Array) -> jax.Array:
        """The distance of weights from their mean."""
        mean = self.mean_of(name)
        return values if mean is None else values - mean

    def _scale(self, name: str, states: tuple[FactorState, ...], weight: Weight) -> jax.Array:
        scale = jnp.asarray(self.sd_of(name, weight))
        for state in states:
            scale = scale * state[0] ** -0.5
        return scale


def _aligned(values: Sites, table: Table, terms: Terms) -> list[tuple[str, jax.Array, Weight]]:
    return [(name, values[name], weight) for name, weight in (table | terms.weights()).items()]
