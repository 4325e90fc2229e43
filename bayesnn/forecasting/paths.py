"""Sample paths of a fitted series: every posterior draw continues from an origin with its own values and its own noise.

The one place where a series' last values become the network's inputs is `network_input`.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from scipy.special import logsumexp

from bayesnn._internal.runtime import as_key, computing
from bayesnn.data.dataset import with_codes
from bayesnn.data.series.lagged import Lagged
from bayesnn.fitting.fit import Fit
from bayesnn.likelihoods import PanelGaussian
from bayesnn.models.missing_values import SITE, missing_positions
from bayesnn.models.model import Model
from bayesnn.models.readout import shifted
from bayesnn.priors import Sites

BLOCK_NUMBERS = 4_000_000  # doubles of workspace that a block of draws may use
PATHS = 1000  # of a fit whose chains have a single draw, as MAP and ensembles


class Origins(NamedTuple):
    """Origins of paths: the last values of a series at each, and the scaling that turns u into y there.

    windows (o, L) of u, oldest first, or (s, o, L) if each draw has its own past; center and scale (o,) of a
    standardised series, otherwise 0 and 1; names (o,) of the series.
    """

    windows: np.ndarray
    center: np.ndarray
    scale: np.ndarray
    names: tuple[Any, ...]


class Paths(NamedTuple):
    """Paths of s draws from o origins over h steps.

    values (s, o, h) in units of y; f (s, o, h) or (s, o, h, K): function values given the draw and its own path so far,
    on the scale the model sees, beside the number of the series if the errors need it; shift (s, o, h): what
    differences add to w to make u; origins as given. Each draw of the fit has `repeats` paths, one after the other.
    """

    values: np.ndarray
    f: np.ndarray
    shift: np.ndarray
    origins: Origins
    repeats: int = 1


class Rule(NamedTuple):
    """The part of the transform that a step needs, fixed at compilation.

    Lags, filter c_1, ..., whether u folds, and the largest modulus of the curve's values on a path.
    """

    lags: tuple[int, ...]
    filter: tuple[float, ...]
    folds: bool
    largest: float


class Scales(NamedTuple):
    """The fit's scaling as arrays, so that fits of the same shapes share one compiled program."""

    x_center: Any
    x_scale: Any
    y_center: Any
    y_scale: Any


def make_origins(data: Lagged, pasts: list[tuple[str, np.ndarray]]) -> Origins:
    """Origins at the ends of pasts (name of the series, values in units of y, at least `data.window` of them)."""
    transforms = [data.transforms[name] for name, _ in pasts]
    windows = [t.pointwise(past[-data.window :]) for t, (_, past) in zip(transforms, pasts, strict=True)]
    center, scale = np.array([t.center for t in transforms]), np.array([t.scale for t in transforms])
    return Origins(np.stack(windows), center, scale, tuple(name for name, _ in pasts))


def with_draws(fit: Fit, origins: Origins) -> Origins:
    """The origin at the end of the series of a fit, with windows (s, 1, L) if some of its values are missing.

    Each draw fills them with its own values.
    """
    data = lagged_data(fit)
    missing = missing_positions(data)
    if not len(missing):
        return origins
    drawn = data.transform.pointwise(fit.draws()[SITE])
    count = len(next(iter(data.series.values())))
    windows = np.repeat(origins.windows[None], len(drawn), axis=0)
    for which, place in enumerate(missing):
        if place >= count - data.window:
            windows[:, 0, place - count] = drawn[:, which]
    return origins._replace(windows=windows)


def repeats_of(fit: Fit) -> int:
    """Paths of each draw: more than one for a mode, or modes, whose single paths say nothing of their errors."""
    sizes = fit.idata["posterior"].sizes
    return max(1, PATHS // sizes["chain"]) if sizes["draw"] == 1 else 1


@computing
def simulate(
    fit: Fit, origins: Origins, horizon: int, key: Any, future: np.ndarray | None = None, repeats: int = 1
) -> Paths:
    """Paths of every posterior draw from every origin, `future` (o, h, e) being the exogenous inputs of each step.

    `repeats` is the number of paths of each draw.
    """
    data = lagged_data(fit)
    rule = Rule(data.lags, data.transform.difference_filter, data.transform.two_valued, _largest(data))
    known = np.empty((len(origins.center), horizon, 0)) if future is None else future
    sites = {name: np.repeat(values, repeats, axis=0) for name, values in fit.draws().items()}
    count = len(next(iter(sites.values())))
    keys = jax.random.split(as_key(key), count)  # one per draw, so that paths do not depend on the blocks
    width = fit.data.x.shape[1] + fit.model.terms(fit.data.x.shape[1:]).size + 4 * horizon
    block = int(np.clip(BLOCK_NUMBERS // (len(known) * width), 1, count))
    own = np.repeat(origins.windows, repeats, axis=0) if origins.windows.ndim == 3 else origins.windows
    windows = np.broadcast_to(own, (count, *own.shape[-2:]))
    codes = series_shift(fit, origins)
    parts = []
    for start in range(0, count, block):
        rows = np.minimum(np.arange(start, start + block), count - 1)  # the last block is padded to the same shape
        piece = {name: values[rows] for name, values in sites.items()}
        affine = origins.center, origins.scale
        rolled = _roll_block(fit.model, rule, _scales(fit), keys[rows], piece, windows[rows], affine, known, codes)
        parts.append([np.asarray(values)[: count - start] for values in rolled])
    u, f, shift = (np.concatenate(values) for values in zip(*parts, strict=True))
    curved = u * origins.scale[:, None] + origins.center[:, None]
    return Paths(_without_affine(data).inverse(curved), f, shift, origins, repeats)


@computing
def log_density(fit: Fit, paths: Paths, observed: np.ndarray) -> np.ndarray:
    """Log predictive density (o, h) of what was observed, in units of y, each step given only the past of its origin.

    log mean_s p(y | draw s, its own path so far): the paths integrate over the steps before. NaN where `observed` is.
    """
    transform = _without_affine(lagged_data(fit))
    scales, nuisance = _scales(fit), fit.model.likelihood.nuisance_of(fit.draws())
    nuisance = {name: np.repeat(values, paths.repeats, axis=0) for name, values in nuisance.items()}
    count, width = len(paths.f), int(np.prod(paths.f.shape[1:]))
    block = int(np.clip(BLOCK_NUMBERS // (4 * width), 1, count))
    center, scale = paths.origins.center[:, None], paths.origins.scale[:, None]
    total = np.full((1, *observed.shape), -np.inf)
    for curved in transform.roots(observed):
        u = (curved - center) / scale
        for start in range(0, count, block):
            rows = np.minimum(np.arange(start, start + block), count - 1)
            own = {name: values[rows] for name, values in nuisance.items()}
            values = _densities(fit.model, scales, own, paths.f[rows], paths.shift[rows], u)
            kept = np.asarray(values)[: count - start]
            total = logsumexp(np.concatenate([total, kept]), axis=0, keepdims=True)
    return total[0] - np.log(count) + transform.log_slope(observed) - np.log(scale) - fit.data.scaling.log_jacobian


def series_shift(fit: Fit, origins: Origins) -> np.ndarray | None:
    """No offset beside the numbers of the series of the origins, (o, 2), where each has a variance of its own."""
    likelihood = fit.model.likelihood
    if not isinstance(likelihood, PanelGaussian):
        return None
    return with_codes(None, likelihood.codes(origins.names, len(origins.names)))


def lagged_data(fit: Fit) -> Lagged:
    """The series a fit was made from."""
    if not isinstance(fit.data.series, Lagged):
        raise ValueError(
            "forecasts need a fit of a series, got one of a table: fit with bnn.fit(model, bnn.lagged(series, lags))"
        )
    return fit.data.series


def network_input(rule: Rule, scales: Scales, past: jax.Array, known: jax.Array) -> jax.Array:
    """Rows (o, p) of the network from past values of w (o, longest lag), oldest first, and exogenous inputs (o, e)."""
    rows = jnp.concatenate([past[:, -np.array(rule.lags)], known], axis=1)
    return (rows - scales.x_center) / scales.x_scale


@functools.partial(jax.jit, static_argnums=(0, 1))
def _roll_block(
    model: Model,
    rule: Rule,
    scales: Scales,
    keys: jax.Array,
    sites: Sites,
    windows: jax.Array,
    affine: tuple[jax.Array, jax.Array],
    known: jax.Array,
    codes: jax.Array | None,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    return jax.vmap(lambda key, one, window: _roll(model, rule, scales, key, one, window, affine, known, codes))(
        keys, sites, windows
    )


def _roll(
    model: Model,
    rule: Rule,
    scales: Scales,
    key: jax.Array,
    sites: Sites,
    window: jax.Array,
    affine: tuple[jax.Array, jax.Array],
    known: jax.Array,
    codes: jax.Array | None,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """u (o, h), f (o, h, ...) and shift (o, h) of one draw."""
    nuisance = model.likelihood.nuisance_of(sites)
    weights = jnp.asarray(rule.filter)[::-1]  # oldest first, like the window
    past = _differenced(window, rule)

    def step(carry: tuple[jax.Array, jax.Array], inputs: tuple[jax.Array, jax.Array]) -> Any:
        past, levels = carry
        key, row = inputs
        f = shifted(model.function(sites, network_input(rule, scales, past, row)), codes)
        response = model.likelihood.distribution(f, **nuisance).sample(key) * scales.y_scale + scales.y_center
        shift = levels @ weights
        u = shift + response
        # a path that runs away stays at the largest value whose mean over all paths is a number
        curved = u * affine[1] + affine[0]
        bounded = (jnp.clip(curved, -rule.largest, rule.largest) - affine[0]) / affine[1]
        u = jnp.where(jnp.abs(curved) > rule.largest, bounded, u)
        if rule.folds:  # y determines the root only up to its sign, so the next step receives |root|
            center, scale = affine
            u = (jnp.abs(u * scale + center) - center) / scale
        return (_pushed(past, u - shift), _pushed(levels, u)), (u, f, shift)

    levels = window[:, window.shape[1] - len(rule.filter) :]
    _, rolled = lax.scan(step, (past, levels), (jax.random.split(key, known.shape[1]), known.swapaxes(0, 1)))
    u, f, shift = (jnp.moveaxis(values, 0, 1) for values in rolled)
    return u, f, shift


def _differenced(window: jax.Array, rule: Rule) -> jax.Array:
    """The last values of w (o, longest lag) from those of u (o, L)."""
    longest = rule.lags[-1]
    w = window[:, window.shape[1] - longest :]
    for k, c in enumerate(rule.filter, start=1):
        w = w - c * window[:, window.shape[1] - longest - k : window.shape[1] - k]
    return w


def _pushed(values: jax.Array, new: jax.Array) -> jax.Array:
    """Values (o, k), oldest first, with a new one appended and the oldest removed."""
    return jnp.concatenate([values, new[:, None]], axis=1)[:, 1:]


@functools.partial(jax.jit, static_argnums=0)
def _densities(model: Model, scales: Scales, nuisance: Sites, f: jax.Array, shift: jax.Array, u: jax.Array) -> Any:
    def one(nuisance: Sites, f: jax.Array, shift: jax.Array) -> jax.Array:
        y = (u - shift - scales.y_center) / scales.y_scale
        return model.likelihood.distribution(f, **nuisance).log_prob(y)

    return jax.vmap(one)(nuisance, f, shift)


def _scales(fit: Fit) -> Scales:
    scaling = fit.data.scaling
    return Scales(*(np.asarray(v) for v in (scaling.x_center, scaling.x_scale, scaling.y_center, scaling.y_scale)))


def _largest(data: Lagged) -> float:
    """The modulus of a logarithm, a root or a value of the series beyond which a path does not go: y below 1e100."""
    curve = data.transform.pointwise_name
    return {"log": 230.0, "log10": 100.0, "sqrt": 1e50}.get(curve or "", 1e100)


def _without_affine(data: Lagged) -> Any:
    """The pointwise transform without standardisation: each origin has its own centre and scale."""
    return replace(data.transform, center=0.0, scale=1.0)
