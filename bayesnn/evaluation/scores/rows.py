"""Rows to score, checked and coded as at fit time, and the posterior predictive probabilities of classes at them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from bayesnn._internal import checks
from bayesnn.data.columns import code, same_index
from bayesnn.data.dataset import case_weights, check_finite
from bayesnn.data.sequences import to_width
from bayesnn.data.texts import naming_the_longest
from bayesnn.fitting.by_length import over_rows
from bayesnn.fitting.draws import probabilities
from bayesnn.fitting.fit import Fit
from bayesnn.fitting.panels import check_named
from bayesnn.fitting.targets import encode, output_steps
from bayesnn.prediction.predict import shift_for

CHUNK_NUMBERS = 20_000_000  # largest number of values in a chunk of rows, over all draws


class ScoredRows(NamedTuple):
    """Rows on the scale the model sees: inputs (n, p), target (n,) or (n, K), offset and case weights (n,) if any.

    Where every step has a target (n, time), `steps` (n, time) says which are real.
    """

    inputs: np.ndarray
    target: np.ndarray
    offset: np.ndarray | None
    weights: np.ndarray | None
    steps: np.ndarray | None = None

    def average(self, values: np.ndarray) -> Any:
        """Average over targets, weighted by the case weights of their rows, if there are any."""
        weights = self.each_weight
        return np.average(values, axis=0, weights=None if weights is None else weights / weights.max())

    def each(self, values: np.ndarray) -> np.ndarray:
        """Values of rows (n, ...), or of steps (n, time, ...), reduced to one value per target: real steps only."""
        return values if self.steps is None else values[self.steps]

    @property
    def each_weight(self) -> np.ndarray | None:
        """Case weights, one per target."""
        if self.steps is None or self.weights is None:
            return self.weights
        return np.repeat(self.weights, self.steps.sum(axis=1))

    def chunks(self, draws: int) -> Iterator[ScoredRows]:
        """The same rows in pieces, so that the values of all draws fit into memory."""
        size = max(1, CHUNK_NUMBERS // (draws * int(np.prod(self.target.shape[1:]))))
        for start in range(0, len(self.target), size):
            piece = slice(start, start + size)
            offset, weights = (None if values is None else values[piece] for values in (self.offset, self.weights))
            steps = None if self.steps is None else self.steps[piece]
            yield ScoredRows(self.inputs[piece], self.target[piece], offset, weights, steps)


def scored_rows(fit: Fit, x: Any, y: Any, weights: Any = None, offset: Any = None) -> ScoredRows:
    """Inputs, target as numbers (codes for labels), offset and weights of rows to score."""
    same_index(x=x, y=y, weights=weights, offset=offset)
    check_named(fit.model.likelihood, x)
    coded = code(fit.data.columns, x)
    with naming_the_longest(x, fit.data.columns.words):
        fit.model.check_steps(fit.data.x.shape[1:], coded.shape[1:])
    steps = output_steps(fit.model, fit.data.columns, x)
    target = encode(fit.model.likelihood, y, steps)
    checks.rows(len(coded), len(target))
    check_finite("x", fit.data.columns, coded)
    checks.finite("y", target if steps is None else target[steps])
    cases = None if weights is None else case_weights(weights, len(target))
    if fit.model.likelihood.standardizes:
        target = fit.data.scaling.target(target)
    rows = fit.data.scaling.inputs(coded), target, shift_for(fit, offset, x, len(target)), cases
    if steps is None:
        return ScoredRows(*rows)
    steps = np.asarray(fit.model.network.steps(coded))  # of the rows as the model sees them
    return ScoredRows(rows[0], to_width(target, steps.shape[1], 0), *rows[2:], steps)


def predictive_probabilities(fit: Fit, rows: ScoredRows) -> np.ndarray:
    """Posterior predictive probabilities (n, classes): the average over draws of each draw's own probabilities.

    There is one row per target.
    """
    draws = fit.draws()
    count = len(next(iter(draws.values())))
    return np.concatenate(
        [
            part.each(over_rows(probabilities, fit.model, draws, part.inputs, part.offset).mean(axis=0))
            for part in rows.chunks(count * len(fit.model.likelihood.classes))  # type: ignore[attr-defined]
        ]
    )
