"""Relevance: permutation against a plain loop, derivatives against a line, scales against the sites of the prior."""

import jax
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayesnn as bnn

RNG = np.random.default_rng(4)
X = pd.DataFrame({"a": RNG.normal(2.0, 3.0, 30), "b": RNG.normal(size=30), "c": np.array(["u", "v", "w"] * 10)})
Y = 10.0 + 2.0 * RNG.normal(size=30)


def only_a(values):
    """Draws in which y depends on `a` alone, with slope 0.7 a on the standardised scale."""
    values["beta"][...] = 0.0
    values["linear"][...] = 0.0
    values["linear"][..., 0] = 0.7


@pytest.fixture(scope="module")
def line(fake_fit):
    return fake_fit(bnn.shallow(2, linear=True), X, Y, chains=2, draws=3, change=only_a)


@pytest.mark.parametrize("score", ["log_density", "rmse"])
def test_permutation_is_the_rise_of_the_loss(line, score):
    got = bnn.relevance(line, repeats=2, score=score, key=5)
    assert got.dims == ("chain", "draw", "permutation", "input")
    random = np.random.default_rng(np.asarray(jax.random.key_data(jax.random.key(5))))
    sigma = line.idata["posterior"]["sigma"].to_numpy()

    def loss(table):
        mean = bnn.predict(line, table).to_numpy()
        if score == "rmse":
            return np.sqrt(((mean - Y) ** 2).mean(-1))
        return -stats.norm.logpdf(Y, mean, sigma[..., None]).mean(-1)

    for r in range(2):
        order = random.permutation(30)
        for name in X.columns:
            moved = X.assign(**{name: X[name].to_numpy()[order]})
            expected = loss(moved) - loss(X)
            np.testing.assert_allclose(got.sel(permutation=r, input=name), expected, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(got.sel(input=["b", "c"]), 0.0, atol=1e-10)
    assert (np.abs(got.sel(input="a")) > 1e-6).all()


def test_permutation_scores_given_rows(line):
    training = bnn.relevance(line, X, Y, repeats=2)
    np.testing.assert_array_equal(training, bnn.relevance(line, repeats=2))
    assert not np.allclose(training, bnn.relevance(line, X.iloc[:9], Y[:9], repeats=2))
    with pytest.raises(ValueError, match="same number of rows, got 30 and 9"):
        bnn.relevance(line, X, Y[:9])


def test_sensitivity_of_a_line_is_its_slope_times_the_sd(line):
    got = bnn.relevance(line, method="sensitivity")
    assert list(got["input"].to_numpy()) == ["a", "b"]
    np.testing.assert_allclose(got, np.broadcast_to([0.7 * Y.std(), 0.0], got.shape), rtol=1e-10, atol=1e-12)
