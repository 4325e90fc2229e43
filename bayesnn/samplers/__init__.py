"""Samplers: frozen specs, and the registry of their names."""

from bayesnn import _checks
from bayesnn.samplers.base import Chains, Info, Sampler, Stats, Steps
from bayesnn.samplers.collapsed import collapses
from bayesnn.samplers.freezing import with_fixed
from bayesnn.samplers.gaps import GapGibbs, with_gaps
from bayesnn.samplers.gibbs import Gibbs
from bayesnn.samplers.kernel import StepsKernel
from bayesnn.samplers.laplace import Laplace
from bayesnn.samplers.mclmc import MCLMC
from bayesnn.samplers.nuts import HMC, NUTS
from bayesnn.samplers.point import MAP, Ensemble
from bayesnn.samplers.proposals import PROPOSALS
from bayesnn.samplers.schedules import Cyclical, Polynomial, Schedule
from bayesnn.samplers.stochastic_gradient import SGHMC, SGLD
from bayesnn.samplers.variational import Variational

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
    "variational": Variational,
}


def make_sampler(sampler: str | Sampler) -> Sampler:
    """A spec from its name, or the spec itself."""
    if isinstance(sampler, Sampler):
        return sampler
    if not isinstance(sampler, str):
        raise ValueError(f"sampler must be a name or a spec such as bnn.NUTS(), got {sampler!r}")
    _checks.known("sampler", sampler, SAMPLERS)
    return SAMPLERS[sampler]()


__all__ = [
    "HMC",
    "MAP",
    "MCLMC",
    "NUTS",
    "PROPOSALS",
    "SAMPLERS",
    "SGHMC",
    "SGLD",
    "Chains",
    "Cyclical",
    "Ensemble",
    "GapGibbs",
    "Gibbs",
    "Info",
    "Laplace",
    "Polynomial",
    "Sampler",
    "Schedule",
    "Stats",
    "Steps",
    "StepsKernel",
    "Variational",
    "collapses",
    "make_sampler",
    "with_fixed",
    "with_gaps",
]
