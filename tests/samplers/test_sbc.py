"""Simulation-based calibration: ranks of the true parameters among posterior draws are uniform.

S. Talts, M. Betancourt, D. Simpson, A. Vehtari and A. Gelman (2018), Validating Bayesian inference algorithms with
simulation-based calibration. Many small data sets, each from parameters drawn from the prior, are fitted at once, from
the sampler's own start; what a joint-distribution test cannot see, a chain that never forgets its start, shows here.
"""

import geweke
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from bayesnn import (
    Bernoulli,
    Dense,
    Gaussian,
    Gibbs,
    Hierarchical,
    Model,
    Normal,
    ShallowHyperparameters,
    StudentT,
    shallow,
)
from bayesnn._internal import conditionals
from bayesnn._internal.runtime import computing
from bayesnn.samplers.gibbs import proposals
from bayesnn.samplers.gibbs.proposals import PROPOSALS, Proposal
from bayesnn.samplers.gibbs.weight_moves import WeightGibbs

pytestmark = pytest.mark.slow

HYPER = ShallowHyperparameters(
    noise_guess=0.05,
    noise_size=8.0,
    readout_guess=1.0,
    readout_size=8.0,
    readout_mean=0.5,
    unit_guess=((1.5, 0.3), (0.3, 1.0)),
    unit_size=8,
    unit_mean=(0.2, -0.3),
    unit_mean_variance=0.6,
)
MODEL = shallow(2, hyper=HYPER)
X = np.linspace(-1.5, 1.5, 10)[:, None]
PLACES = np.array([-2.5, 0.0, 1.0])[:, None]

DATA_SETS, BINS = 512, 16
DRAWS, WARMUP, SWEEPS = 31, 20, 25  # 31 draws give 32 ranks, two per bin; 25 sweeps per step, so draws hardly correlate
LEVEL = 1e-3  # of the whole test


def statistics(sites):
    return {
        **{f"f({x})": v for x, v in zip(PLACES[:, 0], MODEL.function(sites, jnp.asarray(PLACES)))},
        "sigma": sites["sigma"],
        "mu_beta": sites["mu_beta"],
        "sigma_beta": sites["sigma_beta"],
        "log det S_gamma": jnp.linalg.slogdet(sites["S_gamma"])[1],
    }


@computing
def p_values(sampler, key=31):
    """P-value of uniform ranks of every statistic, by chi-square."""

    def one(key):
        key_prior, key_y, key_start, key_steps = jax.random.split(key, 4)
        truth = geweke.shallow_prior(key_prior, MODEL, 1)
        y = geweke.simulated(key_y, MODEL, truth, X)
        x = jnp.asarray(X)

        def step(state, key):
            state, _ = sampler.step(key, state, MODEL, x, y)
            return state, statistics(sampler.sites(state, MODEL, x))

        start = sampler.init(key_start, MODEL, x, y)
        _, drawn = jax.lax.scan(step, start, jax.random.split(key_steps, WARMUP + DRAWS))
        return {name: jnp.sum(drawn[name][WARMUP:] < v) for name, v in statistics(truth).items()}

    return uniform(geweke.in_blocks(one)(jax.random.split(jax.random.key(key), DATA_SETS)))


def uniform(ranks):
    """P-values by chi-square."""
    counts = {name: np.bincount(np.asarray(r) * BINS // (DRAWS + 1), minlength=BINS) for name, r in ranks.items()}
    return {name: float(stats.chisquare(count).pvalue) for name, count in counts.items()}


# The general sampler: classes and heavy-tailed errors

X_CLASSES = np.linspace(-1.5, 1.5, 14)[:, None]
GENERAL = {
    "bernoulli": (
        Model([Dense(2, "tanh")], Bernoulli((False, True)), Hierarchical(1.2, 8.0, 2.0, source_size=8.0)),
        WeightGibbs("slice", steps=4, sweeps=25),
    ),
    "student_t": (
        Model([Dense(2, "tanh")], StudentT(3.0, 0.1, 8.0), Normal(1.2, 1.4, 0.8)),
        WeightGibbs("hmc", steps=10, sweeps=10),
    ),
}


def general_statistics(model, sites):
    scales = {n: jnp.ravel(sites[n])[0] for n in model.dims((1,)) if n.endswith("_scale")}
    nuisance = {name: sites[name] for name in model.likelihood.dims if name != "df"}  # it is given, a constant
    f = model.function(sites, jnp.asarray(PLACES))
    return {**{f"f({x})": v for x, v in zip(PLACES[:, 0], f)}, **scales, **nuisance, "intercept": sites["intercept"]}


@computing
def general_p_values(model, sampler, key=32):
    """The same for the sampler that moves all weights; the step size, where there is one, is tuned in warm-up."""
    x = jnp.asarray(X_CLASSES)

    def one(key):
        key_prior, key_y, key_start, key_steps = jax.random.split(key, 4)
        truth = geweke.model_prior(key_prior, model, x)
        nuisance = {name: truth[name] for name in model.likelihood.dims}
        y = model.likelihood.distribution(model.function(truth, x), **nuisance).sample(key_y)

        def step(state, pair):
            key, iteration = pair
            new, info = sampler.step(key, state, model, x, y)
            adapted = sampler.adapt(new, info, iteration)
            new = jax.tree.map(lambda a, b: jnp.where(iteration < WARMUP, a, b), adapted, new)
            return new, general_statistics(model, sampler.sites(new, model, x))

        keys = jax.random.split(key_steps, WARMUP + DRAWS)
        start = sampler.init(key_start, model, x, y)
        _, drawn = jax.lax.scan(step, start, (keys, jnp.arange(WARMUP + DRAWS)))
        return {name: jnp.sum(drawn[name][WARMUP:] < v) for name, v in general_statistics(model, truth).items()}

    return uniform(geweke.in_blocks(one)(jax.random.split(jax.random.key(key), DATA_SETS)))


@pytest.mark.parametrize("name", GENERAL)
def test_the_general_sampler_is_calibrated(name):
    values = general_p_values(*GENERAL[name])
    assert calibrated(values), values


def test_errors_that_are_thought_normal_are_seen(monkeypatch):
    """t errors whose mixture is dropped from the precision's update."""

    def update(self, key, latents, f, y, weights):
        precision = conditionals.draw_precision(key, jnp.sum((y - f) ** 2), len(y), self.noise_guess, self.noise_size)
        return latents | {"noise_precision": precision}

    monkeypatch.setattr(StudentT, "update", update)
    values = general_p_values(*GENERAL["student_t"])
    assert not calibrated(values), values


def calibrated(values):
    return min(values.values()) > LEVEL / len(values)


@pytest.mark.parametrize("proposal", ["slice", "random_walk"])
def test_gibbs_is_calibrated(proposal):
    values = p_values(Gibbs(proposal, sweeps=SWEEPS))
    assert calibrated(values), values


def test_half_the_rows_in_the_noise_are_seen(monkeypatch):
    def update(self, key, squares, count):
        return conditionals.draw_precision(key, squares, count / 2, self.noise_guess, self.noise_size)

    monkeypatch.setattr(Gaussian, "draw_precision", update)
    values = p_values(Gibbs(sweeps=SWEEPS))
    assert not calibrated(values), values


def test_a_missing_prior_ratio_is_seen(monkeypatch):
    def propose(*arguments):
        candidates = proposals.random_walk(*arguments)
        return candidates._replace(log_weight=jnp.zeros_like(candidates.log_weight))

    monkeypatch.setitem(PROPOSALS, "wrong", Proposal(propose, proposals.weighted))
    values = p_values(Gibbs("wrong", sweeps=SWEEPS))
    assert not calibrated(values), values


def test_a_chain_that_keeps_its_start_is_seen(monkeypatch):
    """A step that is exact but never moves, which the joint-distribution test cannot detect."""
    monkeypatch.setattr(Gibbs, "step", lambda self, key, state, model, x, y: (state, None))
    assert not calibrated(p_values(Gibbs(sweeps=SWEEPS)))
