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


def test_predictive_relevance_averages_densities_first(line):
    got = bnn.relevance(line, repeats=2, score="predictive", key=5)
    assert got.dims == ("permutation", "input")
    random = np.random.default_rng(np.asarray(jax.random.key_data(jax.random.key(5))))
    sigma = line.idata["posterior"]["sigma"].to_numpy()

    def loss(table):
        densities = stats.norm.pdf(Y, bnn.predict(line, table).to_numpy(), sigma[..., None])
        return -np.log(densities.mean((0, 1))).mean()

    for r in range(2):
        order = random.permutation(30)
        for name in X.columns:
            expected = loss(X.assign(**{name: X[name].to_numpy()[order]})) - loss(X)
            np.testing.assert_allclose(got.sel(permutation=r, input=name), expected, rtol=1e-8, atol=1e-10)
    assert list(bnn.to_frame(got).index) == ["a", "b", "c"]


def test_scales_of_a_hierarchical_prior(fake_fit):
    model = bnn.Model([bnn.Dense(2)], prior=bnn.Hierarchical())
    fit = fake_fit(model, X, Y, chains=2, draws=3)
    got = bnn.relevance(fit, method="ard")
    assert list(got["input"].to_numpy()) == ["a", "b", "c[u]", "c[v]", "c[w]"]
    posterior = fit.idata["posterior"]
    scale = posterior["dense0_kernel_scale"].to_numpy()[..., None] / np.sqrt(5)
    np.testing.assert_allclose(got, scale * posterior["dense0_kernel_source_scale"].to_numpy(), rtol=1e-10)


def test_scales_of_the_population_of_units(line):
    got = bnn.relevance(line, method="ard")
    posterior = line.idata["posterior"]
    variance = np.diagonal(posterior["S_gamma"].to_numpy(), axis1=-2, axis2=-1)
    expected = np.sqrt(posterior["mu_gamma"].to_numpy() ** 2 + variance)[..., 1:]
    np.testing.assert_allclose(got, expected, rtol=1e-10)


def test_priors_without_scales_say_so(fake_fit):
    with pytest.raises(ValueError, match='Normal learns no scale of its own for each input: use method="permutation"'):
        bnn.relevance(fake_fit(bnn.Model([bnn.Dense(2)]), X, Y), method="ard")


def test_relevance_for_classes(fake_fit):
    labels = np.array(["n", "y", "y"] * 10)
    fit = fake_fit(bnn.Model([bnn.Dense(2, "tanh")], likelihood=bnn.Categorical()), X, labels, chains=2, draws=3)
    got = bnn.relevance(fit, method="sensitivity")
    assert got.dims == ("chain", "draw", "input", "class")
    step = 1e-4
    up, down = (bnn.predict(fit, X.assign(b=X["b"] + s), kind="probability") for s in (step, -step))
    slope = ((up - down) / (2 * step)).transpose("chain", "draw", "obs", "class").to_numpy()
    expected = np.sqrt((slope**2).mean(2)) * X["b"].std(ddof=0)
    np.testing.assert_allclose(got.sel(input="b"), expected, rtol=1e-5, atol=1e-8)
    base = np.log(np.take_along_axis(bnn.predict(fit, X, kind="probability").to_numpy(), _codes(labels), 3)).mean(
        (2, 3)
    )
    moved = bnn.relevance(fit, repeats=1, key=2)
    order = np.random.default_rng(np.asarray(jax.random.key_data(jax.random.key(2)))).permutation(30)
    shuffled = bnn.predict(fit, X.assign(c=X["c"].to_numpy()[order]), kind="probability").to_numpy()
    worse = base - np.log(np.take_along_axis(shuffled, _codes(labels), 3)).mean((2, 3))
    np.testing.assert_allclose(moved.sel(input="c", permutation=0), worse, rtol=1e-8, atol=1e-10)
    with pytest.raises(ValueError, match='score="rmse" is for numbers'):
        bnn.relevance(fit, score="rmse")


def _codes(labels):
    return np.broadcast_to((labels == "y").astype(int)[None, None, :, None], (2, 3, 30, 1))


def test_relevance_of_texts_and_sequences(fake_fit):
    """Token ids are no inputs of a table; a feature of sequences is shuffled at all steps together."""
    tokens = RNG.integers(1, 5, (6, 4))
    reader = fake_fit(bnn.Model([bnn.Embedding(5, 2), bnn.MeanPool()], bnn.Bernoulli()), tokens, [0, 1] * 3, draws=2)
    for method in ("permutation", "sensitivity", "ard"):
        with pytest.raises(ValueError, match="this fit reads token ids"):
            bnn.relevance(reader, method=method)
    x = RNG.normal(size=(6, 4, 2))
    model = bnn.Model([bnn.MeanPool()])
    fit = fake_fit(model, x, Y[:6], chains=1, draws=2)
    got = bnn.relevance(fit, repeats=1, key=3, score="rmse")
    order = np.random.default_rng(np.asarray(jax.random.key_data(jax.random.key(3)))).permutation(6)
    turned = x.copy()
    turned[..., 1] = x[order][..., 1]
    rises = [np.sqrt(((bnn.predict(fit, rows).to_numpy() - Y[:6]) ** 2).mean(-1)) for rows in (turned, x)]
    np.testing.assert_allclose(got[..., 0, 1], rises[0] - rises[1], rtol=1e-8)
    x[0, 3] = np.nan
    with pytest.raises(ValueError, match="needs sequences of one length"):
        bnn.relevance(fake_fit(model, x, Y[:6], chains=1, draws=2))
