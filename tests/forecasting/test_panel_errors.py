"""A panel in one network with an error variance for each series: coverage, forecasts, folds, files, and refusals."""

import matrix
import numpy as np
import pandas as pd
import pytest

import bayesnn as bnn
from bayesnn.forecasting.paths import make_origins, simulate

SDS, COUNT, LATER = {"a": 1.0, "b": 2.0, "c": 5.0}, 60, 300
SHORT = {"draws": 150, "warmup": 100, "chains": 2, "key": 1, "progress": False}
MODEL = bnn.shallow(1, linear=True, likelihood=bnn.PanelGaussian())


def series():
    """Autoregressions with the same coefficients and errors of different size."""
    rng = np.random.default_rng(5)
    found = {}
    for name, sd in SDS.items():
        y = np.zeros(COUNT + LATER)
        for t in range(1, len(y)):
            y[t] = 0.6 * y[t - 1] + sd * rng.normal()
        found[name] = pd.Series(y)
    return found


@pytest.fixture(scope="module")
def fitted():
    return bnn.fit(MODEL, bnn.lagged({n: y[:COUNT] for n, y in series().items()}, lags=1), **SHORT)


def covered(fitted, rename):
    """Share (series,) of later rows inside the central 80% of their own one-step prediction."""
    later = bnn.lagged({n: y[COUNT - 1 :] for n, y in series().items()}, lags=1)
    x = later.x.rename(index=rename, level="unique_id")
    drawn = bnn.predict(fitted, x, kind="response", key=2).to_numpy().reshape(-1, len(x))
    low, high = np.quantile(drawn, [0.1, 0.9], axis=0)
    inside = (later.y.to_numpy() > low) & (later.y.to_numpy() < high)
    return pd.Series(inside, index=later.y.index).groupby(level="unique_id").mean()


def test_intervals_of_every_series_cover_as_they_should(fitted):
    """Of 300 rows, the share has a standard error of .023, and sigma of 59 rows one of 9%, which is .03 of coverage."""
    assert (np.abs(covered(fitted, {}) - 0.8) < 4 * np.hypot(0.023, 0.03)).all()


def test_with_the_sigma_of_another_series_they_do_not(fitted):
    swapped = covered(fitted, {"a": "c", "c": "a"})
    assert swapped["a"] > 0.99
    assert swapped["c"] < 0.4


def test_sigmas_are_recorded_by_name(fitted):
    sigma = fitted.idata["posterior"]["sigma"]
    assert sigma["series"].to_numpy().tolist() == [*SDS, "new series"]
    mean = sigma.mean(("chain", "draw")).to_series()
    assert all(abs(mean[name] / sd - 1) < 4 * 0.1 for name, sd in SDS.items())


def test_the_log_likelihood_is_that_of_each_rows_own_sigma(fitted):
    from scipy import stats

    sites = fitted.idata["posterior"]
    names = fitted.data.series.x.index.get_level_values("unique_id")
    mean = bnn.predict(fitted, fitted.data.series.x)
    sigma = sites["sigma"].sel(series=np.asarray(names)).to_numpy()
    expected = stats.norm.logpdf(fitted.data.y, mean.to_numpy(), sigma)
    np.testing.assert_allclose(fitted.idata["log_likelihood"]["y"].to_numpy(), expected, rtol=1e-8)
    assert (bnn.loo(fitted).pareto_k < 0.7).all()


def test_forecasts_have_the_errors_of_their_series(fitted):
    paths = bnn.forecast(fitted, 1, key=3).std(("chain", "draw"))[:, 0].to_series()
    sites = fitted.idata["posterior"]["sigma"]
    for name in SDS:  # the mean of one step hardly varies beside the errors
        assert 0.9 < paths[name] / float(np.sqrt((sites.sel(series=name) ** 2).mean())) < 1.25
    data = fitted.data.series
    past = data.series["a"].to_numpy()
    own, other, new = (
        simulate(fitted, make_origins(data.with_series({name: data.series["a"]}), [(name, past)]), 1, 4).values
        for name in ("a", "c", "unknown")
    )
    assert other.std() > 3 * own.std()
    assert new.std() > 1.2 * own.std()  # drawn from the prior given the others


def test_backtests_score_every_series_with_its_own_errors(fitted):
    panel = {n: y[: COUNT + 10] for n, y in series().items()}
    result = bnn.backtest(MODEL, panel, lags=1, horizon=2, windows=3, refit=False, **SHORT)
    ours = result.forecasts[result.forecasts["method"] == result.methods[0]]
    width = (ours["hi-80"] - ours["lo-80"]).groupby(ours["unique_id"]).mean()
    assert width["c"] / width["a"] > 3
    assert np.isfinite(ours[["crps", "log_score"]]).all(axis=None)


def test_a_series_that_a_fold_leaves_out_is_a_new_one():
    data = bnn.lagged({n: y[:30] for n, y in series().items()}, lags=1)
    groups = data.x.index.get_level_values("unique_id").to_numpy()
    found = bnn.cross_validate(MODEL, data, groups=groups, folds=3, **SHORT)
    assert np.isfinite(found.pointwise.to_numpy()).all()


def test_files_keep_series_and_errors(fitted, tmp_path):
    bnn.save(fitted, tmp_path / "panel.npz")
    again = bnn.load(tmp_path / "panel.npz")
    assert again.model.likelihood.series == tuple(SDS)
    np.testing.assert_array_equal(bnn.forecast(again, 2, key=1), bnn.forecast(fitted, 2, key=1))
    x, y = fitted.data.series.x, fitted.data.series.y
    pd.testing.assert_series_equal(bnn.evaluate(again, x, y), bnn.evaluate(fitted, x, y))


def test_effects_do_not_ask_which_series(fitted):
    """A straight line in all but name: its slope is the coefficient, whichever way it is asked for."""
    slope = bnn.average_marginal_effects(fitted).to_numpy().mean()
    curve = bnn.partial_dependence(fitted, "lag 1", grid=[-1.0, 1.0]).mean(("chain", "draw")).to_numpy()
    assert abs(slope - 0.6) < 0.25
    assert abs((curve[1] - curve[0]) / 2 - slope) < 0.1


@pytest.mark.slow
def test_nuts_agrees_with_the_gibbs_sampler():
    data = bnn.lagged({n: y[:40] for n, y in series().items()}, lags=1)
    model = bnn.Model([], bnn.PanelGaussian(), bnn.Normal(), linear=True)
    settings = {"draws": 1000, "warmup": 500, "chains": 4, "progress": False}
    fits = [bnn.fit(model, data, sampler=sampler, key=3, **settings) for sampler in ("nuts", "gibbs")]
    for name in ("sigma", "typical_sigma", "likeness"):
        draws = [np.log(fit.idata["posterior"][name].to_numpy()).reshape(4000, -1) for fit in fits]
        errors = [np.log(fit.idata["posterior"][name].to_numpy()).mean(axis=1).std(axis=0, ddof=1) / 2 for fit in fits]
        bound = 5 * np.hypot(*errors) + 0.03 * draws[0].std(axis=0)
        assert (np.abs(draws[0].mean(axis=0) - draws[1].mean(axis=0)) < bound).all(), name


def test_minibatches_keep_rows_and_series_together():
    """A wrong pairing would give every series the same sigma."""
    data = bnn.lagged({n: y[:200] for n, y in series().items()}, lags=1)
    model = bnn.Model([], bnn.PanelGaussian(), bnn.Normal(), linear=True)
    found = bnn.fit(model, data, sampler=bnn.MAP(steps=1500, batch_size=64), key=2, progress=False)
    sigma = found.idata["posterior"]["sigma"].to_numpy().ravel()
    assert sigma[2] / sigma[0] > 3


def test_rows_must_name_their_series(fitted):
    x, y = fitted.data.series.x, fitted.data.series.y
    with pytest.raises(ValueError, match="x must say which series each row belongs to, for PanelGaussian"):
        bnn.fit(MODEL, bnn.lagged(series()["a"], lags=1), **SHORT)
    with pytest.raises(ValueError, match="x must say which series each row belongs to, for PanelGaussian"):
        bnn.evaluate(fitted, x.to_numpy(), y.to_numpy())


def test_the_prior_predictive_knows_the_series():
    data = bnn.lagged({n: y[:20] for n, y in series().items()}, lags=1)
    groups = bnn.prior_predictive(MODEL, data.x, draws=20)
    assert groups["prior"]["sigma"].shape == (1, 20, 4)
    assert groups["prior"]["f"].shape == (1, 20, len(data.x))


@pytest.mark.slow
@pytest.mark.parametrize("name", matrix.SAMPLERS)
def test_every_sampler_serves_a_panel(name):
    data = bnn.lagged({n: y[:20] for n, y in series().items()}, lags=1)
    model = bnn.Model([bnn.Dense(2, "tanh")], bnn.PanelGaussian())
    found = bnn.fit(
        model, data, sampler=matrix.SAMPLERS[name], draws=4, warmup=4, chains=2, key=1, progress=False, standardize=True
    )
    assert found.idata["posterior"]["sigma"].shape[-1] == 4
    assert np.isfinite(found.idata["log_likelihood"]["y"].to_numpy()).all()
