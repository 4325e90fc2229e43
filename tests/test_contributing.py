"""The worked example of CONTRIBUTING.md is a layer that does what its docstring says, and that can be fitted."""

import re
import sys
from pathlib import Path
from types import ModuleType

import jax
import numpy as np
import pytest
from made import made_fit

import bayesnn as bnn
from bayesnn._internal.runtime import double

PAGE = Path(bnn.__file__).parent / "CONTRIBUTING.md"


@pytest.fixture(scope="module")
def layer_class():
    """The class that the page's only block of Python defines, in a module of its own, as dataclasses need."""
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    module = ModuleType("contributing_example")
    sys.modules[module.__name__] = module
    exec(compile(block, str(PAGE), "exec"), module.__dict__)
    yield module.RadialBasis
    del sys.modules[module.__name__]


def test_the_page_is_short():
    assert len(PAGE.read_text(encoding="utf-8").splitlines()) < 75


def test_forward_pass_equals_a_loop(layer_class):
    rng = np.random.default_rng(0)
    layer, x = layer_class(3), rng.normal(size=2)
    weights = {name: rng.normal(size=w.shape) for name, w in layer.weights((2,)).items()}
    with double():
        found = np.asarray(layer.apply(jax.tree.map(jax.numpy.asarray, weights), jax.numpy.asarray(x)))
    expected = [
        np.exp(
            -sum((x[i] - weights["centre"][j, i]) ** 2 for i in range(2)) / (2 * np.exp(weights["log_width"][j]) ** 2)
        )
        for j in range(3)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    assert layer.output_shape((2,)) == found.shape


def test_an_impossible_layer_is_refused(layer_class):
    with pytest.raises(ValueError, match="units"):
        layer_class(0)


X = np.linspace(-1.5, 1.5, 12)[:, None]
Y = np.sin(2 * X[:, 0])


def by_nuts(model):
    return bnn.fit(model, X, Y, sampler=bnn.NUTS(max_tree_depth=3), draws=5, warmup=5, chains=1, progress=False)


@pytest.mark.parametrize("fitted", [pytest.param(by_nuts, marks=pytest.mark.slow), lambda model: made_fit(model, X, Y)])
def test_the_layer_is_fitted_and_predicts(layer_class, fitted):
    fit = fitted(bnn.Model([layer_class(2)], prior=bnn.Normal()))
    draws = bnn.predict(fit, X, key=1)
    assert draws.sizes == {"chain": 1, "draw": 5, "obs": 12}
    assert np.isfinite(draws).all()
    assert fit.idata["posterior"]["radialbasis0_centre"].shape == (1, 5, 2, 1)
