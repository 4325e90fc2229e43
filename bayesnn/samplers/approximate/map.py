"""Point estimates: the posterior mode (MAP), and an ensemble of modes from different starting points."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar

import jax
import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.runtime import PRECISIONS, as_precision
from bayesnn._internal.runtime import precision as precision_of
from bayesnn.models.marginal import MarginalModel
from bayesnn.samplers.approximate.optimize import (
    OPTIMIZERS,
    OptimizerSettings,
    Optimum,
    as_artifact,
    from_artifact,
    optimize,
    rows_of,
)
from bayesnn.samplers.base import Report, Sampler
from bayesnn.samplers.density import FEW_ROWS, Data, make_density
from bayesnn.samplers.engine.chains import Run
from bayesnn.samplers.engine.compiled_programs import kept_jit
from bayesnn.samplers.engine.plan import Plan
from bayesnn.samplers.sgmcmc.schedules import Schedule

STARTS = "climb"  # name of the artifact; a run folder holds it as climb.npz


@dataclass(frozen=True)
class MAP(Sampler):
    """Maximum a posteriori: one chain of one draw, the best mode of several restarts. The prior acts as weight decay.

    The mode is that of the density of the parameters on the unconstrained scale (logarithms of what is positive,
    non-centred where the model is), which is also the one that NUTS samples; modes depend on the scale, posteriors do
    not. The log likelihood of a minibatch of B of the n rows is multiplied by n/B.

    Parameters
    ----------
    optimizer : {"adam", "sgd", "momentum", "rmsprop", "adagrad"}
        NumPyro's optimisers; momentum has mass 0.9.
    learning_rate : float or Schedule
        Learning rate for -log posterior divided by the number of rows; a number falls to zero along a quarter of a
        cosine. `Polynomial(a, b, c)` gives a (b + step)^-c, which meets the conditions of Robbins and Monro.
    steps : int
        Largest number of steps.
    batch_size : int, optional
        Rows per step; None: all rows. Padding of sequences is left out as in `SGLD`.
    validation : float, optional
        Fraction of the rows that is held out for early stopping: the point with the best log density of these rows is
        returned. None: no row is held out, and the point with the largest posterior density is returned.
    patience : int
        Evaluations without a better score before stopping. The score is evaluated every 100 steps; with minibatches,
        once per pass over as many rows as are scored, if that takes longer.
    restarts : int
        Number of optimisations, each started from a draw of the prior; the mode with the best score is returned.
    precision : {"double", "single"}
        Arithmetic of the optimisation; what is recorded is double.
    clip : float, optional
        Longest gradient, in Euclidean norm, that a step uses; longer ones are shortened, so that gradients that explode
        in recurrent layers do no harm. Default: no limit.

    Raises
    ------
    ValueError
        If a setting is out of range.

    References
    ----------
    D. Kingma and J. Ba (2015), Adam: a method for stochastic optimization, ICLR; H. Robbins and S. Monro (1951), A
    stochastic approximation method, Annals of Mathematical Statistics 22, 400-407; R. Pascanu, T. Mikolov and Y. Bengio
    (2013), On the difficulty of training recurrent neural networks, ICML, for clipping.

    See Also
    --------
    Laplace : a normal distribution around the mode
    Ensemble : modes from many starts

    Examples
    --------
    >>> MAP(optimizer="sgd", batch_size=32).restarts
    4
    """

    approximate: ClassVar[bool] = True
    finds_modes: ClassVar[bool] = True

    optimizer: str = "adam"
    learning_rate: float | Schedule = 0.01
    steps: int = 5000
    batch_size: int | None = None
    validation: float | None = 0.1
    patience: int = 10
    restarts: int = 4
    precision: str = "double"
    clip: float | None = field(default=None, metadata={"later": True})

    def __post_init__(self) -> None:
        """Raise a ValueError for settings out of range."""
        checks.known("optimizer", self.optimizer, OPTIMIZERS)
        checks.known("precision", self.precision, PRECISIONS)
        if not isinstance(self.learning_rate, Schedule):
            checks.positive("learning_rate", self.learning_rate)
        if self.clip is not None:
            checks.positive("clip", self.clip)
        for name in ("steps", "patience", "restarts"):
            checks.positive_integer(name, getattr(self, name))
        if self.batch_size is not None:
            checks.positive_integer("batch_size", self.batch_size)
        if self.validation is not None:
            checks.fraction("validation", self.validation)

    def draw(self, target: Any, report: Report, key: jax.Array, data: Data, plan: Plan) -> Run:
        """The best mode of all restarts."""
        key_optimize, key_report = jax.random.split(key)
        found = self.optimize(target, key_optimize, data, plan, self.restarts)
        best = int(np.argmax(found.score))
        found = replace(found, **{f: getattr(found, f)[best : best + 1] for f in ("theta", "score", "step")})
        return points(target, found, report, key_report, data, self)

    def optimize(
        self,
        target: Any,
        key: jax.Array,
        data: Data,
        plan: Plan,
        members: int | None = None,
        rows: np.ndarray | None = None,
    ) -> Optimum:
        """Optimise from `members` draws of the prior, by default one per chain of the plan.

        With `rows`, only these rows of the data are used.
        """
        if members is not None:
            plan = replace(plan, chains=members, first=0, of=None, superchains=None)
        if isinstance(target, MarginalModel) and (self.batch_size, self.validation) != (None, None):
            raise ValueError(
                "marginalize=True leaves a likelihood that does not split into rows: "
                "use batch_size=None and validation=None"
            )
        key_start, key_optimize = jax.random.split(key)
        settings = OptimizerSettings(**{f.name: getattr(self, f.name) for f in fields(OptimizerSettings)})
        with precision_of(self.precision):
            data = as_precision(data)
            keys = plan.keys(key_start, plan.superchains)
            starts = kept_jit(starting_points, target, quick=True)(keys, self.starting_rows(data, rows))
        return optimize(target, starts, key_optimize, data, settings, plan, rows)

    def starting_rows(self, data: Data, rows: np.ndarray | None) -> Data:
        """The rows by which starting points are chosen: all, or FEW_ROWS of them if steps use minibatches."""
        chosen = np.arange(len(data[0])) if rows is None else rows
        if self.batch_size is not None and len(chosen) > FEW_ROWS:
            chosen = chosen[np.linspace(0, len(chosen) - 1, FEW_ROWS).astype(int)]
        return rows_of(data, chosen)


@dataclass(frozen=True)
class Ensemble(Sampler):
    """Deep ensemble: modes from different starting points, each a chain of one draw.

    The spread between members says how far the modes differ, and nothing about the width of the posterior around each.

    Parameters
    ----------
    members : int
        Number of modes.
    member : MAP
        How each mode is found; its `restarts` is not used.

    Raises
    ------
    ValueError
        If a setting is out of range, or `member` is no `MAP`.

    References
    ----------
    B. Lakshminarayanan, A. Pritzel and C. Blundell (2017), Simple and scalable predictive uncertainty estimation using
    deep ensembles, NeurIPS.

    See Also
    --------
    MAP : the posterior mode
    MCLMC : microcanonical Langevin ensembles

    Examples
    --------
    >>> Ensemble(members=5, member=MAP(steps=1000)).member.steps
    1000
    """

    approximate: ClassVar[bool] = True
    finds_modes: ClassVar[bool] = True
    of_members: ClassVar[bool] = True

    members: int = 10
    member: MAP = field(default_factory=MAP)

    def __post_init__(self) -> None:
        """Raise a ValueError for settings out of range."""
        checks.positive_integer("members", self.members)
        check_spec("member", self.member, optional=False)

    def draw(self, target: Any, report: Report, key: jax.Array, data: Data, plan: Plan) -> Run:
        """The modes of all members."""
        key_optimize, key_report = jax.random.split(key)
        found = self.member.optimize(target, key_optimize, data, plan, self.members)
        return points(target, found, report, key_report, data, self.member)


def starting_points(target: Any, keys: jax.Array, data: Data) -> jax.Array:
    """A starting point (m, d) for each of m keys."""
    return jax.vmap(make_density(target, data).start, in_axes=(0, None))(keys, data)


def check_spec(name: str, spec: Any, example: str = "MAP(steps=1000)", *, optional: bool = True) -> None:
    """Raise a ValueError unless `spec` says how to find a mode, or is None where that is allowed."""
    if not isinstance(spec, MAP) and not (optional and spec is None):
        raise ValueError(f"{name} must be {'None or ' if optional else ''}a spec such as {example}, got {spec!r}")


def points(target: Any, found: Optimum, report: Report, key: jax.Array, data: Data, spec: MAP) -> Run:
    """The modes as chains of one draw."""
    values = report_all(target, report, key, found.theta[:, None], data)
    values |= {"stat score": found.score[:, None].astype(np.float64), "stat n_steps": found.step[:, None]}
    return Run(values, found.seconds, found.complete, optimizer_notes(found, spec, len(data[0])))


def optimize_once(
    spec: MAP, target: Any, key: jax.Array, data: Data, plan: Plan, rows: np.ndarray | None = None
) -> Optimum:
    """Modes to start the chains from, one per chain; loaded if the draw store of a resumed run has them, else saved."""
    saved = None if plan.keeper is None else plan.keeper.load_artifact(STARTS)
    if saved is not None:
        return from_artifact(saved)
    found = spec.optimize(target, key, data, plan, rows=rows)
    if not found.complete:
        raise KeyboardInterrupt
    if plan.keeper is not None:
        plan.keeper.save_artifact(STARTS, as_artifact(found))
    return found


def optimizer_notes(found: Optimum, spec: MAP, rows: int) -> dict[str, Any]:
    """Attributes of the posterior that describe an optimisation."""
    held = len(found.held_out)
    said = f"{held} of {rows} rows held out for early stopping" if held else "no row held out of the optimisation"
    return {"validation": said, "validation_rows": found.held_out.astype(np.int64), "precision": spec.precision}


def report_all(target: Any, report: Report, key: jax.Array, theta: np.ndarray, data: Data) -> dict[str, np.ndarray]:
    """Reported values (chain, draw, ...) and `stat lp` at the points theta (chain, draw, d), in double precision."""
    shape, size = theta.shape[:2], theta.shape[-1]
    keys = jax.random.split(key, shape[0] * shape[1])
    with precision_of("double"):
        flat, arrays = as_precision((theta.reshape(-1, size).astype(np.float64), data))
        values = kept_jit(reported, target, report, quick=True)(keys, flat, arrays)
    return {name: np.asarray(v).reshape(*shape, *v.shape[1:]) for name, v in values.items()}


def reported(target: Any, report: Report, keys: jax.Array, points: jax.Array, data: Data) -> dict[str, jax.Array]:
    """Reported values (s, ...) and `stat lp` at s points."""
    density = make_density(target, data)

    def one(pair: tuple[jax.Array, jax.Array]) -> dict[str, jax.Array]:
        key, point = pair
        lp = -density.potential(point, data)
        return report(key, density.sites(point, data), data) | {"stat lp": lp}

    return jax.lax.map(one, (keys, points))
