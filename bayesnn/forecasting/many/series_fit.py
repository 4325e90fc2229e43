"""SeriesFit: the posterior of one series of many, with its draws as inference data."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.version import __version__
from bayesnn.data.series import dates
from bayesnn.evaluation.of_many import JudgesItself
from bayesnn.fitting.inference_data import DRAW_DIMS, Group, build
from bayesnn.forecasting.many.bucket import MOST, observed_of, used_columns
from bayesnn.forecasting.many.curves import CURVES
from bayesnn.forecasting.many.paths import sample_paths
from bayesnn.forecasting.many.prepare import check_memory, entropy_of, seed_of
from bayesnn.forecasting.many.prior import DYNAMICS, StructuralPrior, make_grid
from bayesnn.forecasting.many.reading import Task
from bayesnn.forecasting.many.replay import log_likelihood
from bayesnn.forecasting.many.scoring import SeriesScores, score_series
from bayesnn.forecasting.many.series_diagnosis import SeriesDiagnosis, diagnose_series
from bayesnn.forecasting.many.simulate import Drawn, hidden_of
from bayesnn.forecasting.path_array import path_array

CHAINS, LEAST_DRAWS = 4, 4  # ArviZ compares chains of at least four draws


@dataclass(frozen=True, eq=False)
class SeriesFit(JudgesItself):
    """The posterior of one series, of `bnn.auto_fit`.

    Attributes
    ----------
    name
        Its id.
    series : pandas.Series
        Its values by date, from the first that is observed.
    periods : tuple of int
        Steps of the seasons of the model; (1,) if it has none.
    points : float
        How many points of the grid of dynamics share the probability, 1 / sum p^2.
    curves : pandas.DataFrame
        Probabilities: a row per curve (none, sqrt, log), columns "no outlier", "passed" and "shift".
    outlier : date or None
        The value that may be an outlier, if one lies far from the rest.

    See Also
    --------
    auto_fit : the fits behind them
    SeriesFits : what `auto_fit` returns

    Examples
    --------
    >>> import numpy as np
    >>> from bayesnn.forecasting.many.auto_fit import auto_fit
    >>> fits = auto_fit({"a": np.arange(20.0) + np.sin(np.arange(20.0))}, draws=100, progress=False)
    >>> fits["a"].idata["posterior"]["level"].dims
    ('chain', 'draw')
    >>> fits["a"].forecast(2)["time"].values.tolist()
    [20, 21]
    """

    name: Any
    series: Any
    periods: tuple[int, ...]
    points: float
    curves: Any
    outlier: Any
    prior: StructuralPrior
    drawn: Drawn
    task: Task = field(repr=False)

    @cached_property
    def idata(self) -> Any:
        """Inference data: posterior, log_likelihood, observed_data, constant_data.

        Draws are independent; they are shown as four chains where their number allows, since ArviZ compares chains, one
        after the other in the order of the paths. Sites of the posterior: alpha, beta, phi, gamma, rho (the dynamics);
        level, drift, trend, season (phase) and residual after the last value, of several seasons season_24 (phase_24)
        and so on; sigma (the error sd); curve (0 none, 1 sqrt, 2 log); and, if a value lies far off, outlier (0 none,
        1 one that passed, 2 a shift); without a season network (1 where a draw has one, else 0). `level` is in units of
        the series, the other states and sigma in units of the sd of the differences of each draw's own curve, so that
        draws of several curves can be compared. `phase` 1 is that of the next value. Exogenous columns have a site
        `effect` (column), by how much a column that is one sd of its past larger raises the curve. The log likelihood
        of a value is its log density given those before it, in units of the series; since the evidence has a power
        below one, PSIS-LOO is a rough guide.
        """
        used = self.series.iloc[-MOST:]
        seen = used.notna().to_numpy()
        sites, chains = self._sites(), chains_of(len(self.drawn.curve))
        basis, columns = make_grid(self.prior, self.periods).basis, columns_of(self.task)[: len(used)]
        hidden = hidden_of(self.drawn, self.prior)
        log = log_likelihood(used.to_numpy(), self.drawn, basis, self.prior.outlier_size, columns, hidden)[:, seen]
        names = self._season_sites() | ({"effect": "column"} if self.task.columns else {})
        dims = {name: (*DRAW_DIMS, names[name]) if name in names else DRAW_DIMS for name in sites}
        attrs = {"sampler": "exact", "bayesnn_version": __version__, "complete": 1}
        curves = {"scale": self.drawn.scale, "origin": self.drawn.origin}
        groups = {
            "posterior": Group({n: v.reshape(chains, -1, *v.shape[1:]) for n, v in sites.items()}, dims, attrs),
            "log_likelihood": Group({"y": log.reshape(chains, -1, log.shape[1])}, {"y": (*DRAW_DIMS, "obs")}, attrs),
            "observed_data": Group({"y": used.to_numpy()[seen]}, {"y": ("obs",)}),
            "constant_data": Group(curves, {name: ("curves",) for name in curves}),
        }
        coords: dict[str, Any] = {}
        coords |= {d: np.arange(1, m + 1) for d, m in zip(self._season_sites().values(), self.periods, strict=False)}
        coords |= {"column": list(self.task.columns)} if self.task.columns else {}
        return build(groups, coords | {"obs": dates.labels(used.index[seen]), "curves": list(CURVES)})

    def _sites(self) -> dict[str, np.ndarray]:
        """Draws (d, ...) by the name of their site."""
        drawn, curve = self.drawn, self.drawn.curve % len(CURVES)
        level, trend, residual = drawn.state.T
        level = drawn.origin[curve] + drawn.scale[curve] * level
        sites = dict(zip(DYNAMICS, drawn.dynamics, strict=True))
        sites["level"] = np.choose(curve, [one.inverse(level) for one in CURVES.values()])
        sites |= {"drift": drawn.drift, "trend": trend, "residual": residual, "sigma": drawn.noise}
        sites |= {"network": drawn.network.astype(int)} if drawn.window.shape[1] else {}
        sites |= {"curve": curve} | ({} if self.outlier is None else {"outlier": drawn.curve // len(CURVES)})
        if count := len(self.task.columns):
            start = 3 + make_grid(self.prior, self.periods).basis.shape[1]
            sites["effect"] = drawn.coefficients[:, start : start + count]
        ends = np.cumsum(self.periods)[:-1]
        return sites | dict(zip(self._season_sites(), np.split(drawn.season, ends, axis=1), strict=False))

    @property
    def network(self) -> float:
        """Share of the draws that have a network; 0 for a series with a season, where none is tried."""
        return float(self.drawn.network.mean())

    def _season_sites(self) -> dict[str, str]:
        """Sites of the seasons, and the names of their phases."""
        if len(self.periods) == 1:
            return {"season": "phase"} if self.periods[0] > 1 else {}
        return {f"season_{period}": f"phase_{period}" for period in self.periods}

    def forecast(self, horizon: int, *, key: Any = 0) -> Any:
        """Sample paths (chain, draw, time) of the next values, one per posterior draw, as `bnn.forecast` has them."""
        steps = checks.positive_integer("horizon", horizon)
        check_memory(1, len(self.drawn.curve), steps)
        paths = paths_of(self.task, self.drawn, self.prior, steps, seed_of(entropy_of(key), self.name))
        return path_array(paths[None, :, None], {self.name: self.task.after(steps)}, panel=False)

    def diagnose(self) -> SeriesDiagnosis:
        """Whether the draws can be used, as `SeriesFits.diagnose` says of all series."""
        figures = {"points": self.points, "curves": self.curves.to_numpy().T.ravel()}
        return diagnose_series({self.name: self.task}, {self.name: figures}, (), len(self.drawn.curve))

    def evaluate(self, future: Any, *, key: Any = 0) -> SeriesScores:
        """Scores of the forecast against later values of the series, as `SeriesFits.evaluate` gives them of all."""
        return score_series(self.forecast, [self.task], False, future, key)

    def __repr__(self) -> str:
        """Series, model and draws, a line each."""
        curve = self.curves.sum(axis=1)
        likely = ", ".join(f"{name} {share:.2f}" for name, share in curve.items() if share >= 0.005)
        season = "none" if self.periods == (1,) else " and ".join(map(str, self.periods))
        lines = [
            f"series {self.name!r}: {int(self.series.notna().sum())} observed values to {self.series.index[-1]}",
            f"structural autoregression, season {season}; curve: {likely}; network: {self.network:.2f}",
            f"{len(self.drawn.curve)} independent draws of its posterior, in effect on {self.points:.0f} grid points",
        ]
        if self.outlier is not None:
            share = self.curves.iloc[:, 1:].to_numpy().sum()
            lines.append(f"the value at {self.outlier} is an outlier, or begins a shift, with probability {share:.2f}")
        return "\n".join(lines)


def columns_of(task: Task) -> np.ndarray:
    """Standardised exogenous columns (n + h, e) from the first value of a series that is used, h steps ahead of it."""
    if task.exogenous is None:
        return np.zeros((len(task.values[-MOST:]), 0))
    return used_columns(task.exogenous, task.values)


def paths_of(task: Task, drawn: Drawn, prior: StructuralPrior, horizon: int, seed: tuple[int, ...]) -> np.ndarray:
    """Sample paths (d, h) of a series from draws of its unknowns.

    Raises
    ------
    ValueError
        If exogenous columns are not known so far ahead.
    """
    known = columns_of(task)[len(task.values[-MOST:]) :]
    if task.columns and len(known) < horizon:
        raise ValueError(
            f"exogenous columns of series {task.name!r} are known for {len(known)} date(s) after its end, got a "
            f"horizon of {horizon}: give auto_fit their values at those dates, too"
        )
    ahead = known[:horizon] if task.columns else None
    return sample_paths(drawn, observed_of(task.values), prior, horizon, seed, ahead).values


def chains_of(draws: int) -> int:
    """Into how many chains independent draws are split for ArviZ."""
    return CHAINS if draws % CHAINS == 0 and draws >= CHAINS * LEAST_DRAWS else 1
