"""evaluate(fit, x, y): predictive scores of rows; which scores depends on the kind of target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from scipy.special import logsumexp

from bayesnn._internal import checks
from bayesnn._internal.runtime import as_key, computing
from bayesnn.evaluation.of_many import JudgesItself
from bayesnn.evaluation.scores.calibration import coverage, crps, cumulative
from bayesnn.evaluation.scores.classes import brier, expected_calibration_error
from bayesnn.evaluation.scores.error_crps import error_crps
from bayesnn.evaluation.scores.horizons import LEVELS
from bayesnn.evaluation.scores.rows import ScoredRows, predictive_probabilities, scored_rows
from bayesnn.fitting.by_length import over_rows
from bayesnn.fitting.draws import expectation, function_value, target_log_density
from bayesnn.fitting.fit import Fit
from bayesnn.prediction.predict import per_draw


@computing
def evaluate(
    fit: Fit | JudgesItself,
    x: Any,
    y: Any = None,
    *,
    levels: Sequence[float] = LEVELS,
    key: Any = 0,
    weights: Any = None,
    offset: Any = None,
) -> Any:
    """Predictive scores at rows x (n, p) with targets y, averaged over rows, in units of y.

    All are scores of the posterior predictive, the average over draws of densities or probabilities. If every step of a
    sequence has a target, each step is scored separately, and the average is over steps.

    Parameters
    ----------
    fit : Fit, SeriesFits or SeriesFit
        Of the last two, of `bnn.auto_fit`, the forecasts are scored: `evaluate(fits, future)`, with later values in any
        form that `auto_fit` takes, and nothing else but `key`.
    x : array or pandas.DataFrame, shape (n, p)
    y : array, pandas.Series or DataFrame, shape (n,) or (n, outputs), or class labels
    levels : sequence of float
        Central predictive intervals, in per cent, whose coverage is counted.
    key : int or jax.Array
        Seed of the simulated responses behind the CRPS.
    weights : array (n,), optional
        Case weights of the averages over rows.
    offset : array (n,) or float, optional
        For a fit with an offset.

    Returns
    -------
    pandas.Series, or SeriesScores
        Numbers: rmse (of the posterior mean), log_density (natural log), crps, coverage_50, ... Several outputs: the
        log density is joint, rmse is the root of the squared error summed over outputs, beside rmse_<output> of each;
        crps is summed, coverage averaged over them. Counts: coverage is that of the randomised probability integral
        transform with its randomness averaged out, see `bayesnn.evaluation.scores.coverage`.
        Classes: accuracy (of the most probable class), log_loss (natural log), brier (summed over classes, 0 to 2), ece
        (ten bins of equal width of the largest probability).
        Forecasts: `.table` by series and `.mean` of mase, smape, msis, crps, coverage_80 and coverage_95.

    References
    ----------
    T. Gneiting and A. Raftery (2007), Strictly proper scoring rules, prediction, and estimation, JASA 102, 359-378.

    See Also
    --------
    predict : draws at new rows
    loo : leave-one-out from one fit
    cross_validate : scores of rows left out

    Examples
    --------
    >>> import numpy as np
    >>> from bayesnn.fitting.fit import fit
    >>> from bayesnn.models.shallow import shallow
    >>> x = np.linspace(-1, 1, 20)[:, None]
    >>> result = fit(shallow(1), x, np.sin(2 * x[:, 0]), draws=50, warmup=50, chains=2, progress=False)
    >>> list(evaluate(result, x, np.sin(2 * x[:, 0])).index)
    ['rmse', 'log_density', 'crps', 'coverage_50', 'coverage_80', 'coverage_95']
    """
    import pandas as pd

    wanted = checks.levels(levels)
    if isinstance(fit, JudgesItself):
        if y is not None or weights is not None or offset is not None or tuple(levels) != LEVELS:
            raise ValueError("fits of auto_fit are scored by evaluate(fits, future): leave out all others but key")
        return fit.evaluate(x, key=key)
    if y is None:
        raise ValueError("y must be given: the targets of the rows x")
    rows = scored_rows(fit, x, y, weights, offset)
    classes = fit.model.likelihood.kind == "class"
    scores = _class_scores(fit, rows) if classes else _number_scores(fit, rows, wanted, as_key(key))
    return pd.Series(scores, name="score")


def _class_scores(fit: Fit, rows: ScoredRows) -> dict[str, float]:
    probabilities, target = predictive_probabilities(fit, rows), rows.each(rows.target)
    right = probabilities.argmax(axis=1) == target
    return {
        "accuracy": float(rows.average(right)),
        "log_loss": -float(rows.average(_log_predictive(fit, rows))),
        "brier": float(rows.average(brier(probabilities, target))),
        "ece": expected_calibration_error(probabilities, target, rows.each_weight),
    }


def _number_scores(fit: Fit, rows: ScoredRows, levels: Sequence[float], key: jax.Array) -> dict[str, float]:
    """Scores of a continuous target or of counts, separately for each output if there are several."""
    draws = fit.draws()
    count = len(next(iter(draws.values())))
    parts = [_row_scores(fit, draws, part, jax.random.fold_in(key, i)) for i, part in enumerate(rows.chunks(4 * count))]
    squares, ranked, limits = (np.concatenate(values) for values in zip(*parts, strict=True))
    scale = np.asarray(fit.data.scaling.y_scale)
    names = fit.model.likelihood.output_labels if squares.ndim > 1 else ()
    mean_squares = rows.average(squares) * scale**2
    scores = {"rmse": float(np.sqrt(np.sum(mean_squares)))}
    scores |= {f"rmse_{name}": float(np.sqrt(value)) for name, value in zip(names, np.atleast_1d(mean_squares))}
    scores["log_density"] = float(rows.average(_log_predictive(fit, rows))) - fit.data.scaling.log_jacobian
    scores["crps"] = float(np.sum(rows.average(ranked) * scale))
    return scores | {f"coverage_{n:g}": float(np.mean(rows.average(coverage(limits, n)))) for n in levels}


def _row_scores(
    fit: Fit, draws: dict[str, np.ndarray], rows: ScoredRows, key: jax.Array
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Squared error of the mean, CRPS, and the two limits of the transform, of each row on the scale the model sees."""
    likelihood = fit.model.likelihood
    mean = over_rows(expectation, fit.model, draws, rows.inputs, rows.offset).mean(axis=0)
    limits = over_rows(cumulative, fit.model, draws, rows.inputs, rows.target, rows.offset).mean(axis=0)
    f = over_rows(function_value, fit.model, draws, rows.inputs, rows.offset)
    nuisance = per_draw(fit, draws, f)
    distribution = likelihood.distribution(f, **nuisance)
    if len(f) > 1:
        ranked = crps(np.asarray(distribution.sample(key)), rows.target)
    else:  # pairs of draws do not exist, but the error distribution is known
        ranked = error_crps(distribution, rows.target[None], key)[0]
    return rows.each((mean - rows.target) ** 2), rows.each(ranked), rows.each(limits)


def _log_predictive(fit: Fit, rows: ScoredRows) -> np.ndarray:
    """Log of the average over draws of the density or probability of each target, on the scale the model sees."""
    draws = fit.draws()
    count = len(next(iter(draws.values())))
    return np.concatenate(
        [
            part.each(
                logsumexp(
                    over_rows(target_log_density, fit.model, draws, part.inputs, part.target, part.offset), axis=0
                )
            )
            for part in rows.chunks(count)
        ]
    ) - np.log(count)
