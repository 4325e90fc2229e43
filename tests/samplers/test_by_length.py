"""Minibatches split by length: the potential, its gradient and the draws are those of whole batches."""

import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bayesnn as bnn
from bayesnn._internal.runtime import double
from bayesnn.models.lengths import lengths_of_rows, shorter_widths
from bayesnn.samplers import by_length
from bayesnn.samplers.by_length import Parts, parts_for, split
from bayesnn.samplers.density import make_density

STEPS, ROWS = 40, 12


def tokens(seed=0, rows=ROWS):
    random = np.random.default_rng(seed)
    lengths = np.minimum(2 + random.geometric(0.15, rows), STEPS)
    lengths[-1] = STEPS
    return bnn.pad([random.integers(1, 9, n) for n in lengths], STEPS)


def classifier():
    return [bnn.Embedding(9, 2), bnn.Elman(2)]


def bound(model, x, y):
    made, data = importlib.import_module("bayesnn.fitting.binding").bind(model, x, y)
    inputs, target = data.scaled()
    return made, (inputs, target, None, data.weights)


def case(name):
    x = tokens()
    if name == "one class per row":
        return bound(bnn.Model(classifier(), bnn.Bernoulli(), bnn.Normal()), x, np.arange(ROWS) % 2)
    if name == "a class per step":
        return bound(bnn.Model([bnn.Embedding(9, 2), bnn.Elman(2, return_sequences=True)], bnn.Categorical()), x, x % 3)
    numbers = np.where((x > 0)[..., None], np.sin(x)[..., None] + [0.0, 1.0], np.nan)
    body = [bnn.PositionalEncoding(), bnn.SelfAttention(), bnn.MeanPool()]
    return bound(bnn.Model(body, prior=bnn.Normal()), numbers, x.sum(axis=1) * 1.0)


@pytest.mark.parametrize("name", ["one class per row", "a class per step", "numbers"])
def test_the_potential_and_its_gradient_are_those_of_the_whole_batch(name):
    model, data = case(name)
    with double():
        whole = make_density(model, data)
        short = split(whole, Parts(ROWS, STEPS, (8, 24)))  # the first part fits, the last one does not
        points = jnp.asarray(np.random.default_rng(1).normal(size=(2, whole.size)))

        @jax.jit
        def both(points):
            rows = jnp.stack([jnp.arange(ROWS), jnp.arange(ROWS)[::-1] // 2])  # batches that differ by chain

            def one(point, rows):
                batch = tuple(a if a is None else jnp.asarray(a)[rows] for a in data)
                values = [jax.value_and_grad(d.potential)(point, batch, 3.0) for d in (whole, short)]
                return values, [d.log_likelihood(point, batch) for d in (whole, short)]

            return jax.vmap(one)(points, rows)

        (expected, found), (expected_likelihood, likelihood) = both(points)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-12)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(likelihood, expected_likelihood, rtol=1e-10)


def test_a_cut_that_lost_steps_would_be_noticed():
    model, data = case("numbers")  # the mean over the steps knows every one of them
    with double():
        whole = make_density(model, data)
        point = jnp.asarray(np.random.default_rng(1).normal(size=whole.size))
        potential = jax.jit(whole.potential)
        cut = potential(point, (data[0][:, :8], *data[1:]))
        assert abs(cut - potential(point, data)) > 1e-3


MODE = bnn.MAP(steps=30, batch_size=20, restarts=2)
DRAWS = bnn.SGHMC(step_size=1e-3, batch_size=20, steps=2, start=None, precision="double")


@pytest.mark.parametrize("sampler", [DRAWS, pytest.param(MODE, marks=pytest.mark.slow)], ids=["draws", "modes"])
def test_draws_and_modes_are_those_of_whole_batches(sampler, monkeypatch):
    x, y = tokens(rows=60), np.arange(60) % 2
    model = bnn.Model(classifier(), bnn.Bernoulli(), bnn.Normal())
    few = {"chains": 2, "draws": 4, "warmup": 2} if sampler is DRAWS else {}

    def draws():
        fit = bnn.fit(model, x, y, sampler=sampler, key=0, progress=False, **few)
        return fit.idata["posterior"]["elman1_input_kernel"].to_numpy()

    expected = draws()
    monkeypatch.setattr(by_length, "WORTH", 0)
    monkeypatch.setattr(by_length, "STEP", 0)
    assert len(parts_for(*bound(model, x, y), 20).widths) > 1
    np.testing.assert_allclose(draws(), expected, rtol=1e-9)


def test_what_may_not_be_cut_is_not():
    model = bnn.Model(classifier(), bnn.Bernoulli())
    assert shorter_widths(model, (STEPS,)) == (8, 16, 24, 32)
    for last in (bnn.Flatten(), bnn.PositionalEncoding("learnt")):
        per_step = bnn.Model([bnn.Embedding(9, 3), last, *([] if last == bnn.Flatten() else [bnn.MeanPool()])])
        assert shorter_widths(per_step, (STEPS,)) == ()
    maximum = bnn.Model([bnn.Embedding(9, 3), bnn.PositionalEncoding("learnt", STEPS), bnn.MeanPool()])
    assert shorter_widths(maximum, (STEPS,)) == (8, 16, 24, 32)
    assert shorter_widths(bnn.Model([bnn.Dense(3)]), (STEPS,)) == ()  # rows of a table
    assert parts_for(model, (tokens(), None, None, None), ROWS) is None  # too little work for more programs


def test_lengths_count_up_to_the_last_real_step():
    x = np.array([[3, 1, 0, 0], [2, 2, 2, 2], [4, 0, 0, 0]])
    assert lengths_of_rows(bnn.Model(classifier()), x).tolist() == [2, 4, 1]
    numbers = np.where((x > 0)[..., None], 1.0, np.nan)
    assert lengths_of_rows(bnn.Model([bnn.LSTM(2)]), numbers).tolist() == [2, 4, 1]
