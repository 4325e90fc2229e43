"""Scores against their definitions and against the closed form of a normal predictive."""

import importlib

import numpy as np
import pytest
from scipy import stats

import bayesnn as bnn

scores = importlib.import_module("bayesnn.evaluation.scores")
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


def class_fit(fake_fit, likelihood, labels, **options):
    return fake_fit(bnn.Model([bnn.Dense(2, "tanh")], likelihood=likelihood), X, labels, chains=2, draws=5, **options)


def brute_probabilities(fit, x):
    """Average over draws of the softmax of each draw, one weight at a time."""
    z = (x - X.mean(0)) / X.std(0)
    posterior = {n: v.to_numpy().reshape(10, *v.shape[2:]) for n, v in fit.idata["posterior"].data_vars.items()}
    total = 0.0
    for s in range(10):
        hidden = np.tanh(z @ posterior["dense0_kernel"][s].T + posterior["dense0_bias"][s])
        f = hidden @ posterior["beta"][s] + posterior["intercept"][s]
        if f.ndim == 1:
            f = np.column_stack([np.zeros(len(f)), f])
        total = total + np.exp(f) / np.exp(f).sum(axis=1, keepdims=True)
    return total / 10


@pytest.mark.parametrize(
    ("likelihood", "labels"),
    [
        (bnn.Categorical(), np.array(["b", "a", "c", "a"] * 10)),
        (bnn.Bernoulli(), np.array([True, False, False, True] * 10)),
    ],
)
def test_class_scores_against_a_plain_average(fake_fit, likelihood, labels):
    fit = class_fit(fake_fit, likelihood, labels)
    p = brute_probabilities(fit, X)
    classes = sorted(set(labels.tolist()))
    np.testing.assert_allclose(bnn.predict(fit, X, kind="probability").mean(("chain", "draw")), p, rtol=1e-9)
    codes = np.array([classes.index(label) for label in labels.tolist()])
    got = bnn.evaluate(fit, X, labels)
    assert list(got.index) == ["accuracy", "log_loss", "brier", "ece"]
    assert got["accuracy"] == np.mean([np.argmax(p[i]) == codes[i] for i in range(40)])
    assert got["log_loss"] == pytest.approx(-np.mean([np.log(p[i, codes[i]]) for i in range(40)]), rel=1e-9)
    brier = [sum((p[i, k] - (codes[i] == k)) ** 2 for k in range(len(classes))) for i in range(40)]
    assert got["brier"] == pytest.approx(np.mean(brier), rel=1e-9)
    assert got["ece"] == pytest.approx(scores.expected_calibration_error(p, codes), rel=1e-9)


def test_case_weights_count_rows(fake_fit):
    labels = np.array(["b", "a", "c", "a"] * 10)
    fit = class_fit(fake_fit, bnn.Categorical(), labels)
    weights = np.arange(40) % 3
    twice = np.repeat(np.arange(40), weights)
    expected = bnn.evaluate(fit, X[twice], labels[twice])
    np.testing.assert_allclose(bnn.evaluate(fit, X, labels, weights=weights), expected, rtol=1e-9)
    with pytest.raises(ValueError, match="at least zero and not all zero"):
        bnn.evaluate(fit, X, labels, weights=-weights)
    with pytest.raises(ValueError, match="classes of the fit.*got also 'd'"):
        bnn.evaluate(fit, X[:1], np.array(["d"]))


def test_calibration_error_by_hand():
    p = np.array([[0.95, 0.05], [0.93, 0.07], [0.3, 0.7], [0.28, 0.72], [0.0, 1.0]])
    codes = np.array([0, 1, 1, 1, 1])
    # bin [0.9, 1]: confidences .95, .93, 1 and 2 of 3 right; bin [0.7, 0.8): confidences .7, .72, both right
    expected = 3 / 5 * abs(2 / 3 - 2.88 / 3) + 2 / 5 * abs(1.0 - 0.71)
    assert scores.expected_calibration_error(p, codes) == pytest.approx(expected, rel=1e-10)
    # weights 2 on the wrong row: 2 of 4 right there, mean confidence (.95 + 2 * .93 + 1) / 4
    weighted = 4 / 6 * abs(2 / 4 - 3.81 / 4) + 2 / 6 * 0.29
    got = scores.expected_calibration_error(p, codes, np.array([1.0, 2.0, 1.0, 1.0, 1.0]))
    assert got == pytest.approx(weighted, rel=1e-10)


@pytest.mark.first_case
@pytest.mark.parametrize("likelihood", [bnn.Poisson(), bnn.NegativeBinomial()])
def test_count_scores_against_scipy(fake_fit, likelihood):
    counts, offset = RNG.poisson(4, 40), RNG.uniform(0.0, 1.0, 40)

    def flat(values):
        for name in values.keys() & {"beta", "intercept"}:
            values[name][...] = 0.0
        if "dispersion" in values:
            values["dispersion"][...] = 0.5

    fit = fake_fit(bnn.Model([bnn.Dense(2)], likelihood=likelihood), X, counts, offset=offset, change=flat, draws=500)
    mean = counts.sum() / np.exp(offset).sum() * np.exp(offset)
    poisson = isinstance(likelihood, bnn.Poisson)
    law = stats.poisson(mean) if poisson else stats.nbinom(2.0, 1 / (1 + 0.5 * mean))
    got = bnn.evaluate(fit, X, counts, offset=offset)
    assert got["rmse"] == pytest.approx(np.sqrt(np.mean((counts - mean) ** 2)), rel=1e-9)
    # JAX's logarithm of the beta function is off by up to 1.3e-6 where an argument is 8 or more
    assert got["log_density"] == pytest.approx(law.logpmf(counts).mean(), rel=1e-9, abs=0 if poisson else 1.3e-6)
    k = np.arange(400)[:, None]
    crps = ((law.cdf(k) - (k >= counts)) ** 2).sum(axis=0).mean()  # the defining sum over whole numbers
    assert got["crps"] == pytest.approx(crps, abs=4 * law.std().max() / np.sqrt(2000 * 40))
    lower, upper = law.cdf(counts - 1), law.cdf(counts)
    random = lower + np.random.default_rng(0).uniform(size=(20000, 40)) * (upper - lower)
    assert got["coverage_80"] == pytest.approx((abs(random - 0.5) <= 0.4).mean(), abs=4 * 0.5 / np.sqrt(20000 * 40))
    pit = scores.probability_transform(fit, X, counts, offset=offset, key=3)
    assert ((lower - 1e-9 <= pit) & (pit <= upper + 1e-9)).all()
    with pytest.raises(ValueError, match="offset must be given as it was to the fit"):
        bnn.evaluate(fit, X, counts)


def test_several_outputs_are_scored_together_and_one_by_one(fake_fit):
    y = np.column_stack([Y, RNG.normal(size=40)])

    def flat(values):
        values["beta"][...] = 0.0
        values["intercept"][...] = 0.0
        values["sigma"][...] = [0.8, 1.2]

    fit = fake_fit(bnn.Model([bnn.Dense(2)]), X, y, change=flat, draws=500)
    got = bnn.evaluate(fit, X, y, levels=(80,))
    assert list(got.index) == ["rmse", "rmse_y0", "rmse_y1", "log_density", "crps", "coverage_80"]
    sd = y.std(0)
    np.testing.assert_allclose(got[["rmse_y0", "rmse_y1"]], sd, rtol=1e-9)
    assert got["rmse"] == pytest.approx(np.sqrt((sd**2).sum()), rel=1e-9)
    scale = sd * [0.8, 1.2]
    law = stats.norm(y.mean(0), scale)
    assert got["log_density"] == pytest.approx(law.logpdf(y).sum(axis=1).mean(), rel=1e-9)
    assert got["coverage_80"] == (np.abs(law.cdf(y) - 0.5) <= 0.4).mean()
    z = (y - y.mean(0)) / scale
    crps = scale * (z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi))
    assert got["crps"] == pytest.approx(crps.mean(0).sum(), abs=4 * scale.sum() / np.sqrt(2000 * 40))


def test_crps_by_numerical_integration():
    draws, y = RNG.normal(size=(4000, 1)), np.array([0.7])
    z = np.linspace(-9.0, 9.0, 20001)
    expected = np.trapezoid((stats.norm.cdf(z) - (z >= 0.7)) ** 2, z)
    # sd of |Y - y| is about 0.7, of half the mean difference less
    assert scores.crps(draws, y)[0] == pytest.approx(expected, abs=4 * 0.8 / np.sqrt(4000))


def test_chunks_of_rows_change_nothing(fake_fit, monkeypatch):
    labels = np.array(["b", "a", "c", "a"] * 10)
    fit = class_fit(fake_fit, bnn.Categorical(), labels)
    whole = bnn.evaluate(fit, X, labels)
    monkeypatch.setattr(importlib.import_module("bayesnn.evaluation.scores.rows"), "CHUNK_NUMBERS", 10 * 3 * 7)
    np.testing.assert_allclose(bnn.evaluate(fit, X, labels), whole, rtol=1e-12)
