"""The deterministic map inside a nonlinear autoregression, draw by draw: its fixed points and limit cycles.

H. Tong (1990), Non-linear Time Series: A Dynamical System Approach, Clarendon Press, chapter 2, calls the map without
its noise the skeleton: its fixed points and limit cycles are what the series would converge to without noise.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from bayesnn._internal import checks
from bayesnn._internal.runtime import computing
from bayesnn.data.series.lagged import Lagged
from bayesnn.fitting.draws import expectation, over_draws
from bayesnn.fitting.fit import Fit
from bayesnn.forecasting.paths import lagged_data, make_origins, series_shift, with_draws
from bayesnn.models.model import Model
from bayesnn.priors import Sites

FATES = ("fixed_point", "cycle", "divergent")
GRID = 400  # points on which fixed points are searched
SMALL_RANGE = 1e-3  # a path whose range is below this share of the sd of the series is at a fixed point
LARGE_DISTANCE = 100.0  # a path farther from the mean than this many sd of the series diverges


@dataclass(frozen=True, eq=False)
class Skeleton:
    """Long-run behaviour of the deterministic map of each draw, on the transformed scale.

    Attributes
    ----------
    draws : array (k,)
        Numbers of the posterior draws that were followed.
    paths : array (k, steps)
        Last steps of each path, after it has settled.
    fate : array (k,) of str
        "fixed_point", "cycle" (a limit cycle) or "divergent".
    period : array (k,)
        Mean steps of a cycle, NaN for other fates.
    fixed_points : list of array
        Of each draw: values x with f(x, ..., x) = x, stable or not.

    See Also
    --------
    skeleton : where the map leads without noise
    """

    draws: np.ndarray
    paths: np.ndarray
    fate: np.ndarray
    period: np.ndarray
    fixed_points: list[np.ndarray]

    @property
    def table(self) -> Any:
        """pandas.DataFrame by draw: its fate, the length of its cycle and the number of its fixed points."""
        import pandas as pd

        count = [len(points) for points in self.fixed_points]
        columns = {"fate": self.fate, "period": self.period, "fixed_points": count}
        return pd.DataFrame(columns, index=pd.Index(self.draws, name="draw"))

    def share(self, fate: str) -> float:
        """Share of the draws with this fate: "fixed_point", "cycle" or "divergent"."""
        return float(np.mean(self.fate == fate))

    def __str__(self) -> str:
        """Fates, and the length of the cycle with its 80% interval."""
        parts = [f"{self.share(fate):.0%} {fate.replace('_', ' ')}" for fate in FATES if self.share(fate)]
        length = ""
        if self.share("cycle"):
            low, middle, high = np.nanquantile(self.period, [0.1, 0.5, 0.9])
            length = f"; cycle of {middle:.1f} steps, 80% {low:.1f} to {high:.1f}"
        return ", ".join(parts) + length


@computing
def skeleton(fit: Fit, *, draws: int = 200, settle: int = 1000, steps: int = 200) -> Skeleton:
    """Iterate the map of each of some posterior draws, without noise, from the end of the series.

    Parameters
    ----------
    fit : Fit
        Of lagged data without exogenous inputs; the first series of a panel gives the start. Missing values at the end
        are those of each draw.
    draws : int
        How many draws to follow, spread over the posterior.
    settle, steps : int
        Iterations that are discarded, and that are kept.

    See Also
    --------
    Skeleton : what `skeleton` returns
    forecast : sample paths of the future
    stationary : draws whose linear part is stationary

    Examples
    --------
    >>> import numpy as np
    >>> from bayesnn.fitting.fit import fit
    >>> from bayesnn.data.series.lagged import lagged
    >>> from bayesnn.models.shallow import shallow
    >>> y = np.sin(np.arange(22.0)) + 0.1 * np.cos(17 * np.arange(22.0))
    >>> result = fit(shallow(1, linear=True), lagged(y, lags=2), draws=50, warmup=50, chains=2, progress=False)
    >>> skeleton(result, draws=20, settle=100, steps=50).paths.shape
    (20, 50)
    """
    data = lagged_data(fit)
    if data.columns:
        raise ValueError("a skeleton is defined for a series' own past only: fit without exogenous inputs")
    for name, value in (("draws", draws), ("settle", settle), ("steps", steps)):
        checks.positive_integer(name, value)
    sites = fit.draws()
    count = len(next(iter(sites.values())))
    chosen = np.unique(np.linspace(0, count - 1, min(draws, count)).astype(int))
    some = {name: values[chosen] for name, values in sites.items()}
    y_center, y_scale = float(fit.data.scaling.y_center), float(fit.data.scaling.y_scale)  # type: ignore[arg-type]
    name, series = next(iter(data.series.items()))
    w = observed_values(data)
    scaling = fit.data.scaling
    affine = tuple(jnp.asarray(v) for v in (scaling.x_center, scaling.x_scale, y_center, y_scale))
    origins = with_draws(fit, make_origins(data, [(name, series.to_numpy())]))
    windows, shift = origins.windows, series_shift(fit, origins)
    ends = data.transform.difference(np.broadcast_to(windows, (count, 1, windows.shape[-1]))[chosen, 0])
    start = jnp.asarray(ends)  # (k, longest lag)
    paths = np.asarray(_iterate(fit.model, data.lags, settle + steps, some, start, affine, shift))[:, settle:]
    fate, period = _fates(paths, float(w.mean()), float(w.std()))
    span = np.linspace(w.min() - w.std(), w.max() + w.std(), GRID)
    return Skeleton(chosen, paths, fate, period, fixed_points(fit, some, span))


def observed_values(data: Lagged) -> np.ndarray:
    """The first series of the data as the network sees it, w, without missing values."""
    w = data.transform.forward(next(iter(data.series.values())).to_numpy())
    return w[np.isfinite(w)]


def next_values(fit: Fit, sites: dict[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
    """Expected next values (k, n) of w after rows of lags (n, p) of the first series."""
    scaling, data = fit.data.scaling, lagged_data(fit)
    name, series = next(iter(data.series.items()))
    shift = series_shift(fit, make_origins(data, [(name, series.to_numpy())]))
    each = None if shift is None else np.repeat(shift, len(rows), axis=0)
    return scaling.inverse(over_draws(expectation, fit.model, sites, scaling.inputs(rows), each))


def fixed_points(fit: Fit, sites: dict[str, np.ndarray], grid: np.ndarray) -> list[np.ndarray]:
    """Values x (on the transformed scale) of the grid's span with f(x, ..., x) = x, for each draw."""
    gap = next_values(fit, sites, np.repeat(grid[:, None], fit.data.x.shape[1], axis=1)) - grid
    found = []
    for one in gap:
        at = np.flatnonzero(np.sign(one[1:]) != np.sign(one[:-1]))
        share = one[at] / (one[at] - one[at + 1])
        found.append(grid[at] + share * (grid[at + 1] - grid[at]))
    return found


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _iterate(
    model: Model,
    lags: tuple[int, ...],
    steps: int,
    sites: Sites,
    start: jax.Array,
    affine: tuple[jax.Array, ...],
    shift: jax.Array | None,
) -> jax.Array:
    """Paths (k, steps) of w from its last values (k, longest lag), oldest first."""
    x_center, x_scale, y_center, y_scale = affine

    def one(sites: Sites, start: jax.Array) -> jax.Array:
        def step(past: jax.Array, _: None) -> tuple[jax.Array, jax.Array]:
            rows = (past[-np.array(lags)] - x_center) / x_scale
            new = expectation(model, sites, rows[None], shift)[0] * y_scale + y_center
            return jnp.append(past[1:], new), new

        return lax.scan(step, start, None, length=steps)[1]

    return jax.vmap(one)(sites, start)


def _fates(paths: np.ndarray, mean: float, sd: float) -> tuple[np.ndarray, np.ndarray]:
    """Fate of each path (k, steps), and the mean number of steps between upward crossings of its own mean."""
    with np.errstate(over="ignore", invalid="ignore"):
        far = ~np.isfinite(paths).all(axis=1) | (np.abs(paths - mean).max(axis=1) > LARGE_DISTANCE * sd)
        still = ~far & (np.ptp(paths, axis=1) < SMALL_RANGE * sd)
    fate = np.where(far, "divergent", np.where(still, "fixed_point", "cycle"))
    period = np.full(len(paths), np.nan)
    for i in np.flatnonzero(fate == "cycle"):
        above = paths[i] > paths[i].mean()
        up = np.flatnonzero(above[1:] & ~above[:-1])
        period[i] = np.diff(up).mean() if len(up) > 1 else np.nan
    return fate, period
