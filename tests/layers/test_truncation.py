"""Truncated back-propagation: the values of the whole sequence, gradients that end at the borders of blocks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sequence_loops import elman_step, gru_step, lstm_step

import bayesnn as bnn
from bayesnn._internal.runtime import double
from bayesnn.layers import GRU, LSTM, Bidirectional, Elman

TIME, WIDTH, UNITS, BLOCK = 7, 2, 2, 3
STEPS = {Elman: elman_step, LSTM: lstm_step, GRU: gru_step}
LAYERS = {
    f"{kind.__name__}{', reversed' * reverse}": kind(
        UNITS, return_sequences=True, reverse=reverse, learn_initial=True, truncate=BLOCK
    )
    for kind in STEPS
    for reverse in (False, True)
}
layers = pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)


def numbers(layer):
    rng = np.random.default_rng(0)
    weights = {name: rng.normal(size=w.shape) for name, w in layer.weights((TIME, WIDTH)).items()}
    return weights, rng.normal(size=(TIME, WIDTH))


def states(layer, weights, x, held=None):
    """The loop over steps; a block's first state is `held` where given. What it was, by its first step, and outputs."""
    step, seen, outputs = STEPS[type(layer)], {}, np.zeros((TIME, UNITS))
    h, c = list(weights["initial"]), [0.0] * UNITS
    order = list(range(TIME))[:: -1 if layer.reverse else 1]
    for before, t in zip([None, *order], order, strict=False):
        if before is not None and before // BLOCK != t // BLOCK:
            seen[t] = h, c
            h, c = (h, c) if held is None else held[t]
        h, c = step(weights, x[t], h, c)
        outputs[t] = h
    return outputs, seen


def total(layer, weights, x, held=None):
    return np.sin(states(layer, weights, x, held)[0]).sum()


def slopes(layer, weights, x):
    """The layer's own gradient of the same sum."""
    with double():
        values = {name: jnp.asarray(w) for name, w in weights.items()}
        return jax.jit(jax.grad(lambda w: jnp.sin(layer.apply(w, jnp.asarray(x))).sum()))(values)


@layers
def test_values_are_those_of_the_whole_sequence(layer):
    weights, x = numbers(layer)
    with double():
        value = jax.jit(layer.apply)(weights, jnp.asarray(x))
    np.testing.assert_allclose(value, states(layer, weights, x)[0], rtol=1e-12)


@pytest.mark.first_case
@layers
def test_gradients_hold_the_states_at_the_borders_constant(layer):
    """Central differences of the loop whose blocks start from the states that the unchanged weights gave."""
    weights, x = numbers(layer)
    held, found, size = states(layer, weights, x)[1], slopes(layer, weights, x), 1e-5
    assert len(held) == 2
    for name, value in weights.items():
        expected = np.zeros(value.shape)
        for place in np.ndindex(value.shape):
            nudge = np.zeros(value.shape)
            nudge[place] = size
            ends = [total(layer, weights | {name: value + sign * nudge}, x, held) for sign in (1, -1)]
            expected[place] = (ends[0] - ends[1]) / (2 * size)
        np.testing.assert_allclose(found[name], expected, rtol=1e-6, atol=1e-8)


@pytest.mark.first_case
@layers
def test_they_are_not_those_of_the_whole_sequence(layer):
    weights, x = numbers(layer)
    whole = type(layer)(UNITS, return_sequences=True, reverse=layer.reverse, learn_initial=True)
    long, short = slopes(whole, weights, x), slopes(layer, weights, x)
    assert not np.allclose(long["recurrent_kernel"], short["recurrent_kernel"], rtol=0.01)


def test_both_directions_end_at_the_same_borders():
    layer = Bidirectional(GRU(UNITS, return_sequences=True, truncate=2))
    assert {part.truncate for part in layer._parts.values()} == {2}


def test_a_block_has_at_least_one_step():
    with pytest.raises(ValueError, match="truncate must be a whole number of at least 1, got 0"):
        LSTM(3, truncate=0)


def test_a_model_with_blocks_is_saved(fake_fit, tmp_path):
    x, y = np.random.default_rng(1).normal(size=(6, 4, 1)), np.arange(6.0)
    fit = fake_fit(bnn.Model([GRU(2, truncate=2)]), x, y, chains=1, draws=1)
    bnn.save(fit, tmp_path / "fit.npz")
    assert bnn.load(tmp_path / "fit.npz").model.layers == (GRU(2, truncate=2),)
