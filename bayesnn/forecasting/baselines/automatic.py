"""ARIMA, exponential smoothing and Theta with orders chosen automatically, by the optional package statsforecast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import ndtri

from bayesnn._internal.extras import extra_module
from bayesnn.evaluation.scores.predictive import NormalPredictive
from bayesnn.forecasting.baselines.base import Baseline, Task, enough

LEVEL = 95


def models() -> Any:
    """The module statsforecast.models, which is slow to import and may be missing."""
    return extra_module(
        "statsforecast.models", "forecast", 'baselines such as "auto_arima" need', ", or leave them out"
    )


@dataclass(frozen=True)
class Automatic(Baseline):
    """One of statsforecast's automatic models; its order and parameters are learnt from the training part.

    For later origins the same model, with the same parameters, is applied to the values up to the origin. The
    distributions are normal, with the standard deviation that the 95% interval implies.

    References
    ----------
    R. Hyndman and Y. Khandakar (2008), Automatic time series forecasting: the forecast package for R, Journal of
    Statistical Software 27 (3).
    """

    kind: str
    KINDS: ClassVar[dict[str, str]] = {
        "auto_arima": "AutoARIMA",
        "auto_ets": "AutoETS",
        "auto_theta": "AutoTheta",
        "auto_ces": "AutoCES",
    }

    def forecast(self, task: Task) -> NormalPredictive:
        enough(self.kind, task, 4)
        model = getattr(models(), self.KINDS[self.kind])(season_length=task.period)
        training = np.ascontiguousarray(task.training, dtype=np.float64)
        model.fit(training)
        rows = [self._one(model, task, int(origin)) for origin in task.origins]
        mean, sd = (np.stack(part) for part in zip(*rows, strict=True))
        return NormalPredictive(mean, sd)

    def _one(self, model: Any, task: Task, origin: int) -> tuple[np.ndarray, np.ndarray]:
        if origin == task.learn_to:
            result = model.predict(h=task.horizon, level=[LEVEL])
        else:
            seen = np.ascontiguousarray(task.values[:origin], dtype=np.float64)
            result = model.forward(y=seen, h=task.horizon, level=[LEVEL])
        low, high = (np.asarray(result[f"{side}-{LEVEL}"], dtype=np.float64) for side in ("lo", "hi"))
        sd = (high - low) / (2 * ndtri(0.5 + LEVEL / 200))
        return np.asarray(result["mean"], dtype=np.float64), np.maximum(sd, np.finfo(float).tiny ** 0.25)
