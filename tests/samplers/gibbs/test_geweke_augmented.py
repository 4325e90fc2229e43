"""The sweep with auxiliary variables, case weights and offsets keeps the joint distribution; planted errors do not."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import geweke
import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
import test_geweke

from bayesnn import Bernoulli, Gaussian, Geometric, Gibbs, Model, NegativeBinomial, StudentT, shallow
from bayesnn._internal import conditionals
from bayesnn.likelihoods import categorical, student_t
from bayesnn.likelihoods.working_rows import WorkingRows
from bayesnn.models.random_architecture import Structure
from bayesnn.samplers.gibbs import working_rows

X, HYPER = test_geweke.X, test_geweke.HYPER
OFFSET = np.array([2.9, -3.4, 1.3, 3.2, -2.6, 0.6])
# Rows with a weight are simulated from the density that the weighted likelihood is proportional to, where its constant
# does not depend on f: Gaussian errors with variance sigma^2/w, and shares of w successes. What it depends on besides
# is a power of sigma, which joins the gamma prior of 1/sigma^2.
WEIGHTS = np.array([1.0, 3.0, 2.0, 1.0, 4.0, 2.0])
REPLICAS, ROUNDS = 5000, 10
NOISE = Gaussian(noise_guess=0.02, noise_size=9.0)


@dataclass(frozen=True)
class Shares(Bernoulli):
    """Bernoulli with a target of shares, which are no classes: weighted rows are simulated so."""

    def distribution(self, f, **nuisance):
        return dist.BernoulliLogits(f, validate_args=False)


@dataclass(frozen=True)
class Case:
    """A model, and whether its rows have an offset and case weights."""

    model: Model
    offset: bool = False
    weights: bool = False

    @property
    def rows(self) -> tuple:
        return (jnp.asarray(OFFSET) if self.offset else None, jnp.asarray(WEIGHTS) if self.weights else None)


def network(likelihood) -> Model:
    return shallow(2, likelihood=likelihood, hyper=HYPER, intercept=True, linear=True)


CASES = {
    "gaussian": Case(network(NOISE), True, True),
    "bernoulli": Case(network(Shares((0, 1))), True, True),
    "bernoulli-plain": Case(network(Bernoulli((0, 1)))),
    "student-t": Case(network(StudentT(noise_guess=0.02, noise_size=9.0)), True),
    "student-t-weights": Case(network(StudentT(4.0, noise_guess=0.02, noise_size=9.0)), True, True),
    "negative-binomial": Case(network(NegativeBinomial(0.7, baseline=-3.0)), True),
    "bernoulli-architecture": Case(
        shallow(Geometric(0.7, 3), likelihood=Shares((0, 1)), hyper=HYPER, linear="random"), True, True
    ),
}


def prior(key: jax.Array, case: Case) -> dict[str, jax.Array]:
    """Every site from its prior: the network's with Gaussian errors, and the nuisance parameters of the likelihood."""
    key_sites, key_latents, key_size, key_linear = jax.random.split(key, 4)
    likelihood, random = case.model.likelihood, case.model.architecture
    noise = replace(NOISE, noise_size=9.0 + (WEIGHTS.sum() - len(X) if case.weights else 0.0))
    noise = replace(noise, noise_guess=NOISE.noise_guess * NOISE.noise_size / noise.noise_size)
    sites = geweke.shallow_prior(key_sites, replace(case.model, likelihood=noise), X.shape[1])
    if random is not None:
        probabilities = random.hidden.alpha ** np.arange(random.hidden.maximum + 1)
        sites["M"] = jax.random.choice(key_size, len(probabilities), p=jnp.asarray(probabilities / probabilities.sum()))
        sites["beta"] = jnp.where(jnp.arange(len(sites["beta"])) < sites["M"], sites["beta"], 0.0)
        sites["linear_in"] = jax.random.randint(key_linear, (), 0, 2)
        sites["linear"] = sites["linear"] * sites["linear_in"]
    sigma = sites.pop("sigma")
    latents = {name: p.sample(key_latents) for name, p in likelihood.priors().items()}
    if "noise_precision" in latents:
        latents["noise_precision"] = sigma**-2
    return sites | likelihood.report(latents) | {f"latent {name}": value for name, value in latents.items()}


def state_of(sites: dict[str, jax.Array], case: Case):
    latents = {n.removeprefix("latent "): v for n, v in sites.items() if n.startswith("latent ")}
    gaussian = isinstance(case.model.likelihood, Gaussian)
    sites = sites if gaussian else sites | {"sigma": jnp.ones(())}
    scale = jnp.zeros(case.model.terms(X.shape[1:]).units)
    state = geweke.gibbs_state(sites, scale)._replace(latents=None if gaussian else latents)
    if "M" in sites:
        structure = Structure(sites["M"], sites["linear_in"], jnp.asarray(0))
        state = state._replace(structure=Structure(*(jnp.asarray(value, int) for value in structure)))
    return state


def simulate(key: jax.Array, sites: dict[str, jax.Array], case: Case) -> jax.Array:
    offset, weights = case.rows
    f = case.model.function(sites, X) + (0.0 if offset is None else offset)
    likelihood = case.model.likelihood
    if weights is None:
        return likelihood.distribution(f, **likelihood.nuisance_of(sites)).sample(key)
    if isinstance(likelihood, Bernoulli):
        return dist.Binomial(weights.astype(int), logits=f).sample(key) / weights
    if isinstance(likelihood, StudentT):  # the power of a t density is that of another t
        df = weights * (likelihood.df + 1) - 1
        return dist.StudentT(df, f, sites["sigma"] * jnp.sqrt(likelihood.df / df)).sample(key)
    return dist.Normal(f, sites["sigma"] / jnp.sqrt(weights)).sample(key)


def statistics(sites: dict[str, jax.Array], y: jax.Array, case: Case) -> dict[str, jax.Array]:
    """Numbers of the network without sigma, nuisance parameters, and both with the data."""
    f, sigma = case.model.function(sites, X), sites.get("sigma", jnp.ones(()))
    if case.model.architecture is None:
        values = geweke.shallow_statistics(case.model, sites | {"sigma": sigma}, X, y)
        values = {n: v for n, v in values.items() if "sigma" not in n.replace("sigma_beta", "") and n != "residuals"}
    else:
        count, log_sigma_beta = sites["M"], jnp.log(sites["sigma_beta"])
        values = {f"M is {m}": (count == m).astype(float) for m in range(3)}
        values |= {"linear_in": sites["linear_in"] * 1.0, "log sigma_beta": log_sigma_beta, "mu": sites["mu_gamma"][1]}
        values |= {"M and f": count * jnp.tanh(f[0]), "M and sigma_beta": count * log_sigma_beta}
        values |= {"f": jnp.tanh(f[0]), "f squared": jnp.log1p(f[-1] ** 2), "linear": sites["linear"][0]}
    fixed = ("df",) if getattr(case.model.likelihood, "df", None) else ()
    nuisance = {name: jnp.log(sites[name]) for name in case.model.likelihood.dims if name not in fixed}
    values |= {f"log {name}": v for name, v in nuisance.items()}
    values |= {f"log {name} squared": v**2 for name, v in nuisance.items()}
    values |= {f"{name} times f": v * jnp.tanh(f[0]) for name, v in nuisance.items()}
    each = {f"y {i} times f": jnp.tanh(y[i]) * jnp.tanh(f[i]) for i in range(len(X))}
    return values | each | {"sum of y": jnp.tanh(y).sum()}


@functools.cache
def joint_of(case: Case) -> geweke.Joint:
    return geweke.Joint(
        lambda key: prior(key, case),
        lambda key, sites: simulate(key, sites, case),
        lambda sites, y: statistics(sites, y, case),
    )


def scores_of(case: Case, replicas: int = REPLICAS) -> dict[str, float]:
    def transition(key, sites, y):
        state, _ = Gibbs(sweeps=1, candidates=6).step(
            key, state_of(sites, case), case.model, jnp.asarray(X), y, *case.rows
        )
        latents = {f"latent {n}": v for n, v in (state.latents or {}).items()}
        new = Gibbs().sites(state, case.model, X) | latents
        return {name: new.get(name, value) for name, value in sites.items()}

    return geweke.compare(jax.random.key(40), joint_of(case), transition, replicas=replicas, rounds=ROUNDS)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_the_augmented_sweep_keeps_the_joint_distribution(name):
    scores = scores_of(CASES[name])
    assert geweke.passes(scores), test_geweke.report(scores)


# Planted errors


def sign_of_kappa(monkeypatch):
    right = Bernoulli.augment

    def augment(self, *arguments):
        rows = right(self, *arguments)
        return rows._replace(target=-rows.target)

    monkeypatch.setattr(Bernoulli, "augment", augment)


def omega_of_another_shape(monkeypatch):
    right = categorical.polya_gamma
    monkeypatch.setattr(
        categorical, "polya_gamma", lambda key, c, b=None: right(key, c, (jnp.ones_like(c) if b is None else b) + 1.0)
    )


def omega_of_a_count_too_many(monkeypatch):
    right = NegativeBinomial.augment

    def augment(self, key, latents, f, y, weights):
        from bayesnn._internal.polya_gamma import polya_gamma

        rows = right(self, key, latents, f, y, weights)
        omega = polya_gamma(
            key, f + self.baseline + jnp.log(latents["dispersion"]), y + 1.0 / latents["dispersion"] + 1.0
        )
        return WorkingRows(omega, rows.target, rows.square, rows.count)

    monkeypatch.setattr(NegativeBinomial, "augment", augment)


def mixture_a_degree_short(monkeypatch):
    right = student_t.gamma_numbers
    monkeypatch.setattr(student_t, "gamma_numbers", lambda key, shape: right(key, shape - 0.5))


def offset_left_out_of_eta(monkeypatch):
    monkeypatch.setattr(working_rows, "shifted", lambda f, offset: f)


def offset_left_in_the_target(monkeypatch):
    monkeypatch.setattr(working_rows, "less_offset", lambda rows, offset: rows)


def weights_forgotten_in_the_noise(monkeypatch):
    right = working_rows.gaussian_rows

    def rows(y, offset, weights):
        return right(y, offset, weights)._replace(count=y.shape[0])

    monkeypatch.setattr(working_rows, "gaussian_rows", rows)


def residuals_without_weights(monkeypatch):
    right = working_rows.gaussian_rows

    def rows(y, offset, weights):
        return right(y, offset, weights)._replace(square=right(y, offset, None).square)

    monkeypatch.setattr(working_rows, "gaussian_rows", rows)


def jacobian_counted_twice(monkeypatch):
    """The Jacobian of the log dispersion only. Without it, the density of small dispersions has no finite integral."""
    right, slice_move = NegativeBinomial.update, conditionals.slice_move

    def without(key, value, log_density):
        return slice_move(key, value, lambda v: log_density(v) + v)

    def update(self, *arguments):
        with monkeypatch.context() as patch:
            patch.setattr(conditionals, "slice_move", without)
            return right(self, *arguments)

    monkeypatch.setattr(NegativeBinomial, "update", update)


PLANTED = {
    sign_of_kappa: "bernoulli",
    omega_of_another_shape: "bernoulli",
    offset_left_out_of_eta: "bernoulli",
    offset_left_in_the_target: "bernoulli",
    omega_of_a_count_too_many: "negative-binomial",
    jacobian_counted_twice: "negative-binomial",
    mixture_a_degree_short: "student-t",
    weights_forgotten_in_the_noise: "gaussian",
    residuals_without_weights: "gaussian",
}
NAMES = {plant.__name__: plant for plant in PLANTED}


@pytest.mark.slow
@pytest.mark.parametrize("error", NAMES)
def test_a_planted_error_is_seen(error, monkeypatch):
    NAMES[error](monkeypatch)
    scores = scores_of(CASES[PLANTED[NAMES[error]]])
    assert not geweke.passes(scores), test_geweke.report(scores)
