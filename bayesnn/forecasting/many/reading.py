"""The series of `auto_forecast`, each with its dates and season; what cannot be fitted gets a fall-back or a reason."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bayesnn._internal.numbers import LARGEST, constant
from bayesnn.data.series import dates
from bayesnn.data.series.reading import read_series
from bayesnn.forecasting.many.gaps import complete, most_common_step
from bayesnn.forecasting.many.seasons import seen_often_enough, usual_seasons

LEAST_VALUES = 3
CONSTANT, WALK, NOTHING = "constant", "random walk", "none"


class Task(NamedTuple):
    """One series to be forecast: values (n,), NaN where missing, and their dates with the step from one to the next.

    seasons are those of the dates, or as given; periods those of the model, (1,) where there are too few of all.
    exogenous (n + h, e) are the values of the columns at the dates of the series and h dates after these.
    """

    name: Any
    values: np.ndarray
    index: Any
    step: Any
    seasons: tuple[int, ...]
    periods: tuple[int, ...]
    fallback: str | None
    exogenous: np.ndarray | None = None
    columns: tuple[str, ...] = ()

    @property
    def season(self) -> int:
        """Steps of the shortest season, by which scores are scaled."""
        return self.seasons[0]

    def after(self, horizon: int) -> Any:
        """The next dates."""
        return dates.next_dates(self.index, self.step, horizon)


class Failure(NamedTuple):
    """A series that was not fitted, why, and what its forecast is instead: "constant", "random walk" or "none"."""

    unique_id: Any
    reason: str
    fallback: str


def read_tasks(series: Any, horizon: int, seasonal: tuple[int, ...] | None) -> tuple[list[Task], list[Failure], bool]:
    """Tasks in the order of the input, failures, and whether the series are a panel.

    A single series that cannot be read raises its error, and so does a panel of which no series can be.
    """
    refused: dict[Any, str] = {}
    found, panel = read_series(series, refused)
    found = {name: values.sort_index() for name, values in found.items()}
    common = most_common_step(found)
    tasks, failures = [], [Failure(name, reason, NOTHING) for name, reason in refused.items()]
    for name, values in found.items():
        try:
            task = _task(name, *complete(name, values, common), horizon, seasonal)
        except ValueError as error:
            if not panel:
                raise
            failures.append(Failure(name, str(error), NOTHING))
            continue
        if task.fallback:
            failures.append(Failure(name, reason_of(task), task.fallback))
        tasks.append(task)
    if not tasks:
        raise ValueError(f"no series can be forecast; the first, {failures[0].unique_id!r}: {failures[0].reason}")
    return tasks, failures, panel


def _task(name: Any, values: Any, step: Any, horizon: int, seasonal: tuple[int, ...] | None) -> Task:
    seasons = usual_seasons(dates.usual_period(step)) if seasonal is None else seasonal
    dates.next_dates(values.index, step, horizon)  # which may be beyond what dates can be
    numbers = values.to_numpy(dtype=float)
    seen = np.flatnonzero(np.isfinite(numbers))
    if not len(seen):
        raise ValueError(f"series {name!r} has no observed value: give at least one")
    observed = numbers[seen]
    if not constant(observed[:, None])[0] and (sd := observed.std()) < 1.0 / LARGEST:
        raise ValueError(
            f"series {name!r} must have a standard deviation of at least {1.0 / LARGEST:g}, got {sd:.6g}, whose square "
            "is no number: use other units"
        )
    index = values.index[seen[0] :]
    return Task(name, numbers[seen[0] :], index, step, seasons, *_fitted_as(numbers, seasons))


def before(task: Task, count: int) -> Task:
    """The first values of a series, to be forecast as if no more were known."""
    values = task.values[:count]
    return task._replace(values=values, index=task.index[:count], **_fitted_as(values, task.seasons)._asdict())


class FittedAs(NamedTuple):
    """The seasons of the model, and the fall-back of what cannot be fitted."""

    periods: tuple[int, ...]
    fallback: str | None


def _fitted_as(values: np.ndarray, seasons: tuple[int, ...]) -> FittedAs:
    observed = values[np.isfinite(values)]
    periods = seen_often_enough(seasons, len(observed))
    if constant(observed[:, None])[0]:
        return FittedAs(periods, CONSTANT)
    return FittedAs(periods, WALK if len(observed) < LEAST_VALUES else None)


def reason_of(task: Task) -> str:
    """Why a series has its fall-back."""
    count = int(np.isfinite(task.values).sum())
    if task.fallback == WALK:
        return f"{count} values are observed, fewer than {LEAST_VALUES}"
    return "one value is observed" if count == 1 else f"all {count} observed values are equal"


def fallback_paths(task: Task, horizon: int, draws: int, seed: Any) -> np.ndarray:
    """Paths (draws, horizon) of a series that is not fitted: its constant value, or a random walk from the last one.

    Steps of the walk are normal, with the root mean square of the differences seen.
    """
    values = task.values[np.isfinite(task.values)]
    if task.fallback == CONSTANT:
        return np.full((draws, horizon), values[-1])
    sd = float(np.sqrt(np.mean(np.diff(values) ** 2)))
    return values[-1] + np.cumsum(sd * np.random.default_rng(seed).standard_normal((draws, horizon)), axis=1)
