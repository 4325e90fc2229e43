"""Modes, ensembles, Laplace and variational fits: against closed forms where everything is Gaussian, and as fits."""

import dataclasses
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest

from bayesnn import (
    MAP,
    MCLMC,
    Bernoulli,
    Categorical,
    Dense,
    Ensemble,
    Gaussian,
    Laplace,
    Model,
    Normal,
    PanelGaussian,
    Poisson,
    Polynomial,
    Variational,
    diagnose,
    drop_chains,
    fit,
    lagged,
    predict,
    select_chains,
    shallow,
)
from bayesnn._internal.runtime import compilation_cache_on, double
from bayesnn.evaluation.agreement import agreement, close
from bayesnn.evaluation.linear_reference import against_linear, linear_log_density
from bayesnn.samplers import SAMPLERS, Chains
from bayesnn.samplers.approximate import laplace, optimize
from bayesnn.samplers.approximate.optimize import EVALUATE_EVERY, OptimizerSettings, split_rows
from bayesnn.samplers.density import make_density, take_rows
from bayesnn.samplers.engine.plan import Plan

ROWS = np.random.default_rng(0)
DESIGN = ROWS.normal(size=(40, 2)) @ np.array([[1.0, 0.6], [0.0, 0.8]])
TARGET = DESIGN @ np.array([1.0, -0.5]) + 0.5 * ROWS.normal(size=40)
PRIOR, NOISE = 2.0, 0.5
PRECISION = DESIGN.T @ DESIGN / NOISE**2 + np.eye(2) / PRIOR**2
MODE = np.linalg.solve(PRECISION, DESIGN.T @ TARGET / NOISE**2)
DATA = (DESIGN, TARGET)

X = np.linspace(-1.5, 1.5, 24)[:, None]
Y = np.tanh(2 * X[:, 0]) + 0.1 * np.cos(11 * X[:, 0])
SMALL = Model([Dense(2, "tanh")])
QUICK = MAP(steps=200, validation=None, restarts=2)
SPECS = {
    "map": MAP(steps=200),
    "ensemble": Ensemble(3, MAP(steps=200)),
    "laplace": Laplace(QUICK),
    "variational": Variational(steps=200, start=None),
}


@pytest.fixture(autouse=True)
def double_precision():
    with double(), compilation_cache_on():
        yield


def linear(x, y, offset=None, weights=None):
    """Regression with known noise: its posterior is N(MODE, PRECISION^-1)."""
    b = numpyro.sample("b", dist.Normal(0.0, PRIOR).expand([2]).to_event(1))
    with numpyro.plate("obs", x.shape[0]):
        numpyro.sample("y", dist.Normal(x @ b, NOISE), obs=y)


def draw(spec, model=linear, draws=4000, chains=1, key=0, data=DATA):
    plan = Plan(draws, 0, chains, progress=False)
    return spec.draw(model, lambda key, sites, data: {"b": sites["b"]}, jax.random.key(key), data, plan)


# The density


def test_minibatches_add_up_to_the_whole():
    density = make_density(linear, DATA)
    theta = jnp.array([0.3, -1.0])
    parts = [density.potential(theta, take_rows(DATA, slice(i, i + 10)), 4.0) for i in range(0, 40, 10)]
    np.testing.assert_allclose(np.mean(parts), density.potential(theta, DATA), rtol=1e-10)
    exact = -0.5 * np.sum((TARGET - DESIGN @ theta) ** 2) / NOISE**2 - 40 * np.log(NOISE * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(density.log_likelihood(theta, DATA), exact, rtol=1e-10)


def test_case_weights_stay_under_the_minibatch_factor():
    model = Model([Dense(2, "tanh")], prior=Normal())
    weights = jnp.linspace(0.5, 2.0, 24)
    data = (jnp.asarray(X), jnp.asarray(Y), None, weights)
    density = make_density(model, data)
    theta = jax.jit(density.start)(jax.random.key(0), data)
    value = jax.jit(density.log_likelihood)
    parts = [value(theta, take_rows(data, slice(i, i + 6))) for i in range(0, 24, 6)]
    np.testing.assert_allclose(sum(parts), value(theta, data), rtol=1e-8)
    assert not np.isclose(sum(parts), value(theta, (*data[:3], None)), rtol=1e-2)


@pytest.mark.slow
def test_a_start_of_a_deep_network_is_of_the_size_of_y():
    model = Model([Dense(16, "relu")] * 4, prior=Normal(scale=8.0, readout_scale=8.0))
    data = (jnp.asarray(X), jnp.asarray(Y))
    density = make_density(model, data)
    theta = density.start(jax.random.key(1), data)
    assert np.abs(density.sites(theta, data)["f"]).max() < 30
    assert np.std(theta) > 0.1  # shrunk, but not to nothing


# Closed forms


def test_the_mode_is_that_of_ridge_regression():
    found = draw(MAP(steps=3000, validation=None, restarts=2))
    assert found.values["b"].shape == (1, 1, 2)
    np.testing.assert_allclose(found.values["b"][0, 0], MODE, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adam", "sgd", "momentum", "rmsprop"])
def test_minibatches_reach_the_same_mode(optimizer):
    """The rate falls to zero at the end, so the remaining noise is a small part of a posterior sd (0.09)."""
    spec = MAP(optimizer, learning_rate=0.02, steps=4000, batch_size=8, validation=None, patience=1000)
    np.testing.assert_allclose(draw(spec).values["b"][0, 0], MODE, atol=0.02)


def test_adagrad_reaches_the_mode():
    """Its steps fall as one over the root of their number, so the first must be long."""
    spec = MAP("adagrad", learning_rate=0.3, steps=2000, validation=None, restarts=1)
    np.testing.assert_allclose(draw(spec).values["b"][0, 0], MODE, atol=1e-3)


@pytest.mark.slow
def test_decreasing_learning_rates_reach_the_mode_on_minibatches():
    """Steps of SGD of 1/t, under the conditions of Robbins and Monro, are averages: the error falls as 1/sqrt(t)."""
    spec = MAP("sgd", Polynomial(2.0, 40.0, 1.0), steps=20_000, batch_size=8, validation=None, patience=1000)
    np.testing.assert_allclose(draw(spec).values["b"][0, 0], MODE, atol=0.02)


def test_the_learning_rate_is_that_of_the_schedule():
    rate = OptimizerSettings("sgd", Polynomial(2.0, 40.0, 1.0), 100, None, None, 1, "double").rate()
    np.testing.assert_allclose([float(rate(i)) for i in (0, 10)], [2 / 40, 2 / 50], rtol=1e-6)
    falling = OptimizerSettings("sgd", 0.5, 100, None, None, 1, "double").rate()
    np.testing.assert_allclose([float(falling(i)) for i in (0, 50, 100)], [0.5, 0.5**1.5, 0], atol=1e-6)


def test_long_gradients_are_shortened_and_short_ones_kept():
    gradient = jnp.array([3.0, -4.0])
    np.testing.assert_allclose(optimize.clipped(gradient, 1.0), [0.6, -0.8], rtol=1e-6)
    np.testing.assert_array_equal(optimize.clipped(gradient, 6.0), gradient)
    np.testing.assert_array_equal(optimize.clipped(gradient, None), gradient)
    np.testing.assert_array_equal(optimize.clipped(jnp.zeros(2), 1.0), [0, 0])


def test_clipping_bounds_every_step():
    """SGD with steps of at most rate x clip = .01 cannot leave a ball of radius .01 x steps around its start."""
    found = draw(MAP("sgd", 0.1, steps=100, validation=None, restarts=1, clip=0.1))
    free = draw(MAP("sgd", 0.1, steps=100, validation=None, restarts=1))
    still = draw(MAP("sgd", 1e-9, steps=100, validation=None, restarts=1))  # the same start, from the same key
    start = still.values["b"][0, 0]
    assert np.linalg.norm(found.values["b"][0, 0] - start) <= 1.0
    np.testing.assert_allclose(free.values["b"][0, 0], MODE, atol=0.05)


def test_laplace_is_exact_for_a_gaussian():
    b = draw(Laplace(MAP(steps=300, validation=None))).values["b"].reshape(-1, 2)
    covariance = np.linalg.inv(PRECISION)
    z = (b.mean(axis=0) - MODE) / np.sqrt(np.diag(covariance) / len(b))
    assert np.abs(z).max() < 4
    np.testing.assert_allclose(np.cov(b.T) / covariance, 1.0, atol=4 * np.sqrt(2 / len(b)) * 2)


def test_newton_steps_reach_the_mode_from_afar():
    mode, curvature, decrement = laplace.polish(linear, np.array([50.0, -80.0]), DATA, 1.0)
    np.testing.assert_allclose(mode, MODE, rtol=1e-8)
    assert decrement < laplace.SMALL
    np.testing.assert_allclose(np.sort(curvature.values), np.linalg.eigvalsh(PRECISION), rtol=1e-8)


@pytest.mark.slow
def test_flat_directions_are_damped_and_said():
    def flat(x, y):
        numpyro.sample("b", dist.Normal(0.0, 10.0).expand([2]).to_event(1))

    damped = draw(Laplace(MAP(steps=100, validation=None)), flat)
    assert damped.attrs["laplace_damped"] == 2
    np.testing.assert_allclose(damped.attrs["laplace_lowest"], 0.01, rtol=1e-6)
    np.testing.assert_allclose(damped.values["b"].std(), 1.0, rtol=0.05)
    free = draw(Laplace(MAP(steps=100, validation=None), floor=1e-3), flat)
    assert free.attrs["laplace_damped"] == 0
    np.testing.assert_allclose(free.values["b"].std(), 10.0, rtol=0.05)


@pytest.mark.slow
def test_a_full_guide_finds_the_gaussian():
    """The bound's maximum is the posterior; the rest is noise of the optimiser, a tenth of an sd at the end."""
    b = draw(Variational("full", steps=4000, learning_rate=0.02)).values["b"].reshape(-1, 2)
    covariance = np.linalg.inv(PRECISION)
    assert np.abs((b.mean(axis=0) - MODE) / np.sqrt(np.diag(covariance))).max() < 0.15
    np.testing.assert_allclose(np.cov(b.T) / covariance, 1.0, atol=0.25)


@pytest.mark.slow
def test_a_mean_field_guide_is_as_narrow_as_theory_says():
    """The best independent normals have the precisions of the diagonal: too narrow where inputs correlate."""
    b = draw(Variational("mean_field", steps=4000, learning_rate=0.02)).values["b"].reshape(-1, 2)
    np.testing.assert_allclose(b.std(axis=0), 1 / np.sqrt(np.diag(PRECISION)), rtol=0.12)
    assert np.all(b.std(axis=0) < 0.9 * np.sqrt(np.diag(np.linalg.inv(PRECISION))))
    assert abs(np.corrcoef(b.T)[0, 1]) < 4 / np.sqrt(len(b))


@pytest.mark.slow
def test_a_guide_of_minibatches_is_as_narrow_as_one_of_all_rows():
    spec = Variational("mean_field", steps=2000, learning_rate=0.02, batch_size=10)
    b = draw(spec, data=(*DATA, None, np.ones(40))).values["b"].reshape(-1, 2)  # arrays of NumPy, as weights are
    np.testing.assert_allclose(b.std(axis=0), 1 / np.sqrt(np.diag(PRECISION)), rtol=0.3)


@pytest.mark.slow
def test_the_bound_is_the_evidence_where_the_guide_can_reach_it():
    run = draw(Variational("full", steps=4000, learning_rate=0.02))
    covariance = PRIOR**2 * DESIGN @ DESIGN.T + NOISE**2 * np.eye(40)
    exact = dist.MultivariateNormal(jnp.zeros(40), covariance).log_prob(TARGET)
    assert exact - 0.3 < run.attrs["elbo"] < exact + 5 * run.attrs["elbo_mcse"]


# Early stopping


def test_rows_are_split_once_and_all_used():
    fitted, held = split_rows(jax.random.key(0), 40, 0.1)
    assert len(held) == 4
    assert sorted([*fitted, *held]) == list(range(40))
    assert [len(part) for part in split_rows(jax.random.key(0), 3, 0.01)] == [2, 1]
    assert len(split_rows(jax.random.key(0), 40, None)[1]) == 0


@pytest.mark.slow
def test_early_stopping_ends_before_noise_is_fitted():
    """Ten tanh units on 30 rows of noise: the held-out score is best early, the posterior density at the end."""
    noise = np.random.default_rng(3).normal(size=30)
    x = np.linspace(-1, 1, 30)[:, None]
    settings = {"restarts": 1, "steps": 3000, "learning_rate": 0.02}
    model = Model([Dense(10, "tanh")])
    stopped = fit(model, x, noise, sampler=MAP(validation=0.3, patience=5, **settings), progress=False)
    through = fit(model, x, noise, sampler=MAP(validation=None, **settings), progress=False)
    steps = [int(f.idata["sample_stats"]["n_steps"].max()) for f in (stopped, through)]
    assert steps[0] < 1500 < steps[1]
    attrs = stopped.idata["posterior"].attrs
    assert attrs["validation"].startswith("9 of 30 rows held out")
    assert len(set(attrs["validation_rows"])) == 9
    assert through.idata["posterior"].attrs["validation"].startswith("no row")


# As fits


@pytest.fixture(scope="module")
def fits():
    with double(), compilation_cache_on():
        settings = {"draws": 10, "chains": 2, "progress": False}
        return {name: fit(SMALL, X, Y, sampler=spec, **settings) for name, spec in SPECS.items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", SPECS)
def test_the_same_fit_with_the_same_groups(name, fits):
    found = fits[name]
    groups = {"posterior", "sample_stats", "log_likelihood", "observed_data", "constant_data"}
    for group in groups:
        assert found.idata[group].data_vars
    posterior = found.idata["posterior"]
    shape = {"map": (1, 1), "ensemble": (3, 1)}.get(name, (2, 10))
    assert (posterior.sizes["chain"], posterior.sizes["draw"]) == shape
    assert posterior.attrs["approximate"] == 1
    assert set(posterior.data_vars) == set(SMALL.dims((1,)))
    assert predict(found, X, kind="mean").shape == (*shape, 24)
    if name != "map":
        assert len(np.unique(posterior["sigma"])) == np.prod(shape)


@pytest.mark.first_case
@pytest.mark.parametrize("name", ("variational", "map", "ensemble", "laplace"))
def test_the_key_decides(name):
    first, again, other = (draw(SPECS[name], draws=10, key=key).values["b"] for key in (0, 0, 1))
    np.testing.assert_array_equal(again, first)
    assert not np.any(other == first)


@pytest.mark.slow
@pytest.mark.parametrize("name", SPECS)
def test_classes_and_offsets(name):
    labels = np.array(["low", "high"])[(X[:, 0] > 0).astype(int)]
    found = fit(Model([Dense(2, "tanh")], likelihood=Categorical()), X, labels, sampler=SPECS[name], progress=False)
    probability = predict(found, X, kind="probability").mean(("chain", "draw"))
    assert (probability.sel({"class": "high"}).to_numpy()[-5:] > 0.5).all()
    counts = np.round(np.exp(1 + X[:, 0]))
    counted = fit(
        Model([Dense(2, "tanh")], likelihood=Poisson()),
        X,
        counts,
        sampler=SPECS[name],
        offset=np.ones(24),
        weights=np.ones(24),
        progress=False,
    )
    assert np.isfinite(counted.idata["log_likelihood"]["y"]).all()


def test_every_registered_approximation_is_tested_here():
    approximate = {name for name, make in SAMPLERS.items() if not issubclass(make, Chains)}
    assert approximate == {*SPECS, "mc_dropout"}  # which needs a layer that drops: test_mc_dropout.py
    assert all(SAMPLERS[name].approximate for name in approximate)


@pytest.mark.parametrize("name", SPECS)
def test_specs_pickle_and_hash(name):
    copy = pickle.loads(pickle.dumps(SPECS[name]))
    assert copy == SPECS[name]
    assert hash(copy) == hash(SPECS[name])


@pytest.mark.slow
def test_an_interrupted_optimisation_keeps_its_best(monkeypatch):
    original, rounds = optimize.call_all, []

    def interrupted(*arguments):
        rounds.append(None)
        if len(rounds) == 3:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(optimize, "call_all", interrupted)
    found = fit(SMALL, X, Y, sampler=MAP(steps=2000, restarts=2), progress=False)
    assert not found.complete
    assert int(found.idata["sample_stats"]["n_steps"].max()) <= 2 * EVALUATE_EVERY
    assert "Interrupted" in diagnose(found).verdict


# The verdict


@pytest.mark.parametrize("name", SPECS)
def test_the_verdict_says_approximation(name, fake_fit):
    found = diagnose(dataclasses.replace(fake_fit(SMALL, X, Y), sampler=SPECS[name]))
    assert not found.ok
    assert "APPROXIMATION" in found.verdict
    assert "reference=" in found.verdict
    assert found.agreement is None
    assert "sd" in str(found)


def test_a_reference_shows_how_far(fake_fit):
    spec = Laplace(QUICK)

    def calm(values):  # the prior of sigma has no variance that repeats
        values["sigma"] = 0.1 + 0.05 * np.random.default_rng(len(values)).uniform(size=values["sigma"].shape)

    base = fake_fit(SMALL, X, Y, draws=200, change=calm)
    same = dataclasses.replace(fake_fit(SMALL, X, Y, draws=200, key=1, change=calm), sampler=spec)
    near = diagnose(same, reference=base)
    assert near.ok
    assert "Close to" in near.verdict

    def double_noise(values):
        calm(values)
        values["sigma"] *= 2.0

    wide = dataclasses.replace(fake_fit(SMALL, X, Y, draws=200, change=double_noise), sampler=spec)
    far = diagnose(wide, reference=base)
    assert not far.ok
    assert "FAR FROM" in far.verdict
    np.testing.assert_allclose(far.agreement.loc["sigma", "sd_ratio"], 2.0, rtol=1e-6)
    np.testing.assert_allclose(far.agreement.loc["f, worst", "shift"], 0.0, atol=1e-10)


def test_agreement_in_numbers(fake_fit):
    base = fake_fit(SMALL, X, Y, draws=100)

    def moved(values):
        values["intercept"] += 3.0

    table = agreement(fake_fit(SMALL, X, Y, draws=100, change=moved), base)
    from bayesnn.evaluation.agreement import function_values

    sd = function_values(base).reshape(400, -1).std(axis=0)
    np.testing.assert_allclose(table.loc["f, worst", "shift"], (3.0 * np.std(Y) / sd).max(), rtol=1e-8)
    np.testing.assert_allclose(table.loc["f, median", "sd_ratio"], 1.0, rtol=1e-8)
    assert not close(table)
    with pytest.raises(ValueError, match="same rows"):
        agreement(base, fake_fit(SMALL, X[::-1], Y))


@pytest.mark.slow
def test_a_check_runs_markov_chains():
    found = fit(shallow(1), X, Y, sampler=Laplace(QUICK), draws=200, chains=2, progress=False)
    verdict = diagnose(found, check=True)
    assert verdict.agreement.loc["f, median", "shift"] < 1.0
    labels = np.array([("a", 1), ("b", 2)], dtype=[("s", "U1"), ("i", int)])[(X[:, 0] > 0).astype(int)]
    classes = np.empty(24, dtype=object)
    classes[:] = [tuple(label) for label in labels.tolist()]
    classified = fit(Model([Dense(2, "tanh")], likelihood=Categorical()), X, classes, sampler=Laplace(QUICK), draws=50)
    assert diagnose(classified, check=True).agreement is not None


# Members that fail


def spoiled(values):
    """The third chain predicts a constant ten, with errors far too small."""
    values["beta"][2] = 0.0
    values["intercept"][2] = 10.0
    values["sigma"][2] = 0.1
    values["stat energy_variance"] = np.full(values["sigma"].shape, 0.02)


def test_chains_below_a_linear_model_are_named_and_dropped(fake_fit):
    found = dataclasses.replace(fake_fit(SMALL, X, Y, change=spoiled), sampler=MCLMC())
    bar = against_linear(found)
    assert 2 in bar.failed
    verdict = diagnose(found)
    assert not verdict.ok
    assert "2" in verdict.verdict.split("Chain(s)")[1].split(" do worse")[0]
    assert "drop_chains" in verdict.verdict
    assert "not adjusted" in verdict.verdict and "0.02" in verdict.verdict
    assert 2 not in {int(i) for i in np.flatnonzero(np.isin(drop_chains(found, 2).idata["posterior"].chains_kept, 2))}
    plain = fake_fit(SMALL, X, Y, change=spoiled)  # no ensemble: chains are not members
    assert "linear model" not in diagnose(plain).verdict


def test_the_linear_bar_is_ridge_frequencies_and_a_rate(fake_fit):
    data = fake_fit(SMALL, X, 3 * Y, draws=2).data
    assert linear_log_density(data, SMALL.likelihood).mean() == pytest.approx(
        linear_log_density(fake_fit(SMALL, X, Y, draws=2).data, SMALL.likelihood).mean() - np.log(3)
    )
    slope, intercept = np.polyfit(X[:, 0], 3 * Y, 1)
    sd = np.std(3 * Y - slope * X[:, 0] - intercept)
    least_squares = -np.log(sd * np.sqrt(2 * np.pi)) - 0.5
    assert 0 < least_squares - linear_log_density(data, SMALL.likelihood).mean() < 0.05  # the ridge costs a little


def test_chains_are_selected_and_numbered_anew(fake_fit):
    found = fake_fit(SMALL, X, Y, chains=4)
    part = select_chains(found, (3, 1))
    posterior = part.idata["posterior"]
    assert list(posterior["chain"].to_numpy()) == [0, 1]
    assert list(posterior.attrs["chains_kept"]) == [3, 1]
    for group in ("posterior", "sample_stats", "log_likelihood"):
        for name, values in part.idata[group].data_vars.items():
            np.testing.assert_array_equal(values.to_numpy(), found.idata[group][name].to_numpy()[[3, 1]])
    assert list(drop_chains(part, 0).idata["posterior"].attrs["chains_kept"]) == [1]
    assert part.idata["observed_data"].sizes == found.idata["observed_data"].sizes
    assert found.idata["posterior"].sizes["chain"] == 4


@pytest.mark.parametrize("chains", [4, -1, (0, 0), (), 1.5, True])
def test_chains_that_are_not_there_are_refused(chains, fake_fit):
    with pytest.raises(ValueError, match="chains must"):
        select_chains(fake_fit(SMALL, X, Y, chains=4, draws=2), chains)


def test_dropping_every_chain_is_refused(fake_fit):
    with pytest.raises(ValueError, match="at least one"):
        drop_chains(fake_fit(SMALL, X, Y, chains=2, draws=2), (0, 1))


# Messages


@pytest.mark.parametrize(
    "make",
    [
        lambda: MAP(optimizer="newton"),
        lambda: MAP(learning_rate=0.0),
        lambda: MAP(learning_rate="falling"),
        lambda: MAP(clip=0.0),
        lambda: MAP(steps=0),
        lambda: MAP(validation=1.0),
        lambda: MAP(batch_size=0),
        lambda: MAP(precision="half"),
        lambda: Ensemble(0),
        lambda: Ensemble(member="adam"),
        lambda: Laplace(MAP()),
        lambda: Laplace(floor=0.0),
        lambda: Variational("normal"),
        lambda: Variational(particles=0),
        lambda: Variational(start="map"),
        lambda: MCLMC(energy_variance=0.0),
        lambda: MCLMC(length=-1.0),
        lambda: MCLMC(start="map"),
        lambda: MCLMC(precision="half"),
    ],
)
def test_impossible_settings_are_refused(make):
    with pytest.raises(ValueError, match="must be|unknown"):
        make()


@pytest.mark.parametrize("spec", [MAP(), MAP(batch_size=4, validation=None), Variational(batch_size=4)])
def test_a_marginal_likelihood_does_not_split(spec):
    with pytest.raises(ValueError, match="does not split into rows"):
        fit(SMALL, X, Y, sampler=spec, marginalize=True, progress=False)


def test_the_linear_bar_counts_rows_as_often_as_their_weight_says(fake_fit):
    weights = np.r_[np.arange(23.0) % 3, 0.0]
    rows = np.repeat(np.arange(24), weights.astype(int))
    labels = np.array(["a", "b", "b", "a"] * 6)
    labels[-1] = "alone"  # a class that occurs in a row of weight zero has no code
    cases = [
        (SMALL, Y),
        (shallow(1, likelihood=Bernoulli()), labels),
        (shallow(1, likelihood=Poisson()), np.arange(24)),
    ]
    for model, y in cases:
        weighted = fake_fit(model, X, y, weights=weights, draws=2)
        repeated = fake_fit(model, X[rows], y[rows], draws=2)
        one, two = (linear_log_density(fit.data, fit.model.likelihood) for fit in (weighted, repeated))
        np.testing.assert_allclose(np.repeat(one, weights.astype(int)), two, rtol=1e-9)
        assert against_linear(weighted).linear == pytest.approx(two.mean())
    panel = lagged({"a": Y, "b": 2 * Y[3:]}, 1)  # where rows carry the number of their series beside an offset
    one, two = (fake_fit(shallow(1, likelihood=kind), panel, draws=2).data for kind in (PanelGaussian(), Gaussian()))
    np.testing.assert_array_equal(*(linear_log_density(data, SMALL.likelihood) for data in (one, two)))
