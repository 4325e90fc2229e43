"""The network of a series without seasons: hidden units drawn from their prior, one set of them per point of the grid.

The innovation of a step is e_t + v' h(z_t), where z_t are the last values of the curve, standardised by its past, and h
are a constant, these values, and tanh units. Given the hidden weights the readout v is a part of the linear regression,
with a scale that may be zero; so the hidden weights are averaged by the evidence of their points.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

SLOPES = (0.7, 1.5, 3.0)  # sds of the weights of a unit, which decide how steep it is


class Hidden(NamedTuple):
    """Weights (h, l, g) of h units on l inputs and biases (h, g); lags (l, g) say which ones these are, 0 for none."""

    weight: np.ndarray
    bias: np.ndarray
    lags: np.ndarray

    @property
    def width(self) -> int:
        """Number of features: a constant, the lags, the units."""
        return 1 + self.weight.shape[1] + self.weight.shape[0]

    def of_points(self, point: np.ndarray) -> Hidden:
        """The hidden weights of some points, one after the other."""
        return Hidden(*(part[..., point] for part in self))


class Window(NamedTuple):
    """Standardised values z (w, ...) before a step, the latest first, and centre and spread (...) of the curve."""

    recent: np.ndarray
    center: np.ndarray
    spread: np.ndarray

    def after(self, u: np.ndarray) -> Window:
        """The window after one more value u (...) of the curve."""
        z = (u - self.center) / self.spread
        return self._replace(recent=np.concatenate([z[None], self.recent[:-1]]))


@lru_cache(maxsize=32)
def draw_hidden(points: int, units: int, lags: int) -> Hidden:
    """Hidden weights of every point: N(0, s^2) with a slope s of the point, zero at a random place of the inputs.

    In turn, points use the last value, the last two, the last three, the last one or two and one from 3 to `lags` steps
    back. The numbers are always the same, as those of the other unknowns of a grid.
    """
    rng = np.random.default_rng(0)
    kind, turn = np.arange(points) % 5, np.arange(points) // 5
    slope, far = np.array(SLOPES)[turn % len(SLOPES)], 3 + turn // len(SLOPES) % (lags - 2)
    none = np.zeros_like(far)
    used = np.stack([none + 1, np.choose(kind, [none, 2, 2, far, 2]), np.choose(kind, [none, none, 3, none, far])])
    weight = slope * rng.standard_normal((units, *used.shape)) * (used > 0)
    place = rng.standard_normal(weight.shape)
    return Hidden(weight, -np.sum(weight * place, axis=1), used)


def features(recent: Any, weight: Any, bias: Any, lags: Any, xp: Any = np) -> Any:
    """Features (1 + l + h, ...) of values (w, ...) before a step, for hidden weights (h, l, ...) with the same axes."""
    recent = xp.where(lags > 0, xp.take_along_axis(recent, xp.maximum(lags - 1, 0), axis=0), 0.0)
    units = xp.tanh(xp.sum(weight * recent, axis=1) + bias)
    return xp.concatenate([xp.ones_like(units[:1]), recent, units])


def windows(u: np.ndarray, kind: np.ndarray, lags: int) -> Window:
    """Windows of curves (..., n) before each of their n steps and after the last: recent is (lags, ..., n + 1).

    A value that is not observed counts as the last one that was, and as the centre before the first.
    """
    seen = kind >= 2
    count = np.maximum(seen.sum(axis=-1), 1)
    center = np.sum(np.where(seen, u, 0.0), axis=-1) / count
    squares = np.sum(np.where(seen, (u - center[..., None]) ** 2, 0.0), axis=-1) / count
    spread = np.where(squares > 0, np.sqrt(squares), 1.0)
    last = np.maximum.accumulate(np.where(seen, np.arange(u.shape[-1]), -1), axis=-1)
    z = (np.take_along_axis(u, np.maximum(last, 0), axis=-1) - center[..., None]) / spread[..., None]
    z = np.where(last >= 0, z, 0.0)
    padded = np.concatenate([np.zeros((*z.shape[:-1], lags)), z], axis=-1)
    steps = u.shape[-1] + 1
    recent = [padded[..., lags - 1 - lag :][..., :steps] for lag in range(lags)]
    return Window(np.array(recent).reshape(lags, *padded.shape[:-1], steps), center, spread)


def last_window(u: np.ndarray, kind: np.ndarray, hidden: Hidden | None) -> np.ndarray:
    """Windows (c, w + 2) after curves u (c, n): recent values, centre and spread; (c, 0) without a network."""
    if hidden is None:
        return np.zeros((len(u), 0))
    found = windows(u, kind, hidden.lags.max())
    return np.column_stack([*found.recent[..., -1], found.center, found.spread])


def readout(recent: np.ndarray, hidden: Hidden, coefficients: np.ndarray) -> np.ndarray:
    """v' h(z) (d,) of d draws, with values (w, d) before a step, their hidden weights, and v last in (d, k)."""
    return np.asarray(np.sum(features(recent, *hidden) * coefficients[:, -hidden.width :].T, axis=0))
