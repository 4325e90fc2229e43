"""Warm starts: chains that set off where those of another fit ended, on other rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bayesnn.data.dataset import Dataset
from bayesnn.fitting.task import Task
from bayesnn.models.missing_values import missing_positions
from bayesnn.models.model import Model
from bayesnn.samplers import Gibbs, Sampler
from bayesnn.samplers.engine.checkpoint import InMemoryStore
from bayesnn.samplers.engine.plan import Plan


def can_start(fit: Any) -> bool:
    """Whether the chains of a fit of other rows can start where those of this one ended."""
    return fit.state is not None and _starts_anywhere(fit.model, fit.data, fit.sampler)


def start_of(start: Any, task: Task, plan: Plan, path: Any) -> InMemoryStore:
    """Keeps a run whose chains start where those of the fit `start` ended.

    Raises
    ------
    ValueError
        If they cannot: the chains must be as many, of the same model and sampler, and hold nothing of the data.
    """
    if path is not None:
        raise ValueError("start and path must not be given together: a run in a folder has its own start")
    if not (_starts_anywhere(task.model, task.data, task.sampler) and can_start(start)):
        raise ValueError(f"start is for the collapsed Gibbs sampler, got {task.sampler}: leave start out")
    if start.model != task.model or start.sampler != task.sampler:
        raise ValueError("start must be a fit of the same model by the same sampler, got another: leave start out")
    if start.state.plan.chains != plan.chains:
        raise ValueError(f"start has {start.state.plan.chains} chains, but {plan.chains} are asked for: take as many")
    return InMemoryStore(replace(start.state.checkpoint, warmup=0, draws=0, seconds={}))


def _starts_anywhere(model: Model, data: Dataset, sampler: Sampler) -> bool:
    """Whether the state of a chain is parameters alone, as many for any rows."""
    return isinstance(sampler, Gibbs) and sampler.collapsed(model) and not len(missing_positions(data.series))
