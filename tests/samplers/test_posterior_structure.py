"""Posterior probabilities of architectures: both samplers, brute force, and data whose architecture is known."""

import functools

import geweke
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import test_geweke
from scipy import stats
from scipy.special import logsumexp

import bayesnn as bnn
from bayesnn._internal import runtime
from bayesnn.fitting.binding import bind_lags
from bayesnn.models import readout
from bayesnn.samplers.gibbs.unit_moves import activations

METHODS = ("exact", "birth_death")
ESS = 400  # effective draws of the number of units that a comparison needs


@functools.cache
def tiny_model():
    return bnn.shallow(bnn.Geometric(0.8, 2), hyper=test_geweke.HYPER, intercept=True)


def tiny_data():
    x = test_geweke.X
    return x, np.array([0.4, 0.9, -0.3, 0.1, 1.2, 1.0])


# No data: the prior must come back exactly


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_without_rows_the_number_of_units_has_its_prior(method):
    """Independent chains of sweeps on no rows at all, each from a network of one or more units."""
    model = bind_lags(bnn.shallow(bnn.Geometric(0.6, 3), linear="random", lags="random"), 2)
    sampler = bnn.Gibbs(sweeps=25, candidates=2, structure=method)
    x, y = jnp.zeros((0, 2)), jnp.zeros(0)

    def chain(key):
        key_start, key_run = jax.random.split(key)
        state = sampler.init(key_start, model, x, y)._replace(noise_precision=jnp.asarray(1.0))
        return sampler.step(key_run, state, model, x, y)[0].structure

    with runtime.double():
        found = geweke.in_blocks(chain)(jax.random.split(jax.random.key(0), 4000))
    for values, (name, prior) in zip(found, model.architecture.probabilities().items()):
        counts = np.array([np.sum(np.asarray(values) == value) for value in prior])
        assert counts.sum() == 4000
        assert stats.chisquare(counts, 4000 * np.array(list(prior.values()))).pvalue > 1e-4, name


# Tiny data: brute force over the prior


@runtime.computing
def brute_force(draws=400_000):
    """log p(y | M) and standard errors: the density with the readout integrated out, averaged over the prior."""
    model = tiny_model()
    x, y = (jnp.asarray(a) for a in tiny_data())
    inputs = jnp.concatenate([jnp.ones((1, len(y))), x.T])

    def one(key):
        sites = geweke.shallow_prior(key, model, 1)
        z = activations(sites["gamma"], inputs)

        def density(units):
            design = jnp.concatenate([z[:units].T, jnp.ones((len(y), 1))], axis=1)
            terms = model.terms((1,))._replace(units=units)
            prior = model.prior.collapsed_given(terms, sites["sigma_beta"] ** 2)
            return readout.log_marginal(readout.products(design, y), prior, sites["sigma"] ** -2)

        return jnp.stack([density(units) for units in range(3)])

    logs = np.asarray(geweke.in_blocks(one)(jax.random.split(jax.random.key(1), draws)))
    ratios = np.exp(logs - logs.max(axis=0))
    relative = ratios.std(axis=0) / ratios.mean(axis=0) / np.sqrt(draws)
    assert (relative < 0.05).all()
    return logsumexp(logs, axis=0) - np.log(draws), relative


@pytest.mark.slow
def test_probabilities_are_those_of_brute_force():
    x, y = tiny_data()
    evidence, relative = brute_force()
    logits = evidence + np.log(0.8) * np.arange(3)
    expected = np.exp(logits - logsumexp(logits))
    error = expected * (1 - expected) * np.sqrt(3) * relative.max()
    for method in METHODS:
        fit = bnn.fit(
            tiny_model(), x, y, sampler=bnn.Gibbs(structure=method), draws=4000, standardize=False, progress=False
        )
        table = bnn.architectures(fit, by="M")
        assert table["ess"].min() > ESS
        z = (table["probability"] - expected) / np.hypot(table["se"], error)
        assert z.abs().max() < 4, (method, table, expected)


# Data whose architecture is known


def two_units(n=150):
    rng = np.random.default_rng(5)
    x = rng.uniform(-3, 3, size=n)
    f = 2 / (1 + np.exp(-4 * (x + 1.2))) - 3 / (1 + np.exp(-5 * (x - 1.0)))
    return x[:, None], f + 0.1 * rng.normal(size=n)


@pytest.mark.slow
def test_both_samplers_find_the_two_units_of_the_truth():
    x, y = two_units()
    model = bnn.shallow(bnn.Geometric(0.5, 6), intercept=True)  # without, a third unit stands in for the centring of y
    tables = []
    for method in METHODS:
        fit = bnn.fit(model, x, y, sampler=bnn.Gibbs(structure=method), draws=2000, progress=False)
        tables.append(bnn.architectures(fit, by="M"))
        assert tables[-1]["ess"][tables[-1]["probability"] > 0.01].min() > ESS
        assert tables[-1]["probability"].idxmax() == 2
        assert tables[-1]["probability"][[0, 1]].sum() < 1e-3
    exact, jumps = tables
    often = exact["probability"] > 0.01  # standard errors of what is rare are themselves unsure
    z = ((exact["probability"] - jumps["probability"]) / np.hypot(exact["se"], jumps["se"]))[often]
    assert z.abs().max() < 4


def autoregression(n=200):
    """A linear AR(2) and three lags of it."""
    rng = np.random.default_rng(6)
    values = np.zeros(n + 50)
    for t in range(2, n + 50):
        values[t] = 0.5 * values[t - 1] + 0.35 * values[t - 2] + rng.normal()
    return np.column_stack([values[49 - k : -1 - k] for k in range(3)]), values[50:]


@pytest.mark.slow
def test_a_linear_autoregression_is_found_to_be_one():
    x, y = autoregression()
    model = bind_lags(bnn.shallow(bnn.Geometric(0.5, 4), linear="random", lags="random"), 3)
    fit = bnn.fit(model, x, y, draws=500, warmup=300, progress=False)
    best = bnn.architectures(fit).index[0]
    assert best == (0, 1, 2)
    assert bnn.architectures(fit, by="linear_in")["probability"][1] > 0.9
    assert bnn.architectures(fit, by="lag_order")["probability"].idxmax() == 2
    assert bnn.diagnose(fit).table.loc[["M", "lag_order"], "r_hat"].max() < 1.02
