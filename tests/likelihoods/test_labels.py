"""Labels of any hashable type: which classes there are, in which order, and what is no label."""

import datetime
import enum
from decimal import Decimal
from fractions import Fraction

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from bayesnn.likelihoods import Bernoulli, Categorical, as_coordinate, class_probabilities


class Colour(enum.Enum):
    RED = 2
    BLUE = 1


LABELS = {
    "text": (["b", "a", "b", "c"], ("a", "b", "c"), [1, 0, 1, 2]),
    "whole numbers": ([10, 9, 10, -1], (-1, 9, 10), [2, 1, 2, 0]),
    "truth values": ([True, False, True], (False, True), [1, 0, 1]),
    "tuples": ([(1, 2), (0, 5), (1, 2)], ((0, 5), (1, 2)), [1, 0, 1]),
    "tuples that do not compare": ([(1, "a"), ("b", 2)], (("b", 2), (1, "a")), [1, 0]),
    "enums": ([Colour.RED, Colour.BLUE, Colour.RED], (Colour.BLUE, Colour.RED), [1, 0, 1]),
    "dates": (
        [datetime.date(2020, 10, 1), datetime.date(2020, 9, 1)],
        (datetime.date(2020, 9, 1), datetime.date(2020, 10, 1)),
        [1, 0],
    ),
    "sets": ([frozenset({2}), frozenset({1})], (frozenset({1}), frozenset({2})), [1, 0]),
    "mixed": (["a", 1, "a", 0], (0, 1, "a"), [2, 1, 2, 0]),
    "numpy": (np.array(["b", "a"]), ("a", "b"), [1, 0]),
    "integers of JAX": (jnp.array([3, 1, 3]), (1, 3), [1, 0, 1]),
    "fractions": ([Fraction(1, 2), Fraction(1, 3)], (Fraction(1, 3), Fraction(1, 2)), [1, 0]),
    "bytes": (np.array([b"y", b"x"]), (b"x", b"y"), [1, 0]),
    "numpy integers": (np.array([3, 1, 3], dtype=np.uint8), (1, 3), [1, 0, 1]),
    "one column": (np.array([["b"], ["a"]]), ("a", "b"), [1, 0]),
    "pandas": (pd.Series(["b", "a"], index=[5, 6]), ("a", "b"), [1, 0]),
    "a table of one column": (pd.DataFrame({"y": ["b", "a"]}), ("a", "b"), [1, 0]),
    "a categorical keeps its order": (
        pd.Series(pd.Categorical(["low", "high", "low"], categories=["low", "mid", "high"])),
        ("low", "high"),
        [0, 1, 0],
    ),
    "truth values of pandas": (pd.Series([True, False], dtype="boolean"), (False, True), [1, 0]),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_become_codes(name):
    labels, classes, codes = LABELS[name]
    bound = Categorical().bind(labels)
    assert bound.classes == classes
    assert [type(c) for c in bound.classes] == [type(c) for c in classes]  # plain values, none of NumPy's
    encoded = bound.encode(labels)
    assert encoded.tolist() == codes
    assert np.issubdtype(encoded.dtype, np.integer)
    assert bound.outputs == (len(classes),)


@pytest.mark.parametrize("name", LABELS)
def test_labels_are_coordinates(name):
    coordinate = as_coordinate(LABELS[name][1])
    assert coordinate.shape == (len(LABELS[name][1]),)
    assert tuple(coordinate.tolist()) == LABELS[name][1]


def test_the_order_does_not_depend_on_the_rows():
    labels = ["b", 1, (2, "x"), "a", frozenset({1}), 0, ("y", 1)]
    rng = np.random.default_rng(0)
    orders = {Categorical().bind([labels[i] for i in rng.permutation(7)]).classes for _ in range(5)}
    assert len(orders) == 1


def test_given_classes_are_kept_in_their_order():
    bound = Categorical(("b", "c", "a")).bind(["a", "b"])
    assert bound.classes == ("b", "c", "a")
    assert bound.encode(["a", "b"]).tolist() == [2, 0]


def test_two_classes_have_one_function():
    bound = Bernoulli().bind(["yes", "no", "yes"])
    assert (bound.classes, bound.outputs) == (("no", "yes"), ())
    assert bound.encode(["yes", "no"]).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0.0, 1.0, 1.0], "got 3 float(s) such as 0.0: use y.astype(int)"),
        (["a", 1.5], "got 1 float(s) such as 1.5"),
        (np.array([0.0, 1.0]), "got 2 float(s)"),
        (np.array([0, 1], dtype=np.float32), "got 2 float(s)"),
        (["a", np.nan, "b"], "got 1 float(s), 1 of them NaN: drop these rows"),
        (["a", None, "b"], "y must hold hashable labels and no missing ones, got None in 1 row(s)"),
        (pd.Series(["a", pd.NA, "b"], dtype="string"), "no missing ones, got <NA> in 1 row(s)"),
        ([pd.NaT, "a", "b"], "no missing ones, got NaT in 1 row(s)"),
        ([["a"], ["b"]], "y must hold hashable labels and no missing ones, got ['a'] in 2 row(s)"),
        ([("a", []), ("b", [])], "y must hold hashable labels and no missing ones, got ('a', []) in 2 row(s)"),
        (["a", "a"], "y must hold at least two classes, got 'a' in every row: nothing can be learnt"),
        ([], "y is empty: at least two rows are needed"),
        (np.array([["a", "b"], ["c", "d"]]), "y must hold one label per row, shape (n,), got shape (2, 2)"),
        (None, "y must hold one label per row, got None"),
        ("spam", "y must hold one label per row, got 'spam'"),
        (3, "y must hold one label per row, got 3"),
        ({"a": 0, "b": 1}, "y must hold one label per row, got a dict: give an array, a Series or a list"),
        ({"a", "b"}, "y must hold one label per row, got a set"),
        ((label for label in "ab"), "y must hold one label per row, got a generator"),
        (np.array([1.0, 2.0], np.longdouble), "got 2 float(s)"),
        (np.array([1.0, 2.0j]), "y must hold hashable labels and no missing ones, got (1+0j) in 2 row(s)"),
        ([Decimal("NaN"), Decimal(1)], "no missing ones, got Decimal('NaN') in 1 row(s)"),
        (pd.Series(pd.date_range("2020", periods=2, tz="UTC")), "got dates or durations (datetime64["),
        (np.ma.masked_array([1, 2, 3], mask=[True, False, False]), "no missing ones, got masked in 1 row(s)"),
        (scipy.sparse.csr_matrix([[1, 2]]), "y must be a dense array, got a sparse csr_matrix"),
    ],
)
@pytest.mark.parametrize("likelihood", [Categorical(), Bernoulli()])
def test_what_is_no_label(likelihood, labels, message):
    with pytest.raises(ValueError) as caught:
        likelihood.bind(labels)
    assert message in str(caught.value)


def test_three_classes_are_too_many_for_bernoulli():
    with pytest.raises(ValueError, match=r"Bernoulli is for two classes, got \['a', 'b', 'c'\]: use Categorical"):
        Bernoulli().bind(["a", "b", "c"])


def test_a_class_met_nowhere_in_the_fit():
    bound = Categorical().bind(["a", "b"])
    with pytest.raises(ValueError, match=r"y must hold the classes of the fit, \['a', 'b'\], got also 'c', 'd'"):
        bound.encode(["d", "a", "c", "c"])


def test_probabilities_are_softmax_row_by_row():
    f = np.random.default_rng(0).normal(size=(2, 4, 3)) * 5
    got = np.asarray(class_probabilities(f, (3,)))
    for place in np.ndindex(2, 4):
        e = np.exp(f[place])
        np.testing.assert_allclose(got[place], e / e.sum(), rtol=1e-5)
    huge = np.asarray(class_probabilities(np.array([[1e4, -1e4, 0.0]]), (3,)))
    np.testing.assert_array_equal(huge, [[1.0, 0.0, 0.0]])
    two = np.asarray(class_probabilities(np.array([-3.0, 0.0, 1e4]), ()))
    np.testing.assert_allclose(
        two, [[1 / (1 + np.exp(-3.0)), 1 / (1 + np.exp(3.0))], [0.5, 0.5], [0.0, 1.0]], rtol=1e-5
    )
