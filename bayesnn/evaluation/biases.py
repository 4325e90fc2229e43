"""Notes of a diagnosis on samplers whose steps are not adjusted: what no statistic of the draws shows."""

from __future__ import annotations

from bayesnn.fitting.fit import Fit
from bayesnn.samplers.sgmcmc.sgld_sghmc import Minibatch


def biases(fit: Fit) -> list[str]:
    """What the bias of an unadjusted sampler implies."""
    if not fit.sampler.unadjusted:
        return []
    stats = fit.idata["sample_stats"]
    if "energy_variance" in stats:
        error = float(stats["energy_variance"].to_numpy().mean())
        return [
            f"Steps are not adjusted: their energy error has variance {error:.2g} per dimension, which leaves a bias "
            "that a smaller energy_variance lowers."
        ]
    if not isinstance(fit.sampler, Minibatch):
        return ["Steps are not adjusted, which leaves a bias that smaller steps reduce."]
    notes = [
        f"Steps are not adjusted, and use {fit.sampler.batch_size} rows each: both leave a bias, mostly too large a "
        f"variance, which a smaller step_size reduces (now {float(stats['step_size'].to_numpy()[:, -1].mean()):.2g})."
    ]
    if fit.sampler.temperature != 1.0:
        notes.append(f"Draws are from the posterior density to the power 1/{fit.sampler.temperature:g}.")
    return notes
