"""The prior of an autoregression: its region, its moments, what data and user decide of it, and fits under it."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from made import made_fit
from numpyro import handlers

import bayesnn as bnn
from bayesnn._internal.runtime import computing
from bayesnn.data.series.lagged import lagged
from bayesnn.fitting.binding import bind
from bayesnn.priors import MuellerRiosInsua
from bayesnn.priors.autoregression import (
    LagRegion,
    Scales,
    for_lags,
    inside_root,
    random_walk_moments,
    rounded,
    scales_of,
)

RNG = np.random.default_rng(4)
WALK = pd.Series(np.exp(np.cumsum(0.05 * RNG.normal(size=80) + 0.01)), pd.period_range("2001-01", periods=80, freq="M"))
MODEL = bnn.shallow(2, linear=True)


def companion(coefficients, lags):
    """Largest modulus of the roots, by the eigenvalues of the companion matrix."""
    matrix = np.zeros((lags[-1], lags[-1]))
    matrix[0, np.array(lags) - 1] = coefficients
    matrix[1:, :-1] = np.eye(lags[-1] - 1)
    return np.abs(np.linalg.eigvals(matrix)).max()


@pytest.mark.parametrize("lags", [(1,), (1, 2), (1, 2, 3, 4), (1, 2, 12, 13), (5,)])
@pytest.mark.parametrize("largest", [0.9, 1.02])
def test_the_region_is_that_of_the_eigenvalues(lags, largest):
    draws = RNG.normal(size=(200, len(lags))) * 2.0 / len(lags)
    found = np.asarray(jax.jit(jax.vmap(lambda one: inside_root(one, lags, largest)))(jnp.asarray(draws)))
    roots = np.array([companion(one, lags) for one in draws])
    clear = np.abs(roots - largest) > 1e-3  # JAX computes in single precision here
    assert (found == (roots < largest))[clear].all()
    assert 0 < found.sum() < len(found)


def test_no_number_is_outside():
    assert not inside_root(jnp.array([jnp.nan, 0.1]), (1, 2), 1.02)


def test_moments_are_those_of_a_random_walk():
    mean, variance = random_walk_moments((1, 2, 3), 1, differenced=False)
    assert mean.tolist() == [1.0, 0.0, 0.0]
    assert (np.diff(variance) < 0).all()
    mean, variance = random_walk_moments((1, 2, 12, 13), 12, differenced=False)
    assert mean.tolist() == [0.0, 0.0, 1.0, 0.0]
    assert variance[0] == variance[2] > variance[1] == variance[3]
    assert random_walk_moments((1, 2), 12, differenced=True)[0].tolist() == [0.0, 0.0]
    assert random_walk_moments((3, 4), 12, differenced=False)[0].tolist() == [1.0, 0.0]


def test_scales_are_powers_of_two():
    assert [rounded(v) for v in (0.03, 0.2, 7.0, 0.0)] == [2.0**-5, 0.25, 1.0, 2.0**-12]
    time = np.arange(50.0)
    x = np.column_stack([time - 1.0, time, RNG.normal(size=50)])
    scales = scales_of(x, time + 0.01 * RNG.normal(size=50), np.array([1.0]))
    assert scales.changes == 2.0**-12  # what a random walk leaves
    assert scales.roughness[0] <= 0.125  # a trend is smooth, noise is not
    assert scales.roughness[1] == 1.0


@computing
def test_the_normal_with_its_sum_is_that_of_the_definition():
    """collapsed_given, log_factor and the NumPyro model have one density, up to the region."""
    region = LagRegion((1, 2), 1.02, 0.04)
    prior = MuellerRiosInsua(linear_mean=(0.7, 0.1, 0.0), linear_variance=(0.3, 0.2, 0.5), region=region)
    model = bnn.Model([bnn.Dense(1, "logistic")], prior=prior, intercept=False, linear=True)
    terms = model.terms((3,))
    normal = jax.jit(lambda variance: prior.collapsed_given(terms, variance))(jnp.asarray(0.4))
    log_factor = jax.jit(prior.log_factor)
    np.testing.assert_allclose(normal.covariance @ normal.precision, np.eye(4), atol=1e-9)
    points = np.array([[0.5, 0.3, 0.2, -0.4], [-0.2, 0.6, 0.1, 0.3]])
    plain = np.diag([0.4 + prior.readout_mean_variance, 0.3, 0.2, 0.5])
    mean = np.array([0.0, 0.7, 0.1, 0.0])

    def log_normal(point, covariance):
        off = point - mean
        return -0.5 * off @ np.linalg.solve(covariance, off) - 0.5 * np.linalg.slogdet(covariance)[1]

    for point in points:
        factor = float(log_factor(jnp.asarray(point[1:])))
        expected = log_normal(point, plain) + factor
        assert log_normal(point, np.asarray(normal.covariance)) == pytest.approx(expected, abs=1e-9)
    assert log_factor(jnp.array([1.4, 0.1, 0.0])) == -np.inf


@computing
def test_lags_that_are_not_used_are_no_part_of_the_factor():
    """It is that of a region of the used lags alone, whatever mean and variance the others have."""
    used, mean, variance = np.array([1.0, 0.0, 1.0]), np.array([0.7, 0.4, 0.1]), np.array([0.3, 0.2, 0.5])
    linear, alone = jnp.array([0.5, 0.0, 0.2]), used > 0
    found = LagRegion((1, 2, 3), 1.02, 0.04).log_factor(linear, mean, variance, jnp.asarray(used))
    expected = LagRegion((1, 3), 1.02, 0.04).log_factor(linear[alone], mean[alone], variance[alone])
    assert float(found) == pytest.approx(float(expected), abs=1e-12)
    assert float(found) != pytest.approx(float(LagRegion((1, 2, 3), 1.02, 0.04).log_factor(linear, mean, variance)))


def test_the_model_function_has_the_factor():
    prior = MuellerRiosInsua(linear_mean=(0.7, 0.1), region=LagRegion((1, 2), 1.02, 0.04))
    model = bnn.Model([bnn.Dense(1, "logistic")], prior=prior, intercept=False, linear=True)
    x = jnp.zeros((3, 2))

    @jax.jit
    @jax.vmap
    def both(key):
        trace = handlers.trace(handlers.seed(model, key)).get_trace(x)
        return trace["linear_factor"]["fn"].log_factor, prior.log_factor(trace["linear"]["value"])

    found, expected = both(jax.random.split(jax.random.key(0), 20))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert 2 < np.isfinite(found).sum() < 18  # inside the region and outside


def test_a_fit_of_a_series_has_this_prior_unless_told_otherwise():
    bound, data = bind(MODEL, lagged(WALK, [1, 2, 12], transform="log"))
    prior = bound.prior
    assert prior.region.lags == (1, 2, 12)
    assert prior.linear_mean == (0.0, 0.0, 1.0)
    assert prior.readout_guess < 0.1
    assert data.scaling.x_scale == (data.scaling.y_scale,) * 3
    assert bind(bound, lagged(WALK, [1, 2, 12], transform="log"))[0] == bound  # a fit's own model again
    kept = bnn.shallow(2, linear=True, hyper=bnn.ShallowHyperparameters(autoregression=False))
    assert bind(kept, lagged(WALK, 2))[0].prior == kept.prior
    given = bnn.shallow(2, linear=True, hyper=bnn.ShallowHyperparameters(readout_guess=0.7, linear_variance=2.0))
    prior = bind(given, lagged(WALK, 2))[0].prior
    assert (prior.readout_guess, prior.linear_variance) == (0.7, 2.0)
    assert prior.linear_mean == (1.0, 0.0)


@pytest.mark.parametrize(
    "model",
    [
        bnn.shallow(2),
        bnn.Model([bnn.Dense(2, "tanh")], linear=True),
        bnn.shallow(2, likelihood=bnn.Poisson(), linear=True),
    ],
)
def test_other_models_keep_their_prior(model):
    series = pd.Series(RNG.poisson(5.0, size=40).astype(float))
    assert bind(model, lagged(series, 2))[0].prior == model.prior


def test_white_noise_and_differences_have_no_random_walk():
    noise = pd.Series(RNG.normal(size=200))
    assert bind(MODEL, lagged(noise, 2))[0].prior.linear_mean == (0.0, 0.0)
    prior = bind(MODEL, lagged(WALK, 2, transform="difference"))[0].prior
    assert (prior.linear_mean, prior.region.largest_root) == ((0.0, 0.0), 1.0)


def test_exogenous_columns_follow_the_lags():
    inputs = pd.DataFrame({"noise": RNG.normal(size=80), "trend": np.arange(80.0)}, index=WALK.index)
    prior = bind(MODEL, lagged(WALK, 2, transform="log", exogenous=inputs))[0].prior
    assert prior.linear_mean == (1.0, 0.0, 0.0, 0.0)
    assert prior.linear_variance[2] > 10 * prior.linear_variance[3]


def test_a_model_of_other_lags_is_refused():
    bound, _ = bind(MODEL, lagged(WALK, 3))
    with pytest.raises(ValueError, match="must not come from a fit with other lags"):
        bind(bound, lagged(WALK, 2))


def test_what_cannot_integrate_it_out_is_refused():
    data = lagged(WALK, 2)
    with pytest.raises(ValueError, match="marginalize=True cannot"):
        bnn.fit(MODEL, data, sampler="nuts", marginalize=True, draws=10, warmup=10, chains=2, progress=False)
    with pytest.raises(ValueError, match="log_marginal_likelihood cannot"):
        bnn.log_marginal_likelihood(bind(MODEL, data)[0], data.x, data.y, progress=False)


def test_hyperparameters_given_elsewhere_are_checked():
    for wrong in ({"linear_variance": 0.0}, {"linear_variance": (1.0, -1.0)}, {"linear_mean": "a"}):
        with pytest.raises(ValueError, match="linear"):
            MuellerRiosInsua(**wrong)
    with pytest.raises(ValueError, match="largest_root"):
        LagRegion((1,), 0.0)
    assert for_lags(MuellerRiosInsua(), (1,), np.ones(1), np.ones(1), Scales(0.5), 1.02).region.sum_variance > 0


def test_every_draw_of_a_fit_is_inside():
    growing = pd.Series(np.exp(0.1 * np.arange(40.0) + 0.02 * RNG.normal(size=40)))  # a root of 1.1 fits best
    fit = bnn.fit(bnn.shallow(1, linear=True), lagged(growing, 2), draws=60, warmup=60, chains=2, progress=False)
    assert bnn.forecasting.stationary.largest_root(fit).max() < 1.02
    assert np.isfinite(bnn.forecast(fit, 50).mean()).all()


def test_paths_that_run_away_keep_a_finite_mean():
    model = bnn.shallow(1, linear=True, hyper=bnn.ShallowHyperparameters(autoregression=False))

    def explosive(values):
        values["linear"][...] = (3.0, 0.5)

    for transform in (None, "log", "sqrt", ("log", "difference")):
        data = lagged(WALK, 2, transform=transform)
        fit = made_fit(model, data, chains=2, draws=20, change=explosive)
        paths = bnn.forecast(fit, 400)
        assert np.isfinite(paths).all()
        assert np.isfinite(paths.mean(("chain", "draw"))).all()
