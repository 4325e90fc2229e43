"""Draws whose linear term is stationary: roots, what is kept, what is refused, and that paths stay bounded."""

import numpy as np
import pytest

import bayesnn as bnn
from bayesnn.forecasting.stationary import largest_root

SHORT = {"draws": 200, "warmup": 60, "chains": 2, "progress": False}


@pytest.fixture(scope="module")
def growing():
    """A series that doubles at its end: many draws of the linear term run away."""
    y = np.random.default_rng(0).normal(size=40)
    y[-3:] = 4.0, 8.0, 16.0
    return bnn.fit(bnn.shallow(1, linear=True), bnn.lagged(y, lags=[1, 3]), **SHORT)


def with_slopes(fit, slopes):
    """The fit with these slopes (chain, draw, lag) in units of the series."""
    scaling = fit.data.scaling
    posterior = fit.idata["posterior"]
    posterior["linear"][:] = np.asarray(slopes) * np.asarray(scaling.x_scale) / scaling.y_scale
    return fit


def test_roots_are_those_of_the_polynomial(fake_fit):
    y = np.random.default_rng(1).normal(5.0, 3.0, size=50)
    data = bnn.lagged(y, lags=[1, 3])
    model = bnn.shallow(1, linear=True, hyper=bnn.ShallowHyperparameters(autoregression=False))
    fit = fake_fit(model, data, None, chains=2, draws=3)
    assert (np.asarray(fit.data.scaling.x_scale) != fit.data.scaling.y_scale).all()  # else units would not matter
    slopes = np.random.default_rng(2).normal(size=(2, 3, 2))
    found = largest_root(with_slopes(fit, slopes))
    for place in np.ndindex(2, 3):
        a, b = slopes[place]
        assert found[place] == pytest.approx(np.abs(np.roots([1.0, -a, 0.0, -b])).max(), rel=1e-10)


def test_each_chain_keeps_as_many_of_its_own_draws(growing):
    inside = largest_root(growing) < 1
    assert 0 < inside.mean() < 1, "some draws run away, and not all"
    kept = bnn.stationary(growing)
    assert kept.idata["posterior"].sizes["draw"] == inside.sum(axis=1).min()
    assert kept.idata["posterior"].attrs["stationary_share"] == inside.mean()
    assert "stationary_share" not in growing.idata["posterior"].attrs
    assert (largest_root(kept) < 1).all()
    before, after = (f.idata["posterior"]["sigma"].to_numpy() for f in (growing, kept))
    for chain in range(2):
        assert np.isin(after[chain], before[chain][inside[chain]]).all()
        assert len(np.unique(after[chain])) == len(after[chain])
    np.testing.assert_array_equal(kept.idata["sample_stats"].sizes["draw"], kept.idata["log_likelihood"].sizes["draw"])


def test_paths_of_what_is_kept_stay_bounded(growing):
    away, kept = (np.abs(bnn.forecast(fit, 60).to_numpy()).max() for fit in (growing, bnn.stationary(growing)))
    assert kept < 1e3 < away  # the series ends at 16; a root of 1.1 makes that 5000 in 60 steps


def test_a_backtest_by_these_draws(growing):
    y = next(iter(growing.data.series.series.values()))
    few = SHORT | {"baselines": ["naive"]}
    way = {"lags": [1, 3], "horizon": 30, "windows": 1}
    series = np.r_[y.to_numpy(), np.zeros(30)]
    free, cut = (
        bnn.backtest(bnn.shallow(1, linear=True), series, only_stationary=flag, **way, **few).table.loc[
            "network", "rmse"
        ]
        for flag in (False, True)
    )
    assert cut.max() < free.max()


@pytest.mark.slow
def test_what_has_no_roots_or_no_draws_is_refused(fake_fit):
    y = np.arange(20.0)
    plain = fake_fit(bnn.shallow(1), bnn.lagged(y, lags=1), None, chains=2, draws=3)
    with pytest.raises(ValueError, match="linear=True"):
        bnn.stationary(plain)
    data = bnn.lagged(y + np.random.default_rng(0).normal(size=20), lags=[1, 2])
    fit = fake_fit(bnn.shallow(1, linear=True), data, None, chains=2, draws=12)
    slopes = np.full((2, 12, 2), 0.1)
    slopes[1, 3:] = 2.0
    with pytest.raises(ValueError, match=r"at least 10 draws .* got \[12, 3\] of 12: .*difference"):
        bnn.stationary(with_slopes(fit, slopes))
    table = fake_fit(bnn.shallow(1, linear=True), np.ones((9, 1)) * y[:9, None], y[:9], chains=1, draws=2)
    with pytest.raises(ValueError, match="need a fit of a series"):
        bnn.stationary(table)


def test_of_two_outputs_the_mean_is_judged(fake_fit):
    y = np.random.default_rng(1).normal(5.0, 3.0, size=50)
    model = bnn.Model([bnn.Dense(1, "tanh")], bnn.Heteroskedastic(), linear=True)
    fit = fake_fit(model, bnn.lagged(y, lags=1), None, chains=1, draws=3)
    linear = fit.idata["posterior"]["linear"]
    linear[:] = (
        np.stack([[0.5, -0.2, 1.5], [9.0, 9.0, 9.0]], axis=-1)[None, :, None]
        / np.asarray(fit.data.scaling.y_scale)
        * np.asarray(fit.data.scaling.x_scale)
    )
    np.testing.assert_allclose(largest_root(fit)[0], [0.5, 0.2, 1.5])
