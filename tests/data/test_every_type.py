"""Every door that takes a table or numbers, given columns and arrays of every type: understood, or refused in words.

A column of numbers gives what the same numbers as doubles give; what holds no numbers, or lacks one, is a ValueError.
Doors that read without computing much are in the fast set, those that compute or read as others do in the slow one.
"""

import importlib
import warnings

import columns
import matplotlib
import numpy as np
import pandas as pd
import pytest

matplotlib.use("Agg")

from columns import LARGE, NUMBERS  # noqa: E402
from made import made_fit  # noqa: E402
from matplotlib import pyplot as plt  # noqa: E402

import bayesnn as bnn  # noqa: E402
from bayesnn.forecasting.many.columns import with_columns  # noqa: E402
from bayesnn.forecasting.many.reading import read_tasks  # noqa: E402

bind = importlib.import_module("bayesnn.fitting.binding").bind
ROWS = len(NUMBERS)
B = np.linspace(-1.0, 1.0, ROWS)
Y = np.sin(3 * B) + 0.1 * NUMBERS
LABELS = pd.Series(np.where(np.median(Y) < Y, "high", "low"))
PLAIN = pd.DataFrame({"a": NUMBERS.astype(float), "b": B})
DATES = pd.date_range("2020-01-31", periods=ROWS, freq="ME")
LINE = pd.Series(np.cumsum(np.cos(np.arange(ROWS))), DATES)
ARRAY = np.c_[NUMBERS.astype(float), np.arange(ROWS) % 5 + 1.0]
SEQUENCES = np.random.default_rng(0).integers(1, 9, (ROWS, 3, 2)).astype(float)
TOKENS = np.random.default_rng(0).integers(1, 6, (ROWS, 3))
NETWORK, COUNTS = bnn.shallow(1), bnn.shallow(1, likelihood=bnn.Poisson())
SEVERAL = bnn.Model([bnn.Dense(1)])
RECURRENT = bnn.Model([bnn.GRU(1)], prior=bnn.Normal())
EMBEDDED = bnn.Model([bnn.Embedding(7, 2), bnn.MeanPool()], prior=bnn.Normal())


def table(column):
    return pd.DataFrame({"a": column, "b": B})


def bound(*arguments, **settings):
    """All numbers that a fit would see."""
    _, data = bind(*arguments, **settings)
    parts = (*data.scaled(), data.weights, data.offset)
    return np.concatenate([np.ravel(part) for part in parts if part is not None])


def tasks(series, exogenous=None):
    found, _, _ = read_tasks(series, 1, None)
    found = with_columns(found, series, exogenous, None)
    parts = [part for task in found for part in (task.values, task.exogenous) if part is not None]
    return np.concatenate([np.ravel(part) for part in parts])


def dated(column):
    return column.set_axis(DATES)


def long(column, name="y"):
    return pd.DataFrame({"unique_id": "s", "ds": DATES, name: column})


def lagged(series, **settings):
    return bnn.lagged(series, 2, **settings).x.to_numpy()


def losses(column):
    """Expected losses of two actions, one of which costs what the column says for each class."""
    share = pd.DataFrame(np.full((1, ROWS), 1.0 / ROWS))
    return bnn.to_frame(bnn.decide(share, loss=pd.DataFrame({"go": column, "stay": 1.0}))).iloc[:, 1:]


def drawn(axes):
    """What a plot shows."""
    axes = np.ravel(axes)[0]
    parts = [line.get_xydata() for line in axes.lines]
    parts += [[patch.get_height()] for patch in axes.patches if hasattr(patch, "get_height")]
    plt.close("all")
    return np.concatenate([np.ravel(part) for part in parts])


READS = {  # of one column
    "x": lambda fits, c: bound(NETWORK, table(c), Y),
    "y": lambda fits, c: bound(NETWORK, PLAIN, c),
    "y of two outputs": lambda fits, c: bound(SEVERAL, PLAIN, pd.DataFrame({"y": c, "z": Y})),
    "weights": lambda fits, c: bound(NETWORK, PLAIN, Y, weights=c),
    "offset": lambda fits, c: bound(NETWORK, PLAIN, Y, offset=c),
    "counts": lambda fits, c: bound(COUNTS, PLAIN, c),
    "lagged": lambda fits, c: lagged(dated(c)),
    "lagged, long": lambda fits, c: lagged(long(c)),
    "lagged, wide": lambda fits, c: lagged(pd.DataFrame({"s": dated(c), "t": LINE})),
    "exogenous": lambda fits, c: lagged(LINE, exogenous=pd.DataFrame({"e": dated(c)})),
    "exogenous, a column": lambda fits, c: lagged(LINE, exogenous=dated(c).rename("e")),
    "exogenous, long": lambda fits, c: lagged({"s": LINE}, exogenous=long(c, "e")),
    "auto exogenous": lambda fits, c: tasks(LINE, pd.DataFrame({"e": dated(c)})),
    "auto exogenous, a column": lambda fits, c: tasks(LINE, dated(c).rename("e")),
    "auto exogenous, long": lambda fits, c: tasks({"s": LINE}, long(c, "e")),
    "auto exogenous, by name": lambda fits, c: tasks({"s": LINE}, {"s": pd.DataFrame({"e": dated(c)})}),
    "losses": lambda fits, c: losses(c),
}
SERIES = {  # in which values may be missing
    "auto series": lambda fits, c: tasks(dated(c)),
    "auto series, long": lambda fits, c: tasks(long(c)),
}
COMPUTES = {
    "formula": lambda fits, c: bound(NETWORK, "y ~ a + b", table=table(c).assign(y=Y)),
    "function of a formula": lambda fits, c: bound(NETWORK, "y ~ b + center(a)", table=table(c).assign(y=Y)),
    "target of a formula": lambda fits, c: bound(NETWORK, "a ~ b", table=table(c)),
    "function of a target": lambda fits, c: bound(NETWORK, "exp(a) ~ b", table=table(c)),
    "weights by name": lambda fits, c: bound(NETWORK, "y ~ b", table=table(c).assign(y=Y), weights="a"),
    "offset by name": lambda fits, c: bound(NETWORK, "y ~ b", table=table(c).assign(y=Y), offset="a"),
    "offset in a formula": lambda fits, c: bound(NETWORK, "y ~ b + offset(a)", table=table(c).assign(y=Y)),
    "predict": lambda fits, c: bnn.predict(fits["numbers"], table(c)),
    "predict with an offset": lambda fits, c: bnn.predict(fits["offset"], PLAIN, offset=c),
    "evaluate": lambda fits, c: bnn.evaluate(fits["numbers"], table(c), Y),
    "evaluate y": lambda fits, c: bnn.evaluate(fits["numbers"], PLAIN, c),
    "evaluate weights": lambda fits, c: bnn.evaluate(fits["numbers"], PLAIN, Y, weights=c),
    "decompose": lambda fits, c: bnn.decompose(fits["numbers"], table(c)),
    "relevance": lambda fits, c: bnn.relevance(fits["numbers"], table(c), Y, repeats=1),
    "relevance y": lambda fits, c: bnn.relevance(fits["numbers"], PLAIN, c, repeats=1),
    "partial_dependence": lambda fits, c: bnn.partial_dependence(fits["numbers"], "b", rows=table(c), points=3),
    "grid": lambda fits, c: bnn.partial_dependence(fits["numbers"], "a", grid=c),
    "individual_curves": lambda fits, c: bnn.individual_curves(fits["numbers"], "b", rows=table(c), points=3),
    "average_marginal_effects": lambda fits, c: bnn.average_marginal_effects(fits["numbers"], rows=table(c)),
    "contrast": lambda fits, c: bnn.contrast(fits["numbers"], {"b": (0.0, 1.0)}, rows=table(c)),
    "decide": lambda fits, c: bnn.to_frame(bnn.decide(fits["classes"], table(c))).iloc[:, 1:],
    "suggest": lambda fits, c: bnn.suggest(dated(c), lags=[1, 2], transform=()).table,
    "plots.calibration": lambda fits, c: drawn(bnn.plots.calibration(fits["numbers"], table(c), Y)),
    "plots.pit_histogram": lambda fits, c: drawn(bnn.plots.pit_histogram(fits["numbers"], table(c), Y)),
    "plots.reliability": lambda fits, c: drawn(bnn.plots.reliability(fits["classes"], table(c), LABELS)),
    "plots.partial_dependence": lambda fits, c: drawn(
        bnn.plots.partial_dependence(fits["numbers"], "b", rows=table(c), points=3)
    ),
}
REFUSES_ONLY = {  # what takes numbers here compiles anew each time
    "cross_validate": lambda fits, c: bnn.cross_validate(NETWORK, table(c), Y),
    "log_marginal_likelihood": lambda fits, c: bnn.log_marginal_likelihood(NETWORK, table(c), Y),
    "log_marginal_likelihood of a formula": lambda fits, c: bnn.log_marginal_likelihood(
        NETWORK, "y ~ a + b", data=table(c).assign(y=Y)
    ),
    "fit weights by name": lambda fits, c: bnn.fit(NETWORK, "y ~ b", data=table(c).assign(y=Y), weights="a"),
    "prior_predictive": lambda fits, c: bnn.prior_predictive(NETWORK, table(c), draws=2),
    "add_groups": lambda fits, c: bnn.add_groups(fits["numbers"], x=table(c), draws=2),
    "auto_forecast": lambda fits, c: bnn.auto_forecast(LINE, 1, exogenous=pd.DataFrame({"e": dated(c)})),
    "auto_fit": lambda fits, c: bnn.auto_fit(LINE, exogenous=pd.DataFrame({"e": dated(c)})),
    "auto_backtest": lambda fits, c: bnn.auto_backtest(LINE, exogenous=pd.DataFrame({"e": dated(c)})),
    "backtest": lambda fits, c: bnn.backtest(NETWORK, LINE, lags=1, exogenous=pd.DataFrame({"e": dated(c)})),
    "plots.prior": lambda fits, c: bnn.plots.prior(NETWORK, pd.DataFrame({"a": c}), draws=2),
}


class Fits(dict):
    """Fits by name, made when they are first asked for: most doors of the fast set need none."""

    def __missing__(self, name):
        classes = bnn.shallow(1, likelihood=bnn.Bernoulli())
        self[name] = {
            "numbers": lambda: made_fit(NETWORK, PLAIN, Y),
            "offset": lambda: made_fit(NETWORK, PLAIN, Y, offset=NUMBERS.astype(float)),
            "classes": lambda: made_fit(classes, PLAIN, LABELS),
            "array": lambda: made_fit(NETWORK, ARRAY, Y),
        }[name]()
        return self[name]


@pytest.fixture(scope="module")
def fits():
    return Fits()


ALIKE = ("lagged", "lagged, wide", "exogenous, a column", "exogenous, long", "auto exogenous, a column", "offset")
LATE = {
    *COMPUTES,
    *REFUSES_ONLY,
    *ALIKE,
    "auto exogenous, long",
    "lagged, long",
    "auto series, long",
    "y of two outputs",
}


def doors(*kinds):
    """Names of doors; those that compute, and those that read as another one does, are left to the slow set."""
    names = [name for kind in kinds for name in kind]
    return [pytest.param(name, marks=pytest.mark.slow if name in LATE else ()) for name in names]


ALL = READS | SERIES | COMPUTES | REFUSES_ONLY


@pytest.mark.parametrize("door", doors(READS, SERIES, COMPUTES))
def test_numbers_of_every_type_are_these_numbers(fits, door):
    ask = ALL[door]
    for values, made in ((NUMBERS, columns.of_numbers()), (LARGE, columns.of_truth())):
        try:
            expected = np.asarray(ask(fits, pd.Series(values.astype(float))), dtype=float)
        except ValueError:
            assert values is LARGE  # zeros, of which a target's logarithm or the like may not be
            continue
        for kind, column in made.items():
            found = np.asarray(ask(fits, column), dtype=float)
            np.testing.assert_allclose(found, expected, rtol=1e-12, err_msg=kind)


@pytest.mark.parametrize("door", doors(READS, SERIES, COMPUTES, REFUSES_ONLY))
def test_what_holds_no_numbers_is_refused(fits, door):
    for kind, column in columns.of_neither().items():
        with pytest.raises(ValueError):
            pytest.fail(f"{kind}: {np.ravel(ALL[door](fits, column))[:5]}")
        plt.close("all")


@pytest.mark.parametrize("door", doors(READS, COMPUTES, REFUSES_ONLY))
def test_a_missing_value_of_any_type_is_refused(fits, door):
    missing = columns.with_a_hole(columns.of_numbers()) | columns.with_a_hole(columns.of_truth())
    for kind, column in missing.items():
        with pytest.raises(ValueError):
            pytest.fail(f"{kind}: {np.ravel(ALL[door](fits, column))[:5]}")
        plt.close("all")


@pytest.mark.parametrize("door", doors(SERIES))
def test_a_missing_value_of_a_series_is_missing(fits, door):
    for kind, column in columns.with_a_hole(columns.of_numbers()).items():
        found = SERIES[door](fits, column)
        expected = np.where(np.arange(ROWS) == columns.HOLE, np.nan, NUMBERS)
        np.testing.assert_array_equal(found, expected, err_msg=kind)


def test_labels_of_every_type_are_these_labels(fits):
    expected = np.asarray(pd.get_dummies(pd.Series(columns.LABELS))[["u", "v", "w"]], dtype=float)
    for kind, column in columns.of_labels().items():
        _, data = bind(NETWORK, table(column), Y)
        order = [data.columns.inputs.index(f"a[{label}]") for label in "uvw"]
        np.testing.assert_array_equal(data.x[:, order], expected, err_msg=kind)
    for column in columns.with_a_hole(columns.of_labels()).values():
        with pytest.raises(ValueError, match="column 'a' must have no missing categories, .* row 4"):
            bind(NETWORK, table(column), Y)


def test_tables_of_polars(fits):
    polars = pytest.importorskip("polars")
    expected = bound(NETWORK, PLAIN, Y)
    kinds = (polars.Int8, polars.Int64, polars.UInt32, polars.Float32, polars.Float64, polars.Decimal(10, 2))
    for kind in kinds:
        made = polars.DataFrame({"a": polars.Series(NUMBERS.tolist()).cast(kind), "b": B})
        np.testing.assert_allclose(bound(NETWORK, made, Y), expected, rtol=1e-12, err_msg=str(kind))
    others = {
        "date": columns.DAYS,
        "time": columns.TIMES,
        "list": [[value] for value in NUMBERS.tolist()],
        "struct": [{"a": value} for value in NUMBERS.tolist()],
        "text": NUMBERS.astype(str).tolist(),
        "missing": [None, *NUMBERS[1:].tolist()],
    }
    others |= {"duration": pd.to_timedelta(NUMBERS, unit="D").to_pytimedelta().tolist(), "stamp": list(columns.STAMPS)}
    for values in others.values():
        made = polars.DataFrame({"a": polars.Series(values), "b": B})
        with pytest.raises(ValueError, match="'a'"):
            bound(NETWORK, made, Y)
        with pytest.raises(ValueError):
            bound(NETWORK, PLAIN, Y, weights=made["a"])


ARRAYS = {  # what is given, and what is made of it
    "x": (ARRAY, lambda fits, x: bound(NETWORK, x, Y)),
    "y": (ARRAY[:, 0], lambda fits, x: bound(NETWORK, ARRAY, x)),
    "y of two outputs": (ARRAY, lambda fits, x: bound(SEVERAL, ARRAY, x)),
    "weights": (ARRAY[:, 0], lambda fits, x: bound(NETWORK, ARRAY, Y, weights=x)),
    "offset": (ARRAY[:, 0], lambda fits, x: bound(NETWORK, ARRAY, Y, offset=x)),
    "counts": (ARRAY[:, 0], lambda fits, x: bound(COUNTS, ARRAY, x)),
    "sequences": (SEQUENCES, lambda fits, x: bound(RECURRENT, x, Y)),
    "lagged": (ARRAY[:, 0], lambda fits, x: lagged(x)),
    "lagged by name": (ARRAY[:, 0], lambda fits, x: lagged({"a": x, "b": ARRAY[:, 0] + 1})),
    "auto exogenous": (ARRAY, lambda fits, x: tasks(ARRAY[:, 0], x)),
    "auto exogenous of one": (ARRAY[:, 0], lambda fits, x: tasks(ARRAY[:, 0], x)),
    "auto exogenous by name": (ARRAY, lambda fits, x: tasks({"a": ARRAY[:, 0]}, {"a": x})),
    "probabilities": (
        np.array([[0.25, 0.75], [0.5, 0.5], [0.125, 0.875], [0, 1], [1, 0]]),
        lambda fits, x: bnn.to_frame(bnn.decide(x)).iloc[:, 1:],
    ),
    "losses": (
        np.arange(9.0).reshape(3, 3),
        lambda fits, x: bnn.to_frame(bnn.decide(np.full((2, 3), 1 / 3), loss=x)).iloc[:, 1:],
    ),
    "initial": (np.arange(1.0, 15.0).reshape(7, 2), lambda fits, x: bnn.Embedding(7, 2, initial=x).initial.values),
    "weights of a layer": (
        np.arange(1.0, 7.0).reshape(2, 3),
        lambda fits, x: next(iter(bnn.convert_weights(bnn.Dense(2), {"weight": x, "bias": [0.0, 0.0]}).values())),
    ),
    "predict": (ARRAY, lambda fits, x: bnn.predict(fits["array"], x)),
    "grid": (np.arange(1.0, 7.0), lambda fits, x: bnn.partial_dependence(fits["array"], "x0", grid=x)),
}
WITHOUT_OBJECTS = ("sequences",)  # where arrays of objects are refused in words
IDS = {
    "fit": lambda x: bound(EMBEDDED, x, Y),
    "bag_of_words": lambda x: bnn.text.bag_of_words(x, 7),
    "one_hot": lambda x: bnn.text.one_hot(x, 7),
    "rarity": lambda x: bnn.text.rarity(x, 7),
    "log_ratios": lambda x: bnn.text.log_ratios(x, [0, 1] * (ROWS // 2), 7),
    "next_tokens": lambda x: np.concatenate([np.ravel(part) for part in bnn.next_tokens(x)]),
}
DEAR = [pytest.param(name, marks=pytest.mark.slow if name in ("predict", "grid") else ()) for name in ARRAYS]


@pytest.mark.parametrize("door", DEAR)
def test_arrays_of_every_kind(fits, door):
    given, ask = ARRAYS[door]
    expected = np.asarray(ask(fits, given), dtype=float)
    others = {k: v for k, v in columns.OTHER_TYPES.items() if not (k == "objects" and door in WITHOUT_OBJECTS)}
    for kind, form in (columns.SAME | others).items():
        found = np.asarray(ask(fits, form(given)), dtype=float)
        np.testing.assert_allclose(found, expected, rtol=1e-12, err_msg=kind)
    for kind, form in (columns.BROKEN | columns.NO_NUMBERS).items():
        with warnings.catch_warnings(), pytest.raises(ValueError):
            warnings.filterwarnings("ignore", "Warning: converting a masked element")
            pytest.fail(f"{kind}: {np.ravel(ask(fits, form(given)))[:5]}")


@pytest.mark.parametrize("door", IDS)
def test_token_ids_of_every_kind(door):
    expected = np.asarray(IDS[door](TOKENS), dtype=float)
    for kind, form in columns.SAME.items():
        np.testing.assert_array_equal(np.asarray(IDS[door](form(TOKENS)), dtype=float), expected, err_msg=kind)
    for kind, form in (columns.BROKEN | columns.OTHER_TYPES | columns.NO_NUMBERS).items():
        if kind != "void":  # NumPy takes eight bytes for a whole number here
            with pytest.raises(ValueError):
                pytest.fail(f"{kind}: {np.ravel(IDS[door](form(TOKENS)))[:5]}")
