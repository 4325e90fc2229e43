"""Missing observations: their conditional against the closed form, and what follows a fit against loops over draws."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from made import made_fit
from numpyro import handlers
from numpyro.infer.util import log_density
from scipy import stats

import bayesnn as bnn
from bayesnn.data.series.lagged import lagged
from bayesnn.fitting.binding import bind
from bayesnn.models.missing_values import MissingValuesModel, make_series_arrays
from bayesnn.samplers.gibbs.missing_values import move_missing

RNG = np.random.default_rng(6)
VALUES = np.exp(1 + 0.5 * RNG.normal(size=16))
PLACES = (0, 5, 6, 15)  # one before the first target, two neighbours, the last
SERIES = pd.Series(VALUES, index=pd.period_range("2020-01", periods=16, freq="M"), name="s")
GAPPY = SERIES.where(~np.isin(np.arange(16), PLACES))
DATA = lagged(GAPPY, 2, transform="log", missing="latent")
MODEL = bnn.shallow(1, linear=True)
SITES = {"beta": np.zeros(1), "gamma": np.zeros((1, 3)), "linear": np.array([0.7, -0.4]), "sigma": np.array(0.5)}


def case(model=MODEL):
    bound, data = bind(model, DATA)
    with jax.enable_x64(True):
        return MissingValuesModel(bound, PLACES, (1, 2), 2), make_series_arrays(DATA, data.scaling), data


def residuals(missing, arrays, data):
    """Standardised residuals of every target, and the values before the first target that have a prior."""
    z = np.array(arrays.z)
    z[list(PLACES)] = missing
    scaling = data.scaling
    u = z * scaling.y_scale + scaling.y_center
    found = [missing[0]]
    for t in range(2, 16):
        x = [(u[t - 1 - k] - scaling.x_center[k]) / scaling.x_scale[k] for k in range(2)]
        found.append((z[t] - 0.7 * x[0] + 0.4 * x[1]) / 0.5)
    return np.array(found)


def closed_form(arrays, data):
    """Mean and covariance of the missing values: the residuals are linear in them."""
    origin = residuals(np.zeros(4), arrays, data)
    slopes = np.stack([residuals(one, arrays, data) - origin for one in np.eye(4)], axis=1)
    covariance = np.linalg.inv(slopes.T @ slopes)
    return -covariance @ slopes.T @ origin, covariance


@pytest.mark.slow
def test_moves_leave_the_closed_form_conditional():
    """4000 chains of 60 moves from a distant starting point: their ends are independent draws."""
    model, arrays, data = case()
    mean, covariance = closed_form(arrays, data)
    with jax.enable_x64(True):
        sites = {name: jnp.asarray(v) for name, v in SITES.items()}

        def chain(key):
            def move(missing, key):
                return move_missing(key, missing, sites, model, arrays), None

            return jax.lax.scan(move, jnp.full(4, 3.0), jax.random.split(key, 60))[0]

        draws = np.asarray(jax.jit(jax.vmap(chain))(jax.random.split(jax.random.key(0), 4000)))
    variance = np.diag(covariance)
    z_mean = (draws.mean(axis=0) - mean) / np.sqrt(variance / 4000)
    z_variance = (draws.var(axis=0) / variance - 1) / np.sqrt(2 / 4000)
    correlation = np.corrcoef(draws.T)[1, 2] - covariance[1, 2] / np.sqrt(variance[1] * variance[2])
    assert np.abs([*z_mean, *z_variance, correlation * np.sqrt(4000)]).max() < 4.5


@pytest.mark.slow
def test_the_joint_density_is_that_of_the_filled_series():
    """It is the density of the model on rows of the filled series, times N(0, 1) for the early missing value."""
    model, arrays, data = case(bnn.Model([bnn.Dense(2, "tanh")]))
    missing = RNG.normal(size=4)
    z = np.array(arrays.z)
    z[list(PLACES)] = missing
    u = data.scaling.inverse(z)
    x = data.scaling.inputs(np.stack([u[1:-1], u[:-2]], axis=1))
    with jax.enable_x64(True):
        shapes = jax.eval_shape(lambda key: latent_sites(model.model, key, x), jax.random.key(0))
        sites = {name: 0.3 + jnp.zeros(shape.shape) for name, shape in shapes.items()}
        whole = log_density(model, (arrays,), {}, sites | {"missing_scaled": missing})[0]
        rows = log_density(model.model, (x, z[2:]), {}, sites)[0]
    assert float(whole) == pytest.approx(float(rows) + stats.norm.logpdf(missing[0]), rel=1e-10)


def latent_sites(model, key, x):
    trace = handlers.trace(handlers.seed(model, key)).get_trace(x)
    return {n: s["value"] for n, s in trace.items() if s["type"] == "sample" and n != "y"}


@pytest.fixture(scope="module")
def made():
    missing = np.exp(1 + 0.2 * RNG.normal(size=(1, 5, 4)))
    return made_fit(bnn.shallow(2), DATA, change=lambda values: values.update(missing=missing))


def test_rows_with_observed_targets_are_the_data(made):
    targets = [t for t in range(2, 16) if t not in PLACES]
    np.testing.assert_allclose(made.data.y, np.log(VALUES[targets]), rtol=1e-12)
    assert made.idata["posterior"]["missing"].dims == ("chain", "draw", "gap")
    assert made.idata["posterior"]["gap"].to_numpy().tolist() == ["2020-01", "2020-06", "2020-07", "2021-04"]
    assert DATA.x.isna().any(axis=1).sum() > 0


def test_log_likelihood_and_forecast_use_each_draws_own_values(made):
    missing = made.draws()["missing"]
    sigma = made.idata["posterior"]["sigma"].to_numpy()[0]
    paths = bnn.forecast(made, 1, key=3).to_numpy()
    for d in range(5):
        own = SERIES.copy()
        own.iloc[list(PLACES)] = missing[d]
        full = lagged(own, 2, transform="log")
        centre = bnn.predict(made, full.x).to_numpy()[0, d]
        density = stats.norm.logpdf(full.y, centre, sigma[d])
        kept = [t - 2 for t in range(2, 16) if t not in PLACES]
        np.testing.assert_allclose(made.idata["log_likelihood"]["y"][0, d], density[kept], rtol=1e-8)
        same = bnn.forecast(made, 1, key=3, history=own).to_numpy()
        np.testing.assert_allclose(paths[0, d], same[0, d], rtol=1e-10)


def test_rows_with_missing_values_are_not_predicted(made):
    with pytest.raises(ValueError, match="x must be finite"):
        bnn.predict(made, DATA.x)


def test_folds_do_not_know_missing_values(made):
    with pytest.raises(ValueError, match=r"missing values of the series of \['one', 'two'\]: use method=.loo."):
        bnn.compare({"one": made, "two": made}, method="k-fold")


def test_draws_can_be_stacked_and_relabelled(made):
    assert bnn.stacked(made, [1.0]).idata["posterior"]["missing"].shape == (1, 5, 4)
    assert bnn.as_sampled(made.idata)["missing"].shape == (1, 5, 4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"series": {"a": GAPPY}}, "is for one series without differences or square roots, got a panel"),
        ({"transform": "difference"}, "without differences or square roots, got .'difference',."),
        ({"transform": "sqrt"}, "without differences or square roots"),
        ({"series": GAPPY * np.nan}, "must have some observations, got only missing values"),
        ({"series": GAPPY[:4].where([True, True, True, False])}, "at least 2 observed targets"),
        ({"missing": "error"}, "no missing values, got 4, at 2020-01, 2020-06, 2020-07 and 1 more"),
    ],
)
def test_gaps_that_cannot_be(settings, message):
    with pytest.raises(ValueError, match=message):
        lagged(**({"series": GAPPY, "lags": 2, "missing": "latent"} | settings))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sampler": "map"}, 'needs the sampler "gibbs", "nuts" or "hmc"'),
        ({"weights": np.ones(14)}, "continuous numbers without case weights, got case weights"),
    ],
)
def test_fits_with_gaps_that_cannot_be(settings, message):
    with pytest.raises(ValueError, match=message):
        bnn.fit(MODEL, DATA, **settings)


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{"sampler": "nuts"}, {"sampler": "nuts", "marginalize": True}])
def test_samplers_agree_on_missing_values(settings):
    series = np.log10(bnn.datasets.lynx().astype(float))
    series.iloc[[0, 50, 51, 112]] = np.nan
    data = lagged(series, 2, missing="latent")
    draws = []
    for given in ({"sampler": "gibbs"}, settings):
        fit = bnn.fit(bnn.shallow(2), data, draws=1000, warmup=1000, progress=False, **given)
        draws.append(fit.draws()["missing"])
    error = np.hypot(*(d.std(axis=0) for d in draws)) / np.sqrt(400)  # at least 400 effective draws each
    assert np.abs((draws[0].mean(axis=0) - draws[1].mean(axis=0)) / error).max() < 4.5
