"""The network of a series without seasons: its inputs, its evidence, its likelihood, its paths, and what it is for."""

import jax
import numpy as np
import pytest
from scipy.stats import invgamma, kstest, multivariate_t, norm
from scipy.stats import t as student

import bayesnn as bnn
from bayesnn.forecasting.many.bucket import Bucket, posteriors_of
from bayesnn.forecasting.many.curve_arrays import MISSING, OBSERVED, curve_arrays
from bayesnn.forecasting.many.network import Window, windows
from bayesnn.forecasting.many.prior import StructuralPrior, make_grid
from bayesnn.forecasting.many.replay import log_likelihood
from bayesnn.forecasting.many.simulate import draw, hidden_of, roll

PRIOR = StructuralPrior(
    points=4, network_points=20, units=3, lags=5, volatility=0.0, calm=0.0, turn=0.0, network_sds=(0.0, 2.0),
    network_weights=(0.5, 0.5),
)  # fmt: skip
GRID = make_grid(PRIOR, (1,))
VALUES = 30 + np.random.default_rng(0).normal(size=20).cumsum()
VALUES[[4, 11, 12]] = np.nan
MEMBERS = [(3, 4), (4, 8), (5, 21)]  # scales with a network; points of one to three lags, at a level and as a walk


def features_by_hand(u, t, point):
    """A constant, the lags that the point uses, its units: of the standardised last observed values."""
    seen = np.isfinite(u)
    center, spread, z = u[seen].mean(), u[seen].std(), []
    hidden = GRID.hidden
    for lag in hidden.lags[:, point]:
        before = [u[s] for s in range(max(t - lag + 1, 0)) if np.isfinite(u[s])]
        z.append((before[-1] - center) / spread if before and lag else 0.0)
    z = np.array(z)
    units = [np.tanh(hidden.weight[h, :, point] @ z + hidden.bias[h, point]) for h in range(3)]
    return np.r_[1.0, z, units]


def errors_by_hand(u, point, b):
    """Errors of the observed values by a loop; and level, trend and last residual after the last."""
    alpha, beta, phi, _, rho = GRID.dynamics[:, point]
    level, drift, trend = b[:3]
    last, errors = 0.0, []
    for t, value in enumerate(u):
        level, trend = level + drift + phi * trend, phi * trend
        expected = rho * last + b[3:] @ features_by_hand(u, t, point)
        r = value - level if np.isfinite(value) else expected
        errors += [r - expected] if np.isfinite(value) else []
        level, trend, last = level + alpha * r, trend + beta * r, r
    return np.array(errors), np.array([level, trend, last])


@pytest.fixture(scope="module")
def fitted():
    """The posterior of the series, and its first curve in its own scale, with NaN where it is missing."""
    with jax.enable_x64(True):
        posterior = posteriors_of(Bucket((VALUES,), (1,), 1, 5, ((0,),), PRIOR))[0]
    curves = curve_arrays([VALUES], 64, (1,))
    u = np.where(curves.kind[0, 0] == OBSERVED, curves.u[0, 0], np.nan)[-len(VALUES) :]
    return posterior, u, curves.log_slope[0, 0]


def one_member(posterior, scale, point):
    weight = np.full_like(posterior.log_weight, -np.inf)
    weight[0, scale, point] = 0.0
    return posterior._replace(log_weight=weight)


def test_points_use_one_to_three_lags():
    lags = GRID.hidden.lags
    assert lags[:, 4:9].T.tolist() == [[1, 0, 0], [1, 2, 0], [1, 2, 3], [1, 3, 0], [1, 2, 3]]
    assert lags[:, 22:24].T.tolist() == [[1, 4, 0], [1, 2, 4]]
    assert (GRID.hidden.weight[:, lags == 0] == 0).all() and (GRID.hidden.weight[:, lags > 0] != 0).all()
    assert GRID.dynamics[0, 4:].tolist() == [0.0] * 10 + [1.0] * 10


def test_windows_hold_the_last_observed_values():
    u, kind = np.array([9.0, 1.0, 2.0, 7.0, 6.0]), np.array([0, OBSERVED, OBSERVED, MISSING, OBSERVED])
    found = windows(u, kind, 2)
    assert (found.center, found.spread) == (pytest.approx(3.0), pytest.approx(np.std([1, 2, 6])))
    expected = [[0, 0], [0, 0], [1 - 3, 0], [2 - 3, 1 - 3], [2 - 3, 2 - 3], [6 - 3, 2 - 3]]
    np.testing.assert_allclose(found.recent.T * found.spread, expected, atol=1e-12)
    after = Window(found.recent[:, -1], found.center, found.spread).after(np.array(4.0))
    np.testing.assert_allclose(after.recent * found.spread, [4 - 3, 6 - 3], atol=1e-12)


@pytest.mark.parametrize(("scale", "point"), MEMBERS)
def test_the_pass_is_the_loop_and_its_evidence_a_student_density(fitted, scale, point):
    posterior, u, log_slope = fitted
    k = len(GRID.precision)
    b = np.random.default_rng(point).normal(size=k)
    errors, state = errors_by_hand(u, point, b)
    own = np.r_[b, 1.0]
    assert errors @ errors == pytest.approx(own @ posterior.products[0, :, :, point] @ own, rel=1e-9)
    np.testing.assert_allclose(posterior.state[0, :, :, point] @ own, state, rtol=1e-9, atol=1e-10)
    target = errors_by_hand(u, point, np.zeros(k))[0]
    design = np.array([target - errors_by_hand(u, point, unit)[0] for unit in np.eye(k)]).T
    covariance = np.eye(len(target)) + design / GRID.precision[:, scale] @ design.T
    shape = PRIOR.network_noise_rate / PRIOR.noise_shape * covariance
    log = multivariate_t(shape=shape, df=2 * PRIOR.noise_shape).logpdf(target) + log_slope
    power = PRIOR.trust / (PRIOR.trust + len(target))
    assert posterior.log_weight[0, scale, point] == pytest.approx(power * log + GRID.log_weight[scale], rel=1e-8)


def test_members_without_a_network_are_those_of_a_grid_without(fitted):
    plain = StructuralPrior(points=4, network_sds=(0.0,), network_weights=(1.0,))
    with jax.enable_x64(True):
        alone = posteriors_of(Bucket((VALUES,), (1,), 1, 5, ((0,),), plain))[0]
    mine = fitted[0].log_weight[:, :3, :4] - np.log(0.5)
    np.testing.assert_allclose(mine, alone.log_weight, rtol=1e-9)
    assert (fitted[0].log_weight[:, :3, 4:] == -np.inf).all() and (fitted[0].log_weight[:, 3:, :4] == -np.inf).all()


@pytest.mark.parametrize(("scale", "point"), MEMBERS)
def test_likelihood_times_prior_over_posterior_is_the_evidence(fitted, scale, point):
    """Of every draw the same, equation (5) of S. Chib (1995), Marginal likelihood from the Gibbs output, JASA 90."""
    posterior, _, _ = fitted
    drawn = draw(one_member(posterior, scale, point), GRID, 4, np.random.default_rng(1))
    total = np.nansum(log_likelihood(VALUES, drawn, GRID.basis, 8.0, hidden=hidden_of(drawn, PRIOR)), axis=1)
    precision, k = GRID.precision[:, scale], len(GRID.precision)
    products = posterior.products[0, :, :, point]
    whole = products[:k, :k] + np.diag(precision)
    mean = np.linalg.solve(whole, -products[:k, k])
    found = []
    for b, sd, log in zip(drawn.coefficients, drawn.noise, total, strict=True):
        prior = invgamma.logpdf(sd**2, PRIOR.noise_shape, scale=PRIOR.network_noise_rate)
        prior += norm.logpdf(b, 0, sd / np.sqrt(precision)).sum()
        after = invgamma.logpdf(sd**2, posterior.shape[0], scale=posterior.rate[0, scale, point])
        z = b - mean
        after += (np.linalg.slogdet(whole / (2 * np.pi * sd**2))[1] - z @ whole @ z / sd**2) / 2
        found.append(log + prior - after)
    power = PRIOR.trust / (PRIOR.trust + np.isfinite(VALUES).sum())
    log_evidence = (posterior.log_weight[0, scale, point] - GRID.log_weight[scale]) / power
    np.testing.assert_allclose(found, log_evidence, rtol=1e-8)


@pytest.mark.parametrize(("scale", "point"), MEMBERS)
def test_paths_follow_the_recursion(fitted, scale, point):
    """Without errors: every value of a path is an input of the next."""
    posterior, u, _ = fitted
    drawn = draw(one_member(posterior, scale, point), GRID, 2, np.random.default_rng(3))
    drawn = drawn._replace(noise=np.zeros(2))
    paths = roll(drawn, 3, PRIOR, np.random.default_rng(0)).paths
    alpha, beta, phi, _, rho = GRID.dynamics[:, point]
    seen = u[np.isfinite(u)]
    hidden, center, spread = GRID.hidden, seen.mean(), seen.std()
    for b, (level, trend, last), path in zip(drawn.coefficients, drawn.state, paths, strict=True):
        z = [(value - center) / spread for value in u[: -PRIOR.lags - 1 : -1]]
        for value in path:
            inputs = np.array([z[lag - 1] if lag else 0.0 for lag in hidden.lags[:, point]])
            units = np.tanh(hidden.weight[:, :, point] @ inputs + hidden.bias[:, point])
            last = rho * last + b[3:] @ np.r_[1.0, inputs, units]
            level, trend = level + b[1] + phi * trend, phi * trend
            assert value == pytest.approx(level + last, rel=1e-9)
            level, trend, z = level + alpha * last, trend + beta * last, [(value - center) / spread, *z]


def test_the_next_value_has_its_student_distribution(fitted):
    posterior, u, _ = fitted
    scale, point, k = 4, 22, len(GRID.precision)
    products = posterior.products[0, :, :, point]
    covariance = np.linalg.inv(products[:k, :k] + np.diag(GRID.precision[:, scale]))
    extended = np.r_[u, 0.0]  # the last error is minus the expectation, as a linear function of the coefficients
    at = [errors_at(extended, u, point, b) for b in np.r_[np.zeros((1, k)), np.eye(k)]]
    location, weights = -at[0], -(np.array(at[1:]) - at[0])
    mean = covariance @ -products[:k, k]
    rate = posterior.rate[0, scale, point]
    spread = np.sqrt(rate / posterior.shape[0] * (1 + weights @ covariance @ weights))
    rng = np.random.default_rng(5)
    paths = roll(draw(one_member(posterior, scale, point), GRID, 20_000, rng), 1, PRIOR, rng).paths[:, 0]
    assert kstest(paths, student(2 * posterior.shape[0], location + weights @ mean, spread).cdf).pvalue > 1e-3


def errors_at(extended, u, point, b):
    """The error of a next value of zero, where centre and spread are those of the curve u."""
    alpha, _, _, _, rho = GRID.dynamics[:, point]
    state = errors_by_hand(u, point, b)[1]
    level = state[0] + b[1] + state[1]
    lags = GRID.hidden.lags[:, point]
    z = np.where(lags > 0, (u[-np.maximum(lags, 1)] - np.nanmean(u)) / np.nanstd(u), 0.0)
    units = np.tanh(GRID.hidden.weight[:, :, point] @ z + GRID.hidden.bias[:, point])
    return extended[-1] - level - rho * state[2] - b[3:] @ np.r_[1.0, z, units]


def map_values(count, seed=0):
    """A quadratic map with errors of sd .05, of which a line sees nothing."""
    rng, y = np.random.default_rng(seed), [0.5]
    for _ in range(count + 50):
        y.append(0.9 - 1.2 * y[-1] ** 2 + 0.05 * rng.standard_normal())
    return np.array(y[-count:])


def test_a_map_that_is_no_line_is_found():
    y = map_values(170)
    fits = bnn.auto_fit(y[:150], draws=400, progress=False)
    one = next(iter(fits.values()))
    assert one.network > 0.95 and "network" in repr(one) and one.idata["posterior"]["network"].mean() > 0.95
    frame = bnn.auto_backtest(y, horizon=1, windows=20, draws=400, baselines=(), progress=False).forecasts
    truth = norm.logpdf(y[-20:], 0.9 - 1.2 * y[-21:-1] ** 2, 0.05).mean()
    assert truth - frame["log_score"].mean() < 0.35  # some 2 without the network


def test_walks_and_seasons_need_no_network():
    walks = {f"w{i}": np.random.default_rng(i).normal(0.2, 1.0, 60).cumsum() for i in range(12)}
    fits = bnn.auto_fit(walks, draws=400, progress=False)
    assert np.mean([one.network for one in fits.values()]) < 0.05
    season = bnn.auto_fit(walks["w0"], seasonal=4, draws=400, progress=False)
    assert "network" not in next(iter(season.values())).idata["posterior"]
