"""Errors in scores, cross-validation and evidence: halves, tails, levels, folds, weights."""

from mutant_tables.base import Mutant

SCORES = "evaluation/scores/test_scores.py"
HORIZONS = "evaluation/scores/test_horizons.py"
LOO = "evaluation/test_loo.py"
FOLDS = "evaluation/test_folds.py"
CROSS = "evaluation/test_cross_validation.py"
EVIDENCE = "evaluation/test_evidence.py"
TEMPERING = "evaluation/test_tempering.py"

MUTANTS = (
    Mutant(
        "occlusion leaves a gap where the token stood",
        "effects/occlusion.py",
        "rows[t] = np.append(np.delete(row, t), PADDING)",
        "rows[t, t] = PADDING",
        "effects/test_occlusion.py -k loses_without",
    ),
    Mutant(
        "CRPS with half the spread",
        "evaluation/scores/calibration.py",
        "- np.tensordot(weights, np.sort(draws, axis=0), axes=1)",
        "- 0.5 * np.tensordot(weights, np.sort(draws, axis=0), axes=1)",
        "evaluation/scores/test_scores.py -k crps",
    ),
    Mutant(
        "CRPS with n for n - 1",
        "evaluation/scores/calibration.py",
        "(count * (count - 1))",
        "(count * count)",
        "evaluation/scores/test_scores.py -k crps_is_the_mean",
    ),
    Mutant(
        "limits of a count one too low",
        "evaluation/scores/calibration.py",
        "distribution.cdf(jnp.maximum(y - 1, 0))",
        "distribution.cdf(y)",
        "evaluation/scores/test_scores.py -k count_scores",
    ),
    Mutant(
        "coverage of the wrong level",
        "evaluation/scores/calibration.py",
        "0.5 - level / 200, 0.5 + level / 200",
        "0.5 - level / 100, 0.5 + level / 100",
        "evaluation/scores/test_scores.py -k 'known_normal or count_scores'",
    ),
    Mutant(
        "Brier score halved",
        "evaluation/scores/classes.py",
        "[codes]) ** 2).sum(axis=1)",
        "[codes]) ** 2).mean(axis=1)",
        "evaluation/scores/test_scores.py -k class_scores",
    ),
    Mutant(
        "case weights dropped from the calibration error",
        "evaluation/scores/classes.py",
        "np.average(gap, weights=binned.weight)",
        "np.average(gap, weights=binned.rows)",
        "evaluation/scores/test_scores.py -k 'case_weights or calibration_error'",
    ),
    Mutant(
        "levels of an interval swapped",
        "evaluation/scores/horizons.py",
        """(("lo", -1), ("hi", 1))""",
        """(("lo", 1), ("hi", -1))""",
        f"{HORIZONS} -k levels",
    ),
    Mutant(
        "scale of the MASE a step off",
        "evaluation/scores/horizons.py",
        "step = period if len(training) > period else 1",
        "step = period + 1 if len(training) > period else 1",
        HORIZONS,
    ),
    Mutant(
        "autocovariances counted once in a paired difference",
        "evaluation/scores/paired.py",
        "long_run = gamma[0] + 2 * gamma[1:].sum()",
        "long_run = gamma[0] + gamma[1:].sum()",
        HORIZONS,
    ),
    Mutant(
        "small-sample correction of a paired difference inverted",
        "evaluation/scores/paired.py",
        "np.sqrt(long_run / count / correction)",
        "np.sqrt(long_run / count * correction)",
        HORIZONS,
    ),
    Mutant(
        "CRPS of a normal without its constant",
        "evaluation/scores/predictive.py",
        "+ 2 * density - 1 / np.sqrt(np.pi))",
        "+ 2 * density)",
        HORIZONS,
    ),
    Mutant(
        "rank of an observation reaches the ends",
        "evaluation/scores/predictive.py",
        "(below + 0.5) / (len(self.draws) + 1)",
        "below / len(self.draws)",
        HORIZONS,
    ),
    Mutant(
        "k-hat of the wrong tail",
        "evaluation/loo.py",
        "rest = log_likelihood[..., ~single]",
        "rest = -log_likelihood[..., ~single]",
        "evaluation/test_loo.py -k 'closed_form or of_arviz'",
    ),
    Mutant(
        "estimate without the number of draws",
        "evaluation/loo.py",
        "inside = logsumexp(log_likelihood, axis=(0, 1)) - np.log(np.prod(log_likelihood.shape[:2]))",
        "inside = logsumexp(log_likelihood, axis=(0, 1))",
        "evaluation/test_loo.py -k 'closed_form or of_arviz'",
    ),
    Mutant(
        "error of a sum with n for n - 1",
        "evaluation/loo.py",
        "np.std(pointwise, ddof=1)) if",
        "np.std(pointwise)) if",
        "evaluation/test_loo.py -k error_of_a_sum",
    ),
    Mutant(
        "rows of a group leak between folds",
        "evaluation/folds.py",
        "return fold[labels]",
        "return fold[np.arange(count) % len(fold)]",
        "evaluation/test_folds.py -k groups_stay",
    ),
    Mutant(
        "folds are not shuffled",
        "evaluation/folds.py",
        "np.asarray(jax.random.permutation(key, len(content)))",
        "np.arange(len(content))",
        "evaluation/test_folds.py -k drawn_by",
    ),
    Mutant(
        "held-out rows leak into the training rows",
        "evaluation/cross_validation.py",
        "refit(np.flatnonzero(folds != fold), own)",
        "refit(np.arange(len(folds)), own)",
        "evaluation/test_cross_validation.py -k held_out",
    ),
    Mutant(
        "units of y left out of the held-out density",
        "evaluation/cross_validation.py",
        "np.log(len(densities)) - volume",
        "np.log(len(densities))",
        "evaluation/test_cross_validation.py -k held_out",
    ),
    Mutant(
        "case weights dropped from the units of y",
        "evaluation/cross_validation.py",
        """.log_jacobian * targets * extra.get("weights", 1.0)""",
        """.log_jacobian * targets""",
        "evaluation/test_cross_validation.py -k weights_multiply",
    ),
    Mutant(
        "one key for all folds",
        "evaluation/cross_validation.py",
        "enumerate(jax.random.split(key, number))",
        "enumerate(jax.random.split(key, 1).repeat(number))",
        "evaluation/test_cross_validation.py -k held_out",
    ),
    Mutant(
        "weight of an annealed particle negated",
        "evaluation/annealing.py",
        "log_weights = np.diff(path.temperatures) @",
        "log_weights = -np.diff(path.temperatures) @",
        "evaluation/test_evidence.py -k annealed",
    ),
    Mutant(
        "Friel's correction with the wrong sign",
        "evaluation/annealing.py",
        "float(paths.mean()) - curvature",
        "float(paths.mean()) + curvature",
        f"{EVIDENCE} -k curvature",
    ),
    Mutant(
        "trapezoids not halved",
        "evaluation/annealing.py",
        "(means[1:] + means[:-1]) / 2",
        "(means[1:] + means[:-1])",
        f"{EVIDENCE} -k curvature",
    ),
    Mutant(
        "kinetic energy with the wrong sign",
        "evaluation/tempering.py",
        "- _kinetic(last_momentum) + _kinetic(momentum)",
        "+ _kinetic(last_momentum) - _kinetic(momentum)",
        "evaluation/test_tempering.py -k moves_leave",
    ),
    Mutant(
        "evidence not in units of y",
        "evaluation/evidence.py",
        "Evidence(estimate - _log_jacobian(rows), se",
        "Evidence(estimate, se",
        f"{EVIDENCE} -k units",
    ),
    Mutant(
        "effective particles without the square",
        "evaluation/tempering.py",
        "weights.sum() ** 2 / (weights**2).sum()",
        "weights.sum() / (weights**2).sum()",
        f"{TEMPERING} -k effective",
    ),
    Mutant(
        "stacking with the prior's weight left out",
        "evaluation/stacking.py",
        "+ CONCENTRATION - 1\n",
        "+ CONCENTRATION\n",
        "evaluation/test_stacking.py",
    ),
)
