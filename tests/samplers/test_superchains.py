"""Hundreds of short chains: groups with one start, nested R-hat, and the verdict of `diagnose`."""

import numpy as np
import pytest

import bayesnn as bnn
from bayesnn.evaluation.convergence import group_chains, in_words
from bayesnn.fitting.mixing import nested_r_hat
from bayesnn.samplers.engine.plan import Plan

X = np.linspace(-1.5, 1.5, 14)[:, None]
Y = np.tanh(2 * X[:, 0]) + 0.1 * np.cos(11 * X[:, 0])
SHORT = {"draws": 5, "chains": 12, "superchains": 3, "progress": False}
SAMPLERS = {
    "gibbs": (bnn.shallow(2), bnn.Gibbs(candidates=3, sweeps=1)),
    "hmc": (bnn.Model([bnn.Dense(2, "tanh")]), bnn.HMC(trajectory_length=0.5)),
    "ensemble": (bnn.Model([bnn.Dense(2, "tanh")]), bnn.MCLMC(steps=2, start=bnn.MAP(steps=20, validation=None))),
}


def by_hand(values, superchains):
    """Definition 2 of Margossian et al. (2024), sums written out."""
    chains, draws = values.shape
    size = chains // superchains
    means, within = [], []
    for k in range(superchains):
        own = [values[k * size + m] for m in range(size)]
        centres = [sum(v) / draws for v in own]
        mean = sum(centres) / size
        between = sum((c - mean) ** 2 for c in centres) / (size - 1)
        inner = sum(sum((x - c) ** 2 for x in v) / (draws - 1) for v, c in zip(own, centres)) / size
        means.append(mean)
        within.append(between + inner)
    grand = sum(means) / superchains
    return (1 + sum((m - grand) ** 2 for m in means) / (superchains - 1) / (sum(within) / superchains)) ** 0.5


def test_nested_r_hat_is_its_formula():
    values = np.random.default_rng(1).gamma(2.0, size=(12, 5, 3))
    found = nested_r_hat(values, 3)
    np.testing.assert_allclose(found, [by_hand(values[..., i], 3) for i in range(3)], rtol=1e-12)


def test_nested_r_hat_is_that_of_arviz():
    stats = pytest.importorskip("arviz_stats", reason="ArviZ before version 1 has no nested R-hat")
    values = np.random.default_rng(1).gamma(2.0, size=(12, 5))
    ids = np.repeat(np.arange(3), 4)
    expected = stats.base.array_stats.rhat_nested(values, superchain_ids=ids, method="identity")
    np.testing.assert_allclose(nested_r_hat(values, 3), expected, rtol=1e-10)


def test_in_equilibrium_it_falls_with_the_number_of_chains():
    draws = np.random.default_rng(2).normal(size=(16, 64, 4, 500))  # superchain, chain, draw, function value
    for size in (4, 16, 64):
        squares = nested_r_hat(draws[:, :size].reshape(16 * size, 4, 500), 16) ** 2 - 1
        # B is 1/(4 size), W is 1/4 + 1; the relative sd of B is sqrt(2/15) a value, of which there are 500
        assert squares.mean() * 5 * size == pytest.approx(1.0, abs=5 * (2 / 15 / 500) ** 0.5)


def test_a_start_that_is_not_forgotten_shows():
    draws = np.random.default_rng(3).normal(size=(128, 4))
    assert nested_r_hat(draws, 8) < 1.01
    stuck = draws + np.repeat(np.arange(8) == 0, 16)[:, None]
    assert nested_r_hat(stuck, 8) > 1.03


def test_one_draw_a_chain_or_one_chain_a_superchain_will_do():
    draws = np.random.default_rng(4).normal(size=(64, 1))
    assert 1.0 < nested_r_hat(draws, 8) < 1.2
    assert 1.0 < nested_r_hat(draws.reshape(8, 8), 8) < 1.2
    assert np.isnan(nested_r_hat(np.zeros((8, 2)), 4))


@pytest.mark.first_case
@pytest.mark.parametrize("name", list(SAMPLERS))
def test_chains_of_a_superchain_share_their_start_alone(name):
    """After very few moves, the chains of one superchain are close to each other but all different."""
    model, sampler = SAMPLERS[name]
    if name == "hmc":
        sampler = bnn.HMC(trajectory_length=1e-6)
    if name == "ensemble":
        sampler = bnn.MCLMC(steps=3, start=sampler.start)  # the direction is renewed after a step
    fit = bnn.fit(model, X, Y, sampler=sampler, warmup=0, **SHORT | {"draws": 1})
    f = bnn.predict(fit, X).to_numpy()[:, 0].reshape(3, 4, -1)
    assert len(np.unique(f.reshape(12, -1), axis=0)) == 12
    if name != "gibbs":  # whose first sweep forgets much
        assert f.std(axis=1).max() < 0.1 * f.mean(axis=1).std(axis=0).max()


@pytest.mark.slow
def test_hundreds_of_short_chains_are_judged_together():
    model, sampler = bnn.shallow(2), bnn.Gibbs(candidates=3)
    settings = {"sampler": sampler, "warmup": 30, "draws": 8, "chains": 256, "progress": False}
    fit = bnn.fit(model, X, Y, superchains=8, **settings)
    found = bnn.diagnose(fit)
    assert "nested R-hat" in found.verdict
    assert found.verdict.startswith("Converged: 256 chains agree")
    f = bnn.predict(fit, X).to_numpy()
    np.testing.assert_allclose(found.table.loc["f, worst", "r_hat"], nested_r_hat(f, 8).max())
    assert fit.idata["posterior"].attrs["superchains"] == 8
    assert "nested" not in bnn.diagnose(bnn.fit(model, X, Y, **settings | {"chains": 4})).verdict


def test_superchains_are_grouped_as_wholes():
    values = np.random.default_rng(5).normal(size=(12, 50, 2)) + np.repeat([0.0, 0.0, 5.0], 4)[:, None, None]
    assert group_chains(values, 3) == (tuple(range(8)), (8, 9, 10, 11))
    assert [in_words(g) for g in ((0,), (0, 1, 2), tuple(range(8)), (0, 3, 4, 5, 6, 9))] == [
        "0",
        "0, 1, 2",
        "0-7",
        "0, 3-6, 9",
    ]


@pytest.mark.parametrize("superchains", [1, 5, 2.5])
def test_superchains_must_divide_the_chains(superchains):
    with pytest.raises(ValueError, match="superchains must"):
        Plan(1, 1, 12, superchains=superchains)
