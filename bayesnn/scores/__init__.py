"""Scores of predictions against what was observed: rules on plain arrays, and `evaluate`, their use on a fit."""

from bayesnn.scores.classes import Bins, brier, expected_calibration_error, reliability_bins
from bayesnn.scores.evaluation import evaluate
from bayesnn.scores.rows import ScoredRows, predictive_probabilities, scored_rows
from bayesnn.scores.transform import coverage, crps, cumulative, probability_transform

__all__ = [
    "Bins",
    "ScoredRows",
    "brier",
    "coverage",
    "crps",
    "cumulative",
    "evaluate",
    "expected_calibration_error",
    "predictive_probabilities",
    "probability_transform",
    "reliability_bins",
    "scored_rows",
]
