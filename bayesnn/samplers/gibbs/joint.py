"""The sweep for likelihoods whose readout cannot be integrated out: units, readout and likelihood as they are.

The softmax of several classes is Gaussian, given auxiliary variables, in the function of one class at a time only, and
the units serve all classes. So units and readout move together: over signs of units with the readout integrated out by
weighted candidates, along trajectories, along slices that change the scale of a unit or a function, and one by one;
then come all hyperparameters from their exact conditionals, and the nuisance parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from bayesnn._internal import random
from bayesnn._internal.random import RandomSource
from bayesnn.likelihoods import Categorical, Gaussian, Heteroskedastic
from bayesnn.models.model import Model
from bayesnn.samplers.base import Info, Stats, Steps, summary_of
from bayesnn.samplers.gibbs.annealed_start import annealed
from bayesnn.samplers.gibbs.collapsed import GibbsState, active_units, moved_units, prior_of, sites_of, start_of
from bayesnn.samplers.gibbs.common_shift import shift_classes
from bayesnn.samplers.gibbs.joint_density import Point, Target
from bayesnn.samplers.gibbs.joint_scale_moves import move_scales
from bayesnn.samplers.gibbs.joint_state import (
    flat,
    of_point,
    point_of,
    redraw_latents,
    redraw_mean,
    redraw_spread,
    target_of,
    with_point,
)
from bayesnn.samplers.gibbs.joint_structure import draw_architecture
from bayesnn.samplers.gibbs.joint_trajectories import move_jointly
from bayesnn.samplers.gibbs.joint_unit_moves import move_units
from bayesnn.samplers.gibbs.mean_collapsed import move_without_mean
from bayesnn.samplers.gibbs.sign_moves import flip_signs
from bayesnn.samplers.gibbs.trajectories import STEPS, tuned
from bayesnn.samplers.gibbs.working_rows import tempered
from bayesnn.samplers.kernel import KernelState, StepsKernel

Move = Callable[[RandomSource, Point, Target], tuple[Point, jax.Array]]
FIRST_STEP = 0.1  # the step size of trajectories before it is tuned


@dataclass(frozen=True)
class JointGibbs(Steps):
    """The sweep of units and readout together that `Gibbs` uses for likelihoods with `informs`.

    `trajectory` is the number of leapfrog steps, 0 for the default.
    """

    tempers: ClassVar[bool] = True
    tuned: ClassVar[tuple[str, ...]] = ("log_step",)

    candidates: int = 8
    trajectory: int = 0
    sweeps: int = 1

    def kernel(self, model: Model) -> StepsKernel:
        return StepsKernel(self, model)

    def stats(self, state: KernelState) -> Stats:
        """Fraction of units that moved one by one, acceptance of the trajectories, and their step."""
        info = state.info
        found = {"acceptance_rate": info.acceptance, "trajectory_acceptance_rate": info.trajectory}
        return {n: v for n, v in found.items() if v is not None} | {"step_size": jnp.exp(state.inner.log_step)}

    def init(self, key: jax.Array, model: Model, x: jax.Array, y: jax.Array, *rows: Any) -> GibbsState:
        """Units drawn from the prior with hyperparameters at their guesses, and a readout of zeros.

        Where there are many counts, the state after some sweeps, see `annealed_start`.
        """
        state = start_of(key, model, x)
        latents = model.likelihood.start(jax.random.fold_in(key, 2))
        if isinstance(model.likelihood, Gaussian):  # a draw from the prior may be far too precise to start with
            spread = jnp.std(y, axis=0)
            latents = {name: spread if name == "sigma" else spread**-2 for name in latents}
        state = state._replace(latents=latents, log_step=jnp.full((), np.log(FIRST_STEP), state.gamma.dtype))
        if model.likelihood.kind != "count":
            return state
        return annealed(replace(self, sweeps=1), jax.random.fold_in(key, 3), state, model, x, y, *rows)

    def step(
        self, key: jax.Array, state: GibbsState, model: Model, x: jax.Array, y: jax.Array, *rows: Any
    ) -> tuple[GibbsState, Info]:
        """Run `sweeps` sweeps."""
        state, infos = random.scan_with_predrawn(
            key, self.sweeps, lambda source, s: self.sweep(source, s, model, x, y, *rows), state
        )
        return state, summary_of(infos)

    def sweep(
        self,
        source: RandomSource,
        state: GibbsState,
        model: Model,
        x: jax.Array,
        y: jax.Array,
        offset: jax.Array | None = None,
        weights: jax.Array | None = None,
    ) -> tuple[GibbsState, Info]:
        """Signs, trajectory and scales, architecture if it is random, units, hyperparameters, nuisance parameters."""
        of_signs, of_mean, of_path, of_spread, of_structure, of_units, of_hyper, of_latents = random.split(source, 8)
        target, log_step = target_of(state, model, x, y, offset, weights), state.log_step
        assert log_step is not None

        def signs(source: RandomSource, point: Point, target: Target) -> tuple[Point, jax.Array]:
            return flip_signs(source, point, of_point(point, state).beta_precision, target, model.terms(x.shape[1:]))

        point, _ = self.move(of_signs, state, signs, target, model, x, y, weights)
        state = redraw_mean(of_mean, with_point(state, point), model)

        def along(source: RandomSource, point: Point, target: Target) -> tuple[Point, jax.Array]:
            of_path, of_scales, of_shift = random.split(source, 3)
            if target.marginal is not None:  # its rounding is too coarse for points as far away as scales are tried
                return move_jointly(of_path, point, target, log_step, self.trajectory or STEPS)
            given = target._replace(beta_precision=of_point(point, state).beta_precision)
            point, acceptance = move_jointly(of_path, point, given, log_step, self.trajectory or STEPS)
            point = move_scales(of_scales, point, target, model.intercept)
            if isinstance(model.likelihood, Categorical):
                point = shift_classes(of_shift, point, target)
            return point, acceptance

        point, acceptance = self.move(of_path, state, along, target, model, x, y, weights)
        state = redraw_spread(of_spread, with_point(state, point), model)
        if state.structure is not None:
            of_architecture, of_mean = random.split(of_structure)
            state = draw_architecture(random.as_key(of_architecture), state, model, x, y, offset, weights)
            state = redraw_mean(of_mean, state, model)
            target = target_of(state, model, x, y, offset, weights)

        def one_by_one(source: RandomSource, point: Point, target: Target) -> tuple[Point, jax.Array]:
            return move_units(random.as_key(source), point, of_point(point, state), target, self.candidates)

        point, moved = self.move(of_units, state, one_by_one, target, model, x, y, weights)
        state, active = with_point(state, point), active_units(state)
        beta = state.coefficients[: state.gamma.shape[0]]
        hyper = prior_of(model).draw_hyper(of_hyper, state.hyper, state.gamma, beta, active)
        state, level = redraw_latents(of_latents, state._replace(hyper=hyper), target, model, y, weights)
        info = moved_units(moved.astype(state.gamma.dtype), active)
        return state, info._replace(trajectory=acceptance, log_likelihood=level)

    def move(
        self,
        source: RandomSource,
        state: GibbsState,
        move: Move,
        target: Target,
        model: Model,
        x: jax.Array,
        y: jax.Array,
        weights: jax.Array | None,
    ) -> tuple[Point, jax.Array]:
        """A move of units and readout; where the mean can be integrated out, of units and log sd, the mean after it."""
        if not isinstance(model.likelihood, Heteroskedastic):
            return move(source, point_of(state), target)
        terms, shares = model.terms(x.shape[1:]), tempered(weights, state, y)
        precision = flat(state.hyper.beta_precision)
        return move_without_mean(source, point_of(state), target, y, shares, precision, terms, move)

    def rounds(self, state: GibbsState) -> tuple[Steps, int]:
        """An exchange after every sweep."""
        return replace(self, sweeps=1), self.sweeps

    def adapt(self, state: GibbsState, info: Info, iteration: jax.Array) -> GibbsState:
        """A Robbins-Monro step on the log step of the trajectories."""
        assert info.trajectory is not None and state.log_step is not None
        return state._replace(log_step=tuned(state.log_step, info.trajectory, iteration))

    def sites(self, state: GibbsState, model: Model, x: jax.Array) -> dict[str, jax.Array]:
        """The sites of the model, with hyperparameters as standard deviations and covariances."""
        return sites_of(state, model, x)
