"""Prior draws: sites, functions and responses that belong together."""

import importlib

import numpy as np
import pytest

import bayesnn as bnn

X = np.linspace(0.0, 10.0, 25)[:, None]


@pytest.mark.slow
def test_groups_and_dims():
    idata = bnn.prior_predictive(bnn.shallow(3, linear=True), X, draws=7)
    assert idata["prior"]["gamma"].dims == ("chain", "draw", "unit", "input")
    assert idata["prior"]["gamma"].shape == (1, 7, 3, 2)
    assert idata["prior"]["f"].shape == idata["prior_predictive"]["y"].shape == (1, 7, 25)
    assert list(idata["prior"]["input"].to_numpy()) == ["const", "x0"]


@pytest.mark.slow
def test_functions_follow_from_the_sites():
    prior = bnn.prior_predictive(bnn.shallow(3), X, draws=5)["prior"]
    z = (X[:, 0] - X.mean()) / X.std()
    gamma, beta = prior["gamma"].to_numpy()[0], prior["beta"].to_numpy()[0]
    psi = 1.0 / (1.0 + np.exp(-(gamma[:, :, :1] + gamma[:, :, 1:] * z)))
    np.testing.assert_allclose(prior["f"].to_numpy()[0], np.einsum("sj,sjn->sn", beta, psi), rtol=1e-10)


@pytest.mark.slow
def test_responses_have_the_noise_of_their_draw():
    hyper = bnn.ShallowHyperparameters(noise_guess=0.04, noise_size=1000.0)
    idata = bnn.prior_predictive(bnn.shallow(2, hyper=hyper), X, draws=400)
    residual = (idata["prior_predictive"]["y"] - idata["prior"]["f"]).to_numpy()
    residual /= idata["prior"]["sigma"].to_numpy()[..., None]
    assert abs(residual.var() - 1.0) < 4 * np.sqrt(2 / residual.size)
    sigma2 = idata["prior"]["sigma"].to_numpy() ** 2
    assert abs(sigma2.mean() - 0.04 * 1000 / 998) < 4 * 0.04 * np.sqrt(2 / 1000 / 400)


@pytest.mark.slow
def test_same_key_same_draws():
    first, again, other = (bnn.prior_predictive(bnn.shallow(2), X, draws=3, key=k)["prior"]["f"] for k in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_equal_models_draw_with_the_same_program():
    program = importlib.import_module("bayesnn.prediction.prior_predictive")._drawn
    first = bnn.prior_predictive(bnn.Model([bnn.Dense(1)]), X, draws=3)["prior"]["f"]
    before = program._cache_size()
    again = bnn.prior_predictive(bnn.Model([bnn.Dense(1)]), X, draws=3)["prior"]["f"]
    np.testing.assert_array_equal(first, again)
    assert program._cache_size() == before
    bnn.prior_predictive(bnn.Model([bnn.Dense(1, "relu")]), X, draws=3)
    assert program._cache_size() == before + 1


def test_bad_draws():
    with pytest.raises(ValueError, match="draws must be a whole number of at least 1"):
        bnn.prior_predictive(bnn.shallow(2), X, draws=0)
