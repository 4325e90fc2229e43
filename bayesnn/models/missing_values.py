"""Missing observations of a series as further unknowns, beside the parameters of the model.

Given the values before the first target, the series has the density prod_t p(y_t | its lags, inputs); missing values
enter it as targets and as lags. Missing values before the first target are no targets, so this density gives them no
distribution of their own: they get N(0, 1) on the scale the model sees.
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
from bayesnn.priors.base import prior_factor

LATENT = "missing_scaled"
SITE = "missing"  # name of the site of the missing values, recorded in units of the series
DIM = "gap"


class SeriesArrays(NamedTuple):
    """A series as the model sees it.

    `z` (T,) is the series on the scale of the target, with missing values filled in provisionally; `known` (n, e) are
    the exogenous inputs of all targets; `slope` and `shift` (lags,) turn z into each lagged input; `center` and `scale`
    turn z back into the units of the series, u = center + scale z.
    """

    z: jax.Array
    known: jax.Array
    slope: jax.Array
    shift: jax.Array
    center: jax.Array
    scale: jax.Array


class MissingInputs(NamedTuple):
    """Entries of a table of inputs that are missing: row, column, and the number of the missing value there."""

    row: np.ndarray
    column: np.ndarray
    which: np.ndarray


@dataclass(frozen=True)
class MissingValuesModel:
    """The joint posterior of a model and the missing values of a series; called with `SeriesArrays`.

    Parameters
    ----------
    model : Model or MarginalModel
    positions : tuple of int
        Positions of the missing values in the series.
    lags : tuple of int
        Lags that the model reads, in the order of its inputs.
    first_target : int
        Position of the first target.
    """

    model: Model | MarginalModel
    positions: tuple[int, ...]
    lags: tuple[int, ...]
    first_target: int

    @property
    def early(self) -> np.ndarray:
        """Whether each missing value comes before the first target."""
        return np.array(self.positions) < self.first_target

    def filled(self, arrays: SeriesArrays, missing: jax.Array) -> jax.Array:
        """The series (T,) with these values in place of the missing ones."""
        return arrays.z.at[np.array(self.positions)].set(missing)

    def rows(self, arrays: SeriesArrays, z: jax.Array, times: Any = None) -> tuple[jax.Array, jax.Array]:
        """Inputs and targets at these times; by default at all targets."""
        times = np.arange(self.first_target, len(arrays.z)) if times is None else times
        past = z[jnp.asarray(times)[:, None] - np.array(self.lags)] * arrays.slope + arrays.shift
        return jnp.concatenate([past, arrays.known[times - self.first_target]], axis=1), z[times]

    def log_prior(self, missing: jax.Array) -> jax.Array:
        """log N(0, 1) of the missing values before the first target, summed."""
        return jnp.sum(jnp.where(self.early, dist.Normal(0.0, 1.0).log_prob(missing), 0.0))

    def __call__(self, arrays: SeriesArrays) -> Any:
        """Issue the sample statements of the missing values, then those of the model given them."""
        normal = dist.Normal(0.0, 1.0).expand((len(self.positions),)).to_event(1)
        missing = numpyro.sample(LATENT, normal)
        # missing targets have their density from the likelihood: take N(0, 1) off again for all but the early ones
        prior_factor("as_targets", self.log_prior(missing) - normal.log_prob(missing))
        return self.model(*self.rows(arrays, self.filled(arrays, missing)))

    def complete(self, key: jax.Array, sites: Sites, arrays: SeriesArrays) -> Sites:
        """The sites of the model, with the readout drawn if it was integrated out, and the missing values u."""
        missing = sites[LATENT]
        own = {name: value for name, value in sites.items() if name not in (LATENT, "as_targets")}
        if isinstance(self.model, MarginalModel):
            own = self.model.complete(key, own, *self.rows(arrays, self.filled(arrays, missing)))
        return own | {SITE: missing * arrays.scale + arrays.center}


def check_series(model: Model, series: Lagged, offset: Any, weights: Any) -> None:
    """Raise a ValueError for likelihoods, offsets and case weights that do not go with a series."""
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
    if len(missing_positions(series)) and (weights is not None or not likelihood.standardizes):
        found = "case weights" if weights is not None else type(likelihood).__name__
        raise ValueError(f'missing="latent" is for continuous numbers without case weights, got {found}')
    if offset is not None:
        raise ValueError("offset must not be given with lagged data: give it as an exogenous column")


def missing_positions(series: Lagged | None) -> np.ndarray:
    """Positions of the missing values of a single series; empty for a panel or a table."""
    if series is None or series.panel:
        return np.empty(0, dtype=int)
    return np.flatnonzero(np.isnan(next(iter(series.series.values())).to_numpy()))


def missing_labels(series: Lagged) -> np.ndarray:
    """Dates of the missing values, as coordinate values."""
    return dates.labels(next(iter(series.series.values())).index[missing_positions(series)])


def interpolated(series: Lagged) -> np.ndarray:
    """u (T,) with missing values interpolated linearly; used for scales and starting points only."""
    u = series.transform.pointwise(next(iter(series.series.values())).to_numpy())
    times, seen = np.arange(len(u)), np.isfinite(u)
    return np.interp(times, times[seen], u[seen])


def observed_rows(series: Lagged) -> tuple[Any, Any]:
    """Rows with an observed target; missing values among their inputs are interpolated."""
    if not len(missing_positions(series)):
        return series.x, series.y
    u, count = interpolated(series), len(series.lags)
    x = series.x.copy()
    x.iloc[:, :count] = lag_matrix(u, series.lags)[-len(x) :]
    seen = series.y.notna().to_numpy()
    return x[seen], series.y[seen]


def make_series_arrays(series: Lagged, scaling: Scaling) -> SeriesArrays:
    """The arrays that a `MissingValuesModel` is called with."""
    count = len(series.lags)
    center, scale = np.asarray(scaling.y_center), np.asarray(scaling.y_scale)
    x_center, x_scale = np.asarray(scaling.x_center), np.asarray(scaling.x_scale)
    known = (series.x.to_numpy()[:, count:] - x_center[count:]) / x_scale[count:]
    slope, shift = scale / x_scale[:count], (center - x_center[:count]) / x_scale[:count]
    return SeriesArrays(
        *(jnp.asarray(a) for a in ((interpolated(series) - center) / scale, known, slope, shift, center, scale))
    )


def missing_inputs(series: Lagged) -> MissingInputs:
    """The missing inputs of the rows with an observed target."""
    u = interpolated(series)
    places = missing_positions(series)
    times = np.arange(len(u) - len(series.y), len(u))[series.y.notna().to_numpy()]
    number = {place: which for which, place in enumerate(places)}
    found = [
        (row, column, number[time - lag])
        for row, time in enumerate(times)
        for column, lag in enumerate(series.lags)
        if time - lag in number
    ]
    return MissingInputs(*np.array(found, dtype=int).reshape(-1, 3).T)


def fill_inputs(x: jax.Array, values: jax.Array, where: MissingInputs, scaling: Scaling) -> jax.Array:
    """Rows x (n, p) as the model sees them, with the values u (m,) in place of the missing ones."""
    center, scale = np.asarray(scaling.x_center)[where.column], np.asarray(scaling.x_scale)[where.column]
    return x.at[where.row, where.column].set((values[where.which] - center) / scale)
