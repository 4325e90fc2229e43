"""What a baseline is: a spec that learns from the first part of a series and forecasts from many origins."""

from __future__ import annotations

import abc
from typing import Any, NamedTuple

import numpy as np

from bayesnn.evaluation.scores.predictive import Predictive


class Task(NamedTuple):
    """What is to be forecast: horizons 1..horizon from every origin of one series.

    values (T,) in units of y. Parameters are learnt from values[:learn_to]; a forecast from origin t, one of origins
    (o,), sees values[:t] beside them. `period` is the length of the season, 1 for none; `key` seeds what is simulated.
    """

    values: np.ndarray
    learn_to: int
    origins: np.ndarray
    horizon: int
    period: int = 1
    key: int = 0

    @property
    def training(self) -> np.ndarray:
        """What parameters are learnt from."""
        return self.values[: self.learn_to]

    @property
    def steps(self) -> np.ndarray:
        """Horizons 1, 2, ... (h,)."""
        return np.arange(1, self.horizon + 1)


class Baseline(abc.ABC):
    """A way to forecast that needs no network."""

    @abc.abstractmethod
    def forecast(self, task: Task) -> Predictive:
        """Predictive distributions of all origins and horizons of the task."""


def enough(name: str, task: Task, needed: int) -> None:
    """Refuse a training part that is too short to learn from."""
    if task.learn_to < needed:
        raise ValueError(
            f"baseline {name!r} must have at least {needed} observations to learn from, got {task.learn_to}: "
            "leave it out, or ask for fewer windows"
        )


def residual_sd(residuals: np.ndarray, parameters: int = 0) -> Any:
    """Square root of the residual sum of squares over residuals less parameters; above zero even for a perfect fit."""
    sd = np.sqrt(np.sum(residuals**2) / max(len(residuals) - parameters, 1))
    return max(sd, np.finfo(float).tiny ** 0.25)
