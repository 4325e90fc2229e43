"""Gibbs sampling of a series with missing values: the parameters given these, then each of them given the rest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from bayesnn._internal import conditionals
from bayesnn.data.dataset import Dataset
from bayesnn.models.missing_values import LATENT, MissingValuesModel, SeriesArrays, missing_positions
from bayesnn.models.model import Model
from bayesnn.priors import Sites
from bayesnn.samplers.base import Chains, Info, Sampler, Stats, Steps
from bayesnn.samplers.kernel import KernelState, StepsKernel


class MissingValuesState(NamedTuple):
    """State of the inner sampler, and the missing values (m,) on the scale the model sees."""

    inner: Any
    missing: jax.Array


@dataclass(frozen=True)
class MissingValuesSteps(Steps):
    """`sweeps` times: one sweep of the inner sampler, then one slice move of each missing value (Neal 2003)."""

    inner: Any
    sweeps: int

    def kernel(self, model: Any) -> StepsKernel:
        return StepsKernel(self, model)

    def stats(self, state: KernelState) -> Stats:
        return self.inner.stats(state._replace(inner=state.inner.inner))

    def init(self, key: jax.Array, model: Any, arrays: SeriesArrays) -> MissingValuesState:  # type: ignore[override]
        """Missing values start near the line between their neighbours, with noise of sd 0.5 on the model's scale."""
        key_inner, key_missing = jax.random.split(key)
        noise = jax.random.normal(key_missing, (len(model.positions),))
        missing = arrays.z[np.array(model.positions)] + 0.5 * noise
        rows = model.rows(arrays, model.filled(arrays, missing))
        return MissingValuesState(self.inner.init(key_inner, model.model, *rows), missing)

    def step(  # type: ignore[override]
        self, key: jax.Array, state: MissingValuesState, model: Any, arrays: SeriesArrays
    ) -> tuple[MissingValuesState, Info]:
        """`sweeps` times: the parameters given the missing values, then these given the parameters."""

        def sweep(state: MissingValuesState, key: jax.Array) -> tuple[MissingValuesState, Info]:
            key_inner, key_missing = jax.random.split(key)
            x, y = model.rows(arrays, model.filled(arrays, state.missing))
            inner, info = self.inner.step(key_inner, state.inner, model.model, x, y)
            sites = self.inner.sites(inner, model.model, x)
            return MissingValuesState(inner, move_missing(key_missing, state.missing, sites, model, arrays)), info

        state, infos = lax.scan(sweep, state, jax.random.split(key, self.sweeps))
        return state, jax.tree.map(lambda a: jnp.mean(a, axis=0), infos)

    def adapt(self, state: MissingValuesState, info: Info, iteration: jax.Array) -> MissingValuesState:
        return state._replace(inner=self.inner.adapt(state.inner, info, iteration))

    def sites(self, state: MissingValuesState, model: Any, x: Any) -> Sites:
        rows = jnp.zeros((1, len(model.lags) + x.known.shape[1]))
        return self.inner.sites(state.inner, model.model, rows) | {LATENT: state.missing}


def move_missing(
    key: jax.Array, missing: jax.Array, sites: Sites, model: MissingValuesModel, arrays: SeriesArrays
) -> jax.Array:
    """One slice move of each missing value given the others and the parameters, on the rows that hold it."""
    body: Any = model.model
    nuisance = {name: sites[name] for name in body.likelihood.dims}
    reach = np.array(model.positions)[:, None] + np.array([0, *model.lags])
    scored = (reach >= model.first_target) & (reach < len(arrays.z))
    times = np.clip(reach, model.first_target, len(arrays.z) - 1)

    def one(missing: jax.Array, inputs: Any) -> tuple[jax.Array, None]:
        key, which, times, scored = inputs

        def log_density(value: jax.Array) -> jax.Array:
            proposed = missing.at[which].set(value)
            x, y = model.rows(arrays, model.filled(arrays, proposed), times)
            density = body.likelihood.distribution(body.function(sites, x), **nuisance).log_prob(y)
            return jnp.sum(jnp.where(scored, density, 0.0)) + model.log_prior(proposed)

        return missing.at[which].set(conditionals.slice_move(key, missing[which], log_density)), None

    count = len(model.positions)
    return lax.scan(one, missing, (jax.random.split(key, count), np.arange(count), times, scored))[0]


@dataclass(frozen=True)
class MissingValuesGibbs(Chains):
    """`Gibbs` for a `MissingValuesModel`: the sweep that serves the model, and the missing values after it."""

    gibbs: Chains

    def check(self, model: Model) -> None:
        self.gibbs.check(model)

    def kernel(self, model: MissingValuesModel) -> StepsKernel:
        steps: Any = self.gibbs.kernel(model.model).sampler  # type: ignore[arg-type]
        return StepsKernel(MissingValuesSteps(replace(steps, sweeps=1), steps.sweeps), model)  # type: ignore[arg-type]

    def stats(self, state: KernelState) -> Stats:
        return self.gibbs.stats(state._replace(inner=state.inner.inner))


def with_missing_values(target: Any, data: Dataset, spec: Sampler) -> tuple[MissingValuesModel, Sampler]:
    """Target and sampler of a series with missing values as unknowns."""
    if not spec.serves_gaps:
        raise ValueError(
            'missing="latent" needs the sampler "gibbs", "nuts" or "hmc", or one of your own whose class says '
            f"serves_gaps = True, got {spec}"
        )
    series, gaps = data.series, missing_positions(data.series)
    first = len(next(iter(series.series.values()))) - len(series.y)
    gappy = MissingValuesModel(target, tuple(map(int, gaps)), series.lags, first)
    return gappy, spec.for_gaps()
