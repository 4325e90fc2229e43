"""The collapsed sweep: its state, the draws of readout and hyperparameters, and the models it can serve."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from bayesnn._internal import random
from bayesnn._internal.random import RandomSource
from bayesnn.layers import Dense
from bayesnn.likelihoods import Gaussian, Latents
from bayesnn.models import readout
from bayesnn.models.model import Model
from bayesnn.models.random_architecture import Structure, used_units
from bayesnn.priors import MuellerRiosInsua
from bayesnn.priors.shallow_hyper import Hyper
from bayesnn.samplers.base import Info
from bayesnn.samplers.gibbs.structure import start_structure, structure_sites

COLLAPSED, JOINT = "collapsed", "joint"  # ways to update weights, beside those of `weight_moves`
TARGET_MOVES = 0.5  # fraction of units that move per sweep, for which the adaptive walk is tuned; chosen here


class GibbsState(NamedTuple):
    """gamma (m, q), readout coefficients (k,), hyperparameters, 1/sigma^2 (), log scale of the adaptive walk (m,).

    Coefficients of K functions are (k, K), and the errors of K outputs have 1/sigma^2 (K,).

    `structure` says which units and terms are in use; None if the architecture is fixed. `latents` are the latent sites
    of a likelihood other than Gaussian, whose 1/sigma^2 here is one; None for Gaussian errors. `log_step` () is the log
    step of the trajectories of all units; None if there are none. `temperature` () is the power to which the likelihood
    is raised; None for 1.
    """

    gamma: jax.Array
    coefficients: jax.Array
    hyper: Hyper
    noise_precision: jax.Array
    log_scale: jax.Array
    structure: Structure | None = None
    latents: Latents | None = None
    log_step: jax.Array | None = None
    temperature: jax.Array | None = None

    @property
    def tempered_precision(self) -> jax.Array:
        """What stands for 1/sigma^2 where the rows weigh on units and readout: temperature/sigma^2.

        Working rows of other likelihoods have the temperature in their weights.
        """
        if self.temperature is None or self.latents is not None:
            return self.noise_precision
        return self.temperature * self.noise_precision


def start_of(key: jax.Array, model: Model, x: jax.Array) -> GibbsState:
    """Units drawn from the prior with hyperparameters at their guesses, a readout of zeros, and a precision of one."""
    key_hyper, key_gamma = jax.random.split(key)
    terms = model.terms(x.shape[1:])
    hyper = prior_of(model).start(key_hyper, model.weight_specs(x.shape[1:]), terms)
    noise = jax.random.normal(key_gamma, (terms.units, x.shape[1] + 1))
    gamma = hyper.mu_gamma + noise @ hyper.s_gamma.factor.T
    structure = start_structure(jax.random.fold_in(key, 1), model, x.shape[1:])
    one = jnp.ones((), gamma.dtype)
    return GibbsState(gamma, jnp.zeros(terms.shape), hyper, one, jnp.zeros(terms.units), structure)


def sites_of(state: GibbsState, model: Model, x: jax.Array) -> dict[str, jax.Array]:
    """The sites of the model, with hyperparameters as standard deviations and covariances."""
    latents, factor = state.latents, state.hyper.s_gamma.factor
    nuisance = {"sigma": state.noise_precision**-0.5} if latents is None else model.likelihood.report(latents)
    return (
        model.readout_sites(model.terms(x.shape[1:]), state.coefficients)
        | {
            "gamma": state.gamma,
            "mu_beta": state.hyper.mu_beta,
            "sigma_beta": state.hyper.beta_precision**-0.5,
            "mu_gamma": state.hyper.mu_gamma,
            "S_gamma": factor @ factor.T,
        }
        | nuisance
        | structure_sites(model, state.structure)
    )


class UnitMoveResult(NamedTuple):
    """The state after the unit moves, whose readout is out of date until it is drawn again.

    `data` are the cross products of the new design, `readout` the posterior of the readout given it, and `moved` (m,)
    is 1 for units that moved.
    """

    state: GibbsState
    data: readout.Products
    readout: readout.Readout
    moved: jax.Array


def active_units(state: GibbsState) -> jax.Array | None:
    """(m,), 1 for units in use, else 0; None if the architecture is fixed, so that all are in use."""
    return None if state.structure is None else used_units(state.structure.units, state.gamma.shape[0])


def moved_units(moved: jax.Array, active: jax.Array | None) -> Info:
    """Fraction of the units in use that moved, 1 if there are none; walks of unused units are not tuned."""
    if active is None:
        return Info(jnp.mean(moved), moved)
    share = jnp.where(active.any(), (moved * active).sum() / jnp.maximum(active.sum(), 1.0), 1.0)
    return Info(share, jnp.where(active > 0, moved, TARGET_MOVES))


def collapsed_prior(model: Model, state: GibbsState, x: jax.Array) -> readout.Precision:
    """The normal prior of the readout given sigma_beta, with mu_beta integrated out."""
    used = model.masks(state.structure, x.shape[1:])
    terms, variance = model.terms(x.shape[1:]), 1.0 / state.hyper.beta_precision
    normal = prior_of(model).collapsed_given(terms, variance, None if used is None else used.coefficients)
    return readout.precision_of(normal)


def draw_readout(
    source: RandomSource, state: GibbsState, model: Model, x: jax.Array, solved: readout.Readout
) -> jax.Array:
    """Step 2: draw beta (and intercept, linear) given the units, with mu_beta integrated out: (k,) or (k, K)."""
    coefficients = readout.draw(source, solved)
    used = model.masks(state.structure, x.shape[1:])
    return (coefficients if used is None else coefficients * used.coefficients).T


def draw_hyper(
    source: RandomSource, state: GibbsState, model: Model, coefficients: jax.Array, data: readout.Products
) -> tuple[GibbsState, jax.Array | None]:
    """Step 3: draw all hyperparameters given the units and the readout (k,) or (k, K): the state, its log likelihood.

    The log likelihood comes with the products of Gaussian errors; None for other likelihoods.
    """
    of_hyper, of_noise = random.split(source)
    beta = coefficients[: state.gamma.shape[0]]
    hyper = prior_of(model).draw_hyper(of_hyper, state.hyper, state.gamma, beta, active_units(state))
    state = state._replace(coefficients=coefficients, hyper=hyper)
    if not isinstance(model.likelihood, Gaussian):
        return state, None
    squares = residual_squares(coefficients.T, data)
    power = 1.0 if state.temperature is None else state.temperature
    noise = model.likelihood.update_precision(of_noise, state.noise_precision, power * squares, power * data.rows)
    level = 0.5 * (data.rows * (jnp.log(noise) - jnp.log(2 * jnp.pi)) - noise * squares)
    return state._replace(noise_precision=noise), level.sum()


def residual_squares(coefficients: jax.Array, data: readout.Products) -> jax.Array:
    """Sum of squared residuals () of coefficients (k,), or (K,) of coefficients (K, k)."""
    if coefficients.ndim > 1:
        return jax.vmap(residual_squares, (0, readout.BY_OUTPUT))(coefficients, data)
    return jnp.maximum(data.square + coefficients @ (data.gram @ coefficients - 2.0 * data.cross), 0.0)


def collapses(model: Model) -> bool:
    """Whether units can be moved with the readout integrated out.

    That needs one logistic layer, the Müller-Ríos Insua prior, and Gaussian errors of any number of outputs, or one
    function with a likelihood that is Gaussian given auxiliary variables.
    """
    y = model.likelihood
    return _is_shallow(model) and (isinstance(y, Gaussian) or (y.augments and not y.outputs))


def moves_jointly(model: Model) -> bool:
    """Whether units can be moved together with the readout of all functions (`joint`)."""
    return _is_shallow(model) and model.likelihood.informs


def has_own_sweep(model: Model) -> bool:
    """Whether a sweep made for shallow networks serves the model, random architectures included."""
    return collapses(model) or moves_jointly(model)


def refuse_weights(weights: str | None, model: Model) -> None:
    """Raise a ValueError if a way to update weights does not go with the model."""
    if weights not in (None, COLLAPSED, JOINT) and model.architecture is not None:
        raise ValueError(
            f'weights="{weights}" does not move between architectures: leave weights at its default if the '
            "architecture is random"
        )
    if weights == COLLAPSED and not collapses(model):
        raise ValueError(
            'weights="collapsed" is for bnn.shallow(...) with Gaussian errors, Bernoulli, StudentT or '
            'NegativeBinomial: use weights="hmc" here'
        )
    if weights == JOINT and not moves_jointly(model):
        raise ValueError(
            'weights="joint" is for bnn.shallow(...) with Categorical, Poisson, Heteroskedastic, several Gaussian '
            "outputs or Gaussian(noise_scale=...): leave weights at its default here"
        )
    if weights == JOINT and model.linear and prior_of(model).region is not None:
        raise ValueError(
            'weights="joint" does not keep to the maps that the prior of a lagged series allows: leave weights at its '
            "default, or give the model hyper=bnn.ShallowHyperparameters(autoregression=False)"
        )


def _is_shallow(model: Model) -> bool:
    single = len(model.layers) == 1 and isinstance(model.layers[0], Dense)
    logistic = single and model.layers[0].activation == "logistic"  # type: ignore[attr-defined]
    return logistic and isinstance(model.prior, MuellerRiosInsua)


def prior_of(model: Model) -> MuellerRiosInsua:
    """The prior of a model for which `collapses` is true."""
    assert isinstance(model.prior, MuellerRiosInsua)
    return model.prior
