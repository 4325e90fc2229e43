"""A chain of layers: names, the weight table, and the only vmap over examples."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
import pytest

from bayesnn._internal.runtime import double
from bayesnn._internal.weights import Weight
from bayesnn.layers import Dense, Layer
from bayesnn.models.network import Network

THREE = Network((Dense(4, "tanh"), Dense(3, "logistic"), Dense(2, "identity")))
PSI = {"tanh": np.tanh, "logistic": lambda e: 1 / (1 + np.exp(-e)), "identity": lambda e: e}


@dataclass(frozen=True)
class Outer(Layer):
    """A layer without weights that returns the matrix x x'."""

    def weights(self, shape):
        return {}

    def output_shape(self, shape):
        return (*shape, *shape)

    def apply(self, weights, x):
        return jnp.outer(x, x)


@pytest.fixture
def x():
    return np.random.default_rng(1).normal(size=(7, 2))


def random_weights(network, width):
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=w.shape) for name, w in network.weights((width,)).items()}


def apply(network, weights, x):
    with double():
        return np.asarray(network.apply({n: jnp.asarray(w) for n, w in weights.items()}, jnp.asarray(x)))


def loop(network, weights, x):
    rows = []
    for row in x:
        for i, layer in enumerate(network.layers):
            row = PSI[layer.activation](weights[f"dense{i}_kernel"] @ row + weights[f"dense{i}_bias"])
        rows.append(row)
    return np.array(rows)


def test_a_name_is_the_kind_and_the_place():
    assert THREE.names() == ("dense0", "dense1", "dense2")
    assert Network((Outer(), Dense(1))).names() == ("outer0", "dense1")


def test_the_weight_table_follows_the_shapes_through_the_chain():
    assert THREE.weights((2,)) == {
        "dense0_kernel": Weight((4, 2), ("dense0_unit", "dense0_input"), "kernel", 2),
        "dense0_bias": Weight((4,), ("dense0_unit",), "bias", 2),
        "dense1_kernel": Weight((3, 4), ("dense1_unit", "dense1_input"), "kernel", 4),
        "dense1_bias": Weight((3,), ("dense1_unit",), "bias", 4),
        "dense2_kernel": Weight((2, 3), ("dense2_unit", "dense2_input"), "kernel", 3),
        "dense2_bias": Weight((2,), ("dense2_unit",), "bias", 3),
    }
    assert THREE.output_shape((2,)) == (2,)


def test_a_chain_equals_a_loop(x):
    weights = random_weights(THREE, 2)
    result = apply(THREE, weights, x)
    assert result.dtype == np.float64
    np.testing.assert_allclose(result, loop(THREE, weights, x), rtol=1e-10)


def test_eleven_layers_keep_their_weights_apart(x):
    """dense1 and dense10 share the beginnings of their names."""
    network = Network((Dense(2, "tanh"),) * 11)
    weights = random_weights(network, 2)
    np.testing.assert_allclose(apply(network, weights, x), loop(network, weights, x), rtol=1e-10)


def test_the_order_of_the_examples_does_not_matter(x):
    weights = random_weights(THREE, 2)
    order = np.array([3, 0, 6, 1, 5, 2, 4])
    whole = apply(THREE, weights, x)
    np.testing.assert_allclose(apply(THREE, weights, x[order]), whole[order], rtol=1e-10)
    np.testing.assert_allclose(apply(THREE, weights, x[4:5]), whole[4:5], rtol=1e-10)


def test_the_last_layer_must_give_a_vector():
    with pytest.raises(ValueError, match=r"the last layer must give one vector per example, got shape \(2, 2\)"):
        Network((Dense(2), Outer())).output_shape((3,))
