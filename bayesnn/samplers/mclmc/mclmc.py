"""Microcanonical Langevin ensembles: chains started at the members of a deep ensemble, each tuned separately.

blackjax has the same dynamics. This implementation is a NumPyro kernel whose chains are tuned inside the compiled loop,
each on its own, and needs no further package.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from bayesnn._internal import checks
from bayesnn._internal.runtime import PRECISIONS
from bayesnn.models.marginal import MarginalModel
from bayesnn.samplers.approximate.map import MAP, check_spec, optimize_once, optimizer_notes
from bayesnn.samplers.base import Chains, Report, Stats
from bayesnn.samplers.density import Data, Density, make_density
from bayesnn.samplers.engine.chains import Run, run_chains
from bayesnn.samplers.engine.plan import Plan
from bayesnn.samplers.kernel import SingleChainKernel
from bayesnn.samplers.mclmc import tuning as tuning_module
from bayesnn.samplers.mclmc.dynamics import Point, integrate, random_direction, refresh
from bayesnn.samplers.mclmc.tuning import Tuning, tune_length, tune_step

FIRST_STEP = 0.005  # per root dimension; any small value will do, since tuning soon replaces it


@dataclass(frozen=True)
class MCLMC(Chains):
    """Microcanonical Langevin Monte Carlo on every row, each chain from its own posterior mode: an ensemble (MILE).

    `fit(..., chains=10)` makes ten members. Each is first optimised to a mode, with rows held out for early stopping,
    and then sampled with all rows. There is no Metropolis correction, so draws have a bias that falls with the step
    size, which is tuned to a target energy error. A chain explores the neighbourhood of its own mode; averages over
    chains weigh the neighbourhoods equally. `diagnose` names chains that do worse than a linear model; `drop_chains`
    leaves them out.

    Parameters
    ----------
    energy_variance : float
        Variance of the energy error per step and dimension that the step size is tuned for at the end of warm-up.
    energy_variance_start : float
        The same at the beginning of warm-up; in between it changes linearly.
    length : float, optional
        Decoherence length: the path length, in the unconstrained space, after which a chain forgets its direction.
        None: tuned in warm-up to the square root of the summed variances of the parameters.
    steps : int
        Steps, of two gradients each, per draw or warm-up iteration.
    start : MAP, optional
        How the modes are found; its `restarts` is not used. None: chains start at draws of the prior.
    precision : {"double", "single"}
        Arithmetic of optimisation and chains; what is recorded, and everything after, is double. Single precision
        halves the time of large models. Its rounding of the energy, about 1e-7 of -log posterior, must be small against
        sqrt(energy_variance d). Not for `marginalize=True`.

    Raises
    ------
    ValueError
        If a setting is out of range, or `start` is neither None nor a `MAP`.

    References
    ----------
    E. Sommer, J. Robnik, G. Nozadze, U. Seljak and D. Rügamer (2025), Microcanonical Langevin ensembles: advancing the
    sampling of Bayesian neural networks, ICLR. The dynamics: see `bayesnn.samplers.mclmc.dynamics`.

    See Also
    --------
    NUTS : Hamiltonian trajectories of adaptive length
    SGHMC : Hamiltonian steps on minibatches
    Ensemble : modes from many starts

    Examples
    --------
    >>> MCLMC(precision="single").steps
    20
    """

    of_members: ClassVar[bool] = True
    unadjusted: ClassVar[bool] = True
    conditions: ClassVar[bool] = True

    energy_variance: float = 0.05
    energy_variance_start: float = 0.5
    length: float | None = None
    steps: int = 20
    start: MAP | None = field(default_factory=MAP)
    precision: str = "double"

    def __post_init__(self) -> None:
        """Raise a ValueError for settings out of range."""
        checks.positive("energy_variance", self.energy_variance)
        checks.positive("energy_variance_start", self.energy_variance_start)
        checks.positive_integer("steps", self.steps)
        checks.known("precision", self.precision, PRECISIONS)
        if self.length is not None:
            checks.positive("length", self.length)
        check_spec("start", self.start)

    def mode_finder(self) -> MAP | None:
        """The optimiser at whose modes the chains start."""
        return self.start

    def kernel(self, model: Any) -> MicrocanonicalKernel:
        """The kernel by itself, which `numpyro.infer.MCMC` starts at draws of the prior."""
        return MicrocanonicalKernel(self, model)

    def draw(self, target: Any, report: Report, key: jax.Array, data: Data, plan: Plan) -> Run:
        """Find a mode per chain, then sample from there."""
        if self.precision == "single" and isinstance(target, MarginalModel):
            raise ValueError('marginalize=True subtracts numbers that nearly cancel: use precision="double"')
        key_optimize, key_chains = jax.random.split(key)
        start: Any = None
        notes: dict[str, Any] = {"precision": self.precision}
        seconds: dict[str, float] = {}
        if self.start is not None:
            spec = replace(self.start, precision=self.precision)
            found = optimize_once(spec, target, key_optimize, data, plan)
            start, seconds, notes = found.theta, found.seconds, notes | optimizer_notes(found, spec, len(data[0]))
        kernel = self.kernel(target)
        record = self.record(kernel, report)
        run = run_chains(kernel, record, key_chains, data, plan, start=start, precision=self.precision)
        return run.after(seconds, notes | {"climb_seconds": seconds.get("warmup", 0.0)})

    def stats(self, state: Any) -> Stats:
        """Statistics of the steps of one draw: `energy_variance` is the mean squared energy error per dimension."""
        return {
            "step_size": state.tuning.step,
            "decoherence_length": state.tuning.length,
            "energy_variance": state.energy_variance,
            "diverging": state.failed,
            "lp": -state.point.potential,
        }


class MicrocanonicalState(NamedTuple):
    """A chain: iteration, warm-up length, position z (d,), phase-space point, tuning, energy error, failure and key."""

    i: jax.Array
    num_warmup: jax.Array
    z: jax.Array
    point: Point
    tuning: Tuning
    energy_variance: jax.Array
    failed: jax.Array
    rng_key: jax.Array


@dataclass(frozen=True)
class MicrocanonicalKernel(SingleChainKernel):
    """NumPyro kernel of a spec and a model; z (d,) is the flat vector of unconstrained sites."""

    spec: MCLMC
    model: Any

    def postprocess_fn(self, model_args: Any, model_kwargs: Any) -> Any:
        """The function that gives all sites from z."""
        density = make_density(self.model, model_args)
        return lambda theta: density.sites(theta, model_args)

    def init_one(self, rng_key: jax.Array, num_warmup: Any, init_params: Any, model_args: Any) -> MicrocanonicalState:
        """Start at `init_params` (d,), or at a draw of the prior."""
        density = make_density(self.model, model_args)
        if density.size < 2:
            raise ValueError("microcanonical dynamics need at least two parameters, got one: use NUTS")
        key_start, key_direction, key_chain = jax.random.split(rng_key, 3)
        z = density.start(key_start, model_args) if init_params is None else init_params
        value, gradient = jax.value_and_grad(density.potential)(z, model_args)
        point = Point(z, random_direction(key_direction, z), value, gradient)
        tuning = tuning_module.begin(z, FIRST_STEP * density.size**0.5, self.spec.length)
        i = jnp.zeros((), int)
        return MicrocanonicalState(i, i + num_warmup, z, point, tuning, jnp.zeros_like(value), i > 0, key_chain)

    def sample_one(self, state: MicrocanonicalState, model_args: Any) -> MicrocanonicalState:
        """The steps of one draw, tuned during warm-up."""
        density = make_density(self.model, model_args)

        def step(j: jax.Array, carry: Any) -> Any:
            key, point, tuning, squares, failed = carry
            key, key_step = jax.random.split(key)
            point, error, valid = self.step(key_step, point, tuning, density, model_args)
            progress = (state.i * self.spec.steps + j) / jnp.maximum(state.num_warmup * self.spec.steps, 1)
            tuned = self.tune(tuning, point, error, valid, progress.astype(point.potential.dtype))
            tuning = jax.tree.map(lambda new, old: jnp.where(state.i < state.num_warmup, new, old), tuned, tuning)
            return key, point, tuning, squares + jnp.where(valid, error**2, 0.0), failed | ~valid

        start = (state.rng_key, state.point, state.tuning, jnp.zeros_like(state.energy_variance), state.i < 0)
        key, point, tuning, squares, failed = lax.fori_loop(0, self.spec.steps, step, start)
        variance = squares / (self.spec.steps * density.size)
        return MicrocanonicalState(state.i + 1, state.num_warmup, point.position, point, tuning, variance, failed, key)

    def step(
        self, key: jax.Array, point: Point, tuning: Tuning, density: Density, data: Data
    ) -> tuple[Point, jax.Array, jax.Array]:
        """One step, its energy error, and whether it was finite; if not, the chain stays and turns at random."""
        key_refresh, key_new = jax.random.split(key)
        value_and_gradient = jax.value_and_grad(lambda z: density.potential(z, data))
        moved, error = integrate(value_and_gradient, point, tuning.step)
        valid = jnp.isfinite(error) & jnp.all(jnp.isfinite(moved.gradient)) & jnp.all(jnp.isfinite(moved.position))
        direction = refresh(key_refresh, moved.direction, tuning.step, tuning.length)
        stay = point._replace(direction=random_direction(key_new, point.direction))
        moved = moved._replace(direction=direction)
        return jax.tree.map(lambda new, old: jnp.where(valid, new, old), moved, stay), error, valid

    def tune(self, tuning: Tuning, point: Point, error: jax.Array, valid: jax.Array, progress: jax.Array) -> Tuning:
        """Tune the step size, and the decoherence length unless it is given."""
        first, last = self.spec.energy_variance_start, self.spec.energy_variance
        tuning = tune_step(tuning, error, valid, first + (last - first) * progress, point.position.shape[0])
        return tuning if self.spec.length is not None else tune_length(tuning, point.position, progress)
