"""Predictions and log likelihoods of sequences in groups by length: the same numbers, but for rounding."""

import numpy as np
import pytest

import bayesnn as bnn
from bayesnn.fitting import by_length
from bayesnn.fitting.by_length import cheapest, cost_of, groups_of
from tests.helpers.made import made_fit

STEPS = 40


def tokens(rows=24):
    random = np.random.default_rng(0)
    lengths = np.minimum(2 + random.geometric(0.15, rows), STEPS)
    lengths[-1] = STEPS
    return bnn.pad([random.integers(1, 9, n) for n in lengths], STEPS)


@pytest.mark.parametrize("per_step", [False, True])
def test_groups_change_no_value(per_step, monkeypatch):
    x = tokens()
    model = bnn.Model([bnn.Embedding(9, 2), bnn.Elman(2, return_sequences=per_step)], bnn.Categorical())
    y = x % 3 if per_step else np.arange(len(x)) % 3
    fit = made_fit(model, x, y)
    expected = bnn.predict(fit, x, kind="probability"), bnn.evaluate(fit, x, y)
    monkeypatch.setattr(by_length, "WORTH", 0)
    assert len(groups_of(fit.model, x, 5)) == by_length.MOST
    probability, scores = bnn.predict(fit, x, kind="probability"), bnn.evaluate(fit, x, y)
    np.testing.assert_allclose(probability, expected[0], rtol=1e-10)
    np.testing.assert_allclose(scores, expected[1], rtol=1e-10)
    grouped = made_fit(model, x, y)
    found, whole = (f.idata["log_likelihood"]["y"].to_numpy() for f in (grouped, fit))
    np.testing.assert_allclose(found, whole, rtol=1e-10)
    from bayesnn.fitting.pointwise import log_likelihood_total

    total = log_likelihood_total(fit.model, fit.data, fit.sites())
    np.testing.assert_allclose(total, whole.sum(axis=-1), rtol=1e-10)


def test_every_row_is_in_one_group_that_holds_it():
    x = tokens(200)
    model = bnn.Model([bnn.Embedding(9, 3), bnn.LSTM(2)])
    groups = groups_of(model, x, 10**6)
    assert 1 < len(groups) <= by_length.MOST
    assert sorted(np.concatenate([rows for rows, _ in groups])) == list(range(200))
    assert all(not x[rows, width:].any() for rows, width in groups)
    assert len(groups_of(model, x, 1)) == 1  # too little work for more programs
    assert len(groups_of(bnn.Model([bnn.Dense(2)]), np.ones((5, 3)), 10**9)) == 1


def test_the_chosen_widths_cost_least():
    counts, costs = np.array([50, 1, 40, 5]), np.array([1.0, 2.0, 3.0, 10.0])
    assert cheapest(counts, costs) == [0, 1, 2, 3]
    assert cost_of(counts, costs, [0, 3]) == 50 + 46 * 10
    assert cost_of(counts, costs, [0, 2, 3]) == 50 + 41 * 3 + 5 * 10
