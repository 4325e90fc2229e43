"""Microcanonical Langevin ensembles: chains started at the members of a deep ensemble, each tuned by itself."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from numpyro.infer.mcmc import MCMCKernel

from bayesnn._internal import checks
from bayesnn._internal.runtime import PRECISIONS
from bayesnn.models.marginal import MarginalModel
from bayesnn.samplers.approximate.map import MAP, climb_notes, climb_once
from bayesnn.samplers.base import Chains, Report, Stats
from bayesnn.samplers.density import Data, Density, make_density
from bayesnn.samplers.engine.chains import Run, run_chains
from bayesnn.samplers.engine.plan import Plan
from bayesnn.samplers.mclmc import tuning as tuning_module
from bayesnn.samplers.mclmc.dynamics import Point, integrate, random_direction, refresh
from bayesnn.samplers.mclmc.tuning import Tuning, tune_length, tune_step

FIRST_STEP = 0.005  # per root dimension; the tuning finds its own within some hundred steps


@dataclass(frozen=True)
class MCLMC(Chains):
    """Microcanonical Langevin Monte Carlo on every row, each chain from its own posterior mode: an ensemble (MILE).

    `fit(..., chains=10)` makes ten members. Each is first climbed to a mode, with rows held out to stop in time, and
    then sampled with all rows. Nothing is accepted or rejected, so draws have a bias that falls with the step size,
    which is tuned to a wanted energy error. A chain explores the neighbourhood of its own mode; averages over chains
    weigh the neighbourhoods equally. `diagnose` names chains that do worse than a linear model; `drop_chains` leaves
    them out.

    Parameters
    ----------
    energy_variance : float
        Variance of the energy error of a step, per dimension, that the step size is tuned for at the end of warm-up.
    energy_variance_start : float
        The same at the beginning; in between it falls linearly.
    length : float, optional
        Path, in the unconstrained space, after which a chain forgets its direction. None: tuned in warm-up to the root
        of the summed variances of the parameters.
    steps : int
        Steps, of two gradients each, per draw or warm-up iteration.
    start : MAP, optional
        How members are found; its `restarts` is not used. None: draws of the prior, and no climb.
    precision : {"double", "single"}
        Arithmetic of the chains and the climb; what is recorded, and everything after, is double. Single precision
        halves the time of large models. Its rounding of the energy, about 1e-7 of -log posterior, must be small against
        sqrt(energy_variance d). Not for `marginalize=True`.

    References
    ----------
    E. Sommer, J. Robnik, G. Nozadze, U. Seljak and D. Rügamer (2025), Microcanonical Langevin ensembles: advancing the
    sampling of Bayesian neural networks, ICLR. The dynamics: see `bayesnn.samplers.mclmc.dynamics`.

    Examples
    --------
    >>> MCLMC(precision="single").steps
    20
    """

    of_members: ClassVar[bool] = True
    unadjusted: ClassVar[bool] = True

    energy_variance: float = 0.05
    energy_variance_start: float = 0.5
    length: float | None = None
    steps: int = 20
    start: MAP | None = field(default_factory=MAP)
    precision: str = "double"

    def __post_init__(self) -> None:
        """Refuse impossible settings."""
        checks.positive("energy_variance", self.energy_variance)
        checks.positive("energy_variance_start", self.energy_variance_start)
        checks.positive_integer("steps", self.steps)
        checks.known("precision", self.precision, PRECISIONS)
        if self.length is not None:
            checks.positive("length", self.length)
        if self.start is not None and not isinstance(self.start, MAP):
            raise ValueError(f"start must be None or a spec such as MAP(steps=1000), got {self.start!r}")

    def kernel(self, model: Any) -> MicrocanonicalKernel:
        """The kernel alone: `numpyro.infer.MCMC` starts it at draws of the prior."""
        return MicrocanonicalKernel(self, model)

    def draw(self, target: Any, report: Report, key: jax.Array, data: Data, plan: Plan) -> Run:
        """Climb, then sample every member."""
        if self.precision == "single" and isinstance(target, MarginalModel):
            raise ValueError('marginalize=True subtracts numbers that nearly cancel: use precision="double"')
        key_climb, key_chains = jax.random.split(key)
        start: Any = None
        notes: dict[str, Any] = {"precision": self.precision}
        seconds: dict[str, float] = {}
        if self.start is not None:
            spec = replace(self.start, precision=self.precision)
            found = climb_once(spec, target, key_climb, data, plan)
            start, seconds, notes = found.theta, found.seconds, notes | climb_notes(found, spec, len(data[0]))
        kernel = self.kernel(target)
        record = self.record(kernel, report)
        run = run_chains(kernel, record, key_chains, data, plan, start=start, precision=self.precision)
        added = {name: value + seconds.get(name, 0.0) for name, value in run.seconds.items()}
        notes |= {"climb_seconds": seconds.get("warmup", 0.0)}
        return replace(run, seconds=added, attrs=notes)

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
    """A chain: iteration, warm-up length, position z (d,), the rest of its phase space, tuning, errors and key."""

    i: jax.Array
    num_warmup: jax.Array
    z: jax.Array
    point: Point
    tuning: Tuning
    energy_variance: jax.Array
    failed: jax.Array
    rng_key: jax.Array


@dataclass(frozen=True)
class MicrocanonicalKernel(MCMCKernel):
    """NumPyro kernel of a spec and a model; z is the flat vector of unconstrained sites."""

    spec: MCLMC
    model: Any

    @property
    def sample_field(self) -> str:
        """Where the draws are."""
        return "z"

    def postprocess_fn(self, model_args: Any, model_kwargs: Any) -> Any:
        """All sites from a flat vector."""
        density = make_density(self.model, model_args)
        return lambda theta: density.sites(theta, model_args)

    def init(self, rng_key: Any, num_warmup: Any, init_params: Any, model_args: Any, model_kwargs: Any) -> Any:
        """Start one chain at `init_params` (d,) or at a draw of the prior; a batch of keys starts a batch."""
        if jnp.ndim(rng_key) > (0 if jnp.issubdtype(rng_key.dtype, jax.dtypes.prng_key) else 1):
            return jax.vmap(lambda k, z: self.init(k, num_warmup, z, model_args, {}))(rng_key, init_params)
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

    def sample(self, state: MicrocanonicalState, model_args: Any, model_kwargs: Any) -> MicrocanonicalState:
        """The steps of one draw, tuned while in warm-up, of one chain or of a batch."""
        if jnp.ndim(state.i):
            return jax.vmap(lambda one: self.sample(one, model_args, model_kwargs))(state)
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
        """One step, its energy error, and whether it was finite; where not, the chain stays and turns at random."""
        key_refresh, key_new = jax.random.split(key)
        value_and_gradient = jax.value_and_grad(lambda z: density.potential(z, data))
        moved, error = integrate(value_and_gradient, point, tuning.step)
        valid = jnp.isfinite(error) & jnp.all(jnp.isfinite(moved.gradient)) & jnp.all(jnp.isfinite(moved.position))
        direction = refresh(key_refresh, moved.direction, tuning.step, tuning.length)
        stay = point._replace(direction=random_direction(key_new, point.direction))
        moved = moved._replace(direction=direction)
        return jax.tree.map(lambda new, old: jnp.where(valid, new, old), moved, stay), error, valid

    def tune(self, tuning: Tuning, point: Point, error: jax.Array, valid: jax.Array, progress: jax.Array) -> Tuning:
        """Step and, unless it is given, length."""
        first, last = self.spec.energy_variance_start, self.spec.energy_variance
        tuning = tune_step(tuning, error, valid, first + (last - first) * progress, point.position.shape[0])
        return tuning if self.spec.length is not None else tune_length(tuning, point.position, progress)
