"""CRPS of error distributions against its definition, the integral of (F(z) - 1{z >= y})^2."""

import jax
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy import integrate, stats

import bayesnn as bnn
from bayesnn._internal.runtime import double
from bayesnn.evaluation.scores.error_crps import RESPONSES, error_crps


@pytest.fixture(autouse=True)
def in_double():
    with double():
        yield


KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 1))
Y = np.tanh(X[:, 0]) + 0.1 * RNG.normal(size=12)


def by_definition(cdf, y):
    """The CRPS of a continuous distribution by its definition."""
    below = integrate.quad(lambda z: cdf(z) ** 2, -np.inf, y, epsabs=1e-12)[0]
    return below + integrate.quad(lambda z: (1 - cdf(z)) ** 2, y, np.inf, epsabs=1e-12)[0]


def by_sum(cdf, y):
    """The CRPS of a distribution of counts by its definition."""
    values = np.arange(2000)
    return float(((cdf(values) - (values >= y)) ** 2).sum())


@pytest.mark.parametrize("y", [-3.0, 0.4, 9.0])
def test_continuous_errors(y):
    normal = error_crps(dist.Normal(0.5, 2.0), np.array([y]), KEY)[0]
    assert normal == pytest.approx(by_definition(stats.norm(0.5, 2.0).cdf, y), rel=1e-8)
    for df in (1.5, 3.0, 80.0):
        heavy = error_crps(dist.StudentT(df, 0.5, 2.0), np.array([y]), KEY)[0]
        assert heavy == pytest.approx(by_definition(stats.t(df, 0.5, 2.0).cdf, y), rel=1e-5)  # quad's own error


@pytest.mark.parametrize("y", [0, 3, 40])
def test_counts(y):
    for rate in (0.1, 2.5, 60.0):
        found = error_crps(dist.Poisson(rate), np.array([y]), KEY)[0]
        assert found == pytest.approx(by_sum(stats.poisson(rate).cdf, y), rel=1e-8)
    for size, mean in ((0.5, 3.0), (2.0, 10.0), (30.0, 20.0)):
        found = error_crps(dist.NegativeBinomial2(mean, size), np.array([y]), KEY)[0]
        assert found == pytest.approx(by_sum(stats.nbinom(size, size / (size + mean)).cdf, y), rel=1e-8)


def test_other_distributions_are_simulated_and_several_outputs_are_scored_one_by_one():
    y = np.array([[0.3, -1.0]])
    several = dist.Normal(np.zeros((1, 2)), np.ones((1, 2))).to_event(1)
    np.testing.assert_array_equal(error_crps(several, y, KEY), error_crps(dist.Normal(0.0, 1.0), y, KEY))
    found = error_crps(dist.Laplace(np.zeros(1), 1.0), np.array([0.3]), KEY)[0]
    exact = by_definition(stats.laplace.cdf, 0.3)
    assert abs(found - exact) < 4 * 1.5 / np.sqrt(RESPONSES)  # the sd of |Y - y| and of the pairs is at most 1.5


@pytest.mark.parametrize(
    ("likelihood", "y"),
    [
        (bnn.Gaussian(), Y),
        (bnn.Gaussian(), np.stack([Y, Y**2], axis=1)),
        (bnn.Heteroskedastic(), Y),
        (bnn.StudentT(), Y),
        (bnn.Poisson(), np.arange(12)),
        (bnn.NegativeBinomial(), np.arange(12)),
    ],
)
def test_a_fit_of_one_draw_is_scored_by_its_error_distribution(fake_fit, likelihood, y):
    model = bnn.Model([bnn.Dense(1)], likelihood)
    kept = {}
    one = fake_fit(model, X, y, chains=1, draws=1, change=kept.update)
    scores = bnn.evaluate(one, X, y)
    assert np.isfinite(scores).all()

    def same(values):
        for name, drawn in values.items():
            values[name] = np.broadcast_to(kept[name], drawn.shape).copy()

    twice = bnn.evaluate(fake_fit(model, X, y, chains=1, draws=2, change=same), X, y)
    np.testing.assert_allclose(scores.drop("crps"), twice.drop("crps"), rtol=1e-6)
    f = bnn.predict(one, X).to_numpy()[0, 0]
    if isinstance(likelihood, bnn.Gaussian):
        error = error_crps(dist.Normal(f, one.idata["posterior"]["sigma"].to_numpy()[0, 0]), y, KEY)
        assert scores["crps"] == pytest.approx(np.sum(error.mean(axis=0)), rel=1e-6)
