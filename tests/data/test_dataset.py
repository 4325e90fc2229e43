"""Tables in, arrays out: coding, scaling, labels, and what is refused."""

from decimal import Decimal

import jax
import numpy as np
import pandas as pd
import pytest

from bayesnn.data import dataset as data_module
from bayesnn.data.dataset import code, learn_columns, new_inputs, numeric_target, target_names
from bayesnn.fitting.binding import bind
from bayesnn.layers import Dense
from bayesnn.likelihoods import Gaussian, Poisson
from bayesnn.models.model import Model

X = np.array([[1.0, -2.0], [2.0, 0.0], [4.0, 1.0], [7.0, 3.0]])
Y = np.array([1.0, 5.0, 2.0, 8.0])


@pytest.fixture
def table():
    """One column of every kind: number, truth value, two categories, three categories, text."""
    return pd.DataFrame(
        {
            "age": [1, 2, 4, 7],
            "ill": [True, False, False, True],
            "sex": pd.Categorical(["m", "f", "f", "m"], categories=["m", "f"]),
            "size": pd.Categorical(["s", "l", "m", "s"], categories=["s", "m", "l", "xl"]),
            "town": ["Ulm", "Bonn", "Jena", "Bonn"],
        },
        index=[10, 20, 30, 40],
    )


def make_dataset(x, y, *, standardize=True):
    """The rows as a fit to one Gaussian output keeps them: the target made numbers by the likelihood."""
    return bind(Model([Dense(1)], Gaussian()), x, y, standardize=standardize)[1]


class Columnar(dict):
    """A table of a library that has nothing to do with pandas."""

    @property
    def columns(self):
        return list(self)


def refused(function, *arguments, **options):
    with pytest.raises(ValueError) as caught:
        function(*arguments, **options)
    return str(caught.value)


# Coding


@pytest.mark.parametrize("x", [X, X.tolist(), X.astype(np.float32), X.astype(int)])
def test_arrays_are_taken_as_they_are(x):
    data = make_dataset(x, Y.tolist(), standardize=False)
    np.testing.assert_array_equal(data.x, X)
    np.testing.assert_array_equal(data.y, Y)
    assert (data.x.dtype, data.y.dtype) == (np.float64, np.float64)
    assert data.columns.inputs == ("x0", "x1")
    assert data.obs.tolist() == [0, 1, 2, 3]


def test_every_kind_of_column_is_coded(table):
    columns = learn_columns(table)
    assert columns.inputs == (
        *("age", "ill", "sex[f]", "size[s]", "size[m]", "size[l]"),
        *("town[Bonn]", "town[Jena]", "town[Ulm]"),
    )
    expected = [
        [1, 1, 0, 1, 0, 0, 0, 0, 1],
        [2, 0, 1, 0, 0, 1, 1, 0, 0],
        [4, 0, 1, 0, 1, 0, 0, 1, 0],
        [7, 1, 0, 1, 0, 0, 1, 0, 0],
    ]
    np.testing.assert_array_equal(code(columns, table), expected)


def test_new_rows_are_coded_as_at_fit_time(table):
    columns = learn_columns(table)
    new = table.iloc[[2, 1]].assign(town=["Bonn", "Ulm"], size=["s", "m"], sex=["f", "f"])
    np.testing.assert_array_equal(
        code(columns, new), [[4, 0, 1, 1, 0, 0, 1, 0, 0], [2, 0, 1, 0, 1, 0, 0, 0, 1]]
    )  # one city and one size are missing here, their indicators are not


@pytest.mark.parametrize("dtype", [object, "Int64", "Float64", np.float32, np.uint8])
def test_numbers_of_every_type_are_numbers(dtype):
    x = pd.DataFrame({"a": pd.Series([3, 1, 2], dtype=dtype)})
    assert learn_columns(x).inputs == ("a",)
    np.testing.assert_array_equal(code(learn_columns(x), x)[:, 0], [3.0, 1.0, 2.0])


def test_numbers_that_are_declared_categories_are_categories():
    x = pd.DataFrame({"a": pd.Categorical([3, 1, 2])})
    assert learn_columns(x).inputs == ("a[1]", "a[2]", "a[3]")


def test_categories_of_different_types_are_allowed():
    x = pd.DataFrame({"a": ["u", 1, "u", 2]})
    assert learn_columns(x).inputs == ("a[1]", "a[2]", "a[u]")


def test_categories_may_be_tuples_and_intervals():
    x = pd.DataFrame({"a": [("u", 1, 0), ("v", 2, 0), ("u", 1, 0)], "b": pd.IntervalIndex.from_breaks([0, 1, 2, 3])})
    columns = learn_columns(x)
    assert columns.inputs == ("a[('v', 2, 0)]", "b[(0, 1]]", "b[(1, 2]]", "b[(2, 3]]")
    np.testing.assert_array_equal(code(columns, x), [[0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1]])


def test_declared_categories_of_other_libraries_are_categories():
    """As polars has them: numerals that are declared categories, in the order in which they are declared."""

    class Enum:
        categories = ("10", "9", "8")

    class Column(list):
        dtype = Enum()

    x = Columnar(a=Column(["8", "10", "9"]), b=[1.0, 2.0, 3.0])
    columns = learn_columns(x)
    assert columns.inputs == ("a[10]", "a[9]", "a[8]", "b")
    np.testing.assert_array_equal(code(columns, x)[:, 0], [0.0, 1.0, 0.0])


@pytest.mark.parametrize("type_", [np.float16, np.float32])
def test_whole_numbers_in_short_types_are_no_rounding_errors(type_):
    years = np.array([[2000], [2001], [2002], [2003]], dtype=type_)
    np.testing.assert_allclose(make_dataset(years, Y).scaled()[0].std(), 1.0)
    assert make_dataset(np.full((4, 1), 0.3, type_), Y).scaling.x_scale == (1.0,)


def test_a_category_met_nowhere_is_left_out_and_a_single_one_stays(table):
    one = table[["size"]].assign(size=pd.Categorical(["s"] * 4, categories=["s", "m"]))
    assert learn_columns(one).inputs == ("size[s]",)


def test_column_names_become_text():
    assert learn_columns(pd.DataFrame(X, columns=[3, ("a", 1)])).names == ("3", "('a', 1)")


# Labels and targets


def test_a_pandas_index_labels_the_rows(table):
    data = make_dataset(table, pd.Series(Y, index=table.index))
    assert data.obs.tolist() == [10, 20, 30, 40]
    np.testing.assert_array_equal(data.y, Y)


def test_an_index_of_several_levels_gives_way_to_numbers(table):
    table.index = pd.MultiIndex.from_product([["a", "b"], [1, 2]])
    assert make_dataset(table, Y).obs.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("y", [Y[:, None], pd.DataFrame({"y": Y}), pd.Series(Y), Y.astype(int), list(Y)])
def test_targets_of_one_column(y):
    np.testing.assert_array_equal(make_dataset(X, y).y, Y)


def test_several_outputs_have_names_and_scales_of_their_own():
    y = pd.DataFrame({"left": Y, "right": 3.0 - 2.0 * Y**2})
    data = make_dataset(X, y)
    np.testing.assert_array_equal(data.y, y)
    np.testing.assert_allclose(data.scaling.y_scale, y.to_numpy().std(0), rtol=1e-10)
    np.testing.assert_allclose(data.scaled()[1].mean(0), 0.0, atol=1e-12)
    np.testing.assert_allclose(data.scaling.inverse(data.scaled()[1]), y, rtol=1e-10)
    assert data.scaling.log_jacobian == pytest.approx(np.log(y.to_numpy().std(0)).sum(), rel=1e-10)
    assert target_names(y) == ("left", "right")
    assert (target_names(y.to_numpy()), target_names(Y[:, None]), target_names(Y)) == (("y0", "y1"), (), ())


def test_a_target_that_is_not_scaled_keeps_its_numbers():
    data = data_module.make_dataset(X, numeric_target([0, 3, 1, 2]), scale_target=False)
    np.testing.assert_array_equal(data.scaled()[1], [0.0, 3.0, 1.0, 2.0])
    np.testing.assert_allclose(data.scaled()[0], (X - X.mean(0)) / X.std(0), rtol=1e-10)
    constant = data_module.make_dataset(X, np.ones(4), scale_target=False)  # one count in every row is a target
    assert (constant.scaling.y_center, constant.scaling.y_scale) == (0.0, 1.0)


# Case weights and offsets


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, 1, -1, -2], "weights must be at least zero and not all zero, got 2 negative one(s)"),
        ([0, 0, 0, 0], "weights must be at least zero and not all zero, got zeros only"),
        ([1, 1, 1], "weights must have shape (4,), one per row, got (3,)"),
        (np.ones((4, 1)), "weights must have shape (4,), one per row, got (4, 1)"),
        (2.0, "weights must have shape (4,), one per row, got ()"),
        ([1, np.nan, 1, 1], "weights must be finite, got 1 NaN or infinite value(s), the first (nan) at row 1"),
        (["a", "b", "c", "d"], "weights must hold numbers"),
    ],
)
def test_case_weights_that_cannot_be(weights, message):
    assert message in refused(data_module.make_dataset, X, Y, weights=weights)
    kept = data_module.make_dataset(X, Y, weights=[0, 1, 2, 0.5]).weights
    assert (kept.tolist(), kept.dtype) == ([0.0, 1.0, 2.0, 0.5], np.float64)


@pytest.mark.parametrize(
    ("offset", "message"),
    [
        ([1.0, 2.0], "offset must be a number or have shape (4,), one per row, got (2,)"),
        ([1.0, np.inf, 0.0, 0.0], "offset must be finite, got 1 NaN or infinite value(s), the first (inf) at row 1"),
        ("log", "offset must hold numbers"),
    ],
)
def test_offsets_that_cannot_be(offset, message):
    poisson = Model([Dense(1)], Poisson())
    assert message in refused(bind, poisson, X, [1, 2, 3, 4], offset=offset)
    assert bind(poisson, X, [1, 2, 3, 4], offset=2)[1].offset.tolist() == [2.0] * 4
    assert bind(poisson, X, [1, 2, 3, 4])[1].offset is None


# Scaling


def test_scaling_standardises_and_undoes():
    data = make_dataset(X, Y)
    x, y = data.scaled()
    np.testing.assert_allclose(x, (X - X.mean(0)) / X.std(0), rtol=1e-10)
    np.testing.assert_allclose(y, (Y - Y.mean()) / Y.std(), rtol=1e-10)
    np.testing.assert_allclose(data.scaling.inverse(y), Y, rtol=1e-10)
    np.testing.assert_array_equal(data.x, X)  # the rows themselves stay in units of the data


def test_new_inputs_use_the_scaling_of_the_fit():
    data = make_dataset(X, Y)
    np.testing.assert_allclose(
        new_inputs(data.columns, data.scaling, [[0.0, 10.0]]), [(np.array([0.0, 10.0]) - X.mean(0)) / X.std(0)]
    )


def test_without_standardising_nothing_changes():
    x, y = make_dataset(X, Y, standardize=False).scaled()
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, Y)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e6 + 0.3])
def test_a_constant_column_keeps_its_unit(constant):
    """The standard deviation of three times 0.1 is 1.4e-17 by rounding, which must not become the unit."""
    data = make_dataset(np.full((3, 1), constant), Y[:3])
    assert data.scaling.x_scale == (1.0,)
    np.testing.assert_allclose(data.scaled()[0], 0.0, atol=1e-9)
    np.testing.assert_allclose(new_inputs(data.columns, data.scaling, [[constant + 2.0]]), 2.0, rtol=1e-9)


# What is refused


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite(bad):
    x, y = X.copy(), Y.copy()
    x[2, 1], y[3] = bad, bad
    message = refused(make_dataset, x, Y)
    assert f"got 1 NaN or infinite value(s), the first ({bad}) at row 2, column 'x1': drop or impute" in message
    assert f"y must be finite, got 1 NaN or infinite value(s), the first ({bad}) at row 3:" in refused(
        make_dataset, X, y
    )
    data = make_dataset(X, Y)
    assert "at row 0, column 'x0'" in refused(new_inputs, data.columns, data.scaling, [[bad, 1.0]])


def test_masked_numbers_are_missing():
    x = np.ma.masked_array(X, mask=X == 4.0)
    assert "the first (nan) at row 2, column 'x0'" in refused(make_dataset, x, Y)


def test_missing_numbers_of_pandas():
    message = refused(make_dataset, pd.DataFrame({"a": pd.array([1, 2, None, 4], dtype="Int64")}), Y)
    assert "x must be finite" in message or "column 'a' must hold numbers" in message  # depends on pandas


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X, Y[:3], "the same number of rows, got 4 and 3"),
        (X, np.full(4, 2.5), "y must vary, got 2.5 in every one of 4 row(s)"),
        (X[:1], Y[:1], "y must vary, got 1.0 in every one of 1 row(s)"),
        (X[:, 0], Y, "got shape (4,): use x[:, None] for a single input"),
        (pd.Series(X[:, 0]), Y, "got shape (4,): use x[:, None] for a single input"),
        (X[None, None], Y, "got shape (1, 1, 4, 2): reshape it"),
        (np.empty((0, 2)), [], "x and y are empty: at least two rows are needed"),
        (np.empty((4, 0)), Y, "x must have at least one column, got none"),
        (pd.DataFrame(index=range(4)), Y, "x must have at least one column, got none"),
        (pd.DataFrame(X, columns=["a", "a"]), Y, "got several called ['a']: rename them"),
        (pd.DataFrame(X, columns=[1, "1"]), Y, "got several called ['1']: rename them"),
        (
            X,
            np.stack([Y, Y, Y], axis=1)[None],
            "y must have shape (n,), or (n, outputs) for several outputs, got (1, 4, 3)",
        ),
        (X, None, "y must be given with a table x"),
        (X, np.stack([Y, np.full(4, 3.0)], axis=1), "column 1 of y must vary, got 3.0 in every one of 4 row(s)"),
        (X, ["a", "b", "a", "b"], "y must hold numbers, got <U1: could not convert string to float"),
        ([["a", "b"]] * 4, Y, "x must hold numbers, got <U1: could not convert string to float"),
        (X + 1j, Y, "x must hold real numbers, got complex128"),
        (pd.DataFrame({"a": X[:, 0] + 1j}), Y, "column 'a' must hold real numbers, got complex128"),
        (pd.DataFrame({"day": pd.date_range("2020", periods=4)}), Y, "column 'day' must hold numbers or categories"),
        (pd.DataFrame({"a": ["u", None, "v", "u"]}), Y, "column 'a' must have no missing categories, got 1"),
        (pd.DataFrame(X), pd.Series(Y, index=range(1, 5)), "the same index, got different ones: align them, or pass"),
        (pd.DataFrame({"a": [1.5, "?", 2.5, 3.5]}), Y, "got both, such as 1.5, and '?' at row 1: replace what is no"),
        (pd.DataFrame({"a": ["1", "2.5", "?", "4"]}), Y, "got numbers as text, such as '1' beside '?' at row 2: use"),
        (pd.DataFrame({"a": [b"1", b"2", b"3", b"4"]}), Y, "got numbers as text, such as b'1': use astype(float)"),
        (pd.DataFrame({"a": [1j, 2j, 3j, 1.0]}, dtype=object), Y, "one number or category in each row, got a complex"),
        (pd.DataFrame({"a": [[1], [2], [3], [4]]}), Y, "one number or category in each row, got a list"),
        (pd.DataFrame({"a": [object() for _ in Y]}), Y, "one number or category in each row, got a object"),
        (pd.DataFrame({"a": np.array(Y).astype("V8")}), Y, "one number or category in each row, got records of type"),
        (pd.DataFrame({"a": ["1", 1, "u", 1]}), Y, "name for every input, which is a column or a category of one"),
        (pd.DataFrame({"a": ["u", "v", "w", "u"], "a[u]": Y}), Y, "got several called ['a[u]']: rename them"),
        ({"a": Y}, Y, "got named columns in a dict: use pandas.DataFrame(x)"),
        (np.array([(1.0, 2.0)] * 4, "f8,f8"), Y, "got named columns in a ndarray: use pandas.DataFrame(x)"),
        (pd.DataFrame({"a": [Decimal("sNaN"), 1, 2, 3]}), Y, "x must be finite, got 1 NaN"),
        ([[1.0], [2.0], [np.ma.masked], [4.0]], Y, "x must be finite, got 1 NaN"),
        (Columnar(a=jax.random.split(jax.random.key(0), 4)), Y, "column 'a' must be an array of numbers or labels"),
        (Columnar(a=X), Y, "column 'a' must hold one number or category in each row, got cells of shape (2,)"),
    ],
)
def test_tables_that_cannot_be_fitted(x, y, message):
    assert message in refused(make_dataset, x, y)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.rename(columns={"age": "ill"}), "missing ['age']"),
        (lambda t: t.rename(columns={"age": "years"}), "missing ['age'], unknown ['years']"),
        (lambda t: t.drop(columns="age"), "the 5 column(s) of the fit (age, ill, sex, size, town), got 4 column(s)"),
        (lambda t: t.assign(other=1), "got 6 column(s)"),
        (lambda t: t.assign(town="Kiel"), "the categories of the fit, ['Bonn', 'Jena', 'Ulm'], got also ['Kiel']"),
        (lambda t: t.assign(size="xl"), "the categories of the fit, ['s', 'm', 'l'], got also ['xl']"),
        (lambda t: t.assign(town=None), "column 'town' must hold the categories of the fit"),
        (lambda t: t.assign(age="old"), "column 'age' must hold numbers"),
        (lambda t: t.iloc[:0], "x is empty: at least one row is needed"),
        (lambda t: np.ones((2, 5)), "x must be a DataFrame: the fit has categorical columns"),
        (lambda t: np.ones((2, 4)), "the 5 column(s) of the fit"),
    ],
)
def test_tables_that_cannot_be_predicted_at(table, change, message):
    data = make_dataset(table, Y)
    new_inputs(data.columns, data.scaling, table)
    assert message in refused(new_inputs, data.columns, data.scaling, change(table))


def test_a_fit_to_an_array_predicts_at_arrays_and_tables():
    data = make_dataset(X, Y)
    frame = pd.DataFrame(X, columns=["a", "b"])
    np.testing.assert_array_equal(
        new_inputs(data.columns, data.scaling, frame), new_inputs(data.columns, data.scaling, X)
    )
    assert "the 2 column(s) of the fit (x0, x1), got 1" in refused(new_inputs, data.columns, data.scaling, X[:, :1])
    assert "use x[:, None]" in refused(new_inputs, data.columns, data.scaling, X[:, 0])


def test_a_fit_to_named_numbers_predicts_at_an_array():
    data = make_dataset(pd.DataFrame(X, columns=["a", "b"]), Y)
    np.testing.assert_array_equal(new_inputs(data.columns, data.scaling, X), data.scaled()[0])


def test_columns_of_new_tables_are_taken_by_name(table):
    data = make_dataset(table, Y)
    turned = table[["town", "size", "ill", "age", "sex"]]
    np.testing.assert_array_equal(new_inputs(data.columns, data.scaling, turned), data.scaled()[0])
    numbered = make_dataset(X, Y)  # an array's columns are x0 and x1
    frame = pd.DataFrame({"x1": X[:, 1], "x0": X[:, 0]})
    np.testing.assert_array_equal(new_inputs(numbered.columns, numbered.scaling, frame), numbered.scaled()[0])


def test_columns_of_a_target_are_taken_by_name():
    y = pd.DataFrame({"left": Y, "right": 3.0 - 2.0 * Y**2})
    bound, data = bind(Model([Dense(1)], Gaussian()), X, y)
    np.testing.assert_array_equal(bound.likelihood.encode(y[["right", "left"]]), data.y)


# Case weights count rows

WEIGHTS = np.array([0.0, 2.0, 1.0, 3.0])
TIMES = WEIGHTS.astype(int)


@pytest.mark.parametrize("scale", [1.0, 1e-30, 1e30])  # only their ratios enter the scaling
def test_a_weight_counts_the_row_so_many_times_in_every_scale(scale):
    x, y = X.copy(), Y.copy()
    x[0], y[0] = [1e6, -1e6], 1e6
    weighted = data_module.make_dataset(x, y, weights=WEIGHTS * scale).scaling
    repeated = data_module.make_dataset(np.repeat(x, TIMES, axis=0), np.repeat(y, TIMES)).scaling
    for name in ("x_center", "x_scale", "y_center", "y_scale"):
        np.testing.assert_allclose(getattr(weighted, name), getattr(repeated, name), rtol=1e-12)


def test_a_column_that_varies_in_rows_of_weight_zero_only_is_constant():
    x = np.stack([X[:, 0], [9.0, 5.0, 5.0, 5.0]], axis=1)
    assert data_module.make_dataset(x, Y, weights=WEIGHTS).scaling.x_scale[1] == 1.0
    assert "y must vary, got 5.0 in every one of 3" in refused(data_module.make_dataset, X, x[:, 1], weights=WEIGHTS)


def test_weights_count_sequences():
    x = np.stack([X, X + 1.0, X * 2.0])
    x[2, 2:] = np.nan
    weighted = data_module.make_dataset(x, Y[:3], weights=[0.0, 2.0, 1.0]).scaling
    repeated = data_module.make_dataset(x[[1, 1, 2]], Y[[1, 1, 2]]).scaling
    np.testing.assert_allclose(weighted.x_scale, repeated.x_scale, rtol=1e-12)
    np.testing.assert_allclose(weighted.y_center, repeated.y_center, rtol=1e-12)


def test_categories_are_those_of_rows_that_count(table):
    data = data_module.make_dataset(table[["town"]].assign(town=["Kiel", "Bonn", "Jena", "Bonn"]), Y, weights=WEIGHTS)
    assert data.columns.categories == (("Bonn", "Jena"),)
    assert data.x[:, 0].tolist() == [0.0, 0.0, 1.0, 0.0]


# Columns and targets that are constant but for rounding, or of sizes that overflow


def test_a_column_constant_within_rounding_carries_nothing():
    x = np.stack([X[:, 0], [0.1 + 0.2, 0.3, 0.3, 0.1 + 0.2]], axis=1)
    data = make_dataset(x, Y)
    assert data.scaling.x_scale[1] == 1.0
    assert new_inputs(data.columns, data.scaling, [[1.0, 0.31]])[0, 1] == pytest.approx(0.01)
    single = pd.DataFrame({"a": X[:, 0], "b": np.float32([1.0, 1.0 + 2.0**-23, 1.0, 1.0])})
    assert make_dataset(single, Y).scaling.x_scale[1] == 1.0
    assert make_dataset(single.astype(float), Y).scaling.x_scale[1] < 1e-7
    assert "y must vary" in refused(make_dataset, X, x[:, 1])
    assert "y must vary" in refused(make_dataset, X, single["b"].to_numpy())


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("size", [1e80, 1e170, 1e200, 1e300])
def test_sizes_whose_squares_overflow_are_refused(size, standardize):
    assert "at most 1e+75 in size, got" in refused(make_dataset, X * size, Y, standardize=standardize)
    assert "y must hold numbers of at most 1e+75" in refused(make_dataset, X, Y * size, standardize=standardize)
    data = make_dataset(X, Y)
    assert "x must hold numbers of at most" in refused(new_inputs, data.columns, data.scaling, X * size)


@pytest.mark.parametrize("size", [1e-80, 1e-170, 1e-300])
def test_sizes_whose_squares_vanish_are_refused(size):
    assert "column 'x0' of x must have a standard deviation of at least 1e-75" in refused(make_dataset, X * size, Y)
    assert "y must have a standard deviation of at least 1e-75, got" in refused(make_dataset, X, Y * size)


@pytest.mark.parametrize("size", [1e-70, 1e70])
def test_sizes_between_are_scaled(size):
    data = make_dataset(X * size, Y * size)
    np.testing.assert_allclose(data.scaled()[0], make_dataset(X, Y).scaled()[0], rtol=1e-12)
    np.testing.assert_allclose(data.scaled()[1], make_dataset(X, Y).scaled()[1], rtol=1e-12)


# Columns of every type of pandas


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (["1.5", "2", "3", "4"], "got numbers as text, such as '1.5': use astype(float), or astype('category')"),
        (pd.array(["1", "2", "3", "4"], "string"), "got numbers as text"),
        (pd.array([True, None, False, True], "boolean"), "NaN or infinite value(s), the first (nan) at row 1, column"),
        ([1.0, None, 2.0, 3.0], "the first (nan) at row 1, column 'a'"),
        (np.array([1, None, 2, 3], object), "the first (nan) at row 1, column 'a'"),
        (pd.array(["u", None, "v", "u"], "string"), "no missing categories, got 1, the first at row 1"),
        (pd.Categorical(["u", None, "v", "u"]), "no missing categories, got 1, the first at row 1"),
        (pd.period_range("2020", periods=4, freq="M"), "must hold numbers or categories, got period[M]"),
        (pd.date_range("2020", periods=4, tz="UTC"), "convert times to numbers"),
        (pd.to_timedelta([1, 2, 3, 4], "s"), "convert times to numbers"),
        (list(pd.date_range("2020", periods=4).date), "convert times to numbers"),
        ([[1], [2], [1], [2]], "one number or category in each row, got a list"),
    ],
)
def test_columns_that_are_neither_numbers_nor_categories(column, message):
    table = pd.DataFrame({"a": pd.Series(column), "b": X[:, 0]})
    assert message in refused(make_dataset, table, Y)


@pytest.mark.parametrize(
    ("column", "inputs"),
    [
        (pd.arrays.SparseArray([1.0, 2.0, 0.0, 0.0]), ("a",)),
        (np.array([Decimal("1.5"), Decimal(2), Decimal(0), Decimal(1)], object), ("a",)),
        (pd.array([1, 0, 1, 0], "UInt8"), ("a",)),
        (pd.Categorical(["1", "2", "1", "2"]), ("a[2]",)),
        (pd.Categorical(pd.to_datetime(["2020", "2021"] * 2)), ("a[2021-01-01 00:00:00]",)),
        (pd.cut([1, 5, 1, 5], [0, 2, 6]), ("a[(2, 6]]",)),
    ],
)
def test_columns_that_are_numbers_or_categories(column, inputs):
    assert learn_columns(pd.DataFrame({"a": column})).inputs == inputs


def test_tables_of_other_libraries_keep_the_names_of_their_columns():
    class Table:
        """As polars has it: columns by name, no index."""

        def __init__(self, columns):
            self.table = columns

        columns = property(lambda self: list(self.table))
        shape = property(lambda self: (4, len(self.table)))

        def __getitem__(self, name):
            return self.table[name]

        def __len__(self):
            return 4

    columns = {"a": X[:, 0], "town": np.array(["u", "v", "u", "v"], object)}
    data = make_dataset(Table(columns), Y)
    assert data.columns.inputs == ("a", "town[v]")
    turned = Table(dict(reversed(columns.items())))
    np.testing.assert_array_equal(new_inputs(data.columns, data.scaling, turned), data.scaled()[0])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.array(["2020", "NaT", "2021", "2022"], "M8[D]"), "y must hold numbers, got dates or durations"),
        (pd.Series(pd.to_timedelta([1, 2, 3, 4], "s")), "y must hold numbers, got dates or durations"),
        (pd.Series(pd.date_range("2020", periods=4, tz="UTC")), "y must hold numbers, got dates or durations"),
        (Y.astype(str), "y must hold numbers, got <U32, numbers as text"),
        (pd.Series([1.0, None, 2.0, 3.0], dtype="Float64"), "the first (nan) at row 1"),
        (pd.Series([True, None, False, True], dtype="boolean"), "the first (nan) at row 1"),
    ],
)
def test_targets_that_are_no_numbers(y, message):
    assert message in refused(make_dataset, X, y)


@pytest.mark.parametrize("name", ["weights", "offset"])
def test_weights_and_offsets_of_dates_or_of_another_index(name):
    poisson, index = Model([Dense(1)], Poisson()), [3, 2, 1, 0]
    dates = np.array(["2020", "2021", "2022", "2023"], "M8[D]")
    assert f"{name} must hold numbers, got dates" in refused(bind, poisson, X, [1, 2, 3, 4], **{name: dates})
    given = {name: pd.Series([1.0, 2.0, 3.0, 4.0], index=index)}
    assert f"x and {name} must have the same index" in refused(bind, poisson, pd.DataFrame(X), [1, 2, 3, 4], **given)


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (pd.period_range("2020-01", periods=4, freq="M"), ["2020-01", "2020-02", "2020-03", "2020-04"]),
        (pd.interval_range(0, 4), ["(0, 1]", "(1, 2]", "(2, 3]", "(3, 4]"]),
        (
            pd.date_range("2020-03-28", periods=4, tz="Europe/Berlin"),
            ["2020-03-28 00:00:00+01:00", "2020-03-29 00:00:00+01:00"]
            + ["2020-03-30 00:00:00+02:00", "2020-03-31 00:00:00+02:00"],
        ),
        (["a", 1, 2.5, None], ["a", "1", "2.5", "None"]),
        ([1, "1", 2, "2"], ["1", "'1'", "2", "'2'"]),
        ([True, False, True, False], [True, False, True, False]),
    ],
)
def test_labels_of_rows_are_what_files_can_keep(index, expected):
    table = pd.DataFrame(X, index=pd.Index(index, dtype=object if isinstance(index, list) else None))
    labels = make_dataset(table, Y).obs
    assert labels.tolist() == expected
