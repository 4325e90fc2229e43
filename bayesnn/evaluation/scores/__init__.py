"""Scores of predictions against what was observed: rules on plain arrays, `evaluate`, their use on a fit, and
scores of forecasts by horizon.
"""

from bayesnn.evaluation.scores.calibration import coverage, crps, cumulative, probability_transform
from bayesnn.evaluation.scores.classes import Bins, brier, expected_calibration_error, reliability_bins
from bayesnn.evaluation.scores.competition import interval_score, smape
from bayesnn.evaluation.scores.horizons import LEVELS, mase_scale, score_rows, score_table
from bayesnn.evaluation.scores.paired import Difference, paired_difference
from bayesnn.evaluation.scores.predictive import NormalPredictive, Predictive, SampledPredictive
from bayesnn.evaluation.scores.rows import ScoredRows, predictive_probabilities, scored_rows

__all__ = [
    "LEVELS",
    "Bins",
    "Difference",
    "NormalPredictive",
    "Predictive",
    "SampledPredictive",
    "ScoredRows",
    "brier",
    "coverage",
    "crps",
    "cumulative",
    "expected_calibration_error",
    "interval_score",
    "mase_scale",
    "paired_difference",
    "predictive_probabilities",
    "probability_transform",
    "reliability_bins",
    "score_rows",
    "score_table",
    "scored_rows",
    "smape",
]
