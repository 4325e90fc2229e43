"""The sampler of a fit: the one that was asked for, or plain chains, and others where these disagree.

The choice has two stages. Plain chains run until they have converged. If they still disagree on the function after
`GIVE_UP`, sampling goes on with `tempered(plain sampler)`, from the states that the plain chains have reached. Both
stages are ordinary runs, with folders of their own where there is a path, so each is resumed as such.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from bayesnn.data.dataset import Dataset
from bayesnn.fitting.store import SamplingJob
from bayesnn.fitting.until_converged import DISAGREE, until_converged
from bayesnn.likelihoods import Gaussian
from bayesnn.models.missing_values import missing_positions
from bayesnn.models.model import Model
from bayesnn.samplers import NUTS, Gibbs, Sampler, Tempered, collapses, has_own_sweep, make_sampler
from bayesnn.samplers.engine.checkpoint import Artifact, as_artifact
from bayesnn.samplers.engine.plan import Plan
from bayesnn.samplers.fixed_layers import fixed_layers

GIVE_UP = (1024, 1.05)  # after 1024 draws, plain chains with a larger R-hat of the function are given up
FOLDER = "tempered"  # name of the second stage's folder inside that of the run
HOTTEST = 0.1  # default for the lowest power of the likelihood in the second stage
COLDEST_END, HOTTEST_END = 0.5, 0.02  # bounds of that power where `hot_end` chooses it
NATS_PER_WEIGHT = 2.0  # nats per weight that the function still explains at that power
WARMUP = 200  # warm-up steps of the second stage, in which the ladder is spaced
LONGER_WARMUP = 500  # warm-up steps for few rows, where steps are cheap, so that copies leave their first modes
FEW_ROWS = 4000  # up to this many rows; warm-up is always completed, whatever the limit of time
SECONDS = 1.0  # the second stage has at least this time


def tempered(plain: Sampler) -> Sampler | None:
    """The sampler of the second stage, given that of the first; None where there is none, and plain chains go on.

    It finds the states at which the plain chains ended in the artifact `HANDED` of its plan's keeper, see
    `engine.checkpoint.as_artifact`.
    """
    return Tempered(plain, hottest=HOTTEST) if isinstance(plain, Gibbs | NUTS) else None


def plain_then_tempered(run: Callable[..., Any], job: SamplingJob, plan: Plan, seconds: float, path: Any) -> Any:
    """A fit by plain chains, or by tempered ones where these disagree on the function after GIVE_UP.

    `run(job, plan, path, handed)` makes a fit, `seconds` are for both stages together.
    """
    then = tempered(job.sampler) if _can_be_tempered(job) else None
    if then is None:
        return run(job, until_converged(plan, job, seconds), path)
    first = run(job, until_converged(plan, job, seconds, GIVE_UP), path)
    attrs = first.idata["posterior"].attrs
    if attrs["stopped"] != DISAGREE:
        return first
    taken = sum(attrs[f"{phase}_seconds"] for phase in ("compile", "warmup", "sampling"))
    warmup = WARMUP
    if isinstance(then, Tempered) and _has_one_error(job):
        then = replace(then, hottest=hot_end(first))
        warmup = LONGER_WARMUP if len(job.data.y) <= FEW_ROWS else WARMUP
    second = replace(job, sampler=then, key=jax.random.fold_in(job.key, 1))
    plan = replace(plan, keeper=None, warmup=min(plan.warmup, warmup))  # the chains have arrived before
    left = until_converged(plan, second, max(SECONDS, seconds - taken))
    return run(second, left, None if path is None else Path(path) / FOLDER, _learnt(first, taken))


def hot_end(first: Any) -> float:
    """The power of the likelihood at which the ladder may end, from plain chains of a network with Gaussian errors.

    A function with error sd sigma explains n log(sd(y)/sigma) nats more than a constant does. At the power at which
    that is `NATS_PER_WEIGHT` for each weight, units still have shapes that the data ask for, yet copies move freely;
    hotter ones would have to find such shapes anew, past a change of phase. Rounded, as it becomes part of a sampler.
    """
    cases = first.data.weights
    rows = len(first.data.y) if cases is None else cases.sum()
    sd = np.sqrt(np.cov(first.data.y, aweights=cases, ddof=0))
    explained = rows * float(np.log(sd / first.idata["posterior"]["sigma"].to_numpy()).mean())
    weights = sum(first.model.sizes(first.data.x.shape[1:]).values())
    power = NATS_PER_WEIGHT * weights / max(explained, 1.0)
    return float(f"{np.clip(power, HOTTEST_END, COLDEST_END):.2g}")


def _has_one_error(job: SamplingJob) -> bool:
    """Whether the collapsed sweep of one network serves the model, with Gaussian errors of one size and no offset."""
    likelihood = job.model.likelihood
    one = isinstance(likelihood, Gaussian) and not likelihood.outputs and likelihood.noise_scale is None
    return one and collapses(job.model) and job.model.architecture is None and job.data.offset is None


def _can_be_tempered(job: SamplingJob) -> bool:
    """Whether `Tempered` serves model and data: it neither holds weights at a mode nor draws missing values."""
    return not fixed_layers(job.model) and not len(missing_positions(job.data.series))


def _learnt(first: Any, seconds: float) -> Artifact:
    """The last states of the plain chains, and the note about them that the fit keeps."""
    draws = first.state.checkpoint.draws
    note = (
        f"{first.state.plan.chains} plain chains by {first.sampler} disagreed on the function (R-hat above "
        f"{GIVE_UP[1]}) after {draws} draws, {seconds:.0f} s: these chains went on from their last states"
    )
    arrays, document = as_artifact(first.state.checkpoint)
    return arrays, document | {"note": note}


def sampler_for(model: Model, data: Dataset, sampler: str | Sampler | None) -> Sampler:
    """The sampler as it will run on a model and its rows.

    Raises
    ------
    ValueError
        If it cannot serve them.
    """
    spec = make_sampler(sampler) if sampler is not None else plain_sampler(model)
    spec.check(model)
    if model.architecture is not None and not spec.moves_architectures:
        raise ValueError(f'a random architecture needs sampler="gibbs", which moves between networks, got {spec}')
    return spec if data.weights is None and data.shift is None else spec.for_rows()


def plain_sampler(model: Model) -> Sampler:
    """The sampler of chains that suits a model."""
    return Gibbs() if has_own_sweep(model) else make_sampler("nuts")
