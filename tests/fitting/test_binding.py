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


@pytest.mark.parametrize(
    ("likelihood", "y"),
    [
        (bnn.Poisson(), np.array([90, 1, 2, 3, 4, 5])),
        (bnn.NegativeBinomial(), np.array([90, 1, 2, 3, 4, 5])),
        (bnn.Categorical(), ["odd", "a", "b", "a", "b", "c"]),
        (bnn.Bernoulli(), np.array([7, 0, 1, 1, 0, 1])),
        (bnn.StudentT(), np.arange(6.0) ** 2),
        (bnn.Heteroskedastic(), np.arange(6.0) ** 2),
    ],
)
def test_likelihoods_learn_from_rows_as_often_as_their_weights_say(likelihood, y):
    """A row of weight zero is as if it were not there, one of weight two as if it stood there twice."""
    weights, model = np.array([0, 2, 1, 1, 3, 1]), bnn.Model([bnn.Dense(1)], likelihood)
    offset = None if likelihood.standardizes or likelihood.kind == "class" else np.linspace(-1.0, 1.0, 6)
    rows = np.repeat(np.arange(6), weights)
    weighted, data = binding.bind(model, TABLE, y, weights=weights, offset=offset)
    repeated, _ = binding.bind(model, TABLE[rows], np.asarray(y)[rows], offset=None if offset is None else offset[rows])
    found, expected = weighted.likelihood, repeated.likelihood
    assert getattr(found, "classes", ()) == getattr(expected, "classes", ())
    assert getattr(found, "baseline", 0.0) == pytest.approx(getattr(expected, "baseline", 0.0), rel=1e-12)
    if likelihood.kind == "class":
        assert data.y[0] == -1  # has no code
        assert data.scaled()[1].min() == 0  # that of no class would make the log likelihood of all rows not a number


def test_an_exposure_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="offset must be from -300 to 300 for counts, .*, got 800 at row 0"):
        binding.bind(bnn.Model([bnn.Dense(1)], bnn.Poisson()), TABLE, np.arange(6), offset=800.0)


@pytest.mark.parametrize("weights", [None, np.array([1.0, 2.0, 0.0, 0.5, 1.0, 3.0])], ids=["plain", "weighted"])
def test_the_rate_of_steps_with_counts_has_the_exposure_of_every_real_step(weights):
    """The log of all counts per exposure: a row's exposure is that of each of its steps, padded ones left out."""
    tokens = np.where(np.arange(4) < np.array([4, 2, 3, 1, 4, 4])[:, None], TOKENS, 0)
    real, offset = tokens > 0, np.linspace(-1.0, 2.0, 6)
    counts = np.where(real, 1 + np.arange(24).reshape(6, 4), 0)
    model, _ = binding.bind(TAGGER, tokens, counts, offset=offset, weights=weights)
    cases = np.ones(6) if weights is None else weights
    expected = cases @ counts.sum(axis=1) / (cases @ (real.sum(axis=1) * np.exp(offset)))
    assert model.likelihood.baseline == pytest.approx(np.log(expected), rel=1e-12)
