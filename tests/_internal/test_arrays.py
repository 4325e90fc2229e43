"""Labels as files keep them."""

import numpy as np
import pandas as pd
import pytest

from bayesnn._internal.arrays import in_order, is_label, object_array, storable


@pytest.mark.parametrize(
    ("labels", "kept"),
    [
        ([1, "1", None], ["1", "'1'", "None"]),
        ([2**70, 2**70 + 1], [str(2**70), str(2**70 + 1)]),
        ([True, False], [True, False]),
        ([pd.Period("2020-01", "M")], ["2020-01"]),
    ],
)
def test_labels_become_what_files_keep(labels, kept):
    found = storable(object_array(labels))
    assert found.tolist() == kept
    assert found.dtype != object


def test_what_can_be_a_label():
    assert all(map(is_label, ["a", 1, (1, "a"), frozenset({1}), None, pd.Interval(0, 1)]))
    assert not any(map(is_label, [[1], (1, [2]), np.zeros(1, "V8")[0], {}]))


def test_order_of_mixed_labels_does_not_depend_on_theirs():
    labels = ["b", 1, (2, "x"), "a", frozenset({1}), 0, (1, 3)]
    assert in_order(labels) == in_order(reversed(labels))
