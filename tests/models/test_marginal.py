"""The model with its readout integrated out: the same joint density, and exact draws of what is missing."""

import functools
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from numpyro import handlers
from numpyro.infer.util import log_density
from quadrature import LIMIT, many, z_of_moments
from scipy import stats

from bayesnn._internal.runtime import computing
from bayesnn.layers import Dense
from bayesnn.likelihoods import Likelihood
from bayesnn.models.marginal import MarginalModel
from bayesnn.models.model import Model
from bayesnn.priors import MuellerRiosInsua, Normal

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(7, 2)), RNG.normal(size=7)
HIERARCHY = MuellerRiosInsua(readout_mean=0.4, readout_mean_variance=2.0)
MODELS = {
    "two layers": Model([Dense(3, "tanh"), Dense(2, "tanh")], prior=Normal(readout_scale=1.5), intercept=False),
    "two layers, everything": Model([Dense(3, "tanh"), Dense(2, "tanh")], prior=Normal(extra=2.0), linear=True),
    "hierarchical": Model([Dense(3)], prior=HIERARCHY, intercept=False),
    "hierarchical, everything": Model([Dense(3)], prior=HIERARCHY, linear=True),
}
with_everything = pytest.mark.parametrize(
    "model",
    [pytest.param(m, id=n, marks=() if n.endswith("everything") else pytest.mark.slow) for n, m in MODELS.items()],
)


@functools.cache
@computing
def traced(model, key=0):
    found, factor = program_of(model)(jax.random.key(key))
    return {name: np.asarray(value) for name, value in found.items()}, float(factor)


@functools.cache
def program_of(model):
    """The values of all sites as a function of a key, and the factor that stands for y."""

    def run(key):
        trace = trace_of(MarginalModel(model), key)
        return {name: site["value"] for name, site in trace.items()}, trace["log_marginal"]["fn"].log_factor

    return jax.jit(run)


def trace_of(model, key):
    return handlers.trace(handlers.seed(model, key)).get_trace(jnp.asarray(X), jnp.asarray(Y))


@computing
def kinds_of(model):
    """What kind of statement each site is; nothing is computed."""
    kinds = {}
    jax.eval_shape(lambda key: kinds.update({n: s["type"] for n, s in trace_of(model, key).items()}), jax.random.key(0))
    return kinds


def values(model):
    return traced(model)[0]


@computing
def design_of(model, sites):
    def design(sites):
        return model.design(model.prior.unpack(sites, model.weight_specs((2,))), jnp.asarray(X))

    return np.asarray(jax.jit(design)(sites))


def prior_of_readout(model, sites):
    """Mean and covariance of [coefficients, mu_beta] (without mu_beta where the prior has none)."""
    terms = model.terms((2,))
    units, extras = terms.units, terms.size - terms.units
    if isinstance(model.prior, Normal):
        sd = np.array([model.prior.readout_scale / np.sqrt(units)] * units + [model.prior.extra] * extras)
        return np.zeros(terms.size), np.diag(sd**2)
    lift = np.array([1.0] * units + [0.0] * extras + [1.0])  # mu_beta enters every beta, and itself
    own = np.array([sites["sigma_beta"] ** 2] * units + [1.0] * extras + [0.0])
    return 0.4 * lift, np.diag(own) + 2.0 * np.outer(lift, lift)


def conditioned(model, sites):
    """log p(y | body, variances), and mean and covariance of [coefficients, mu_beta] given y, in n dimensions."""
    mean, covariance = prior_of_readout(model, sites)
    design = design_of(model, sites)
    design = np.pad(design, ((0, 0), (0, len(mean) - design.shape[1])))
    marginal = design @ covariance @ design.T + sites["sigma"] ** 2 * np.eye(len(Y))
    gain = covariance @ design.T @ np.linalg.inv(marginal)
    log_density = stats.multivariate_normal.logpdf(Y, design @ mean, marginal)
    return log_density, mean + gain @ (Y - design @ mean), covariance - gain @ design @ covariance


@with_everything
def test_the_factor_is_the_multivariate_normal(model):
    for key in range(2):
        sites, factor = traced(model, key)
        exact, *_ = conditioned(model, sites)
        assert factor == pytest.approx(exact, rel=1e-10)


@with_everything
def test_nothing_of_the_readout_is_sampled(model):
    left_out = set(kinds_of(model)) - set(kinds_of(MarginalModel(model)))
    expected = {"readout_raw", "f", "obs", "y"} | set(model.readout_sites(model.terms((2,)), np.zeros(9)))
    assert left_out == expected | ({"mu_beta"} if isinstance(model.prior, MuellerRiosInsua) else set())


@pytest.mark.first_case
@pytest.mark.parametrize("prior", [HIERARCHY, Normal(readout_scale=1.5)], ids=["hierarchical", "normal"])
def test_the_density_is_the_full_models_integrated(prior):
    """One unit, so that readout_raw (and mu_beta) can be integrated on a grid."""
    model = Model([Dense(1)], prior=prior, intercept=False)
    kinds = kinds_of(model)
    given = {n: value for n, value in values(model).items() if kinds.get(n) == "sample"}
    raw = np.linspace(-12.0, 12.0, 1201)
    mu = np.linspace(-14.0, 15.0, 1001) if isinstance(prior, MuellerRiosInsua) else np.zeros(1)

    @computing
    def log_joint():
        def one(raw, mu):
            return log_density(model, (X, Y), {}, given | {"readout_raw": raw[None], "mu_beta": mu})[0]

        grid = jax.jit(jax.vmap(jax.vmap(one, (None, 0)), (0, None)))(raw, mu)
        marginal = jax.jit(lambda given: log_density(MarginalModel(model), (X, Y), {}, given)[0])
        return np.asarray(grid), float(marginal(given))

    grid, ours = log_joint()
    assert grid.max() - max(grid[0].max(), grid[-1].max()) > 30  # the grid holds all of the mass
    inner = np.trapezoid(np.exp(grid - grid.max()), raw, axis=0)
    integral = np.trapezoid(inner, mu) if len(mu) > 1 else inner[0]
    assert ours == pytest.approx(np.log(integral) + grid.max(), rel=1e-10)


@with_everything
def test_completing_without_noise_gives_the_posterior_mean(model, monkeypatch):
    """Rao-Blackwell: the draw is its mean plus noise, and mu_beta's mean is linear in the coefficients."""
    sites = values(model)
    _, mean, _ = conditioned(model, sites)
    monkeypatch.setattr(jax.random, "normal", lambda key, shape: jnp.zeros(shape))
    complete = computing(MarginalModel(model).complete)(jax.random.key(0), sites, X, Y)
    names = [name for name in ("beta", "intercept", "linear", "mu_beta") if name in model.dims((2,))]
    ours = np.concatenate([np.atleast_1d(complete[name]) for name in names])
    np.testing.assert_allclose(ours, mean, rtol=1e-10, atol=1e-12)
    assert set(model.dims((2,))) <= set(complete)


@pytest.mark.first_case
@pytest.mark.parametrize("name", ["hierarchical, everything", "two layers, everything"])
def test_completed_draws_have_the_posterior_moments(name):
    model = MODELS[name]
    sites = values(model)
    _, mean, covariance = conditioned(model, sites)

    def draw(key):
        complete = MarginalModel(model).complete(key, sites, X, Y)
        names = [name for name in ("beta", "intercept", "linear", "mu_beta") if name in model.dims((2,))]
        return jnp.concatenate([jnp.atleast_1d(complete[name]) for name in names])

    draws = many(draw, seed=1)
    assert z_of_moments(draws, mean, covariance) < LIMIT
    assert z_of_moments(draws, mean, 1.1 * covariance) > LIMIT


@with_everything
def test_what_was_sampled_is_kept(model):
    sites = values(model)
    complete = computing(MarginalModel(model).complete)(jax.random.key(0), sites, X, Y)
    assert all(complete[name] is sites[name] for name in sites)


def test_the_likelihood_must_be_gaussian():
    @dataclass(frozen=True)
    class Laplace(Likelihood):
        dims = {}  # noqa: RUF012

        def nuisance(self):
            return {}

        def distribution(self, f, **nuisance):
            return dist.Laplace(f, 1.0)

        def rescale(self, nuisance, scale):
            return {}

    with pytest.raises(
        ValueError, match="needs a Gaussian likelihood with one output, got Laplace: fit with .* use sampler=.gibbs."
    ):
        MarginalModel(Model([Dense(2)], Laplace()))
