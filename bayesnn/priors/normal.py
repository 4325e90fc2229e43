"""Independent normal weights whose variances are divided by the fan-in."""

from __future__ import annotations

from dataclasses import dataclass

from bayesnn._internal import checks
from bayesnn._internal.weights import Weight
from bayesnn.priors.factors import Factor
from bayesnn.priors.scale_mixture import ScaleMixture


@dataclass(frozen=True)
class Normal(ScaleMixture):
    """Every weight ~ N(0, scale^2/fan_in), every bias ~ N(0, scale^2), readout ~ N(0, readout_scale^2/units).

    The scaling keeps the prior variance of the function from growing with the width (R. Neal, 1996, Bayesian Learning
    for Neural Networks, section 2.1). Intercept and linear coefficients, where the model has them, are N(0, extra^2).

    Parameters
    ----------
    scale, readout_scale, extra : float
        The standard deviations in these formulas.

    See Also
    --------
    Hierarchical : scales that are learnt, by group, input and weight
    Horseshoe : most weights near zero
    HeavyTailed : t or Laplace tails

    Examples
    --------
    >>> Normal(scale=2.0)
    Normal(scale=2.0, readout_scale=1.0, extra=1.0)
    """

    scale: float = 1.0
    readout_scale: float = 1.0
    extra: float = 1.0

    def __post_init__(self) -> None:
        for name in ("scale", "readout_scale", "extra"):
            checks.positive(name, getattr(self, name))

    def sd(self, weight: Weight) -> float:
        """The standard deviation of a weight, according to its role."""
        return fan_in_sd(weight, self.scale, self.readout_scale, self.extra)

    def factors(self, name: str, weight: Weight, first: bool) -> tuple[Factor, ...]:
        return ()


def fan_in_sd(weight: Weight, scale: float, readout_scale: float, extra: float) -> float:
    """scale/sqrt(fan-in) for kernels and, with its own scale, the readout; scale for biases; `extra` otherwise."""
    if weight.role in ("intercept", "linear"):
        return extra
    if weight.role == "readout":
        return readout_scale / weight.fan_in**0.5
    return scale if weight.role == "bias" else scale / weight.fan_in**0.5
