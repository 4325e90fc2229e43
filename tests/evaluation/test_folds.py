"""Folds: sizes, strata, groups, given ones, and what is refused."""

import importlib

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

folds = importlib.import_module("bayesnn.evaluation.folds")
KEY = jax.random.key(0)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 3), min_size=12, max_size=60), st.integers(2, 6), st.integers(0, 5))
def test_sizes_and_strata_differ_by_at_most_one(codes, number, seed):
    strata = np.array(codes)
    assigned = folds.make_folds(len(codes), number, jax.random.key(seed), strata=strata)
    sizes = np.bincount(assigned, minlength=number)
    assert np.ptp(sizes) <= 1
    for code in np.unique(strata):
        assert np.ptp(np.bincount(assigned[strata == code], minlength=number)) <= 1


def test_groups_stay_together_and_sizes_stay_close():
    groups = np.repeat(np.arange(12), [9, 1, 4, 4, 3, 3, 2, 2, 1, 1, 1, 1]).astype(str)
    assigned = folds.make_folds(32, 4, KEY, groups=groups)
    assert all(len(np.unique(assigned[groups == g])) == 1 for g in np.unique(groups))
    assert sorted(np.bincount(assigned)) == [7, 8, 8, 9]


def test_folds_are_drawn_by_the_key():
    first, again, other = (folds.make_folds(40, 4, jax.random.key(k)) for k in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()


def test_given_folds_are_numbered():
    assert folds.make_folds(4, ["b", "a", "b", "c"], KEY).tolist() == [1, 0, 1, 2]
    with pytest.raises(ValueError, match="at least two different folds"):
        folds.make_folds(2, [1, 1], KEY)
    with pytest.raises(ValueError, match=r"one value per row, shape \(3,\), got shape \(2,\)"):
        folds.make_folds(3, [0, 1], KEY)


@pytest.mark.parametrize("number", [1, 2.5, True, 0])
def test_impossible_numbers_are_refused(number):
    with pytest.raises(ValueError, match="folds must"):
        folds.make_folds(10, number, KEY)


def test_more_folds_than_rows_or_groups_are_refused():
    with pytest.raises(ValueError, match="at most the number of rows, 3, got 4"):
        folds.make_folds(3, 4, KEY)
    with pytest.raises(ValueError, match="at most the number of groups, 2, got 3"):
        folds.make_folds(4, 3, KEY, groups=["a", "a", "b", "b"])


def test_a_class_that_lives_in_one_fold_is_refused():
    codes, classes = np.array([0, 0, 1, 1, 2]), ("a", "b", "rare")
    with pytest.raises(ValueError, match="class 'rare' would be missing from the training rows of fold 1"):
        folds.check_classes(np.array([0, 1, 0, 1, 1]), codes, classes)
    folds.check_classes(np.array([0, 1, 0, 1, 1]), codes[:5] % 2, classes[:2])
