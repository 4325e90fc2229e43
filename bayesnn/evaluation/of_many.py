"""Fits that judge and score themselves: those of many series, which have no chains and no rows of inputs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any


class JudgesItself(ABC):
    """Results with `diagnose` and `evaluate` of their own, which those of `bnn` call: the fits of `bnn.auto_fit`."""

    @abstractmethod
    def diagnose(self) -> Any:
        """Whether the draws can be used: an object with `ok`, `verdict` and `table`."""

    @abstractmethod
    def evaluate(self, future: Any, *, key: Any = 0) -> Any:
        """Scores of the forecasts against later values: an object with `table` and `mean`."""
