"""The hierarchical shallow network of Müller and Ríos Insua, ready to fit."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from bayesnn._internal import checks
from bayesnn.layers import Dense
from bayesnn.likelihoods import Bernoulli, Gaussian, Likelihood
from bayesnn.models.model import Model
from bayesnn.models.random_architecture import RANDOM, UNBOUND, Architecture, Geometric
from bayesnn.priors import MuellerRiosInsua


@dataclass(frozen=True)
class ShallowHyperparameters:
    """All hyperparameters of `shallow`: prior guesses, and the number of observations that each guess is worth.

    They are on the scale the model sees: standardised inputs and target unless `fit(..., standardize=False)`.

    Parameters
    ----------
    noise_guess, noise_size : float
        S and s: prior guess of the error variance, and the number of observations that it is worth.
    readout_guess, readout_size, readout_mean, readout_mean_variance, unit_guess, unit_size, unit_mean, \
unit_mean_variance, intercept_variance, linear_variance, unit_size_per_weight, linear_mean, autoregression
        As in `MuellerRiosInsua`. In a fit of `bnn.lagged`, defaults of the linear term and the readout are replaced by
        those of an autoregression; autoregression=False keeps them.

    Notes
    -----
    The guess S = 0.01 of the error variance says that the network may explain 99% of the variance of y; worth a single
    observation, it has little influence if there are data. S = 1/10 (J. Lee) is meant for y on [-1, 1] and would raise
    the error standard deviation of a precise series of 80 points by 6%.

    See Also
    --------
    shallow : the hierarchical shallow network
    MuellerRiosInsua : the hierarchical prior of `shallow`

    Examples
    --------
    >>> ShallowHyperparameters(noise_size=10).noise_size
    10
    """

    noise_guess: float = 0.01
    noise_size: float = 1.0
    readout_guess: float = 1.0
    readout_size: float = 1.0
    readout_mean: float = 0.0
    readout_mean_variance: float = 1.0
    unit_guess: Any = None
    unit_size: float | None = None
    unit_mean: Any = 0.0
    unit_mean_variance: Any = 1.0
    intercept_variance: float = 1.0
    linear_variance: Any = 1.0
    unit_size_per_weight: float = 1.0
    linear_mean: Any = 0.0
    autoregression: bool = True


def class_hyperparameters(likelihood: Likelihood) -> ShallowHyperparameters:
    """Defaults for classes: log odds are not standardised, and a vague readout would diverge if classes are separable.

    The difference of two functions of `Categorical` has twice the variance of one of them, so the single function of
    `Bernoulli` gets twice the guess and the linear variance: both imply the same prior of the log odds. With c_g = q,
    the variances of the units' weights have no mean and few units decide between classes by steps; c_g = 9q/8 leaves
    them as vague in few dimensions and makes them proper in many.
    """
    both = 2.0 if isinstance(likelihood, Bernoulli) else 1.0
    return ShallowHyperparameters(
        readout_guess=8.0 * both, readout_size=4.0, linear_variance=both, unit_size_per_weight=1.125
    )


def shallow(
    hidden: int | Geometric,
    *,
    likelihood: Likelihood | None = None,
    hyper: ShallowHyperparameters | None = None,
    intercept: bool | None = None,
    linear: bool | str | None = None,
    lags: str | None = None,
) -> Model:
    """One hidden layer of logistic units with a linear readout, under the hierarchical prior of Müller and Ríos Insua.

    y_i = sum_j beta_j psi(x_i' gamma_j) + eps_i, x_i with a constant; see `MuellerRiosInsua` for the prior. With
    classes, f_ik = sum_j beta_jk psi(x_i' gamma_j) for each of them.

    Parameters
    ----------
    hidden : int or Geometric
        Number of hidden units m, at least 1; or the prior of a random number M, which is site `M` of the fit. Units
        that a draw does not use have beta = 0 and come last.
    likelihood : Likelihood, optional
        Distribution of y given f, such as `Categorical()`. Default: `Gaussian` with the guess of the error variance
        from `hyper`.
    hyper : ShallowHyperparameters, optional
        Prior guesses and sizes. Default: `ShallowHyperparameters()`; for classes with readout_size=4, readout_guess=8,
        linear_variance=1 and unit_size_per_weight=9/8, the guess and the linear variance twice as large for the single
        function of `Bernoulli`, which implies the same prior of the log odds.
    intercept, linear : bool
        Whether to add a constant and a linear term to the readout. By default there is a constant if fits do not centre
        the target, that is for classes and counts, and a linear term for classes. linear="random": included or not,
        with prior probability 1/2; site `linear_in`.
    lags : "random", optional
        For data of `bnn.lagged`: the number of leading lag columns that the network uses is random, with a uniform
        prior; site `lag_order`.

    Raises
    ------
    ValueError
        If `hidden` is below 1 or a hyperparameter is out of range, or if the architecture is random and the likelihood
        is one of your own that no Gibbs sweep serves.

    References
    ----------
    P. Müller and D. Ríos Insua (1998), Issues in Bayesian analysis of neural network models, Neural Computation 10,
    749-770, sections 2 and 4.

    See Also
    --------
    Model : any layers, likelihood and prior
    ShallowHyperparameters : the prior of `shallow` in numbers
    Geometric : a random number of units
    fit : draw from the posterior

    Examples
    --------
    >>> shallow(hidden=5).dims((2,))["gamma"]
    ('unit', 'input')
    """
    units = hidden.maximum if isinstance(hidden, Geometric) else checks.positive_integer("hidden", hidden)
    if hyper is not None and not isinstance(hyper, ShallowHyperparameters):
        raise ValueError(f"hyper must be a ShallowHyperparameters, got {type(hyper).__name__}")
    classes = isinstance(likelihood, Likelihood) and likelihood.kind == "class"
    linear = classes if linear is None else linear
    if hyper is None:
        hyper = class_hyperparameters(likelihood) if classes else ShallowHyperparameters()  # type: ignore[arg-type]
    own = {f.name for f in fields(ShallowHyperparameters)}
    weights = {f.name: getattr(hyper, f.name) for f in fields(MuellerRiosInsua) if f.name in own}
    y = likelihood if likelihood is not None else Gaussian(hyper.noise_guess, hyper.noise_size)
    if intercept is None:
        intercept = not (isinstance(y, Likelihood) and y.standardizes)
    random = _random(hidden, linear, lags, y)
    return Model(
        [Dense(units, "logistic")], y, MuellerRiosInsua(**weights), intercept, linear=bool(linear), architecture=random
    )


def _random(hidden: int | Geometric, linear: bool | str, lags: str | None, likelihood: Any) -> Architecture | None:
    """The random parts of the architecture, None if there are none."""
    if not isinstance(linear, (bool, np.bool_)) and linear != RANDOM:
        raise ValueError(f'linear must be True, False or "random", got {linear!r}')
    if lags not in (None, RANDOM):
        raise ValueError(f'lags must be None or "random", got {lags!r}: bnn.lagged(series, lags) defines the lags')
    prior = hidden if isinstance(hidden, Geometric) else None
    random = Architecture(prior, linear == RANDOM, None if lags is None else UNBOUND)
    if random == Architecture():
        return None
    if not (
        isinstance(likelihood, Gaussian)
        or getattr(likelihood, "augments", False)
        or getattr(likelihood, "informs", False)
    ):
        raise ValueError(
            "a random architecture needs a likelihood that a Gibbs sweep for shallow networks serves, as all of this "
            f"package are, got {type(likelihood).__name__} with neither augments nor informs = True: give hidden as a "
            'number, and neither linear="random" nor lags="random"'
        )
    return random
