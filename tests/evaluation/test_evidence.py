"""The log marginal likelihood against the closed form of a linear model, with planted errors that must show."""

import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import bayesnn as bnn
from bayesnn._internal.runtime import computing
from bayesnn.models import readout

annealing = importlib.import_module("bayesnn.evaluation.annealing")
binding = importlib.import_module("bayesnn.fitting.binding")
tempering = importlib.import_module("bayesnn.evaluation.tempering")

LIMIT = 4.5
RNG = np.random.default_rng(0)
X = RNG.normal(size=(25, 1))
Y = 100.0 + 10.0 * (X[:, 0] + 0.5 * RNG.normal(size=25))
NOISE = bnn.Gaussian(noise_guess=0.2, noise_size=4.0)
# The unit's coefficient is fixed at zero for all purposes: what is left is linear.
LINE = bnn.Model([bnn.Dense(1, "tanh")], NOISE, bnn.Normal(readout_scale=1e-9), linear=True)
OPTIONS = {"temperatures": 100, "particles": 100, "leapfrogs": 5, "progress": False}
THERMODYNAMIC = OPTIONS | {"method": "thermodynamic", "temperatures": 30, "moves": 10}


@computing
def closed_form(x, y, standardize=True):
    """Quadrature over the noise precision of the linear model's marginal density, in units of y."""
    model, data = binding.bind(LINE, x, y, standardize=standardize)
    inputs, target = map(jnp.asarray, data.scaled())
    design = jnp.concatenate([jnp.zeros((len(x), 1)), jnp.ones((len(x), 1)), inputs], axis=1)
    prior = model.prior.collapsed_readout(model.terms(x.shape[1:]))
    products = readout.products(design, target)
    grid = np.linspace(-15.0, 8.0, 4001)
    density = jax.vmap(lambda g: readout.log_marginal(products, prior, jnp.exp(g)))(jnp.asarray(grid))
    log_prior = stats.gamma.logpdf(np.exp(grid), NOISE.noise_size / 2, scale=2 / NOISE.noise_size / NOISE.noise_guess)
    values = np.asarray(density) + log_prior + grid
    top = values.max()
    return np.log(np.trapezoid(np.exp(values - top), grid)) + top - len(y) * data.scaling.log_jacobian


def z(result, reference):
    return (result.estimate - reference) / result.se


def right(result):
    """Whether an estimate is precise, and within its error of the closed form."""
    return result.ok and result.se < 0.3 and abs(z(result, closed_form(X, Y))) < LIMIT


@pytest.mark.slow
def test_annealed_importance_sampling_gives_the_closed_form():
    result = bnn.log_marginal_likelihood(LINE, X, Y, **OPTIONS)
    assert right(result)
    assert 20 < result.ess <= 100
    assert "particles effective" in str(result)
    assert result.table["temperature"].iloc[-1] == 1.0


@pytest.mark.slow
def test_thermodynamic_integration_gives_the_closed_form():
    result = bnn.log_marginal_likelihood(LINE, X, Y, **THERMODYNAMIC)
    assert right(result)
    assert np.isnan(result.ess)


def test_the_correction_for_curvature_is_exact_for_a_quadratic():
    """Mean log likelihood t^2 at temperature t, its variance the derivative 2 t: trapezoids alone are too large."""
    t = np.array([0.0, 0.2, 0.5, 1.0])
    sides = np.array([1.0, -1.0, 1.0, -1.0])  # of variance 4/3
    levels = [np.tile(mean + half * sides, (2, 1)) for mean, half in zip(t**2, np.sqrt(1.5 * t), strict=True)]
    path = tempering.Path(t, np.ones(4), {})
    estimate, error, _ = annealing.integrated(levels, path, np.array([0, 0, 1, 1]))
    assert estimate == pytest.approx((1 - 0.2**3) / 3, rel=1e-12)
    assert error == pytest.approx(0.0, abs=1e-12)


@pytest.mark.slow
def test_error_is_that_of_repeated_runs():
    reference = closed_form(X, Y)
    runs = [bnn.log_marginal_likelihood(LINE, X, Y, key=k, **OPTIONS) for k in range(12)]
    scores = np.array([z(run, reference) for run in runs])
    assert 0.45 < scores.std() < 1.9  # the sd of 12 standard normals, to a tail of one in a thousand on either side
    assert abs(scores.mean()) < LIMIT / 12**0.5


@pytest.mark.slow
def test_weights_without_their_temperatures_are_found_out(monkeypatch):
    whole = annealing.annealed

    def forgetful(levels, path):
        return whole(levels, path._replace(temperatures=np.arange(len(path.temperatures)) / 10))

    monkeypatch.setattr(annealing, "annealed", forgetful)
    assert abs(z(bnn.log_marginal_likelihood(LINE, X, Y, **OPTIONS), closed_form(X, Y))) > 3 * LIMIT


@pytest.mark.slow
@pytest.mark.parametrize("options", [OPTIONS, THERMODYNAMIC])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_moves_that_forget_their_temperature_are_found_out(monkeypatch, options, temperature):
    honest = tempering.Path.at
    monkeypatch.setattr(tempering.Path, "at", lambda self, k: (np.asarray(temperature), *honest(self, k)[1:]))
    assert not right(bnn.log_marginal_likelihood(LINE, X, Y, **options))


@pytest.mark.slow
def test_a_lost_jacobian_is_found_out(monkeypatch):
    """The prior of the noise precision without the Jacobian of its logarithm."""
    honest = tempering.log_densities

    def careless(model, position, data):
        prior, likelihood = honest(model, position, data)
        return prior - position["noise_precision"], likelihood

    monkeypatch.setattr(tempering, "log_densities", careless)
    jax.clear_caches()
    wrong = bnn.log_marginal_likelihood(LINE, X, Y, **OPTIONS)
    jax.clear_caches()
    assert not right(wrong)


def test_estimate_is_in_units_of_y():
    small = bnn.log_marginal_likelihood(LINE, X, Y, **OPTIONS)
    large = bnn.log_marginal_likelihood(LINE, X, 1000 * Y, **OPTIONS)
    assert large.estimate == pytest.approx(small.estimate - 25 * np.log(1000), abs=1e-6)
    y = (Y - 100) / 3
    plain = bnn.log_marginal_likelihood(LINE, X, y, standardize=False, **OPTIONS)
    assert abs(z(plain, closed_form(X, y, standardize=False))) < LIMIT
    assert abs(closed_form(X, y, standardize=False) - closed_form(X, y)) > 0.1, "the two differ in their prior"


@pytest.mark.slow
def test_case_weights_count_rows():
    twice = bnn.log_marginal_likelihood(LINE, X, Y, weights=np.full(25, 2.0), standardize=False, **OPTIONS)
    double = bnn.log_marginal_likelihood(LINE, np.tile(X, (2, 1)), np.tile(Y, 2), standardize=False, **OPTIONS)
    assert abs(twice.estimate - double.estimate) < LIMIT * np.hypot(twice.se, double.se)


@pytest.mark.slow
def test_readout_integrated_out_and_brute_force_agree_on_a_network():
    x, y = X[:8], Y[:8]
    model = bnn.Model([bnn.Dense(2, "tanh")], NOISE)
    whole = bnn.log_marginal_likelihood(model, x, y, progress=False)
    part = bnn.log_marginal_likelihood(model, x, y, marginalize=True, progress=False)
    thermodynamic = bnn.log_marginal_likelihood(model, x, y, method="thermodynamic", progress=False)
    reference, error = brute_force(model, x, y)
    for result in (whole, part, thermodynamic):
        assert abs(result.estimate - reference) < LIMIT * np.hypot(result.se, error)
    assert part.ess > whole.ess


@computing
def brute_force(model, x, y):
    """Mean of the collapsed likelihood over 400,000 draws of the body and the noise from the prior, and its error."""
    marginal = importlib.import_module("bayesnn.models.marginal").MarginalModel
    bound, data = binding.bind(model, x, y)
    arrays = tuple(map(jnp.asarray, data.scaled()))
    keys = jax.random.split(jax.random.key(9), 20)
    parts = [tempering.from_prior(marginal(bound), 20_000, key, arrays).log_likelihood for key in keys]
    values = np.concatenate([np.asarray(part) for part in parts])
    likelihood = np.exp(values - values.max())
    error = likelihood.std() / likelihood.mean() / len(values) ** 0.5
    return np.log(likelihood.mean()) + values.max() - len(y) * data.scaling.log_jacobian, error


def test_few_effective_particles_are_said():
    result = bnn.log_marginal_likelihood(LINE, X, Y, **(OPTIONS | {"temperatures": 2}))
    assert not result.ok
    assert "particles are effective: the estimate is most likely too low" in result.verdict


@pytest.mark.parametrize("grid", [1, [0.0, 1.0], [0.1, 0.5, 1.0], [0.0, 0.6, 0.5, 1.0], [0.0, 0.5, 0.9], True])
def test_temperatures_must_rise_from_zero_to_one(grid):
    with pytest.raises(ValueError, match="temperatures must"):
        bnn.log_marginal_likelihood(LINE, X, Y, temperatures=grid)


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="unknown method 'bridge'"):
        bnn.log_marginal_likelihood(LINE, X, Y, method="bridge")
    with pytest.raises(ValueError, match="particles must be a whole number of at least 4"):
        bnn.log_marginal_likelihood(LINE, X, Y, particles=3)
    with pytest.raises(ValueError, match="same number of rows"):
        bnn.log_marginal_likelihood(LINE, X, Y[:-1])


# Of a tempered fit


@pytest.fixture(scope="module")
def tempered():
    """A linear model by the general Gibbs sampler: its evidence is known."""
    sampler = bnn.Tempered(bnn.Gibbs(weights="slice", steps=3, sweeps=4), 8)
    return bnn.fit(LINE, X, Y, sampler=sampler, draws=400, warmup=100, chains=2, key=3, progress=False)


@pytest.mark.slow
def test_a_tempered_fit_gives_the_closed_form(tempered):
    result = bnn.log_marginal_likelihood(tempered)
    assert result.ok, str(result)
    assert result.se < 0.3
    assert abs(z(result, closed_form(X, Y))) < 4
    assert len(result.table) == 8
    assert "of 800 draws effective" in str(result)


@pytest.mark.slow
def test_what_a_fit_cannot_tell_is_refused(tempered):
    with pytest.raises(ValueError, match="nothing else"):
        bnn.log_marginal_likelihood(tempered, X, Y)
    hot = bnn.Tempered(tempered.sampler.sampler, (1.0, 0.5))
    short = bnn.fit(LINE, X, Y, sampler=hot, draws=10, warmup=10, chains=1, progress=False)
    with pytest.raises(ValueError, match="hottest=0"):
        bnn.log_marginal_likelihood(short)


def test_a_plain_fit_and_missing_data_are_refused(fake_fit):
    with pytest.raises(ValueError, match=r"bnn\.Tempered"):
        bnn.log_marginal_likelihood(fake_fit(bnn.shallow(1), X, Y))
    with pytest.raises(ValueError, match="x and y"):
        bnn.log_marginal_likelihood(LINE)


def test_the_evidence_of_steps_is_in_units_of_y(fake_fit):
    """A row has as many densities in units of y as it has steps, and each as often as its weight says."""
    x, y = RNG.normal(size=(4, 3, 1)), RNG.normal(size=(4, 3))
    x[1, 2:] = np.nan
    weights = np.array([1.0, 2.0, 0.5, 1.0])
    steps = np.array([3, 2, 3, 3])

    def change(values):
        rng = np.random.default_rng(1)
        values["stat log_likelihood_at"] = rng.normal(size=(4, 50, 2))
        values["stat temperatures"] = np.broadcast_to([1.0, 0.0], (4, 50, 2))
        values["stat swap_rate"] = np.full((4, 50, 1), 0.5)

    model = bnn.Model([bnn.Dense(1)], prior=bnn.Normal())
    one, two = (
        bnn.log_marginal_likelihood(fake_fit(model, x, factor * y, weights=weights, change=change)).estimate
        for factor in (1.0, 10.0)
    )
    assert one - two == pytest.approx(weights @ steps * np.log(10.0))
