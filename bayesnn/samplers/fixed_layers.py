"""Partly stochastic networks: the weights of fixed layers at the mode, the others sampled given them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpyro import handlers
from numpyro.infer.mcmc import MCMCKernel

from bayesnn._internal.runtime import as_precision, precision
from bayesnn.layers import Fixed
from bayesnn.models.model import Model
from bayesnn.priors.base import OF_PRIOR
from bayesnn.samplers.approximate.map import MAP
from bayesnn.samplers.base import Chains, Report, Sampler, Stats
from bayesnn.samplers.density import Data, latent_sites
from bayesnn.samplers.engine.chains import Run
from bayesnn.samplers.engine.compiled_programs import kept_jit
from bayesnn.samplers.engine.plan import Plan

FIXED = "fixed"  # name of the artifact, of the file that holds it in a run folder, and of an attribute
Sites = dict[str, Any]


def fixed_layers(model: Model) -> tuple[str, ...]:
    """Names of the layers whose weights are fixed at the mode."""
    names = zip(model.network.names(), model.layers, strict=True)
    return tuple(name for name, layer in names if isinstance(layer, Fixed) and layer.values is None)


def with_fixed(model: Model, sampler: Sampler) -> Sampler:
    """The sampler for a model with fixed layers; `sampler` itself if the model has none."""
    layers = fixed_layers(model)
    if not layers or sampler.finds_modes:
        return sampler
    if not sampler.conditions:
        raise ValueError(
            'bnn.fix(...) needs the sampler "nuts", "hmc", "mclmc", "sgld" or "sghmc", or one of your own whose class '
            f"says conditions = True, got {sampler}"
        )
    return FixedLayersSampler(sampler, layers)


@dataclass(frozen=True)
class FixedLayersSampler(Chains):
    """Finds the mode of all sites, then samples with `inner` those that do not belong to `layers`."""

    inner: Any
    layers: tuple[str, ...]

    def check(self, model: Model) -> None:
        self.inner.check(model)

    def draw(self, target: Any, report: Report, key: jax.Array, data: Data, plan: Plan) -> Run:
        """The mode once, kept with the run; then the chains."""
        self.inner.check_target(target, plan)
        key_optimize, key_chains = jax.random.split(key)
        kept = None if plan.keeper is None else plan.keeper.load_artifact(FIXED)
        values, seconds = kept if kept is not None else self.mode(target, key_optimize, data, plan)
        if plan.keeper is not None and kept is None:
            plan.keeper.save_artifact(FIXED, (values, seconds))
        arguments = *data, {name: jnp.asarray(v) for name, v in values.items()}
        run = self.inner.draw(FixedLayersModel(target), FixedLayersReport(report), key_chains, arguments, plan)
        return run.after(seconds, run.attrs | {FIXED: ", ".join(sorted(values))})

    def mode(self, target: Any, key: jax.Array, data: Data, plan: Plan) -> tuple[Sites, dict[str, float]]:
        """The sites of the fixed layers at the best of several optimisations."""
        spec = self.inner.mode_finder() or MAP()
        found = spec.optimize(target, key, data, plan, spec.restarts)
        if not found.complete:
            raise KeyboardInterrupt
        best = found.theta[int(np.argmax(found.score))]
        with precision("double"):
            arrays = as_precision(data)
            sites = kept_jit(latent_sites, target, quick=True)(as_precision(best), arrays)
            return {name: np.asarray(value) for name, value in sites.items() if self.fixes(name)}, found.seconds

    def fixes(self, name: str) -> bool:
        """Whether a site belongs to a fixed layer."""
        return any(name.startswith(f"{layer}_") for layer in self.layers)

    def kernel(self, model: Any) -> MCMCKernel:
        return self.inner.kernel(model)

    def stats(self, state: Any) -> Stats:
        return self.inner.stats(state)


class Held(handlers.condition):
    """Handler that conditions on fixed values, and marks their sites: they are observed, but they are not data."""

    def process_message(self, msg: dict[str, Any]) -> None:
        """Observe a fixed site and mark it for `WeightedLikelihood`."""
        super().process_message(msg)
        if msg["type"] == "sample" and msg["name"] in self.data:
            msg["infer"] = msg["infer"] | {OF_PRIOR: True}


@dataclass(frozen=True)
class FixedLayersModel:
    """A NumPyro model with some sites conditioned on fixed values, which are its last argument.

    They are an argument, not a constant, since compiled programs are kept for fits whose arguments differ.
    """

    target: Any

    def __call__(self, *data: Any) -> Any:
        """Issue the statements of the model, with the fixed sites observed."""
        *own, values = data
        with Held(data=as_default_float(values)):
            return self.target(*own)


@dataclass(frozen=True)
class FixedLayersReport:
    """A report that adds the fixed sites, the last argument of the model, to the sampled ones."""

    report: Callable[[jax.Array, Sites, Data], Sites]

    def __call__(self, key: jax.Array, sites: Sites, data: Data) -> Sites:
        """Reported values, from sampled and fixed sites."""
        *own, values = data
        return self.report(key, sites | as_default_float(values), tuple(own))


def as_default_float(values: Sites) -> Sites:
    """Cast to the default float type."""
    return {name: jnp.asarray(v, jnp.zeros(()).dtype) for name, v in values.items()}
