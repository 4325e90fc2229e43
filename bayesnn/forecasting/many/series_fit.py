"""SeriesFit: the posterior of one series of many, with its draws as inference data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.version import __version__
from bayesnn.data.series import dates
from bayesnn.fitting.inference_data import DRAW_DIMS, Group, build
from bayesnn.forecasting.many.bucket import MOST, observed_of
from bayesnn.forecasting.many.curves import CURVES
from bayesnn.forecasting.many.paths import sample_paths
from bayesnn.forecasting.many.prior import DYNAMICS, StructuralPrior, make_grid
from bayesnn.forecasting.many.prepare import check_memory, entropy_of, seed_of
from bayesnn.forecasting.many.replay import log_likelihood
from bayesnn.forecasting.many.simulate import Drawn
from bayesnn.forecasting.path_array import path_array


@dataclass(frozen=True, eq=False)
class SeriesFit:
    """The posterior of one series, of `bnn.auto_fit`.

    Attributes
    ----------
    name
        Its id.
    series : pandas.Series
        Its values by date, from the first that is observed.
    period : int
        Steps of the season of the model; 1 if it has none.
    points : float
        How many points of the grid of dynamics share the probability, 1 / sum p^2.
    curves : pandas.DataFrame
        Probabilities: a row per curve (none, sqrt, log), columns "no outlier", "passed" and "shift".
    outlier : date or None
        The value that may be an outlier, if one lies far from the rest.

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
    step: Any
    period: int
    points: float
    curves: Any
    outlier: Any
    prior: StructuralPrior
    drawn: Drawn

    @cached_property
    def idata(self) -> Any:
        """Inference data: posterior, log_likelihood, observed_data, constant_data. One chain of independent draws.

        Sites of the posterior: alpha, beta, phi, gamma, rho (the dynamics), level, drift, trend, season (phase) and
        residual after the last value, sigma (the error sd), curve (0 none, 1 sqrt, 2 log), and outlier (0 none, 1 one
        that passed, 2 a shift). `level` is in units of the series, the other states and sigma in units of the sd of
        the differences of each draw's own curve, so that draws of several curves can be compared. `phase` 1 is that of
        the next value. The log likelihood of a value is the log density given those before it, in units of the series.
        """
        used = self.series.iloc[-MOST:]
        values, curve = used.to_numpy(), self.drawn.curve % len(CURVES)
        seen = np.isfinite(values)
        grid = make_grid(self.prior, self.period)
        log = log_likelihood(values, self.drawn, grid.basis, self.prior.outlier_size)[:, seen]
        level, trend, residual = self.drawn.state.T
        scaled = self.drawn.origin[curve] + self.drawn.scale[curve] * level
        inverse = np.choose(curve, [one.inverse(scaled) for one in CURVES.values()])
        sites = dict(zip(DYNAMICS, self.drawn.dynamics, strict=True))
        sites |= {"level": inverse, "drift": self.drawn.drift, "trend": trend, "residual": residual}
        sites |= {"sigma": self.drawn.noise, "curve": curve, "outlier": self.drawn.curve // len(CURVES)}
        sites |= {"season": self.drawn.season} if self.period > 1 else {}
        extra = {"season": (*DRAW_DIMS, "phase")}
        attrs = {"sampler": "exact", "bayesnn_version": __version__, "complete": 1}
        obs = dates.labels(used.index[seen])
        groups = {
            "posterior": Group({n: v[None] for n, v in sites.items()}, {n: DRAW_DIMS for n in sites} | extra, attrs),
            "log_likelihood": Group({"y": log[None]}, {"y": (*DRAW_DIMS, "obs")}, attrs),
            "observed_data": Group({"y": values[seen]}, {"y": ("obs",)}),
            "constant_data": Group(
                {"scale": self.drawn.scale, "origin": self.drawn.origin}, {"scale": ("curves",), "origin": ("curves",)}
            ),
        }
        return build(groups, {"obs": obs, "phase": np.arange(1, self.period + 1), "curves": list(CURVES)})

    def forecast(self, horizon: int, *, key: Any = 0) -> Any:
        """Sample paths (chain, draw, time) of the next values, one per posterior draw, as `bnn.forecast` has them."""
        steps = checks.positive_integer("horizon", horizon)
        check_memory(1, len(self.drawn.curve), steps)
        seed = seed_of(entropy_of(key), self.name)
        paths = sample_paths(self.drawn, observed_of(self.series.to_numpy()), self.prior, steps, seed)
        after = {self.name: dates.next_dates(self.series.index, self.step, steps)}
        return path_array(paths.values[None, :, None], after, panel=False)

    def __repr__(self) -> str:
        """Series, model and draws, a line each."""
        curve = self.curves.sum(axis=1)
        likely = ", ".join(f"{name} {share:.2f}" for name, share in curve.items() if share >= 0.005)
        odd = (
            ""
            if self.outlier is None
            else f"; outlier at {self.outlier}: {self.curves.iloc[:, 1:].to_numpy().sum():.2f}"
        )
        return "\n".join(
            [
                f"series {self.name!r}: {int(self.series.notna().sum())} observed values to {self.series.index[-1]}",
                f"structural autoregression, season {self.period if self.period > 1 else 'none'}; curve: {likely}{odd}",
                f"{len(self.drawn.curve)} independent draws of the exact posterior on a grid ({self.points:.0f} points share it)",
            ]
        )
