"""How far one fit is from another in function values and nuisance parameters; weights are never compared."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesnn.evaluation.coded_rows import coded_rows
from bayesnn.fitting.fit import Fit
from bayesnn.fitting.fit import fit as fit_model
from bayesnn.fitting.function_values import function_values as values_at_rows

SHIFT_LIMIT = 0.5  # difference of means in posterior standard deviations; up to it intervals mostly overlap
RATIO_LIMIT = 1.25  # the ratio of standard deviations may lie between 1/1.25 and 1.25


def function_values(fit: Fit) -> np.ndarray:
    """The function at up to 100 training rows, (chain, draw, point), in units of y."""
    return values_at_rows(fit.model, fit.data, fit.sites())


def agreement(fit: Fit, reference: Fit) -> Any:
    """Table of how far a fit is from a reference, for the worst and median function value and nuisance parameters.

    Columns: `shift`, |difference of means| in standard deviations of the reference; `sd_ratio`, sd over that of the
    reference (the worst is the one furthest from 1).

    Raises
    ------
    ValueError
        If the two are not fits of the same training rows.
    """
    import pandas as pd

    same = fit.data.x.shape == reference.data.x.shape and np.allclose(fit.data.x, reference.data.x, equal_nan=True)
    if (
        not same
        or fit.data.y.shape != reference.data.y.shape
        or not np.allclose(fit.data.y, reference.data.y, equal_nan=True)
    ):
        raise ValueError("reference must be a fit of the same rows x and y, in the same order: fit it to them")
    shift, ratio = _apart(function_values(fit), function_values(reference))
    worst = float(ratio[np.argmax(np.abs(np.log(np.maximum(ratio, 1e-12))))])
    rows = {"f, worst": (shift.max(), worst), "f, median": (np.median(shift), np.median(ratio))}
    for name in fit.model.likelihood.dims:
        if name in reference.model.likelihood.dims:
            values = (f.idata["posterior"][name].to_numpy() for f in (fit, reference))
            shift, ratio = _apart(*(v.reshape(*v.shape[:2], -1) for v in values))
            rows[name] = (shift.max(), ratio[np.argmax(np.abs(np.log(np.maximum(ratio, 1e-12))))])
    return pd.DataFrame(rows, index=["shift", "sd_ratio"]).T


def close(table: Any) -> bool:
    """Whether an agreement table shows a fit that can stand in for the reference."""
    ratio = np.abs(np.log(np.maximum(table["sd_ratio"], 1e-12)))
    return bool((table["shift"] <= SHIFT_LIMIT).all() and (ratio <= np.log(RATIO_LIMIT)).all())


def short_run(fit: Fit, draws: int = 500, warmup: int = 500, chains: int = 4, key: Any = 0) -> Fit:
    """A Markov chain Monte Carlo run of the same model on the same rows, with the default sampler."""
    data, rows = fit.data, coded_rows(fit.model, fit.data)
    # a series' missing values are unknowns of the reference, too
    x, y = (rows.table, rows.target) if data.series is None else (data.series, None)
    return fit_model(
        fit.model,
        x,
        y,
        draws=draws,
        warmup=warmup,
        chains=chains,
        key=key,
        weights=data.weights,
        offset=data.offset,
        standardize=fit.settings.standardize,
        progress=False,
    )


def _apart(values: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """|Difference of means| in reference sd, and ratio of sds, for (chain, draw, k) each -> (k,)."""
    flat, base = (v.reshape(-1, v.shape[-1]) for v in (values, reference))
    sd = base.std(axis=0) + 1e-12 * (1.0 + np.abs(base).max(axis=0))
    return np.abs(flat.mean(axis=0) - base.mean(axis=0)) / sd, flat.std(axis=0) / sd
