"""The sweep of units and readout together keeps the joint distribution, of any architecture; planted errors do not."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import geweke
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import test_geweke

from bayesnn import Categorical, Gaussian, Geometric, Gibbs, Heteroskedastic, Model, Poisson, shallow
from bayesnn._internal.conditionals import Covariance
from bayesnn.models.model import shifted
from bayesnn.models.random_architecture import Structure
from bayesnn.priors.shallow_hyper import Hyper
from bayesnn.samplers.gibbs import (
    common_shift,
    joint,
    joint_density,
    joint_scale_moves,
    joint_structure,
    mean_collapsed,
    readout_candidates,
    sign_moves,
)
from bayesnn.samplers.gibbs.collapsed import GibbsState

X, HYPER = test_geweke.X, test_geweke.HYPER
REPLICAS, ROUNDS = 5000, 10
CLASSES = Categorical(("a", "b", "c"))


@dataclass(frozen=True)
class Case:
    """A model, its offset, and whether the linear term is held while signs move."""

    model: Model
    offset: tuple[float, ...] | None = None
    held: bool = False

    @property
    def rows(self) -> tuple:
        return () if self.offset is None else (jnp.asarray(self.offset),)


CASES = {
    "categorical": Case(shallow(2, likelihood=CLASSES, hyper=HYPER)),
    "poisson": Case(shallow(2, likelihood=Poisson(-1.0), hyper=HYPER, linear=True), (0.3, -0.4, 0.2, 0.5, -0.1, 0.0)),
    "heteroskedastic": Case(shallow(2, likelihood=Heteroskedastic(), hyper=HYPER, intercept=True)),
    "outputs": Case(shallow(2, likelihood=Gaussian(0.3, 9.0, ("a", "b")), hyper=HYPER, intercept=True)),
    "half-cauchy": Case(shallow(2, likelihood=Gaussian(noise_scale=0.5), hyper=HYPER, intercept=True)),
    "linear term held": Case(shallow(2, likelihood=CLASSES, hyper=HYPER, linear=True, intercept=True), held=True),
    "architecture": Case(shallow(Geometric(0.7, 3), likelihood=CLASSES, hyper=HYPER, linear="random")),
}


def prior(key: jax.Array, case: Case) -> dict[str, jax.Array]:
    """Every site from its prior: units as with Gaussian errors, and a population of readout weights per function."""
    key_units, key_readout, key_size, key_linear, key_noise = jax.random.split(key, 5)
    one = replace(case.model, likelihood=Gaussian(), architecture=None)
    sites = geweke.shallow_prior(key_units, one, X.shape[1])
    count = int(np.prod(case.model.likelihood.outputs, dtype=int))
    draw = jax.vmap(lambda k: geweke.shallow_prior(k, one, X.shape[1]))(jax.random.split(key_readout, count))
    for name in ("mu_beta", "sigma_beta", "beta", "intercept", "linear"):
        if name in sites:
            sites[name] = draw[name].T if case.model.likelihood.outputs else draw[name][0]
    random = case.model.architecture
    if random is not None:
        probabilities = random.hidden.alpha ** np.arange(random.hidden.maximum + 1)
        sites["M"] = jax.random.choice(key_size, len(probabilities), p=jnp.asarray(probabilities / probabilities.sum()))
        used = jnp.arange(len(sites["beta"])) < sites["M"]
        sites["beta"] = jnp.where(used[:, None], sites["beta"], 0.0)
        sites["linear_in"] = jax.random.randint(key_linear, (), 0, 2)
        sites["linear"] = sites["linear"] * sites["linear_in"]
    del sites["sigma"]
    latents = {name: p.sample(key_noise) for name, p in case.model.likelihood.priors().items()}
    return sites | case.model.likelihood.report(latents)


def state_of(sites: dict[str, jax.Array], case: Case) -> GibbsState:
    outputs, m = case.model.likelihood.outputs, len(sites["beta"])
    coefficients = jnp.concatenate(
        [sites[n].reshape(-1, *outputs) for n in ("beta", "intercept", "linear") if n in sites]
    )
    covariance = Covariance(jnp.linalg.cholesky(sites["S_gamma"]), jnp.linalg.inv(sites["S_gamma"]))
    hyper = Hyper(sites["mu_beta"], sites["sigma_beta"] ** -2, sites["mu_gamma"], covariance)
    structure = None
    if "M" in sites:
        structure = Structure(*(jnp.asarray(v, int) for v in (sites["M"], sites["linear_in"], 0)))
    state = GibbsState(sites["gamma"], coefficients, hyper, jnp.ones(()), jnp.zeros(m), structure)
    latents = {n: sites["sigma"] ** -2 if n == "noise_precision" else sites[n] for n in case.model.likelihood.priors()}
    return state._replace(latents=latents, log_step=jnp.log(jnp.asarray(0.3)))


def simulate(key: jax.Array, sites: dict[str, jax.Array], case: Case) -> jax.Array:
    f = case.model.function(sites, X)
    f = shifted(f, None if case.offset is None else jnp.asarray(case.offset))
    likelihood = case.model.likelihood
    return likelihood.distribution(f, **likelihood.nuisance_of(sites)).sample(key)


def statistics(sites: dict[str, jax.Array], y: jax.Array, case: Case) -> dict[str, jax.Array]:
    """Logarithms and bounded functions of every kind of site, of the function, and of it with the data."""
    f = case.model.function(sites, X).reshape(len(X), -1)
    gamma, mu, covariance = sites["gamma"], sites["mu_gamma"], sites["S_gamma"]
    beta, sigma = sites["beta"].reshape(len(gamma), -1), jnp.log(sites["sigma_beta"].reshape(-1))
    values = {
        "log sigma_beta": sigma[0],
        "log sigma_beta squared": sigma[-1] ** 2,
        "mu_beta": sites["mu_beta"].reshape(-1)[0],
        "mu_beta squared": sites["mu_beta"].reshape(-1)[-1] ** 2,
        "mu_gamma 0": mu[0],
        "mu_gamma 1 squared": mu[1] ** 2,
        "log det S_gamma": jnp.linalg.slogdet(covariance)[1],
        "correlation in S_gamma": covariance[0, 1] / jnp.sqrt(covariance[0, 0] * covariance[1, 1]),
        "intercept": sites["intercept"].reshape(-1)[0],
        "intercept squared": sites["intercept"].reshape(-1)[-1] ** 2,
        "f": jnp.tanh(f[0, 0]),
        "f squared": jnp.log1p(f[-1, -1] ** 2),
        "sum of f": jnp.tanh(f.sum() / 10),
    }
    if case.model.architecture is None:
        centred = gamma - mu
        spread = jnp.sum((beta - sites["mu_beta"].reshape(-1)) ** 2, axis=0)
        values |= {
            "gamma": jnp.tanh(gamma[0, 1]),
            "gamma squared": jnp.log1p(gamma[0, 0] ** 2),
            "gamma product": jnp.tanh(gamma[0, 1] * gamma[1, 1]),
            "beta": jnp.tanh(beta[0, 0]),
            "beta squared": jnp.log1p(beta[1, -1] ** 2),
            "beta times gamma": jnp.tanh(beta[0, 0] * gamma[0, 1]),
            "spread of beta": jnp.log(spread[0]) - 2 * sigma[0],
            "spread of gamma": jnp.log(jnp.sum((centred @ jnp.linalg.inv(covariance)) * centred)),
        }
    else:
        count = sites["M"]
        values |= {f"M is {m}": (count == m).astype(float) for m in range(3)}
        values |= {"linear_in": sites["linear_in"] * 1.0, "linear": jnp.tanh(sites["linear"][0, 0])}
        values |= {"M and f": count * jnp.tanh(f[0, 0]), "M and sigma_beta": count * sigma[0]}
        values |= {"M and linear": count * (sites["linear_in"] - 0.5)}
    if "sigma" in sites:
        log_sigma = jnp.log(sites["sigma"].reshape(-1))
        values |= {"log sigma": jnp.tanh(log_sigma[0]), "log sigma squared": jnp.tanh(log_sigma[-1]) ** 2}
    if case.model.likelihood.kind == "class":
        return values | {f"f of y {i}": jnp.tanh(f[i, y[i]] - f[i].mean()) for i in range(len(X))}
    y = y.reshape(len(X), -1)
    return values | {f"y {i} times f": jnp.tanh(y[i, -1]) * jnp.tanh(f[i, -1]) for i in range(len(X))}


@functools.cache
def joint_of(case: Case) -> geweke.Joint:
    return geweke.Joint(
        lambda key: prior(key, case),
        lambda key, sites: simulate(key, sites, case),
        lambda sites, y: statistics(sites, y, case),
    )


def scores_of(case: Case, replicas: int = REPLICAS) -> dict[str, float]:
    sampler = Gibbs(candidates=4, trajectory=5, weights="joint").kernel(case.model).sampler

    def transition(key, sites, y):
        state, _ = sampler.step(key, state_of(sites, case), case.model, jnp.asarray(X), y, *case.rows)
        new = sampler.sites(state, case.model, X)
        return {name: new[name] for name in sites}

    return geweke.compare(jax.random.key(40), joint_of(case), transition, replicas=replicas, rounds=ROUNDS)


def hold(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let signs move given the linear term, as where the readout is long."""
    monkeypatch.setattr(sign_moves, "MOST_COEFFICIENTS", 0 if case.held else sign_moves.MOST_COEFFICIENTS)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_the_joint_sweep_keeps_the_joint_distribution(name, monkeypatch):
    hold(CASES[name], monkeypatch)
    scores = scores_of(CASES[name])
    assert geweke.passes(scores), test_geweke.report(scores)


# Planted errors


def offset_left_out(monkeypatch):
    right = joint.target_of
    monkeypatch.setattr(joint, "target_of", lambda *arguments: right(*arguments[:4], None, arguments[5]))


def likelihood_counted_twice_by_candidates(monkeypatch):
    right = sign_moves.log_weights

    def twice(candidates, arm, target):
        extra = jax.vmap(target.log_likelihood)(candidates @ arm.design + target.offset)
        return right(candidates, arm, target) + extra

    monkeypatch.setattr(sign_moves, "log_weights", twice)


def density_of_the_candidates_left_out(monkeypatch):
    monkeypatch.setattr(readout_candidates, "log_t", lambda whitened, log_root, dimension: 0.0)


def mean_of_a_readout_that_has_changed(monkeypatch):
    monkeypatch.setattr(joint, "redraw_mean", lambda source, state, model: state)


def units_around_another_mean(monkeypatch):
    right = joint_density.units_prior

    def another(gamma, mu, target):
        prior = replace(target.prior, unit_mean=(1.3, 0.5))
        return right(gamma, mu, target._replace(prior=prior))

    monkeypatch.setattr(joint_density, "units_prior", another)


def hyperparameters_before_the_units(monkeypatch):
    """Units that move with mu_beta of zero, while the readout's prior has another."""
    right = joint.move_units

    def moved(key, point, hyper, *rest):
        return right(key, point, hyper._replace(mu_beta=jnp.zeros_like(hyper.mu_beta)), *rest)

    monkeypatch.setattr(joint, "move_units", moved)


def dimension_of_the_largest_network(monkeypatch):
    """Constants of normal and t densities that do not know how many coefficients are in use."""
    right = readout_candidates.log_t

    def constant(whitened, log_root, dimension):
        return right(whitened, log_root, dimension) + 0.5 * dimension

    monkeypatch.setattr(readout_candidates, "log_t", constant)


def architectures_without_their_prior(monkeypatch):
    right = joint_structure.draw_among

    def even(*arguments):
        return right(*arguments[:-1], jnp.zeros_like(arguments[-1]))

    monkeypatch.setattr(joint_structure, "draw_among", even)


def log_sd_without_the_determinant(monkeypatch):
    """The determinant of the mean's readout, which is integrated out, is left out."""
    right = mean_collapsed.marginal

    def without(log_sd, design, y, shares, prior):
        weights, _ = mean_collapsed.mean_rows(log_sd, shares)
        cholesky = jnp.linalg.cholesky((design * weights) @ design.T + prior.matrix)
        value, *gradients = right(log_sd, design, y, shares, prior)
        return value + jnp.log(jnp.diag(cholesky)).sum(), *gradients

    monkeypatch.setattr(mean_collapsed, "marginal", without)


def log_sd_without_its_normalisation(monkeypatch):
    right = mean_collapsed.marginal

    def without(log_sd, *rest):
        value, of_log_sd, of_design = right(log_sd, *rest)
        return value + 0.5 * log_sd.sum(), of_log_sd, of_design

    monkeypatch.setattr(mean_collapsed, "marginal", without)


def mean_given_rows_of_one_weight(monkeypatch):
    right = mean_collapsed.mean_of

    def plain(point, *rest):
        return right(point._replace(coefficients=jnp.zeros_like(point.coefficients)), *rest)

    monkeypatch.setattr(mean_collapsed, "mean_of", plain)


def mean_with_the_centre_of_another_readout(monkeypatch):
    """mu_beta of the mean as it was before the move, for a readout drawn with mu_beta integrated out."""
    right = mean_collapsed.move_without_mean

    def stale(source, point, *rest):
        moved, extra = right(source, point, *rest)
        return moved._replace(mu_beta=moved.mu_beta.at[0].set(point.mu_beta[0])), extra

    monkeypatch.setattr(joint, "move_without_mean", stale)


def trajectories_given_another_sigma(monkeypatch):
    right = joint.move_jointly

    def another(source, point, target, *rest):
        return right(source, point, target._replace(beta_precision=0.05 * target.beta_precision), *rest)

    monkeypatch.setattr(joint, "move_jointly", another)


def scales_without_the_jacobian(monkeypatch):
    monkeypatch.setattr(joint_scale_moves, "growth", lambda direction, weights: 0.0)


def shift_as_wide_as_one_class_allows(monkeypatch):
    right = common_shift.shift_of_rest

    def wide(source, rest, target):
        return right(source, rest, target._replace(variances=target.variances * rest.shape[1]))

    monkeypatch.setattr(common_shift, "shift_of_rest", wide)


PLANTED = {
    trajectories_given_another_sigma: "categorical",
    scales_without_the_jacobian: "poisson",
    shift_as_wide_as_one_class_allows: "linear term held",
    log_sd_without_the_determinant: "heteroskedastic",
    log_sd_without_its_normalisation: "heteroskedastic",
    mean_given_rows_of_one_weight: "heteroskedastic",
    mean_with_the_centre_of_another_readout: "heteroskedastic",
    likelihood_counted_twice_by_candidates: "categorical",
    density_of_the_candidates_left_out: "categorical",
    mean_of_a_readout_that_has_changed: "categorical",
    units_around_another_mean: "categorical",
    hyperparameters_before_the_units: "categorical",
    offset_left_out: "poisson",
    dimension_of_the_largest_network: "architecture",
    architectures_without_their_prior: "architecture",
}
NAMES = {plant.__name__: plant for plant in PLANTED}
SMALL = (likelihood_counted_twice_by_candidates,)  # z of 4.1 with the usual replicas


@pytest.mark.slow
@pytest.mark.parametrize("error", NAMES)
def test_a_planted_error_is_seen(error, monkeypatch):
    hold(CASES[PLANTED[NAMES[error]]], monkeypatch)
    NAMES[error](monkeypatch)
    more = 3 if NAMES[error] in SMALL else 1
    scores = scores_of(CASES[PLANTED[NAMES[error]]], more * REPLICAS)
    assert not geweke.passes(scores), test_geweke.report(scores)
