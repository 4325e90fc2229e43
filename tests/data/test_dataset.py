"""Tables in, arrays out: coding, scaling, labels, and what is refused."""

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
    ],
)
def test_tables_that_cannot_be_fitted(x, y, message):
    assert message in refused(make_dataset, x, y)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t[["ill", "age", "sex", "size", "town"]], "the same names in another order"),
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
