"""The ladder of temperatures: exchanges between neighbours, where each copy has been, and the spacing.

The copy at temperature t follows prior times likelihood^t, with 1 = t_1 > ... > t_K >= 0. Neighbours i and j exchange
their states with probability min{1, exp((t_i - t_j)(l_j - l_i))}, l the log likelihood. Pairs (1, 2), (3, 4), ... and
pairs (2, 3), (4, 5), ... take turns: a copy that was exchanged once moves on in the same direction, so that a trip
through K temperatures takes of the order of K exchanges rather than K^2. S. Syed, A. Bouchard-Côté, G. Deligiannidis
and A. Doucet (2022), Non-reversible parallel tempering, Journal of the Royal Statistical Society B 84, 321-350.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

POWER = 0.2  # temperatures are spaced, and interpolated, on the scale of their fifth roots
LEAST = 0.01  # smallest rejection rate that the spacing assumes, so that no two temperatures become equal


class Ladder(NamedTuple):
    """Temperatures (K,), coldest first, and the walk of the copies over them.

    `copy` (K,) is the number of the copy at each temperature. `from_hot` (K,) says for each copy whether the last end
    of the ladder that it visited was the hot one; `trips` () counts arrivals of such copies at the cold end. `rejected`
    (K - 1,) sums the rejection probabilities of all pairs of neighbours over `rounds` () rounds.
    """

    temperatures: jax.Array
    copy: jax.Array
    from_hot: jax.Array
    trips: jax.Array
    rejected: jax.Array
    rounds: jax.Array


def start_ladder(temperatures: jax.Array) -> Ladder:
    """Every copy at a temperature of its own, and nothing counted."""
    count = temperatures.shape[0]
    zero = jnp.zeros((), int)
    return Ladder(temperatures, jnp.arange(count), jnp.zeros(count, bool), zero, jnp.zeros(count - 1), zero)


def spaced(count: int, hottest: float = 0.0) -> np.ndarray:
    """`count` temperatures from 1 to `hottest`, evenly spaced on the scale of their fifth roots."""
    return np.linspace(1.0, hottest**POWER, count) ** (1.0 / POWER)


def exchange(key: jax.Array, ladder: Ladder, levels: jax.Array, odd: jax.Array) -> tuple[Ladder, jax.Array, jax.Array]:
    """One round of exchanges given the log likelihoods (K,) of the states: the ladder, sources (K,), rates (K - 1,).

    The new state at temperature k is the old one at temperature source[k]. `odd` () is 1 if pairs (2, 3), (4, 5), ...
    have their turn. The rates are the probabilities with which all pairs would be exchanged, those without a turn too.
    """
    count = levels.shape[0]
    pair = jnp.arange(count - 1)
    gap = ladder.temperatures[:-1] - ladder.temperatures[1:]
    rate = jnp.exp(jnp.minimum(gap * (levels[1:] - levels[:-1]), 0.0))
    rate = jnp.where(jnp.isnan(rate), 0.0, rate)
    accepted = (jax.random.uniform(key, (count - 1,)) < rate) & (pair % 2 == odd)
    up, down = jnp.append(accepted, False), jnp.concatenate([jnp.zeros(1, bool), accepted])
    source = jnp.arange(count) + up - down
    copy = ladder.copy[source]
    arrived = ladder.from_hot[copy[0]]
    from_hot = ladder.from_hot.at[copy[0]].set(False).at[copy[-1]].set(True)
    new = ladder._replace(
        copy=copy,
        from_hot=from_hot,
        trips=ladder.trips + arrived,
        rejected=ladder.rejected + 1.0 - rate,
        rounds=ladder.rounds + 1,
    )
    return new, source, rate


def respaced(ladder: Ladder) -> Ladder:
    """Temperatures moved so that all pairs reject equally often, as far as the counts tell; counts start again.

    The rejections cumulated along the ladder measure the distance between temperatures; the new ones divide it into
    equal parts. Syed et al. (2022), section 5.3. The ends stay.
    """
    rates = ladder.rejected / jnp.maximum(ladder.rounds, 1)
    new = spread(ladder.temperatures, rates, ladder.temperatures.shape[0])
    return ladder._replace(
        temperatures=new, rejected=jnp.zeros_like(ladder.rejected), rounds=jnp.zeros_like(ladder.rounds)
    )


def spread(temperatures: Any, rates: Any, count: int, numbers: Any = jnp) -> Any:
    """`count` temperatures between the same ends that divide the cumulated rejection rates (K - 1,) evenly.

    `numbers` is the module to compute with, `jax.numpy` or `numpy`.
    """
    steps = numbers.maximum(rates, LEAST)
    distance = numbers.concatenate([numbers.zeros(1), numbers.cumsum(steps)])
    inner = numbers.interp(distance[-1] * numbers.arange(1, count - 1) / (count - 1), distance, temperatures**POWER)
    return numbers.concatenate([temperatures[:1], inner ** (1.0 / POWER), temperatures[-1:]])
