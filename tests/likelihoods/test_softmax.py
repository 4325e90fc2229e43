"""The softmax with classes first gives the numbers of the likelihood, and so do its gradients."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from bayesnn import Categorical
from bayesnn._internal.runtime import double
from bayesnn.likelihoods import softmax

CLASSES = Categorical(("a", "b", "c"))


def test_it_agrees_with_the_likelihood():
    with double():
        f, y = jnp.asarray(np.random.default_rng(0).normal(size=(6, 3))) * 30.0, jnp.array([0, 1, 2, 2, 1, 0])

        @jax.jit
        def both(f):
            def with_slope(log_probability):
                return (log_probability(f), jax.grad(lambda f: log_probability(f).sum())(f))

            ours = *with_slope(lambda f: softmax.log_probability(f.T, y)), softmax.information(f.T).transpose(2, 0, 1)
            return ours, (*with_slope(lambda f: CLASSES.distribution(f).log_prob(y)), CLASSES.information(f))

        for found, expected in zip(*both(f), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


def test_a_code_of_no_class_is_finite():
    """A class that occurs with weight zero alone has the code -1, and 0 times infinity would not be zero."""
    f = jnp.ones((3, 2))
    assert jnp.isfinite(softmax.log_probability(f, jnp.array([-1, 0]))).all()
