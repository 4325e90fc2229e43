"""Transforms of a series before a network sees it, and their exact inverses.

y -> u = g(y), value by value (a logarithm or a root, then an affine map) -> w, the differences of u. The network sees
lags of w and predicts w; a forecast recovers u from w and the history, and y from u.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.numbers import LARGEST, ROUNDINGS, constant

CURVES = ("log", "log10", "sqrt")
STANDARDIZE, SCALE = "standardize", "scale"
DIFFERENCES = ("difference", "seasonal_difference")
TRANSFORMS = (*CURVES, STANDARDIZE, SCALE, *DIFFERENCES)


@dataclass(frozen=True)
class Transform:
    """y -> u = (curve(y) - center) / scale -> w, u after all differences; curve is a logarithm, a root or the identity.

    Parameters
    ----------
    names : tuple of str
        Names of the parts, in the order in which they are applied.
    differences : tuple of int
        The lag of each difference: 1, or the seasonal period.
    center, scale : float
        Learnt from a series if "standardize" is among the names: mean and sd of curve(y); or if "scale" is: zero, and
        the sd of what the differences leave of curve(y).

    Examples
    --------
    >>> import numpy as np
    >>> Transform(("log", "difference"), (1,)).forward(np.exp([1.0, 3.0, 6.0]))
    array([2., 3.])
    """

    names: tuple[str, ...] = ()
    differences: tuple[int, ...] = ()
    center: float = 0.0
    scale: float = 1.0

    @property
    def pointwise_name(self) -> str | None:
        """The logarithm or root, if there is one."""
        return next((name for name in self.names if name in CURVES), None)

    @property
    def two_valued(self) -> bool:
        """Whether two values of u give the same y: so for a square root, where `pointwise` gives the positive root."""
        return self.pointwise_name == "sqrt"

    @property
    def lost_values(self) -> int:
        """Number d of values by which differences shorten a series."""
        return sum(self.differences)

    @property
    def difference_filter(self) -> tuple[float, ...]:
        """c_1, ..., c_d with w_t = u_t - sum_k c_k u_{t-k}."""
        polynomial = np.ones(1)
        for step in self.differences:
            polynomial = np.convolve(polynomial, np.r_[1.0, np.zeros(step - 1), -1.0])
        return tuple(float(-c) for c in polynomial[1:])

    def learn(self, values: np.ndarray) -> Transform:
        """The transform with the centre and scale of a series (T,); missing values are ignored."""
        if SCALE in self.names:
            return self._scaled(values)
        if STANDARDIZE not in self.names:
            return self
        curved = self._curved(values[np.isfinite(values)])
        if constant(curved[:, None]).all() or curved.std() < 1.0 / LARGEST:
            raise ValueError(
                f"a series to standardize must vary by at least {1.0 / LARGEST:g}, got about {values[0]} in every one "
                f"of {len(values)} place(s)"
            )
        return replace(self, center=float(curved.mean()), scale=float(curved.std()))

    def _scaled(self, values: np.ndarray) -> Transform:
        left = self.difference(self._curved(np.where(np.isfinite(values), values, np.nan)))
        left = left[np.isfinite(left)]
        sd = float(left.std()) if len(left) > 1 else 0.0
        if sd < max(1.0 / LARGEST, ROUNDINGS * np.finfo(float).eps * float(np.nanmax(np.abs(self._curved(values))))):
            raise ValueError(
                f"a series to scale must have differences that vary, got about {left[0] if len(left) else np.nan:g} in "
                f"each of {len(left)}: use another transform"
            )
        return replace(self, scale=sd)

    def check(self, name: str, values: np.ndarray, dates: Any) -> None:
        """Refuse values outside the domain of the logarithm or root, naming their dates."""
        if self.pointwise_name is None:
            return
        bad = values < 0 if self.pointwise_name == "sqrt" else values <= 0
        if bad.any():
            wanted = "at least zero" if self.pointwise_name == "sqrt" else "above zero"
            raise ValueError(
                f"{name} must be {wanted} for the transform {self.pointwise_name!r}, got {int(bad.sum())} other "
                f"value(s), at {checks.some([dates[i] for i in np.flatnonzero(bad)])}: choose another transform"
            )

    def pointwise(self, values: Any) -> np.ndarray:
        """y -> u, value by value."""
        return (self._curved(np.asarray(values, dtype=np.float64)) - self.center) / self.scale

    def inverse(self, u: Any) -> np.ndarray:
        """u -> y, value by value; a square root is squared, whatever its sign."""
        curved = np.asarray(u, dtype=np.float64) * self.scale + self.center
        with np.errstate(over="ignore"):  # a divergent path ends at infinity
            match self.pointwise_name:
                case "log":
                    return np.exp(curved)
                case "log10":
                    return 10.0**curved
                case "sqrt":
                    return curved**2
        return curved

    def roots(self, values: Any) -> list[np.ndarray]:
        """Every u that gives these y: one, or two for a square root."""
        if not self.two_valued:
            return [self.pointwise(values)]
        root = np.sqrt(np.asarray(values, dtype=np.float64))
        return [(sign * root - self.center) / self.scale for sign in (1.0, -1.0)]

    def log_slope(self, values: Any) -> np.ndarray:
        """log |du/dy|, value by value; infinite for a square root at y = 0, where the density of y is infinite."""
        y = np.asarray(values, dtype=np.float64)
        with np.errstate(divide="ignore"):
            match self.pointwise_name:
                case "log":
                    slope = -np.log(y)
                case "log10":
                    slope = -np.log(y) - np.log(np.log(10.0))
                case "sqrt":
                    slope = -np.log(2.0) - 0.5 * np.log(y)
                case _:
                    slope = np.zeros_like(y)
        return slope - np.log(self.scale)

    def leaves_nothing(self, values: np.ndarray) -> bool:
        """Whether the differences of a series (T,) are all the same but for rounding, relative to the series itself."""
        w = self.forward(values)
        w = w[np.isfinite(w)]
        size = np.nanmax(np.abs(self.pointwise(values)))
        rounding = ROUNDINGS * np.finfo(float).eps * size * 2.0 ** len(self.differences)
        return bool(self.differences) and (not len(w) or bool(np.ptp(w) <= rounding))

    def difference(self, u: np.ndarray) -> np.ndarray:
        """U (..., T) -> w (..., T - d)."""
        for step in self.differences:
            u = u[..., step:] - u[..., :-step]
        return u

    def forward(self, values: Any) -> np.ndarray:
        """y (T,) -> w (T - d,)."""
        return self.difference(self.pointwise(values))

    def _curved(self, values: np.ndarray) -> np.ndarray:
        match self.pointwise_name:
            case "log":
                return np.log(values)
            case "log10":
                return np.log10(values)
            case "sqrt":
                return np.sqrt(values)
        return values


def make_transform(transform: Any, period: int) -> Transform:
    """A transform from a name, or names in the order in which they are applied, and the seasonal period."""
    names = (transform,) if isinstance(transform, str) else tuple(transform or ())
    for name in names:
        checks.known("transform", name, TRANSFORMS)
    stage = [0 if name in CURVES else 1 if name in (STANDARDIZE, SCALE) else 2 for name in names]
    if stage != sorted(stage) or stage.count(0) > 1 or stage.count(1) > 1:
        raise ValueError(
            f"transform must be at most one of {', '.join(map(repr, CURVES))}, then perhaps 'standardize' or "
            f"'scale', then any differences, in this order, got {names}"
        )
    if "seasonal_difference" in names and period < 2:
        raise ValueError(
            "a seasonal difference needs a period of at least 2, and the series' index implies none: "
            "give one, such as seasonal=12"
        )
    steps = {"difference": 1, "seasonal_difference": period}
    return Transform(names, tuple(steps[name] for name in names if name in steps))
