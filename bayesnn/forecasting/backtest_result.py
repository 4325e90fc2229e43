"""Backtest: scored forecasts from rolling origins, and which method is ahead where it matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bayesnn._internal import checks
from bayesnn.evaluation.compare import SMALL_DIFFERENCE
from bayesnn.evaluation.scores import Difference, paired_difference
from bayesnn.fitting.fit import Fit
from bayesnn.forecasting.comparison import method_table

SCORES = {"crps": False, "log_score": True}  # whether larger is better
ORDERED_BY = ("mase", "smape", "msis", "crps")
CLEAR = 2.0  # standard errors


@dataclass(frozen=True, eq=False)
class Backtest:
    """Scored forecasts from rolling origins.

    Attributes
    ----------
    table : pandas.DataFrame
        Averages over series and windows by method and horizon: rmse (of the mean), mae and mase (of the median), crps,
        log_score (natural log of the density of y, larger is better), coverage and width of central intervals.
    forecasts : pandas.DataFrame
        One row per method, series, window and horizon: unique_id, window, origin (date of the last value seen; also as
        cutoff), ds, horizon, method, y, mean, median, lo-50, hi-50, ..., crps, log_score, pit,
        scale (the denominator of MASE).
    fits : dict of Fit
        The last fit of each model.
    overlap : int
        Number of consecutive windows whose forecasts contain the same date.
    seconds : dict of float
        Wall time of each method, in fitting and forecasting.
    failures : pandas.DataFrame or None
        Of `auto_backtest`: series that have no forecasts, and methods that were replaced by another, with the reason.

    See Also
    --------
    backtest : scores from rolling origins
    auto_backtest : their scores from rolling origins
    """

    table: Any
    forecasts: Any
    fits: Mapping[str, Fit]
    overlap: int
    seconds: Mapping[str, float] = field(default_factory=dict)
    failures: Any = None

    @property
    def pit(self) -> Any:
        """Probability integral transforms, uniform if calibrated: one column per method, by series, window, horizon."""
        rows = ["unique_id", "window", "ds", "horizon"]
        wide = self.forecasts.pivot(index=rows, columns="method", values="pit")
        return wide[list(self.methods)]

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods, models first."""
        return tuple(self.forecasts["method"].unique())

    def difference(self, one: str, other: str, score: str = "crps", horizon: int | None = None) -> Difference:
        """Mean over windows of the score of `one` minus that of `other`, with its standard error.

        Scores are averaged over series, and over horizons unless `horizon` is given. The standard error is that of
        Diebold and Mariano, corrected as in `bayesnn.evaluation.scores.paired_difference`.
        """
        for method in (one, other):
            checks.known("method", method, self.methods)
        checks.known("score", score, tuple(SCORES))
        rows = self.forecasts if horizon is None else self.forecasts[self.forecasts["horizon"] == horizon]
        means = rows.groupby(["method", "window"])[score].mean()
        return paired_difference((means[one] - means[other]).to_numpy(), self.overlap)

    def comparison(self, by: str = "crps") -> Any:
        """A table of the methods, best first, by scores that do not depend on units, averaged over all horizons.

        Parameters
        ----------
        by : {"mase", "smape", "msis", "crps"}
            Which score orders the methods.

        Returns
        -------
        pandas.DataFrame
            mase and smape (per cent; of the median), msis (of the 95% interval), crps (over the scale of MASE),
            coverage_80, coverage_95, seconds, and how far the mean score is behind that of the best method: behind, its
            standard error se, and z. The standard error is that of Diebold and Mariano; where there are more series
            than windows, it is over series, which are taken as independent.

        References
        ----------
        F. Diebold and R. Mariano (1995), Comparing predictive accuracy, Journal of Business & Economic Statistics 13,
        253-263; S. Makridakis, E. Spiliotis and V. Assimakopoulos (2020), The M4 competition, International Journal of
        Forecasting 36, 54-74, section 3.2, for sMAPE, MASE and MSIS.
        """
        checks.known("by", by, ORDERED_BY)
        return method_table(self.forecasts, self.overlap, self.seconds, by)

    def best(self, score: str = "crps") -> str:
        """One line: which method has the best mean score over all horizons, and how far the next one is behind.

        Methods whose log scores differ by less than 4 nats in all forecast alike, as `bnn.compare` has it, however many
        standard errors that is; a difference of less than two standard errors is not clear.
        """
        checks.known("score", score, tuple(SCORES))
        larger = SCORES[score]
        means = self.forecasts.groupby("method")[score].mean().sort_values(ascending=not larger)
        first = means.index[0]
        if len(means) == 1:
            return f"{score}: {first}, {means.iloc[0]:.4g}"
        second = means.index[1]
        return self._verdict(score, first, float(means.iloc[0]), second, float(means.iloc[1]))

    def nats(self, one: str, other: str) -> float:
        """By how much the log score of `one` is ahead of that of `other` in all, in natural logarithms.

        It is the mean over horizons, summed over series and windows: forecasts of several horizons from an origin
        share their errors, and count once.
        """
        rows = self.forecasts[self.forecasts["method"].isin([one, other])]
        sums = rows.groupby(["method", "unique_id", "window"])["log_score"].mean().groupby("method").sum()
        return float(sums[one] - sums[other])

    def _verdict(self, score: str, first: str, one: float, second: str, other: float) -> str:
        apart, nats = self.difference(first, second, score), self.nats(first, second)
        size = f"{abs(apart.z):.1f} standard errors of the paired difference, {nats:.1f} nats in all"
        if abs(nats) < SMALL_DIFFERENCE:
            return f"{score}: {first}, {one:.4g}, and {second}, {other:.4g}, forecast alike: {size}"
        if not abs(apart.z) >= CLEAR:
            return f"{score}: {first}, {one:.4g}, is not clearly ahead of {second}, {other:.4g}: {size}"
        return f"best by {score}: {first}, {one:.4g}, ahead of {second}, {other:.4g}, by {size}"

    def __str__(self) -> str:
        """The table, and the best method by each score."""
        count = self.forecasts["window"].nunique()
        several = self.forecasts["unique_id"].nunique()
        title = f"{count} window(s)" + (f" of {several} series" if several > 1 else "")
        shown = self.table.to_string(float_format=lambda value: f"{value:.3g}")
        return "\n".join([title, shown, *(self.best(score) for score in SCORES)])


def in_order(frames: Sequence[Any]) -> Any:
    """All rows, by method in the order of appearance, then series, window and horizon."""
    import pandas as pd

    rows = pd.concat(frames, ignore_index=True)
    position = {name: i for i, name in enumerate(rows["method"].unique())}
    series = {name: i for i, name in enumerate(rows["unique_id"].unique())}
    order = np.lexsort((rows["horizon"], rows["window"], rows["unique_id"].map(series), rows["method"].map(position)))
    return rows.iloc[order].reset_index(drop=True)
