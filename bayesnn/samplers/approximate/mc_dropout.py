"""Monte Carlo dropout: draws of a network whose units are dropped at random, at weights found with dropout."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from bayesnn.layers.dropout import has_dropout
from bayesnn.models.model import Model
from bayesnn.samplers.approximate.map import MAP, check_spec, optimizer_notes, report_all
from bayesnn.samplers.base import Data, Report, Sampler
from bayesnn.samplers.engine.chains import Run
from bayesnn.samplers.engine.plan import Plan

SITE = "dropout"


@dataclass(frozen=True)
class MCDropout(Sampler):
    """Weights found by an optimiser with `Dropout`, which stays on in all predictions: each draw drops other units.

    The site "dropout" numbers the units that a draw drops: they are the same for all rows, and for all steps of a
    sequence, so that a draw is a function. The rates are set and not learnt, so the spread does not shrink as rows are
    added: see the last reference, and compare with a sampler.

    Parameters
    ----------
    start : MAP
        How the weights are found.

    Raises
    ------
    ValueError
        If `start` is no `MAP`; in `fit`, if the model has no `Dropout` layer.

    References
    ----------
    Y. Gal and Z. Ghahramani (2016), Dropout as a Bayesian approximation, ICML, equation (6); Y. Gal and Z. Ghahramani
    (2016), A theoretically grounded application of dropout in recurrent neural networks, NIPS, section 4; I. Osband
    (2016), Risk versus uncertainty in deep learning, NIPS workshop on Bayesian deep learning, for what it is not.

    See Also
    --------
    Dropout : units that are left out at random
    Ensemble : modes from many starts
    Variational : the closest normal distribution

    Examples
    --------
    >>> MCDropout(MAP(steps=1000)).start.steps
    1000
    """

    approximate: ClassVar[bool] = True
    finds_modes: ClassVar[bool] = True
    caution: ClassVar[str] = (
        "Their spread comes from the units that Dropout drops, at a rate that was set and not learnt, and does not "
        "shrink with more rows."
    )

    start: MAP = field(default_factory=MAP)

    def __post_init__(self) -> None:
        """Raise a ValueError for anything but a MAP."""
        check_spec("start", self.start, optional=False)

    def check(self, model: Model) -> None:
        """Refuse a model without dropout, whose draws would all be equal."""
        if not has_dropout(tuple(model.layers)):
            raise ValueError("MCDropout needs a model with a Dropout layer, as in [Dense(20), Dropout(0.1)], got none")

    def serve(self, model: Model) -> Model:
        """The model in which every draw says which units it drops."""
        return replace(model, dropout=True)

    def draw(self, target: Any, report: Report, key: jax.Array, data: Data, plan: Plan) -> Run:
        """The best mode of all restarts, once for every draw."""
        key_optimize, key_report, key_drop = jax.random.split(key, 3)
        found = self.start.optimize(target, key_optimize, data, plan, self.start.restarts)
        begun = time.perf_counter()
        best = found.theta[int(np.argmax(found.score))][None, None]
        one = report_all(target, WithoutDropout(report), key_report, best, data)
        shape = plan.chains, plan.draws
        values = {name: np.broadcast_to(v, (*shape, *v.shape[2:])).copy() for name, v in one.items()}
        values[SITE] = np.asarray(jax.random.bits(key_drop, shape, jnp.uint32)).astype(np.int64)
        seconds = found.seconds | {"sampling": time.perf_counter() - begun}
        return Run(values, seconds, found.complete, optimizer_notes(found, self.start, len(data[0])))


@dataclass(frozen=True)
class WithoutDropout:
    """A report of weights alone: what numbers the dropped units is zero, to be replaced by the number of each draw."""

    report: Report

    def __call__(self, key: jax.Array, sites: dict[str, jax.Array], data: Data) -> dict[str, jax.Array]:
        """Reported values."""
        return self.report(key, sites | {SITE: jnp.zeros(())}, data)
