"""Trajectories over one vector of parameters are those of NumPyro's own kernels over named sites."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro import infer

import bayesnn as bnn
from bayesnn._internal.runtime import double

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 2))
Y = X[:, 0] + 0.1 * RNG.normal(size=20)


def network(x, y):
    slope = numpyro.sample("slope", dist.Normal(0, 1).expand((2, 3)).to_event(2))
    scale = numpyro.sample("scale", dist.HalfNormal(1.0))
    weights = numpyro.sample("a", dist.Normal(0, scale).expand((3,)).to_event(1))
    numpyro.sample("y", dist.Normal(jnp.tanh(x @ slope) @ weights, scale), obs=y)


SAMPLERS = {
    "nuts": (bnn.NUTS(max_tree_depth=4), infer.NUTS(network, max_tree_depth=4)),
    "dense": (bnn.NUTS(max_tree_depth=4, dense_mass=True), infer.NUTS(network, max_tree_depth=4, dense_mass=True)),
    "hmc": (bnn.HMC(trajectory_length=0.3), infer.HMC(network, trajectory_length=0.3)),
}


@pytest.mark.first_case
@pytest.mark.parametrize("name", SAMPLERS)
def test_transitions_of_the_warm_up_are_numpyros(name):
    ours, theirs = SAMPLERS[name]
    states = []
    with double():
        for kernel in (ours.kernel(network), theirs):
            state = jax.jit(lambda key, kernel=kernel: kernel.init(key, 20, None, (X, Y), {}))(jax.random.key(1))
            steps = jax.jit(
                lambda s, kernel=kernel: jax.lax.fori_loop(0, 6, lambda _, s: kernel.sample(s, (X, Y), {}), s)
            )
            states.append(jax.tree.map(_number, steps(state)))
    assert jax.tree.structure(states[0]) == jax.tree.structure(states[1])
    assert any(np.any(a != b) for a, b in zip(*map(jax.tree.leaves, (states[0].z, jax.tree.map(_number, state.z)))))
    for one, other in zip(*map(jax.tree.leaves, states)):
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-8)


def _number(a):
    return np.asarray(jax.random.key_data(a) if jax.dtypes.issubdtype(a.dtype, jax.dtypes.prng_key) else a)
