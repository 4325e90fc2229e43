"""Comparison of fits by how well they predict rows that were left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import logsumexp

from bayesnn._internal import checks
from bayesnn._internal.runtime import computing
from bayesnn.evaluation.coded_rows import coded_rows
from bayesnn.evaluation.cross_validation import CrossValidation, cross_validate
from bayesnn.evaluation.loo import K_LIMIT, Loo, loo, total_error
from bayesnn.evaluation.stacking import mixture_weights
from bayesnn.fitting.fit import Fit
from bayesnn.fitting.pointwise import stored_log_likelihood
from bayesnn.models.missing_values import missing_positions

METHODS = ("auto", "loo", "k-fold")
SMALL_DIFFERENCE = 4.0  # T. Sivula, M. Magnusson, A. Matamoros and A. Vehtari (2025)
FEW_ROWS = 100  # T. Sivula et al. (2025)


@dataclass(frozen=True, eq=False)
class Comparison:
    """What `compare` found.

    Attributes
    ----------
    table : pandas.DataFrame
        By model, best first: rank, elpd, se, elpd_diff (elpd less that of the best), dse (standard error of the
        difference), p (effective number of parameters), weight (stacking), method, warning.
    verdict : str
        Which model predicts best, and whether the others can be told apart from it.
    notes : tuple of str
        What to know before trusting the table: rows with high k-hat, methods replaced by others, chains that disagree.
    pointwise : pandas.DataFrame
        log p(y_i | rows left out) by row and model.
    results : dict
        `Loo` or `CrossValidation` of each model, from which the table is made.

    See Also
    --------
    compare : several fits in one table
    to_frame : any result as a table
    """

    table: Any
    verdict: str
    notes: tuple[str, ...]
    pointwise: Any
    results: dict[str, Loo | CrossValidation]

    def __str__(self) -> str:
        """Verdict, table and notes."""
        return "\n\n".join([self.verdict, self.table.round(2).to_string(), *self.notes])


@computing
def compare(
    fits: Mapping[str, Fit],
    *,
    method: str = "auto",
    folds: Any = 10,
    key: Any = 0,
    groups: Any = None,
    stratify: Any = None,
    progress: bool = True,
    **settings: Any,
) -> Comparison:
    """Compare fits to the same rows by their expected log predictive density.

    PSIS-LOO is tried first. Where any row of any fit has k-hat above 0.7, all models are fitted again in K-fold
    cross-validation with the same folds, and the result says so.

    Parameters
    ----------
    fits : dict of Fit
        By name; all on the same y.
    method : {"auto", "loo", "k-fold"}
        "auto": as described above; "loo" or "k-fold": this method only.
    folds, groups, stratify, key, progress
        As in `cross_validate`, where K-fold cross-validation is used.
    **settings
        Settings of the refits, such as `draws=500`. Default: those of each fit.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        If the fits differ in y, or if there is no fit.

    References
    ----------
    A. Vehtari, A. Gelman and J. Gabry (2017), Statistics and Computing 27, 1413-1432; Y. Yao, A. Vehtari, D. Simpson
    and A. Gelman (2018), Using stacking to average Bayesian predictive distributions, Bayesian Analysis 13, 917-1007;
    T. Sivula, M. Magnusson, A. Matamoros and A. Vehtari (2025), Uncertainty in Bayesian leave-one-out cross-validation
    based model comparison, arXiv 2008.10296.

    See Also
    --------
    Comparison : what `compare` returns
    loo : leave-one-out from one fit
    cross_validate : scores of rows left out
    log_marginal_likelihood : the evidence of a model

    Examples
    --------
    >>> import numpy as np
    >>> from bayesnn.fitting.fit import fit
    >>> from bayesnn.models.shallow import shallow
    >>> x = np.linspace(-1, 1, 20)[:, None]
    >>> y = np.sin(2 * x[:, 0]) + 0.1 * np.cos(30 * x[:, 0])
    >>> few = {"draws": 50, "warmup": 50, "chains": 2, "progress": False}
    >>> fits = {"line": fit(shallow(1), x, y, **few), "square": fit(shallow(1), x**2, y, **few)}
    >>> compare(fits, method="loo").table.columns.tolist()
    ['rank', 'elpd', 'se', 'elpd_diff', 'dse', 'p', 'weight', 'method', 'warning']
    """
    checks.known("method", method, METHODS)
    _same_target(fits)
    left_out: dict[str, Loo] = {} if method == "k-fold" else {name: loo(fit) for name, fit in fits.items()}
    high = {name: len(result.bad) for name, result in left_out.items()}
    if method == "loo" or (method == "auto" and not any(high.values())):
        results: dict[str, Any] = dict(left_out)
        notes = [f"{name}: {left_out[name].verdict}" for name, count in high.items() if count]
        label = "PSIS-LOO"
    else:
        results = _refit(fits, folds, key, groups, stratify, progress, settings)
        number = int(next(iter(results.values())).folds.max()) + 1
        label = f"{number}-fold"
        notes = _fall_back_notes(high, label)
        notes += [f"{name}: {r.verdict}" for name, r in results.items() if not r.ok]
    table, pointwise = _table(fits, results, label, high)
    return Comparison(table, _verdict(table, len(pointwise), label), tuple(notes), pointwise, results)


def _refit(
    fits: Mapping[str, Fit], folds: Any, key: Any, groups: Any, stratify: Any, progress: bool, settings: dict[str, Any]
) -> dict[str, CrossValidation]:
    """Cross-validation of every model, with the folds of the first."""
    results: dict[str, CrossValidation] = {}
    incomplete = [name for name, fit in fits.items() if len(missing_positions(fit.data.series))]
    if incomplete:
        raise ValueError(
            f"K-fold cross-validation does not know the missing values of the series of {incomplete}: "
            'use method="loo", or fit a series without missing values'
        )
    for name, fit in fits.items():
        own = {"groups": groups, "stratify": stratify} if not results else {}
        options = _settings(fit) | settings | own
        rows = coded_rows(fit.model, fit.data)
        result = cross_validate(fit.model, rows.table, rows.target, folds=folds, key=key, progress=progress, **options)
        folds = result.folds
        results[name] = result
    return results


def _settings(fit: Fit) -> dict[str, Any]:
    """How the fit was made, as arguments of `fit`."""
    sizes, made = fit.idata["posterior"].sizes, fit.settings
    return {
        "sampler": fit.sampler,
        "draws": sizes["draw"],
        "chains": sizes["chain"],
        "warmup": made.warmup,
        "thinning": made.thinning,
        "marginalize": made.marginalize,
        "standardize": made.standardize,
        "weights": fit.data.weights,
        "offset": fit.data.offset,
    }


def _table(fits: Mapping[str, Fit], results: Mapping[str, Any], label: str, high: Mapping[str, int]) -> tuple[Any, Any]:
    import pandas as pd

    labels = pd.Index(next(iter(fits.values())).data.obs, name="obs")
    pointwise = pd.DataFrame({name: r.pointwise.to_numpy() for name, r in results.items()}, index=labels)
    known = pointwise.dropna().to_numpy()  # all rows, unless interrupted
    elpd = known.sum(axis=0)
    best = int(np.argmax(elpd))
    inside = [_inside(fit, ~pointwise.isna().any(axis=1).to_numpy()) for fit in fits.values()]
    columns = {
        "elpd": elpd,
        "se": [total_error(column) for column in known.T],
        "elpd_diff": elpd - elpd[best],
        "dse": [total_error(column - known[:, best]) for column in known.T],
        "p": np.array(inside) - elpd,
        "weight": mixture_weights(known),
        "method": label,
        "warning": [_warning(name, results[name], high) for name in fits],
    }
    table = pd.DataFrame(columns, index=pd.Index(list(fits), name="model", dtype=object))
    table = table.sort_values("elpd", ascending=False, kind="stable")
    table.insert(0, "rank", np.arange(len(table)))
    return table, pointwise


def _inside(fit: Fit, rows: np.ndarray) -> float:
    """Log predictive density of rows that are part of the fit, summed."""
    values = stored_log_likelihood(fit.idata).to_numpy()[..., rows]
    return float((logsumexp(values, axis=(0, 1)) - np.log(values[..., 0].size)).sum())


def _warning(name: str, result: Any, high: Mapping[str, int]) -> str:
    if isinstance(result, Loo):
        return f"{high[name]} rows with k-hat > {K_LIMIT}" if high[name] else ""
    return "" if result.ok else result.verdict.split(":")[0]


def _fall_back_notes(high: Mapping[str, int], label: str) -> list[str]:
    rows = ", ".join(f"{name!r} in {count} row(s)" for name, count in high.items() if count)
    if not rows:
        return []
    return [
        f"PSIS-LOO was left for {label} cross-validation of every model, with the same folds: k-hat is above {K_LIMIT} "
        f"for {rows}, where leave-one-out densities from the draws of one fit cannot be trusted."
    ]


def _verdict(table: Any, rows: int, label: str) -> str:
    best = table.index[0]
    if len(table) == 1:
        return f"{best!r} alone: elpd {table['elpd'].iloc[0]:.1f} ({label})."
    parts = [f"{best!r} predicts best ({label})."]
    for name, row in table.iloc[1:].iterrows():
        gap, error = -row["elpd_diff"], row["dse"]
        if gap < SMALL_DIFFERENCE:
            judged = f"less than {SMALL_DIFFERENCE:g}, they predict equally well"
        elif gap < 2 * error:
            judged = "within two standard errors, they cannot be told apart"
        else:
            judged = "clearly worse"
        parts.append(f"{name!r} is {gap:.1f} lower (se {error:.1f}): {judged}.")
    if rows < FEW_ROWS:
        parts.append(f"With {rows} rows the standard errors are too small as a rule.")
    return " ".join(parts)


def _same_target(fits: Mapping[str, Fit]) -> None:
    if not isinstance(fits, Mapping) or not fits or not all(isinstance(fit, Fit) for fit in fits.values()):
        raise ValueError(f"fits must be a dict of fits such as {{'two units': fit}}, got {fits!r}")
    (first, reference), *others = fits.items()
    wanted = _target(reference)
    for name, fit in others:
        if not all(np.array_equal(mine, theirs) for mine, theirs in zip(_target(fit), wanted, strict=True)):
            raise ValueError(
                "fits must be on the same y, row by row and in the same units, with the same case weights, got "
                f"different ones in {first!r} ({len(wanted[0])} rows) and {name!r} ({len(fit.data.y)} rows): fit them "
                "to the same rows"
            )


def _target(fit: Fit) -> tuple[np.ndarray, np.ndarray]:
    """The target in the user's terms, and the case weights."""
    weights = np.ones(len(fit.data.y)) if fit.data.weights is None else fit.data.weights
    return coded_rows(fit.model, fit.data).target, weights
