"""Binding a model to data does each piece of work once."""

import importlib

import numpy as np
import pytest

import bayesnn as bnn

binding = importlib.import_module("bayesnn.fitting.binding")
dataset = importlib.import_module("bayesnn.data.dataset")
targets = importlib.import_module("bayesnn.fitting.targets")

RNG = np.random.default_rng(0)
TOKENS = RNG.integers(1, 5, (6, 4))
TAGGER = bnn.Model([bnn.Embedding(5, 2), bnn.GRU(2, return_sequences=True)], bnn.Poisson())
TABLE = RNG.normal(size=(6, 2))


@pytest.fixture
def calls(monkeypatch):
    """How often the functions that learn, code and check are called."""
    found = dict.fromkeys(("learn_columns", "code", "new_offset"), 0)

    def counted(name, function):
        def call(*arguments, **settings):
            found[name] += 1
            return function(*arguments, **settings)

        return call

    for name in found:
        once = counted(name, getattr(dataset, name))
        for module in (binding, dataset, targets):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, once)
    return found


@pytest.mark.parametrize(
    ("model", "x", "y"),
    [(bnn.Model([bnn.Dense(1)], bnn.Poisson()), TABLE, np.arange(6)), (TAGGER, TOKENS, TOKENS)],
    ids=["table", "targets at every step"],
)
def test_columns_are_learnt_rows_coded_and_offsets_checked_once(calls, model, x, y):
    _, data = binding.bind(model, x, y, offset=0.5)
    assert calls == {"learn_columns": 1, "code": 1, "new_offset": 1}
    np.testing.assert_array_equal(data.x, x)
    assert data.offset.tolist() == [0.5] * 6
