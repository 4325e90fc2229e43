"""The sweep with a random architecture leaves the joint distribution invariant, and planted errors do not."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import geweke
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import test_geweke

import bayesnn as bnn
from bayesnn import Geometric, Gibbs, Model, shallow
from bayesnn.fitting.binding import bind_lags
from bayesnn.models.random_architecture import Structure, random_structure
from bayesnn.priors import MuellerRiosInsua
from bayesnn.samplers.gibbs import birth_death, structure
from bayesnn.samplers.gibbs.collapsed import GibbsState

WIDE = bnn.ShallowHyperparameters(
    **vars(test_geweke.HYPER)
    | {
        "unit_guess": ((1.0, 0.3, 0.1), (0.3, 0.6, -0.2), (0.1, -0.2, 0.8)),
        "unit_mean": (0.3, -0.5, 0.4),
        "unit_mean_variance": ((0.8, 0.2, 0.0), (0.2, 0.5, 0.1), (0.0, 0.1, 0.6)),
    }
)
X = test_geweke.X
X_LAGS = np.concatenate([X, np.array([0.6, -1.2, 1.4, -0.3, 0.9, -0.7])[:, None]], axis=1)
NUMBER = Geometric(0.7, 3)
UNITS = shallow(NUMBER, hyper=test_geweke.HYPER)
TERMS = shallow(NUMBER, hyper=test_geweke.HYPER, intercept=True, linear="random")
LAGS = bind_lags(shallow(NUMBER, hyper=WIDE, linear="random", lags="random"), 2)
FIXED = shallow(2, hyper=test_geweke.HYPER, linear="random")
REPLICAS, ROUNDS = 10000, 12


def inputs(model: Model) -> np.ndarray:
    return X_LAGS if model.architecture.lags else X


def prior(key: jax.Array, model: Model, width: int) -> dict[str, jax.Array]:
    """Every site from its prior: the largest network, with unused parts removed by hand."""
    key, *keys = jax.random.split(key, 4)
    sites, random = geweke.shallow_prior(key, model, width), model.architecture
    if random.hidden is not None:
        weights = random.hidden.alpha ** np.arange(random.hidden.maximum + 1)
        sites["M"] = jax.random.choice(keys[0], len(weights), p=jnp.asarray(weights / weights.sum()))
        sites["beta"] = jnp.where(jnp.arange(len(sites["beta"])) < sites["M"], sites["beta"], 0.0)
    if random.linear:
        sites["linear_in"] = jax.random.randint(keys[1], (), 0, 2)
        sites["linear"] = sites["linear"] * sites["linear_in"]
    if random.lags:
        sites["lag_order"] = jax.random.randint(keys[2], (), 1, random.lags + 1)
        sites["linear"] = jnp.where(jnp.arange(width) < sites["lag_order"], sites["linear"], 0.0)
    return sites


def state_of(sites: dict[str, jax.Array], model: Model, width: int) -> GibbsState:
    units = model.terms((width,)).units
    found = random_structure(sites, units, model.linear)
    found = Structure(*(jnp.asarray(v, int) for v in found))
    return geweke.gibbs_state(sites, jnp.linspace(-0.7, 0.4, units))._replace(structure=found)


def statistics(model: Model, sites: dict[str, jax.Array], x: np.ndarray, y: jax.Array) -> dict[str, jax.Array]:
    """Numbers of what is in use, hyperparameters, and both together."""
    units = model.terms(x.shape[1:]).units
    count = jnp.asarray(sites.get("M", units))
    used = jnp.arange(units) < count
    beta, gamma, mu, covariance = (sites[name] for name in ("beta", "gamma", "mu_gamma", "S_gamma"))
    f = model.function(sites, x)
    log_sigma, log_sigma_beta = jnp.log(sites["sigma"]), jnp.log(sites["sigma_beta"])
    squares = jnp.sum(((gamma - mu) @ jnp.linalg.inv(covariance)) * (gamma - mu), axis=1)
    values = {
        "mu_beta": sites["mu_beta"],
        "log sigma_beta": log_sigma_beta,
        "log sigma_beta squared": log_sigma_beta**2,
        "log sigma": log_sigma,
        "log sigma squared": log_sigma**2,
        "mu_gamma 0": mu[0],
        "mu_gamma 1": mu[1],
        "mu_gamma squared": mu[1] ** 2,
        "log det S_gamma": jnp.linalg.slogdet(covariance)[1],
        "beta": jnp.tanh(beta).sum(),
        "gamma": jnp.sum(jnp.tanh(gamma[:, 1]) * used),
        "last gamma": jnp.sum(jnp.tanh(gamma[:, -1]) * used),
        "beta times gamma": jnp.sum(jnp.tanh(beta * gamma[:, 1])),
        "spread of beta": jnp.sum(jnp.log1p((beta - sites["mu_beta"]) ** 2) * used),
        "pivot of beta": jnp.sum(((beta - sites["mu_beta"]) / sites["sigma_beta"]) ** 2 * used),
        "pivot of gamma": jnp.sum(squares * used),
        "f": jnp.tanh(f[0]),
        "f squared": jnp.log1p(f[-1] ** 2),
        "y times f": jnp.tanh(y[0] * f[0]),
        "residuals": jnp.log(jnp.sum((y - f) ** 2)) - 2 * log_sigma,
    }
    if "M" in sites:
        values |= {f"M is {m}": (count == m).astype(float) for m in range(units)}
        values |= {
            "M and sigma_beta": count * log_sigma_beta,
            "M and mu_gamma": count * mu[1],
            "M and f": count * f[0] ** 2,
        }
    for name in ("linear_in", "lag_order"):
        if name in sites:
            values |= {
                name: sites[name] * 1.0,
                f"{name} and f": sites[name] * jnp.tanh(f[0]),
                f"{name} and M": sites[name] * count,
            }
    if "linear" in sites:
        values |= {f"linear {i}": v for i, v in enumerate(sites["linear"])}
    return values


@functools.cache
def joint_of(model: Model) -> geweke.Joint:
    x = inputs(model)
    width = x.shape[1]
    sites = functools.partial(Gibbs().sites, model=model, x=x)
    return geweke.Joint(
        lambda key: state_of(prior(key, model, width), model, width),
        lambda key, state: geweke.simulated(key, model, sites(state), x),
        lambda state, y: statistics(model, sites(state), x, y),
    )


def scores_of(model: Model, step: Callable[..., Any], replicas: int = REPLICAS) -> dict[str, float]:
    x = inputs(model)

    def transition(key, state, y):
        return step(key, state, model, jnp.asarray(x), y)

    return geweke.compare(jax.random.key(30), joint_of(model), transition, replicas=replicas, rounds=ROUNDS)


def step_of(method: str = "exact", proposal: str = "slice") -> Callable[..., Any]:
    sampler = Gibbs(proposal, sweeps=1, candidates=4, structure=method)
    return lambda *arguments: sampler.step(*arguments)[0]


slow = pytest.mark.slow
GOOD = [
    pytest.param(UNITS, "exact", "slice", id="exact", marks=slow),
    pytest.param(UNITS, "birth_death", "slice", id="birth-death"),
    pytest.param(UNITS, "exact", "adaptive", id="exact-adaptive", marks=slow),
    pytest.param(TERMS, "exact", "slice", id="exact-terms", marks=slow),
    pytest.param(TERMS, "birth_death", "slice", id="birth-death-terms", marks=slow),
    pytest.param(LAGS, "exact", "slice", id="exact-lags"),
    pytest.param(LAGS, "birth_death", "slice", id="birth-death-lags", marks=slow),
    pytest.param(FIXED, "exact", "slice", id="fixed-number", marks=slow),
]


@pytest.mark.slow
@pytest.mark.parametrize(("model", "method", "proposal"), GOOD)
def test_the_sweep_keeps_the_joint_distribution(model, method, proposal):
    scores = scores_of(model, step_of(method, proposal))
    assert geweke.passes(scores), test_geweke.report(scores)


# Planted errors


def slot_factor(monkeypatch):
    """The factor of a uniform choice of the slot, which shuffling does not need."""
    right = birth_death.log_ratio

    def wrong(gamma, body, problem, smaller):
        return right(gamma, body, problem, smaller) + jnp.log((smaller + 1.0) ** 2 / (smaller + 2.0))

    monkeypatch.setattr(birth_death, "log_ratio", wrong)


def proposal_without_copies(monkeypatch):
    right = birth_death.log_proposal
    monkeypatch.setattr(birth_death, "log_proposal", lambda unit, gamma, count, hyper: right(unit, gamma, 0, hyper))


def ends_forgotten(monkeypatch):
    """A birth is proposed at both ends as often as between them."""
    monkeypatch.setattr(birth_death, "birth_probability", lambda count, maximum: jnp.full(jnp.shape(count), 0.5))


def hyperparameters_of_all_slots(monkeypatch):
    right = MuellerRiosInsua.draw_hyper
    monkeypatch.setattr(
        MuellerRiosInsua, "draw_hyper", lambda self, key, hyper, gamma, beta, used: right(self, key, hyper, gamma, beta)
    )


def dropped(monkeypatch, term: Callable[..., Any]):
    right = structure.nested_log_marginals

    def wrong(data, terms, prior, hyper, *rest):
        count = jnp.arange(terms.units + 1)
        return right(data, terms, prior, hyper, *rest) + term(count, prior, hyper)

    monkeypatch.setattr(structure, "nested_log_marginals", wrong)


def constant_of_two_pi(monkeypatch):
    dropped(monkeypatch, lambda count, prior, hyper: 0.5 * count * jnp.log(2 * jnp.pi))


def log_readout_variance(monkeypatch):
    dropped(monkeypatch, lambda count, prior, hyper: -0.5 * count * jnp.log(hyper.beta_precision))


def mean_integrated_by_halves(monkeypatch):
    """The determinant of V without A_b, as if mu_beta were known."""
    dropped(
        monkeypatch,
        lambda count, prior, hyper: 0.5 * jnp.log1p(count * prior.readout_mean_variance * hyper.beta_precision),
    )


def no_prior_of_the_number(monkeypatch):
    monkeypatch.setattr(
        Geometric, "log_probabilities", lambda self: np.full(self.maximum + 1, -np.log(self.maximum + 1))
    )


WRONG = [
    pytest.param(slot_factor, "birth_death", id="slot-factor"),
    pytest.param(proposal_without_copies, "birth_death", id="proposal-without-copies", marks=slow),
    pytest.param(ends_forgotten, "birth_death", id="ends-forgotten", marks=slow),
    pytest.param(no_prior_of_the_number, "birth_death", id="no-prior-birth-death", marks=slow),
    pytest.param(hyperparameters_of_all_slots, "exact", id="hyperparameters-of-all-slots"),
    pytest.param(constant_of_two_pi, "exact", id="two-pi", marks=slow),
    pytest.param(log_readout_variance, "exact", id="log-readout-variance", marks=slow),
    pytest.param(mean_integrated_by_halves, "exact", id="mean-by-halves", marks=slow),
    pytest.param(no_prior_of_the_number, "exact", id="no-prior", marks=slow),
]


SUBTLE = {proposal_without_copies: 3}  # errors of four standard errors, which one seed in three does not show


@pytest.mark.slow
@pytest.mark.parametrize(("error", "method"), WRONG)
def test_a_planted_error_is_seen(error, method, monkeypatch):
    error(monkeypatch)
    scores = scores_of(UNITS, step_of(method), SUBTLE.get(error, 1) * REPLICAS)
    assert not geweke.passes(scores), test_geweke.report(scores)
