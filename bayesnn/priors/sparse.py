"""Priors with a peak at zero or heavy tails: horseshoe, Student t, Laplace."""

from __future__ import annotations

from dataclasses import dataclass

from bayesnn._internal import checks
from bayesnn._internal.weights import Weight
from bayesnn.priors.factors import ExponentialFactor, Factor, GammaFactor, HalfCauchyFactor
from bayesnn.priors.normal import fan_in_sd
from bayesnn.priors.scale_mixture import ScaleMixture

FAMILIES = ("student_t", "laplace")


@dataclass(frozen=True)
class Horseshoe(ScaleMixture):
    """w ~ N(0, sd^2 tau^2 lambda^2), tau ~ half-Cauchy(global_scale) per array, lambda ~ half-Cauchy(1) per weight.

    Most weights of a kernel, the readout or the linear term are shrunk to zero, a few hardly at all. sd is
    1/sqrt(fan-in) for kernels and readout, 1 otherwise. Biases are N(0, 1), intercepts N(0, extra^2). The reported
    `<array>_scale` is tau. Gibbs sampling draws tau and lambda from exact conditionals; gradient-based samplers meet
    funnels, so check their divergences.

    Parameters
    ----------
    global_scale : float
        Prior median of tau: about the proportion of weights that matter.
    extra : float
        Standard deviation of intercepts.

    References
    ----------
    C. Carvalho, N. Polson and J. Scott (2010), The horseshoe estimator for sparse signals, Biometrika 97, 465-480.

    See Also
    --------
    Hierarchical : scales that are learnt, by group, input and weight
    HeavyTailed : t or Laplace tails

    Examples
    --------
    >>> Horseshoe(global_scale=0.1).extra
    1.0
    """

    global_scale: float = 1.0
    extra: float = 1.0

    def __post_init__(self) -> None:
        checks.positive("global_scale", self.global_scale)
        checks.positive("extra", self.extra)

    def sd(self, weight: Weight) -> float:
        """1/sqrt(fan-in) for kernels and readout, 1 otherwise."""
        return fan_in_sd(weight, 1.0, 1.0, self.extra if weight.role == "intercept" else 1.0)

    def factors(self, name: str, weight: Weight, first: bool) -> tuple[Factor, ...]:
        """A global and a local half-Cauchy scale."""
        if weight.role in ("bias", "intercept"):
            return ()
        return HalfCauchyFactor("scale", None, self.global_scale), HalfCauchyFactor("local_scale", (), 1.0)


@dataclass(frozen=True)
class HeavyTailed(ScaleMixture):
    """Kernel, readout and linear weights with t or Laplace tails around zero, their scale learnt per array.

    w = sd s v, v ~ t_df or Laplace (of variance 1), 1/s^2 ~ Gamma(size/2, rate size guess/2) per array; sd is
    1/sqrt(fan-in) for kernels and readout, 1 otherwise. Biases are N(0, s^2), each array with its own s; intercepts are
    N(0, extra^2).
    The reported `<array>_scale` is s.

    Parameters
    ----------
    family : {"student_t", "laplace"}
    df : float
        Degrees of freedom of the t distribution.
    guess, size : float
        Prior scale of s^2, and its prior degrees of freedom (how many weights it counts for).
    extra : float
        Standard deviation of intercepts.

    See Also
    --------
    Horseshoe : most weights near zero
    Normal : normal weights of fixed scale

    Examples
    --------
    >>> HeavyTailed("laplace").family
    'laplace'
    """

    family: str = "student_t"
    df: float = 4.0
    guess: float = 1.0
    size: float = 1.0
    extra: float = 1.0

    def __post_init__(self) -> None:
        checks.known("family", self.family, FAMILIES)
        for name in ("df", "guess", "size", "extra"):
            checks.positive(name, getattr(self, name))

    def sd(self, weight: Weight) -> float:
        """1/sqrt(fan-in) for kernels and readout, 1 otherwise."""
        return fan_in_sd(weight, 1.0, 1.0, self.extra if weight.role == "intercept" else 1.0)

    def factors(self, name: str, weight: Weight, first: bool) -> tuple[Factor, ...]:
        """A scale per array, and a variance per weight, which makes the tails heavy."""
        if weight.role == "intercept":
            return ()
        group = GammaFactor("scale", None, self.guess, self.size)
        if weight.role == "bias":
            return (group,)
        tail = GammaFactor("tail", (), 1.0, self.df) if self.family == "student_t" else ExponentialFactor("tail")
        return group, tail
