"""Functions of the user's own are told apart by what they compute, and the same ones are recognised."""

import functools
import math
import operator
import os
import subprocess
import sys
import textwrap
import threading
import types
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bayesnn as bnn
from bayesnn.fitting.store import functions
from bayesnn.fitting.store.functions import function_text
from bayesnn.fitting.store.manifest import text_of
from bayesnn.layers import Layer

FACTOR = 1.0
TABLE = {"a": 1.0}
MODULE = types.ModuleType("settings_of_the_user")
MODULE.a = 1.0


def closure(a):
    return lambda x: a * x


def deep_closure(a):
    def inner(x):
        return a * x

    return lambda x: inner(x)


def with_default(a):
    def act(x, a=a):
        return a * x

    return act


def with_keyword(a):
    def act(x, *, a=a):
        return a * x

    return act


def scaled(x, a):
    return a * x


def of_array(a):
    table = np.full(2000, a)  # too long for its repr
    return lambda x: table[0] * x


def of_jax_array(a):
    table = jnp.full(2000, a)
    return lambda x: table[0] * x


class Callable:
    def __init__(self, a):
        self.a = a

    def __call__(self, x):
        return self.a * x

    def method(self, x):
        return self.a * x


@dataclass(frozen=True)
class Frozen:
    a: float

    def __call__(self, x):
        return self.a * x


def of_global(a):
    code = compile(f"A = {a}\ndef act(x): return A * x\ndef outer(x): return act(x)", "own", "exec")
    space: dict = {"__name__": "own"}
    exec(code, space)
    return space["outer"]


def of_module(a):
    module = types.ModuleType("own_settings")
    module.a = a
    space: dict = {"__name__": "own", "module": module}
    exec("def act(x): return module.a * x", space)
    return space["act"]


def of_nested_code(a):
    space: dict = {"__name__": "own"}
    exec(f"def act(x):\n    def inner(z):\n        return {a} * z\n    return inner(x)", space)
    return space["act"]


def of_code(a):
    """One that names another function at the same place of its code, and one that has another constant."""
    space: dict = {"__name__": "own"}
    exec(f"import jax.numpy as jnp\ndef act(x): return jnp.{'sin' if a == 1.0 else 'cos'}(x)", space)
    return space["act"]


def own_class(a):
    class Own:
        factor = a

        def __call__(self, x):
            return self.factor * x

    return Own()


MAKERS = [
    *(closure, deep_closure, with_default, with_keyword, of_array, of_jax_array, Callable, Frozen),
    *(of_global, of_module, of_nested_code, of_code, own_class),
    lambda a: functools.partial(scaled, a=a),
    lambda a: functools.partial(functools.partial(scaled), a=a),
    lambda a: Callable(a).method,
    lambda a: jax.jit(closure(a)),
    lambda a: jax.custom_jvp(closure(a)),
    lambda a: functools.wraps(scaled)(closure(a)),
    lambda a: closure({"deep": [a, (a,)]}),
    lambda a: closure(closure(a)),
]


@pytest.mark.parametrize("make", MAKERS)
def test_functions_that_compute_other_values_have_another_text(make):
    assert function_text(make(1.0)) == function_text(make(1.0))
    assert function_text(make(1.0)) != function_text(make(4.0))


def test_functions_of_libraries_are_told_by_name():
    known = [jnp.tanh, jax.nn.relu, np.tanh, jax.nn.gelu, jax.numpy.sin, abs, math.tanh, operator.neg, textwrap.dedent]
    texts = [function_text(one) for one in known]
    assert len(set(texts)) == len(known)
    assert texts == [function_text(one) for one in known]


@pytest.mark.parametrize("name", ["statistics", "profile", "layers"])  # modules of Python, and a folder of this package
def test_a_module_of_the_user_s_own_is_no_library_whatever_its_name(name, tmp_path, monkeypatch):
    texts = []
    for factor in (1.0, 2.0):
        module = types.ModuleType(name)
        module.__file__ = str(tmp_path / f"{name}.py")
        exec(f"def act(x):\n    return {factor} * x", module.__dict__)
        monkeypatch.setitem(sys.modules, name, module)
        functions._of_library.cache_clear()
        texts.append(function_text(module.act))
    functions._of_library.cache_clear()
    assert texts[0] != texts[1]


def test_the_text_is_the_same_in_every_process():
    script = """
        import functools
        import jax.numpy as jnp
        from bayesnn.fitting.store.functions import function_text
        SET = {"a", "b", "c", "d"}
        def outer(x, kind={"one", "two", "three"}):
            return functools.reduce(lambda a, b: a + len(SET) * b, [jnp.sin(x)])
        print(function_text(functools.partial(outer, kind=frozenset("xyz"))))
    """
    texts = {
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(texts) == 1


def recursive(x, depth=3):
    return x if depth == 0 else recursive(jnp.tanh(x), depth - 1)


def test_functions_that_call_themselves():
    assert function_text(recursive) == function_text(recursive)


def test_what_cannot_be_told_is_refused_in_words():
    lock, random = threading.Lock(), np.random.default_rng(0)
    for hidden in (lock, random, (i for i in range(3))):
        with pytest.raises(ValueError, match=r"path= needs to tell .*closure.*depends on an object of the class"):
            function_text(closure(hidden))


def layer_class(code):
    @dataclass(frozen=True)
    class Own(Layer):
        units: int = 1

        def weights(self, shape):
            return {}

        def output_shape(self, shape):
            return shape

        def apply(self, weights, x, mask=None):
            return code * x

    return Own


def test_classes_of_the_users_own_are_told_by_their_methods():
    one, two = layer_class(1.0), layer_class(2.0)
    assert text_of(one()) == text_of(layer_class(1.0)())
    assert text_of(one()) != text_of(two())
    assert text_of(bnn.Model([one()])) != text_of(bnn.Model([two()]))


def test_the_package_s_own_specs_keep_their_text():
    """Runs that were begun by an earlier version can be continued."""
    assert text_of(bnn.Dense(3, "tanh")) == "Dense(units=3, activation='tanh')"
    assert text_of(bnn.NUTS()).startswith("NUTS(")
