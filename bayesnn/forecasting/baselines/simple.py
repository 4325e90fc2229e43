"""Forecasts by the last value, the last season, or the line from the first value to the last.

Errors are normal. Their standard deviation is a multiple of the residual standard deviation, given in R. Hyndman and
G. Athanasopoulos (2021), Forecasting: Principles and Practice, 3rd edition, OTexts, section 5.5, table 5.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesnn.evaluation.scores.predictive import NormalPredictive
from bayesnn.forecasting.baselines.base import Baseline, Task, enough, residual_sd
from bayesnn.forecasting.baselines.seasons import seasonal_indices


@dataclass(frozen=True)
class Naive(Baseline):
    """The last value: a random walk, sd sqrt(h) times that of the differences.

    Examples
    --------
    >>> import numpy as np
    >>> task = Task(np.array([1.0, 3.0, 2.0]), 3, np.array([3]), horizon=2)
    >>> Naive().forecast(task).mean
    array([[2., 2.]])
    """

    def forecast(self, task: Task) -> NormalPredictive:
        enough("naive", task, 2)
        sd = residual_sd(np.diff(task.training)) * np.sqrt(task.steps)
        last = task.values[task.origins - 1]
        return NormalPredictive(*np.broadcast_arrays(last[:, None], sd))


@dataclass(frozen=True)
class SeasonalNaive(Baseline):
    """The value of the same season a period ago; sd sqrt(k + 1) times that of the seasonal differences.

    k is the number of whole periods before the horizon. With a period of 1 this is the naive forecast.
    """

    def forecast(self, task: Task) -> NormalPredictive:
        m = task.period
        enough("seasonal_naive", task, m + 1)
        complete = (task.steps - 1) // m
        sd = residual_sd(task.training[m:] - task.training[:-m]) * np.sqrt(complete + 1)
        source = task.origins[:, None] + task.steps - 1 - m * (complete + 1)
        return NormalPredictive(*np.broadcast_arrays(task.values[source], sd))


@dataclass(frozen=True)
class Drift(Baseline):
    """A random walk with the average change as its drift; sd sqrt(h (1 + h / (T - 1))) times that of the residuals."""

    def forecast(self, task: Task) -> NormalPredictive:
        enough("drift", task, 3)
        changes = np.diff(task.training)
        slope, steps = changes.mean(), task.steps
        sd = residual_sd(changes - slope, parameters=1) * np.sqrt(steps * (1 + steps / len(changes)))
        last = task.values[task.origins - 1]
        return NormalPredictive(*np.broadcast_arrays(last[:, None] + slope * steps, sd))


@dataclass(frozen=True)
class Naive2(Baseline):
    """The last seasonally adjusted value times the seasonal index: the benchmark of the M competitions.

    Values are seasonally adjusted only if the autocorrelation at lag `period` is significant at 10%.

    References
    ----------
    S. Makridakis, E. Spiliotis and V. Assimakopoulos (2020), The M4 competition: 100,000 time series and 61 forecasting
    methods, International Journal of Forecasting 36, 54-74, section 2.2 and its appendix.
    """

    def forecast(self, task: Task) -> NormalPredictive:
        enough("naive2", task, 2)
        season, additive = seasonal_indices(task.training, task.period)
        of = season[np.arange(len(task.values) + task.horizon) % task.period]
        seen = of[: len(task.values)]
        adjusted = task.values - seen if additive else task.values / seen
        sd = residual_sd(np.diff(adjusted[: task.learn_to])) * np.sqrt(task.steps)
        last, ahead = adjusted[task.origins - 1][:, None], of[task.origins[:, None] + task.steps - 1]
        if additive:
            return NormalPredictive(*np.broadcast_arrays(last + ahead, sd))
        return NormalPredictive(*np.broadcast_arrays(last * ahead, sd * ahead))
