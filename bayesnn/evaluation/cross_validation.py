"""K-fold cross-validation: the model is fitted again without each fold, and scored on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import logsumexp
from tqdm.auto import tqdm

from bayesnn._internal.executors import by_executor
from bayesnn._internal.runtime import as_key, computing
from bayesnn.data.columns import code
from bayesnn.evaluation.coded_rows import CodedRows, coded_rows
from bayesnn.evaluation.diagnose import diagnose
from bayesnn.evaluation.folds import check_classes, make_folds, stratum_codes
from bayesnn.evaluation.loo import total_error
from bayesnn.evaluation.scores.evaluate import evaluate
from bayesnn.fitting.binding import bind
from bayesnn.fitting.by_length import over_rows
from bayesnn.fitting.draws import log_density
from bayesnn.fitting.fit import Fit, fit
from bayesnn.fitting.until_converged import R_HAT_LIMIT
from bayesnn.models.missing_values import missing_positions
from bayesnn.models.model import Model
from bayesnn.prediction.predict import shift_for


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """Scores of held-out rows.

    Attributes
    ----------
    pointwise : xarray.DataArray, (obs,)
        log p(y_i | the other folds), natural log, in units of y; for labels, the log probability of the label of the
        row. NaN for rows that were not reached before an interruption.
    scores : pandas.DataFrame
        One row per fold: number of rows held out, elpd, worst R-hat of the function, and all scores of `evaluate`.
    folds : numpy.ndarray, (n,)
        Fold of each row; pass it as `folds=` to use the same ones again.

    See Also
    --------
    cross_validate, compare
    """

    pointwise: Any
    scores: Any
    folds: np.ndarray

    @property
    def table(self) -> Any:
        """The scores by fold, as `bnn.to_frame` gives them."""
        return self.scores

    @property
    def elpd(self) -> float:
        """Sum of the pointwise values of the rows that were held out."""
        return float(np.nansum(self.pointwise.to_numpy()))

    @property
    def se(self) -> float:
        """Standard error of `elpd`."""
        values = self.pointwise.to_numpy()
        return total_error(values[~np.isnan(values)])

    @property
    def log_loss(self) -> float:
        """Minus the mean of the pointwise values."""
        return -float(np.nanmean(self.pointwise.to_numpy()))

    @property
    def complete(self) -> bool:
        """Whether every fold was reached."""
        return len(self.scores) == int(self.folds.max()) + 1

    @property
    def disagreeing(self) -> tuple[int, ...]:
        """The folds whose chains do not agree on the function; empty for approximations, which have no R-hat."""
        r_hat = self.scores["r_hat"]
        return () if r_hat.isna().all() else tuple(self.scores.index[~(r_hat <= R_HAT_LIMIT)])

    @property
    def ok(self) -> bool:
        """Whether every fold was reached and the chains agree in each."""
        return self.complete and not self.disagreeing

    @property
    def verdict(self) -> str:
        """Whether every fold was reached and whether its chains agreed."""
        total = self.folds.max() + 1
        state = "" if self.complete else f"Interrupted after {len(self.scores)} of {total} folds. "
        if not self.disagreeing:
            return f"{state}The chains agree in every fold."
        count = len(self.disagreeing)
        return (
            f"{state}In {count} of {len(self.scores)} folds the chains do not agree on the function (R-hat up to "
            f"{self.scores['r_hat'].max():.2f}): the scores are those of the mixture of all chains; run longer."
        )

    def __str__(self) -> str:
        """Estimate, verdict and scores."""
        head = f"{self.folds.max() + 1}-fold cross-validation: elpd {self.elpd:.2f} (se {self.se:.2f})"
        return f"{head}\n{self.verdict}\n\n{self.scores.round(3).to_string()}"


@computing
def cross_validate(
    model: Model,
    x: Any,
    y: Any = None,
    *,
    data: Any = None,
    missing: str = "error",
    folds: Any = 10,
    sampler: Any = None,
    draws: int = 1000,
    warmup: int | None = None,
    chains: int = 4,
    key: Any = 0,
    groups: Any = None,
    stratify: Any = None,
    weights: Any = None,
    offset: Any = None,
    executor: Any = None,
    progress: bool = True,
    **settings: Any,
) -> CrossValidation:
    """Fit a model K times, each time without one fold of the rows, and score it on that fold.

    The draws of all chains together give one predictive density. Scaling is learnt from the training rows of each fold.

    Parameters
    ----------
    model : Model
    x : array or pandas.DataFrame, shape (n, p), or a formula for `data`
        What the functions of a formula learn, such as means, they learn from all rows.
    y : array or pandas.Series, shape (n,), or (n, outputs), or class labels
    data, missing
        As in `fit`, with a formula.
    folds : int or array of shape (n,)
        Number of folds, or the fold of each row.
    sampler, draws, warmup, chains
        As in `fit`, for each of the K fits.
    key : int or jax.Array
        Seed of the folds and of the fits.
    groups : array of shape (n,), optional
        Rows with the same label, such as those of one person, are held out together.
    stratify : array of shape (n,), optional
        Labels to spread evenly over the folds. Default: the classes, where y has classes.
    weights, offset : array of shape (n,), optional
        As in `fit`. A row of weight w counts as w equal rows that are held out together.
    executor : optional
        Anything with the interface of `concurrent.futures.Executor`, to which each fold goes; the scores are those of
        one process. A fold whose worker is lost is fitted in this process.
    progress : bool
        Whether to show a bar over the folds.
    **settings
        Further arguments of `fit`.

    Returns
    -------
    CrossValidation
        After Ctrl-C: the scores of the folds that were finished.

    Raises
    ------
    ValueError
        If a class would be missing from the training rows of a fold, if all case weights of a fold are zero, or if
        `fit` refuses an argument.

    References
    ----------
    S. Arlot and A. Celisse (2010), A survey of cross-validation procedures for model selection, Statistics Surveys 4.

    See Also
    --------
    CrossValidation, loo, compare

    Examples
    --------
    >>> import numpy as np
    >>> from bayesnn.models.shallow import shallow
    >>> x = np.linspace(-1, 1, 40)[:, None]
    >>> y = np.sin(2 * x[:, 0]) + 0.1 * np.cos(30 * x[:, 0])
    >>> result = cross_validate(shallow(1), x, y, folds=2, draws=50, warmup=50, chains=2, progress=False)
    >>> isinstance(result, CrossValidation), list(result.scores.columns[:4])
    (True, ['rows', 'elpd', 'r_hat', 'rmse'])
    """
    standardize = settings.get("standardize", True)
    bound, whole = bind(
        model, x, y, standardize=standardize, weights=weights, offset=offset, table=data, missing=missing
    )
    if count := len(missing_positions(whole.series)):  # interpolated ones would be taken for observed
        raise ValueError(
            f"cross_validate does not know the missing values of a series, got {count}: use bnn.loo or "
            'bnn.compare(method="loo") of fits, or a series without missing values'
        )
    rows = coded_rows(bound, whole)
    # every fold knows the classes of all rows; the baseline of counts is learnt from its training rows
    spec = model if bound.likelihood.kind == "count" else bound
    key_folds, key_fits = jax.random.split(as_key(key))
    strata = rows.codes if stratify is None else stratum_codes(stratify, len(rows.data.y))
    assigned = make_folds(len(rows.data.y), folds, key_folds, strata=strata, groups=groups)
    if rows.codes is not None:
        check_classes(assigned, rows.codes, rows.classes)
    _check_weights(assigned, whole.weights)
    options: dict[str, Any] = {"sampler": sampler, "draws": draws, "warmup": warmup, "chains": chains} | settings
    keys = jax.random.split(key_fits, int(assigned.max()) + 1)
    jobs = [(own, spec, rows, assigned == fold, options) for fold, own in enumerate(keys)]
    if executor is None:
        return _collect(rows, (_score_fold(*job) for job in jobs), assigned, progress)
    sent = [(np.asarray(jax.random.key_data(own)), *rest) for own, *rest in jobs]
    return _collect(rows, by_executor(executor, _score_away, sent), assigned, progress)


def _check_weights(folds: np.ndarray, weights: np.ndarray | None) -> None:
    """Refuse folds in which no row counts, before the first fit."""
    if weights is None:
        return
    for fold in range(int(folds.max()) + 1):
        if not weights[folds == fold].any():
            raise ValueError(
                f"every fold must have a row of positive weight, but the {(folds == fold).sum()} of fold {fold} have "
                "weight 0: leave such rows out, or give the fold of each row by folds=..."
            )


Scored = tuple[np.ndarray, dict[str, float]]  # log predictive density of the rows held out, and their scores


def _score_fold(
    key: jax.Array, model: Model, rows: CodedRows, held: np.ndarray, options: Mapping[str, Any]
) -> Scored | None:
    """Fit without the rows that are held out (n,), and score these; None if the fit was interrupted."""
    train, test = np.flatnonzero(~held), np.flatnonzero(held)
    inputs, target = rows.take(train)
    fitted = fit(model, inputs, target, key=key, progress=False, **rows.extra(train), **options)
    return _score(rows, fitted, test) if fitted.complete else None


@computing  # in another process or thread, where the key comes as numbers
def _score_away(key: np.ndarray, *job: Any) -> Scored | None:
    return _score_fold(jax.random.wrap_key_data(jnp.asarray(key)), *job)


def _collect(rows: CodedRows, scored: Iterator[Scored | None], folds: np.ndarray, progress: bool) -> CrossValidation:
    """The scores of every fold in turn; if interrupted, the finished folds, or the interruption if there is none."""
    import pandas as pd
    import xarray as xr

    pointwise = np.full(len(folds), np.nan)
    scores: list[Any] = []
    with tqdm(total=int(folds.max()) + 1, disable=not progress, unit="fold", desc="cross-validation") as bar:
        try:
            for fold, found in enumerate(scored):
                if found is None:
                    raise KeyboardInterrupt
                pointwise[folds == fold], row = found
                scores.append(row)
                bar.update()
        except KeyboardInterrupt:
            if not scores:
                raise
    frame = pd.DataFrame(scores).rename_axis("fold")
    values = xr.DataArray(pointwise, {"obs": rows.data.obs}, ("obs",), "elpd")
    return CrossValidation(values, frame.astype({"rows": int}), folds)


def _score(rows: CodedRows, fitted: Fit, held: np.ndarray) -> Scored:
    """Log predictive density of the held-out rows, and their scores."""
    x, y = rows.take(held)
    extra = rows.extra(held)
    inputs, target = scaled_rows(fitted, x, rows.data.y[held])
    arrays = inputs, target, shift_for(fitted, extra.get("offset"), x, len(held)), extra.get("weights")
    densities = over_rows(log_density, fitted.model, fitted.draws(), *arrays)
    targets = rows.data.targets if rows.data.steps is None else rows.data.targets[held]
    volume = fitted.data.scaling.log_jacobian * targets * extra.get("weights", 1.0)
    pointwise = logsumexp(densities, axis=0) - np.log(len(densities)) - volume
    r_hat = np.nan if fitted.sampler.approximate else diagnose(fitted).table.loc["f, worst", "r_hat"]
    head = {"rows": len(held), "elpd": float(pointwise.sum()), "r_hat": r_hat}
    return pointwise, head | evaluate(fitted, x, y, **extra).to_dict()


def scaled_rows(fitted: Fit, x: Any, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and target (numbers, codes for labels) on the scale a fit's model sees."""
    scaling = fitted.data.scaling
    return scaling.inputs(code(fitted.data.columns, x)), scaling.target(y)
