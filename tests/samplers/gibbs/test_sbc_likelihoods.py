"""Simulation-based calibration of the fast sweeps, for every likelihood: each from its own start, tuned in warm-up.

As `test_sbc`, with the models and priors of the joint-distribution tests, which start at the right state.
"""

from __future__ import annotations

import geweke
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import test_geweke
import test_geweke_augmented as augmented
import test_geweke_joint as joint_tests
import test_geweke_outputs as outputs
from scipy import stats

from bayesnn import Bernoulli, Gibbs
from bayesnn._internal.runtime import computing
from bayesnn.samplers.gibbs import joint
from bayesnn.samplers.gibbs.joint import JointGibbs

pytestmark = pytest.mark.slow

X = test_geweke.X
DATA_SETS, DRAWS, WARMUP, BINS = 256, 15, 20, 8
LEVEL = 1e-3  # of a whole test
COLLAPSED, JOINT = Gibbs(sweeps=25), JointGibbs(trajectory=10, sweeps=12)
CASES = {
    "bernoulli": (augmented, augmented.CASES["bernoulli-plain"], COLLAPSED),
    "student-t": (augmented, augmented.CASES["student-t"], COLLAPSED),
    "negative-binomial": (augmented, augmented.CASES["negative-binomial"], COLLAPSED),
    "outputs": (outputs, outputs.CASES["outputs"], COLLAPSED),
    "categorical": (joint_tests, joint_tests.CASES["categorical"], JOINT),
    "poisson": (joint_tests, joint_tests.CASES["poisson"], JOINT),
    "heteroskedastic": (joint_tests, joint_tests.CASES["heteroskedastic"], JOINT),
}


def statistics(sites, model):
    """Function values at two rows, those of the last function too, hyperparameters and nuisance parameters."""
    f = model.function(sites, X).reshape(len(X), -1)
    values = {"f": f[0, 0], "f of another row": f[-1, -1], "mu_beta": sites["mu_beta"].reshape(-1)[0]}
    values |= {"sigma_beta": sites["sigma_beta"].reshape(-1)[-1], "mu_gamma": sites["mu_gamma"][1]}
    values |= {"log det S_gamma": jnp.linalg.slogdet(sites["S_gamma"])[1]}
    fixed = ("df",) if getattr(model.likelihood, "df", None) else ()
    return values | {n: sites[n].reshape(-1)[0] for n in model.likelihood.dims if n not in fixed}


@computing
def p_values(name):
    """P-values of uniform ranks, by chi-square."""
    module, case, sampler = CASES[name]
    model, x = case.model, jnp.asarray(X)

    def one(key):
        key_prior, key_y, key_start, key_steps = jax.random.split(key, 4)
        truth = module.prior(key_prior, case)
        y = module.simulate(key_y, truth, case)

        def step(state, at):
            key, i = at
            state, info = sampler.step(key, state, model, x, y, *case.rows)
            tuned = sampler.adapt(state, info, i)
            state = jax.tree.map(lambda new, old: jnp.where(i < WARMUP, new, old), tuned, state)
            return state, statistics(sampler.sites(state, model, x), model)

        start = sampler.init(key_start, model, x, y, *case.rows)
        keys = jax.random.split(key_steps, WARMUP + DRAWS)
        _, drawn = jax.lax.scan(step, start, (keys, jnp.arange(WARMUP + DRAWS)))
        return {n: jnp.sum(drawn[n][WARMUP:] < v) for n, v in statistics(truth, model).items()}

    ranks = geweke.in_blocks(one)(jax.random.split(jax.random.key(7), DATA_SETS))
    counts = {n: np.bincount(np.asarray(r) * BINS // (DRAWS + 1), minlength=BINS) for n, r in ranks.items()}
    return {n: float(stats.chisquare(count).pvalue) for n, count in counts.items()}


def calibrated(values):
    return min(values.values()) > LEVEL / len(values)


@pytest.mark.parametrize("name", CASES)
def test_the_fast_sweep_is_calibrated(name):
    values = p_values(name)
    assert calibrated(values), values


def test_the_wrong_sign_of_kappa_is_seen(monkeypatch):
    right = Bernoulli.augment
    monkeypatch.setattr(
        Bernoulli, "augment", lambda self, key, latents, f, y, w: right(self, key, latents, f, 1 - y, w)
    )
    values = p_values("bernoulli")
    assert not calibrated(values), values


def test_an_offset_left_out_of_the_joint_sweep_is_seen(monkeypatch):
    right = joint.target_of
    monkeypatch.setattr(joint, "target_of", lambda *arguments: right(*arguments[:4], None, arguments[5]))
    values = p_values("poisson")
    assert not calibrated(values), values
