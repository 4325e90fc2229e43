"""Counts in the millions: chains start where the rows leave room for them; few counts start as before."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bayesnn as bnn
from bayesnn import Poisson, shallow
from bayesnn._internal.runtime import double
from bayesnn.samplers.engine import compiled_programs
from bayesnn.samplers.gibbs import annealed_start, joint
from bayesnn.samplers.gibbs.joint import JointGibbs

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 1))
RATE = 1e6 * np.exp(0.5 * np.tanh(2 * X[:, 0]))
Y = RNG.poisson(RATE)


def worst_error(key: int) -> float:
    """Largest error of the posterior mean of the rate, in sds of its count, after a short run."""
    settings = {"draws": 50, "warmup": 50, "chains": 2, "log_likelihood": False, "progress": False}
    fit = bnn.fit(shallow(2, likelihood=Poisson()), X, Y, key=key, **settings)
    mean = bnn.predict(fit, X, kind="mean").mean(("chain", "draw")).to_numpy()
    return float(np.abs((mean - RATE) / np.sqrt(RATE)).max())


@pytest.mark.slow
def test_counts_of_a_million_are_met_after_a_short_run():
    """A row alone would have the error 1 on average; that of the function is smaller, and its largest below 3."""
    assert worst_error(0) < 3.0


@pytest.mark.slow
def test_a_chain_that_starts_at_once_is_seen(monkeypatch):
    monkeypatch.setattr(joint, "annealed", lambda sampler, key, state, *rest: state)
    monkeypatch.setattr(compiled_programs, "_cache", type(compiled_programs._cache)())  # programs of before the plant
    assert worst_error(0) > 30.0


@pytest.mark.parametrize("scale", [1e-5, 1.0])
def test_only_many_counts_are_annealed(scale, monkeypatch):
    """The power grows to one in as many sweeps as the information says; the state that is left has none."""
    counts = np.round(scale * Y)
    model, weights = shallow(2, likelihood=Poisson(float(np.log(counts.mean())))), np.linspace(0.0, 3.0, 60)
    powers = []

    def step(self, key, state, *rest):
        jax.debug.callback(lambda power: powers.append(float(power)), state.temperature)
        return state._replace(gamma=state.gamma + 1.0), None

    monkeypatch.setattr(JointGibbs, "step", step)
    monkeypatch.setattr(JointGibbs, "adapt", lambda self, state, info, iteration: state)
    with double():
        rows = [jnp.asarray(a) for a in (X, counts, np.zeros(60), weights)]
        state = JointGibbs().init(jax.random.key(0), model, *rows)
        jax.effects_barrier()
    assert state.temperature is None
    if scale < 1:
        assert powers == []
    else:
        powers = sorted(powers)  # callbacks come in any order
        np.testing.assert_allclose(np.diff(np.log(powers)), np.log(annealed_start.GROWTH))
        assert powers[-1] == pytest.approx(1.0 / annealed_start.GROWTH)
        assert 0.75 < powers[0] * counts.mean() < 1.05
