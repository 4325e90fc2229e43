"""Convergence, judged on function values, not on weights, which have modes by permutation and by change of sign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from bayesnn._internal.fitted import of_a_fit
from bayesnn.evaluation.agreement import agreement, close, function_values, short_run
from bayesnn.evaluation.biases import biases
from bayesnn.evaluation.convergence import group_chains, in_words, statistics
from bayesnn.evaluation.linear_reference import against_linear
from bayesnn.evaluation.of_many import JudgesItself
from bayesnn.fitting.fit import Fit
from bayesnn.fitting.pointwise import log_likelihood_by_draw
from bayesnn.fitting.sampling_job import TIME_OVER
from bayesnn.fitting.until_converged import CHAINS, ESS_PER_CHAIN, R_HAT_LIMIT, longer

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
        Rows: worst and median function value, nuisance parameters, random parts of the architecture, log likelihood;
        columns r_hat (nested for a fit with superchains), ess_bulk, ess_tail, mcse (in units of y, for the log
        likelihood in nats).
    modes : tuple of tuples of int
        Chains that agree on the function, largest group first.
    mode_table : pandas.DataFrame
        For each group its chains, mean log likelihood and mean nuisance parameters.
    agreement : pandas.DataFrame or None
        If there is a reference: for the worst and median function value and nuisance parameters, `shift`, the
        difference of means in standard deviations of the reference, and `sd_ratio`, the fit's sd divided by that of the
        reference.

    See Also
    --------
    diagnose
    """

    ok: bool
    verdict: str
    table: Any
    modes: tuple[tuple[int, ...], ...]
    mode_table: Any
    agreement: Any = None

    def __str__(self) -> str:
        """Verdict, table, and the groups of chains if there are several."""
        parts = [self.verdict, self.table.round(3).to_string()]
        if self.agreement is not None:
            parts.append(self.agreement.round(3).to_string())
        if len(self.modes) > 1:
            parts.append(self.mode_table.round(3).to_string())
        return "\n\n".join(parts)


@overload
def diagnose(fit: Fit, *, reference: Fit | None = None, check: bool = False) -> Diagnosis: ...


@overload
def diagnose(fit: JudgesItself) -> Any: ...


@of_a_fit
def diagnose(fit: Fit | JudgesItself, *, reference: Fit | None = None, check: bool = False) -> Any:
    """Judge a fit: R-hat and effective sample sizes of function values, chains in other modes, sampler warnings.

    An approximation (mode, ensemble, Laplace, variational) has no chains that could converge. The verdict says that it
    is an approximation, and it is `ok` only if it is close to a reference: means within half a standard deviation,
    standard deviations within a factor of 1.25.

    Parameters
    ----------
    fit : Fit, SeriesFits or SeriesFit
        The last two, of `bnn.auto_fit`, have no chains, and take no reference.
    reference : Fit, optional
        Markov chain Monte Carlo fit of the same rows, to say how far the function values are from it.
    check : bool
        Whether to make such a reference here: four chains of 500 draws after 500, with the default sampler.

    Returns
    -------
    Diagnosis, or SeriesDiagnosis
        `print` it; `.ok` and `.verdict` for scripts, `.table` for reports (of many series: a row for each).

    References
    ----------
    A. Vehtari, A. Gelman, D. Simpson, B. Carpenter and P. Bürkner (2021), Rank-normalization, folding, and
    localization: an improved R-hat, Bayesian Analysis 16, 667-718.

    See Also
    --------
    Diagnosis, summary, stack_chains

    Examples
    --------
    >>> import numpy as np
    >>> from bayesnn.fitting.fit import fit
    >>> from bayesnn.models.shallow import shallow
    >>> x = np.linspace(-1, 1, 20)[:, None]
    >>> result = fit(shallow(1), x, x[:, 0], draws=50, warmup=50, chains=2, progress=False)
    >>> diagnose(result).modes
    ((0, 1),)
    """
    if isinstance(fit, JudgesItself):
        if reference is not None or check:
            raise ValueError("draws of auto_fit are exact on their grid: leave out reference and check")
        return fit.diagnose()
    f = function_values(fit)
    posterior = fit.idata["posterior"]
    random = fit.model.architecture.sites() if fit.model.architecture is not None else {}
    nuisance = {name: posterior[name].to_numpy() for name in (*fit.model.likelihood.dims, *random)}
    log_likelihood = log_likelihood_by_draw(fit.idata)
    beside = short_run(fit) if check and reference is None else reference
    apart = None if beside is None else agreement(fit, beside)
    if fit.sampler.approximate:
        return _approximation(fit, f, nuisance, log_likelihood, apart)
    superchains = fit.settings.superchains or 0
    table = _table(f, nuisance, log_likelihood, superchains)
    modes = group_chains(np.concatenate([f, log_likelihood[..., None]], axis=-1), superchains)
    worst = table.loc["f, worst"]
    mixed = bool(worst["r_hat"] <= R_HAT_LIMIT)
    wanted = ESS_PER_CHAIN * (CHAINS if superchains else f.shape[0])  # short chains are judged together
    enough = bool(min(worst["ess_bulk"], worst["ess_tail"]) >= wanted)
    modes = (tuple(range(f.shape[0])),) if mixed else modes
    warnings = _sampler_warnings(fit)
    parts = [
        _verdict(fit, worst, modes, mixed, None if enough else wanted, f.shape),
        *warnings,
        *_notes(fit),
        *_distance(apart),
    ]
    ok = mixed and enough and not warnings and f.shape[0] > 1
    return Diagnosis(ok, " ".join(parts), table, modes, _mode_table(modes, nuisance, log_likelihood), apart)


def _approximation(
    fit: Fit, f: np.ndarray, nuisance: dict[str, np.ndarray], log_likelihood: np.ndarray, apart: Any
) -> Diagnosis:
    """Diagnosis of an approximation, which has a standard deviation but no meaningful R-hat."""
    import pandas as pd

    values = {"f": f} | nuisance | {"log likelihood": log_likelihood}
    sd = {name: v.reshape(-1, *v.shape[2:]).std(axis=0) for name, v in values.items()}
    rows = {"f, worst": sd["f"].max(), "f, median": np.median(sd["f"])}
    table = pd.DataFrame({"sd": rows | {name: float(np.max(v)) for name, v in sd.items() if name != "f"}})
    state = "" if fit.complete else "Interrupted. "
    kind = type(fit.sampler).__name__
    verdict = f"{state}APPROXIMATION: {kind} draws are not from the posterior, however many there are."
    verdict += f" {fit.sampler.caution}" if fit.sampler.caution else ""
    if apart is None:
        verdict += " diagnose(fit, reference=...) or diagnose(fit, check=True) shows how far off they are."
    warnings = _members(fit)
    everyone = (tuple(range(f.shape[0])),)
    ok = apart is not None and close(apart) and not warnings and fit.complete
    parts = [verdict, *_distance(apart), *warnings]
    return Diagnosis(ok, " ".join(parts), table, everyone, _mode_table(everyone, nuisance, log_likelihood), apart)


def _distance(apart: Any) -> list[str]:
    if apart is None:
        return []
    worst, median = apart.loc["f, worst"], apart.loc["f, median"]
    return [
        f"{'Close to' if close(apart) else 'FAR FROM'} the reference: means of function values differ by up to "
        f"{worst['shift']:.2f} of its sd (median {median['shift']:.2f}), and sds are {median['sd_ratio']:.2f} times "
        f"its own (furthest {worst['sd_ratio']:.2f})."
    ]


def _notes(fit: Fit) -> list[str]:
    """Notes on earlier chains, dropped draws, and properties of the sampler that no statistic of the draws shows."""
    attrs = fit.idata["posterior"].attrs
    notes = [f"{attrs['before']}."] if "before" in attrs else []
    if "dropped" in attrs:
        what = f"The first {attrs['dropped']} of {attrs['made']} draws were dropped"
        notes.append(f"{what}: the level (log likelihood) was still rising.")
    return notes + biases(fit)


def _members(fit: Fit) -> list[str]:
    """A warning that names the members of an ensemble that predict worse than a linear model."""
    if not fit.sampler.of_members:
        return []
    bar = against_linear(fit)
    if not bar.failed:
        return []
    named = ", ".join(map(str, bar.failed))
    lowest = bar.chains[list(bar.failed)].max()
    return [
        f"Chain(s) {named} do worse than a linear model on the training rows (log density per row <= {lowest:.3f}, "
        f"against {bar.linear:.3f}): leave them out with bnn.drop_chains(fit, [{named}])."
    ]


def _table(f: np.ndarray, nuisance: dict[str, np.ndarray], log_likelihood: np.ndarray, superchains: int) -> Any:
    import pandas as pd

    columns = {
        n: statistics(v, superchains) for n, v in ({"f": f} | nuisance | {"log likelihood": log_likelihood}).items()
    }
    rows = {"f, worst": {c: _worst(c)(v) for c, v in columns["f"].items()}}
    rows["f, median"] = {c: np.median(v) for c, v in columns["f"].items()}
    for name in [*nuisance, "log likelihood"]:
        rows[name] = {c: float(_worst(c)(v)) for c, v in columns[name].items()}
    return pd.DataFrame(rows).T


def _worst(column: str) -> Any:
    return np.min if column.startswith("ess") else np.max


def _mode_table(modes: tuple[tuple[int, ...], ...], nuisance: dict[str, np.ndarray], log_likelihood: np.ndarray) -> Any:
    import pandas as pd

    return pd.DataFrame(
        [
            {"chains": in_words(group), "log likelihood": log_likelihood[list(group)].mean()}
            | {name: v[list(group)].mean() for name, v in nuisance.items()}
            for group in modes
        ]
    ).rename_axis("group")


def _verdict(
    fit: Fit, worst: Any, modes: tuple[tuple[int, ...], ...], mixed: bool, wanted: int | None, shape: tuple[int, ...]
) -> str:
    """The verdict in words; `wanted` is the required number of effective draws, None if there are enough."""
    chains, draws = shape[:2]
    state = "" if fit.complete else f"Interrupted after {draws} draws per chain. "
    if fit.idata["posterior"].attrs.get("stopped") == TIME_OVER:
        state = f"Stopped when max_seconds={fit.settings.max_seconds:g} were over, with {draws} draws per chain. "
    kind = "nested R-hat" if fit.settings.superchains else "R-hat"
    numbers = f"worst function value: {kind} {worst['r_hat']:.3f}, {min(worst['ess_bulk'], worst['ess_tail']):.0f}"
    numbers += " effective draws"
    if chains < 2:
        return f"{state}One chain cannot be judged: run at least 4 ({numbers})."
    if not mixed and len(modes) > 1:
        named = "; ".join(f"chain{'s' if len(g) > 1 else ''} {in_words(g)}" for g in modes)
        return (
            f"{state}NOT CONVERGED: the chains disagree on the function and fall into {len(modes)} groups ({named}), "
            f"which suggests a multimodal posterior ({numbers}). Averages over these chains weight modes by chance: "
            "run longer and with more chains, look at the groups one by one, or choose fewer hidden units."
        )
    if not mixed:
        more = _more(fit, worst, wanted) or f"draws={4 * draws} or more"
        return f"{state}NOT CONVERGED: the chains have not mixed yet ({numbers}). Run longer: {more}."
    if wanted is not None:
        factor = wanted / max(1.0, np.nan_to_num(min(worst["ess_bulk"], worst["ess_tail"])))
        more = _more(fit, worst, wanted) or f"draws={int(np.ceil(factor * draws / 100) * 100)}"
        return (
            f"{state}The chains agree, but with few effective draws ({numbers}; {wanted} wanted). Run longer: {more}."
        )
    return f"{state}Converged: {chains} chains agree on the function ({numbers})."


def _more(fit: Fit, worst: Any, wanted: int | None) -> str:
    """The time that a fit with draws="auto" is expected to take in all; "" for one whose draws were given."""
    if fit.settings.max_seconds is None:
        return ""
    attrs = fit.idata["posterior"].attrs
    times = longer(worst["r_hat"], min(worst["ess_bulk"], worst["ess_tail"]), wanted or 1)
    before = attrs["compile_seconds"] + attrs["warmup_seconds"]
    seconds = before + min(times, 1e6) * attrs["sampling_seconds"]
    return f"max_seconds={float(f'{1.5 * seconds:.2g}'):g}"


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
            warnings.append(f"E-BFMI is {lowest:.2f} (below {BFMI_LIMIT}): the sampler explores heavy tails slowly.")
    rate = float(stats["acceptance_rate"].to_numpy().mean()) if "acceptance_rate" in stats else 1.0
    if rate < 0.01:
        warnings.append(f"Only {rate:.1%} of the moves were taken: use another proposal.")
    return warnings + _members(fit)
