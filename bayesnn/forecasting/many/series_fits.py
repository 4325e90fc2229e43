"""SeriesFits: the posteriors of many series, as a mapping by name, with forecasts, diagnoses and scores of all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.runtime import computing_in_threads
from bayesnn.evaluation.of_many import JudgesItself
from bayesnn.forecasting.backtest_result import Backtest
from bayesnn.forecasting.many.auto_backtest import backtest_of
from bayesnn.forecasting.many.bucket import MOST
from bayesnn.forecasting.many.curves import CURVES
from bayesnn.forecasting.many.prepare import check_memory, entropy_of, failure_table, labelled_paths, seed_of
from bayesnn.forecasting.many.prior import StructuralPrior
from bayesnn.forecasting.many.reading import NOTHING, Failure, Task, before
from bayesnn.forecasting.many.run import Result
from bayesnn.forecasting.many.scoring import SeriesScores, score_series
from bayesnn.forecasting.many.series_diagnosis import SeriesDiagnosis, diagnose_series
from bayesnn.forecasting.many.series_fit import SeriesFit, paths_of
from bayesnn.forecasting.many.simulate import Drawn

ODD = ("no outlier", "passed", "shift")


@dataclass(frozen=True, eq=False)
class SeriesFits(JudgesItself, Mapping[Any, SeriesFit]):
    """The fits of one series or of many, made by `bnn.auto_fit`: `fits["H123"]` is a `SeriesFit`.

    As a mapping it holds the series that were fitted, in the order of the input; `forecast` also has those with a
    fall-back.

    Attributes
    ----------
    draws : int
        Draws per series.
    panel : bool
        Whether several series were given, as a dictionary or a table.
    failures : pandas.DataFrame
        unique_id, reason, fallback: the series that were not fitted.
    pool : str or None
        How strength was borrowed, as given to `bnn.auto_fit`.

    See Also
    --------
    auto_fit : the fits behind them
    SeriesFit : the fit of one series
    """

    tasks: Mapping[Any, Task] = field(repr=False)
    results: Mapping[Any, Result] = field(repr=False)
    refused: tuple[Failure, ...] = field(repr=False)
    draws: int
    panel: bool
    prior: StructuralPrior = field(repr=False)
    pool: str | None = None

    @property
    def failures(self) -> Any:
        """The series that were not fitted: unique_id, reason, fallback ("constant", "random walk" or "none")."""
        return failure_table(self.refused)

    def __getitem__(self, name: Any) -> SeriesFit:
        """The fit of one series."""
        import pandas as pd

        if name not in self.results:
            reason = next((one.reason for one in self.refused if one.unique_id == name), "there is no such series")
            raise KeyError(f"series {name!r} has no fit: {reason}")
        task, found = self.tasks[name], self.results[name]
        drawn = Drawn(*(found[part] for part in Drawn._fields))
        return SeriesFit(
            name,
            pd.Series(task.values, index=task.index, name=name),
            task.periods,
            float(found["points"]),
            pd.DataFrame(found["curves"].reshape(len(ODD), len(CURVES)).T, index=list(CURVES), columns=list(ODD)),
            None if drawn.place < 0 else task.index[-MOST:][int(drawn.place)],
            self.prior,
            drawn,
            task,
        )

    def __iter__(self) -> Iterator[Any]:
        """Names of the series that were fitted, in the order of the input."""
        return (name for name in self.tasks if name in self.results)

    def __len__(self) -> int:
        """Number of series that were fitted."""
        return len(self.results)

    @computing_in_threads
    def forecast(self, horizon: int, *, key: Any = 0) -> Any:
        """Joint sample paths of all series, as `bnn.auto_forecast` returns them, one path per posterior draw.

        Parameters
        ----------
        horizon : int
            Steps ahead.
        key : int or jax.Array
            Seed of the errors to come. `auto_fit(series, key=k).forecast(horizon, key=k)` is
            `auto_forecast(series, horizon, key=k)`.

        Returns
        -------
        xarray.DataArray
            (chain, draw, time) of one series, (chain, draw, unique_id, time) of several, with the attribute `failures`.
        """
        steps, entropy = checks.positive_integer("horizon", horizon), entropy_of(key)
        check_memory(len(self.tasks), self.draws, steps)
        found: dict[Any, np.ndarray] = {}
        for name, one in self.results.items():
            drawn = Drawn(*(one[part] for part in Drawn._fields))
            found[name] = paths_of(self.tasks[name], drawn, self.prior, steps, seed_of(entropy, name))
        return labelled_paths(list(self.tasks.values()), found, self.refused, self.panel, (self.draws, steps), entropy)

    def diagnose(self) -> SeriesDiagnosis:
        """Whether the draws of all series can be used, series by series and in one verdict.

        Draws are independent and of the exact posterior on a grid of dynamics, so there are no chains, and R-hat has
        no meaning. What can be wrong is told instead: series that were not fitted, and those whose probability falls on
        few points of the grid, which is coarse for them.
        """
        return diagnose_series(self.tasks, self.results, self.refused, self.draws)

    def evaluate(self, future: Any, *, key: Any = 0) -> SeriesScores:
        """Scores of the forecasts of these fits against values that came later.

        Parameters
        ----------
        future : array, pandas.Series, dict, or pandas.DataFrame
            Later values in any form that `bnn.auto_fit` takes. Those with dates are found by their dates, arrays and
            lists follow the end of their series. Missing values are not scored, nor series that are not given.
        key : int or jax.Array
            As for `forecast`.

        Returns
        -------
        SeriesScores
            `.table` by series: steps scored, mase and smape (of the median), msis (of the 95% interval), crps (over the
            scale of MASE), coverage_80, coverage_95; `.mean` over the series.

        Raises
        ------
        ValueError
            If a series of `future` has no forecast, or one of its dates does not follow the series.
        """
        return score_series(self.forecast, list(self.tasks.values()), self.panel, future, key)

    def backtest(self, horizon: int = 1, windows: int | None = None, **settings: Any) -> Backtest:
        """Forecast all series from several of their own dates, with the seasons, draws and pool of these fits.

        `settings` and the result are those of `bnn.auto_backtest`: stride, n_windows, step_size, key, baselines, path,
        progress and executor. The model is fitted again to the values before each origin.
        """
        again = [before(task, len(task.values)) for task in self.tasks.values()]
        refused = [one for one in self.refused if one.fallback == NOTHING and one.unique_id not in self.tasks]
        return backtest_of(
            again, refused, horizon=horizon, windows=windows, draws=self.draws, pool=self.pool, **settings
        )

    def __repr__(self) -> str:
        """How many series, and how many that were not fitted."""
        count = len(self.results)
        without = sum(one.fallback == NOTHING for one in self.refused)
        parts = [f"{count} series, {self.draws} independent draws each"]
        if len(self.refused) > without:
            parts.append(f"{len(self.refused) - without} with a fall-back")
        if without:
            parts.append(f"{without} without a forecast: see .failures")
        return f"<SeriesFits: {', '.join(parts)}>"
