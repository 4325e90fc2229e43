"""Random architectures: the prior, the masks, how a model and a fit use them, and errors."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pandas as pd
import pytest
from numpyro import handlers
from scipy import stats

import bayesnn as bnn
from bayesnn._internal import runtime
from bayesnn.fitting.binding import bind_lags
from bayesnn.likelihoods import Likelihood
from bayesnn.models.random_architecture import Architecture, Structure, masks, used_inputs

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 3))
Y = np.sin(X[:, 0]) + 0.3 * X[:, 1]
EVERYTHING = bind_lags(bnn.shallow(bnn.Geometric(0.6, 4), intercept=True, linear="random", lags="random"), 2)


class Laplace(Likelihood):
    """A likelihood that no sweep for shallow networks serves."""

    def distribution(self, f, **nuisance):
        return dist.Laplace(f, 1.0)


# The prior


def test_the_number_of_units_is_geometric_on_its_range():
    prior = bnn.Geometric(0.4, 3)
    np.testing.assert_allclose(prior.probabilities(), np.array([1, 0.4, 0.16, 0.064]) / 1.624, rtol=1e-12)
    np.testing.assert_allclose(bnn.Geometric(1, 3).probabilities(), np.full(4, 0.25), rtol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.0, 3), "alpha must be a finite number above zero, got 0.0"),
        ((1.5, 3), "alpha must be above 0 and at most 1, got 1.5"),
        ((0.5, 0), "maximum must be a whole number of at least 1, got 0"),
        ((0.5, 2.5), "maximum must be a whole number of at least 1, got 2.5"),
    ],
)
def test_impossible_priors_of_the_number(arguments, message):
    with pytest.raises(ValueError, match=message):
        bnn.Geometric(*arguments)


def test_the_masks_of_one_architecture():
    random = Architecture(bnn.Geometric(0.5, 3), linear=True, lags=2)
    found = masks(random, Structure(2, 1, 1), 3, (1, 4))
    np.testing.assert_array_equal(found.units, [1, 1, 0])
    np.testing.assert_array_equal(found.inputs, [1, 0, 1, 1])  # two lags, the second not used, and two other inputs
    np.testing.assert_array_equal(found.coefficients, [1, 1, 0, 1, 1, 0, 1, 1])
    without = masks(random, Structure(2, 0, 1), 3, (1, 4))
    np.testing.assert_array_equal(without.coefficients, [1, 1, 0, 1, 0, 0, 0, 0])
    np.testing.assert_array_equal(used_inputs(Architecture(), 0, 2), [1, 1])


# shallow


def test_nothing_random_is_the_model_it_was():
    assert bnn.shallow(3, linear=True).architecture is None
    assert bnn.shallow(bnn.Geometric(0.5, 4)).architecture == Architecture(bnn.Geometric(0.5, 4))
    assert bnn.shallow(3, linear="random").architecture == Architecture(linear=True)
    assert bnn.shallow(3, linear="random").linear
    assert hash(EVERYTHING) == hash(EVERYTHING)


def test_random_sites_are_reported():
    sites = {"M": (), "linear_in": (), "lag_order": ()}
    assert sites.items() <= EVERYTHING.dims((3,)).items()
    assert EVERYTHING.dims((3,))["gamma"] == ("unit", "input")
    assert sites.keys().isdisjoint(bnn.shallow(3).dims((3,)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden": 2, "linear": "maybe"}, "linear must be True, False or \"random\", got 'maybe'"),
        ({"hidden": 2, "lags": 3}, 'lags must be None or "random", got 3'),
        ({"hidden": 0, "linear": "random"}, "hidden must be a whole number"),
        ({"hidden": bnn.Geometric(), "likelihood": Laplace()}, "a Gibbs sweep .* serves, .*got Laplace with neither"),
    ],
)
def test_what_shallow_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        bnn.shallow(**options)


# The model function


@pytest.fixture(scope="module")
def prior_draws():
    idata = bnn.prior_predictive(EVERYTHING, X, draws=2000, standardize=False)
    return {name: values.to_numpy()[0] for name, values in idata["prior"].data_vars.items()}


@pytest.mark.slow
def test_prior_draws_have_the_prior_of_the_architecture(prior_draws):
    for name, prior in EVERYTHING.architecture.probabilities().items():
        counts = [np.sum(prior_draws[name] == value) for value in prior]
        assert sum(counts) == 2000
        assert stats.chisquare(counts, 2000 * np.array(list(prior.values()))).pvalue > 1e-4, name


def test_what_is_not_used_is_zero(prior_draws):
    used = np.arange(4) < prior_draws["M"][:, None]
    np.testing.assert_array_equal(prior_draws["beta"] != 0, used)
    lags = np.array([[True, True, True]]) & ((np.arange(3) < prior_draws["lag_order"][:, None]) | (np.arange(3) >= 2))
    np.testing.assert_array_equal(prior_draws["linear"] != 0, lags & (prior_draws["linear_in"] == 1)[:, None])


def test_function_values_are_those_of_the_smaller_network(prior_draws):
    for i in range(20):
        draw = {name: values[i] for name, values in prior_draws.items()}
        x = X.copy()
        x[:, draw["lag_order"] : 2] = 0.0
        m = int(draw["M"])
        z = 1 / (1 + np.exp(-(draw["gamma"][:m, 0] + x @ draw["gamma"][:m, 1:].T)))
        f = z @ draw["beta"][:m] + draw["intercept"] + x @ draw["linear"]
        np.testing.assert_allclose(draw["f"], f, rtol=1e-9, atol=1e-12)
        with runtime.double():
            sites = {name: draw[name] for name in EVERYTHING.dims((3,))}
            np.testing.assert_allclose(EVERYTHING.function(sites, X), f, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("likelihood", [bnn.Categorical(("a", "b", "c")), bnn.Gaussian(outputs_named=("a", "b", "c"))])
def test_what_is_not_used_is_zero_in_every_output(likelihood):
    """Three coefficients and three outputs, so that a mask along the wrong axis would go unnoticed."""
    model = bnn.shallow(bnn.Geometric(1.0, 2), likelihood=likelihood, intercept=True, linear=False)

    @jax.jit
    @jax.vmap
    def drawn(key):
        trace = handlers.trace(handlers.seed(model, key)).get_trace(jnp.ones((2, 1)))
        return {name: trace[name]["value"] for name in ("M", "beta", "intercept")}

    draws = {name: np.asarray(value) for name, value in drawn(jax.vmap(jax.random.key)(np.arange(12))).items()}
    for units, beta in zip(draws["M"], draws["beta"], strict=True):
        np.testing.assert_array_equal(beta != 0, np.tile((np.arange(2) < units)[:, None], (1, 3)))
    assert (draws["intercept"] != 0).all()
    assert set(draws["M"].tolist()) == {0, 1, 2}


@pytest.mark.slow
def test_the_model_is_a_numpyro_model():
    trace = handlers.trace(handlers.seed(EVERYTHING, jax.random.key(0))).get_trace(np.ones((5, 3)))
    assert {"M", "linear_in", "lag_order"} <= {n for n, site in trace.items() if site["type"] == "sample"}


# Lags


def test_a_lag_order_needs_to_know_the_lags():
    unbound = bnn.shallow(2, lags="random")
    for run in (lambda: bnn.fit(unbound, X, Y), lambda: bnn.prior_predictive(unbound, X)):
        with pytest.raises(ValueError, match='lags="random" needs data that say which columns are lags'):
            run()
    with pytest.raises(ValueError, match="the lag order goes up to 4, but there are only 3 inputs"):
        bnn.fit(bind_lags(unbound, 4), X, Y)
    assert bind_lags(unbound, 2).architecture.lags == 2
    assert bind_lags(bnn.shallow(2), 2) == bnn.shallow(2)


# Samplers


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sampler": "nuts"}, 'a random architecture needs sampler="gibbs", which moves between networks, got NUTS'),
        ({"sampler": "nuts", "marginalize": True}, 'needs sampler="gibbs"'),
        ({"sampler": "hmc"}, 'needs sampler="gibbs"'),
        ({"sampler": "map"}, 'needs sampler="gibbs"'),
        ({"sampler": "laplace"}, 'needs sampler="gibbs"'),
        ({"sampler": "variational"}, 'needs sampler="gibbs"'),
        ({"sampler": "ensemble"}, 'needs sampler="gibbs"'),
        ({"sampler": "mclmc"}, 'needs sampler="gibbs"'),
        ({"sampler": bnn.Gibbs(weights="hmc")}, 'weights="hmc" does not move between architectures'),
    ],
)
def test_only_sweeps_for_shallow_networks_move_between_architectures(options, message):
    with pytest.raises(ValueError, match=message):
        bnn.fit(bnn.shallow(bnn.Geometric()), X, Y, **options)


def test_evidence_is_refused():
    model = bnn.shallow(bnn.Geometric())
    with pytest.raises(ValueError, match="log_marginal_likelihood needs a fixed architecture"):
        bnn.log_marginal_likelihood(model, X, Y)
    with pytest.raises(ValueError, match="unknown structure 'jump': choose one of 'exact', 'birth_death'"):
        bnn.Gibbs(structure="jump")


# What reads a fit


@pytest.fixture(scope="module")
def fit(fake_fit):
    return fake_fit(EVERYTHING, pd.DataFrame(X, columns=["lag 1", "lag 2", "other"]), Y)


@pytest.mark.slow
def test_idle_units_come_last_and_those_in_use_are_in_order(fit):
    posterior = fit.idata["posterior"]
    used = np.arange(4) < posterior["M"].to_numpy()[..., None]
    np.testing.assert_array_equal(posterior["beta"].to_numpy() != 0, used)
    slopes = np.where(used, posterior["gamma"].to_numpy()[..., 1], np.inf)
    assert (slopes[..., 1:] >= slopes[..., :-1]).all()
    sampled = bnn.as_sampled(fit.idata)
    np.testing.assert_array_equal(sampled["beta"] != 0, used)


def test_free_functions_read_it(fit):
    table = pd.DataFrame(X[:5], columns=["lag 1", "lag 2", "other"])
    expected = np.stack(
        [
            fit.data.scaling.inverse(np.asarray(fit.model.function(d, fit.data.scaling.inputs(X[:5]))))
            for d in ({n: v[i] for n, v in fit.draws().items()} for i in range(3))
        ]
    )
    found = bnn.predict(fit, table).to_numpy().reshape(-1, 5)[:3]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)  # single precision outside
    bnn.evaluate(fit, table, Y[:5])
    bnn.partial_dependence(fit, "lag 1")
    bnn.relevance(fit, repeats=1)
    bnn.average_marginal_effects(fit)
    assert {"M", "linear_in", "lag_order"} <= set(bnn.diagnose(fit).table.index)
    with pytest.raises(ValueError, match="does not see which lags a draw leaves out"):
        bnn.relevance(fit, method="ard")
