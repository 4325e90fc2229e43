"""Decomposition of predictive uncertainty: closed forms and the law of total variance by brute force."""

import importlib

import numpy as np
import pytest

import bayesnn as bnn

uncertainty = importlib.import_module("bayesnn.prediction.uncertainty")
RNG = np.random.default_rng(5)
X = RNG.normal(size=(20, 1))
Y = 30.0 + 4.0 * RNG.normal(size=20)


def test_gaussian_parts_are_the_variance_of_f_and_the_mean_of_sigma_squared(fake_fit):
    fit = fake_fit(bnn.shallow(3), X, Y)
    got = bnn.decompose(fit, X[:5])
    sigma = fit.idata["posterior"]["sigma"].to_numpy()
    np.testing.assert_allclose(got["noise"], (sigma**2).mean(), rtol=1e-10)
    np.testing.assert_allclose(got["parameter"], bnn.predict(fit, X[:5]).var(("chain", "draw")), rtol=1e-9)
    np.testing.assert_allclose(got["total"], got["parameter"] + got["noise"], rtol=1e-12)
    assert got.attrs["units"] == "squared units of y"


@pytest.mark.slow
def test_total_variance_is_that_of_simulated_responses(fake_fit):
    def change(values):
        values["beta"][...] = values["beta"].clip(-1, 1)
        values["sigma"][...] = 0.5

    fit = fake_fit(bnn.shallow(3), X, Y, draws=2000, change=change)
    simulated = bnn.predict(fit, X[:3], kind="response", key=1).var(("chain", "draw"))
    # bounded f plus normal noise: the kurtosis is at most about 3, so the relative sd of a variance is sqrt(2/8000)
    np.testing.assert_allclose(bnn.decompose(fit, X[:3])["total"], simulated, rtol=4 * np.sqrt(2 / 8000))


def test_entropy_parts_by_hand():
    p = RNG.dirichlet(np.ones(3), size=(7, 4))
    got = uncertainty.entropy_parts(p)
    for i in range(4):
        average = p[:, i].mean(0)
        total = -sum(q * np.log(q) for q in average)
        noise = np.mean([-sum(q * np.log(q) for q in one) for one in p[:, i]])
        divergence = np.mean([sum(q * np.log(q / a) for q, a in zip(one, average)) for one in p[:, i]])
        assert got["total"][i] == pytest.approx(total, rel=1e-12)
        assert got["noise"][i] == pytest.approx(noise, rel=1e-12)
        assert got["parameter"][i] == pytest.approx(divergence, rel=1e-10)  # mutual information is a mean divergence


def test_measures_are_checked(fake_fit):
    with pytest.raises(ValueError, match="unknown measure 'range'"):
        bnn.decompose(fake_fit(bnn.shallow(2), X, Y), X, measure="range")


@pytest.mark.parametrize("likelihood", [bnn.Categorical(), bnn.Bernoulli()])
def test_parts_of_a_classifier_sum_up(fake_fit, likelihood):
    labels = np.array(["a", "b"] * 10)
    fit = fake_fit(bnn.Model([bnn.Dense(2, "tanh")], likelihood=likelihood), X, labels, chains=2, draws=5)
    p = bnn.predict(fit, X[:4], kind="probability").to_numpy().reshape(10, 4, 2)
    entropy = bnn.decompose(fit, X[:4])
    average = p.mean(0)
    np.testing.assert_allclose(entropy["total"], -(average * np.log(average)).sum(1), rtol=1e-9)
    np.testing.assert_allclose(entropy["noise"], -(p * np.log(p)).sum(2).mean(0), rtol=1e-9)
    np.testing.assert_allclose(entropy["total"], entropy["parameter"] + entropy["noise"], rtol=1e-9)
    assert entropy.attrs["units"] == "nats"
    variance = bnn.decompose(fit, X[:4], measure="variance")
    assert list(variance.index[:2]) == [(0, "a"), (0, "b")]
    np.testing.assert_allclose(variance["total"], (average * (1 - average)).ravel(), rtol=1e-9)
    np.testing.assert_allclose(variance["parameter"], p.var(0).ravel(), rtol=1e-8, atol=1e-15)


def test_noise_of_counts_is_their_mean(fake_fit):
    counts = RNG.poisson(5, 20)

    def small(values):
        values["beta"][...] = 0.1 * np.tanh(values["beta"])

    model = bnn.Model([bnn.Dense(2, "tanh")], likelihood=bnn.Poisson(), intercept=False)
    fit = fake_fit(model, X, counts, offset=np.zeros(20), change=small)
    got = bnn.decompose(fit, X[:3], offset=np.log(2.0))
    mean = bnn.predict(fit, X[:3], offset=np.log(2.0))
    np.testing.assert_allclose(got["noise"], mean.mean(("chain", "draw")), rtol=1e-9)
    np.testing.assert_allclose(got["parameter"], mean.var(("chain", "draw")), rtol=1e-8)
    with pytest.raises(ValueError, match='measure="entropy" is for classes'):
        bnn.decompose(fit, X, measure="entropy", offset=0.0)


def test_several_outputs_have_a_row_each(fake_fit):
    y = np.column_stack([Y, RNG.normal(size=20)])
    fit = fake_fit(bnn.Model([bnn.Dense(2)]), X, y)
    got = bnn.decompose(fit, X[:3])
    assert list(got.index[:2]) == [(0, "y0"), (0, "y1")]
    sigma = fit.idata["posterior"]["sigma"].to_numpy()
    np.testing.assert_allclose(got["noise"].to_numpy().reshape(3, 2)[0], (sigma**2).mean((0, 1)), rtol=1e-9)
    parameter = bnn.predict(fit, X[:3]).var(("chain", "draw")).to_numpy().ravel()
    np.testing.assert_allclose(got["parameter"], parameter, rtol=1e-8)
