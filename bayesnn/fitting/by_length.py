"""Quantities of draws at sequences of different lengths, each kind of length without the padding of the longest."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesnn.fitting.draws import Quantity, over_draws
from bayesnn.models.lengths import cut, lengths_of_rows, shorter_widths, work
from bayesnn.models.model import Model

MOST = 4  # groups of rows, each of which compiles a program of its own
WORTH = 3e9  # array elements saved, from which on programs for shorter rows pay: some seconds


def over_rows(
    quantity: Quantity,
    model: Model,
    sites: dict[str, np.ndarray],
    x: np.ndarray,
    *arrays: Any,
    summed: bool = False,
    at_once: int | None = None,
) -> np.ndarray:
    """`over_draws` for a quantity that has a value, or several, for each row and depends on no other row.

    Where it saves enough, rows are sorted into a few groups by their length, and evaluated without the padding that
    all rows of a group share; values differ by rounding alone. A `summed` quantity is a sum over rows.
    """
    groups = groups_of(model, x, len(next(iter(sites.values()))))
    if len(groups) < 2:
        return over_draws(quantity, model, sites, x, *arrays, at_once=at_once)
    per_step = model.per_step(x.shape[1:])
    result: Any = None
    for rows, width in groups:
        taken = tuple(a if a is None else np.asarray(a)[rows] for a in (x, *arrays))
        values = over_draws(quantity, model, sites, *cut(model, taken, width), at_once=at_once)
        if summed:
            result = values if result is None else result + values
            continue
        steps = per_step and values.ndim > 2
        if result is None:
            rest = (x.shape[1], *values.shape[3:]) if steps else values.shape[2:]
            result = np.zeros((len(values), len(x), *rest), values.dtype)
        if steps:
            result[:, rows, :width] = values
        else:
            result[:, rows] = values
    return result


def groups_of(model: Model, x: np.ndarray, draws: int) -> list[tuple[np.ndarray, int]]:
    """Groups of rows of about the same length, each with a width that holds them; one group where more do not pay."""
    everything = [(np.arange(len(x)), x.shape[1] if x.ndim > 1 else 0)]
    sequences = x.ndim > 2 or (x.ndim == 2 and model.network.tokens is not None)
    if not sequences or isinstance(x, np.memmap):  # rows of a mapped file are read in place
        return everything
    whole = draws * len(x) * work(model, x.shape[1:], x.shape[1])
    widths = shorter_widths(model, x.shape[1:]) if whole > WORTH else ()
    if not widths:
        return everything
    widths = (*widths, x.shape[1])
    costs = np.array([work(model, x.shape[1:], width) for width in widths])
    place = np.searchsorted(widths, lengths_of_rows(model, x))
    counts = np.bincount(place, minlength=len(widths))
    chosen = cheapest(counts, costs)
    if draws * (len(x) * costs[-1] - cost_of(counts, costs, chosen)) < WORTH:
        return everything
    group = np.searchsorted(chosen, place)
    found = [(np.flatnonzero(group == i), widths[end]) for i, end in enumerate(chosen)]
    return [(rows, width) for rows, width in found if len(rows)]


def cheapest(counts: np.ndarray, costs: np.ndarray) -> list[int]:
    """Places of at most MOST widths, the last among them, that evaluate all rows at the least cost.

    `counts` are the rows that need each width, `costs` what a row costs at each.
    """
    chosen = [len(costs) - 1]
    while len(chosen) < min(MOST, len(costs)):  # the best next width, one after the other
        options = [sorted([*chosen, i]) for i in range(len(costs)) if i not in chosen]
        chosen = min(options, key=lambda some: cost_of(counts, costs, some))
    return chosen


def cost_of(counts: np.ndarray, costs: np.ndarray, chosen: list[int]) -> float:
    """The cost of all rows, each at the smallest of the chosen widths that holds it."""
    return float(counts @ costs[np.asarray(chosen)[np.searchsorted(chosen, np.arange(len(costs)))]])
