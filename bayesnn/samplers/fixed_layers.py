"""Partly stochastic networks: some weights at the mode, the others sampled given them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpyro import handlers
from numpyro.infer.mcmc import MCMCKernel

from bayesnn._internal.runtime import as_precision, precision
from bayesnn.layers import Fixed
from bayesnn.models.model import Model
from bayesnn.samplers.approximate.map import MAP, Ensemble
from bayesnn.samplers.base import Chains, Report, Sampler, Stats
from bayesnn.samplers.density import Data, make_density
from bayesnn.samplers.engine.chains import Run
from bayesnn.samplers.engine.plan import Plan
from bayesnn.samplers.mclmc.mclmc import MCLMC
from bayesnn.samplers.nuts import HMC, NUTS
from bayesnn.samplers.sgmcmc.sgld_sghmc import Minibatch

FIXED = "fixed"
Sites = dict[str, Any]


def fixed_layers(model: Model) -> tuple[str, ...]:
    """Names of the layers whose weights are held at the mode."""
    names = zip(model.network.names(), model.layers, strict=True)
    return tuple(name for name, layer in names if isinstance(layer, Fixed))


def with_fixed(model: Model, sampler: Sampler) -> Sampler:
    """The sampler that holds the weights of fixed layers, where there are any."""
    layers = fixed_layers(model)
    if not layers or isinstance(sampler, (MAP, Ensemble)):  # which have all weights at modes
        return sampler
    if not isinstance(sampler, (NUTS, HMC, MCLMC, Minibatch)):
        raise ValueError(f'bnn.fix(...) needs the sampler "nuts", "hmc", "mclmc", "sgld" or "sghmc", got {sampler}')
    return Freezing(sampler, layers)


@dataclass(frozen=True)
class Freezing(Chains):
    """Climbs to the mode of all sites, then samples with `inner` those that do not belong to `layers`."""

    inner: Chains
    layers: tuple[str, ...]

    def check(self, model: Model) -> None:
        """As the sampler."""
        self.inner.check(model)

    def draw(self, target: Any, report: Report, key: jax.Array, data: Data, plan: Plan) -> Run:
        """The mode once, kept with the run; then the chains."""
        if isinstance(self.inner, Minibatch):
            self.inner.check_target(target, plan)
        key_climb, key_chains = jax.random.split(key)
        kept = None if plan.keeper is None else plan.keeper.load_artifact(FIXED)
        values, seconds = kept if kept is not None else self.mode(target, key_climb, data, plan)
        if plan.keeper is not None and kept is None:
            plan.keeper.save_artifact(FIXED, (values, seconds))
        held = Holding(report, {name: jnp.asarray(v) for name, v in values.items()})
        run = self.inner.draw(FrozenModel(target, held.values), held, key_chains, data, plan)
        added = {name: value + seconds.get(name, 0.0) for name, value in run.seconds.items()}
        return replace(run, seconds=added, attrs=run.attrs | {FIXED: ", ".join(sorted(values))})

    def mode(self, target: Any, key: jax.Array, data: Data, plan: Plan) -> tuple[Sites, dict[str, float]]:
        """The sites of the fixed layers at the best of several climbs."""
        spec = self.inner.start if isinstance(self.inner, (MCLMC, Minibatch)) else None
        found = (spec or MAP()).climb(target, key, data, plan, (spec or MAP()).restarts)
        if not found.complete:
            raise KeyboardInterrupt
        best = found.theta[int(np.argmax(found.score))]
        with precision("double"):
            arrays = as_precision(data)
            density = make_density(target, arrays)
            sites = jax.jit(density.sites)(as_precision(best), arrays)
            return {name: np.asarray(sites[name]) for name in density.names if self.holds(name)}, found.seconds

    def holds(self, name: str) -> bool:
        """Whether a site belongs to a fixed layer."""
        return any(name.startswith(f"{layer}_") for layer in self.layers)

    def kernel(self, model: Any) -> MCMCKernel:
        """That of the sampler."""
        return self.inner.kernel(model)

    def stats(self, state: Any) -> Stats:
        """Those of the sampler."""
        return self.inner.stats(state)


@dataclass(frozen=True)
class FrozenModel:
    """A NumPyro model with some sites at fixed values."""

    target: Any
    values: Sites = field(compare=False)

    def __call__(self, *data: Any) -> Any:
        """The statements of the model, those sites observed."""
        with handlers.condition(data=as_precision_of_now(self.values)):
            return self.target(*data)


@dataclass(frozen=True)
class Holding:
    """A report that knows the fixed sites."""

    report: Callable[[jax.Array, Sites, Data], Sites]
    values: Sites = field(compare=False)

    def __call__(self, key: jax.Array, sites: Sites, data: Data) -> Sites:
        """Reported values from sampled and fixed sites."""
        return self.report(key, sites | as_precision_of_now(self.values), data)


def as_precision_of_now(values: Sites) -> Sites:
    """Numbers as the present precision has them."""
    return {name: jnp.asarray(v, jnp.zeros(()).dtype) for name, v in values.items()}
