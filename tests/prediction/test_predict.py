"""Predictions: against a plain loop over draws, in units of y, and with the input checked."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayesnn as bnn

RNG = np.random.default_rng(0)
X = RNG.normal(3.0, 2.0, (30, 2))
Y = 50.0 + 20.0 * np.sin(X[:, 0])


@pytest.mark.slow
def test_mean_is_the_function_of_every_draw_in_units_of_y(fake_fit):
    fit = fake_fit(bnn.shallow(3, intercept=True, linear=True), X, Y, chains=2, draws=4)
    new = RNG.normal(3.0, 2.0, (5, 2))
    got = bnn.predict(fit, new)
    posterior = {n: v.to_numpy() for n, v in fit.idata["posterior"].data_vars.items()}
    z = (new - X.mean(0)) / X.std(0)
    for c in range(2):
        for d in range(4):
            f = np.full(5, posterior["intercept"][c, d]) + z @ posterior["linear"][c, d]
            for j in range(3):
                e = posterior["gamma"][c, d, j, 0] + z @ posterior["gamma"][c, d, j, 1:]
                f += posterior["beta"][c, d, j] / (1.0 + np.exp(-e))
            np.testing.assert_allclose(got[c, d], Y.mean() + Y.std() * f, rtol=1e-10)


@pytest.mark.slow
def test_response_adds_noise_of_the_right_size(fake_fit):
    def quiet(values):
        values["beta"][...] = 0.0
        values["sigma"][...] = 0.5

    fit = fake_fit(bnn.shallow(2), X, Y, chains=4, draws=500, change=quiet)
    mean, response = bnn.predict(fit, X), bnn.predict(fit, X, kind="response", key=1)
    residual = ((response - mean) / (0.5 * Y.std())).to_numpy().ravel()
    count = residual.size
    assert abs(residual.mean()) < 4 / np.sqrt(count)
    assert abs(residual.var() - 1.0) < 4 * np.sqrt(2 / count)
    np.testing.assert_array_equal(response, bnn.predict(fit, X, kind="response", key=1))
    assert not np.array_equal(response, bnn.predict(fit, X, kind="response", key=2))


def test_a_response_has_the_noise_of_its_own_draw(fake_fit):
    """Noise of another draw has the right size on average, and is far off where sigma differs from draw to draw."""

    def spread(values):
        values["sigma"][...] = np.geomspace(0.01, 10.0, values["sigma"].size).reshape(values["sigma"].shape)

    fit = fake_fit(bnn.shallow(2), X, Y, chains=4, draws=50, change=spread)
    residual = bnn.predict(fit, X, kind="response", key=1) - bnn.predict(fit, X)
    z = (residual / fit.idata["posterior"]["sigma"]).to_numpy()
    assert abs((z**2).mean() - 1.0) < 4.5 * np.sqrt(2 / z.size)


# Classes, counts, several outputs: against loops over draws


NEW = RNG.normal(3.0, 2.0, (4, 2))
LABELS = np.array(["low", "high", "mid"])[np.arange(30) % 3]
COUNTS = RNG.poisson(3.0, 30)


def functions(fit, new, outputs=()):
    """f (chain, draw, row, ...) of a model of one tanh layer, unit by unit, on the scale the model sees."""
    posterior = {n: v.to_numpy() for n, v in fit.idata["posterior"].data_vars.items()}
    z = (new - X.mean(0)) / X.std(0)
    chains, draws = posterior["beta"].shape[:2]
    f = np.zeros((chains, draws, len(new), *outputs))
    for c, d, i in np.ndindex(chains, draws, len(new)):
        f[c, d, i] = posterior["intercept"][c, d]
        for j in range(posterior["beta"].shape[2]):
            e = posterior["dense0_bias"][c, d, j] + posterior["dense0_kernel"][c, d, j] @ z[i]
            f[c, d, i] += posterior["beta"][c, d, j] * np.tanh(e)
    return f


def network(likelihood):
    return bnn.Model([bnn.Dense(3, "tanh")], likelihood)


def test_probability_is_the_softmax_of_every_draw(fake_fit):
    fit = fake_fit(network(bnn.Categorical()), X, LABELS, chains=2, draws=5)
    got = bnn.predict(fit, NEW, kind="probability")
    assert got.dims == ("chain", "draw", "obs", "class")
    assert got["class"].to_numpy().tolist() == ["high", "low", "mid"] == list(fit.model.likelihood.classes)
    f = functions(fit, NEW, (3,))
    expected = np.empty_like(f)
    for place in np.ndindex(f.shape[:-1]):
        e = np.exp(f[place] - max(f[place]))
        expected[place] = e / sum(e)
    np.testing.assert_allclose(got, expected, rtol=1e-10)
    average = got.mean(("chain", "draw")).to_numpy()
    np.testing.assert_allclose(average, expected.reshape(10, 4, 3).sum(axis=0) / 10, rtol=1e-10)
    mean_f = np.exp(f.mean(axis=(0, 1)))
    assert not np.allclose(average, mean_f / mean_f.sum(axis=1, keepdims=True), rtol=1e-3)  # not that of the average


def test_probability_of_two_classes_is_that_of_the_logit(fake_fit):
    fit = fake_fit(network(bnn.Bernoulli()), X, LABELS == "low", chains=2, draws=5)
    got = bnn.predict(fit, NEW, kind="probability")
    second = 1 / (1 + np.exp(-functions(fit, NEW)))
    np.testing.assert_allclose(got, np.stack([1 - second, second], axis=-1), rtol=1e-8)
    assert got["class"].to_numpy().tolist() == [False, True]


@pytest.mark.parametrize("likelihood", [bnn.Categorical(), bnn.Bernoulli()])
def test_responses_of_classes_have_their_probabilities(fake_fit, likelihood):
    labels = LABELS if isinstance(likelihood, bnn.Categorical) else LABELS == "low"
    fit = fake_fit(network(likelihood), X, labels, chains=4, draws=1000)
    probability = bnn.predict(fit, NEW, kind="probability").to_numpy()
    codes = bnn.predict(fit, NEW, kind="response", key=1).to_numpy()
    for k in range(probability.shape[-1]):
        surprise = (codes == k) - probability[..., k]
        error = np.sqrt((probability[..., k] * (1 - probability[..., k])).mean() / surprise.size)
        assert abs(surprise.mean()) < 4.5 * error


def test_the_mean_of_several_outputs_is_in_units_of_each(fake_fit):
    y = pd.DataFrame({"left": Y, "right": 5.0 - 0.01 * Y**2})
    fit = fake_fit(network(bnn.Gaussian()), X, y, chains=2, draws=5)
    got = bnn.predict(fit, NEW)
    assert got.dims == ("chain", "draw", "obs", "output")
    assert got["output"].to_numpy().tolist() == ["left", "right"]
    expected = functions(fit, NEW, (2,)) * y.to_numpy().std(0) + y.to_numpy().mean(0)
    np.testing.assert_allclose(got, expected, rtol=1e-10)
    posterior = fit.idata["posterior"]
    assert posterior["beta"].dims == ("chain", "draw", "unit", "output")
    assert posterior["sigma"].dims == ("chain", "draw", "output")
    assert bnn.predict(fit, NEW, kind="response").shape == (2, 5, 4, 2)
    observed = bnn.predict(fit, X).to_numpy()
    sigma = posterior["sigma"].to_numpy()[:, :, None]
    density = stats.norm.logpdf(y.to_numpy(), observed, sigma).sum(-1)
    np.testing.assert_allclose(fit.idata["log_likelihood"]["y"], density, rtol=1e-8)


def test_a_heteroskedastic_mean_is_the_first_function(fake_fit):
    def spread(values):
        values["beta"][..., 1] = 0.0
        values["intercept"][..., 1] = np.log(0.3)

    fit = fake_fit(network(bnn.Heteroskedastic()), X, Y, chains=4, draws=500, change=spread)
    mean, response = bnn.predict(fit, NEW), bnn.predict(fit, NEW, kind="response", key=2)
    np.testing.assert_allclose(mean, functions(fit, NEW, (2,))[..., 0] * Y.std() + Y.mean(), rtol=1e-8)
    residual = ((response - mean) / (0.3 * Y.std())).to_numpy()
    assert abs(residual.var() - 1) < 4.5 * np.sqrt(2 / residual.size)
    assert fit.idata["posterior"]["beta"]["output"].to_numpy().tolist() == ["mean", "log_sd"]


@pytest.mark.parametrize("likelihood", [bnn.Poisson(), bnn.NegativeBinomial()])
def test_counts_follow_exposure(fake_fit, likelihood):
    exposure = np.linspace(0.5, 2.0, 30)
    fit = fake_fit(network(likelihood), X, COUNTS, chains=2, draws=5, offset=np.log(exposure))
    baseline = fit.model.likelihood.baseline
    assert baseline == pytest.approx(np.log(COUNTS.sum() / exposure.sum()), rel=1e-10)
    rate = np.exp(baseline + functions(fit, NEW))
    np.testing.assert_allclose(bnn.predict(fit, NEW, offset=0.0), rate, rtol=1e-10)
    np.testing.assert_allclose(bnn.predict(fit, NEW, offset=np.log([1, 2, 3, 4.0])), rate * [1, 2, 3, 4.0], rtol=1e-10)
    assert np.issubdtype(bnn.predict(fit, NEW, kind="response", offset=0.0).dtype, np.integer)


@pytest.mark.parametrize(
    ("fitted", "given", "message"),
    [
        (True, None, "offset must be given as it was to the fit, which needs one here too"),
        (False, 0.0, "offset must be given as it was to the fit, which had none"),
        (True, np.zeros(3), r"offset must be a number or have shape \(4,\), one per row, got \(3,\)"),
        (True, np.nan, "offset must be finite"),
    ],
)
def test_offsets_are_given_as_to_the_fit(fake_fit, fitted, given, message):
    fit = fake_fit(network(bnn.Poisson()), X, COUNTS, draws=2, offset=np.zeros(30) if fitted else None)
    with pytest.raises(ValueError, match=message):
        bnn.predict(fit, NEW, offset=given)


@pytest.mark.parametrize(
    ("likelihood", "y", "kind", "message"),
    [
        (bnn.Gaussian(), Y, "probability", 'kind="probability" is for classes, got Gaussian: use kind="mean"'),
        (bnn.Poisson(), COUNTS, "probability", 'kind="probability" is for classes, got Poisson'),
        (bnn.Categorical(), LABELS, "mean", 'kind="mean" is for numbers, and this fit has classes'),
        (bnn.Bernoulli(), LABELS == "low", "mean", 'use kind="probability"'),
    ],
)
def test_kinds_that_do_not_suit_y(fake_fit, likelihood, y, kind, message):
    fit = fake_fit(network(likelihood), X, y, draws=2)
    with pytest.raises(ValueError, match=message):
        bnn.predict(fit, NEW, kind=kind)


def test_labels_of_new_rows_are_kept(fake_fit):
    table = pd.DataFrame({"a": X[:, 0], "b": X[:, 1]})
    fit = fake_fit(bnn.shallow(2), table, Y)
    new = pd.DataFrame({"a": [1.0, 2.0], "b": [0.0, 1.0]}, index=["first", "second"])
    prediction = bnn.predict(fit, new)
    assert list(prediction["obs"].to_numpy()) == ["first", "second"]
    assert list(bnn.to_frame(prediction).index) == ["first", "second"]


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((3, 3)), r"2 column\(s\) of the fit.*got 3"),
        (np.zeros(3), r"two-dimensional"),
        (np.array([[np.nan, 1.0]]), r"1 NaN or infinite"),
        (pd.DataFrame({"a": [1.0], "c": [2.0]}), r"missing \['b'\], unknown \['c'\]"),
    ],
)
def test_other_columns_are_refused(fake_fit, x, message):
    fit = fake_fit(bnn.shallow(2), pd.DataFrame({"a": X[:, 0], "b": X[:, 1]}), Y)
    with pytest.raises(ValueError, match=message):
        bnn.predict(fit, x)


def test_unknown_kind_lists_the_known_ones(fake_fit):
    fit = fake_fit(bnn.shallow(2), X, Y)
    with pytest.raises(ValueError, match="'mean', 'response'"):
        bnn.predict(fit, X, kind="median")


def test_frame_has_the_quantiles_of_the_draws(fake_fit):
    fit = fake_fit(bnn.shallow(2), X, Y)
    prediction = bnn.predict(fit, X)
    frame = bnn.to_frame(prediction, levels=(80, 95))
    assert list(frame.columns) == ["mean", "sd", "median", "lo-80", "hi-80", "lo-95", "hi-95"]
    draws = prediction.to_numpy().reshape(-1, len(X))
    np.testing.assert_allclose(frame["lo-80"], np.quantile(draws, 0.1, axis=0), rtol=1e-10)
    np.testing.assert_allclose(frame["hi-95"], np.quantile(draws, 0.975, axis=0), rtol=1e-10)
    np.testing.assert_allclose(frame["sd"], draws.std(axis=0, ddof=1), rtol=1e-10)
    with pytest.raises(ValueError, match="between 0 and 100"):
        bnn.to_frame(prediction, levels=(0.8,) + (100,))
