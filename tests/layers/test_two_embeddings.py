"""Source and target with a vocabulary each: whose vectors are read, and ids that are not in their vocabulary."""

import jax.numpy as jnp
import numpy as np
import pytest

import bayesnn as bnn
from bayesnn._internal.runtime import double
from bayesnn.layers import Embedding, TwoEmbeddings

SOURCE, START = 3, 4
LAYER = TwoEmbeddings(SOURCE, Embedding(9, 2), Embedding(6, 2))
X = np.array([[8, 7, 0, START, 1, 2], [6, 8, 5, START, 3, 0], [7, 0, 0, START, 0, 0]])
Y = np.array([[1, 2, 5], [3, 5, 0], [5, 0, 0]])
BODY = [LAYER, bnn.Seq2Seq(SOURCE, [bnn.GRU(2)], [bnn.GRU(2, return_sequences=True)], state=True)]


def model(body=None):
    return bnn.Model(BODY if body is None else body, bnn.Categorical(), bnn.Normal())


def test_each_part_has_its_own_vectors():
    rng = np.random.default_rng(0)
    weights = {name: rng.normal(size=w.shape) for name, w in LAYER.weights((6,)).items()}
    assert {name: w.shape for name, w in weights.items()} == {"source_vectors": (9, 2), "target_vectors": (6, 2)}
    with double():
        found = LAYER.apply({n: jnp.asarray(w) for n, w in weights.items()}, jnp.asarray(X[0]))
    wanted = np.vstack([weights["source_vectors"][X[0, :SOURCE]], weights["target_vectors"][X[0, SOURCE:]]])
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_a_fit_translates_and_is_saved(fake_fit, tmp_path):
    fit = fake_fit(model(), X, Y, chains=1, draws=3)
    probability = bnn.predict(fit, X, kind="probability")
    assert probability.shape == (1, 3, 3, 3, 4)
    padded = np.pad(X, ((0, 0), (0, 2)))
    np.testing.assert_allclose(bnn.predict(fit, padded, kind="probability")[..., :3, :], probability, rtol=1e-12)
    assert bnn.generate(fit, X[:, : SOURCE + 1], 3).shape == (1, 3, 3, 3)
    bnn.save(fit, tmp_path / "fit.npz")
    loaded = bnn.load(tmp_path / "fit.npz")
    np.testing.assert_array_equal(bnn.predict(loaded, X, kind="probability"), probability)
    with pytest.raises(ValueError, match="of the target must be from 0 to 5"):
        bnn.predict(loaded, np.where(X == 2, 7, X), kind="probability")


def test_exchanged_vocabularies_are_named(fake_fit):
    turned = [TwoEmbeddings(SOURCE, Embedding(6, 2), Embedding(9, 2)), *BODY[1:]]
    with pytest.raises(ValueError, match=r"of the source must be from 0 to 5, .*at row 0, step 0: are the two"):
        fake_fit(model(turned), X, Y)


def test_parts_that_do_not_go_together_are_refused():
    with pytest.raises(ValueError, match="same width, got 2 and 3"):
        TwoEmbeddings(SOURCE, Embedding(9, 2), Embedding(6, 3))
    with pytest.raises(ValueError, match="takes two layers such as Embedding"):
        TwoEmbeddings(SOURCE, Embedding(9, 2), 6)
    with pytest.raises(ValueError, match=r"source of the same number of steps, got \[3, 4\]"):
        model([TwoEmbeddings(4, Embedding(9, 2), Embedding(6, 2)), BODY[1]])
