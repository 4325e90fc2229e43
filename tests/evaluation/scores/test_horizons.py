"""Scores by horizon against integrals, the two kinds of predictive against each other, and paired differences."""

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from bayesnn.evaluation.scores import (
    NormalPredictive,
    SampledPredictive,
    mase_scale,
    paired_difference,
    score_rows,
    score_table,
)

MEAN, SD = np.array([[1.0, -2.0, 30.0]]), np.array([[0.5, 2.0, 7.0]])
OBSERVED = np.array([[1.7, -2.0, 11.0]])


def squared_distance(t, y, mean, sd):
    return (stats.norm.cdf(t, mean, sd) - (t >= y)) ** 2


def test_crps_of_a_normal_is_the_integral_of_the_squared_distance():
    for y, m, s, crps in zip(OBSERVED[0], MEAN[0], SD[0], NormalPredictive(MEAN, SD).crps(OBSERVED)[0], strict=True):
        exact, _ = integrate.quad(squared_distance, m - 12 * s, m + 12 * s, points=[y], args=(y, m, s))
        assert crps == pytest.approx(exact, abs=1e-7)


def test_draws_of_a_normal_score_as_the_normal():
    exact = NormalPredictive(MEAN, SD)
    count = 100_000
    draws = MEAN + SD * np.random.default_rng(0).normal(size=(count, 1, 3))
    sampled = SampledPredictive(draws, exact.log_density)
    one, two = score_rows(exact, OBSERVED), score_rows(sampled, OBSERVED)
    assert list(one) == list(two)
    for name in ("mean", "median", "lo-50", "hi-80", "lo-95"):
        assert (np.abs(one[name] - two[name]) < 5 * 2.7 * SD / np.sqrt(count)).all(), name  # the sd of a 2.5% quantile
    assert (np.abs(one["crps"] - two["crps"]) < 5 * SD / np.sqrt(count)).all()
    assert (np.abs(one["pit"] - two["pit"]) < 5 * 0.5 / np.sqrt(count)).all()
    np.testing.assert_array_equal(one["log_score"], two["log_score"])


def test_levels_are_central_intervals():
    rows = score_rows(NormalPredictive(MEAN, SD), OBSERVED)
    for level in (50, 80, 95):
        low, high = stats.norm.interval(level / 100, MEAN, SD)
        np.testing.assert_allclose(rows[f"lo-{level}"], low, rtol=1e-10)
        np.testing.assert_allclose(rows[f"hi-{level}"], high, rtol=1e-10)


def test_rank_of_an_observation_is_never_at_an_end_and_ties_count_half():
    sampled = SampledPredictive(np.array([[[0.0, 1.0]], [[2.0, 1.0]], [[4.0, 1.0]]]), np.zeros_like)
    np.testing.assert_allclose(sampled.cdf(np.array([[-1.0, 1.0]])), [[0.125, 0.5]])
    np.testing.assert_allclose(sampled.cdf(np.array([[9.0, 2.0]])), [[0.875, 0.875]])


def test_mase_scale_is_the_error_of_the_seasonal_naive_forecast():
    y = np.array([1.0, 5.0, 2.0, 9.0])
    assert mase_scale(y, 1) == pytest.approx((4 + 3 + 7) / 3)
    assert mase_scale(y, 2) == pytest.approx((1 + 4) / 2)
    assert mase_scale(y, 4) == mase_scale(y, 1)  # no whole season to compare with


def test_table_averages_by_method_and_horizon():
    frame = pd.DataFrame(
        {
            "method": ["b", "b", "a", "a"],
            "horizon": [1, 1, 1, 2],
            "y": [1.0, 3.0, 1.0, 1.0],
            "scale": [2.0, 2.0, 2.0, 2.0],
            "mean": [1.0, 1.0, 4.0, 1.0],
            "median": [2.0, 1.0, 4.0, 1.0],
            "lo-80": [0.0, 0.0, 0.0, 1.0],
            "hi-80": [2.0, 2.0, 8.0, 1.0],
            "crps": [1.0, 3.0, 2.0, 2.0],
            "log_score": [-1.0, -2.0, 0.0, 0.0],
        }
    )
    table = score_table(frame, levels=(80,))
    assert list(table.index) == [("b", 1), ("a", 1), ("a", 2)]
    assert list(table.columns) == ["rmse", "mae", "mase", "crps", "log_score", "coverage_80", "width_80"]
    np.testing.assert_allclose(table.loc[("b", 1)], [np.sqrt(2.0), 1.5, 0.75, 2.0, -1.5, 0.5, 2.0])
    unknown = frame.iloc[[0]].assign(y=np.nan, crps=np.nan, log_score=np.nan)  # a value that is missing says nothing
    again = score_table(pd.concat([frame, unknown]), levels=(80,))
    pd.testing.assert_frame_equal(again, table)


def test_standard_error_of_a_difference_is_right_for_independent_and_overlapping_errors():
    rng = np.random.default_rng(0)
    for overlap, kernel in ((1, [1.0]), (4, [1.0, 1.0, 1.0, 1.0])):
        means, errors = [], []
        for _ in range(2000):
            noise = rng.normal(size=100 + len(kernel) - 1)
            difference = paired_difference(np.convolve(noise, kernel, mode="valid"), overlap)
            means.append(difference.mean)
            errors.append(difference.se)
        ratio = np.sqrt(np.mean(np.square(errors))) / np.std(means)
        assert ratio == pytest.approx(1.0, abs=0.08)


def test_standard_error_of_a_few_differences_is_that_of_the_formula():
    """The correction for small samples, which a hundred origins would not show."""
    d = np.array([1.0, 3.0, 2.0, 7.0, 4.0, 4.0])
    assert paired_difference(d).se == pytest.approx(d.std(ddof=1) / np.sqrt(6), rel=1e-12)
    centred = d - d.mean()
    long_run = (centred @ centred + 2 * centred[1:] @ centred[:-1]) / 6
    factor = (6 + 1 - 2 * 2 + 2 * 1 / 6) / 6  # D. Harvey, S. Leybourne and P. Newbold (1997), equation (9), h = 2
    assert paired_difference(d, overlap=2).se == pytest.approx(np.sqrt(long_run / 6 / factor), rel=1e-12)


def test_differences_that_are_too_few_or_all_equal():
    assert paired_difference(np.array([2.0, 2.0])).z == 0.0
    assert np.isnan(paired_difference(np.array([2.0])).se)
    alternating = paired_difference(np.tile([1.0, -1.0], 10), overlap=2)  # a long-run variance below zero otherwise
    assert alternating.se > 0
