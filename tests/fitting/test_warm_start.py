"""Chains that start where those of another fit ended."""

import numpy as np
import pytest

import bayesnn as bnn
from bayesnn.fitting.warm_start import same_unknowns

FEW = {"draws": 5, "warmup": 5, "chains": 2, "progress": False, "chain_method": "vectorized"}


def series(count):
    rng = np.random.default_rng(0)
    y = np.zeros(count)
    for t in range(2, count):
        y[t] = 1.1 * y[t - 1] - 0.6 * y[t - 2] + rng.normal()
    return y


@pytest.fixture(scope="module")
def model():
    return bnn.shallow(2, linear=True)


@pytest.fixture(scope="module")
def first(model):
    """A fit that has travelled."""
    return bnn.fit(model, bnn.lagged(series(60), 2), **FEW | {"draws": 100, "warmup": 300})


@pytest.mark.slow
def test_chains_start_where_the_others_ended(model, first):
    """On the same rows the draws are those of the same chains going on; from the prior they are others."""
    data = bnn.lagged(series(60), 2)
    warm, cold = (bnn.fit(model, data, start=start, **FEW | {"warmup": 0}) for start in (first, None))
    longer = bnn.extend(first, 5, progress=False).idata["posterior"].isel(draw=slice(-5, None))
    for name in ("gamma", "beta", "linear", "sigma"):
        np.testing.assert_array_equal(warm.idata["posterior"][name], longer[name])
        assert not np.any(cold.idata["posterior"][name].to_numpy() == longer[name].to_numpy())


def test_the_rows_are_those_of_the_new_data(model, first):
    other = bnn.lagged(series(70)[-60:], 2)
    warm = bnn.fit(model, other, start=first, **FEW | {"warmup": 0})
    assert warm.idata["posterior"].sizes["draw"] == 5
    np.testing.assert_array_equal(warm.data.y, other.y)
    assert warm.complete


def test_scales_that_each_fit_takes_from_its_rows_may_differ(model, first):
    """A series that grows has other scales, and so another prior: its fit starts all the same."""
    other = bnn.lagged(series(64).cumsum(), 2)
    warm = bnn.fit(model, other, start=first, **FEW)
    assert warm.model.prior.readout_guess != first.model.prior.readout_guess
    cold = bnn.fit(model, other, **FEW)
    assert warm.model == cold.model
    with pytest.raises(ValueError, match="start must be a fit of the same model"):
        bnn.fit(model, bnn.lagged(series(64), 3), start=first, **FEW)


def test_baselines_of_counts_may_differ_and_nothing_else():
    def of(baseline, guess=1.0):
        likelihood = bnn.NegativeBinomial(dispersion_guess=guess, baseline=baseline)
        return bnn.shallow(2, likelihood=likelihood)

    assert same_unknowns(of(0.3), of(2.0))
    assert not same_unknowns(of(0.3, guess=0.5), of(0.3))
    assert not same_unknowns(of(0.3), bnn.shallow(2, likelihood=bnn.Poisson(0.3)))
    assert not same_unknowns(of(0.3), bnn.shallow(2))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sampler": "nuts"}, "start is for the Gibbs sampler of shallow networks, got NUTS"),
        ({"sampler": bnn.Gibbs(sweeps=3)}, "start must be a fit of the same model by the same sampler"),
        ({"chains": 3}, "start has 2 chains, but chains=3: use the same number"),
        ({"path": "somewhere"}, "start and path must not be given together"),
    ],
)
def test_starts_that_do_not_fit_are_refused(model, first, change, message):
    with pytest.raises(ValueError, match=message):
        bnn.fit(model, bnn.lagged(series(64), 2), start=first, **FEW | change)


def test_another_model_is_refused(first):
    with pytest.raises(ValueError, match="start must be a fit of the same model"):
        bnn.fit(bnn.shallow(3, linear=True), bnn.lagged(series(64), 2), start=first, **FEW)


@pytest.mark.slow
def test_backtests_refit_from_the_fit_before(model):
    """Two windows, two fits: the second has a quarter of the warm-up."""
    result = bnn.backtest(model, series(60), lags=2, windows=2, refit=True, baselines=[], **FEW | {"warmup": 40})
    assert result.fits["network"].idata["posterior"].attrs["warmup"] == 10
    cold = bnn.backtest(
        bnn.Model([bnn.Dense(1)]), series(60), lags=2, windows=2, refit=True, baselines=[], **FEW | {"warmup": 40}
    )
    assert cold.fits["network"].idata["posterior"].attrs["warmup"] == 40
