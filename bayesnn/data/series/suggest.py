"""Suggested lags and transform of a series: lags from its season or by evidence, the transform by evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.numbers import constant
from bayesnn.data.series import dates
from bayesnn.data.series.kernel_evidence import Scales, best_scales
from bayesnn.data.series.lag_search import MOST_ROWS, search_lags
from bayesnn.data.series.linear_regression import linear_regression
from bayesnn.data.series.reading import common_step, read_lags, read_series
from bayesnn.data.series.transforms import SCALE, STANDARDIZE, Transform, make_transform

AUTO = "auto"
LAGS_WITHOUT_SEASON = 3
VALUES_PER_LAG = 6  # observations per step of the longest lag
LONGEST_WHOLE_SEASON = 12  # all lags are used of seasons up to this length
FEWEST_TO_SEARCH = 30  # lags are searched from this many observations on
LEAST_SEASONS = 2  # the seasonal lag is used from this many seasons on
SEASONS_OF_BOTH = 10  # both differences are tried if every series of a panel has this many seasons
ROWS_PER_COEFFICIENT = 2  # rows per coefficient that a seasonal difference must leave


@dataclass(frozen=True, eq=False)
class Suggestion:
    """Lags and transform for `bnn.lagged`, and how the transforms compared.

    Attributes
    ----------
    lags : tuple of int
    transform : tuple of str
        Empty for none.
    table : pandas.DataFrame
        One row per candidate, best first. log_marginal is the natural log of the marginal likelihood of a linear
        autoregression, in units of the series, for the same rows, one for all series of a panel; where lags were
        searched, that of a linear term and a network on the lags of each candidate, up to a constant. probability is
        the posterior probability of the candidate if all have the same prior probability.

    See Also
    --------
    suggest : lags and transform without tuning
    lagged : a series as a table of its past
    """

    lags: tuple[int, ...]
    transform: tuple[str, ...]
    table: Any

    def __str__(self) -> str:
        """The chosen lags and transform, and the table."""
        chosen = ", ".join(self.transform) or "none"
        return f"lags {', '.join(map(str, self.lags))}; transform: {chosen}\n{self.table.round(2).to_string()}"


def suggest(series: Any, *, lags: Any = AUTO, transform: Any = AUTO, seasonal: int | None = None) -> Suggestion:
    """Suggest lags and a transform for a series, by a rule that needs no tuning; a choice that is given is kept.

    One series without a season, from 30 observations on: lags of each transform are those with the highest evidence of
    a linear term and a network of infinitely many units on them, found by adding and leaving out one lag after another,
    up to lag 30 or a fifth of the observations. Otherwise lags run from 1 to one more than the season (1 to 3 if there
    is none), but no further back than a sixth of the observations; in a short series the season's own follows. Seasons
    longer than that of months have lags 1, 2, 3, their own and the one after it. Candidate transforms are none, log,
    difference, log and difference, and each of these with a seasonal difference; logarithms only for series above zero,
    seasonal differences only for series that are long enough. For a panel, each of them also with series in scales of
    their own: standardised, or divided by the sd of their differences; but both differences only from ten seasons on.
    The chosen transform has the highest marginal likelihood: under a linear autoregression with a conjugate prior, one
    for all series of a panel, or, where lags were searched, with the network. Marginal likelihoods are in units of the
    series and for the same rows, those that have all lags under every candidate.

    Parameters
    ----------
    series : as for `bnn.lagged`; the series of a panel share lags and transform
    lags : "auto", int or sequence of int
    transform : "auto", or as for `bnn.lagged`
    seasonal : int, optional
        Steps per season. Default: from the index.

    Returns
    -------
    Suggestion

    See Also
    --------
    Suggestion : what `suggest` returns
    lagged : a series as a table of its past

    Examples
    --------
    >>> from bayesnn.datasets import air_passengers
    >>> suggest(air_passengers(), lags=[1, 2, 12, 13]).transform
    ('log', 'seasonal_difference')
    """
    return suggestion_for(series, lags, transform, seasonal)


def suggestion_for(series: Any, lags: Any, transform: Any, seasonal: int | None, gaps: bool = False) -> Suggestion:
    """What `suggest` returns; with `gaps`, rows with missing values are left out, and so are differences."""
    found, _ = read_series(series)
    step = common_step(found)
    period = dates.usual_period(step) if seasonal is None else checks.positive_integer("seasonal", seasonal)
    values = [one.to_numpy() for one in found.values()]
    for name, one in found.items():
        checks.finite(f"series {name!r}", one.dropna().to_numpy() if gaps else one.to_numpy())
    seen = [one[np.isfinite(one)] for one in values]
    for name, one in zip(found, seen, strict=True):
        if len(one) and constant(one[:, None]).all():
            raise ValueError(f"series {name!r} must vary, got {one[0]} in every one of {len(one)} place(s)")
    usual = default_lags(period, min(map(len, seen))) if is_auto(lags) else read_lags(lags)
    names = candidates(seen, period, len(usual), usual[-1]) if is_auto(transform) else [_names(transform)]
    names = [one for one in names if not gaps or not is_auto(transform) or "difference" not in " ".join(one)]
    specs = {", ".join(n) or "none": make_transform(n, period) for n in names}
    if is_auto(transform):  # a line has no differences to learn from
        specs = {n: spec for n, spec in specs.items() if not any(map(spec.leaves_nothing, values))}
    if not is_auto(lags) or period > 1 or len(values) > 1 or len(seen[0]) < FEWEST_TO_SEARCH:
        table = _compared(values, specs, usual)
        return Suggestion(usual, specs[table.index[0]].names, table)
    chosen = {label: search_lags([spec.learn(values[0]).forward(values[0])]) for label, spec in specs.items()}
    table = _compared_with_lags(values[0], specs, chosen)
    return Suggestion(chosen[table.index[0]], specs[table.index[0]].names, table)


def is_auto(value: Any) -> bool:
    """Whether the choice is left to `suggest`."""
    return isinstance(value, str) and value == AUTO


def default_lags(period: int, count: int) -> tuple[int, ...]:
    """Lags 1, 2, ... up to one more than the season, for a series of `count` observations.

    A short series has fewer of them, and the season's own, from two seasons on. Seasons longer than those of months
    have few lags beside their own and the one after it.

    Examples
    --------
    >>> default_lags(4, 40), default_lags(1, 100), default_lags(12, 36), default_lags(24, 200)
    ((1, 2, 3, 4, 5), (1, 2, 3), (1, 2, 3, 4, 5, 6, 12), (1, 2, 3, 24, 25))
    """
    if period > LONGEST_WHOLE_SEASON and count >= VALUES_PER_LAG * LAGS_WITHOUT_SEASON + LEAST_SEASONS * period:
        return (*range(1, LAGS_WITHOUT_SEASON + 1), period, period + 1)
    longest = LAGS_WITHOUT_SEASON if period == 1 or period > LONGEST_WHOLE_SEASON else period + 1
    first = tuple(range(1, max(1, min(longest, count // VALUES_PER_LAG)) + 1))
    return (*first, period) if first[-1] < period and count >= LEAST_SEASONS * period else first


def candidates(values: Sequence[np.ndarray], period: int, count: int, deepest: int) -> list[tuple[str, ...]]:
    """Candidate transforms that all series allow, with `count` lags of which the longest is `deepest`."""
    rows = min(map(len, values)) - deepest - 1
    differences: list[tuple[str, ...]] = [(), ("difference",)]
    if period > 1 and rows - period >= ROWS_PER_COEFFICIENT * (count + 1):
        differences.append(("seasonal_difference",))
        if len(values) == 1 or rows >= SEASONS_OF_BOTH * period:
            differences.append(("difference", "seasonal_difference"))
    curves: list[tuple[str, ...]] = [(), ("log",)] if all((one > 0).all() for one in values) else [()]
    plain = [curve + difference for curve in curves for difference in differences]
    scaled = [
        curve + (SCALE if difference else STANDARDIZE, *difference) for curve in curves for difference in differences
    ]
    return plain + scaled if len(values) > 1 else plain


def log_marginal(values: np.ndarray, transform: Transform, lags: Sequence[int], start: int) -> float:
    """Log marginal density of values[start:] given earlier ones, by a linear autoregression after the transform."""
    return shared_log_marginal([values], transform, lags, start)


def shared_log_marginal(values: Sequence[np.ndarray], transform: Transform, lags: Sequence[int], start: int) -> float:
    """Log marginal density of values[start:] of all series given earlier ones, by one linear autoregression of all.

    Of a panel, the centre and scale that each series brings cost half the logarithm of its number of rows each, as in
    the approximation of G. Schwarz (1978), Estimating the dimension of a model, Annals of Statistics 6, 461-464.
    """
    rows, targets, slopes = [], [], 0.0
    for one in values:
        learnt = transform.learn(one)
        w = _whole(one, learnt)
        times = np.arange(start, len(one))
        known = np.isfinite(w[times[:, None] - np.array([0, *lags])]).all(axis=1)
        times = times if known.all() else times[known]
        rows.append(w[times[:, None] - np.array(lags)])
        targets.append(w[times])
        own = {STANDARDIZE: 2, SCALE: 1}
        cost = sum(own.get(name, 0) for name in transform.names) * (len(values) > 1) * np.log(max(len(times), 1)) / 2
        slopes += float(learnt.log_slope(one[times]).sum()) - cost
    x, y = np.concatenate(rows), np.concatenate(targets)
    if len(y) < 2:
        raise ValueError("at least two values of a series must have all their lags, got fewer: give fewer lags")
    return linear_regression(x, y).log_marginal + slopes


def _compared(values: Sequence[np.ndarray], specs: dict[str, Transform], lags: Sequence[int]) -> Any:
    start = max(lags) + max(spec.lost_values for spec in specs.values())
    shortest = min(np.isfinite(one).sum() for one in values)
    if shortest - start < 2:
        raise ValueError(
            f"series are too short to compare transforms: the shortest has {shortest} values, and lags up to "
            f"{max(lags)} with differences need {start + 2}; give fewer lags, or a transform"
        )
    total = {label: _or_none(values, spec, lags, start) for label, spec in specs.items()}
    return _ranked({label: value for label, value in total.items() if value is not None})


def _compared_with_lags(values: np.ndarray, specs: dict[str, Transform], lags: dict[str, tuple[int, ...]]) -> Any:
    """The transforms compared by a linear term and a network on the lags of each, for the last rows that all have."""
    learnt = {label: spec.learn(values) for label, spec in specs.items()}
    start = max(lags[label][-1] + spec.lost_values for label, spec in learnt.items())
    times = np.arange(start, len(values))
    for label, spec in learnt.items():  # a missing value is among the lags of some candidates only
        times = times[np.isfinite(_whole(values, spec)[times[:, None] - np.array([0, *lags[label]])]).all(axis=1)]
    times = times[-MOST_ROWS:]
    if len(times) < 2:
        raise ValueError(
            "at least two values must have the lags of all transforms, got fewer: give lags or a transform"
        )
    return _ranked({label: network_evidence(values, spec, lags[label], times) for label, spec in learnt.items()})


def _whole(values: np.ndarray, learnt: Transform) -> np.ndarray:
    """The transformed series (T,), NaN where differences have no value before."""
    return np.r_[np.full(learnt.lost_values, np.nan), learnt.forward(values)]


def network_evidence(values: np.ndarray, learnt: Transform, lags: Sequence[int], times: np.ndarray) -> float:
    """Log evidence of `kernel_evidence` for the values at these times, in units of the series."""
    w = _whole(values, learnt)
    sd = np.nanstd(w)
    z = (w - np.nanmean(w)) / sd
    best, _ = best_scales(z[times[:, None] - np.array(lags)], z[times] - z[times].mean(), Scales())
    return best + float(learnt.log_slope(values[times]).sum()) - len(times) * np.log(sd)


def _ranked(total: dict[str, float]) -> Any:
    import pandas as pd

    table = pd.DataFrame({"log_marginal": total}).sort_values("log_marginal", ascending=False, kind="stable")
    share = np.exp(table["log_marginal"] - table["log_marginal"].iloc[0])
    return table.assign(probability=share / share.sum()).rename_axis("transform")


def _or_none(values: Sequence[np.ndarray], spec: Transform, lags: Sequence[int], start: int) -> float | None:
    """The evidence, or None where a series has no scale: its differences are all equal."""
    try:
        return shared_log_marginal(values, spec, lags, start)
    except ValueError:
        if SCALE in spec.names:
            return None
        raise


def _names(transform: Any) -> tuple[str, ...]:
    return (transform,) if isinstance(transform, str) else tuple(transform or ())
