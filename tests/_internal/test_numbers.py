"""What becomes a number, what is refused in words, and what is constant but for rounding."""

import datetime
from decimal import Decimal
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from bayesnn._internal.numbers import column_array, constant, measured_numbers, real_numbers, resolution_of

DAY = np.datetime64("2020-01-01")


@pytest.mark.parametrize(
    "values",
    [
        [1, 2.5, True],
        np.array([1.0, 2.5, 1.0], np.float32),
        np.array([Decimal(1), Fraction(5, 2), np.bool_(True)], object),
        jnp.array([1.0, 2.5, 1.0], jnp.bfloat16),
        np.array([9.0, 1.0, 9.0, 2.5, 9.0, 1.0])[1::2],
        np.asfortranarray(np.array([[1.0, 2.5, 1.0]]).T)[:, 0],
        np.array([1.0, 2.5, 1.0], np.longdouble),
        np.array([1.0, 2.5, 1.0], ">f8"),
        pd.Series([1.0, 2.5, 1.0], dtype="Float64").to_numpy(),
    ],
)
def test_numbers_of_every_type(values):
    found = real_numbers("y", values)
    assert found.dtype == np.float64
    assert found.tolist() == [1.0, 2.5, 1.0]


@pytest.mark.parametrize(
    "missing", [None, np.nan, pd.NA, pd.NaT, np.datetime64("NaT", "D"), np.ma.masked, Decimal("NaN"), Decimal("sNaN")]
)
def test_missing_values_are_nan(missing):
    values = np.empty(2, object)
    values[:] = [1.0, missing]
    np.testing.assert_array_equal(real_numbers("y", values), [1.0, np.nan])


def test_masked_values_are_nan_whatever_lies_below():
    masked = np.ma.masked_array([1.0, 7.0], mask=[False, True])
    np.testing.assert_array_equal(real_numbers("y", masked), [1.0, np.nan])
    objects = np.ma.masked_array(np.array([1.0, "x"], object), mask=[False, True])
    np.testing.assert_array_equal(real_numbers("y", objects), [1.0, np.nan])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([[1.5, 2.0]]).astype(str), r"got <U32, numbers as text \('1.5' at row 0, column 0\): use astype"),
        (["a", "b"], "got <U1: could not convert string to float: 'a' at row 0"),
        (np.array([1.0, "2.0"], object), r"numbers as text \('2.0' at row 1\)"),
        (np.array([b"1"]), "numbers as text"),
        (np.ma.masked_array(["a", "b"], mask=[True, False]), "could not convert string"),
        (np.array([DAY, "NaT"], "M8[D]"), r"got dates or durations \(datetime64\[D\]\)"),
        (np.array([1, 2], "m8[s]"), "got dates or durations"),
        (np.array([1.0, datetime.date(2020, 1, 1)], object), r"got dates or durations \(object\) at row 1"),
        (np.array([1.0, pd.Timestamp("2020", tz="UTC")], object), "got dates or durations"),
        (np.array([1.0, pd.Period("2020", "M")], object), "got dates or durations"),
        (np.array([1.0, datetime.timedelta(1)], object), "got dates or durations"),
        ([1.0 + 2.0j], "must hold real numbers, got complex128"),
        (np.array([1.0, 2.0j], object), "must hold real numbers, got complex128 at row 1"),
        (np.array([1.0, {}], object), "must hold numbers, got dict at row 1"),
        (np.array([(1, 2.0)], "i4,f8"), "must hold numbers, got"),
        ([[1.0], [1.0, 2.0]], "rows differ in length"),
        (scipy.sparse.csr_matrix(np.eye(2)), r"a dense array, got a sparse csr_matrix: call its toarray\(\)"),
        ([0.0, 1e200], r"at most 1e\+75 in size, got 1e\+200 at row 1: use other units"),
        ([[0.0, -1e80]], r"got -1e\+80 at row 0, column 1"),
        (np.array([10**400], object), "more than 308 digits at row 0"),
    ],
)
def test_what_is_no_number_is_refused_in_words(values, message):
    with pytest.raises(ValueError, match=message) as caught:
        real_numbers("y", values)
    assert str(caught.value).startswith("y must ")


def test_infinite_values_are_left_to_the_caller():
    np.testing.assert_array_equal(real_numbers("y", [np.inf, np.nan]), [np.inf, np.nan])


def test_constant_but_for_rounding():
    values = np.array([[0.1 + 0.2, 1e8, 0.0, 5.0], [0.3, 1e8 + 1e-6, 0.0, 5.0 + 1e-12]])
    assert constant(values).tolist() == [True, False, True, False]
    single = np.array([1.0, 1.0 + 2.0**-23])[:, None]  # neighbours in single precision
    assert constant(single, resolution_of(np.dtype(np.float32))).tolist() == [True]
    assert constant(single).tolist() == [False]
    assert constant(np.array([[1e15], [1e15 + 1.0]]), resolution_of(np.dtype(int))).tolist() == [False]
    half = resolution_of(np.dtype(np.float16))
    assert constant(np.array([[2000.0, 0.3], [2024.0, 0.305]]), half).tolist() == [
        False,
        False,
    ]  # whole, and 20 spacings
    assert constant(np.array([[0.3], [0.30003]]), half).tolist() == [True]


def test_numbers_of_columns_keep_what_their_type_says():
    single = np.array([0.3, 0.3 + 6e-8, np.nan], np.float32)
    np.testing.assert_array_equal(measured_numbers("y", single), [single[0], single[0], np.nan])
    np.testing.assert_array_equal(measured_numbers("y", single.astype(float)), single)
    assert measured_numbers("y", pd.Series([1, 2], dtype="Int64")).tolist() == [1.0, 2.0]
    four_bits = jnp.array([1, 2], jnp.int4)
    assert real_numbers("y", four_bits).tolist() == [1.0, 2.0]


class Unwilling:
    """A column whose library refuses to convert it in one way, as PyArrow does without being told to copy."""

    def __array__(self, dtype=None, copy=None):
        return np.array([1.0, 2.0])

    def to_numpy(self):
        raise RuntimeError("needs a copy")


def test_columns_of_other_libraries():
    assert column_array("y", Unwilling()).tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="y must be an array of numbers or labels, and this PRNGKeyArray is none"):
        real_numbers("y", jax.random.split(jax.random.key(0), 2))


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [(np.dtype(float), 2.0**-52), (np.dtype("f4"), 2.0**-23), (np.dtype(bool), 0.0), (pd.Int64Dtype(), 0.0)]
    + [(pd.Float32Dtype(), 2.0**-23), (np.dtype(object), 2.0**-52), (pd.CategoricalDtype(), 2.0**-52)],
)
def test_resolution_of_types(dtype, expected):
    assert resolution_of(dtype) == expected
