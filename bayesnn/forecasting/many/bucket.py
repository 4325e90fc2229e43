"""A bucket: some series of one season and of similar lengths, which one compiled program serves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from bayesnn._internal.runtime import computing_in_threads
from bayesnn.evaluation.scores import score_rows
from bayesnn.forecasting.many.columns import standardised
from bayesnn.forecasting.many.curve_arrays import OBSERVED, CurveArrays, curve_arrays
from bayesnn.forecasting.many.curves import CURVES
from bayesnn.forecasting.many.network import last_window
from bayesnn.forecasting.many.outliers import PASSED, SHIFTED, outlier_log_density, suspect
from bayesnn.forecasting.many.passes import Passed, passes, size_of
from bayesnn.forecasting.many.paths import Paths, log_density, predictive, sample_paths
from bayesnn.forecasting.many.prior import Grid, StructuralPrior, make_grid
from bayesnn.forecasting.many.simulate import Drawn, Posterior, above_zero, draw, joined

LENGTHS = (64, 256, 1024, 4096)  # numbers of rows of the compiled programs; a shorter series is padded at its start
MOST = LENGTHS[-1]  # only the last values of a longer series are used


class Bucket(NamedTuple):
    """Series (n,) with NaN where a value is missing, their seasons, and what is to be drawn.

    seeds: one tuple of whole numbers per series. log_prior (c, p, g): the log prior weights of curves, scales and
    points; by default those of the prior. later: the values (horizon,) that came after each series, to be scored.
    exogenous: of each series its columns (n + horizon, e); empty if there are none.
    """

    values: tuple[np.ndarray, ...]
    periods: tuple[int, ...]
    horizon: int
    draws: int
    seeds: tuple[tuple[int, ...], ...]
    prior: StructuralPrior
    log_prior: np.ndarray | None = None
    later: tuple[np.ndarray, ...] = ()
    exogenous: tuple[np.ndarray, ...] = ()

    @property
    def grid(self) -> Grid:
        """The grid that all series of the bucket share."""
        return make_grid(self.prior, self.periods, self.exogenous[0].shape[1] if self.exogenous else 0)

    def columns(self, place: int) -> np.ndarray:
        """Standardised columns (n + horizon, e) of the series at this place, from its first value that is used."""
        values = self.values[place]
        if not self.exogenous:
            return np.zeros((len(values[-MOST:]) + self.horizon, 0))
        return used_columns(self.exogenous[place], values)

    def ahead(self, place: int) -> np.ndarray:
        """Standardised columns (horizon, e) of the series at this place, at the steps after its end."""
        return self.columns(place)[len(self.values[place][-MOST:]) :][: self.horizon]

    def part(self, place: int) -> Bucket:
        """A bucket of the series at this place alone."""
        one = slice(place, place + 1)
        values, seeds, later = self.values[one], self.seeds[one], self.later[one]
        return self._replace(values=values, seeds=seeds, later=later, exogenous=self.exogenous[one])


def fill(lengths: list[int], periods: list[tuple[int, ...]]) -> list[list[int]]:
    """Numbers of the series of each bucket, sorted by season and length so that little time goes into padding."""
    order = sorted(range(len(lengths)), key=lambda i: (periods[i], lengths[i], i))
    kinds = [(periods[i], rows_of(lengths[i])) for i in range(len(lengths))]
    buckets: list[list[int]] = []
    for i in order:
        now = buckets[-1] if buckets else []
        if not now or len(now) == size_of(periods[now[0]]) or kinds[now[0]] != kinds[i]:
            buckets.append(now := [])
        now.append(i)
    return buckets


def rows_of(length: int) -> int:
    """Rows of the program for a series of this length."""
    return next((rows for rows in LENGTHS if rows >= length), MOST)


@computing_in_threads
def draw_bucket(bucket: Bucket) -> dict[str, np.ndarray]:
    """Draws of the unknowns of each series: the fields of `Drawn` and two figures, all with an axis (s,).

    points (s,) is the number of points of the grid with probability, 1 / sum p^2; curves (s, 9) are the probabilities
    of the curves without an outlier, with one that passed, and with a shift. As the other two of its kind, this is a
    pure function, which any process can run.
    """
    found = []
    for one, values, seed in zip(posteriors_of(bucket), bucket.values, bucket.seeds, strict=True):
        points, curves = one.probability.sum(axis=(0, 1)), one.probability.sum(axis=(1, 2))
        figures = {"points": 1 / np.sum(points**2), "curves": np.pad(curves, (0, 3 * len(CURVES) - len(curves)))}
        found.append(_draw(one, values, bucket, seed)._asdict() | figures)
    return {name: np.stack([one[name] for one in found]) for name in found[0]}


@computing_in_threads
def forecast_bucket(bucket: Bucket) -> dict[str, np.ndarray]:
    """Sample paths, "paths" (series, draws, horizon)."""
    return {"paths": np.stack([paths.values for _, paths in _forecasts(bucket)])}


@computing_in_threads
def score_bucket(bucket: Bucket) -> dict[str, np.ndarray]:
    """Summaries and scores of the forecasts of `later`, by the names of `score_rows`, (series, horizon)."""
    found = []
    for (drawn, paths), later in zip(_forecasts(bucket), bucket.later, strict=True):
        found.append(score_rows(predictive(paths.values, log_density(drawn, paths, later)), later[None]))
    return {name: np.concatenate([one[name] for one in found]) for name in found[0]}


def used_columns(exogenous: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Columns (n + h, e) of a series (n,), standardised, from the first value that is used."""
    return standardised(exogenous[max(0, len(values) - MOST) :], values[-MOST:])


def observed_of(values: np.ndarray) -> np.ndarray:
    """The values of a series (n,) that are used and observed."""
    return values[np.isfinite(values)][-MOST:]


def _forecasts(bucket: Bucket) -> Iterator[tuple[Drawn, Paths]]:
    """Draws and paths of each series."""
    every = zip(posteriors_of(bucket), bucket.values, bucket.seeds, strict=True)
    for place, (one, values, seed) in enumerate(every):
        drawn = _draw(one, values, bucket, seed)
        known = bucket.ahead(place)
        yield drawn, sample_paths(drawn, observed_of(values), bucket.prior, bucket.horizon, seed, known)


def _draw(one: Posterior, values: np.ndarray, bucket: Bucket, seed: tuple[int, ...]) -> Drawn:
    positive = above_zero(one, observed_of(values))
    return draw(one, bucket.grid, bucket.draws, np.random.default_rng(seed), positive)


def posteriors_of(bucket: Bucket) -> list[Posterior]:
    """The posterior of each series.

    Where one observation lies far from the rest, there are more members: an outlier that passed, and a shift.
    """
    series = [values[-MOST:] for values in bucket.values]
    columns = [bucket.columns(i)[: len(values)] for i, values in enumerate(series)]
    curves = curve_arrays(series, rows_of(max(map(len, series))), bucket.periods, columns)
    grid, prior = bucket.grid, bucket.prior
    passed = passes(prior, bucket.periods, curves.u, curves.kind, curves.x)
    found = [_posterior(bucket, curves, curves.kind[i], i, one) for i, one in enumerate(passed)]
    suspects = {i: suspect(curves.u[i], curves.kind[i], curves.x[i], one, grid) for i, one in enumerate(found)}
    places = {i: place for i, place in suspects.items() if place is not None}
    kinds = {(i, what): _marked(curves.kind[i], places[i], what) for i in places for what in (PASSED, SHIFTED)}
    if not places:
        return found
    which = [i for i, _ in kinds]
    again = passes(prior, bucket.periods, curves.u[which], np.stack(list(kinds.values())), curves.x[which])
    for ((i, _), kind), one in zip(kinds.items(), again, strict=True):
        member = _posterior(bucket, curves, kind, i, one)
        size = outlier_log_density(curves.u[i], kind, curves.x[i], member, grid, places[i], prior.outlier_size)
        odds = np.log(prior.outlier_share / 2) - np.log1p(-prior.outlier_share)
        weight = member.log_weight + (_power(bucket, i) * size + odds)[:, None, None]
        place = places[i] - (curves.u.shape[-1] - len(series[i]))
        found[i] = joined(found[i], member._replace(log_weight=weight, place=np.full(len(weight), place)))
    return found


def _posterior(bucket: Bucket, curves: CurveArrays, kind: np.ndarray, i: int, passed: Passed) -> Posterior:
    """Members of series i: its curves, of these kinds, scales and points."""
    window = last_window(curves.u[i], kind, bucket.grid.hidden)
    own = bucket.grid.log_weight[:, None] if bucket.log_prior is None else bucket.log_prior
    log = (passed.log + curves.log_slope[i][:, None, None]) * _power(bucket, i) + own
    parts = passed.products, passed.state, passed.season, passed.rate, passed.shape
    return Posterior(log, *parts, curves.origin[i], curves.scale[i], np.full(len(log), -1), window)


def _power(bucket: Bucket, i: int) -> float:
    """Power of the evidence of series i."""
    rows = int(np.isfinite(bucket.values[i][-MOST:]).sum())
    return bucket.prior.trust / (bucket.prior.trust + rows)


def _marked(kind: np.ndarray, place: int, what: int) -> np.ndarray:
    """Kinds (c, rows) with this one at a place where something is observed."""
    result = kind.copy()
    result[result[:, place] == OBSERVED, place] = what
    return result
