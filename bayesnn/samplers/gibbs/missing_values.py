"""Gibbs sampling of a series with missing values: a sweep given them, then each of them given the rest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from bayesnn._internal import conditionals
from bayesnn.data.dataset import Dataset
from bayesnn.models.missing_values import LATENT, GappyModel, Track, gaps_of
from bayesnn.models.model import Model
from bayesnn.priors import Sites
from bayesnn.samplers.base import Chains, Info, Sampler, Stats, Steps
from bayesnn.samplers.kernel import KernelState, StepsKernel


class GapState(NamedTuple):
    """State of the inner sampler, and the missing values (m,) on the scale the model sees."""

    inner: Any
    missing: jax.Array


@dataclass(frozen=True)
class GapSteps(Steps):
    """`sweeps` times: one sweep of the inner sampler, then one slice move of each missing value (Neal 2003)."""

    inner: Any
    sweeps: int

    def check(self, model: Model) -> None:
        """Checked before."""

    def kernel(self, model: Any) -> StepsKernel:
        """The adapter to NumPyro's kernels."""
        return StepsKernel(self, model)

    def stats(self, state: KernelState) -> Stats:
        """Those of the inner sampler."""
        return self.inner.stats(state._replace(inner=state.inner.inner))

    def init(self, key: jax.Array, model: Any, track: Track) -> GapState:  # type: ignore[override]
        """Missing values around the line between their neighbours."""
        key_inner, key_missing = jax.random.split(key)
        noise = jax.random.normal(key_missing, (len(model.places),))
        missing = track.z[np.array(model.places)] + 0.5 * noise
        rows = model.rows(track, model.filled(track, missing))
        return GapState(self.inner.init(key_inner, model.model, *rows), missing)

    def step(self, key: jax.Array, state: GapState, model: Any, track: Track) -> tuple[GapState, Info]:  # type: ignore[override]
        """Parameters given missing values, then these given parameters."""

        def sweep(state: GapState, key: jax.Array) -> tuple[GapState, Info]:
            key_inner, key_missing = jax.random.split(key)
            x, y = model.rows(track, model.filled(track, state.missing))
            inner, info = self.inner.step(key_inner, state.inner, model.model, x, y)
            sites = self.inner.sites(inner, model.model, x)
            return GapState(inner, move_missing(key_missing, state.missing, sites, model, track)), info

        state, infos = lax.scan(sweep, state, jax.random.split(key, self.sweeps))
        return state, jax.tree.map(lambda a: jnp.mean(a, axis=0), infos)

    def adapt(self, state: GapState, info: Info, iteration: jax.Array) -> GapState:
        """Tuning of the inner sampler."""
        return state._replace(inner=self.inner.adapt(state.inner, info, iteration))

    def sites(self, state: GapState, model: Any, x: Any) -> Sites:
        """The model's sites, and the missing values."""
        rows = jnp.zeros((1, len(model.lags) + x.known.shape[1]))
        return self.inner.sites(state.inner, model.model, rows) | {LATENT: state.missing}


def move_missing(key: jax.Array, missing: jax.Array, sites: Sites, model: GappyModel, track: Track) -> jax.Array:
    """One slice move of each missing value given the others and the parameters, on the rows that hold it."""
    body: Any = model.model
    nuisance = body.likelihood.nuisance_of(sites)
    reach = np.array(model.places)[:, None] + np.array([0, *model.lags])
    scored = (reach >= model.first) & (reach < len(track.z))
    times = np.clip(reach, model.first, len(track.z) - 1)

    def one(missing: jax.Array, inputs: Any) -> tuple[jax.Array, None]:
        key, which, times, scored = inputs

        def log_density(value: jax.Array) -> jax.Array:
            proposed = missing.at[which].set(value)
            x, y = model.rows(track, model.filled(track, proposed), times)
            density = body.likelihood.distribution(body.function(sites, x), **nuisance).log_prob(y)
            return jnp.sum(jnp.where(scored, density, 0.0)) + model.log_prior(proposed)

        return missing.at[which].set(conditionals.slice_move(key, missing[which], log_density)), None

    count = len(model.places)
    return lax.scan(one, missing, (jax.random.split(key, count), np.arange(count), times, scored))[0]


@dataclass(frozen=True)
class GapGibbs(Chains):
    """`Gibbs` for a `GappyModel`."""

    gibbs: Chains

    def check(self, model: Model) -> None:
        """As `Gibbs`."""
        self.gibbs.check(model)

    def kernel(self, model: GappyModel) -> StepsKernel:
        """The sweep that serves the model, with the missing values after it."""
        steps: Any = self.gibbs.kernel(model.model).sampler  # type: ignore[arg-type]
        return StepsKernel(GapSteps(replace(steps, sweeps=1), steps.sweeps), model)  # type: ignore[arg-type]

    def stats(self, state: KernelState) -> Stats:
        """As `Gibbs`."""
        return self.gibbs.stats(state._replace(inner=state.inner.inner))


def with_gaps(target: Any, data: Dataset, spec: Sampler) -> tuple[GappyModel, Sampler]:
    """Target and sampler of a series with missing values as unknowns."""
    if not spec.serves_gaps:
        raise ValueError(
            'missing="latent" needs the sampler "gibbs", "nuts" or "hmc", or one of your own whose class says '
            f"serves_gaps = True, got {spec}"
        )
    series, gaps = data.series, gaps_of(data.series)
    first = len(next(iter(series.series.values()))) - len(series.y)
    gappy = GappyModel(target, tuple(map(int, gaps)), series.lags, first)
    return gappy, spec.for_gaps()
