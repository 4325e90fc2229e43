"""Microcanonical Langevin dynamics: the exact turn, the splitting, its tuning, and moments of known targets."""

import functools

import arviz as az
import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest

from bayesnn import MAP, MCLMC, NUTS, Dense, Model, fit
from bayesnn._internal.runtime import compilation_cache_on, double
from bayesnn.evaluation.agreement import agreement, function_values
from bayesnn.samplers.density import make_density
from bayesnn.samplers.engine.chains import run_chains
from bayesnn.samplers.engine.plan import Plan
from bayesnn.samplers.mclmc import dynamics
from bayesnn.samplers.mclmc.dynamics import Point, integrate, random_direction, refresh, turn

EXACT = 1e-10  # relative, for algebra in double precision
DATA = (jnp.zeros((2, 1)), jnp.zeros(2))  # of models that have no data
ENERGY = 1e-3  # wanted variance of the energy error: small, so that little bias is left
BIAS = 0.02  # relative bias of a variance that is granted at that error; at ENERGY = 0.1 it is some 10%


@pytest.fixture(autouse=True)
def double_precision():
    with double(), compilation_cache_on():
        yield


# The dynamics


def test_the_turn_is_the_printed_one():
    direction = random_direction(jax.random.key(0), jnp.zeros(5))
    gradient = jax.random.normal(jax.random.key(1), (5,))
    norm = np.linalg.norm(gradient)
    downhill, delta = -gradient / norm, 0.7 * norm / 4
    cosine = downhill @ direction
    stretch = np.cosh(delta) + cosine * np.sinh(delta)
    expected = (direction + downhill * (np.sinh(delta) + cosine * (np.cosh(delta) - 1))) / stretch
    turned, energy = turn(direction, gradient, jnp.asarray(0.7))
    np.testing.assert_allclose(turned, expected, rtol=EXACT)
    np.testing.assert_allclose(energy, 4 * np.log(stretch), rtol=EXACT)


@pytest.mark.parametrize("steepness", [1e6, 1e-300])
def test_the_turn_bears_any_slope(steepness):
    direction = jnp.array([1.0, 0.0, 0.0])
    turned, energy = turn(direction, steepness * jnp.array([0.6, 0.8, 0.0]), jnp.asarray(1.0))
    assert np.isfinite(turned).all() and np.isfinite(energy)
    expected = [-0.6, -0.8, 0.0] if steepness > 1 else direction
    np.testing.assert_allclose(turned, expected, atol=1e-6)


def quartic(x):
    return 0.5 * jnp.sum(x**2 * jnp.arange(1.0, 5.0)) + 0.1 * jnp.sum(x) ** 4


def start(key=0):
    position = jax.random.normal(jax.random.key(key), (4,))
    value, gradient = jax.value_and_grad(quartic)(position)
    return Point(position, random_direction(jax.random.key(key + 1), position), value, gradient)


def test_a_step_is_reversible():
    step = jnp.asarray(0.2)
    there, error = integrate(jax.value_and_grad(quartic), start(), step)
    back, undone = integrate(jax.value_and_grad(quartic), there._replace(direction=-there.direction), step)
    np.testing.assert_allclose(back.position, start().position, rtol=1e-9)
    np.testing.assert_allclose(-back.direction, start().direction, rtol=1e-9)
    np.testing.assert_allclose(undone, -error, rtol=1e-7)


def test_the_energy_error_falls_with_the_cube_of_the_step():
    """The assumption of the step size tuning: error^2 grows as step^6."""

    @jax.jit
    def error(key, step):
        position = jax.random.normal(key, (4,))
        value, gradient = jax.value_and_grad(quartic)(position)
        point = Point(position, random_direction(key, position), value, gradient)
        return integrate(jax.value_and_grad(quartic), point, step)[1]

    keys = jax.random.split(jax.random.key(0), 200)
    coarse, fine = (np.median(np.abs(jax.vmap(lambda k, s=s: error(k, s))(keys))) for s in (0.01, 0.005))
    assert 2.7 < np.log2(coarse / fine) < 3.3


def test_refreshing_forgets_over_the_length():
    """After a path of one length the mean cosine with the first direction is exp(-1), up to 1/d and Monte Carlo."""
    size, pieces = 200, 10
    first = random_direction(jax.random.key(0), jnp.zeros(size))

    def walk(key):
        keys = jax.random.split(key, pieces)
        return jax.lax.scan(lambda u, k: (refresh(k, u, 0.1, 1.0), None), first, keys)[0] @ first

    cosine = jax.vmap(walk)(jax.random.split(jax.random.key(1), 500))
    assert abs(cosine.mean() - np.exp(-1)) < 4 * cosine.std() / np.sqrt(500) + 2 / size


# Moments


VARIANCES = np.array([0.25, 1.0, 4.0])
ROTATION = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
COVARIANCE = ROTATION @ np.diag(VARIANCES) @ ROTATION.T
MEAN = np.array([1.0, -2.0, 0.5])


def gaussian(x, y):
    numpyro.sample("z", dist.MultivariateNormal(MEAN, COVARIANCE))


def skewed(x, y):
    """A banana and a Gumbel: a has variance 1, b mean 1/2 and variance 3/4, c mean 0.577 and variance pi^2/6."""
    a = numpyro.sample("a", dist.Normal(0.0, 1.0))
    numpyro.sample("b", dist.Normal(0.5 * a**2, 0.5))
    numpyro.sample("c", dist.Gumbel(0.0, 1.0))


def run(model, names, spec, draws=1500, warmup=200):
    kernel = spec.kernel(model)
    record = spec.record(kernel, lambda key, sites, data: {name: sites[name] for name in names})
    plan = Plan(draws, warmup, 4, method="vectorized", progress=False)
    return run_chains(kernel, record, jax.random.key(0), DATA, plan).values


def scores(values, exact):
    """Deviations of means from exact ones, in standard errors, which allow for the bias of variances."""
    found = {}
    for name, (draws, expected, granted) in ((n, (values[n], *e)) for n, e in exact.items()):
        assert float(az.rhat(draws)) < 1.01, name
        assert float(az.ess(draws, method="mean")) > 400, name
        found[name] = (draws.mean() - expected) / np.hypot(float(az.mcse(draws, method="mean")), granted)
    return found


def gaussian_scores():
    spec = MCLMC(energy_variance=ENERGY, energy_variance_start=ENERGY, start=None, steps=10)
    z = run(gaussian, ["z"], spec)["z"]
    statistics, exact = {}, {}
    for i in range(3):
        for j in range(i, 3):
            statistics[f"covariance {i}{j}"] = (z[..., i] - MEAN[i]) * (z[..., j] - MEAN[j])
            exact[f"covariance {i}{j}"] = COVARIANCE[i, j], BIAS * np.sqrt(COVARIANCE[i, i] * COVARIANCE[j, j])
        statistics[f"mean {i}"], exact[f"mean {i}"] = z[..., i], (MEAN[i], 0.0)
    return scores(statistics, exact)


@pytest.mark.slow
def test_moments_of_a_gaussian():
    found = gaussian_scores()
    assert max(map(abs, found.values())) < 4, found


@pytest.mark.slow
def test_a_wrong_number_of_dimensions_is_seen(monkeypatch):
    """With d for d - 1 in the turn, the density is raised to the power (d - 1)/d: variances grow by half."""
    wrong = lambda direction, gradient, time: turn(direction, gradient, time * 2 / 3)  # noqa: E731
    monkeypatch.setattr(dynamics, "turn", wrong)
    found = gaussian_scores()
    assert max(map(abs, found.values())) > 8, found


@pytest.mark.slow
def test_moments_of_a_skewed_target():
    spec = MCLMC(energy_variance=ENERGY, energy_variance_start=ENERGY, start=None, steps=10)
    values = run(skewed, ["a", "b", "c"], spec, draws=3000)
    a, b, c = (values[name] for name in "abc")
    statistics = {"a": a, "a squared": a**2, "b": b, "b squared": b**2, "c": c, "c squared": c**2}
    gumbel = np.euler_gamma**2 + np.pi**2 / 6
    exact = {"a": (0.0, 0.0), "a squared": (1.0, BIAS), "b": (0.5, BIAS / 2), "b squared": (1.0, BIAS)}
    exact |= {"c": (np.euler_gamma, BIAS), "c squared": (gumbel, BIAS * gumbel)}
    found = scores(statistics, exact)
    assert max(map(abs, found.values())) < 4, found


# Tuning


@functools.cache
def tuned_states():
    with double():
        spec = MCLMC(energy_variance=0.01, start=None, steps=10)
        kernel = spec.kernel(gaussian)
        init = jax.jit(lambda key: kernel.init(key, 200, None, DATA, {}))
        step = jax.jit(lambda state: kernel.sample(state, DATA, {}))
        states = [init(jax.random.key(3))]
        for _ in range(400):
            states.append(step(states[-1]))
        return states


@pytest.mark.slow
def test_the_step_meets_the_wanted_energy_error():
    """The tuned step size solves an equation for the mean of error^2 over about the last hundred steps."""
    variance = np.mean([state.energy_variance for state in tuned_states()[201:]])
    assert 0.01 / 4 < variance < 0.01 * 4


def test_the_length_is_the_spread_and_tuning_stops():
    states = tuned_states()
    length = states[-1].tuning.length
    assert 0.5 < length / np.sqrt(VARIANCES.sum()) < 1.5
    for name in ("step", "length"):
        values = np.array([getattr(state.tuning, name) for state in states])
        assert len(set(values[200:])) == 1
        assert len(set(values[:200])) > 50


@pytest.mark.slow
def test_a_given_length_is_kept():
    spec = MCLMC(length=0.7, start=None, steps=2)
    kernel = spec.kernel(gaussian)
    state = kernel.init(jax.random.key(0), 10, None, DATA, {})
    assert kernel.sample(state, DATA, {}).tuning.length == 0.7


def test_a_step_that_fails_leaves_the_chain_where_it_is():
    def edge(x, y):
        z = numpyro.sample("z", dist.Normal(0.0, 1.0).expand([2]).to_event(1))
        numpyro.factor("edge", jnp.where(jnp.abs(z).max() > 1e-3, jnp.nan, 0.0))

    spec = MCLMC(start=None, steps=1)
    kernel = spec.kernel(edge)
    state = jax.jit(lambda: kernel.init(jax.random.key(0), 10, jnp.zeros(2), DATA, {}))()
    sample = jax.jit(lambda state: kernel.sample(state, DATA, {}))
    after = sample(state._replace(tuning=state.tuning._replace(step=jnp.asarray(1.0))))
    np.testing.assert_array_equal(after.z, state.z)
    assert after.failed
    assert after.tuning.step < 1.0
    assert not np.allclose(after.point.direction, state.point.direction)


# The ensemble


X = np.linspace(-1.5, 1.5, 30)[:, None]
Y = np.tanh(2 * X[:, 0]) + 0.1 * np.cos(11 * X[:, 0])
SMALL = Model([Dense(3, "tanh")])


@pytest.mark.slow
def test_members_start_at_modes_and_are_reported_in_double():
    spec = MCLMC(start=MAP(steps=300), precision="single", steps=2)
    result = fit(SMALL, X, Y, sampler=spec, draws=5, warmup=5, chains=2, progress=False)
    posterior = result.idata["posterior"]
    assert all(v.dtype == np.float64 for v in posterior.data_vars.values())
    assert posterior.attrs["precision"] == "single"
    assert posterior.attrs["validation"].startswith("3 of 30 rows held out")
    assert not posterior.attrs["approximate"]
    density = make_density(SMALL, DATA)
    random = -density.potential(density.start(jax.random.key(0), (X, Y)), (X, Y))
    assert float(result.idata["sample_stats"]["lp"].min()) > random


def test_one_parameter_is_refused():
    def single(x, y):
        numpyro.sample("z", dist.Normal(0.0, 1.0))

    with pytest.raises(ValueError, match="at least two parameters.*NUTS"):
        MCLMC(start=None).kernel(single).init(jax.random.key(0), 1, None, DATA, {})


def test_single_precision_is_refused_where_numbers_cancel():
    with pytest.raises(ValueError, match='nearly cancel.*"double"'):
        fit(SMALL, X, Y, sampler=MCLMC(precision="single"), marginalize=True, draws=2, warmup=2, progress=False)


@pytest.mark.slow
def test_the_function_is_that_of_nuts():
    """Means within Monte Carlo error and a bias of a tenth of a posterior sd; spreads within a tenth."""
    settings = {"draws": 1500, "warmup": 1000, "chains": 4, "progress": False}
    reference = fit(SMALL, X, Y, sampler=NUTS(target_accept=0.95), **settings)
    found = fit(SMALL, X, Y, sampler=MCLMC(energy_variance=0.005), **settings)
    f, base = function_values(found), function_values(reference)
    sizes = [min(float(az.ess(v[..., i], method="mean")) for i in range(0, 30, 6)) for v in (f, base)]
    assert min(sizes) > 400
    table = agreement(found, reference)
    assert table.loc["f, worst", "shift"] < 4 * np.sqrt(sum(1 / s for s in sizes)) + 0.1
    assert 0.9 < table.loc["f, median", "sd_ratio"] < 1.1
