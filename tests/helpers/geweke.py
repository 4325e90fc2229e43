"""The joint-distribution test of a transition that should leave p(theta | y) invariant.

J. Geweke (2004), Getting it right: joint distribution tests of posterior simulators, JASA 99, 799-804, here with
independent replicas in place of one long chain: theta from the prior, then rounds of [y given theta, one transition of
theta given y]. Every replica ends as an exact draw of p(theta, y) if and only if the transition is right, so the
z-scores need no autocorrelation time, and any wrong factor, degree of freedom or order of updates shows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpyro import handlers
from scipy import stats

from bayesnn._internal.conditionals import Covariance
from bayesnn._internal.runtime import computing
from bayesnn.models.model import Model
from bayesnn.priors import MuellerRiosInsua
from bayesnn.priors.factors import ExponentialFactor, Factor, GammaFactor, HalfCauchyFactor
from bayesnn.priors.shallow_hyper import Hyper
from bayesnn.samplers.gibbs.collapsed import GibbsState
from bayesnn.samplers.gibbs.weight_moves import WeightState

Sites = dict[str, jax.Array]
Theta = Any  # any pytree
Transition = Callable[[jax.Array, Theta, jax.Array], Theta]

LEVEL = 1e-4  # probability that a right transition fails one comparison
BLOCK = 250  # replicas per batch: jaxlib before 0.11 can hang in a batch of thousands of factorisations
# Compiling takes longer than running; the fusion emitters are an option of jaxlib before 0.11 only.
QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True} | (
    {"xla_cpu_use_fusion_emitters": False} if jax.__version_info__ < (0, 11) else {}
)


@dataclass(frozen=True, eq=False)
class Joint:
    """p(theta, y): prior(key) -> theta, simulate(key, theta) -> y, statistics(theta, y) -> scalars by name."""

    prior: Callable[[jax.Array], Theta]
    simulate: Callable[[jax.Array, Theta], jax.Array]
    statistics: Callable[[Theta, jax.Array], Sites]

    @functools.cached_property
    def draw(self) -> Callable[[jax.Array], Theta]:
        """Draws of theta from the prior, for many keys."""
        return in_blocks(self.prior)

    @functools.cached_property
    def fresh(self) -> Callable[[jax.Array], Sites]:
        """Statistics of independent pairs (theta, y), for many keys."""

        def one(key: jax.Array) -> Sites:
            key_theta, key_y = jax.random.split(key)
            theta = self.prior(key_theta)
            return self.statistics(theta, self.simulate(key_y, theta))

        return in_blocks(one)


@computing
def compare(key: jax.Array, joint: Joint, transition: Transition, *, replicas: int, rounds: int) -> dict[str, float]:
    """z-scores of the mean of every statistic: `replicas` pairs after their rounds, minus fresh pairs.

    transition(key, theta, y) -> theta. Fresh pairs are four times as many, so that they add little to the error.
    """

    def chained(start: tuple[jax.Array, Theta]) -> Sites:
        key, theta = start
        key_first, key_rounds = jax.random.split(key)

        def one(pair: tuple[Theta, jax.Array], key: jax.Array) -> tuple[tuple[Theta, jax.Array], None]:
            key_y, key_step = jax.random.split(key)
            y = joint.simulate(key_y, pair[0])
            return (transition(key_step, pair[0], y), y), None

        pair = (theta, joint.simulate(key_first, theta))  # this y is replaced before it is used
        pair, _ = jax.lax.scan(one, pair, jax.random.split(key_rounds, rounds))
        return joint.statistics(*pair)

    key_start, key_chained, key_fresh = jax.random.split(key, 3)
    starts = joint.draw(jax.random.split(key_start, replicas))
    after = in_blocks(chained)((jax.random.split(key_chained, replicas), starts))
    return two_sample(after, joint.fresh(jax.random.split(key_fresh, 4 * replicas)))


def in_blocks(one: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`one` mapped over a leading axis in blocks, compiled."""
    return jax.jit(lambda many: jax.lax.map(one, many, batch_size=BLOCK), compiler_options=QUICK)


def two_sample(first: Sites, second: Sites) -> dict[str, float]:
    """z-scores of the differences of means, by name, of statistics (replica,)."""
    scores = {}
    for name in first:
        a, b = np.asarray(first[name], float), np.asarray(second[name], float)
        assert np.isfinite(a).all() and np.isfinite(b).all(), f"statistic {name!r} is not finite in every replica"
        scores[name] = float((a.mean() - b.mean()) / np.sqrt(a.var() / a.size + b.var() / b.size))
    return scores


def threshold(count: int, level: float = LEVEL) -> float:
    """Largest |z| that `count` statistics may show: Bonferroni at this level."""
    return float(stats.norm.isf(level / (2 * count)))


def worst(scores: dict[str, float]) -> float:
    """Largest |z|."""
    return max(map(abs, scores.values()))


def passes(scores: dict[str, float]) -> bool:
    """Whether no statistic differs significantly."""
    return worst(scores) < threshold(len(scores))


# The hierarchical shallow network, its prior drawn by the definitions and without the package's closed forms


def shallow_prior(key: jax.Array, model: Model, width: int) -> Sites:
    """Every site of `shallow` from its prior; `unit_size` must be whole, a Wishart being a sum of outer products."""
    prior, noise, m, q = model.prior, model.likelihood, model.terms((width,)).units, width + 1
    keys = iter(jax.random.split(key, 9))
    normal = functools.partial(jax.random.normal, dtype=float)
    size, (guess, mean, variance) = prior.unit_size_for(q), prior.unit_matrices(q)
    assert size == int(size)
    vectors = normal(next(keys), (int(size), q)) @ np.linalg.cholesky(np.linalg.inv(size * guess)).T
    covariance = jnp.linalg.inv(vectors.T @ vectors)
    mu_gamma = mean + np.linalg.cholesky(variance) @ normal(next(keys), (q,))
    mu_beta = prior.readout_mean + prior.readout_mean_variance**0.5 * normal(next(keys))
    sigma_beta = gamma_precision(next(keys), prior.readout_size, prior.readout_guess) ** -0.5
    sites = {
        "mu_gamma": mu_gamma,
        "S_gamma": covariance,
        "gamma": mu_gamma + normal(next(keys), (m, q)) @ jnp.linalg.cholesky(covariance).T,
        "mu_beta": mu_beta,
        "sigma_beta": sigma_beta,
        "beta": mu_beta + sigma_beta * normal(next(keys), (m,)),
        "sigma": gamma_precision(next(keys), noise.noise_size, noise.noise_guess) ** -0.5,
    }
    if model.intercept:
        sites["intercept"] = prior.intercept_variance**0.5 * normal(next(keys))
    if model.linear:
        sites["linear"] = prior.linear_variance**0.5 * normal(next(keys), (width,))
    return sites


def gamma_precision(key: jax.Array, size: float, guess: float) -> jax.Array:
    """1/variance ~ Gamma(size/2, rate size guess/2)."""
    return jax.random.gamma(key, size / 2, dtype=float) / (size * guess / 2)


def gibbs_state(sites: Sites, log_scale: jax.Array) -> GibbsState:
    """The state of the Gibbs sampler that reports these sites."""
    names = [name for name in ("beta", "intercept", "linear") if name in sites]
    coefficients = jnp.concatenate([jnp.atleast_1d(sites[name]) for name in names])
    covariance = Covariance(jnp.linalg.cholesky(sites["S_gamma"]), jnp.linalg.inv(sites["S_gamma"]))
    hyper = Hyper(sites["mu_beta"], sites["sigma_beta"] ** -2, sites["mu_gamma"], covariance)
    return GibbsState(sites["gamma"], coefficients, hyper, sites["sigma"] ** -2, log_scale)


def simulated(key: jax.Array, model: Model, sites: Sites, x: jax.Array) -> jax.Array:
    """y (n,) given one draw."""
    f = model.function(sites, x)
    return f + sites["sigma"] * jax.random.normal(key, f.shape, dtype=float)


def shallow_statistics(model: Model, sites: Sites, x: jax.Array, y: jax.Array) -> Sites:
    """The statistics compared: logarithms and bounded functions where tails are heavy, and pivots last."""
    beta, gamma, mu, covariance = (sites[name] for name in ("beta", "gamma", "mu_gamma", "S_gamma"))
    f = model.function(sites, x)
    log_sigma, log_sigma_beta = jnp.log(sites["sigma"]), jnp.log(sites["sigma_beta"])
    centred = gamma - mu
    values = {
        "mu_beta": sites["mu_beta"],
        "mu_beta squared": sites["mu_beta"] ** 2,
        "log sigma_beta": log_sigma_beta,
        "log sigma_beta squared": log_sigma_beta**2,
        "log sigma": log_sigma,
        "log sigma squared": log_sigma**2,
        "mu_gamma 0": mu[0],
        "mu_gamma 1": mu[1],
        "mu_gamma product": mu[0] * mu[1],
        "log det S_gamma": jnp.linalg.slogdet(covariance)[1],
        "correlation in S_gamma": covariance[0, 1] / jnp.sqrt(covariance[0, 0] * covariance[1, 1]),
        "gamma": jnp.tanh(gamma[0, 1]),
        "gamma squared": jnp.log1p(gamma[0, 0] ** 2),
        "gamma product": jnp.tanh(gamma[0, 1] * gamma[1, 1]),
        "beta": jnp.tanh(beta[0]),
        "beta squared": jnp.log1p(beta[1] ** 2),
        "beta times gamma": jnp.tanh(beta[0] * gamma[0, 1]),
        "f": jnp.tanh(f[0]),
        "f squared": jnp.log1p(f[-1] ** 2),
        "y times f": jnp.tanh(y[0] * f[0]),
        "residuals": jnp.log(jnp.sum((y - f) ** 2)) - 2 * log_sigma,
        "spread of beta": jnp.log(jnp.sum((beta - sites["mu_beta"]) ** 2)) - 2 * log_sigma_beta,
        "spread of gamma": jnp.log(jnp.sum((centred @ jnp.linalg.inv(covariance)) * centred)),
    }
    extra = {name: jnp.ravel(sites[name])[0] for name in ("intercept", "linear") if name in sites}
    return values | extra | {f"{name} times f": jnp.tanh(v * f[0]) for name, v in extra.items()}


# Any model, its prior drawn by NumPyro


def model_prior(key: jax.Array, model: Model, x: jax.Array) -> Sites:
    """Every site of a model except f and y, from its prior."""
    trace = handlers.trace(handlers.seed(model, key)).get_trace(x)
    return {name: site["value"] for name, site in trace.items() if site["type"] != "plate" and name not in ("f", "y")}


def model_f(key: jax.Array, model: Model, x: jax.Array) -> jax.Array:
    """Function values (n,) of a model under its prior."""
    return handlers.trace(handlers.seed(model, key)).get_trace(x)["f"]["value"]


def general_statistics(model: Model, sites: Sites, x: jax.Array, y: jax.Array) -> Sites:
    """Readout, function values, residuals and one number of every weight array, alone and with the readout."""
    f = model.function(sites, x)
    log_sigma = jnp.log(sites["sigma"])
    beta = sites["beta"]
    values = {
        "log sigma": log_sigma,
        "log sigma squared": log_sigma**2,
        "f": f[0],
        "f squared": f[-1] ** 2,
        "f product": f[0] * f[-1],
        "y times f": jnp.tanh(y[0] * f[0]),
        "residuals": jnp.log(jnp.sum((y - f) ** 2)) - 2 * log_sigma,
        "beta": beta[0],
        "beta squared": beta[1] ** 2,
        "beta product": beta[0] * beta[1],
    }
    for name in ("intercept", "linear", *model.weight_specs(x.shape[1:])):
        if name in sites:
            value = jnp.ravel(sites[name])[0]
            values |= {name: value, f"{name} squared": value**2, f"beta times {name}": beta[0] * value}
    return values


# The general Gibbs sampler's state that reports given sites


def weight_state(
    key: jax.Array, model: Model, sites: Sites, shape: tuple[int, ...], log_step: jax.Array
) -> WeightState:
    """The state with these sites, as the model function names them, for examples of this shape."""
    table, terms = model.weight_specs(shape), model.terms(shape)
    weights = {name: sites[name] for name in model.prior.shapes(table, terms)}
    latents = {name: sites[name] for name in model.likelihood.priors()}
    if isinstance(model.prior, MuellerRiosInsua):
        covariance = Covariance(jnp.linalg.cholesky(sites["S_gamma"]), jnp.linalg.inv(sites["S_gamma"]))
        hyper: Any = Hyper(sites["mu_beta"], sites["sigma_beta"] ** -2, sites["mu_gamma"], covariance)
        return WeightState(weights, hyper, latents, log_step)
    hyper, first = {}, True
    for name, weight in (table | terms.weights()).items():
        sees_inputs = weight.role in ("kernel", "input")
        factors = model.prior.factors(name, weight, first and sees_inputs)
        key, *keys = jax.random.split(key, len(factors) + 1)
        hyper[name] = tuple(factor_state(k, f, f"{name}_{f.level}", sites) for k, f in zip(keys, factors))
        first = first and not sees_inputs
    return WeightState(weights, hyper, latents, log_step)


def factor_state(key: jax.Array, factor: Factor, name: str, sites: Sites) -> tuple[jax.Array, ...]:
    """The state of one factor of a scale; the rate behind a half-Cauchy is drawn given its value."""
    if isinstance(factor, GammaFactor):
        return (sites[f"{name}_precision"],)
    if isinstance(factor, ExponentialFactor):
        return (1.0 / sites[f"{name}_variance"],)
    assert isinstance(factor, HalfCauchyFactor)
    precision = sites[f"{name}_sd"] ** -2
    rate = jax.random.gamma(key, 1.0, precision.shape) / (factor.scale**-2 + precision)
    return precision, rate
