"""Variational inference: NumPyro's automatic guides, fitted by its own SVI."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpyro import optim
from numpyro.infer import SVI, Trace_ELBO, autoguide, init_to_value
from numpyro.infer.util import log_density
from tqdm.auto import tqdm

from bayesnn._internal import checks
from bayesnn._internal.runtime import as_precision
from bayesnn.models.marginal import MarginalModel
from bayesnn.samplers.approximate.map import MAP, check_spec
from bayesnn.samplers.approximate.optimize import quarter_cosine
from bayesnn.samplers.base import Report, Sampler
from bayesnn.samplers.density import Data, WeightedLikelihood, latent_sites, make_density, take_rows
from bayesnn.samplers.engine.chains import CHUNK_SECONDS, Run
from bayesnn.samplers.engine.compiled_programs import kept_jit
from bayesnn.samplers.engine.plan import Plan

GUIDES: dict[str, Callable[..., Any]] = {
    "mean_field": autoguide.AutoNormal,
    "low_rank": autoguide.AutoLowRankMultivariateNormal,
    "full": autoguide.AutoMultivariateNormal,
}
START_SCALE = 0.01  # sd of the guide on the unconstrained scale, when it starts at a mode
TAIL = 0.1  # fraction of the steps over which the bound is averaged in the end


@dataclass(frozen=True)
class Variational(Sampler):
    """Independent draws of the Gaussian, on the unconstrained scale, that maximises the evidence lower bound (ELBO).

    Such an approximation is too narrow in general, the mean-field one most of all. The attributes `elbo` and
    `elbo_mcse` hold the bound, averaged over the last tenth of the steps, and its Monte Carlo standard error.

    Parameters
    ----------
    guide : {"mean_field", "low_rank", "full"}
        Independent normals, a covariance of diagonal plus low rank (the square root of the number of parameters), or
        any covariance: NumPyro's AutoNormal, AutoLowRankMultivariateNormal and AutoMultivariateNormal.
    steps : int
        Number of steps.
    learning_rate : float
        Learning rate of Adam, with gradients clipped to [-10, 10]; it falls to zero along a quarter of a cosine.
    particles : int
        Draws per step that estimate the gradient of the bound.
    batch_size : int, optional
        Rows per step, B of n; their log likelihood is multiplied by n/B. None: all rows.
    start : MAP, optional
        How to find the mode at which the guide starts, with a small sd: from other starting points the bound often
        leads to a solution that explains all data as noise. None: NumPyro's own starting point.

    Raises
    ------
    ValueError
        If a setting is out of range, or `start` is neither None nor a `MAP`.

    References
    ----------
    A. Kucukelbir, D. Tran, R. Ranganath, A. Gelman and D. Blei (2017), Automatic differentiation variational inference,
    Journal of Machine Learning Research 18, 1-45.

    See Also
    --------
    Laplace : a normal distribution around the mode
    Ensemble : modes from many starts

    Examples
    --------
    >>> Variational("low_rank", steps=2000).particles
    1
    """

    approximate: ClassVar[bool] = True

    guide: str = "mean_field"
    steps: int = 10_000
    learning_rate: float = 0.01
    particles: int = 1
    batch_size: int | None = None
    start: MAP | None = field(default_factory=lambda: MAP(validation=None))

    def __post_init__(self) -> None:
        """Raise a ValueError for settings out of range."""
        checks.known("guide", self.guide, GUIDES)
        checks.positive("learning_rate", self.learning_rate)
        for name in ("steps", "particles"):
            checks.positive_integer(name, getattr(self, name))
        if self.batch_size is not None:
            checks.positive_integer("batch_size", self.batch_size)
        check_spec("start", self.start, "MAP(validation=None)")

    def draw(self, target: Any, report: Report, key: jax.Array, data: Data, plan: Plan) -> Run:
        """Fit the guide and draw from it."""
        if isinstance(target, MarginalModel) and self.batch_size is not None:
            raise ValueError("marginalize=True leaves a likelihood that does not split into rows: use batch_size=None")
        data = as_precision(data)  # rows are indexed by traced numbers, which NumPy arrays do not accept
        key_start, key_fit, key_draw, key_report = jax.random.split(key, 4)
        rows = len(data[0])
        used = min(self.batch_size or rows, rows)

        def weighed(*batch: Any) -> Any:
            return WeightedLikelihood(target, rows / used)(*batch)

        guide = GUIDES[self.guide](weighed, **self.beginning(target, key_start, data, plan))
        adam = optim.ClippedAdam(quarter_cosine(self.learning_rate, self.steps))
        svi = SVI(weighed, guide, adam, Trace_ELBO(num_particles=self.particles))
        state, losses, seconds, complete = run_svi(svi, key_fit, data, used, self.steps, plan)
        begun = time.perf_counter()
        count = plan.chains * plan.draws
        drawn = guide.sample_posterior(key_draw, svi.get_params(state), sample_shape=(count,))
        latent = {name: drawn[name] for name in make_density(target, data).names}  # others: of the last minibatch
        values = report_latent(target, report, key_report, latent, data, (plan.chains, plan.draws))
        tail = -losses[-max(1, int(TAIL * len(losses))) :]
        notes = {"elbo": float(tail.mean()), "elbo_mcse": float(tail.std() / len(tail) ** 0.5), "steps": len(losses)}
        return Run(values, seconds | {"sampling": time.perf_counter() - begun}, complete, notes)

    def beginning(self, target: Any, key: jax.Array, data: Data, plan: Plan) -> dict[str, Any]:
        """Options of the guide: its starting point and its sd there."""
        if self.start is None:
            return {}
        found = self.start.optimize(target, key, data, plan, self.start.restarts)
        best = jnp.asarray(found.theta[int(np.argmax(found.score))])
        values = kept_jit(latent_sites, target, quick=True)(best, data)
        return {"init_loc_fn": init_to_value(values=values), "init_scale": START_SCALE}


def run_svi(
    svi: SVI, key: jax.Array, data: Data, used: int, steps: int, plan: Plan
) -> tuple[Any, np.ndarray, dict[str, float], bool]:
    """Run SVI in chunks, so that progress can be shown and Ctrl-C can take effect.

    Returns the last state, the loss of each step, seconds per phase, and whether all steps were done.
    """
    begun = time.perf_counter()
    rows = len(data[0])
    key_init, key_rows = jax.random.split(key)
    state = svi.init(key_init, *take_rows(data, slice(0, used)))

    def body(i: jax.Array, carry: Any) -> Any:
        state, losses, start = carry
        batch = data
        if used < rows:
            batch = take_rows(data, jax.random.choice(jax.random.fold_in(key_rows, start + i), rows, (used,), False))
        state, loss = svi.update(state, *batch)
        return state, losses.at[i].set(loss), start

    def chunk(state: Any, start: Any, count: Any) -> tuple[Any, jax.Array]:
        state, losses, _ = lax.fori_loop(0, count, body, (state, jnp.zeros(steps), start))
        return state, losses

    advance = jax.jit(chunk).lower(state, 0, 1).compile()
    compiled, losses, count, complete = time.perf_counter() - begun, np.zeros(0), 1, True
    with tqdm(total=steps, disable=not plan.progress, unit="step", desc="maximising the ELBO") as bar:
        try:
            while len(losses) < steps:
                count = min(count, steps - len(losses))
                started = time.perf_counter()
                state, values = advance(state, len(losses), count)
                losses = np.concatenate([losses, np.asarray(values)[:count]])
                bar.set_postfix_str(f"ELBO {-losses[-count:].mean():.1f}", refresh=False)
                bar.update(count)
                count = max(1, int(count * CHUNK_SECONDS / (time.perf_counter() - started)))
        except KeyboardInterrupt:
            if not len(losses):
                raise
            complete = False
    return state, losses, {"compile": compiled, "warmup": time.perf_counter() - begun - compiled}, complete


def report_latent(
    target: Any, report: Report, key: jax.Array, latent: dict[str, jax.Array], data: Data, shape: tuple[int, int]
) -> dict[str, np.ndarray]:
    """Reported values (chain, draw, ...) and `stat log_joint` of draws of the latent sites (chain * draw, ...)."""
    keys = jax.random.split(key, shape[0] * shape[1])
    values = kept_jit(reported_latent, target, report, quick=True)(keys, latent, data)
    return {name: np.asarray(v).reshape(*shape, *v.shape[1:]) for name, v in values.items()}


def reported_latent(
    target: Any, report: Report, keys: jax.Array, latent: dict[str, jax.Array], data: Data
) -> dict[str, jax.Array]:
    """Reported values (s, ...) and `stat log_joint` of s draws of the latent sites."""

    def one(pair: tuple[jax.Array, dict[str, jax.Array]]) -> dict[str, jax.Array]:
        key, sites = pair
        log_joint, trace = log_density(target, data, {}, sites)
        known = {n: s["value"] for n, s in trace.items() if s["type"] == "deterministic"}
        return report(key, known | sites, data) | {"stat log_joint": log_joint}

    return lax.map(one, (keys, latent))
