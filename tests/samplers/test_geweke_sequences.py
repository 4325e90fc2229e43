"""Recurrent and attention networks on padded sequences: the general Gibbs sampler leaves p(theta, y) invariant.

The test is that of `test_geweke_weights`, its statistics and its moves; what is new are weights of other roles, the
loop over time, targets at every step, and padding, which must be seen alike by the simulation and by the sampler.
"""

import jax.numpy as jnp
import numpy as np
import pytest
import test_geweke_weights as general
from test_geweke_weights import GROUPS, HMC, INPUTS, NOISE, NORMAL, SLICE, T_TAILS, Case

import bayesnn as bnn
from bayesnn.models.network import Network

slow = pytest.mark.slow
X = np.random.default_rng(0).normal(size=(5, 3, 2))
X[1, 1:] = X[3, 2:] = np.nan
TOKENS = np.array([[1, 2, 3], [2, 0, 0], [3, 3, 1], [1, 3, 0], [2, 1, 2]])
POOLED = (bnn.SelfAttention(), bnn.MeanPool())
TAGGER = (bnn.Elman(1, return_sequences=True),)

FAST_CASES = {"elman, a target a step": Case(bnn.Model(TAGGER, NOISE, GROUPS), HMC, X)}
SLOW_CASES = {
    "attention": Case(bnn.Model(POOLED, NOISE, GROUPS), HMC, X),
    "elman": Case(bnn.Model((bnn.Elman(2),), NOISE, INPUTS), HMC, X),
    "gru, two classes": Case(bnn.Model((bnn.GRU(1),), bnn.Bernoulli((False, True)), GROUPS), SLICE, X),
    "lstm from a learnt state": Case(bnn.Model((bnn.LSTM(1, learn_initial=True),), NOISE, T_TAILS), HMC, X),
    "truncated gradients": Case(bnn.Model((bnn.GRU(1, truncate=1),), NOISE, GROUPS), HMC, X),  # only accepted less
    "both directions": Case(bnn.Model((bnn.Bidirectional(bnn.GRU(1)),), NOISE, NORMAL), SLICE, X),
    "transformer of tokens": Case(
        bnn.Model((bnn.Embedding(4, 2), bnn.TransformerBlock(1, 2), bnn.Last()), NOISE, GROUPS), HMC, TOKENS
    ),
    "attention, a class a step": Case(
        bnn.Model((bnn.SelfAttention(causal=True),), bnn.Bernoulli((False, True)), T_TAILS), SLICE, X
    ),
}
CASES = FAST_CASES | SLOW_CASES


@pytest.mark.slow
@pytest.mark.parametrize("name", [*FAST_CASES, *(pytest.param(name, marks=slow) for name in SLOW_CASES)])
def test_gibbs_keeps_the_joint_distribution(name):
    scores = general.scores_of(CASES[name], seed=50)
    assert general.geweke.passes(scores), general.report(scores)


# Planted errors


def padding_as_data(monkeypatch):
    """Padded steps count as rows of the noise's update."""

    def flatten_steps(self, x, values, y, weights):
        return values.reshape(-1), y.reshape(-1), None

    monkeypatch.setattr(bnn.Model, "flatten_steps", flatten_steps)


def padding_as_zeros(monkeypatch):
    """The sampler's function reads padding as steps of zeros; y is still simulated without them."""
    right, blind = general.simulated, lambda self, x: (jnp.nan_to_num(x), jnp.ones(len(x), bool))
    right_unpad = Network.unpad

    def simulated(case, key, state):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Network, "unpad", right_unpad)
            return right(case, key, state)

    monkeypatch.setattr(general, "simulated", simulated)
    monkeypatch.setattr(Network, "unpad", blind)


def one_weight_short(monkeypatch):
    general.one_weight_short(monkeypatch)


WRONG = {
    "padding as data": (padding_as_data, "elman, a target a step"),
    "padding as zeros": (padding_as_zeros, "attention"),
    "padding as zeros, recurrent": (padding_as_zeros, "lstm from a learnt state"),
    "one weight short": (one_weight_short, "elman, a target a step"),
}


SUBTLE = {"padding as zeros, recurrent": 4}  # four standard errors with as many replicas as the others have


@slow
@pytest.mark.parametrize("error", WRONG)
def test_a_planted_error_is_seen(error, monkeypatch):
    plant, name = WRONG[error]
    case = CASES[name]
    plant(monkeypatch)
    monkeypatch.setattr(general, "REPLICAS", SUBTLE.get(error, 1) * general.REPLICAS)
    scores = general.scores_of(Case(case.model, case.way, case.x), seed=50)  # a case of its own: joints are kept
    assert not general.geweke.passes(scores), general.report(scores)


def test_rows_are_padded_and_the_last_is_not():
    """Statistics read the first and the last function value."""
    assert np.isnan(X[:, -1]).any() and not np.isnan(X[[0, -1]]).any()
    assert (TOKENS == 0).any() and (TOKENS[[0, -1]] > 0).all()
