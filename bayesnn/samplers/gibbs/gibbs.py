"""The Gibbs/Metropolis sampler of Müller and Ríos Insua for the hierarchical shallow network.

A sweep updates, in the only order that leaves the posterior invariant: the units, on the density with the readout
integrated out, each followed by a possible flip of its sign and all by a possible common reflection; then the readout
given the units; then the hyperparameters given both. A readout drawn before the units move would be out of date, and
hyperparameters drawn given it would follow another distribution.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from bayesnn._internal import checks, random
from bayesnn._internal.random import RandomSource
from bayesnn.likelihoods import Gaussian
from bayesnn.likelihoods.working_rows import WorkingRows
from bayesnn.models import readout
from bayesnn.models.model import Model
from bayesnn.samplers.base import Info, Sampler, Stats, Steps, summary_of
from bayesnn.samplers.gibbs.collapsed import (
    COLLAPSED,
    JOINT,
    TARGET_MOVES,
    GibbsState,
    UnitMoveResult,
    active_units,
    collapsed_prior,
    collapses,
    draw_hyper,
    draw_readout,
    moved_units,
    moves_jointly,
    prior_of,
    refuse_weights,
    sites_of,
    start_of,
)
from bayesnn.samplers.gibbs.confined import is_confined
from bayesnn.samplers.gibbs.confined_sweep import PASSES, confined_sweep
from bayesnn.samplers.gibbs.joint import JointGibbs
from bayesnn.samplers.gibbs.likelihood_moves import move_on_likelihood
from bayesnn.samplers.gibbs.missing_values import MissingValuesGibbs
from bayesnn.samplers.gibbs.proposals import PROPOSALS
from bayesnn.samplers.gibbs.reflections import Reflected, as_products, reflect
from bayesnn.samplers.gibbs.structure import readout_rows
from bayesnn.samplers.gibbs.structure_moves import move_structure
from bayesnn.samplers.gibbs.trajectories import FIRST_STEP, default_steps, trajectory_step, tuned
from bayesnn.samplers.gibbs.unit_moves import update_units
from bayesnn.samplers.gibbs.weight_moves import MOVES, WeightGibbs
from bayesnn.samplers.gibbs.working_rows import refresh, with_level
from bayesnn.samplers.kernel import KernelState, StepsKernel

EXACT, BIRTH_DEATH = "exact", "birth_death"
DEAR = 10  # collapsed sweeps that take about as long as one of units and readout together


@dataclass(frozen=True)
class Gibbs(Steps):
    """Gibbs sampling: hyperparameters by their exact conditionals, for every prior and likelihood.

    For `shallow` networks the readout is integrated out and the units move one at a time (the collapsed sweep, which is
    fast): with Gaussian errors of one or several outputs as they are, with `Bernoulli`, `StudentT` and
    `NegativeBinomial` given auxiliary variables that make the likelihood Gaussian. For `shallow` networks with
    `Categorical`, `Poisson` or `Heteroskedastic`, units and readout move together (the joint sweep). For all other
    models all weights move together, as `weights` says.

    Parameters
    ----------
    weights : {"collapsed", "joint", "hmc", "slice", "random_walk"}, optional
        How weights are updated. Default: "collapsed" if the model allows it, else "joint" if it allows that, else
        "hmc".
    proposal : {"slice", "random_walk", "adaptive", "prior"}
        How candidates for a unit are drawn in the collapsed sweep; see `bayesnn.samplers.gibbs.proposals`.
    candidates : int
        Candidates per unit in each collapsed sweep, all scored together.
    steps : int
        Per sweep that is not collapsed: leapfrog steps of the trajectory, or consecutive slice or random-walk moves.
    sweeps : int
        Sweeps per step. A sweep costs far less than what is recorded of a draw (log-likelihoods, predictions), so there
        are many between draws. A joint sweep takes as long as ten, so there are a tenth as many, at least one.
    structure : {"exact", "birth_death"}
        How the number of units is updated if it is random: an exact draw with unused units redrawn from the prior, or
        reversible jumps that add or remove one unit.
    trajectory : int, optional
        Leapfrog steps of the Hamiltonian trajectory of all units before the collapsed sweeps of each step; 0: none.
        Default: 60 where the units have many weights, none where they have so few that single moves are quicker. A
        joint sweep always has one, of 60 steps by default.

    Raises
    ------
    ValueError
        If a name is unknown, or weights="collapsed" or "joint" is given for a model that it cannot serve.

    References
    ----------
    P. Müller and D. Ríos Insua (1998), Issues in Bayesian analysis of neural network models, Neural Computation 10,
    749-770, section 3, with the prior ratio in the acceptance of the units; R. Neal (1996), Bayesian Learning for
    Neural Networks, section 3.1, for the other updates.

    See Also
    --------
    NUTS, Tempered

    Examples
    --------
    >>> Gibbs("random_walk").candidates
    8
    """

    serves_gaps: ClassVar[bool] = True
    marginalizes: ClassVar[bool] = True
    moves_architectures: ClassVar[bool] = True
    tempers: ClassVar[bool] = True
    tuned: ClassVar[tuple[str, ...]] = ("log_scale", "log_step")

    proposal: str = "slice"
    candidates: int = 8
    sweeps: int = 10
    weights: str | None = None
    steps: int = 20
    structure: str = "exact"
    trajectory: int | None = field(default=None, metadata={"later": True})  # runs made before it do not name it

    def __post_init__(self) -> None:
        """Raise a ValueError for settings out of range and unknown names."""
        checks.known("proposal", self.proposal, PROPOSALS)
        checks.positive_integer("candidates", self.candidates)
        checks.positive_integer("sweeps", self.sweeps)
        checks.positive_integer("steps", self.steps)
        checks.known("structure", self.structure, (EXACT, BIRTH_DEATH))
        if self.trajectory is not None:
            checks.positive_integer("trajectory", self.trajectory, minimum=0)
        if self.weights is not None:
            checks.known("weights", self.weights, (*MOVES, COLLAPSED, JOINT))

    def check(self, model: Model) -> None:
        """Raise a ValueError if `weights` does not go with the model."""
        refuse_weights(self.weights, model)

    def kernel(self, model: Model) -> StepsKernel:
        """The kernel of the sweep that serves the model."""
        if self.collapsed(model):
            return StepsKernel(self, model)
        if self.joint(model):
            sweeps = max(1, self.sweeps // DEAR)
            return StepsKernel(JointGibbs(self.candidates, self.trajectory or 0, sweeps), model)
        return StepsKernel(WeightGibbs(self.weights or "hmc", self.steps, self.sweeps), model)

    def collapsed(self, model: Model) -> bool:
        """Whether this model is sampled by the collapsed sweep."""
        return self.weights == COLLAPSED or (self.weights is None and collapses(model))

    def joint(self, model: Model) -> bool:
        """Whether this model is sampled by the sweep of units and readout together."""
        return moves_jointly(model) and (self.weights == JOINT or (self.weights is None and not collapses(model)))

    def quick(self, target: Model) -> bool:
        """True for the sweeps of shallow networks, which quick compilation does not slow down up to 100,000 rows."""
        return self.collapsed(target) or self.joint(target)

    def for_gaps(self) -> Sampler:
        """Each sweep given the missing values, then these given the rest; with trajectories only if asked for."""
        return MissingValuesGibbs(replace(self, trajectory=self.trajectory or 0))

    def starts_anywhere(self, model: Model) -> bool:
        """The state of the collapsed sweep is parameters alone."""
        return self.collapsed(model) or self.joint(model)

    def stats(self, state: KernelState) -> Stats:
        """Fraction of units that moved in the collapsed sweep; acceptance and step of a trajectory if there are any.

        For all other models mean acceptance and step size.
        """
        found = {"acceptance_rate": state.info.acceptance, "trajectory_acceptance_rate": state.info.trajectory}
        found["step_size"] = None if state.inner.log_step is None else jnp.exp(state.inner.log_step)
        return {name: value for name, value in found.items() if value is not None}

    def init(self, key: jax.Array, model: Model, x: jax.Array, y: jax.Array, *rows: Any) -> GibbsState:
        """Units drawn from the prior with hyperparameters at their guesses; the error variance is that of y."""
        state = start_of(key, model, x)
        gaussian = isinstance(model.likelihood, Gaussian)
        precision = 1.0 / jnp.var(y, axis=0) if gaussian else state.noise_precision
        latents = None if gaussian else model.likelihood.start(jax.random.fold_in(key, 2))
        moves = self.leapfrogs(*state.gamma.shape)
        log_step = jnp.full((), np.log(FIRST_STEP), state.gamma.dtype) if moves else None
        return state._replace(noise_precision=precision, latents=latents, log_step=log_step)

    def leapfrogs(self, units: int, weights: int) -> int:
        """Leapfrog steps of a trajectory of `units` units with `weights` weights each."""
        return default_steps(units, weights) if self.trajectory is None else self.trajectory

    def step(
        self, key: jax.Array, state: GibbsState, model: Model, x: jax.Array, y: jax.Array, *rows: Any
    ) -> tuple[GibbsState, Info]:
        """A trajectory of all units where there are trajectories, and `sweeps` sweeps."""
        acceptance = None
        if state.log_step is not None:
            of_trajectory, key = jax.random.split(key)
            steps = self.leapfrogs(*state.gamma.shape)
            state, acceptance = trajectory_step(of_trajectory, state, model, x, y, steps, *rows)
        sweep, count = self.sweep, self.sweeps
        if is_confined(model):
            sweep, count = functools.partial(confined_sweep, self), -(-self.sweeps // PASSES)
        state, infos = random.scan_with_predrawn(
            key, count, lambda source, s: sweep(source, s, model, x, y, *rows), state
        )
        return state, summary_of(infos)._replace(trajectory=acceptance)

    def rounds(self, state: GibbsState) -> tuple[Steps, int]:
        """An exchange after every sweep; with trajectories, which take as long, two: each after half of all."""
        if state.log_step is None or self.sweeps == 1:
            return replace(self, sweeps=1), self.sweeps
        return replace(self, sweeps=self.sweeps // 2, trajectory=-(-self.leapfrogs(*state.gamma.shape[-2:]) // 2)), 2

    def sweep(
        self, source: RandomSource, state: GibbsState, model: Model, x: jax.Array, y: jax.Array, *rows: Any
    ) -> tuple[GibbsState, Info]:
        """Auxiliary variables; then units, architecture if it is random, readout, and hyperparameters, in this order.

        Where there are auxiliary variables, moves without them follow. `rows` are offset and case weights, if the fit
        has any.
        """
        of_units, of_structure, of_readout, of_hyper, of_rows, of_likelihood = random.split(source, 6)
        active = active_units(state)
        state, working = refresh(of_rows, state, model, x, y, *rows)
        state, data, solved, moved = self.move_units(of_units, state, model, x, working)
        if state.structure is not None:
            jumps = self.structure == BIRTH_DEATH
            state, data = move_structure(jumps, random.as_key(of_structure), state, model, x, working)
            solved = readout.solve(data, collapsed_prior(model, state, x), state.tempered_precision)
        coefficients = draw_readout(of_readout, state, model, x, solved)
        new, level = draw_hyper(of_hyper, state, model, coefficients, data)
        if model.likelihood.augments and model.likelihood.latent_rows:
            new = move_on_likelihood(random.as_key(of_likelihood), new, model, x, y, self.candidates, *rows)
        return new, with_level(moved_units(moved, active), new, level, model, x, y, *rows)

    def move_units(
        self,
        source: RandomSource,
        state: GibbsState,
        model: Model,
        x: jax.Array,
        working: WorkingRows,
        backwards: jax.Array | None = None,
    ) -> UnitMoveResult:
        """Step 1, with readout and mu_beta integrated out: every unit, then a reflection of all units and mu_gamma.

        With `backwards`, see `update_units`, there is no reflection.
        """
        of_candidates, of_flips, of_reflection = random.split(source, 3)
        gamma, hyper, noise_precision = state.gamma, state.hyper, state.tempered_precision
        proposal = PROPOSALS[self.proposal]
        terms = model.terms(x.shape[1:])
        prior = collapsed_prior(model, state, x)
        candidates = proposal.propose(of_candidates, gamma, hyper, self.candidates, state.log_scale)
        used = model.masks(state.structure, x.shape[1:])
        active = active_units(state)
        inputs, extra = readout_rows(terms, x, used)
        gamma, gram, moved = update_units(
            of_flips,
            gamma,
            candidates,
            proposal,
            hyper,
            inputs,
            extra,
            working,
            prior,
            noise_precision,
            active,
            backwards,
        )
        if backwards is None:
            new = reflect(of_reflection, gamma, gram, hyper, prior_of(model), prior, noise_precision, active)
        else:
            new = Reflected(gamma, gram, hyper, readout.solve(as_products(gram), prior, noise_precision))
        # the number of rows as a plain number, so that the random numbers for sigma can be drawn ahead
        data = as_products(new.gram, working.outputs)._replace(rows=working.count)
        return UnitMoveResult(
            state._replace(gamma=new.gamma, hyper=new.hyper), data, new.readout, moved.astype(gamma.dtype)
        )

    def adapt(self, state: GibbsState, info: Info, iteration: jax.Array) -> GibbsState:
        """A Robbins-Monro step on the log step of the trajectories, and on the log scale of each unit's walk."""
        if info.trajectory is not None and state.log_step is not None:
            state = state._replace(log_step=tuned(state.log_step, info.trajectory, iteration))
        if not PROPOSALS[self.proposal].adapts:
            return state
        return state._replace(log_scale=state.log_scale + (iteration + 1.0) ** -0.6 * (info.moved - TARGET_MOVES))

    def sites(self, state: GibbsState, model: Model, x: jax.Array) -> dict[str, jax.Array]:
        """The sites of the model, with hyperparameters as standard deviations and covariances."""
        return sites_of(state, model, x)
