"""What a file says of a fit, checked as `fit` would check it before it is believed: types, shapes, sizes, numbers.

Decoding makes only the package's own specs; here it is checked that they are of the right kind and belong together.
Shapes of draws are compared with those that the model needs before anything of the model's own size is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayesnn.data import sequences
from bayesnn.data.columns import Columns
from bayesnn.data.dataset import Dataset, case_weights, new_offset
from bayesnn.data.sequences import DIMS, NUMBERS, TABLE, TOKENS
from bayesnn.data.series.dates import date_range
from bayesnn.data.series.lagged import Lagged
from bayesnn.fitting.inference_data import DRAW_DIMS, OF_THE_PRIOR
from bayesnn.fitting.settings import FitSettings
from bayesnn.fitting.store.state import State
from bayesnn.models.missing_values import DIM, SITE, missing_positions
from bayesnn.models.model import Model
from bayesnn.samplers import Sampler
from bayesnn.samplers.approximate.mc_dropout import SITE as DROPOUT
from bayesnn.samplers.engine.checkpoint import Checkpoint
from bayesnn.samplers.engine.plan import Plan

KINDS = "biuf"  # NumPy's kinds of numbers and truth values


def check_parts(model: Any, data: Any, sampler: Any, state: Any, settings: Any) -> None:
    """Refuse parts of a fit that are of another kind, or that do not belong together."""
    wanted = {"model": Model, "data": Dataset, "sampler": Sampler, "state": State, "settings": FitSettings}
    found = {"model": model, "data": data, "sampler": sampler, "state": state, "settings": settings}
    for name, kind in wanted.items():
        optional = name in ("state", "settings") and found[name] is None
        _require(optional or isinstance(found[name], kind), f"{name} is a {type(found[name]).__name__}")
    check_data(model, data)
    if state is not None:
        _check_state(state)


def check_data(model: Model, data: Dataset) -> None:
    """Refuse training rows that are not finite numbers of the shapes that the columns and the model say."""
    count, columns = len(data.y), data.columns
    _require(columns.kind in DIMS, f"the kind of inputs is {columns.kind!r}")
    _require(len(columns.names) == len(columns.categories), "columns and categories differ in number")
    _check_inputs(data)
    _check_reads(model.network.reads, columns)
    _check_target(model, data)
    _require(len(data.x) == count > 0, "rows of x and y do not belong together")
    _require(isinstance(data.obs, np.ndarray) and data.obs.shape == (count,), f"there are not {count} row labels")
    for name, values, check in (("weights", data.weights, case_weights), ("offset", data.offset, new_offset)):
        if values is not None:
            _require(isinstance(values, np.ndarray) and values.shape == (count,), f"{name} has another shape")
            _same(check(values, count), values, name)
    _require(isinstance(data.target, str), "the name of the target is no text")
    _check_groups(model, data)
    _check_scaling(data)
    if data.series is not None:
        _check_series(data.series)


def _check_groups(model: Model, data: Dataset) -> None:
    """Refuse numbers of series that the likelihood does not have, and rows without them where it needs them."""
    groups, names = data.groups, getattr(model.likelihood, "series", ())
    _require((groups is not None) == model.likelihood.by_series, "the model and the rows differ in series")
    if groups is not None:
        right = isinstance(groups, np.ndarray) and groups.shape == (len(data.y),) and groups.dtype.kind == "i"
        _require(right, "the series of the rows are no whole numbers")
        _require(bool(((groups >= 0) & (groups <= len(names))).all()), "rows belong to a series that the model lacks")


def check_draws(model: Model, data: Dataset, groups: Mapping[str, Any]) -> None:
    """Refuse groups of inference data whose draws the model does not have, of other shapes, of text, or not finite."""
    _require("posterior" in groups, "there is no posterior")
    posterior, dims = groups["posterior"], _sites(model, data)
    _require(
        set(dims) == set(posterior.data_vars),
        f"the model has the sites {sorted(dims)}, the draws {sorted(map(str, posterior.data_vars))}",
    )
    for name, axes in dims.items():
        found = posterior[name].dims
        _require(found == ("chain", "draw", *axes), f"draws of {name} have the axes {found}")
    check_values(model, data, {name: posterior[name].to_numpy() for name in dims})
    _require("complete" in posterior.attrs, "it is not said whether the draws are complete")
    _check_log_likelihood(groups)
    for name, group in groups.items():
        for one, values in group.data_vars.items():
            _require(values.dtype.kind in KINDS, f"{name} holds {one} as {values.dtype}")
        own = {*DRAW_DIMS} if name in OF_THE_PRIOR else {"obs"} if name == "predictions" else set()
        for axis in {*DRAW_DIMS, "obs"} & set(group.dims) - own:
            wanted = len(data.y) if axis == "obs" else posterior.sizes[axis]
            _require(group.sizes[axis] == wanted, f"{name} has the size {group.sizes[axis]} along {axis}, not {wanted}")


def _check_log_likelihood(groups: Mapping[str, Any]) -> None:
    """Refuse groups without the log likelihood of each draw, of its rows or of all of them."""
    if "log_likelihood" in groups:
        found = groups["log_likelihood"].data_vars
        right = "y" in found and found["y"].dims[:3] == ("chain", "draw", "obs")
        _require(right, "the group log_likelihood does not hold y by chain, draw and row")
        return
    found = groups["sample_stats"].data_vars if "sample_stats" in groups else {}
    right = "log_likelihood" in found and found["log_likelihood"].dims == ("chain", "draw")
    _require(right, "there is no log likelihood of the draws")


def check_values(model: Model, data: Dataset, values: Mapping[str, np.ndarray]) -> None:
    """Refuse recorded values (chain, draw, ...) of other shapes or types than the model has, or that are not finite."""
    terms, shape, sites = model.terms(data.x.shape[1:]), data.x.shape[1:], _sites(model, data)
    architecture = {} if model.architecture is None else model.architecture.probabilities()
    first: tuple[int, ...] = ()
    for name, axes in sites.items():
        _require(name in values, f"there are no draws of {name}")
        array = values[name]
        _require(array.dtype.kind in KINDS and bool(np.isfinite(array).all()), f"draws of {name} are not finite")
        counted = name in architecture or name == DROPOUT
        right = array.dtype.kind in "iu" if counted else array.dtype == np.float64  # fits hold doubles, see `as_double`
        _require(right, f"draws of {name} are {array.dtype}")
        _require(array.ndim == 2 + len(axes) and array.size > 0, f"draws of {name} have the shape {array.shape}")
        first = first or array.shape[:2]
        _require(array.shape[:2] == first, f"there are {array.shape[:2]} chains and draws of {name}, not {first}")
    weights = (*model.weight_specs(shape).values(), *terms.weights().values())
    _check_sizes(values, sites, {dim: size for w in weights for dim, size in zip(w.dims, w.shape, strict=True)})
    labels = model.coordinates(data.columns.inputs, shape)  # of the size that draws of the weights have
    _check_sizes(values, sites, {dim: len(own) for dim, own in labels.items()})
    for name in model.likelihood.dims:
        _require(bool((values[name] > 0).all()), f"draws of {name} are not above zero")
    for name, possible in architecture.items():
        _require(bool(np.isin(values[name], list(possible)).all()), f"draws of {name} are none that the model has")


def _check_sizes(values: Mapping[str, np.ndarray], sites: Mapping[str, Any], sizes: Mapping[str, int]) -> None:
    """Refuse draws whose axes have other sizes than these."""
    for name, axes in sites.items():
        for axis, size in zip(axes, values[name].shape[2:], strict=True):
            wanted = sizes.get(axis, size)
            _require(size == wanted, f"{name} has the size {size} along {axis}, and the model {wanted}")


def _sites(model: Model, data: Dataset) -> dict[str, tuple[str, ...]]:
    """The sites that a fit of the model to these data records, with the names of their axes."""
    dims = model.dims(data.x.shape[1:])
    gaps = data.series is not None and len(missing_positions(data.series))
    return dims | ({SITE: (DIM,)} if gaps else {})


def _require(true: bool, otherwise: str) -> None:
    if not true:
        raise ValueError(otherwise)


def _check_reads(reads: sequences.Reads, columns: Columns) -> None:
    """Refuse columns that let in what the network does not read, such as ids beyond its table of tokens."""
    tokens = columns.kind == TOKENS
    _require(tokens == (reads.vocabulary is not None), "the network reads inputs of another kind")
    found, wanted = (columns.vocabulary, columns.of_source), (reads.vocabulary, reads.of_source)
    _require(not tokens or found == wanted, f"token ids are below {found}, and those of the network below {wanted}")
    _require(columns.kind == TABLE or columns.source == reads.source, "source and network do not belong together")
    _require(
        columns.words in (None, reads.words), "the vocabulary is not that of the network"
    )  # None: earlier versions
    formula = columns.formula
    _require(formula is None or formula.names == columns.names, "formula and columns do not belong together")


def _same(read: Any, found: np.ndarray, name: str) -> None:
    """Refuse an array of another type than `fit` makes of it, even where its numbers are right."""
    _require(np.asarray(read).dtype == found.dtype, f"{name} is {found.dtype}")


def _check_inputs(data: Dataset) -> None:
    x, columns = data.x, data.columns
    _require(isinstance(x, np.ndarray) and x.ndim == len(DIMS[columns.kind]), "x has another number of axes")
    if columns.kind == TABLE:
        _require(x.dtype == np.float64 and bool(np.isfinite(x).all()), "x does not hold finite numbers")
        _require(x.shape[1] == len(columns.inputs), "rows and columns of the data do not belong together")
    elif columns.kind == NUMBERS:
        _same(sequences.numbers(x, len(columns.names), columns.source), x, "x")
    else:
        _same(columns.ids(x), x, "x")
    _require(columns.kind == TABLE or x.shape[1] == columns.steps, "steps of the data do not belong together")


def _check_target(model: Model, data: Dataset) -> None:
    """Refuse a target unlike what the likelihood encodes: codes of classes, -1 at padded steps and weight zero."""
    y, steps, likelihood = data.y, data.steps, model.likelihood
    _require(isinstance(y, np.ndarray) and y.ndim > 0 and y.dtype.kind in "iuf", "y does not hold numbers")
    if steps is not None:
        right = isinstance(steps, np.ndarray) and steps.dtype == bool and steps.shape == y.shape[:2]
        _require(right and bool(steps.any()), "steps and y do not belong together")
    values = y if steps is None else y[steps]
    if likelihood.kind != "class":
        _require(bool(np.isfinite(values).all()), "y is not finite")
        encoded = np.asarray(likelihood.encode(values))
        _require(np.array_equal(encoded, values), "y is not a target of the likelihood")
        _same(encoded, values, "y")
        return
    _require(y.dtype.kind in "iu" and values.ndim == 1, "y does not hold one code of a class in each row")
    known = len(likelihood.classes)  # type: ignore[attr-defined]
    least = -1 if data.weights is not None and not data.weights.all() else 0
    _require(bool(((values >= least) & (values < known)).all()), f"y holds codes of other than {known} classes")


def _check_scaling(data: Dataset) -> None:
    scaling, width = data.scaling, len(data.columns.inputs)
    shapes = {"x_center": (width,), "x_scale": (width,), "y_center": None, "y_scale": None}
    for name, shape in shapes.items():
        values = np.asarray(getattr(scaling, name))
        fits = values.shape == shape if shape is not None else values.shape in ((), data.y.shape[1:])
        _require(values.dtype.kind in "iuf" and fits or values.size == width == 0, f"{name} has another shape")
        _require(bool(np.isfinite(values).all()), f"{name} is not finite")
        _require(not name.endswith("scale") or bool((values > 0).all()), f"{name} is not above zero")
    _require(data.columns.kind != TOKENS or width == 0, "token ids have no columns")


def _check_series(series: Any) -> None:
    import pandas as pd

    _require(isinstance(series, Lagged), f"series is a {type(series).__name__}")
    tables = {"x": (series.x, pd.DataFrame), "y": (series.y, pd.Series)}
    for name, (table, kind) in tables.items():
        _require(isinstance(table, kind), f"{name} of the series is a {type(table).__name__}")
    _require(len(series.x) == len(series.y), "rows of the series do not belong together")
    _require(set(series.series) == set(series.transforms), "series and transforms do not belong together")
    for name, one in series.series.items():
        right = isinstance(one, pd.Series) and one.dtype == np.float64 and not np.isinf(one.to_numpy()).any()
        _require(right and len(one) > 0, f"series {name!r} does not hold numbers")
        dates = date_range(one.index[0], series.step, len(one), one.index)
        _require(one.index.equals(dates), f"dates of series {name!r} are not one step apart")
        scale = series.transforms[name].scale
        _require(np.isfinite(scale) and scale > 0, f"the scale of series {name!r} is not above zero")
    longest = max(map(len, series.series.values()), default=0)
    lags = [*series.lags, *(lag for _, lag in series.columns), series.period]
    _require(bool(series.lags) and min(lags) >= 0 and max(series.lags) < longest, "lags are longer than the series")


def _check_state(state: State) -> None:
    """Refuse states of other chains than the plan says."""
    plan, point = state.plan, state.checkpoint
    _require(isinstance(plan, Plan) and isinstance(point, Checkpoint), "the state of the chains is of another kind")
    _require(len(point.leaves) == len(point.keys), "the state of the chains does not belong together")
    for leaf in point.leaves:
        right = isinstance(leaf, np.ndarray) and leaf.ndim > 0 and len(leaf) == plan.total_chains
        _require(right and leaf.dtype.kind in KINDS, f"the state is not that of {plan.total_chains} chains")
    impl, numbers = state.key
    _require(isinstance(impl, str) and all(type(n) is int and 0 <= n < 2**32 for n in numbers), "the key is none")
