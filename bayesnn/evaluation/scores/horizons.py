"""Scores of forecasts by horizon: one row per origin and horizon, and averages over the origins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bayesnn.evaluation.scores.predictive import Predictive

LEVELS = (50, 80, 95)


def mase_scale(training: np.ndarray, period: int) -> float:
    """Mean absolute error of the seasonal naive forecast within the training part, by which MASE divides errors.

    Pairs of which a value is missing are left out.

    References
    ----------
    R. Hyndman and A. Koehler (2006), Another look at measures of forecast accuracy, International Journal of
    Forecasting 22, 679-688, section 3; with the seasonal naive forecast as in R. Hyndman and G. Athanasopoulos (2021),
    Forecasting: Principles and Practice, 3rd edition, OTexts, section 5.8.

    Examples
    --------
    >>> import numpy as np
    >>> mase_scale(np.array([1.0, 3.0, 2.0]), 1)
    1.5
    """
    step = period if len(training) > period else 1
    return float(np.nanmean(np.abs(training[step:] - training[:-step])))


def score_rows(predictive: Predictive, observed: np.ndarray, levels: Sequence[float] = LEVELS) -> dict[str, np.ndarray]:
    """Summaries and scores of each forecast (o, h) against the observed values: name -> (o, h).

    mean, median, lo-50, hi-50, ... of each level in per cent, crps, log_score (natural log of the density, larger is
    better) and pit, the probability integral transform.
    """
    ends = {
        f"{side}-{level:g}": predictive.quantile(0.5 + sign * level / 200)
        for level in levels
        for side, sign in (("lo", -1), ("hi", 1))
    }
    return {
        "mean": predictive.mean,
        "median": predictive.quantile(0.5),
        **ends,
        "crps": predictive.crps(observed),
        "log_score": predictive.log_density(observed),
        "pit": predictive.cdf(observed),
    }


def score_table(forecasts: Any, levels: Sequence[float] = LEVELS) -> Any:
    """Averages over series and origins by method and horizon, from a long frame of `score_rows` beside y and scale.

    rmse of the mean; mae and mase of the median, the best point forecast under absolute error (T. Gneiting, 2011,
    Making and evaluating point forecasts, JASA 106, 746-762); coverage as a share, width in units of y. Where y is
    missing, nothing is scored, and a value that is missing is not outside an interval.
    """
    import pandas as pd

    y = forecasts["y"]
    error = (y - forecasts["median"]).abs()
    columns = {"square": (y - forecasts["mean"]) ** 2, "mae": error, "mase": error / forecasts["scale"]}
    columns |= {name: forecasts[name] for name in ("crps", "log_score")}
    low_high = {level: (forecasts[f"lo-{level:g}"], forecasts[f"hi-{level:g}"]) for level in levels}
    inside = {n: ((y >= low) & (y <= high)).astype(float).where(y.notna()) for n, (low, high) in low_high.items()}
    columns |= {f"coverage_{n:g}": one for n, one in inside.items()}
    columns |= {f"width_{n:g}": high - low for n, (low, high) in low_high.items()}
    by = [forecasts["method"], forecasts["horizon"]]
    table = pd.DataFrame(columns).groupby(by, sort=False).mean()
    table.insert(0, "rmse", np.sqrt(table.pop("square")))
    return table
