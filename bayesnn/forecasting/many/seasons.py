"""Seasons: which a series has, their phases in one array, and a basis of their effects."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesnn._internal import checks

MOST_PHASES = 12  # a longer season has a basis of waves
HARMONICS = 10
LEAST_SEASONS = 2
WEEKS = {24: 168, 48: 336}  # steps per day -> steps per week, the second season of such series
MOST = 3


def read_seasons(seasonal: Any) -> tuple[int, ...] | None:
    """Steps per season in increasing order, from a whole number or several different ones; None for those of the dates.

    Examples
    --------
    >>> read_seasons([168, 24]), read_seasons(12), read_seasons(1)
    ((24, 168), (12,), (1,))
    """
    if seasonal is None:
        return None
    several = isinstance(seasonal, (list, tuple, np.ndarray))
    found = [checks.positive_integer("seasonal", one) for one in (seasonal if several else [seasonal])]
    if not 1 <= len(found) <= MOST or len(set(found)) < len(found):
        raise ValueError(f"seasonal must be a whole number, or up to {MOST} different ones, got {seasonal!r}")
    return tuple(sorted(found)) if len(found) == 1 else tuple(sorted(set(found) - {1}))


def usual_seasons(period: int) -> tuple[int, ...]:
    """The usual season of a step, and a week where it is a day of hours or half-hours."""
    return (period, WEEKS[period]) if period in WEEKS else (period,)


def seen_often_enough(periods: tuple[int, ...], count: int) -> tuple[int, ...]:
    """The seasons of which `count` values hold two; (1,) if there are none."""
    return tuple(period for period in periods if period > 1 and count >= LEAST_SEASONS * period) or (1,)


def phases(periods: tuple[int, ...], t: int) -> list[int]:
    """The rows of a step t in an array of the phases of all seasons, one after the other.

    Examples
    --------
    >>> phases((2, 3), 4)
    [0, 3]
    """
    return [sum(periods[:place]) + t % period for place, period in enumerate(periods)]


def season_basis(periods: tuple[int, ...]) -> tuple[np.ndarray, list[int]]:
    """Columns (m, q) of effects by phase of all seasons, which sum to zero over each, and how many each season has.

    Waves of a long season that are also waves of a shorter one are left to that.
    """
    blocks = [_one_basis(period, periods[:place]) for place, period in enumerate(periods)]
    basis = np.zeros((sum(periods), sum(block.shape[1] for block in blocks)))
    row = column = 0
    for block in blocks:
        basis[row : row + block.shape[0], column : column + block.shape[1]] = block
        row, column = row + block.shape[0], column + block.shape[1]
    return basis, [block.shape[1] for block in blocks]


def _one_basis(period: int, shorter: tuple[int, ...]) -> np.ndarray:
    """All effects (period, q) of a short season that sum to zero, or waves of a long one."""
    if period == 1:
        return np.zeros((1, 0))
    if period <= MOST_PHASES and not shorter:
        return np.linalg.qr(np.column_stack([np.ones(period), np.eye(period)[:, 1:]]))[0][:, 1:]
    waves = [h for h in range(1, (period - 1) // 2 + 1) if not any(h * short % period == 0 for short in shorter)]
    angle = 2 * np.pi * np.arange(period)[:, None] * np.array(waves[:HARMONICS]) / period
    columns = np.concatenate([np.cos(angle), np.sin(angle)], axis=1)
    return columns / np.sqrt(columns.shape[1] / 2)  # effects with the variance of one coefficient, as with all phases
