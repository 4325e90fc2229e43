"""An exchange moves the whole point of the posterior, and leaves with the temperature what is tuned for it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.infer.util import potential_energy

import bayesnn as bnn
from bayesnn._internal.runtime import computing
from bayesnn.samplers.tempering.copies import TemperedModel, copies_of

X = np.linspace(-1.0, 1.0, 6)[:, None]
Y = np.sin(3.0 * X[:, 0])
TEMPERATURES = np.array([1.0, 0.5, 0.2])
SOURCE = np.array([1, 0, 2])
DEEP = bnn.Model([bnn.Dense(2, "tanh")])


def states_of(copies):
    """Three copies, each moved once."""
    data = jnp.asarray(X), jnp.asarray(Y)

    @jax.jit
    @jax.vmap
    def moved(key, temperature):
        return copies.move(copies.init(key, 5, temperature, None, data), temperature, data)

    return moved(jax.random.split(jax.random.key(1), 3), jnp.asarray(TEMPERATURES))


@pytest.mark.parametrize(
    ("sampler", "model", "tuned"),
    [
        (bnn.Gibbs("adaptive", sweeps=1), bnn.shallow(2), {"log_scale"}),
        pytest.param(bnn.Gibbs(sweeps=1), bnn.shallow(bnn.Geometric(0.5, 3)), {"log_scale"}, marks=pytest.mark.slow),
        (bnn.Gibbs(steps=2, sweeps=1), DEEP, {"log_step"}),
    ],
    ids=["collapsed", "architecture", "weights"],
)
@computing
def test_every_field_of_a_gibbs_state_goes_along(sampler, model, tuned):
    copies = copies_of(sampler, model)
    before = states_of(copies)
    after = jax.jit(lambda states: copies.exchange(states, SOURCE, jnp.asarray(TEMPERATURES)))(before)
    np.testing.assert_array_equal(after.inner.temperature, TEMPERATURES)
    level = jax.jit(jax.vmap(copies.level))
    np.testing.assert_array_equal(level(after), level(before)[SOURCE])
    for name in set(before.inner._fields) - {"temperature"}:
        stays = name in tuned
        for old, new in zip(*(jax.tree.leaves(getattr(s.inner, name)) for s in (before, after)), strict=True):
            np.testing.assert_array_equal(new, old if stays else old[SOURCE], err_msg=name)


@pytest.mark.slow
@computing
def test_copies_are_tuned_until_warm_up_is_over():
    """Two steps of two rounds: steps of trajectories are tuned in all four rounds, and fixed in the next one."""
    data = jnp.asarray(X), jnp.asarray(Y)
    kernel = bnn.Tempered(bnn.Gibbs(sweeps=2, trajectory=2), (1.0, 0.5)).kernel(bnn.shallow(1))
    states, steps = kernel.init_one(jax.random.key(0), 2, None, data), []
    for _ in range(3):
        states = kernel.sample_one(states, data)
        steps.append(np.asarray(states.copies.inner.log_step))
    assert (steps[1] != steps[0]).all()
    np.testing.assert_array_equal(steps[2], steps[1])
    assert states.copies.num_warmup.tolist() == [4, 4]


@pytest.mark.slow
@computing
def test_a_gradient_state_has_the_energy_and_gradient_of_its_new_temperature():
    copies = copies_of(bnn.NUTS(max_tree_depth=2), DEEP)
    before = states_of(copies)
    after = copies.exchange(before, SOURCE, jnp.asarray(TEMPERATURES)).hmc
    model = TemperedModel(DEEP)

    def potential(z, t):
        return potential_energy(model, (t, X, Y), {}, z)

    energy, gradient = jax.vmap(jax.value_and_grad(potential))(after.z, jnp.asarray(TEMPERATURES))
    np.testing.assert_allclose(after.potential_energy, energy, rtol=1e-10)
    for name, value in gradient.items():
        np.testing.assert_allclose(after.z_grad[name], value, rtol=1e-8, atol=1e-8)
        np.testing.assert_array_equal(after.z[name], before.hmc.z[name][SOURCE])
    np.testing.assert_array_equal(after.adapt_state.step_size, before.hmc.adapt_state.step_size)
