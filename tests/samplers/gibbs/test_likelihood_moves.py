"""Moves on the likelihood itself: many rows, which are scored in blocks, move as few rows do."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bayesnn import Bernoulli, Gibbs, shallow
from bayesnn._internal.runtime import double
from bayesnn.samplers.gibbs import likelihood_moves

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(70, 2)), RNG.integers(0, 2, size=70)
OFFSET, WEIGHTS = RNG.normal(size=70), RNG.integers(0, 3, size=70) * 1.0


@pytest.mark.parametrize("few", [8, 9])
def test_blocks_of_rows_give_the_sum_over_all(few, monkeypatch):
    """70 rows are 8 blocks of 8 and a rest, or with a higher limit one."""
    monkeypatch.setattr(likelihood_moves, "BLOCK", 8)
    monkeypatch.setattr(likelihood_moves, "FEW_BLOCKS", few)
    lengths = []

    def score(rows):
        (x, y), weights = rows
        lengths.append(y.shape[-1])
        return jnp.sum(x * y * weights, axis=-1)

    with double():
        found = likelihood_moves.over_rows(score, ((jnp.asarray(X.T), jnp.asarray(Y)), jnp.asarray(WEIGHTS)))
        assert likelihood_moves.over_rows(lambda r: r[0].sum(), (jnp.ones(70), None)) == 70
    np.testing.assert_allclose(found, X.T @ (Y * WEIGHTS))
    assert set(lengths) == ({8, 6} if few == 8 else {70})


def test_units_move_the_same_in_blocks(monkeypatch):
    model = shallow(2, likelihood=Bernoulli((0, 1)), intercept=True, linear=True)
    with double():
        x, y, offset, weights = (jnp.asarray(a) for a in (X, Y, OFFSET, WEIGHTS))
        state = Gibbs().init(jax.random.key(0), model, x, y)
        rows = model, x, y, 8, offset, weights

        def move(key):
            return likelihood_moves.move_on_likelihood(key, state, *rows)

        whole = jax.jit(lambda key: move(key))(jax.random.key(1))
        monkeypatch.setattr(likelihood_moves, "BLOCK", 8)
        monkeypatch.setattr(likelihood_moves, "FEW_BLOCKS", 1)
        parts = jax.jit(lambda key: move(key))(jax.random.key(1))
    assert (whole.gamma != state.gamma).any(axis=1).all()
    assert (whole.coefficients != state.coefficients).all()
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), whole, parts)
