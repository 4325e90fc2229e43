"""Baselines without a network: the last value, the last season, a line, a linear autoregression, ARIMA and ETS."""

from collections.abc import Sequence
from typing import Any

from bayesnn._internal import checks
from bayesnn.forecasting.baselines.automatic import Automatic
from bayesnn.forecasting.baselines.base import Baseline, Task
from bayesnn.forecasting.baselines.linear import LinearAR
from bayesnn.forecasting.baselines.simple import Drift, Naive, Naive2, SeasonalNaive

PLAIN: dict[str, Baseline] = {
    "naive": Naive(),
    "seasonal_naive": SeasonalNaive(),
    "drift": Drift(),
    "naive2": Naive2(),
    "auto_arima": Automatic("auto_arima"),
    "auto_ets": Automatic("auto_ets"),
    "auto_theta": Automatic("auto_theta"),
    "auto_ces": Automatic("auto_ces"),
}
LINEAR = "linear_ar"
NAMES = (*PLAIN, LINEAR)


def make_baselines(names: Sequence[Any], linear: LinearAR) -> dict[str, Baseline]:
    """Specs by name: `linear` for "linear_ar"; a `Baseline` of the caller's is named by its class."""
    if isinstance(names, str):
        names = (names,)
    found: dict[str, Baseline] = {}
    for name in names:
        if isinstance(name, Baseline):
            found[type(name).__name__] = name
            continue
        checks.known("baseline", name, NAMES)
        found[name] = linear if name == LINEAR else PLAIN[name]
    return found


__all__ = [
    "NAMES",
    "PLAIN",
    "Automatic",
    "Baseline",
    "Drift",
    "LinearAR",
    "Naive",
    "Naive2",
    "SeasonalNaive",
    "Task",
    "make_baselines",
]
