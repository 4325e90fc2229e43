"""Convergence, judged where it matters: on function values first, never on weights, which have label and sign modes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesnn.draws import function_value, over_draws
from bayesnn.fit import Fit

POINTS = 100  # rows of the training data at which the function is judged
R_HAT_LIMIT = 1.01  # A. Vehtari et al. (2021), Rank-normalization, folding, and localization, section 4
ESS_PER_CHAIN = 100  # the same source
APART = 0.65  # standard deviations between chain means: two chains so far apart have an R-hat of 1.1
BFMI_LIMIT = 0.3  # M. Betancourt (2016), Diagnosing suboptimal cotangent disintegrations


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """What `diagnose` found.

    Attributes
    ----------
    ok : bool
        Whether the draws can be used as they are.
    verdict : str
        One line: what was found and what to do.
    table : pandas.DataFrame
        Rows: worst and median function value, nuisance parameters, log likelihood; columns r_hat, ess_bulk, ess_tail,
        mcse (in units of y, for the log likelihood in nats).
    modes : tuple of tuples of int
        Chains that agree on the function, largest group first.
    mode_table : pandas.DataFrame
        For each group its chains, mean log likelihood and mean nuisance parameters.
    """

    ok: bool
    verdict: str
    table: Any
    modes: tuple[tuple[int, ...], ...]
    mode_table: Any

    def __str__(self) -> str:
        """Verdict, table, and the groups of chains where there are several."""
        parts = [self.verdict, self.table.round(3).to_string()]
        if len(self.modes) > 1:
            parts.append(self.mode_table.round(3).to_string())
        return "\n\n".join(parts)


def diagnose(fit: Fit) -> Diagnosis:
    """Judge a fit: R-hat and effective sample sizes of function values, chains in other modes, sampler warnings.

    Parameters
    ----------
    fit : Fit

    Returns
    -------
    Diagnosis
        `print` it; `.ok` and `.verdict` for scripts, `.table` for reports.

    References
    ----------
    A. Vehtari, A. Gelman, D. Simpson, B. Carpenter and P. Bürkner (2021), Rank-normalization, folding, and
    localization: an improved R-hat, Bayesian Analysis 16, 667-718. The statistics are ArviZ's.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesnn.fit import fit
    >>> from bayesnn.shallow import shallow
    >>> x = np.linspace(-1, 1, 20)[:, None]
    >>> result = fit(shallow(1), x, x[:, 0] + np.cos(30 * x[:, 0]) / 5, draws=300, warmup=300, progress=False)
    >>> diagnose(result).modes
    ((0, 1, 2, 3),)
    """
    f = _function_values(fit)
    posterior = fit.idata["posterior"]
    nuisance = {name: posterior[name].to_numpy() for name in fit.model.likelihood.dims}
    log_likelihood = fit.idata["log_likelihood"]["y"].to_numpy().sum(axis=-1)
    table = _table(f, nuisance, log_likelihood)
    modes = group_chains(np.concatenate([f, log_likelihood[..., None]], axis=-1))
    worst = table.loc["f, worst"]
    mixed = bool(worst["r_hat"] <= R_HAT_LIMIT)
    enough = bool(min(worst["ess_bulk"], worst["ess_tail"]) >= ESS_PER_CHAIN * f.shape[0])
    modes = (tuple(range(f.shape[0])),) if mixed else modes
    warnings = _sampler_warnings(fit)
    verdict = " ".join([_verdict(fit, worst, modes, mixed, enough, f.shape), *warnings])
    ok = mixed and enough and not warnings and f.shape[0] > 1
    return Diagnosis(ok, verdict, table, modes, _mode_table(modes, nuisance, log_likelihood))


def group_chains(values: np.ndarray) -> tuple[tuple[int, ...], ...]:
    """Chains that agree: single-linkage groups of values (chain, draw, k), by the largest distance between chain means.

    Distances are in standard deviations within the chains.
    """
    means = values.mean(axis=1)
    spread = np.sqrt(values.var(axis=1).mean(axis=0)) + 1e-12 * (1.0 + np.abs(means).max(axis=0))
    distance = (np.abs(means[:, None] - means[None]) / spread).max(axis=-1)
    groups: list[set[int]] = []
    for chain in range(len(values)):
        near = [group for group in groups if any(distance[chain, other] <= APART for other in group)]
        groups = [group for group in groups if group not in near] + [set().union({chain}, *near)]
    return tuple(sorted((tuple(sorted(group)) for group in groups), key=lambda g: (-len(g), g)))


def _function_values(fit: Fit) -> np.ndarray:
    """The function at up to POINTS training rows, (chain, draw, point), in units of y."""
    x, _ = fit.data.scaled()
    rows = np.unique(np.linspace(0, len(x) - 1, min(POINTS, len(x))).astype(int))
    posterior = fit.idata["posterior"].sizes
    f = over_draws(function_value, fit.model, fit.draws(), x[rows])
    scaling = fit.data.scaling
    values = fit.model.likelihood.in_units(f, np.asarray(scaling.y_center), np.asarray(scaling.y_scale))
    return np.asarray(values).reshape(posterior["chain"], posterior["draw"], -1)


def _table(f: np.ndarray, nuisance: dict[str, np.ndarray], log_likelihood: np.ndarray) -> Any:
    import arviz as az
    import pandas as pd
    import xarray as xr

    values = {"f": f} | nuisance | {"log likelihood": log_likelihood}
    names = {n: ("chain", "draw", *(f"{n}_{i}" for i in range(v.ndim - 2))) for n, v in values.items()}
    data = xr.Dataset({n: (names[n], v) for n, v in values.items()})
    with np.errstate(divide="ignore", invalid="ignore"):  # a value that never moved has no R-hat: NaN, not converged
        columns = {
            "r_hat": az.rhat(data),
            "ess_bulk": az.ess(data, method="bulk"),
            "ess_tail": az.ess(data, method="tail"),
            "mcse": az.mcse(data),
        }
    worst = {c: _worst(c)(d["f"].to_numpy()) for c, d in columns.items()}
    rows = {"f, worst": worst, "f, median": {c: np.median(d["f"].to_numpy()) for c, d in columns.items()}}
    for name in [*nuisance, "log likelihood"]:
        rows[name] = {c: float(_worst(c)(d[name].to_numpy())) for c, d in columns.items()}
    return pd.DataFrame(rows).T


def _worst(column: str) -> Any:
    return np.min if column.startswith("ess") else np.max


def _mode_table(modes: tuple[tuple[int, ...], ...], nuisance: dict[str, np.ndarray], log_likelihood: np.ndarray) -> Any:
    import pandas as pd

    return pd.DataFrame(
        [
            {"chains": ", ".join(map(str, group)), "log likelihood": log_likelihood[list(group)].mean()}
            | {name: v[list(group)].mean() for name, v in nuisance.items()}
            for group in modes
        ]
    ).rename_axis("group")


def _verdict(
    fit: Fit, worst: Any, modes: tuple[tuple[int, ...], ...], mixed: bool, enough: bool, shape: tuple[int, ...]
) -> str:
    chains, draws = shape[:2]
    state = "" if fit.complete else f"Interrupted after {draws} draws a chain. "
    numbers = f"worst function value: R-hat {worst['r_hat']:.3f}, {min(worst['ess_bulk'], worst['ess_tail']):.0f}"
    numbers += " effective draws"
    if chains < 2:
        return f"{state}One chain cannot be judged: run at least 4 ({numbers})."
    if not mixed and len(modes) > 1:
        named = "; ".join(f"chain{'s' if len(g) > 1 else ''} {', '.join(map(str, g))}" for g in modes)
        return (
            f"{state}NOT CONVERGED: the chains disagree on the function and fall into {len(modes)} groups ({named}), "
            f"as in a posterior of several modes ({numbers}). Averages over these chains weigh the modes by chance: "
            "run longer and with more chains, look at the groups one by one, or choose fewer hidden units."
        )
    if not mixed:
        return (
            f"{state}NOT CONVERGED: the chains have not mixed yet ({numbers}). Run longer: draws={4 * draws} or more."
        )
    if not enough:
        factor = ESS_PER_CHAIN * chains / max(1.0, min(worst["ess_bulk"], worst["ess_tail"]))
        return (
            f"{state}The chains agree, but with few effective draws ({numbers}; {ESS_PER_CHAIN * chains} wanted). "
            f"Run longer: draws={int(np.ceil(factor * draws / 100) * 100)}."
        )
    return f"{state}Converged: {chains} chains agree on the function ({numbers})."


def _sampler_warnings(fit: Fit) -> list[str]:
    import arviz as az

    stats = fit.idata["sample_stats"]
    warnings = []
    if "diverging" in stats and (count := int(stats["diverging"].to_numpy().sum())):
        warnings.append(f"{count} divergent transitions: raise target_accept, or use the Gibbs sampler.")
    if "energy" in stats:
        energy = stats["energy"].to_numpy()
        lowest = float(np.min(az.bfmi(energy))) if energy.shape[1] > 1 else np.nan
        if lowest < BFMI_LIMIT:
            warnings.append(f"E-BFMI is {lowest:.2f} (below {BFMI_LIMIT}): heavy tails are explored slowly.")
    rate = float(stats["acceptance_rate"].to_numpy().mean())
    if rate < 0.01:
        warnings.append(f"Only {rate:.1%} of the moves were taken: use another proposal.")
    return warnings
