"""Sample paths: fed their own values and their own noise, against closed forms of linear autoregressions."""

import numpy as np
import pandas as pd
import pytest
from made import made_fit
from scipy import stats

import bayesnn as bnn
from bayesnn.data.series.lagged import lagged
from bayesnn.fitting.draws import function_value, over_draws
from bayesnn.forecasting.paths import log_density, make_origins, simulate

RNG = np.random.default_rng(3)
YEARS = pd.Index(np.arange(1900, 1940), name="year")
SERIES = pd.Series(np.exp(1.0 + 0.4 * RNG.normal(size=40)), index=YEARS, name="level")
PHI = np.array([0.6, -0.3])
SIGMA = 0.25  # of w
HORIZON = 4


def linear(phi=PHI, sigma=SIGMA, units=1):
    """A change of recorded values after which w_t = const + phi' lags + N(0, sigma^2), for `made_fit`."""

    def change(data):
        def edit(values):
            values["beta"][...] = 0.0
            values["linear"][...] = phi  # lags have the scale of the target
            values["sigma"][...] = sigma / data.y.to_numpy().std()

        return edit

    return change


def constant(data, phi=PHI):
    """The constant of that autoregression: standardised fits go through the means."""
    return data.y.mean() - phi @ data.x.mean().to_numpy()


def closed_form(data, phi=PHI, sigma=SIGMA, horizon=HORIZON):
    """Mean and variance of u_{T+1}, ..., u_{T+h} by the recursion of the differenced autoregression, written out."""
    difference = np.r_[1.0, -np.array(data.transform.difference_filter)]
    whole = -np.convolve(difference, np.r_[1.0, -phi])[1:]  # u_t = const + sum whole_k u_{t-k} + noise
    past = list(data.transform.pointwise(next(iter(data.series.values()))))
    psi = [1.0]
    for t in range(1, horizon):
        psi.append(sum(whole[k] * psi[t - 1 - k] for k in range(min(t, len(whole)))))
    for _ in range(horizon):
        past.append(constant(data, phi) + sum(whole[k] * past[-1 - k] for k in range(len(whole))))
    return np.array(past[-horizon:]), sigma**2 * np.cumsum(np.square(psi))


def surprises(u, mean, variance):
    """z of the sample means and variances of u (s, h)."""
    count = len(u)
    z_mean = (u.mean(axis=0) - mean) / np.sqrt(variance / count)
    return np.r_[z_mean, (u.var(axis=0) / variance - 1) / np.sqrt(2 / count)]


TRANSFORMS = [None, "log", "difference", ("log", "difference"), ("log10", "standardize"), ("standardize", "difference")]


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_linear_autoregression_has_the_known_mean_and_variance(transform):
    data = lagged(SERIES, 2, transform=transform)
    fit = made_fit(bnn.shallow(1, linear=True), data, chains=4, draws=5000, change=linear()(data))
    values = bnn.forecast(fit, HORIZON, key=1).to_numpy().reshape(-1, HORIZON)
    mean, variance = closed_form(data)
    assert np.abs(surprises(data.transform.pointwise(values), mean, variance)).max() < 4.5
    if transform == "log":  # the mean of a lognormal, in units of y
        expected = np.exp(mean + variance / 2)
        error = expected * np.sqrt(np.expm1(variance) / len(values))
        assert np.abs((values.mean(axis=0) - expected) / error).max() < 4.5


@pytest.mark.parametrize("feeds_its_mean", [False, True])
def test_the_check_sees_a_path_without_its_own_noise(feeds_its_mean):
    data = lagged(SERIES, 2)
    past = np.tile(SERIES.to_numpy()[-2:], (20_000, 1))
    values = []
    for _ in range(HORIZON):
        mean = constant(data) + past[:, ::-1] @ PHI
        values.append(mean + SIGMA * RNG.normal(size=len(mean)))
        past = np.c_[past[:, 1:], mean if feeds_its_mean else values[-1]]
    worst = np.abs(surprises(np.stack(values, axis=1), *closed_form(data))).max()
    assert worst > 10 if feeds_its_mean else worst < 4.5


NETWORKS = {
    "shallow": bnn.shallow(3),
    "deep": bnn.Model([bnn.Dense(4, "tanh"), bnn.Dense(3, "tanh")], bnn.StudentT(), linear=True),
    "heteroskedastic": bnn.Model([bnn.Dense(3, "tanh")], bnn.Heteroskedastic()),
}
CASES = [
    ("shallow", [1, 3], ("sqrt", "difference", "seasonal_difference")),
    ("shallow", 2, None),
    ("deep", [2, 5], ("log", "standardize")),
    ("heteroskedastic", [1], ("sqrt", "standardize")),
]


@pytest.mark.first_case
@pytest.mark.parametrize(("network", "lags", "transform"), CASES)
def test_every_step_sees_the_path_before_it(network, lags, transform):
    """Function values of a path are those of the rows that `lagged` makes of the history with the path appended."""
    settings = {"lags": lags, "transform": transform, "seasonal": 4}
    inputs = pd.DataFrame({"known": RNG.normal(size=44), "late": RNG.normal(size=44)}, index=np.arange(1900, 1944))
    settings |= {"exogenous": inputs, "exogenous_lags": {"known": [0, 2], "late": [3]}}
    data = lagged(SERIES, **settings)
    fit = made_fit(NETWORKS[network], data, chains=1, draws=6)
    known = lagged(pd.Series(np.arange(44.0) + 1, index=inputs.index), **settings).x.to_numpy()[-4:, len(data.lags) :]
    paths = simulate(fit, make_origins(data, [("level", SERIES.to_numpy())]), HORIZON, 5, known[None])
    for d in range(6):
        path = pd.Series(paths.values[d, 0], index=np.arange(1940, 1944))
        u = data.transform.pointwise(np.r_[SERIES, path])
        w = data.transform.difference(u)
        rows = np.stack([w[len(w) - HORIZON - lag : len(w) - lag] for lag in data.lags], axis=1)
        scaled = fit.data.scaling.inputs(np.c_[rows, known])
        own = {name: values[d : d + 1] for name, values in fit.draws().items()}
        np.testing.assert_allclose(over_draws(function_value, fit.model, own, scaled)[0], paths.f[d, 0], rtol=1e-6)
        np.testing.assert_allclose(u[-HORIZON:] - w[-HORIZON:], paths.shift[d, 0], rtol=1e-7, atol=1e-9)


def test_noise_is_drawn_anew_for_every_draw_origin_and_step():
    data = lagged(SERIES, 2)
    fit = made_fit(bnn.shallow(2), data, chains=2, draws=500)
    origins = make_origins(data, [("level", SERIES.to_numpy()[:20]), ("level", SERIES.to_numpy())])
    paths = simulate(fit, origins, 3, 1)
    noise = (paths.values - fit.data.scaling.inverse(paths.f)) / fit.data.scaling.y_scale
    z = (noise / fit.draws()["sigma"][:, None, None]).reshape(1000, -1)
    assert abs(z.var() - 1) < 4.5 * np.sqrt(2 / z.size)
    assert stats.kstest(z.ravel(), "norm").pvalue > 1e-4
    assert np.abs(np.corrcoef(z.T) - np.eye(6)).max() < 4.5 / np.sqrt(1000)


def test_blocks_of_draws_change_nothing(monkeypatch):
    fit = made_fit(bnn.shallow(2), lagged(SERIES, 2), chains=1, draws=10)
    origins = make_origins(fit.data.series, [("level", SERIES.to_numpy())])
    whole = simulate(fit, origins, 3, 1)
    density = log_density(fit, whole, np.ones((1, 3)))
    monkeypatch.setattr("bayesnn.forecasting.paths.BLOCK_NUMBERS", 90)
    parts = simulate(fit, origins, 3, 1)
    np.testing.assert_allclose(parts.values, whole.values, rtol=1e-10)
    np.testing.assert_allclose(log_density(fit, parts, np.ones((1, 3))), density, rtol=1e-10)


@pytest.mark.parametrize("transform", [None, "log", ("log10", "standardize", "difference"), "sqrt"])
def test_log_density_is_that_of_the_closed_form(transform):
    """h = 1: exact, the draws being all the same; h = 2: an average over paths, in units of its standard error."""
    data = lagged(SERIES, 2, transform=transform)
    fit = made_fit(bnn.shallow(1, linear=True), data, chains=4, draws=5000, change=linear()(data))
    origins = make_origins(data, [("level", SERIES.to_numpy())])
    observed = np.array([[2.2, 3.1]])
    got = log_density(fit, simulate(fit, origins, 2, 2), observed)[0]
    mean, variance = closed_form(data, horizon=2)
    curve = {None: lambda y: y, "log": np.log, "log10": np.log10, "sqrt": np.sqrt}[data.transform.pointwise_name]
    slope = {None: lambda y: 1.0, "log": lambda y: 1 / y, "log10": lambda y: 1 / y / np.log(10)}
    slope["sqrt"] = lambda y: 0.5 / np.sqrt(y)
    for h, y in enumerate(observed[0]):
        signs = (1, -1) if transform == "sqrt" else (1,)
        u = np.array([(sign * curve(y) - data.transform.center) / data.transform.scale for sign in signs])
        density = stats.norm.pdf(u, mean[h], np.sqrt(variance[h])).sum()
        expected = np.log(density * slope[data.transform.pointwise_name](y) / data.transform.scale)
        if h == 0:
            assert got[0] == pytest.approx(expected, rel=1e-10)
        else:
            ratio = relative_variance(u[0], mean[1], variance[1])
            assert abs(got[1] - expected) < 4.5 * np.sqrt(ratio / 20_000)


def relative_variance(u, mean, variance):
    """Var(p) / E(p)^2 of p = N(u | m, SIGMA^2) with m ~ N(mean, variance - SIGMA^2)."""
    spread = variance - SIGMA**2
    squares = stats.norm.pdf(u, mean, np.sqrt(SIGMA**2 / 2 + spread)) / np.sqrt(4 * np.pi * SIGMA**2)
    return squares / stats.norm.pdf(u, mean, np.sqrt(variance)) ** 2 - 1


def test_a_mixture_over_draws_is_averaged_in_density():
    data = lagged(SERIES, 1)
    fit = made_fit(bnn.shallow(2), data, chains=1, draws=7)
    row = pd.DataFrame([[SERIES.iloc[-1]]], columns=["lag 1"])
    centre = bnn.predict(fit, row).to_numpy().ravel()
    sigma = fit.idata["posterior"]["sigma"].to_numpy().ravel()
    expected = np.log(np.mean(stats.norm.pdf(3.0, centre, sigma)))
    paths = simulate(fit, make_origins(data, [("level", SERIES.to_numpy())]), 1, 0)
    assert log_density(fit, paths, np.array([[3.0]]))[0, 0] == pytest.approx(expected, rel=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("likelihood", [bnn.Poisson(), bnn.NegativeBinomial()])
def test_counts_stay_counts(likelihood):
    counts = RNG.poisson(4.0, 30)

    def level(values):
        values["beta"][...] = 0.0
        values["intercept"][...] = 0.0

    fit = made_fit(bnn.shallow(2, likelihood=likelihood), lagged(counts, 2), chains=4, draws=1000, change=level)
    paths = bnn.forecast(fit, 3, key=1).to_numpy()
    np.testing.assert_array_equal(paths, np.round(paths))
    mean = counts[2:].mean()
    error = paths.std() / np.sqrt(paths.size)
    assert abs(paths.mean() - mean) < 4.5 * error
    origins = make_origins(fit.data.series, [("y", counts.astype(float))])
    got = log_density(fit, simulate(fit, origins, 1, 1), np.array([[3.0]]))[0, 0]
    if isinstance(likelihood, bnn.Poisson):
        assert got == pytest.approx(stats.poisson.logpmf(3, mean), rel=1e-8)
