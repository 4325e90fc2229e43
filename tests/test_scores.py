"""Scores against their definitions and against the closed form of a normal predictive."""

import importlib

import numpy as np
import pytest
from scipy import stats

import bayesnn as bnn

scores = importlib.import_module("bayesnn.scores")
RNG = np.random.default_rng(1)
X = RNG.normal(size=(40, 1))
Y = 100.0 + 10.0 * RNG.normal(size=40)


def flat_line(sigma):
    """Draws that all say y ~ N(mean(Y), (sigma sd(Y))^2)."""

    def change(values):
        values["beta"][...] = 0.0
        values["sigma"][...] = sigma

    return change


def test_scores_of_a_known_normal_predictive(fake_fit):
    fit = fake_fit(bnn.shallow(2), X, Y, draws=1000, change=flat_line(0.8))
    new_y = 95.0 + 8.0 * RNG.normal(size=25)
    got = bnn.evaluate(fit, X[:25], new_y, levels=(50, 90))
    center, scale = Y.mean(), 0.8 * Y.std()
    z = (new_y - center) / scale
    crps = scale * (z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi))
    assert got["rmse"] == pytest.approx(np.sqrt(np.mean((new_y - center) ** 2)), rel=1e-10)
    assert got["log_density"] == pytest.approx(stats.norm.logpdf(new_y, center, scale).mean(), rel=1e-10)
    # sd of the sample CRPS of one row is at most that of |Y - y|, about scale; 4000 draws, 25 independent rows
    assert got["crps"] == pytest.approx(crps.mean(), abs=4 * scale / np.sqrt(4000 * 25))
    for level in (50, 90):
        inside = np.abs(z) <= stats.norm.ppf(0.5 + level / 200)
        assert got[f"coverage_{level}"] == inside.mean()


def test_log_density_averages_densities_not_logs(fake_fit):
    def two_opinions(values):
        values["beta"][...] = 0.0
        values["sigma"][:2] = 0.5
        values["sigma"][2:] = 2.0

    fit = fake_fit(bnn.shallow(2), X, Y, change=two_opinions)
    got = bnn.evaluate(fit, X, Y)["log_density"]
    densities = [stats.norm.pdf(Y, Y.mean(), s * Y.std()) for s in (0.5, 2.0)]
    assert got == pytest.approx(np.log(np.mean(densities, axis=0)).mean(), rel=1e-10)


def test_transform_is_uniform_for_draws_of_the_predictive(fake_fit):
    fit = fake_fit(bnn.shallow(2), X, Y, change=flat_line(0.8))
    new_y = Y.mean() + 0.8 * Y.std() * np.random.default_rng(2).normal(size=400)
    pit = scores.probability_transform(fit, np.zeros((400, 1)), new_y)
    assert stats.kstest(pit, "uniform").pvalue > 1e-3
    assert stats.kstest(scores.probability_transform(fit, np.zeros((400, 1)), new_y + 5.0), "uniform").pvalue < 1e-6


def test_crps_is_the_mean_over_pairs_of_different_draws():
    draws, y = RNG.normal(size=(7, 3)), RNG.normal(size=3)
    pairs = [(i, j) for i in range(7) for j in range(7) if i != j]
    spread = np.mean([np.abs(draws[i] - draws[j]) for i, j in pairs], axis=0)
    np.testing.assert_allclose(scores.crps(draws, y), np.abs(draws - y).mean(0) - spread / 2, rtol=1e-10)


def test_rows_are_checked(fake_fit):
    fit = fake_fit(bnn.shallow(2), X, Y)
    with pytest.raises(ValueError, match="same number of rows, got 40 and 3"):
        bnn.evaluate(fit, X, Y[:3])
    with pytest.raises(ValueError, match="y must be finite"):
        bnn.evaluate(fit, X[:2], [1.0, np.nan])
