"""Dropout acts during optimisation, on every example separately, and nowhere else."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import bayesnn as bnn
from bayesnn._internal.runtime import double
from bayesnn.layers import Dense, Dropout, Flatten, Residual
from bayesnn.layers.dropout import dropout_keys, dropping
from bayesnn.models.network import Network

X = np.random.default_rng(0).normal(size=(60, 3))
Y = X @ [2.0, -1.0, 0.5] + 0.1 * np.random.default_rng(1).normal(size=60)


def test_values_are_dropped_at_their_rate_and_the_others_grow():
    """The number of zeros is binomial: a two-sided p-value above 1e-6."""
    with double():
        x = jnp.full((100, 40), 3.0)
        with dropping(jax.random.key(0)):
            value = np.asarray(Dropout(0.3).apply({}, x))
        assert Dropout(0.3).apply({}, x) is x
    zeros = int((value == 0).sum())
    np.testing.assert_allclose(value[value != 0], 3.0 / 0.7, rtol=1e-12)
    assert stats.binomtest(zeros, value.size, 0.3).pvalue > 1e-6


def test_examples_and_layers_drop_by_keys_of_their_own():
    ones = jnp.ones((8, 50, 2))
    network = Network((Dropout(0.5), Flatten()))
    both = Network((Residual(Dropout(0.5)), Flatten()))
    with double():
        with dropping(jax.random.key(1)):
            first, second = network.apply({}, ones), network.apply({}, ones)
            inner = both.apply({}, ones)
        with dropping(jax.random.key(1)):
            again = network.apply({}, ones)
    assert len({row.tobytes() for row in np.asarray(first)}) == 8
    assert (first != second).any()
    np.testing.assert_array_equal(first, again)
    assert set(np.unique(inner)) == {1.0, 3.0}
    assert dropout_keys() is None


def test_two_layers_of_one_network_drop_apart():
    network = Network((Dropout(0.5), Dropout(0.5), Flatten()))
    with double(), dropping(jax.random.key(2)):
        value = np.asarray(network.apply({}, jnp.ones((1, 4000, 1))))
    assert set(np.unique(value)) == {0.0, 4.0}
    assert stats.binomtest(int((value > 0).sum()), value.size, 0.25).pvalue > 1e-6


def weights_of(body, **options):
    """Readout coefficients of a linear model behind `body` at the mode."""
    model = bnn.Model(body, prior=bnn.Normal(readout_scale=30.0), intercept=False)
    climb = bnn.MAP(steps=3000, restarts=1, learning_rate=0.01, patience=30, **options)
    fit = bnn.fit(model, X, Y, sampler=climb, standardize=False, progress=False)
    return fit.idata["posterior"]["beta"].to_numpy().ravel()


@pytest.mark.slow
def test_a_climb_drops_and_so_shrinks():
    """Inputs dropped with probability 1/2 are a ridge penalty as large as X'X's own diagonal.

    N. Srivastava et al. (2014), section 9.1. The optimiser's noise decides the tolerance.
    """
    plain = weights_of([Residual(Dropout(1e-9))], validation=None)
    least_squares = np.linalg.lstsq(X, Y, rcond=None)[0]
    np.testing.assert_allclose(2 * plain, least_squares, rtol=0.01)
    gram = X.T @ X
    ridge = np.linalg.solve(gram + np.diag(np.diag(gram)), X.T @ Y)
    found = weights_of([Dropout(0.5)], validation=None)
    assert np.linalg.norm(found - ridge) < 0.2 * np.linalg.norm(least_squares)
    assert np.linalg.norm(found - least_squares) > 0.3 * np.linalg.norm(least_squares)


def test_posterior_and_predictions_know_nothing_of_it(fake_fit):
    with_it = fake_fit(bnn.Model([Dense(2, "tanh"), Dropout(0.9)]), X, Y, chains=1, draws=4)
    without = fake_fit(bnn.Model([Dense(2, "tanh")]), X, Y, chains=1, draws=4)
    np.testing.assert_array_equal(bnn.predict(with_it, X), bnn.predict(without, X))
    np.testing.assert_array_equal(with_it.idata["log_likelihood"]["y"], without.idata["log_likelihood"]["y"])


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, "half"])
def test_a_rate_is_a_fraction(rate):
    with pytest.raises(ValueError, match="rate must be"):
        Dropout(rate)
