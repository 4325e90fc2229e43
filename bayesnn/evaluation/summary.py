"""summary(fit) -> one table of what a report states: R^2, noise, coefficients, and how well the chains have mixed."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.runtime import computing
from bayesnn.evaluation.diagnose import diagnose
from bayesnn.evaluation.identified import architecture_sites, identified_sites
from bayesnn.fitting.draws import over_draws
from bayesnn.fitting.fit import Fit
from bayesnn.fitting.mixing import mixing
from bayesnn.fitting.pointwise import log_likelihood_by_draw
from bayesnn.prediction.uncertainty import two_moments

MIXING = ("r_hat", "ess_bulk", "ess_tail")


@computing
def summary(fit: Fit, *, level: float = 95) -> Any:
    """What a report states of a fit, in units of y where these make sense.

    Rows: `R^2`, the part of the variance of y that the function explains, draw by draw (A. Gelman, B. Goodrich,
    J. Gabry and A. Vehtari, 2019); nuisance parameters such as the noise sd `sigma`; coefficients of a linear term, per
    unit of the input; random parts of the architecture; the log likelihood; and the worst and the median of the
    function's values at training rows, for which only R-hat and effective draws mean something.

    Parameters
    ----------
    fit : Fit
    level : float
        Of the central credible interval, in per cent.

    Returns
    -------
    pandas.DataFrame
        Columns mean, sd, lo-95, hi-95, r_hat, ess_bulk, ess_tail; the verdict of `diagnose` is `.attrs["verdict"]`.

    See Also
    --------
    diagnose : whether the draws can be used, and what to do if not.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesnn.fitting.fit import fit
    >>> from bayesnn.models.shallow import shallow
    >>> x = np.linspace(-1, 1, 20)[:, None]
    >>> result = fit(shallow(1), x, np.sin(2 * x[:, 0]), draws=50, warmup=50, chains=2, progress=False)
    >>> list(summary(result).index)
    ['R^2', 'sigma', 'log likelihood', 'f, worst', 'f, median']
    """
    import pandas as pd

    (level,) = checks.levels([level])
    diagnosis = diagnose(fit)
    quantities = _r_squared(fit) | _sites(fit) | {"log likelihood": log_likelihood_by_draw(fit.idata)}
    rows = {name: _row(values, level, fit.sampler.approximate) for name, values in quantities.items()}
    for name in ("f, worst", "f, median"):
        rows[name] = {column: diagnosis.table.loc[name].get(column, np.nan) for column in MIXING}
    columns = ["mean", "sd", f"lo-{level:g}", f"hi-{level:g}", *MIXING]
    frame = pd.DataFrame.from_dict(rows, orient="index").reindex(columns=columns)
    frame.attrs["verdict"] = diagnosis.verdict
    return frame


def _row(values: np.ndarray, level: float, approximate: bool) -> dict[str, float]:
    """Summary of draws (chain, draw)."""
    low, high = np.quantile(values, [0.5 - level / 200, 0.5 + level / 200])
    row = {"mean": values.mean(), "sd": values.std(ddof=1) if values.size > 1 else np.nan}
    row |= {f"lo-{level:g}": low, f"hi-{level:g}": high}
    return row if approximate else row | dict(zip(MIXING, map(float, mixing(values)), strict=True))


def _r_squared(fit: Fit) -> dict[str, np.ndarray]:
    """R^2 (chain, draw) of each output: variance of E[y | x, theta] over rows, over itself plus the mean variance of y.

    None for classes and for sequences with a target at every step.
    """
    likelihood, data = fit.model.likelihood, fit.data
    if likelihood.kind == "class" or data.steps is not None:
        return {}
    rows = data.scaled()[0], data.shift
    cases = np.ones(len(data.y)) if data.weights is None else data.weights
    moments = over_draws(two_moments, fit.model, fit.draws(), *rows)  # (draws, n, 2) or (draws, n, K, 2)
    mean, variance = moments[..., 0], moments[..., 1]
    share = (cases / cases.sum()).reshape(-1, *(1,) * (mean.ndim - 2))
    centre = (mean * share).sum(axis=1, keepdims=True)
    explained, noise = ((mean - centre) ** 2 * share).sum(axis=1), (variance * share).sum(axis=1)
    values = (explained / (explained + noise)).reshape(*_sizes(fit), *mean.shape[2:])
    labels = likelihood.output_labels if values.ndim > 2 else ()
    return {"R^2": values} if not labels else {f"R^2[{n}]": values[..., k] for k, n in enumerate(labels)}


def _sites(fit: Fit) -> dict[str, np.ndarray]:
    """Draws (chain, draw) of nuisance parameters, linear coefficients and random parts, each with its label."""
    shown = {"linear", *fit.model.likelihood.dims} | set(architecture_sites(fit.model))
    arrays = {name: array for name, array in identified_sites(fit).items() if name in shown}
    return {label: values for name, array in arrays.items() for label, values in _labelled(name, array).items()}


def _labelled(name: str, array: Any) -> dict[str, np.ndarray]:
    """The draws (chain, draw) of each element of a site, by its coordinates."""
    if array.ndim == 2:
        return {name: array.to_numpy()}
    rest = array.dims[2:]
    flat = array.stack(element=rest).transpose("chain", "draw", "element")
    labels = [key if isinstance(key, tuple) else (key,) for key in flat["element"].to_numpy()]
    values = flat.to_numpy()
    return {f"{name}[{', '.join(map(str, label))}]": values[..., i] for i, label in enumerate(labels)}


def _sizes(fit: Fit) -> tuple[int, int]:
    sizes = fit.idata["posterior"].sizes
    return sizes["chain"], sizes["draw"]
