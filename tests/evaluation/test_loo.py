"""PSIS-LOO against the closed form of a normal mean, against ArviZ, and on rows it cannot handle."""

import importlib

import arviz as az
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayesnn as bnn

loo_module = importlib.import_module("bayesnn.evaluation.loo")
RNG = np.random.default_rng(5)
Y = 50.0 + 4.0 * RNG.normal(size=25)
X = np.zeros((25, 1))
NOISE = 4.0


def posterior_of_a_mean(y, seed=0):
    """Exact draws of the posterior of the mean of y with known noise and a flat prior."""

    def change(values):
        shape = values["sigma"].shape
        center, scale = y.mean(), y.std()
        mean = y.mean() + NOISE / np.sqrt(len(y)) * np.random.default_rng(seed).normal(size=shape)
        values["gamma"][...] = 0.0  # the unit is 1/2 everywhere
        values["beta"][...] = 2 * ((mean - center) / scale)[..., None]
        values["sigma"][...] = NOISE / scale

    return change


def test_closed_form_of_a_normal_mean(fake_fit):
    runs = [fake_fit(bnn.shallow(1), X, Y, draws=500, change=posterior_of_a_mean(Y, seed)) for seed in range(10)]
    estimates = np.array([bnn.loo(run).elpd for run in runs])
    others = (Y.sum() - Y) / (len(Y) - 1)
    exact = stats.norm.logpdf(Y, others, NOISE * np.sqrt(1 + 1 / (len(Y) - 1))).sum()
    error = estimates.std(ddof=1) / np.sqrt(len(estimates))
    assert abs(estimates.mean() - exact) < 4 * error
    inside = stats.norm.logpdf(Y, Y.mean(), NOISE * np.sqrt(1 + 1 / len(Y))).sum()
    assert abs(inside - exact) > 40 * error, "the check must tell leaving out from leaving in"
    result = bnn.loo(runs[0])
    assert result.ok
    assert "can be trusted" in result.verdict
    assert result.p == pytest.approx(inside - exact, abs=0.2)  # sd of one run's p is about 0.05


def test_computation_is_that_of_arviz(fake_fit):
    fit = fake_fit(bnn.shallow(1), X, Y, draws=100, change=posterior_of_a_mean(Y))
    efficiency = loo_module.relative_efficiency(fit.idata["log_likelihood"]["y"].to_numpy())
    theirs = az.loo(fit.idata, pointwise=True, reff=efficiency)
    ours = bnn.loo(fit)
    new = hasattr(theirs, "elpd")  # ArviZ 1.x, which divides by n - 1 as we do; 0.23 divides by n
    elpd, p = (theirs.elpd, theirs.p) if new else (theirs.elpd_loo, theirs.p_loo)
    assert ours.elpd == pytest.approx(elpd, rel=1e-10)
    assert ours.p == pytest.approx(p, rel=1e-8)
    assert ours.se == pytest.approx(theirs.se * (1.0 if new else np.sqrt(25 / 24)), rel=1e-10)
    np.testing.assert_allclose(ours.pareto_k, theirs.pareto_k, rtol=1e-10)


def test_rows_with_high_k_are_named_by_their_labels(fake_fit):
    y = Y.copy()
    y[[3, 20]] = [150.0, -60.0]
    table = pd.DataFrame({"a": X[:, 0]}, index=[f"row {i}" for i in range(25)])
    result = bnn.loo(fake_fit(bnn.shallow(1), table, y, draws=100, change=posterior_of_a_mean(y)))
    assert list(result.bad) == ["row 3", "row 20"]
    assert "2 of 25 rows" in result.verdict
    assert "(obs row 3, row 20)" in result.verdict
    assert "cross_validate" in str(result)
    assert list(result.table.index[~result.table["ok"]]) == ["row 3", "row 20"]
    assert result.table["elpd"].sum() == pytest.approx(result.elpd)


def test_rows_that_no_draw_doubts_need_no_reweighting():
    log_likelihood = np.zeros((2, 60, 3))
    log_likelihood[..., 1] = -np.random.default_rng(0).exponential(size=(2, 60))
    log_likelihood[1, :, 2] = -5.0  # half of the draws hold one value: no tail to fit
    values, k = loo_module.psis(log_likelihood)
    assert values[0] == 0.0
    assert k[0] == -np.inf
    assert np.isfinite(k[1])
    assert k[2] == np.inf
    assert values[2] == pytest.approx(-np.log((1 + np.exp(5.0)) / 2))


def test_too_few_draws_are_refused(fake_fit):
    with pytest.raises(ValueError, match="at least 25 draws, got 20"):
        bnn.loo(fake_fit(bnn.shallow(1), X, Y, draws=5))


def test_efficiency_is_one_for_independent_draws_and_less_for_sluggish_ones():
    noise = np.random.default_rng(1).normal(size=(4, 400, 5))
    walk = 0.3 * noise.copy()
    for i in range(1, 400):
        walk[:, i] += 0.95 * walk[:, i - 1]
    assert loo_module.relative_efficiency(0.1 * noise) > 0.7
    assert loo_module.relative_efficiency(0.1 * walk) < 0.15
    assert loo_module.relative_efficiency(np.zeros((2, 50, 3))) == 1.0


def test_error_of_a_sum_is_that_of_independent_rows():
    """The square root of n times the unbiased variance of 1, 2 and 6, which is 7."""
    assert loo_module.total_error(np.array([1.0, 2.0, 6.0])) == pytest.approx(np.sqrt(3 * 7), rel=1e-12)
    assert np.isnan(loo_module.total_error(np.array([1.0])))
