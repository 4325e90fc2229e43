"""Scores of the M competitions by their definitions, on both sides of an interval and for zeros."""

import numpy as np
import pandas as pd
import pytest

from bayesnn.evaluation.scores import interval_score, smape


def test_percentage_errors_are_symmetric_and_bounded():
    y, forecast = np.array([4.0, 2.0, -1.0, 0.0, 0.0]), np.array([2.0, 4.0, 1.0, 5.0, 0.0])
    np.testing.assert_allclose(smape(y, forecast), [200 / 3, 200 / 3, 200.0, 200.0, 0.0])
    np.testing.assert_array_equal(smape(y, forecast), smape(forecast, y))


@pytest.mark.parametrize(("level", "charge"), [(95.0, 40.0), (80.0, 10.0)])
def test_values_outside_an_interval_are_charged_by_their_distance(level, charge):
    y = pd.Series([1.0, -2.0, 3.5], index=[7, 8, 9])  # inside, below by 2, above by half
    found = interval_score(y, y * 0.0, y * 0.0 + 3.0, level)
    np.testing.assert_allclose(found, [3.0, 3.0 + 2.0 * charge, 3.0 + 0.5 * charge])
