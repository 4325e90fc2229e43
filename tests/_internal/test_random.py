"""Numbers drawn ahead: of the right distributions, each used once, and no sweep sees those of another."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from bayesnn._internal import random
from bayesnn._internal.runtime import double

COUNT = 4000


@pytest.fixture(autouse=True)
def double_precision():
    with double():
        yield


def everything(source, state):
    """One of every kind, in shapes of every rank."""
    own = random.split(source, 7)
    numbers = {
        "normal": random.normal(own[0], (2, 2)),
        "uniform": random.uniform(own[1], (3,)),
        "gumbel": random.gumbel(own[2]),
        "gamma": random.gamma(own[3], 0.5 * (3 - np.arange(2))),
        "gamma of one alpha": random.gamma(own[4], 2.5, (2,)),
        "gamma of the state": random.gamma(own[5], state),
        "key": jax.random.normal(random.as_key(own[6])),
    }
    return state, numbers


LAWS = {
    "normal": [stats.norm()] * 4,
    "uniform": [stats.uniform()] * 3,
    "gumbel": [stats.gumbel_r()],
    "gamma": [stats.gamma(1.5), stats.gamma(1.0)],
    "gamma of one alpha": [stats.gamma(2.5)] * 2,
    "gamma of the state": [stats.gamma(0.7)],
    "key": [stats.norm()],
}


@pytest.fixture(scope="module", params=["squares", "gamma generator", "on request"])
def numbers(request):
    """Columns (COUNT, numbers of a sweep), by name."""
    with double(), pytest.MonkeyPatch.context() as patch:
        if request.param == "gamma generator":
            patch.setattr(random, "MOST_SQUARES", 0)
        if request.param == "on request":
            patch.setattr(random, "MOST_AHEAD", 0)
        drawn = jax.jit(lambda key: random.scan_with_predrawn(key, COUNT, everything, jnp.asarray(0.7))[1])(
            jax.random.key(3)
        )
    return {name: np.asarray(values).reshape(COUNT, -1) for name, values in drawn.items()}


@pytest.mark.first_case
def test_every_number_has_its_law(numbers):
    """Kolmogorov-Smirnov for 14 columns: the smallest p-value beyond one in a thousand after Bonferroni."""
    p = [
        stats.kstest(column, law.cdf).pvalue
        for name, laws in LAWS.items()
        for column, law in zip(numbers[name].T, laws, strict=True)
    ]
    assert min(p) > 0.001 / len(p), p


@pytest.mark.slow
def test_a_wrong_law_would_be_seen(numbers):
    assert stats.kstest(numbers["gamma"][:, 0], stats.gamma(1.7).cdf).pvalue < 1e-4


def test_no_number_is_used_twice(numbers):
    """Columns, and neighbouring sweeps, are uncorrelated: |r| sqrt(n) is standard normal where they are independent."""
    columns = np.column_stack(list(numbers.values()))
    across = np.corrcoef(columns, rowvar=False) - np.eye(columns.shape[1])
    ranks = stats.rankdata(columns, axis=0)
    along = [np.corrcoef(column[1:], column[:-1])[0, 1] for column in ranks.T]
    assert np.abs(across).max() * np.sqrt(COUNT) < 4.5  # 91 pairs: one in 1600
    assert np.abs(along).max() * np.sqrt(COUNT) < 4.0


@pytest.mark.slow
def test_a_key_and_predrawn_numbers_give_the_same_shapes():
    predrawn = random.PredrawnNumbers(jnp.ones(9), jnp.ones(9), jnp.ones(9), jax.random.key(0))
    by_key, ahead = everything(jax.random.key(1), 0.7)[1], everything(predrawn, 0.7)[1]
    assert {n: np.shape(v) for n, v in by_key.items()} == {n: np.shape(v) for n, v in ahead.items()}


def test_state_goes_from_sweep_to_sweep():
    def walk(source, state):
        new = state + random.normal(source)
        return new, new

    end, path = random.scan_with_predrawn(jax.random.key(0), 5, walk, jnp.asarray(0.0))
    assert end == path[-1] and len(np.unique(np.diff(path))) == 4
