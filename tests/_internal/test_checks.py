"""The messages for bad input: what was expected, what came, what to do."""

import numpy as np
import pytest

from bayesnn._internal import checks

NAN, INF = float("nan"), float("inf")


def refused(check, *arguments, **options):
    """The message a check refuses its arguments with."""
    with pytest.raises(ValueError) as caught:
        check(*arguments, **options)
    return str(caught.value)


@pytest.mark.parametrize("name", ["tanhh", None, ["tanh"], 3])
def test_an_unknown_name_lists_the_known_ones(name):
    message = refused(checks.known, "activation", name, {"tanh": 1, "relu": 2})
    assert message == f"unknown activation {name!r}: choose one of 'tanh', 'relu'"


def test_known_names_pass():
    checks.known("activation", "tanh", {"tanh": 1})
    checks.known("method", "b", ("a", "b"))


@pytest.mark.parametrize("value", [0, -1, 2.0, True, "3", None, NAN, [1]])
def test_counts_are_whole_numbers_from_the_minimum_on(value):
    assert refused(checks.positive_integer, "draws", value) == (
        f"draws must be a whole number of at least 1, got {value!r}"
    )


def test_counts_come_back_as_python_integers():
    count = checks.positive_integer("draws", np.int32(4))
    assert (count, type(count)) == (4, int)
    assert checks.positive_integer("warmup", 0, minimum=0) == 0
    assert "at least 2, got 1" in refused(checks.positive_integer, "lags", 1, minimum=2)


@pytest.mark.parametrize("value", [0, -1.0, NAN, INF, "1", None, 1j, [1.0], np.ones(1)])
def test_positive_numbers_are_finite_real_and_above_zero(value):
    assert refused(checks.positive, "scale", value) == f"scale must be a finite number above zero, got {value!r}"


@pytest.mark.parametrize("value", [NAN, -INF, "1", None, 1j, [1.0]])
def test_numbers_are_finite_and_real(value):
    assert refused(checks.number, "mean", value) == f"mean must be a finite number, got {value!r}"


@pytest.mark.parametrize("value", [0, 1, 1.5, -0.1, NAN, "0.5", None, [0.5]])
def test_fractions_are_strictly_between_zero_and_one(value):
    assert refused(checks.fraction, "target_accept", value) == f"target_accept must be between 0 and 1, got {value!r}"


@pytest.mark.parametrize("value", [1, 0.5, np.float32(0.5), np.float64(2), np.int64(1)])
def test_numbers_of_numpy_and_python_pass(value):
    checks.positive("scale", value)
    checks.number("mean", -value)
    checks.fraction("target_accept", value / 4)


def test_the_first_number_that_is_not_finite_is_located():
    x = np.ones((4, 2))
    checks.finite("x", x)
    x[2, 1], x[3, 0] = NAN, INF
    message = refused(checks.finite, "x", x, ("age", "height"))
    assert message == (
        "x must be finite, got 2 NaN or infinite value(s), the first (nan) at row 2, column 'height': "
        "drop or impute these rows"
    )
    assert "the first (inf) at row 1:" in refused(checks.finite, "y", np.array([0.0, INF]))


@pytest.mark.parametrize(
    ("shape", "end"),
    [((3,), "got shape (3,): use x[:, None] for a single input"), ((2, 2, 2), "reshape it")],
)
def test_inputs_are_a_table(shape, end):
    message = refused(checks.two_dimensional, "x", shape)
    assert message.startswith("x must be two-dimensional, (rows, columns), got shape")
    assert message.endswith(end)
    checks.two_dimensional("x", (3, 1))
    assert "got generator: make it one" in refused(checks.two_dimensional, "x", (), (row for row in []))


def test_tables_have_columns_of_different_names():
    checks.column_names(("a", "b"))
    assert refused(checks.column_names, ()) == "x must have at least one column, got none"
    assert "got several called ['b']: rename them" in refused(checks.column_names, ("b", "a", "b"))


def test_rows_match_and_there_are_some():
    checks.rows(2, 2)
    assert refused(checks.rows, 3, 2) == "x and y must have the same number of rows, got 3 and 2"
    assert "empty" in refused(checks.rows, 0, 0)


@pytest.mark.parametrize(
    ("got", "end"),
    [
        (("b", "b"), "got ['b', 'b']: missing ['a'], unknown []"),
        (("a", "c"), "got ['a', 'c']: missing ['b'], unknown ['c']"),
        (("a",), "got 1 column(s): missing ['b'], unknown []"),
    ],
)
def test_columns_are_those_of_the_fit(got, end):
    checks.columns(("a", "b"), ("a", "b"), named=True)
    assert refused(checks.columns, ("a", "b"), got, named=True).endswith(end)


def test_names_do_not_matter_where_the_fit_had_none():
    checks.columns(("x0", "x1"), ("", ""), named=False)


@pytest.mark.parametrize("values", [np.full(5, 2.5), np.array([2.5])])
def test_a_constant_target_is_refused(values):
    message = refused(checks.varying, "y", values)
    assert message == f"y must vary, got 2.5 in every one of {len(values)} row(s): nothing can be learnt"


@pytest.mark.parametrize("levels", [(), (0,), (100,), (80, 120), (-5,), "80", ("80",), 80, None])
def test_interval_levels_are_percentages(levels):
    assert refused(checks.levels, levels).startswith("levels must be percentages between 0 and 100")
    assert checks.levels([80, 95.5]) == (80, 95.5)
    assert "not shares: 80 for 80%, got (0.8, 0.95)" in refused(checks.levels, (0.8, 0.95))
