"""Exchanges leave every temperature's distribution as it is, round trips are counted, and the spacing is even."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bayesnn._internal.runtime import computing
from bayesnn.samplers.tempering.ladder import exchange, respaced, spaced, start_ladder

TEMPERATURES = (1.0, 0.6, 0.3, 0.0)
CURVATURE = 6.0  # log likelihood -3 theta^2, prior N(0, 1): at temperature t theta is N(0, 1 / (1 + 6 t))
REPLICAS = 40_000
exchange_all = jax.jit(jax.vmap(exchange, (0, None, 0, None)))


@computing
def scores_after_an_exchange(sign, odd):
    """z-scores of theta^2 at each temperature after one exchange of exact draws, by levels with this sign."""
    t = np.array(TEMPERATURES)
    variance = 1.0 / (1.0 + CURVATURE * t)
    theta = np.random.default_rng(1).normal(size=(REPLICAS, 4)) * np.sqrt(variance)
    keys = jax.random.split(jax.random.key(2), REPLICAS)
    levels = -0.5 * CURVATURE * theta**2
    _, source, rates = exchange_all(keys, start_ladder(jnp.asarray(t)), jnp.asarray(sign * levels), odd)
    moved = np.take_along_axis(theta, np.asarray(source), axis=1)
    np.testing.assert_allclose(rates, np.exp(np.minimum(sign * (t[:-1] - t[1:]) * np.diff(levels), 0.0)), rtol=1e-10)
    assert (np.asarray(source) != np.arange(4)).mean() > 0.2
    return (np.mean(moved**2, axis=0) / variance - 1.0) * np.sqrt(REPLICAS / 2)


@pytest.mark.parametrize("odd", [0, 1])
def test_an_exchange_leaves_every_temperature_as_it_was(odd):
    assert np.abs(scores_after_an_exchange(1.0, odd)).max() < 4


@pytest.mark.parametrize("odd", [0, 1])
def test_the_wrong_sign_of_the_ratio_is_seen(odd):
    assert np.abs(scores_after_an_exchange(-1.0, odd)).max() > 6


@computing
def test_pairs_take_turns_and_round_trips_are_counted():
    """Where all levels are equal every exchange is accepted, and the walk of the copies is known."""
    ladder, copy, from_hot, trips = start_ladder(jnp.asarray(TEMPERATURES)), list(range(4)), [False] * 4, 0
    for number in range(25):
        odd = number % 2
        ladder, source, _ = exchange(jax.random.key(number), ladder, jnp.zeros(4), jnp.asarray(odd))
        for first in range(odd, 3, 2):
            copy[first], copy[first + 1] = copy[first + 1], copy[first]
        trips += from_hot[copy[0]]
        from_hot[copy[0]], from_hot[copy[-1]] = False, True
        assert list(ladder.copy) == copy
        assert list(source) != [0, 1, 2, 3]
        assert int(ladder.trips) == trips
    assert trips >= 8  # a copy takes 8 exchanges for a trip through four temperatures and back
    assert float(ladder.rejected.sum()) == 0.0
    assert int(ladder.rounds) == 25


@computing
def test_a_level_that_is_not_a_number_is_never_exchanged():
    for bad in (np.nan, -np.inf):
        levels = jnp.asarray([0.0, bad, 0.0, 0.0])
        _, source, _ = exchange(jax.random.key(0), start_ladder(jnp.asarray(TEMPERATURES)), levels, jnp.asarray(0))
        assert list(source[:2]) == [0, 1]


@computing
def test_the_ladder_is_spaced_so_that_rejections_become_equal():
    """With rejections proportional to differences of roots, equal parts are equal differences of roots."""
    roots = jnp.asarray([1.0, 0.9, 0.4, 0.3, 0.0])
    ladder = start_ladder(roots**5)
    rates = roots[:-1] - roots[1:]
    new = respaced(ladder._replace(rejected=40.0 * rates, rounds=jnp.asarray(40)))
    np.testing.assert_allclose(np.asarray(new.temperatures) ** 0.2, np.linspace(1, 0, 5), atol=1e-12)
    assert float(new.rejected.sum()) == 0.0
    assert int(new.rounds) == 0


def test_the_first_spacing_falls_from_one_to_the_hottest():
    for hottest in (0.0, 0.02):
        ladder = spaced(7, hottest)
        assert ladder[0] == 1.0
        assert ladder[-1] == pytest.approx(hottest, abs=1e-15)
        assert (np.diff(ladder) < 0).all()
