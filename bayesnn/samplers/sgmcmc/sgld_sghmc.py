"""SGLD and SGHMC: stochastic gradient MCMC, with a minibatch of the rows per step."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.runtime import PRECISIONS
from bayesnn.models.marginal import MarginalModel
from bayesnn.models.model import Model
from bayesnn.samplers.approximate.map import MAP, check_spec, optimize_once, optimizer_notes
from bayesnn.samplers.approximate.optimize import split_rows
from bayesnn.samplers.base import Chains, Observe, Report, Stats
from bayesnn.samplers.by_length import parts_for
from bayesnn.samplers.density import Data
from bayesnn.samplers.engine.chains import Run, run_chains
from bayesnn.samplers.engine.plan import Plan
from bayesnn.samplers.sgmcmc.kernel import StochasticKernel, StochasticState
from bayesnn.samplers.sgmcmc.schedules import Cyclical, Schedule
from bayesnn.samplers.sgmcmc.validation import ObserveHeld

PRECONDITIONERS = ("rmsprop",)


@dataclass(frozen=True, kw_only=True)
class Minibatch(Chains):
    """Settings and behaviour that SGLD and SGHMC share; `SGLD` documents the parameters."""

    unadjusted: ClassVar[bool] = True
    conditions: ClassVar[bool] = True

    step_size: float | Schedule | None = None
    batch_size: int = 100
    steps: int = 10
    temperature: float = 1.0
    preconditioner: str | None = None
    damping: float = 1.0
    control_variates: bool = False
    clip: float | None = None
    validation: float | None = None
    start: MAP | None = field(default_factory=lambda: MAP(steps=2000, batch_size=100))
    precision: str = "single"

    def __post_init__(self) -> None:
        """Raise a ValueError for settings out of range."""
        for name in ("batch_size", "steps"):
            checks.positive_integer(name, getattr(self, name))
        for name in ("temperature", "damping"):
            checks.positive(name, getattr(self, name))
        if self.step_size is not None and not isinstance(self.step_size, Schedule):
            checks.positive("step_size", self.step_size)
        if self.preconditioner is not None:
            checks.known("preconditioner", self.preconditioner, PRECONDITIONERS)
        if self.clip is not None:
            checks.positive("clip", self.clip)
        if self.validation is not None:
            checks.fraction("validation", self.validation)
        checks.known("precision", self.precision, PRECISIONS)
        check_spec("start", self.start)
        if self.control_variates and self.start is None:
            raise ValueError("control_variates=True takes the gradient at a mode: give start=MAP(...)")

    def mode_finder(self) -> MAP | None:
        """The optimiser at whose modes the chains start."""
        return self.start

    def kernel(self, model: Any) -> StochasticKernel:
        """The kernel by itself, which `numpyro.infer.MCMC` starts at draws of the prior."""
        return StochasticKernel(self, model)

    def record(self, kernel: Any, report: Report) -> Any:
        """The function that records a state: reported sites, statistics, and scores of held-out rows, if any."""
        observe = Observe(self, report, kernel)
        return observe if kernel.arguments is None else ObserveHeld(observe, kernel.model, kernel.arguments)

    def draw(self, target: Any, report: Report, key: jax.Array, data: Data, plan: Plan) -> Run:
        """Find a mode per chain, then sample from there with minibatches."""
        self.check_target(target, plan)
        key_split, key_optimize, key_chains = jax.random.split(key, 3)
        learnt, held = split_rows(key_split, len(data[0]), self.validation)
        kernel = replace(self.kernel(target), parts=parts_for(target, data, self.batch_size, learnt))
        arrays = data
        if self.validation is not None:
            kernel = replace(kernel, arguments=len(data))
            arrays = (*data, learnt, held)
        start: Any = None
        notes: dict[str, Any] = {}
        seconds: dict[str, float] = {}
        if self.start is not None:
            spec = replace(self.start, precision=self.precision, batch_size=self.start.batch_size or self.batch_size)
            found = optimize_once(spec, target, key_optimize, data, plan, learnt)
            start, seconds, notes = found.theta, found.seconds, optimizer_notes(found, spec, len(learnt))
        record = self.record(kernel, report)
        run = run_chains(kernel, record, key_chains, arrays, plan, start=start, precision=self.precision)
        refuse_broken(run)
        return run.after(seconds, notes | self.notes(held, len(data[0]), seconds))

    def notes(self, held: Any, count: int, seconds: dict[str, float]) -> dict[str, Any]:
        """Attributes of the posterior that describe the run."""
        out = f"{len(held)} of {count} rows held out of the sampling" if len(held) else "no row held out"
        return {
            "precision": self.precision,
            "temperature": float(self.temperature),
            "batch_size": self.batch_size,
            "held_out": out,
            "held_out_rows": held,
            "climb_seconds": seconds.get("warmup", 0.0),
        }

    def stats(self, state: StochasticState) -> Stats:
        """The last step size, and -log posterior per row, estimated from a minibatch."""
        return {"step_size": state.step, "loss": state.loss}

    def check_target(self, target: Any, plan: Plan) -> None:
        """Raise a ValueError unless the log likelihood is a sum over rows and draws fall on the ends of cycles."""
        if isinstance(target, MarginalModel):
            raise ValueError(
                "minibatches need a log likelihood that is a sum over rows, which it is only with marginalize=False"
            )
        if self.validation is not None and not isinstance(target, Model):
            raise ValueError("validation= needs a model all of whose sites are sampled: leave it out here")
        chosen = self.step_size
        if isinstance(chosen, Cyclical) and plan.thinning * self.steps % chosen.length:
            apart = plan.thinning * self.steps
            raise ValueError(
                f"draws must be whole cycles of {chosen.length} minibatch steps apart, got {apart} steps (thinning x "
                f"steps): choose thinning={-(-chosen.length // self.steps)} and a length that is a "
                "multiple of steps"
            )


def refuse_broken(run: Run) -> None:
    """Raise a ValueError if chains diverged to infinity: they hold no draws of a posterior."""
    finite = [np.isfinite(v).reshape(len(v), -1).all(axis=1) for v in run.values.values()]
    broken = np.flatnonzero(~np.all(finite, axis=0))
    if len(broken):
        last = run.values["stat step_size"][broken, -1].max()
        raise ValueError(
            f"chains must stay finite, got NaN or infinite values in chain(s) {checks.some(broken.tolist())}: choose "
            f"a step_size below {last:.2g}, or clip="
        )


@dataclass(frozen=True, kw_only=True)
class SGLD(Minibatch):
    """Stochastic gradient Langevin dynamics: theta' = theta - e/2 G g(theta) + N(0, T e G).

    g is the gradient of U, -log posterior of ALL n rows as a sum (not a mean), estimated from `batch_size` rows drawn
    with replacement; for gradient descent on the mean loss, the learning rate would be n e/2. Chains start at modes.
    The draws have a bias that falls with the step size: on a Gaussian of precision L with gradients of variance S the
    variance is (1 + e S/4)/(L (1 - e L/4)) instead of 1/L.

    Parameters
    ----------
    step_size : float or Schedule, optional
        e, constant, or `Polynomial(...)`, or `Cyclical(...)`. None: chosen at the start of the chain such that the
        variance in the stiffest direction is about 5% too large, if the variance of the gradients is that which the
        Fisher information implies.
    batch_size : int
        Rows per step. Of sequences, padding that a part of these rows shares is left out where that saves time, which
        changes sums by rounding alone.
    steps : int
        Minibatch steps per warm-up iteration or draw; between kept draws there are `thinning` times as many.
    temperature : float
        T: draws are from the posterior density to the power 1/T; only 1 gives the posterior.
    preconditioner : {"rmsprop"}, optional
        G, diagonal, adapted in warm-up and fixed afterwards, so that no correction for its change is needed (Li et al.
        2016). With r the root mean square of g, G = 1/(1 + r/(damping times the mean of r over all parameters)): small
        steps in steep directions, full steps in flat ones. None: the identity.
    damping : float
        Larger values bring G closer to the identity.
    control_variates : bool
        Whether g is estimated by its difference from the gradient at the mode where the chain started, whose full value
        is known: twice the work per step, less noise near the mode (Baker et al. 2019).
    clip : float, optional
        Largest norm of g/n; adds a bias, for networks whose gradients explode.
    validation : float, optional
        Fraction of the rows that is held out of optimisation and sampling, to be scored at every draw (sample
        statistics `held_out_log_density` and, for classes, `held_out_accuracy`); the posterior is that of the other
        rows.
    start : MAP, optional
        How the modes are found from which chains start; its `batch_size` of None means that of the sampler, `restarts`
        is not used. None: chains start at draws of the prior.
    precision : {"single", "double"}
        Arithmetic of optimisation and chains; what is recorded is double.

    Raises
    ------
    ValueError
        If a setting is out of range, or `control_variates` is asked for without a `start`.

    References
    ----------
    M. Welling and Y. W. Teh (2011), Bayesian learning via stochastic gradient Langevin dynamics, ICML, equation (4).
    C. Li, C. Chen, D. Carlson and L. Carin (2016), Preconditioned stochastic gradient Langevin dynamics for deep neural
    networks, AAAI. J. Baker, P. Fearnhead, E. Fox and C. Nemeth (2019), Control variates for stochastic gradient MCMC,
    Statistics and Computing 29, equation (8).

    See Also
    --------
    SGHMC, Cyclical, Polynomial

    Examples
    --------
    >>> SGLD(batch_size=32).temperature
    1.0
    """

    def default_step(self, langevin: jax.Array) -> jax.Array:
        """The step size of Langevin dynamics itself."""
        return langevin

    def momentum(self, key: jax.Array, z: jax.Array, pace: jax.Array) -> None:
        """Langevin dynamics has no momentum."""

    def move(
        self, z: jax.Array, momentum: None, gradient: jax.Array, noise: jax.Array, pace: jax.Array
    ) -> tuple[jax.Array, None]:
        """Equation (4), with the preconditioner."""
        return z - 0.5 * pace * gradient + jnp.sqrt(pace) * noise, None


@dataclass(frozen=True, kw_only=True)
class SGHMC(Minibatch):
    """Stochastic gradient Hamiltonian Monte Carlo: minibatch gradient descent with momentum, and noise to match.

        v' = (1 - a) v - h G g(theta) + N(0, 2 T (a - b) h G),    theta' = theta + v'

    In the letters of Chen et al., h = e^2 is the learning rate, G = M^-1 the inverse mass, a = e M^-1 C the friction (1
    minus the momentum of SGD), v = e M^-1 r, and b the part of the friction that the noise of the gradients already
    balances. g is the gradient of U, -log posterior of ALL n rows as a sum: a learning rate l for the mean loss is
    h = l/n. On long time scales the motion is that of SGLD with the step size e = 2 h/a.

    Parameters
    ----------
    step_size : float or Schedule, optional
        h, constant, or `Polynomial(...)`, or `Cyclical(...)`. None: a/2 times the step size that `SGLD` would choose.
    friction : float
        a, above 0 and at most 1.
    noise_estimate : float
        b, at least 0 and below a.
    batch_size, steps, temperature, preconditioner, damping, control_variates, clip, validation, start, precision
        As for `SGLD`; the preconditioner is G.

    Raises
    ------
    ValueError
        If a setting is out of range, or `control_variates` is asked for without a `start`.

    References
    ----------
    T. Chen, E. Fox and C. Guestrin (2014), Stochastic gradient Hamiltonian Monte Carlo, ICML, equation (15).

    See Also
    --------
    SGLD, Cyclical, Polynomial

    Examples
    --------
    >>> SGHMC(friction=0.05, batch_size=32).temperature
    1.0
    """

    friction: float = 0.1
    noise_estimate: float = 0.0

    def __post_init__(self) -> None:
        """Raise a ValueError for settings out of range."""
        Minibatch.__post_init__(self)
        checks.positive("friction", self.friction)
        checks.number("noise_estimate", self.noise_estimate)
        if self.friction > 1:
            raise ValueError(f"friction must be above 0 and at most 1, got {self.friction!r}")
        if not 0 <= self.noise_estimate < self.friction:
            raise ValueError(
                f"noise_estimate must be at least 0 and below the friction {self.friction}, got {self.noise_estimate!r}"
            )

    def default_step(self, langevin: jax.Array) -> jax.Array:
        """The learning rate whose motion on long time scales is that of this step size of Langevin dynamics."""
        return 0.5 * self.friction * langevin

    def momentum(self, key: jax.Array, z: jax.Array, pace: jax.Array) -> jax.Array:
        """A draw of the stationary distribution of the momentum, N(0, T h G)."""
        return jnp.sqrt(self.temperature * pace) * jax.random.normal(key, z.shape, z.dtype)

    def move(
        self, z: jax.Array, momentum: jax.Array, gradient: jax.Array, noise: jax.Array, pace: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """Equation (15)."""
        spread = jnp.sqrt(2.0 * (self.friction - self.noise_estimate) * pace)
        momentum = (1.0 - self.friction) * momentum - pace * gradient + spread * noise
        return z + momentum, momentum
