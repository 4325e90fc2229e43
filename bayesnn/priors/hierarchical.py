"""Weights whose scales are learnt per group, per source unit and per weight."""

from __future__ import annotations

from dataclasses import dataclass

from bayesnn._internal import checks
from bayesnn._internal.weights import Weight
from bayesnn.priors.factors import Factor, GammaFactor
from bayesnn.priors.normal import fan_in_sd
from bayesnn.priors.scale_mixture import ScaleMixture

SOURCES = ("inputs", "all", "none")
SOURCE_AXIS = {"kernel": -1, "input": -1, "recurrent": -1, "query": -1, "key": -1, "value": -1} | {
    "readout": 0,
    "linear": 0,
}


@dataclass(frozen=True)
class Hierarchical(ScaleMixture):
    """w ~ N(0, sd^2 / (t_group t_source t_weight)): precisions at up to three levels, each learnt.

    Every weight array is a group: a layer's kernel, its biases, the readout, the linear term. Its precision is
    t_group ~ Gamma(size/2, rate size guess/2); relative to it, all weights that leave one source unit (an input, or a
    unit of the layer before) share t_source ~ Gamma(source_size/2, rate source_size/2), and each weight has
    t_weight ~ Gamma(weight_size/2, rate weight_size/2). sd is 1/sqrt(fan-in) for kernels and readout, 1 for biases, so
    that the prior variance of the function does not grow with the width. Source precisions of the inputs are automatic
    relevance determination: an input that matters little gets a small scale. Intercepts are N(0, extra^2).

    Reported scales (standard deviations, relative to sd): `<array>_scale` per group, `<array>_source_scale` per source
    unit.

    Parameters
    ----------
    guess, size : float
        Prior scale of a group's variance (relative to sd^2), and its prior degrees of freedom (how many weights it
        counts for).
    readout_guess : float
        The same guess for the readout.
    source : {"inputs", "all", "none"}
        Which arrays have source precisions: "inputs", the kernels that read inputs and the linear term; "all", every
        kernel and the readout; "none".
    source_size : float
        Prior degrees of freedom of the source precisions; small values allow source units to differ strongly.
    weight_size : float, optional
        The same for single weights of kernels, queries, keys, values, readout and linear term, whose marginal prior is
        then a t distribution with this many degrees of freedom. Default: no such level.
    extra : float
        Standard deviation of intercepts.

    References
    ----------
    R. Neal (1996), Bayesian Learning for Neural Networks, sections 1.2.3 and 3.3.1, with each level's precision
    relative to the one above, which makes every conditional a gamma distribution.

    See Also
    --------
    Normal : normal weights of fixed scale
    Horseshoe : most weights near zero
    relevance : which inputs matter

    Examples
    --------
    >>> Hierarchical(source="none").source
    'none'
    """

    guess: float = 1.0
    size: float = 1.0
    readout_guess: float = 1.0
    source: str = "inputs"
    source_size: float = 1.0
    weight_size: float | None = None
    extra: float = 1.0

    def __post_init__(self) -> None:
        for name in ("guess", "size", "readout_guess", "source_size", "extra"):
            checks.positive(name, getattr(self, name))
        if self.weight_size is not None:
            checks.positive("weight_size", self.weight_size)
        checks.known("source", self.source, SOURCES)

    def sd(self, weight: Weight) -> float:
        """1/sqrt(fan-in) for kernels and readout, 1 for biases."""
        return fan_in_sd(weight, 1.0, 1.0, self.extra if weight.role == "intercept" else 1.0)

    def factors(self, name: str, weight: Weight, first: bool) -> tuple[Factor, ...]:
        """Factors per group, source unit and weight, as far as the array has these levels."""
        if weight.role == "intercept":
            return ()
        guess = self.readout_guess if weight.role == "readout" else self.guess
        levels: list[Factor] = [GammaFactor("scale", None, guess, self.size)]
        sees_inputs = first or weight.role == "linear"
        if weight.role in SOURCE_AXIS and (self.source == "all" or (self.source == "inputs" and sees_inputs)):
            source = SOURCE_AXIS[weight.role] % len(weight.shape)
            shared = tuple(axis for axis in range(len(weight.shape)) if axis != source)
            if weight.shape[source] > 1:  # with a single source unit this level would repeat the group
                levels.append(GammaFactor("source_scale", shared, 1.0, self.source_size))
        if self.weight_size is not None and weight.role in SOURCE_AXIS:
            levels.append(GammaFactor("weight_scale", (), 1.0, self.weight_size))
        return tuple(levels)
