"""The collapsed sweep: its state, the draws of readout and hyperparameters, and the models it can serve."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from bayesnn._internal import random
from bayesnn._internal.random import RandomSource
from bayesnn.layers import Dense
from bayesnn.likelihoods import Categorical, Gaussian, Latents, Likelihood
from bayesnn.models import readout
from bayesnn.models.model import Model
from bayesnn.models.random_architecture import Structure, used_units
from bayesnn.priors import MuellerRiosInsua
from bayesnn.priors.mueller_rios_insua import Hyper
from bayesnn.samplers.base import Info

TARGET_MOVES = 0.5  # fraction of units that move per sweep, for which the adaptive walk is tuned; chosen here


class GibbsState(NamedTuple):
    """gamma (m, q), readout coefficients (k,), hyperparameters, 1/sigma^2 (), log scale of the adaptive walk (m,).

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
    """Step 2: draw beta (and intercept, linear) given the units, with mu_beta integrated out."""
    coefficients = readout.draw(source, solved)
    used = model.masks(state.structure, x.shape[1:])
    return coefficients if used is None else coefficients * used.coefficients


def draw_hyper(
    source: RandomSource, state: GibbsState, model: Model, coefficients: jax.Array, data: readout.Products
) -> tuple[GibbsState, jax.Array | None]:
    """Step 3: draw all hyperparameters given the units and the readout (k,): the state, and its log likelihood ().

    The log likelihood comes with the products of Gaussian errors; None for other likelihoods.
    """
    of_hyper, of_noise = random.split(source)
    beta = coefficients[: state.gamma.shape[0]]
    hyper = prior_of(model).draw_hyper(of_hyper, state.hyper, state.gamma, beta, active_units(state))
    state = state._replace(coefficients=coefficients, hyper=hyper)
    if not isinstance(model.likelihood, Gaussian):
        return state, None
    squares = jnp.maximum(data.square + coefficients @ (data.gram @ coefficients - 2.0 * data.cross), 0.0)
    power = 1.0 if state.temperature is None else state.temperature
    noise = model.likelihood.draw_precision(of_noise, power * squares, power * data.rows)
    level = 0.5 * (data.rows * (jnp.log(noise) - jnp.log(2 * jnp.pi)) - noise * squares)
    return state._replace(noise_precision=noise), level


def collapses(model: Model) -> bool:
    """Whether units can be moved with the readout integrated out.

    That needs one logistic layer, the Müller-Ríos Insua prior, and one output with Gaussian errors that have a gamma
    prior on their precision, or with a likelihood that is Gaussian given auxiliary variables.
    """
    single = len(model.layers) == 1 and isinstance(model.layers[0], Dense)
    logistic = single and model.layers[0].activation == "logistic"  # type: ignore[attr-defined]
    y = model.likelihood
    gaussian = y.noise_scale is None if isinstance(y, Gaussian) else y.augments
    return logistic and gaussian and isinstance(model.prior, MuellerRiosInsua) and not _several_outputs(y)


def _several_outputs(likelihood: Likelihood) -> bool:
    """Whether the likelihood has several functions; unbound classes do not say yet how many."""
    return isinstance(likelihood, Categorical) or bool(likelihood.outputs)


def prior_of(model: Model) -> MuellerRiosInsua:
    """The prior of a model for which `collapses` is true."""
    assert isinstance(model.prior, MuellerRiosInsua)
    return model.prior
