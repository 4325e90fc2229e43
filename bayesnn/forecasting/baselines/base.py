"""The interface of a baseline: a spec that learns from the first part of a series and forecasts from many origins."""

from __future__ import annotations

import abc
from typing import Any, NamedTuple

import numpy as np

from bayesnn.evaluation.scores.predictive import Predictive


class Task(NamedTuple):
    """A forecasting task: horizons 1..horizon from every origin of one series.

    values (T,) are in units of y. Parameters are learnt from values[:learn_to]; a forecast from an origin t, one of
    `origins` (o,), also uses values[:t]. `period` is the length of the season, 1 if there is none; `key` is the seed
    of simulations.
    """

    values: np.ndarray
    learn_to: int
    origins: np.ndarray
    horizon: int
    period: int = 1
    key: int = 0

    @property
    def training(self) -> np.ndarray:
        """The values from which parameters are learnt."""
        return self.values[: self.learn_to]

    @property
    def steps(self) -> np.ndarray:
        """Horizons 1, 2, ... (h,)."""
        return np.arange(1, self.horizon + 1)


class Baseline(abc.ABC):
    """A forecasting method without a network."""

    @abc.abstractmethod
    def forecast(self, task: Task) -> Predictive:
        """Predictive distributions of all origins and horizons of the task."""


def enough(name: str, task: Task, needed: int) -> None:
    """Raise a ValueError if the training part is too short for this baseline."""
    if task.learn_to < needed:
        raise ValueError(
            f"baseline {name!r} must have at least {needed} observations to learn from, got {task.learn_to}: "
            "leave it out, or ask for fewer windows"
        )


def residual_sd(residuals: np.ndarray, parameters: int = 0) -> Any:
    """sqrt(residual sum of squares / (residuals - parameters)); above zero even for a perfect fit."""
    sd = np.sqrt(np.sum(residuals**2) / max(len(residuals) - parameters, 1))
    return max(sd, np.finfo(float).tiny ** 0.25)
