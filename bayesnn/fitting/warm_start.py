"""Warm starts: chains that begin in the last states of the chains of another fit, to other rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bayesnn.data.dataset import Dataset
from bayesnn.fitting.autoregression import is_confined
from bayesnn.fitting.sampling_job import SamplingJob
from bayesnn.models.missing_values import missing_positions
from bayesnn.models.model import Model
from bayesnn.samplers import Sampler, Tempered
from bayesnn.samplers.engine.checkpoint import HANDED, InMemoryStore, as_artifact
from bayesnn.samplers.engine.plan import Plan

SCALES = ("linear_mean", "linear_variance", "readout_guess", "readout_mean_variance")  # of the prior of a series' past


def can_start(fit: Any) -> bool:
    """Whether the chains of a fit to other rows can start from the last states of this fit."""
    return fit.state is not None and _starts_anywhere(fit.model, fit.data, fit.sampler)


def start_of(start: Any, job: SamplingJob, plan: Plan, path: Any) -> InMemoryStore:
    """A store in memory for a run whose chains start from the last states of the fit `start`.

    Raises
    ------
    ValueError
        If they cannot: both fits need the same model, sampler and number of chains, and chain states free of data.
    """
    if path is not None:
        raise ValueError("start and path must not be given together: a run in a folder has its own start")
    if isinstance(job.sampler, Tempered):
        return _for_systems(start, job)
    if not (_starts_anywhere(job.model, job.data, job.sampler) and can_start(start)):
        raise ValueError(f"start is for the Gibbs sampler of shallow networks, got {job.sampler}: leave start out")
    if not same_unknowns(start.model, job.model) or start.sampler != job.sampler:
        raise ValueError("start must be a fit of the same model by the same sampler, got another: leave start out")
    if start.state.plan.chains != plan.chains:
        raise ValueError(f"start has {start.state.plan.chains} chains, but chains={plan.chains}: use the same number")
    return InMemoryStore(replace(start.state.checkpoint, warmup=0, draws=0, seconds={}))


def _for_systems(start: Any, job: SamplingJob) -> InMemoryStore:
    """A store for systems whose copies start from the last states of the plain chains of the fit `start`."""
    plain = job.sampler.sampler  # type: ignore[attr-defined]
    if start.state is None or not same_unknowns(start.model, job.model) or start.sampler != plain:
        raise ValueError(
            f"start must be a fit of the same model by {plain}, which is tempered, got {start!r}: leave start out"
        )
    return InMemoryStore(artifacts={HANDED: as_artifact(start.state.checkpoint)})


def same_unknowns(one: Model, other: Model) -> bool:
    """Whether models of fits differ at most by numbers that each fit took from its rows.

    Those are the baseline of counts, and the scales of the prior of a series' past.
    """
    likelihood: Any = one.likelihood
    if hasattr(likelihood, "baseline") and hasattr(other.likelihood, "baseline"):
        one = replace(one, likelihood=replace(likelihood, baseline=other.likelihood.baseline))
    if is_confined(one) and is_confined(other):
        prior: Any = one.prior
        learnt: Any = other.prior
        region = replace(prior.region, sum_variance=learnt.region.sum_variance)
        if len(prior.linear_mean) == len(learnt.linear_mean):
            one = replace(one, prior=replace(prior, region=region, **{name: getattr(learnt, name) for name in SCALES}))
    return one == other


def _starts_anywhere(model: Model, data: Dataset, sampler: Sampler) -> bool:
    """Whether the state of a chain is its parameters alone, whose number does not depend on the rows."""
    return sampler.starts_anywhere(model) and not len(missing_positions(data.series))
