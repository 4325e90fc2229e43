"""Samplers: frozen specs of their settings, and the registry of their names."""

from bayesnn._internal import checks
from bayesnn._internal.specs import check_hashable
from bayesnn.samplers.approximate.laplace import Laplace
from bayesnn.samplers.approximate.map import MAP, Ensemble
from bayesnn.samplers.approximate.mc_dropout import MCDropout
from bayesnn.samplers.approximate.variational import Variational
from bayesnn.samplers.base import Chains, Info, Sampler, Stats, Steps
from bayesnn.samplers.fixed_layers import with_fixed
from bayesnn.samplers.gibbs.collapsed import collapses, has_own_sweep
from bayesnn.samplers.gibbs.gibbs import Gibbs
from bayesnn.samplers.gibbs.missing_values import with_missing_values
from bayesnn.samplers.gibbs.proposals import PROPOSALS
from bayesnn.samplers.kernel import StepsKernel
from bayesnn.samplers.mclmc.mclmc import MCLMC
from bayesnn.samplers.nuts import HMC, NUTS
from bayesnn.samplers.sgmcmc.schedules import Cyclical, Polynomial, Schedule
from bayesnn.samplers.sgmcmc.sgld_sghmc import SGHMC, SGLD
from bayesnn.samplers.tempering.system import STAT_DIMS
from bayesnn.samplers.tempering.tempered import Tempered

SAMPLERS: dict[str, type[Sampler]] = {
    "gibbs": Gibbs,
    "nuts": NUTS,
    "hmc": HMC,
    "mclmc": MCLMC,
    "sgld": SGLD,
    "sghmc": SGHMC,
    "map": MAP,
    "ensemble": Ensemble,
    "laplace": Laplace,
    "mc_dropout": MCDropout,
    "variational": Variational,
    "tempered": Tempered,
}


def make_sampler(sampler: str | Sampler) -> Sampler:
    """The spec of a sampler, from its name or given as such."""
    if isinstance(sampler, Sampler):
        check_hashable("sampler", sampler)
        return sampler
    if not isinstance(sampler, str):
        raise ValueError(f"sampler must be a name or a spec such as bnn.NUTS(), got {sampler!r}")
    checks.known("sampler", sampler, SAMPLERS)
    return SAMPLERS[sampler]()


__all__ = [
    "HMC",
    "MAP",
    "MCLMC",
    "MCDropout",
    "NUTS",
    "PROPOSALS",
    "SAMPLERS",
    "SGHMC",
    "SGLD",
    "STAT_DIMS",
    "Chains",
    "Cyclical",
    "Ensemble",
    "Gibbs",
    "Info",
    "Laplace",
    "Polynomial",
    "Sampler",
    "Schedule",
    "Stats",
    "Steps",
    "StepsKernel",
    "Tempered",
    "Variational",
    "collapses",
    "has_own_sweep",
    "make_sampler",
    "with_fixed",
    "with_missing_values",
]
