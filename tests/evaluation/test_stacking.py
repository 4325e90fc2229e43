"""Stacking weights at their optimum, weights of chains in different modes, and the resampled fit."""

import importlib

import numpy as np
import pytest

import bayesnn as bnn

stacking = importlib.import_module("bayesnn.evaluation.stacking")
RNG = np.random.default_rng(3)
X = np.zeros((60, 1))
Y = np.concatenate([RNG.normal(-2.0, 1.0, 20), RNG.normal(2.0, 1.0, 40)])


def two_modes(values):
    """Chains 0 and 1 believe in 2, chain 2 in -2, chain 3 in 40; a third of the rows is around -2."""
    level = np.array([2.0, 2.0, -2.0, 40.0])[:, None] + 0.05 * RNG.normal(size=values["sigma"].shape)
    values["gamma"][...] = 0.0
    values["beta"][...] = 2 * ((level - Y.mean()) / Y.std())[..., None]
    values["sigma"][...] = np.exp(0.02 * RNG.normal(size=values["sigma"].shape)) / Y.std()


@pytest.mark.parametrize("columns", [2, 5])
def test_weights_satisfy_the_conditions_of_the_optimum(columns):
    log_densities = np.random.default_rng(columns).normal(size=(50, columns))
    weights = stacking.mixture_weights(log_densities)
    density = np.exp(log_densities)
    extra = stacking.CONCENTRATION - 1
    slope = (density / (density @ weights)[:, None]).sum(axis=0) + extra / weights
    assert weights.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(slope, 50 + columns * extra, rtol=1e-4)
    best = stacking.mixture_score(log_densities, weights)
    others = np.random.default_rng(0).dirichlet(np.ones(columns), 300)
    assert all(
        stacking.mixture_score(log_densities, other) <= best + 0.01 for other in others
    )  # 0.001 log w: the prior


def test_equal_columns_share_equally_and_a_hopeless_one_gets_nothing():
    base = RNG.normal(size=30)
    weights = stacking.mixture_weights(np.stack([base, base, base - 50.0], axis=1))
    np.testing.assert_allclose(weights, [0.5, 0.5, 0.0], atol=1e-4)


def test_chains_in_modes_are_weighed_by_what_they_predict(fake_fit):
    fit = fake_fit(bnn.shallow(1), X, Y, draws=100, change=two_modes)
    by_chain, by_mode = bnn.stack_chains(fit), bnn.stack_chains(fit, by="mode")
    for result in (by_chain, by_mode):
        weights = result.weights.to_numpy()
        assert result.weights.dims == ("chain",)
        assert weights.sum() == pytest.approx(1.0)
        assert weights[:2].sum() == pytest.approx(2 / 3, abs=0.03)
        assert weights[3] < 1e-3
        assert result.elpd > result.elpd_equal + 10
    assert by_mode.weights[0] == by_mode.weights[1]
    assert list(by_mode.table["chains"]) == ["0, 1", "2", "3"]
    assert "with equal weights" in str(by_mode)


def test_stacked_fit_holds_the_draws_in_proportion_and_says_so(fake_fit):
    fit = fake_fit(bnn.shallow(1), X, Y, draws=100, change=two_modes)
    result = bnn.stacked(fit, [1.0, 0.0, 3.0, 0.0])
    posterior = result.idata["posterior"]
    np.testing.assert_allclose(posterior.attrs["stacking_weights"], [0.25, 0.0, 0.75, 0.0])
    levels = bnn.predict(result, X[:1]).to_numpy()[..., 0]
    assert levels.shape == (4, 100)
    assert (levels < 0).sum() == 300
    assert (levels > 30).sum() == 0
    assert ((levels < 0).mean(axis=1) < 0.9).all(), "every new chain is a mixture"
    assert np.isin(posterior["beta"].to_numpy(), fit.idata["posterior"]["beta"].to_numpy()).all()
    again = bnn.stacked(fit, [1.0, 0.0, 3.0, 0.0])
    np.testing.assert_array_equal(again.idata["posterior"]["beta"], posterior["beta"])


def test_stacked_fit_predicts_better(fake_fit):
    fit = fake_fit(bnn.shallow(1), X, Y, draws=100, change=two_modes)
    better = bnn.stacked(fit, bnn.stack_chains(fit))
    assert bnn.evaluate(better, X, Y)["log_density"] > bnn.evaluate(fit, X, Y)["log_density"] + 0.1


@pytest.mark.slow
def test_bad_input(fake_fit):
    fit = fake_fit(bnn.shallow(1), X, Y, chains=2)
    with pytest.raises(ValueError, match="unknown by 'draw'"):
        bnn.stack_chains(fit, by="draw")
    with pytest.raises(ValueError, match="at least two chains"):
        bnn.stack_chains(fake_fit(bnn.shallow(1), X, Y, chains=1))
    for weights in ([1.0], [1.0, -1.0], [0.0, 0.0], [np.nan, 1.0]):
        with pytest.raises(ValueError, match="one number per chain, not negative, 2 in all"):
            bnn.stacked(fit, weights)


@pytest.mark.slow
def test_modes_of_a_real_posterior_are_stacked():
    table = bnn.datasets.mcycle()
    fit = bnn.fit(bnn.shallow(2), table[["times"]], table["accel"], chains=8, draws=400, warmup=400, progress=False)
    levels = fit.idata["log_likelihood"]["y"].to_numpy().sum(axis=-1).mean(axis=1)
    assert np.ptp(levels) > 3.0, "this run was chosen because its chains sit in modes of different likelihood"
    result = bnn.stack_chains(fit, by="mode")
    upper = result.weights.to_numpy()[levels > levels.mean()].sum()
    assert 0.5 < upper < 0.95, "the better mode leads; the other one still predicts some rows better"
    assert result.elpd > result.table["elpd"].max() + 1.0
    assert result.elpd > result.elpd_equal
