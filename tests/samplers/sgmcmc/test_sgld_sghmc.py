"""SGLD and SGHMC: their stationary distributions to the last term of the step size, and a posterior known from NUTS."""

import arviz as az
import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from scipy import stats
from scipy.linalg import solve_discrete_lyapunov

from bayesnn import (
    MAP,
    NUTS,
    SGHMC,
    SGLD,
    Bernoulli,
    Cyclical,
    Dense,
    Gaussian,
    Model,
    Normal,
    Polynomial,
    diagnose,
    extend,
    fit,
)
from bayesnn._internal.runtime import compilation_cache_on, double
from bayesnn.samplers.engine.plan import Plan
from bayesnn.samplers.sgmcmc.kernel import StochasticKernel
from bayesnn.samplers.sgmcmc.schedules import Schedule
from bayesnn.samplers.sgmcmc.validation import scores as held_out_scores


@pytest.fixture(autouse=True, scope="module")
def double_precision():
    with double(), compilation_cache_on():
        yield


# A Gaussian: y_i ~ N(A theta, I), theta ~ N(0, I), whose minibatch gradients have noise of one covariance everywhere

ROWS, BATCH = 40, 8
RNG = np.random.default_rng(0)
A = np.array([[0.6, 0.2], [-0.1, 0.3]])
Y = RNG.normal(size=(ROWS, 2)) @ np.array([[1.0, 0.5], [0.0, 0.7]]) + np.array([1.0, -2.0])
PRECISION = np.eye(2) + ROWS * A.T @ A
MEAN = np.linalg.solve(PRECISION, A.T @ Y.sum(axis=0))
GRADIENTS = ROWS**2 / BATCH * A.T @ np.cov(Y.T, bias=True) @ A  # covariance of g, rows drawn with replacement
STEP = float(0.02 / np.linalg.eigvalsh(PRECISION).max())
CALLS = 5


def gaussian(x, y):
    theta = numpyro.sample("theta", dist.Normal(0.0, 1.0).expand([2]).to_event(1))
    with numpyro.plate("obs", len(y)):
        numpyro.sample("y", dist.Normal(theta @ A.T, 1.0).to_event(1), obs=y)


def covariance(spec, gradients=GRADIENTS):
    """Stationary covariance of theta under the discretised chain: V = F V F' + Q."""
    one, step, heat = np.eye(2), spec.step_size, spec.temperature
    if isinstance(spec, SGLD):
        keep = one - step / 2 * PRECISION
        return solve_discrete_lyapunov(keep, step * heat * one + step**2 / 4 * gradients)
    keep = np.block(
        [
            [one - step * PRECISION, (1 - spec.friction) * one],
            [-step * PRECISION, (1 - spec.friction) * one],
        ]
    )
    noise = 2 * (spec.friction - spec.noise_estimate) * step * heat * one + step**2 * gradients
    return solve_discrete_lyapunov(keep, np.block([[noise, noise], [noise, noise]]))[:2, :2]


def sample(spec, draws=1000, chains=8):
    plan = Plan(draws, 40, chains, thinning=2, method="vectorized", progress=False)
    data = (jnp.zeros((ROWS, 1)), jnp.asarray(Y))
    return spec.draw(gaussian, lambda key, sites, data: {"theta": sites["theta"]}, jax.random.key(1), data, plan)


def scores(spec, expected=None, enough=150):
    """Means and second moments about the posterior mean, in standard errors from their expected values."""
    off = sample(spec).values["theta"] - MEAN
    expected = covariance(spec) if expected is None else expected
    products = {(i, j): (off[..., i] * off[..., j], expected[i, j]) for i in range(2) for j in range(i + 1)}
    found = {i: (off[..., i], 0.0) for i in range(2)} | products
    assert min(float(az.ess(v, method="mean")) for v, _ in found.values()) > enough
    return np.array([(v.mean() - wanted) / float(az.mcse(v, method="mean")) for v, wanted in found.values()])


QUICK = {"batch_size": BATCH, "steps": CALLS, "start": None, "precision": "double"}
GAUSSIAN_CASES = {
    "sgld": SGLD(step_size=4 * STEP, **QUICK),
    "sghmc": SGHMC(step_size=STEP, friction=0.2, **QUICK),
    "sghmc-noise-estimate": SGHMC(step_size=STEP, friction=0.2, noise_estimate=0.05, **QUICK),
    "sgld-cold": SGLD(step_size=4 * STEP, temperature=0.1, **QUICK),
}


@pytest.mark.first_case
@pytest.mark.parametrize("case", GAUSSIAN_CASES)
def test_moments_of_a_gaussian_are_those_of_the_discretised_chain(case):
    """Five statistics: |z| above 4.2 by chance once in 7500."""
    assert np.abs(scores(GAUSSIAN_CASES[case])).max() < 4.2


@pytest.mark.parametrize("case", ["sgld", "sghmc"])
def test_the_bias_of_a_small_step_is_small(case):
    """The formula of the docstrings, on the same target: relative bias of variances e (S/4 + L/4), with e = 2h/a."""
    spec = GAUSSIAN_CASES[case]
    step = spec.step_size if case == "sgld" else 2 * spec.step_size / spec.friction
    bound = step / 4 * (np.linalg.eigvalsh(GRADIENTS).max() + 1.2 * np.linalg.eigvalsh(PRECISION).max())
    exact = np.linalg.inv(PRECISION)
    relative = np.linalg.eigvals(np.linalg.solve(exact, covariance(spec)))
    assert np.all(relative > 1 - 1e-3)
    assert np.all(relative < 1 + bound)
    assert bound < 0.35


@pytest.mark.slow
def test_temperature_one_is_the_default_and_a_tenth_shrinks_the_variance_by_ten():
    assert SGLD().temperature == SGHMC().temperature == 1.0
    warm, cold = (sample(GAUSSIAN_CASES[c]).values["theta"].var(axis=(0, 1)) for c in ("sgld", "sgld-cold"))
    noise = covariance(GAUSSIAN_CASES["sgld-cold"]) - 0.1 * covariance(GAUSSIAN_CASES["sgld"], 0 * GRADIENTS)
    np.testing.assert_allclose(cold - np.diag(noise), 0.1 * warm, rtol=0.15)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["sgld", "sghmc"])
def test_noise_too_large_by_the_root_of_two_is_seen(case, monkeypatch):
    heat = StochasticKernel.heat
    monkeypatch.setattr(StochasticKernel, "heat", lambda self, t: 2**0.5 * heat(self, t))
    assert np.abs(scores(GAUSSIAN_CASES[case])).max() > 8


@pytest.mark.slow
def test_a_gradient_that_is_not_rescaled_is_seen(monkeypatch):
    potential = StochasticKernel.potential
    monkeypatch.setattr(
        StochasticKernel, "potential", lambda self, d, batch, _: potential(self, d, batch, len(batch[0]))
    )
    assert np.abs(scores(GAUSSIAN_CASES["sgld"], enough=50)).max() > 8


@pytest.mark.slow
def test_control_variates_take_the_noise_of_a_gaussian_away():
    """The gradient is linear: its difference to the gradient at the centre is the same for all rows."""
    spec = SGLD(step_size=4 * STEP, **(QUICK | {"start": MAP(steps=300, validation=None)}), control_variates=True)
    assert np.abs(scores(spec, covariance(spec, 0 * GRADIENTS))).max() < 4.2


@pytest.mark.slow
def test_a_preconditioner_changes_the_path_but_not_the_target():
    """It is adapted in warm-up and then fixed: the variances are within the bound of a step of the same size."""
    spec = SGLD(step_size=4 * STEP, preconditioner="rmsprop", **QUICK)
    relative = np.cov(sample(spec).values["theta"].reshape(-1, 2).T) @ PRECISION
    assert np.all(np.abs(np.linalg.eigvals(relative) - 1) < 0.3)


@pytest.mark.slow
def test_the_default_step_has_the_bias_it_promises():
    """It is 5% in the stiffest direction if the variance of gradients is that of the Fisher information."""
    data = (jnp.zeros((ROWS, 1)), jnp.asarray(Y))
    kernel = SGLD(**QUICK).kernel(gaussian)
    step = float(jax.jit(lambda: kernel.init(jax.random.key(0), 0, None, data, {}))().base)
    largest = np.linalg.eigvalsh(PRECISION).max()
    assert np.isclose(step * largest * (1 + ROWS / BATCH) / 4, 0.05, rtol=1e-3)
    other = SGHMC(friction=0.2, **QUICK).kernel(gaussian)
    assert np.isclose(
        float(jax.jit(lambda: other.init(jax.random.key(0), 0, None, data, {}))().base), 0.1 * step, rtol=1e-6
    )


# Schedules


def test_polynomial_steps_meet_robbins_monro():
    for c in (0.5, 1.01, -1.0, float("nan")):
        with pytest.raises(ValueError, match="c must be"):
            Polynomial(0.1, 1.0, c)
    t = jnp.arange(-3, 4)
    np.testing.assert_allclose(Polynomial(0.1, 2.0, 1.0).size(t), 0.1 / np.array([2, 2, 2, 2, 3, 4, 5]), rtol=1e-6)


def test_cycles_fall_along_a_cosine_and_explore_first():
    cycle = Cyclical(2.0, length=4, exploration=0.5)
    t = jnp.arange(-4, 4)
    once = 1 + np.cos(np.pi * np.arange(4) / 4)
    np.testing.assert_allclose(cycle.size(t), np.tile(once, 2), rtol=1e-6)
    np.testing.assert_array_equal(cycle.heated(t), np.tile([False, False, True, True], 2))


@pytest.mark.slow
def test_draws_stand_at_the_ends_of_cycles():
    with pytest.raises(ValueError, match="whole cycles of 40 minibatch steps apart, got 10 steps .*thinning=8"):
        sample(SGLD(step_size=Cyclical(STEP, 40), **QUICK))
    steps = sample(SGLD(step_size=Cyclical(STEP, 10), **QUICK), draws=3, chains=2).values["stat step_size"]
    np.testing.assert_allclose(steps, 0.5 * STEP * (1 + np.cos(np.pi * 0.9)), rtol=1e-6)


# Bayesian logistic regression against NUTS

PEOPLE = 300
X = RNG.normal(size=(PEOPLE, 3)) * np.array([1.0, 2.0, 0.5])
LABELS = RNG.random(PEOPLE) < 1 / (1 + np.exp(-(X @ np.array([1.0, -0.5, 1.0]) + 0.5)))
LOGISTIC = Model([], Bernoulli(), linear=True)
FAST = MAP(steps=300, batch_size=50)
LOGISTIC_CASES = {
    "sgld": SGLD(batch_size=100, steps=20, start=FAST),
    "sgld-control-variates": SGLD(batch_size=100, steps=20, start=FAST, control_variates=True),
    "sghmc": SGHMC(batch_size=100, steps=20, start=FAST),
    # The noise of the minibatches adds to the variance in proportion to the step: sds 3% too large here, 15% at 2e-4.
    "sghmc-cyclical": SGHMC(batch_size=100, steps=20, start=FAST, step_size=Cyclical(5e-5, 200, 0.25)),
}


@pytest.fixture(scope="module")
def weights():
    """One person has the case weight 2, another the weight 0."""
    return np.array([2.0, 0.0] + [1.0] * (PEOPLE - 2))


@pytest.fixture(scope="module")
def reference(weights):
    return fit(LOGISTIC, X, LABELS, sampler=NUTS(), weights=weights, draws=1000, warmup=500, progress=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "case", ["sghmc", *(pytest.param(c, marks=pytest.mark.slow) for c in LOGISTIC_CASES if c != "sghmc")]
)
def test_logistic_regression_is_that_of_nuts(case, reference, weights):
    """Means within a fifth of a posterior sd, sds within 15%, of which some 8% is Monte Carlo error (4 sigma)."""
    cycles = {"thinning": 10, "draws": 400} if case.endswith("cyclical") else {"thinning": 4, "draws": 1000}
    settings = {"warmup": 200, "chains": 8, "weights": weights, "chain_method": "vectorized", "progress": False}
    found = fit(LOGISTIC, X, LABELS, sampler=LOGISTIC_CASES[case], **settings, **cycles)
    for name in ("intercept", "linear"):
        wanted, got = (f.idata["posterior"][name].to_numpy() for f in (reference, found))
        sd = wanted.std(axis=(0, 1))
        assert np.all(np.abs(got.mean(axis=(0, 1)) - wanted.mean(axis=(0, 1))) < 0.2 * sd), name
        np.testing.assert_allclose(got.std(axis=(0, 1)), sd, rtol=0.15, err_msg=name)


# The same fit as by any other sampler


@pytest.fixture(scope="module")
def found():
    spec = SGHMC(batch_size=10, steps=2, start=None, validation=0.2, preconditioner="rmsprop", clip=10.0)
    model = Model([Dense(2, "tanh")], Bernoulli(), Normal())
    offset = np.linspace(-0.1, 0.1, 40)
    return fit(model, X[:40], LABELS[:40], sampler=spec, offset=offset, draws=6, warmup=4, chains=2, progress=False)


@pytest.mark.slow
def test_the_fit_has_the_groups_and_notes_of_all_fits(found):
    posterior, stats = found.idata["posterior"], found.idata["sample_stats"]
    assert set(posterior.data_vars) == set(found.model.dims((3,)))
    assert all(np.isfinite(v).all() and v.dtype == np.float64 for v in posterior.data_vars.values())
    assert set(stats.data_vars) == {"step_size", "loss", "held_out_log_density", "held_out_accuracy"}
    assert found.idata["log_likelihood"]["y"].shape == (2, 6, 40)
    assert posterior.attrs["temperature"] == 1.0
    assert posterior.attrs["held_out"] == "8 of 40 rows held out of the sampling"
    assert len(posterior.attrs["held_out_rows"]) == 8
    assert "use 10 rows each" in diagnose(found).verdict


def test_the_held_out_score_is_that_of_the_rows_held_out(found):
    rows = found.idata["posterior"].attrs["held_out_rows"]
    expected = found.idata["log_likelihood"]["y"].to_numpy()[..., rows].mean(axis=-1)
    np.testing.assert_allclose(found.idata["sample_stats"]["held_out_log_density"], expected, rtol=1e-4)  # float32


@pytest.mark.parametrize("weights", [None, np.array([1.0, 3.0, 0.0])])
@pytest.mark.parametrize("likelihood", [Bernoulli((False, True)), Gaussian()])
def test_held_out_scores_leave_padding_out_and_count_rows_by_weight(likelihood, weights):
    """Three sequences of 3, 1 and 2 steps with a target at each; padded targets are -1 or NaN, as in a fit."""
    model = Model([Dense(1, "identity")], likelihood, Normal())
    x = np.array([[1.0, -1.0, 0.4], [0.5, np.nan, np.nan], [-0.3, 2.0, np.nan]])[..., None]
    real = ~np.isnan(x[..., 0])
    codes = np.array([[1, 0, 0], [1, -1, -1], [1, 1, -1]])
    y = codes if likelihood.kind == "class" else np.where(real, 2.0 * codes, np.nan)
    sites = {"dense0_kernel": np.array([[2.0]]), "dense0_bias": np.array([-0.5]), "beta": np.array([1.5])}
    sites |= {"intercept": np.array(0.2), "sigma": np.array(0.7)}
    offset = np.array([0.1, -0.2, 0.3])
    found = held_out_scores(model, sites, (x, y) if weights is None else (x, y, offset, weights))
    f = 1.5 * (2.0 * x[..., 0] - 0.5) + 0.2 + (0.0 if weights is None else offset[:, None])
    share = np.ones(3) if weights is None else weights
    if likelihood.kind == "class":
        each = np.where(real, -np.log1p(np.exp(np.where(y == 1, -f, f))), 0.0)
        right = ((f > 0) == y) & real
        expected = (right.sum(axis=1) @ share) / (real.sum(axis=1) @ share)
        np.testing.assert_allclose(found["stat held_out_accuracy"], expected, rtol=1e-12)
    else:
        each = np.where(real, stats.norm.logpdf(y, f, 0.7), 0.0)
    expected = each.sum(axis=1) @ share / share.sum()
    np.testing.assert_allclose(found["stat held_out_log_density"], expected, rtol=1e-10)


def test_chains_go_on_bit_by_bit(found):
    more = extend(found, 2, progress=False)
    longer = fit(
        found.model,
        X[:40],
        LABELS[:40],
        sampler=found.sampler,
        offset=np.linspace(-0.1, 0.1, 40),
        draws=8,
        warmup=4,
        chains=2,
        progress=False,
    )
    for name, values in longer.idata["posterior"].data_vars.items():
        np.testing.assert_array_equal(more.idata["posterior"][name], values, err_msg=name)


# Messages


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGLD(step_size=0.0), "step_size must be"),
        (lambda: SGLD(batch_size=0), "batch_size must be"),
        (lambda: SGLD(temperature=-1.0), "temperature must be"),
        (lambda: SGLD(preconditioner="adam"), "unknown preconditioner 'adam': choose one of 'rmsprop'"),
        (lambda: SGLD(control_variates=True, start=None), "give start=MAP"),
        (lambda: SGLD(start="map"), "start must be None or a spec"),
        (lambda: SGLD(validation=1.0), "validation must be between 0 and 1"),
        (lambda: SGHMC(friction=1.5), "friction must be above 0 and at most 1"),
        (lambda: SGHMC(friction=0.1, noise_estimate=0.1), "noise_estimate must be at least 0 and below the friction"),
        (lambda: Cyclical(0.1, length=0), "length must be"),
        (lambda: Cyclical(0.1, length=10, exploration=1.0), "exploration must be"),
        (lambda: fit(Model([Dense(1)]), X, X[:, 0], sampler="sgld", marginalize=True), "only with marginalize=False"),
    ],
)
def test_impossible_settings_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.slow
def test_steps_that_are_too_large_are_named():
    with pytest.raises(
        ValueError, match=r"got NaN or infinite values in chain\(s\) 0, 1: choose a step_size below 1e\+03"
    ):
        sample(SGLD(step_size=1e3, **QUICK), draws=100, chains=2)


def test_schedules_are_specs():
    assert isinstance(Polynomial(0.1), Schedule)
    assert hash(SGLD(step_size=Polynomial(0.1))) == hash(SGLD(step_size=Polynomial(0.1)))
