"""Inputs at every public door that may be misread, beyond those of each door's own tests: the right value, or words."""

import importlib
import inspect
from decimal import Decimal
from fractions import Fraction

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
import pandas as pd
import pytest
import xarray as xr

matplotlib.use("Agg")

from made import made_fit  # noqa: E402

import bayesnn as bnn  # noqa: E402
from bayesnn._internal.runtime import as_key  # noqa: E402
from bayesnn.data.formulas.read import read_formula  # noqa: E402

bind = importlib.import_module("bayesnn.fitting.binding").bind
ROWS = 12
X = np.linspace(-1.0, 1.0, ROWS)[:, None]
Y = np.sin(3 * X[:, 0])
ORDER = np.arange(ROWS)[::-1]
DATES = pd.date_range("2020-01-31", periods=24, freq="ME")
SERIES = pd.Series(np.sin(np.arange(24.0)) + 0.1 * np.arange(24), DATES)
TABLE = pd.DataFrame({"a": X[:, 0], "b": X[:, 0] ** 2})
WORDS = bnn.text.learn_vocabulary(["a b", "b c"])
TEXTS = np.dtypes.StringDType()
TEXTS_OR_NONE = np.dtypes.StringDType(na_object=None)
LONG_DOUBLES = np.finfo(np.longdouble).max > np.finfo(float).max
COUNTS = bnn.Model([bnn.Dense(1)], bnn.Poisson())
TWO = bnn.Model([bnn.Dense(1)], bnn.Bernoulli())


def scaled(x=X, y=Y, model=None, **rows):
    return bind(bnn.shallow(1) if model is None else model, x, y, **rows)[1].scaled()


def classes(labels):
    return bind(bnn.Model([bnn.Dense(1)], bnn.Categorical()), X, labels)[0].likelihood.classes


@pytest.fixture(scope="module")
def fits():
    exposures = made_fit(COUNTS, TABLE, np.arange(ROWS), offset=np.zeros(ROWS))
    return {
        "table": made_fit(bnn.shallow(1), TABLE, Y),
        "array": made_fit(bnn.shallow(1), X, Y),
        "counts": exposures,
        "series": made_fit(bnn.shallow(1), bnn.lagged(SERIES, 2)),
        "steps": made_fit(bnn.shallow(1), bnn.lagged(SERIES.to_numpy(), 2)),
    }


SHIFTED = pd.Series([0.0, 1.0], index=[3, 7])
NEW = TABLE[:2].set_axis([7, 3])
REFUSED = {
    # rows that would be matched by place, though their labels say otherwise
    "weights of other rows than y": (
        lambda fits: scaled(y=pd.Series(Y), weights=pd.Series(np.ones(ROWS), ORDER)),
        "y and weights must have the same index",
    ),
    "offset of other rows than y": (
        lambda fits: scaled(y=pd.Series(Y), offset=pd.Series(np.ones(ROWS), ORDER)),
        "y and offset must have the same index",
    ),
    "offset of other rows than weights": (
        lambda fits: scaled(weights=pd.Series(np.ones(ROWS)), offset=pd.Series(np.ones(ROWS), ORDER)),
        "weights and offset must have the same index",
    ),
    "offset at predict": (lambda fits: bnn.predict(fits["counts"], NEW, offset=SHIFTED), "x and offset must have the"),
    "offset at decompose": (lambda fits: bnn.decompose(fits["counts"], NEW, offset=SHIFTED), "x and offset must have"),
    "offset at evaluate": (
        lambda fits: bnn.evaluate(fits["counts"], NEW, [1, 2], offset=SHIFTED),
        "x and offset must have the same index",
    ),
    "y and weights at evaluate": (
        lambda fits: bnn.evaluate(fits["array"], X, pd.Series(Y), weights=pd.Series(np.ones(ROWS), ORDER)),
        "y and weights must have the same index",
    ),
    "offset at effects": (
        lambda fits: bnn.average_marginal_effects(fits["counts"], rows=NEW, offset=SHIFTED),
        "x and offset must have the same index",
    ),
    "offset at dependence": (
        lambda fits: bnn.partial_dependence(fits["counts"], "a", rows=NEW, offset=SHIFTED),
        "x and offset must have the same index",
    ),
    # what would be a rounding error with a scale of its own
    "an offset that explains y but for rounding": (
        lambda fits: scaled(y=Y + 0.3, offset=Y),
        "y less its offset must vary by more than rounding errors",
    ),
    "an offset that is y": (lambda fits: scaled(offset=Y), "y less its offset must have a standard deviation of at"),
    "an offset beside which y vanishes": (lambda fits: scaled(offset=1e15), "y less its offset must vary by more"),
    "one row with all the weight": (
        lambda fits: scaled(weights=np.r_[1e70, np.ones(ROWS - 1)]),
        "y must vary, each row counted by its weight, by more than rounding errors",
    ),
    # labels that are equal and yet two
    "classes True and 1": (lambda fits: classes([True, 1, 0] * 4), "labels that differ, got True and 1, which are eq"),
    "classes 1 and Fraction": (lambda fits: classes([1, Fraction(1), 0] * 4), "got 1 and Fraction.1, 1., which are eq"),
    "categories True and 1": (
        lambda fits: scaled(pd.DataFrame({"a": pd.Series([True, 1, "u"] * 4, dtype=object)})),
        "column 'a' must hold categories that differ, got True and 1",
    ),
    "classes of one-hot rows": (lambda fits: classes(np.eye(3)[[0, 1, 2] * 4]), "one label per row, shape .n,., got"),
    "classes that may be missing": (
        lambda fits: classes(np.array([None, *"ab" * 5, "a"], dtype=TEXTS_OR_NONE)),
        "no missing ones, got None in 1 row",
    ),
    "complex classes": (lambda fits: classes([1j, 2j] * 6), "hashable labels and no missing ones, got 1j"),
    "a set of classes": (lambda fits: classes(set(range(ROWS))), "one label per row, got a set"),
    "probabilities as classes": (lambda fits: scaled(y=np.abs(Y), model=TWO), "class labels .* got 12 float.s. such"),
    # numbers that are none, or too many digits
    "text of NumPy 2 as y": (lambda fits: scaled(y=Y.astype(str).astype(TEXTS)), "numbers as text"),
    "text of NumPy 2 as x": (lambda fits: scaled(X.astype(str).astype(TEXTS)), "x must hold numbers, got StringDType"),
    "subnormal x": (lambda fits: scaled(X * 5e-320), "column 'x0' of x must have a standard deviation of at least"),
    "half precision beyond its size": (
        lambda fits: scaled(np.full((ROWS, 1), np.inf, np.float16)),
        "x must be finite, got 12 NaN or infinite",
    ),
    "a Dataset as y": (lambda fits: scaled(y=xr.Dataset({"y": ("n", Y)})), "y must be an array .* Dataset is none"),
    "a Dataset as x": (lambda fits: scaled(xr.Dataset({"a": ("n", Y)})), "x must be an array .* this Dataset is none"),
    "a generator as x": (lambda fits: scaled(row for row in X), "x must be a table, .* got generator: make it one"),
    "a zip as x": (lambda fits: scaled(zip(Y, Y, strict=True)), "x must be a table, .* got zip"),
    "nothing as x": (lambda fits: scaled(None), "x must be a table, .* got NoneType"),
    "a dictionary to predict at": (
        lambda fits: bnn.predict(fits["array"], {"x0": Y}),
        "x must be a table, .* got dict",
    ),
    "a generator as y": (lambda fits: scaled(y=(v for v in Y)), "y must hold numbers, got generator"),
    "negative counts by sign of zero": (lambda fits: scaled(y=-np.arange(12.0), model=COUNTS), "counts .whole numbers"),
    "a weight for each of two": (lambda fits: scaled(weights=np.ones((ROWS, 1))), "weights must have shape .12,."),
    "weights by a name": (lambda fits: scaled(TABLE, weights="a"), "weights must hold numbers, got <U1"),
    "an offset that is missing": (lambda fits: scaled(offset=np.full(ROWS, np.nan)), "offset must be finite, got 12"),
    # names
    "an input called const": (
        lambda fits: scaled(TABLE.rename(columns={"a": "const"})),
        "no input called 'const', as the constant of the units is called",
    ),
    "columns of two levels to predict at": (
        lambda fits: bnn.predict(fits["table"], TABLE.set_axis(pd.MultiIndex.from_product([["a", "b"], [""]]), axis=1)),
        "missing .'a', 'b'.",
    ),
    # horizons, histories, lags
    "a horizon beyond all dates": (lambda fits: bnn.forecast(fits["series"], 10**7), "cannot be dates .* shorter hori"),
    "a horizon beyond all memory": (lambda fits: bnn.forecast(fits["steps"], 10**13), "GB of memory: ask for fewer dr"),
    "lags beyond all memory": (lambda fits: bnn.lagged(SERIES, 10**30), "10{30} lags take .* GB, .*: use fewer lags"),
    "units beyond all memory": (lambda fits: scaled(model=bnn.shallow(10**13)), "20{13} weights take 1.6e.05 GB, and"),
    "a network beyond all memory": (
        lambda fits: scaled(model=bnn.Model([bnn.Dense(10**30)])),
        "20{30} weights take 1.6e.22 GB, .*: use fewer units",
    ),
    "chains beyond all memory": (
        lambda fits: bnn.fit(bnn.shallow(1), X, Y, chains=10**13, progress=False),
        "10{13} chains take at least .* GB, and this machine has .*: use fewer chains",
    ),
    "the target among the columns": (
        lambda fits: scaled(TABLE, TABLE["b"]),
        "x must not hold the target, got y itself as column 'b': leave it out, as x.drop.columns='b'. does",
    ),
    "the target among the columns, as tables": (lambda fits: scaled(TABLE, TABLE[["b"]]), "got y itself as column 'b'"),
    "one of two targets among the columns": (
        lambda fits: scaled(TABLE, TABLE.rename(columns={"a": "c"})),
        "got y itself as column 'b'",
    ),
    "the series among its inputs": (
        lambda fits: bnn.lagged(SERIES.rename("s"), 2, exogenous=SERIES.rename("t"), transform="difference"),
        "exogenous column 't' must not hold the values of series 's' itself: leave it out",
    ),
    "a horizon that is true": (lambda fits: bnn.forecast(fits["series"], True), "horizon must be a whole number"),
    "a horizon of 2.0": (lambda fits: bnn.forecast(fits["series"], 2.0), "horizon must be a whole number"),
    "a history in another time zone": (
        lambda fits: bnn.forecast(fits["series"], 2, history=SERIES.tz_localize("UTC")),
        "dates of the fit's time zone, None, got UTC",
    ),
    "a number in an array as lags": (lambda fits: bnn.lagged(SERIES, np.array(2)), "lags must be a whole number, or"),
    "dates that come twice": (
        lambda fits: bnn.lagged(SERIES.set_axis(DATES[[0]].append(DATES[:-1])), 2),
        "must differ, got more than one value for 2020-01-31",
    ),
    "periods with a gap": (
        lambda fits: bnn.lagged(SERIES[:-1].set_axis(pd.period_range("2020-01", periods=24, freq="M").delete(4)), 2),
        "got no 2020-05",
    ),
    "hours of a clock that is set back": (
        lambda fits: bnn.lagged(
            SERIES.set_axis(
                pd.date_range("2020-10-24 12:00", periods=24, freq="h", tz="Europe/Berlin").tz_localize(None)
            ),
            2,
        ),
        "must differ, got more than one value for 2020-10-25 02:00",
    ),
    # texts
    "a set of texts": (lambda fits: WORDS.ids({"a b", "c"}, 2), "got a set, which has no order"),
    "no texts": (lambda fits: WORDS.ids(None, 2), "texts must be a list of texts, got None"),
    "a number for texts": (lambda fits: bnn.text.learn_vocabulary(3.5), "texts must be a list of texts, got 3.5"),
    "texts that may be missing": (
        lambda fits: WORDS.ids(np.array(["a", None], dtype=TEXTS_OR_NONE), 2),
        "got NoneType as item 1",
    ),
    "texts of endless length": (lambda fits: WORDS.ids(["a b"], 10**12), "1 sequence.s. of 10{12} steps take 4000 GB"),
    "texts as bytes": (lambda fits: WORDS.ids([b"a b"], 2), "got bytes as item 0"),
    # levels, inputs, keys
    "levels as shares": (
        lambda fits: bnn.to_frame(bnn.predict(fits["array"], X), levels=(0.8, 0.95)),
        "levels must be percentages, not shares: 80 for 80%",
    ),
    "one level": (lambda fits: bnn.evaluate(fits["array"], X, Y, levels=80), "levels must be percentages .* got 80"),
    "a column by its number": (lambda fits: bnn.partial_dependence(fits["array"], 0), "the name of a column, or names"),
    "several keys": (lambda fits: as_key(jax.random.split(jax.random.key(0))), "key must be a whole number or one JAX"),
    "a generator as key": (lambda fits: as_key(np.random.default_rng(0)), "key must be a whole number or one JAX key"),
    "a true key": (lambda fits: as_key(True), "key must be a whole number or one JAX key"),
    "a path as bytes": (lambda fits: bnn.save(fits["array"], b"fit.npz"), "path must be text or a pathlib.Path"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_be_misread_is_refused_in_words(fits, name):
    call, words = REFUSED[name]
    with pytest.raises(ValueError, match=words):
        call(fits)


@pytest.mark.skipif(not LONG_DOUBLES, reason="long doubles are doubles here")
def test_long_doubles_beyond_doubles_are_refused_without_a_warning():
    with pytest.raises(ValueError, match="at most 1e.75 in size, got a number with more than 308 digits"):
        scaled(y=np.r_[np.longdouble("1e400"), Y[1:].astype(np.longdouble)])


PLAIN = (X - X.mean()) / X.std(), (Y - Y.mean()) / Y.std()
SAME = {
    "a DataArray": lambda: scaled(xr.DataArray(X), xr.DataArray(Y)),
    "arrays of JAX": lambda: scaled(jnp.asarray(X.astype(np.float32)), jnp.asarray(Y.astype(np.float32))),
    "a view of memory": lambda: scaled(memoryview(np.ascontiguousarray(X)), memoryview(Y)),
    "an index": lambda: scaled(X, pd.Index(Y)),
    "decimals": lambda: scaled([[Decimal(v)] for v in X[:, 0].tolist()], [Decimal(v) for v in Y.tolist()]),
    "long doubles": lambda: scaled(X.astype(np.longdouble), Y.astype(np.longdouble)),
    "weights of size": lambda: scaled(weights=[2**70] * ROWS),
    "weights almost nothing": lambda: scaled(weights=np.full(ROWS, 5e-324)),
    "weights that are true": lambda: scaled(weights=np.ones(ROWS, dtype=bool)),
    "weights in the order of y": lambda: scaled(y=pd.Series(Y, ORDER), weights=pd.Series(np.ones(ROWS), ORDER)),
    "rows of weight -0.0": lambda: tuple(
        v[1:] for v in scaled(np.r_[[[9.0]], X], np.r_[1e6, Y], weights=np.r_[-0.0, np.ones(ROWS)])
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_other_forms_of_the_same_numbers(name):
    for found, expected in zip(SAME[name](), PLAIN, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_labels_of_every_kind_of_text_and_their_order():
    labels = list("abc") * 4
    for form in (np.array(labels, TEXTS), pd.Series(labels, dtype="string"), np.array(labels, object), labels):
        assert classes(form) == ("a", "b", "c")
    assert classes(pd.Categorical(labels, categories=list("zcba"), ordered=True)) == ("c", "b", "a")
    assert classes(np.array([np.int64(1), 0, 2] * 4, object)) == (0, 1, 2)
    assert classes(2**60 + np.arange(ROWS) % 3) == (2**60, 2**60 + 1, 2**60 + 2)


def test_names_of_columns_may_be_those_of_sites(fits):
    for names in (["sigma", "beta"], ["chain", "draw"], ["obs", "unit"], ["y", "f"]):
        table = TABLE.set_axis(names, axis=1)
        same = made_fit(bnn.shallow(1), table, Y)
        np.testing.assert_array_equal(bnn.predict(same, table[names[::-1]]), bnn.predict(fits["table"], TABLE))
        assert bnn.average_marginal_effects(same)["input"].values.tolist() == names


def test_a_network_without_the_constant_among_its_inputs_may_have_one_called_so():
    table = TABLE.rename(columns={"a": "const"})
    assert bind(bnn.Model([bnn.Dense(1)], prior=bnn.Normal()), table, Y)[1].columns.inputs == ("const", "b")


def test_horizons_and_keys_of_numpy(fits):
    expected = bnn.forecast(fits["series"], 3, key=5)
    for horizon, key in ((np.uint8(3), np.int64(5)), (3, jax.random.key(5)), (np.int64(3), np.uint8(5))):
        np.testing.assert_array_equal(bnn.forecast(fits["series"], horizon, key=key), expected)


def test_a_row_with_all_the_weight_leaves_inputs_alone():
    """Where y varies among rows that count, an input that hardly does is as a constant, and keeps its unit."""
    weights = np.r_[1e70, 1e70, np.ones(ROWS - 2)]
    x, _ = scaled(np.r_[X[:1], X[:1], X[2:]], weights=weights)
    np.testing.assert_allclose(x[:, 0], np.r_[0.0, 0.0, X[2:, 0] - X[0, 0]], atol=1e-12)


def test_an_offset_shifts_the_scale_of_y_and_not_its_unit():
    _, data = bind(bnn.shallow(1), X, Y + 1000.0, offset=1000.0)
    np.testing.assert_allclose(data.scaled()[1] - data.shift, PLAIN[1], rtol=1e-9)


def test_formulas_over_tables_of_no_columns():
    with pytest.raises(ValueError, match="data must be a table with the columns of the formula 'y ~ a', got dict"):
        bnn.fit(bnn.shallow(1), "y ~ a", data={"y": Y, "a": X[:, 0]})
    inputs = read_formula("y ~ b", TABLE.assign(y=Y, b=pd.Categorical(list("uvw") * 4, list("wvuq"), ordered=True))).x
    assert list(inputs.columns) == ["b[T.v]", "b[T.u]"]  # the order of the categories, without the one that has no rows


DOORS = {
    f"{module.__name__}.{name}": function
    for module in (bnn, bnn.plots)
    for name, function in vars(module).items()
    if callable(function) and not inspect.isclass(function) and not name.startswith("_")
    for first in [next(iter(inspect.signature(function).parameters.values()), None)]
    if first is not None and first.name == "fit"
}


@pytest.mark.parametrize("door", DOORS)
def test_what_is_no_fit_is_refused_by_every_function_of_one(door):
    function = DOORS[door]
    further = [p for p in list(inspect.signature(function).parameters.values())[1:] if p.default is p.empty]
    others = [None for p in further if p.kind is p.POSITIONAL_OR_KEYWORD]
    for value in (bnn.shallow(1), None, {}, X):
        with pytest.raises(ValueError, match=f"fit must be a fit, as bnn.fit returns it, got {type(value).__name__}"):
            function(value, *others)


def test_there_are_many_functions_of_a_fit():
    assert len(DOORS) > 35
