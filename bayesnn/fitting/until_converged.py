"""draws="auto": chains run until the function has converged, with a bounded number of draws kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bayesnn._internal import checks
from bayesnn.data.dataset import Dataset
from bayesnn.fitting.assemble import to_series_units
from bayesnn.fitting.function_values import function_values, spread_out
from bayesnn.fitting.mixing import mixing, nested_r_hat, rises
from bayesnn.fitting.pointwise import log_likelihood_total
from bayesnn.fitting.store import SamplingJob
from bayesnn.models.missing_values import SITE
from bayesnn.models.model import Model
from bayesnn.samplers import Chains, Gibbs, Sampler
from bayesnn.samplers.engine.multihost import gather_bytes, gather_chains, is_multiprocess
from bayesnn.samplers.engine.plan import Plan
from bayesnn.samplers.engine.stopping import ENDLESS, FIRST, Standing, Stopping

AUTO = "auto"
WARMUP, JOINT_WARMUP = 1000, 300  # the default of `warmup`, and that for joint sweeps with draws="auto"
DRAWS = 1000  # the default of `draws` if a sampler is given
MAX_SECONDS = 600.0  # the default of `max_seconds`
R_HAT_LIMIT = 1.01  # A. Vehtari et al. (2021), Rank-normalization, folding, and localization, section 4
ESS_PER_CHAIN = 100  # A. Vehtari et al. (2021), section 4
CHAINS = 4  # short chains are judged together and need the 4 x 100 effective draws in all, and so do fewer chains
ROWS = 40  # function values that are judged each time; the others are judged once these have converged
KEPT = 2048  # the most draws of a chain that are kept
FEWEST_KEPT = 512  # lower limit of that number, for large models
KEPT_BYTES = 2**31  # fewer draws are kept where all chains would take more memory than this
CONVERGED = "converged"
DISAGREE = "chains disagree"
AT_TEMPERATURES = "stat log_likelihood_at"  # as tempered samplers record it, coldest first


@dataclass(frozen=True, eq=False)
class UntilConverged:
    """Judges chains by the function at training rows: R-hat, and effective draws of bulk and tails, as `diagnose` does.

    `of` is the number of chains of the run, of which this process has `chains`. `give_up`, if given, is (draws, R-hat):
    from this number of draws on, the run also ends where R-hat is above that.
    """

    model: Model
    data: Dataset
    chains: int
    of: int
    kept: int
    superchains: int = 0
    give_up: tuple[int, float] | None = None

    def __call__(self, values: dict[str, np.ndarray], draws: int) -> Standing:
        """The standing of values (chain, draw, ...) after this number of draws; the same one in every process."""
        sites = {name: values[name] for name in self.model.dims(self.data.x.shape[1:])}
        f = function_values(self.model, self.data, sites, at_once=self.at_once)
        f = gather_chains(f) if self.chains < self.of else f
        some = spread_out(f.shape[2], ROWS)
        r_hat, ess = self.worst(f[..., some])
        if r_hat <= R_HAT_LIMIT and ess >= self.wanted and len(some) < f.shape[2]:
            others = self.worst(np.delete(f, some, axis=2))
            r_hat, ess = max(r_hat, others[0]), min(ess, others[1])
        if is_multiprocess():  # whatever the last bit is elsewhere, all go by the first process
            r_hat, ess = np.frombuffer(gather_bytes(np.array([r_hat, ess]))[0]).tolist()
        standing = self.standing(r_hat, ess, draws)
        return standing if standing.ended == CONVERGED else replace(standing, rising=self.rising(values))

    def rising(self, values: dict[str, np.ndarray]) -> bool:
        """Whether the log likelihood is higher in the later half of the draws: chains that have not arrived yet."""
        levels = self.levels(values)
        levels = gather_chains(levels) if self.chains < self.of else levels
        found = rises(levels)
        return bool(np.frombuffer(gather_bytes(np.array([float(found)]))[0])[0]) if is_multiprocess() else found

    def levels(self, values: dict[str, np.ndarray]) -> np.ndarray:
        """Log likelihoods (chain, draw), up to a constant: the recorded ones if there are any, else computed."""
        if AT_TEMPERATURES in values:
            return values[AT_TEMPERATURES][..., 0]
        sites = {name: values[name] for name in (*self.model.dims(self.data.x.shape[1:]), SITE) if name in values}
        return log_likelihood_total(self.model, self.data, to_series_units(self.data, sites), self.at_once)

    @property
    def at_once(self) -> int:
        """Draws that are evaluated together: a number that divides most counts, so that one program serves all."""
        return self.chains * self.kept // (2 * FIRST)

    @property
    def wanted(self) -> int:
        """Effective draws that every function value needs in all."""
        return ESS_PER_CHAIN * (CHAINS if self.superchains else max(CHAINS, self.of))

    def worst(self, f: np.ndarray) -> tuple[float, float]:
        """The worst R-hat, and the fewest effective draws, of function values (chain, draw, point)."""
        found = mixing(f)
        r_hat = nested_r_hat(f, self.superchains) if self.superchains else found.r_hat
        return float(np.max(r_hat)), float(np.min(found.ess))

    def standing(self, r_hat: float, ess: float, draws: int) -> Standing:
        """What the two numbers mean; NaN, of values that never move, is not converged."""
        ended = CONVERGED if r_hat <= R_HAT_LIMIT and ess >= self.wanted else ""
        if not ended and self.give_up is not None and draws >= self.give_up[0] and not r_hat <= self.give_up[1]:
            ended = DISAGREE
        return Standing(r_hat, ess, self.wanted, ended, longer(r_hat, ess, self.wanted))


def longer(r_hat: float, ess: float, wanted: int) -> float:
    """How many times as many draws are expected to do: effective draws grow with draws, R-hat^2 - 1 falls with them."""
    more_draws = wanted / max(1.0, np.nan_to_num(ess))
    more_mixed = (np.nan_to_num(r_hat, nan=np.inf, posinf=np.inf) ** 2 - 1) / (R_HAT_LIMIT**2 - 1)
    return float(max(1.0, more_draws, more_mixed))


def until_converged(plan: Plan, job: SamplingJob, max_seconds: float, give_up: tuple[int, float] | None = None) -> Plan:
    """The plan of a run that ends when its chains have converged or its time is over."""
    kept = _most_kept(job, plan.chains)
    of, superchains = plan.chains, plan.superchains or 0
    judge = UntilConverged(job.model, job.data, plan.chains, of, kept, superchains, give_up)
    return replace(plan, draws=ENDLESS, kept=kept, gives_up=give_up, stopping=Stopping(judge, float(max_seconds)))


def local_stopping(plan: Plan) -> Plan:
    """The plan of one of several processes, which judges the chains of all by those of its own and of the others."""
    if plan.stopping is None:
        return plan
    judge: Any = replace(plan.stopping.judge, chains=plan.chains)  # type: ignore[type-var]
    return replace(plan, stopping=replace(plan.stopping, judge=judge))


def length_of(draws: Any, max_seconds: float | None) -> tuple[Any, float | None]:
    """The draws of a plan, and the seconds of a run whose length is not given; None for one whose length is.

    Raises
    ------
    ValueError
        For other text than "auto", and for a limit of time beside a number of draws.
    """
    if isinstance(draws, str):
        if draws != AUTO:
            raise ValueError(f'draws must be a whole number or "auto", got {draws!r}')
        return ENDLESS, MAX_SECONDS if max_seconds is None else max_seconds
    if max_seconds is not None:
        raise ValueError(f'max_seconds is for draws="auto", got it with draws={draws!r}: leave max_seconds out')
    return draws, None


def warmup_for(asked: int | None, sampler: Sampler, model: Model, auto: bool) -> int:
    """The warm-up of a fit that names none, shorter where few steps do and draws of chains that still rise are dropped.

    A joint sweep tunes one number and takes as long as ten collapsed ones.
    """
    if asked is not None:
        return asked
    return JOINT_WARMUP if auto and isinstance(sampler, Gibbs) and sampler.joint(model) else WARMUP


def draws_for(asked: Any, sampler: Sampler, chains: Any, path: Any) -> int | str:
    """The draws of a fit that names none: "auto" unless a sampler was asked for, or chains could not be judged."""
    judged = isinstance(sampler, Chains) and chains != 1 and (path is None or not is_multiprocess())
    return AUTO if asked is None and judged else DRAWS


def check_auto(sampler: Sampler, chains: int, max_seconds: float, path: Any) -> None:
    """Refuse draws="auto" where convergence cannot be judged, and a limit of time that is not a positive number."""
    if not isinstance(sampler, Chains):
        raise ValueError(
            f'draws="auto" is for samplers that run chains, which can be judged while they run, got {sampler}: give '
            "draws as a number"
        )
    if chains < 2:
        raise ValueError(f'draws="auto" compares chains, got {chains} of them: ask for at least 2, better 4')
    if max_seconds != np.inf:
        checks.positive("max_seconds", max_seconds)
    if path is not None and is_multiprocess():
        raise ValueError(
            'draws="auto" with path= is for one process, since several could not agree after a kill where to go on: '
            "leave path out, or give draws as a number"
        )


def _most_kept(job: SamplingJob, chains: int) -> int:
    """Draws that are kept of a chain, so that all chains with their log likelihoods stay in KEPT_BYTES, if possible."""
    sizes = job.model.sizes(job.data.x.shape[1:])
    numbers = sum(sizes.values()) + (len(job.data.y) if job.settings.log_likelihood else 0)
    kept = KEPT
    while kept > FEWEST_KEPT and 8 * numbers * chains * kept > KEPT_BYTES:
        kept //= 2
    return kept
