"""Missing observations of a series as further unknowns, beside the model's own.

Given the values before the first target, the series has the density prod_t p(y_t | its lags, inputs); missing values
enter it as targets and as lags. Those among the values before the first target have none there, and get N(0, 1) on the
scale the model sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist

from bayesnn.data.dataset import Scaling
from bayesnn.data.series import dates
from bayesnn.data.series.lagged import Lagged, lag_matrix
from bayesnn.models.marginal import MarginalModel
from bayesnn.models.model import Model
from bayesnn.priors import Sites

LATENT = "missing_scaled"
SITE = "missing"  # in units of the series
DIM = "gap"


class Track(NamedTuple):
    """A whole series on the scale of the target z (T,), missing values filled in somehow; exogenous inputs `known`
    (n, e) of all targets as the model sees them; slope and shift (lags,) from z to each input; center and scale back
    to u.
    """

    z: jax.Array
    known: jax.Array
    slope: jax.Array
    shift: jax.Array
    center: jax.Array
    scale: jax.Array


class Patches(NamedTuple):
    """Places of a table of rows that hold missing values: row, column and which of the missing values."""

    row: np.ndarray
    column: np.ndarray
    which: np.ndarray


@dataclass(frozen=True)
class GappyModel:
    """The joint posterior of a model and the missing values of a series; called with a `Track`.

    Parameters
    ----------
    model : Model or MarginalModel
    places : tuple of int
        Positions of missing values in the series.
    lags : tuple of int
    first : int
        Position of the first target.
    """

    model: Model | MarginalModel
    places: tuple[int, ...]
    lags: tuple[int, ...]
    first: int

    @property
    def early(self) -> np.ndarray:
        """Which missing values stand before the first target."""
        return np.array(self.places) < self.first

    def filled(self, track: Track, missing: jax.Array) -> jax.Array:
        """The series (T,) with these missing values."""
        return track.z.at[np.array(self.places)].set(missing)

    def rows(self, track: Track, z: jax.Array, times: Any = None) -> tuple[jax.Array, jax.Array]:
        """Inputs and targets at these times, all targets by default."""
        times = np.arange(self.first, len(track.z)) if times is None else times
        past = z[jnp.asarray(times)[:, None] - np.array(self.lags)] * track.slope + track.shift
        return jnp.concatenate([past, track.known[times - self.first]], axis=1), z[times]

    def log_prior(self, missing: jax.Array) -> jax.Array:
        """N(0, 1) of the missing values before the first target."""
        return jnp.sum(jnp.where(self.early, dist.Normal(0.0, 1.0).log_prob(missing), 0.0))

    def __call__(self, track: Track) -> Any:
        """Issue the statements of the missing values, then those of the model given them."""
        normal = dist.Normal(0.0, 1.0).expand((len(self.places),)).to_event(1)
        missing = numpyro.sample(LATENT, normal)
        numpyro.factor("as_targets", self.log_prior(missing) - normal.log_prob(missing))  # the model scores these
        return self.model(*self.rows(track, self.filled(track, missing)))

    def complete(self, key: jax.Array, sites: Sites, track: Track) -> Sites:
        """The model's sites, completed where the readout was integrated out, and missing values u."""
        missing = sites[LATENT]
        own = {name: value for name, value in sites.items() if name not in (LATENT, "as_targets")}
        if isinstance(self.model, MarginalModel):
            own = self.model.complete(key, own, *self.rows(track, self.filled(track, missing)))
        return own | {SITE: missing * track.scale + track.center}


def check_series(model: Model, series: Lagged, offset: Any, weights: Any) -> None:
    """Refuse what a series cannot be forecast with."""
    likelihood = model.likelihood
    if likelihood.kind == "class":
        raise ValueError(
            f"lagged data need a likelihood of numbers, got {type(likelihood).__name__}: give classes as y, with a "
            "table of inputs"
        )
    if series.transform.names and not likelihood.standardizes:
        raise ValueError(
            f"a series with the transform {series.transform.names} needs a likelihood of continuous numbers, got "
            f"{type(likelihood).__name__}: use lagged(..., transform=None)"
        )
    if len(gaps_of(series)) and (weights is not None or not likelihood.standardizes):
        found = "case weights" if weights is not None else type(likelihood).__name__
        raise ValueError(f'missing="latent" is for continuous numbers without case weights, got {found}')
    if offset is not None:
        raise ValueError("offset must not be given with lagged data: give it as an exogenous column")


def gaps_of(series: Lagged | None) -> np.ndarray:
    """Positions of missing values of a single series; none of a panel or a table."""
    if series is None or series.panel:
        return np.empty(0, dtype=int)
    return np.flatnonzero(np.isnan(next(iter(series.series.values())).to_numpy()))


def gap_labels(series: Lagged) -> np.ndarray:
    """Dates of the missing values, as plain values."""
    return dates.labels(next(iter(series.series.values())).index[gaps_of(series)])


def filled_in(series: Lagged) -> np.ndarray:
    """u (T,) with missing values on the line between their neighbours: for scales and starts alone."""
    u = series.transform.pointwise(next(iter(series.series.values())).to_numpy())
    times, seen = np.arange(len(u)), np.isfinite(u)
    return np.interp(times, times[seen], u[seen])


def observed_rows(series: Lagged) -> tuple[Any, Any]:
    """Rows with an observed target, missing values among their inputs filled in by `filled_in`."""
    if not len(gaps_of(series)):
        return series.x, series.y
    u, count = filled_in(series), len(series.lags)
    x = series.x.copy()
    x.iloc[:, :count] = lag_matrix(u, series.lags)[-len(x) :]
    seen = series.y.notna().to_numpy()
    return x[seen], series.y[seen]


def make_track(series: Lagged, scaling: Scaling) -> Track:
    """The arrays that a `GappyModel` is called with."""
    count = len(series.lags)
    center, scale = np.asarray(scaling.y_center), np.asarray(scaling.y_scale)
    x_center, x_scale = np.asarray(scaling.x_center), np.asarray(scaling.x_scale)
    known = (series.x.to_numpy()[:, count:] - x_center[count:]) / x_scale[count:]
    slope, shift = scale / x_scale[:count], (center - x_center[:count]) / x_scale[:count]
    return Track(*(jnp.asarray(a) for a in ((filled_in(series) - center) / scale, known, slope, shift, center, scale)))


def patches(series: Lagged) -> Patches:
    """Where the rows with an observed target hold missing values."""
    u = filled_in(series)
    places = gaps_of(series)
    times = np.arange(len(u) - len(series.y), len(u))[series.y.notna().to_numpy()]
    number = {place: which for which, place in enumerate(places)}
    found = [
        (row, column, number[time - lag])
        for row, time in enumerate(times)
        for column, lag in enumerate(series.lags)
        if time - lag in number
    ]
    return Patches(*np.array(found, dtype=int).reshape(-1, 3).T)


def patched(x: jax.Array, values: jax.Array, where: Patches, scaling: Scaling) -> jax.Array:
    """Rows x (n, p) as the model sees them, with missing values u (m,) in their places."""
    center, scale = np.asarray(scaling.x_center)[where.column], np.asarray(scaling.x_scale)[where.column]
    return x.at[where.row, where.column].set((values[where.which] - center) / scale)
