"""Leave-one-out cross-validation from the draws of one fit, and the rows for which it cannot be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import logsumexp

from bayesnn._internal.fitted import of_a_fit
from bayesnn.fitting import pointwise
from bayesnn.fitting.fit import Fit
from bayesnn.fitting.inference_data import Group, build, loo_pointwise

K_LIMIT = 0.7  # A. Vehtari et al. (2024), section 3.2.4: above it the error is large whatever the number of draws
FEWEST_DRAWS = 25  # the fewest draws whose tail has the five ratios that a Pareto fit needs
NAMED_ROWS = 10  # at most this many row labels are named in a warning


@dataclass(frozen=True, eq=False)
class Loo:
    """Expected log predictive density of new rows, estimated by PSIS-LOO.

    Attributes
    ----------
    elpd, se : float
        Sum over rows of log p(y_i | the other rows), natural log, in units of y, and its standard error.
    p : float
        Effective number of parameters: log predictive density of the rows when they are part of the fit, less `elpd`.
    pointwise : xarray.DataArray, (obs,)
        log p(y_i | the other rows).
    pareto_k : xarray.DataArray, (obs,)
        k-hat of each row; above 0.7 the row's value cannot be trusted.

    See Also
    --------
    loo : leave-one-out from one fit
    compare : several fits in one table
    """

    elpd: float
    se: float
    p: float
    pointwise: Any
    pareto_k: Any

    @property
    def bad(self) -> np.ndarray:
        """Labels of the rows whose k-hat is above 0.7 or cannot be computed."""
        return self.pareto_k["obs"].to_numpy()[~(self.pareto_k.to_numpy() <= K_LIMIT)]

    @property
    def ok(self) -> bool:
        """Whether every row can be trusted."""
        return not len(self.bad)

    @property
    def table(self) -> Any:
        """pandas.DataFrame by row: elpd, pareto_k, and whether the row can be trusted."""
        import pandas as pd

        index = pd.Index(self.pointwise["obs"].to_numpy(), name="obs")
        k = self.pareto_k.to_numpy()
        return pd.DataFrame({"elpd": self.pointwise.to_numpy(), "pareto_k": k, "ok": k <= K_LIMIT}, index=index)

    @property
    def verdict(self) -> str:
        """What was found and what to do."""
        bad = self.bad
        if not len(bad):
            return f"Every k-hat is at most {K_LIMIT}: the estimate can be trusted."
        named = ", ".join(map(str, bad[:NAMED_ROWS])) + (", ..." if len(bad) > NAMED_ROWS else "")
        return (
            f"{len(bad)} of {self.pareto_k.size} rows have k-hat above {K_LIMIT} (obs {named}): each of them moves the "
            "posterior too far for the draws to be reweighted, so the elpd is most likely too high. Use cross_validate "
            "(compare does so by itself), or a likelihood with heavier tails if these rows are outliers."
        )

    def __str__(self) -> str:
        """Estimate and verdict."""
        return f"PSIS-LOO: elpd {self.elpd:.2f} (se {self.se:.2f}), p {self.p:.2f}\n{self.verdict}"


@of_a_fit
def loo(fit: Fit) -> Loo:
    """Leave-one-out cross-validation of a fit without fitting again, by Pareto-smoothed importance sampling.

    Parameters
    ----------
    fit : Fit

    Returns
    -------
    Loo
        `print` it; `.elpd`, `.se`, `.pareto_k`, `.bad` for scripts, `.table` by row.

    References
    ----------
    A. Vehtari, A. Gelman and J. Gabry (2017), Practical Bayesian model evaluation using leave-one-out cross-validation
    and WAIC, Statistics and Computing 27, 1413-1432; A. Vehtari, D. Simpson, A. Gelman, Y. Yao and J. Gabry (2024),
    Pareto smoothed importance sampling, JMLR 25(72). The computation is ArviZ's, except for the relative efficiency: it
    is that of the likelihood values, which does not depend on how hidden units are numbered.

    See Also
    --------
    Loo : what `loo` returns
    compare : several fits in one table
    cross_validate : scores of rows left out

    Examples
    --------
    >>> import numpy as np
    >>> from bayesnn.fitting.fit import fit
    >>> from bayesnn.models.shallow import shallow
    >>> x = np.linspace(-1, 1, 20)[:, None]
    >>> y = np.sin(2 * x[:, 0]) + 0.1 * np.cos(30 * x[:, 0])
    >>> result = loo(fit(shallow(1), x, y, draws=50, warmup=50, chains=2, progress=False))
    >>> result.pointwise.dims
    ('obs',)
    """
    values = pointwise.stored_log_likelihood(fit.idata)
    log_likelihood = values.to_numpy()
    each, k = psis(log_likelihood)
    inside = logsumexp(log_likelihood, axis=(0, 1)) - np.log(np.prod(log_likelihood.shape[:2]))
    frame = values.isel(chain=0, draw=0, drop=True)
    elpd = float(each.sum())
    return Loo(
        elpd,
        total_error(each),
        float(inside.sum()) - elpd,
        frame.copy(data=each).rename("elpd"),
        frame.copy(data=k).rename("pareto_k"),
    )


def psis(log_likelihood: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """log p(y_i | the other rows) (n,) and k-hat (n,) from log-likelihood values (chain, draw, n).

    A row whose tail of importance ratios is a single value has no k-hat: infinite, or minus infinite where all draws
    agree on the row and there is nothing to reweight.
    """
    count = log_likelihood[..., 0].size
    if count < FEWEST_DRAWS:
        raise ValueError(f"PSIS-LOO needs at least {FEWEST_DRAWS} draws, got {count}: fit with more draws")
    efficiency = relative_efficiency(log_likelihood)
    ratios = np.sort(-log_likelihood.reshape(count, -1), axis=0)
    tail = int(np.ceil(min(0.2 * count, 3 * np.sqrt(count / efficiency))))
    single = ratios[-1] == ratios[-1 - tail]
    values = np.log(count) - logsumexp(ratios, axis=0)
    k = np.where(ratios[0] == ratios[-1], -np.inf, np.inf)
    if not single.all():
        rest = log_likelihood[..., ~single]
        groups = {"log_likelihood": Group({"y": rest}, {"y": ("chain", "draw", "obs")})}
        data = build(groups, {"obs": np.arange(rest.shape[-1])})
        values[~single], k[~single] = loo_pointwise(data, efficiency)
    return values, k


def relative_efficiency(log_likelihood: np.ndarray) -> float:
    """Relative efficiency: median over rows of the effective sample size of the likelihood per draw, at most 1."""
    import arviz as az
    import xarray as xr

    likelihood = np.exp(log_likelihood - log_likelihood.max(axis=(0, 1)))
    data = xr.Dataset({"likelihood": (("chain", "draw", "obs"), likelihood)})
    with np.errstate(divide="ignore", invalid="ignore"):  # rows whose likelihood is constant have no ESS
        ess = az.ess(data, method="mean")["likelihood"].to_numpy()
    known = ess[np.isfinite(ess)]
    return float(min(1.0, np.median(known) / likelihood[..., 0].size)) if known.size else 1.0


def total_error(pointwise: np.ndarray) -> float:
    """Standard error of a sum over rows (n,): sqrt(n) times their standard deviation; NaN for a single row."""
    return float(np.sqrt(len(pointwise)) * np.std(pointwise, ddof=1)) if len(pointwise) > 1 else float("nan")
