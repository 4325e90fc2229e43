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

from bayesnn import Gaussian, Gibbs, ShallowHyperparameters, conditionals, shallow
from bayesnn._runtime import computing
from bayesnn.samplers import proposals
from bayesnn.samplers.proposals import PROPOSALS, Proposal

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
DRAWS, WARMUP, SWEEPS = 31, 20, 25  # 31 draws give 32 ranks, two a bin; a step has 25 sweeps, so draws hardly correlate
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

    ranks = geweke.in_blocks(one)(jax.random.split(jax.random.key(key), DATA_SETS))
    counts = {name: np.bincount(np.asarray(r) * BINS // (DRAWS + 1), minlength=BINS) for name, r in ranks.items()}
    return {name: float(stats.chisquare(count).pvalue) for name, count in counts.items()}


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
    """Right in every step, but it moves nothing: what the joint-distribution test cannot see."""
    monkeypatch.setattr(Gibbs, "step", lambda self, key, state, model, x, y: (state, None))
    assert not calibrated(p_values(Gibbs(sweeps=SWEEPS)))
