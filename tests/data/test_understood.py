"""Inputs that look like others: what reads the same, what doubles cannot tell apart, what is no list of texts."""

import importlib

import numpy as np
import pandas as pd
import pytest

import bayesnn as bnn
from bayesnn.data.formulas.read import read_formula
from bayesnn.forecasting.many.reading import read_tasks
from bayesnn.layers.pretrained import convert_weights, read_weights

bind = importlib.import_module("bayesnn.fitting.binding").bind
COMPOSED, APART = "caf\u00e9", "cafe\u0301"  # the same word in two forms of Unicode
ROWS = 12
X = np.linspace(-1.0, 1.0, ROWS)[:, None]
Y = np.sin(3 * X[:, 0])
DATES = pd.date_range("2020-01-31", periods=24, freq="ME")
SERIES = pd.Series(np.sin(np.arange(24.0)) + 0.1 * np.arange(24), DATES)
TABLE = pd.DataFrame({"y": np.linspace(1, 2, ROWS) ** 2, "a": X[:, 0], "b": list("uvw") * 4, "w": 1.0})
NEIGHBOURS = 2**60 + np.arange(ROWS)
WORDS = bnn.text.learn_vocabulary(["a b", "b c"])


def classes(*labels):
    return bind(bnn.Model([bnn.Dense(1)], bnn.Categorical()), X, list(labels) * 4)


def column(*cells):
    return bind(bnn.shallow(1), pd.DataFrame({"a": list(cells) * (ROWS // len(cells))}), Y)


def with_exogenous(**columns):
    return bnn.lagged(SERIES, 2, exogenous=pd.DataFrame(columns, index=DATES))


def long(ids, rows=24):
    each = [pd.DataFrame({"unique_id": one, "ds": DATES[:rows], "z": 1.0}) for one in ids]
    return pd.concat(each, ignore_index=True)


REFUSED = {
    # the same to the eye
    "categories in two forms": (lambda: column(COMPOSED, APART), "different name for every input, .* of column 'a'"),
    "categories 1 and '1'": (lambda: column(1, "1", "u", "v"), "got the categories 1 and '1' of column 'a'"),
    "a number and the same as text": (lambda: column(1, "1"), "numbers as text, such as '1' beside 1 at row 0"),
    "declared categories": (
        lambda: bind(bnn.shallow(1), pd.DataFrame({"a": pd.Categorical([COMPOSED, APART, "v"] * 4)}), Y),
        "a different name for every input",
    ),
    "classes in two forms": (lambda: classes(COMPOSED, APART, "v"), "y must hold classes that read differently"),
    "columns in two forms": (
        lambda: bind(bnn.shallow(1), pd.DataFrame({COMPOSED: X[:, 0], APART: Y}), Y),
        "a different name for every column",
    ),
    "series in two forms": (
        lambda: bnn.lagged({COMPOSED: SERIES, APART: SERIES}, 2),
        "series must have different names, .* one form of Unicode",
    ),
    "exogenous in two forms": (lambda: with_exogenous(**{COMPOSED: 1.0, APART: 2.0}), "a different name for every"),
    "exogenous called lag 1": (lambda: with_exogenous(**{"lag 1": 1.0}), r"several called \['lag 1'\]"),
    "exogenous of other ids": (
        lambda: bnn.lagged({1: SERIES, 2: SERIES + 1}, 2, exogenous=long(["1", "2"])),
        "got none for 1, but for '1', of another type",
    ),
    # one double for different numbers
    "neighbours as inputs": (lambda: bind(bnn.shallow(1), NEIGHBOURS[:, None], Y), "can tell apart, got whole numbers"),
    "neighbours in a table": (lambda: bind(bnn.shallow(1), pd.DataFrame({"id": NEIGHBOURS}), Y), "column 'id' must"),
    "neighbours as a target": (lambda: bind(bnn.shallow(1), X, NEIGHBOURS), "y must hold numbers that double"),
    "neighbours in a series": (lambda: bnn.lagged(NEIGHBOURS, 2), "series 'y' must hold numbers that double"),
    "neighbours in a formula": (lambda: read_formula("y ~ a", TABLE.assign(a=NEIGHBOURS)), "can tell apart"),
    "neighbours without a sign": (
        lambda: bind(bnn.shallow(1), (np.uint64(2**63) + np.arange(ROWS, dtype=np.uint64))[:, None], Y),
        "can tell apart",
    ),
    "ids beyond their type": (lambda: bnn.pad([[2**40, 1], [2]]), "token ids must be at most 2147483647"),
    # formulas
    "a constant to standardize": (lambda: read_formula("y ~ b + standardize(a)", TABLE.assign(a=0.1)), "must vary"),
    "a constant but for rounding": (
        lambda: read_formula("y ~ b + standardize(a)", TABLE.assign(a=[0.1 + 0.2, 0.3] * 6)),
        "'standardize\\(a\\)' of the formula must vary",
    ),
    "a constant difference": (lambda: read_formula("y ~ b + scale(a - a)", TABLE), "must vary, got one value"),
    "a polynomial of a constant": (lambda: read_formula("y ~ b + poly(a, 2)", TABLE.assign(a=3.0)), "must vary"),
    "an offset of categories": (lambda: read_formula("y ~ a + offset(b)", TABLE), "an offset must hold numbers"),
    # series
    "dates in a column": (
        lambda: bnn.lagged(pd.DataFrame({"when": DATES, "v": SERIES.to_numpy()}), 2),
        r"use table.set_index\('when'\)",
    ),
    "dates in the index of a long table": (
        lambda: bnn.lagged(pd.DataFrame({"unique_id": "a", "y": SERIES}).rename_axis("ds"), 2),
        r"none called \['ds'\]: use table.reset_index\(\)",
    ),
    "dates of two zones": (
        lambda: bnn.lagged(pd.Series([1.0, 2.0], pd.Index([DATES[0], DATES[1].tz_localize("UTC")], dtype=object)), 1),
        "dates must have one time zone, got None, UTC",
    ),
    "dates as text": (lambda: bnn.lagged(SERIES.set_axis(DATES.astype(str)), 2), r"pd.to_datetime\(index\)"),
    "a constant to choose for": (lambda: bnn.suggest(np.full(30, 2.0)), "series 'y' must vary, got 2.0"),
    "a constant in a panel": (
        lambda: bnn.suggest({"a": SERIES, "b": SERIES * 0 + 0.3}),
        "series 'b' must vary, got 0.3",
    ),
    "a size whose square is zero": (lambda: read_tasks(SERIES * 1e-80, 1, None), "standard deviation of at least"),
    # texts and sequences
    "texts in a table": (lambda: WORDS.ids(pd.DataFrame({"t": ["a", "b"]}), 2), "list of texts, got a DataFrame"),
    "texts in a dictionary": (lambda: bnn.text.learn_vocabulary({"t": "a b"}), "list of texts, got a dict"),
    "labels that are missing": (
        lambda: bnn.text.log_ratios([[2], [3], [2]], [0, None, 1], WORDS),
        "labels must not be missing, got 1, the first at row 1",
    ),
    "labels that are NaN": (
        lambda: bnn.text.log_ratios([[2], [3]], [0.0, np.nan], WORDS),
        "labels must not be missing, got 1, the first at row 1",
    ),
    "tables of other columns": (
        lambda: bnn.pad([pd.DataFrame({"a": [1.0], "b": [2.0]}), pd.DataFrame({"b": [1.0], "a": [2.0]})]),
        r"same columns in the same order, got \['a', 'b'\] and, in sequence 1",
    ),
    # weights of networks
    "weights of text": (lambda: convert_weights(bnn.Dense(1), {"weight": [["1"]]}), "numbers as text"),
    "weights that are dates": (
        lambda: convert_weights(bnn.Dense(1), {"weight": np.zeros((1, 1), "M8[s]")}),
        "got dates or durations",
    ),
    "weights that are complex": (lambda: convert_weights(bnn.Dense(1), {"weight": [[1j]]}), "must hold real numbers"),
    "weights that are masked": (
        lambda: convert_weights(bnn.Dense(1), {"weight": np.ma.masked_all((1, 1))}),
        "must be finite, got NaN, masked",
    ),
    "a prior at text": (lambda: bnn.Model([bnn.Dense(1)]).prior_at({"dense0_kernel": [["1"]]}), "numbers as text"),
    "a prior at complex numbers": (
        lambda: bnn.Model([bnn.Dense(1)], prior=bnn.Normal()).prior_at({"dense0_kernel": [[1j]]}),
        "must hold real numbers",
    ),
    "vectors of text": (lambda: bnn.Embedding(2, 1, initial=[["1"], ["2"]]), "number|text"),
    "a number for a file": (lambda: read_weights(3), "path must be text or a pathlib.Path, got 3"),
    "a decision by text": (lambda: bnn.decide([["0.5", "0.5"]]), "probabilities must hold numbers"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_understood_is_refused_in_words(name):
    make, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        make()


def test_large_numbers_that_doubles_tell_apart_are_numbers():
    nanoseconds = 10**18 + 86_400 * 10**9 * np.arange(ROWS)
    _, data = bind(bnn.shallow(1), nanoseconds[:, None], Y)
    np.testing.assert_allclose(data.scaled()[0][:, 0], (np.arange(ROWS) - 5.5) / np.arange(ROWS).std(), rtol=1e-9)
    assert bind(bnn.shallow(1), np.c_[NEIGHBOURS * 0 + 2**60, NEIGHBOURS - 2**60], Y)[1].scaling.x_scale[0] == 1.0


def test_a_line_is_not_differenced():
    assert bnn.suggest(np.arange(30.0)).transform == ()
    assert np.isfinite(bnn.suggest({"a": np.arange(30.0), "b": np.arange(30.0) ** 2}).table.to_numpy()).all()


@pytest.mark.parametrize("part", ["poly(a, 2)", "bs(a, df=4)", "cr(a, df=4)", "standardize(a)"])
def test_functions_of_a_formula_learn_from_rows_as_often_as_they_count(part):
    def inputs(table):
        return read_formula(f"y ~ {part}", table, weights="w").x.to_numpy()

    further = TABLE.iloc[:1].assign(a=0.9 if "df" in part else 1e6, w=0.0)
    np.testing.assert_allclose(inputs(pd.concat([TABLE, further], ignore_index=True))[:ROWS], inputs(TABLE), rtol=1e-9)
    counts = [1, 2, 3] * 4
    repeated = TABLE.iloc[np.repeat(np.arange(ROWS), counts)]
    np.testing.assert_allclose(np.repeat(inputs(TABLE.assign(w=counts)), counts, axis=0), inputs(repeated), atol=1e-12)
    shares = inputs(TABLE.assign(w=0.5))
    np.testing.assert_allclose(shares, inputs(TABLE), rtol=1e-9)
