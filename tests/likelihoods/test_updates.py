"""Exact updates of nuisance parameters by quadrature, and case weights: a weight of two is the row twice."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from numpyro import handlers
from numpyro.infer.util import log_density
from quadrature import LIMIT, many, z_against
from scipy import stats
from scipy.special import logsumexp

from bayesnn._internal.runtime import computing
from bayesnn.fitting.draws import log_density as row_log_density
from bayesnn.fitting.draws import over_draws
from bayesnn.layers import Dense
from bayesnn.likelihoods import (
    Bernoulli,
    Categorical,
    Gaussian,
    Heteroskedastic,
    Likelihood,
    NegativeBinomial,
    Poisson,
    StudentT,
)
from bayesnn.models.marginal import MarginalModel
from bayesnn.models.model import Model

RNG = np.random.default_rng(0)
F, Y = RNG.normal(size=5), RNG.normal(size=5)
COUNTS = np.array([0.0, 3.0, 1.0, 6.0, 2.0])
WEIGHTS = np.array([2.0, 1.0, 0.0, 3.0, 1.0])
TWICE = np.repeat(np.arange(5), WEIGHTS.astype(int))
ROUNDS = 15  # of moves that forget their start by then
GRID = np.linspace(-24.0, 8.0, 20_001)  # of a logarithm

T, T_FREE, NEGATIVE = StudentT(4.0, 0.3, 4.0), StudentT(None, 0.3, 4.0), NegativeBinomial(0.6, 0.4)
GAUSSIAN, HALF_CAUCHY = Gaussian(0.3, 4.0), Gaussian(noise_scale=0.4)


def gamma_prior(log_precision):
    return stats.gamma.logpdf(np.exp(log_precision), 2.0, scale=1 / 0.6) + log_precision


def rows_of(weights):
    return np.ones(5) if weights is None else weights


def gaussian(v, weights):
    return gamma_prior(v) + (rows_of(weights) * stats.norm.logpdf(Y, F, np.exp(-v / 2)[:, None])).sum(1)


def half_cauchy(v, weights):
    prior = stats.halfcauchy.logpdf(np.exp(v), scale=0.4) + v
    return prior + (rows_of(weights) * stats.norm.logpdf(Y, F, np.exp(v)[:, None])).sum(1)


def student(v, weights):
    return gamma_prior(v) + (rows_of(weights) * stats.t.logpdf(Y, 4.0, F, np.exp(-v / 2)[:, None])).sum(1)


def negative_binomial(v, weights):
    size, mean = np.exp(-v)[:, None], np.exp(0.4 + F)
    density = stats.nbinom.logpmf(COUNTS, size, size / (size + mean))
    return stats.expon.logpdf(np.exp(v), scale=0.6) + v + (rows_of(weights) * density).sum(1)


def updated(likelihood, site, y, weights):
    """log of the latent site after many updates."""

    def draw(key):
        start, *keys = jax.random.split(key, ROUNDS + 1)
        step = lambda latents, key: (likelihood.update(key, latents, jnp.asarray(F), y, weights), None)  # noqa: E731
        latents, _ = jax.lax.scan(step, likelihood.start(start), jnp.stack(keys))
        return jnp.log(latents[site])

    return draw


UPDATES = {
    "gaussian": (GAUSSIAN, "noise_precision", Y, gaussian),
    "gaussian, half-Cauchy scale": (HALF_CAUCHY, "sigma", Y, half_cauchy),
    "student_t": (T, "noise_precision", Y, student),
    "negative_binomial": (NEGATIVE, "dispersion", COUNTS, negative_binomial),
}


@pytest.mark.first_case
@pytest.mark.parametrize("name", UPDATES)
def test_the_update_is_the_conditional(name):
    """Without case weights; that these count rows is tested below, draw for draw."""
    likelihood, site, y, log_posterior = UPDATES[name]
    draws = many(updated(likelihood, site, jnp.asarray(y), None), seed=1)
    assert z_against(draws, functools.partial(log_posterior, weights=None), GRID) < LIMIT
    other = 2.0 * rows_of(None)
    assert z_against(draws, functools.partial(log_posterior, weights=other), GRID) > LIMIT


class Groups(Likelihood):
    """Two groups of rows, each with a sd and a shift of its own: what somebody may write who overrides no update."""

    def priors(self):
        sds = dist.Gamma(2.0, 2.0).expand([2]).to_event(1)
        return {"sds": sds, "shifts": dist.Normal(0.3, 0.8).expand([2]).to_event(1)}

    def distribution(self, f, **nuisance):
        group = np.array([0, 1, 1, 0, 1])
        return dist.Normal(f + nuisance["shifts"][group], nuisance["sds"][group])


def test_sites_of_several_numbers_of_any_sign_are_drawn_from_their_conditional():
    """The groups are independent: the shift of the first and the log sd of the second against two-dimensional grids."""
    likelihood = Groups()

    def draw(key):
        start, *keys = jax.random.split(key, ROUNDS + 1)
        step = lambda latents, key: (likelihood.update(key, latents, jnp.asarray(F), jnp.asarray(Y), None), None)  # noqa: E731
        return jax.lax.scan(step, likelihood.start(start), jnp.stack(keys))[0]

    drawn = many(draw, seed=3)

    def joint(rows, log_sd, shift):
        rows = np.array(rows)
        density = stats.norm.logpdf(Y[rows], F[rows] + shift[..., None], np.exp(log_sd)[..., None]).sum(-1)
        prior = stats.gamma.logpdf(np.exp(log_sd), 2.0, scale=0.5) + log_sd
        return density + prior + stats.norm.logpdf(shift, 0.3, 0.8)

    fine, coarse = np.linspace(-6.0, 6.0, 1201), np.linspace(-12.0, 4.0, 801)
    of_shift = logsumexp(joint([0, 3], coarse[None], fine[:, None] + 0 * coarse), axis=1)
    assert z_against(drawn["shifts"][:, 0], lambda at: np.interp(at, fine, of_shift), fine) < LIMIT
    of_sd = logsumexp(joint([1, 2, 4], coarse[:, None] + 0 * fine, fine[None]), axis=1)
    log_sds = np.log(drawn["sds"][:, 1])
    assert z_against(log_sds, lambda at: np.interp(at, coarse, of_sd), coarse) < LIMIT
    assert z_against(log_sds, lambda at: np.interp(at, coarse, of_sd - coarse), coarse) > LIMIT


@pytest.mark.slow
def test_degrees_of_freedom_are_drawn_from_their_conditional():
    """The pair (precision, df) after many updates: df against its marginal, the precision summed out on a grid."""
    draws = many(updated(T_FREE, "df_excess", jnp.asarray(Y), None), seed=2)
    log_tau, v = np.linspace(-7.0, 5.0, 201), np.linspace(-26.0, 8.0, 1501)
    df, scale = 1 + np.exp(v)[:, None, None], np.exp(-log_tau / 2)[:, None]
    joint = stats.t.logpdf(Y, df, F, scale).sum(-1) + gamma_prior(log_tau)
    marginal = np.log(np.trapezoid(np.exp(joint - joint.max()), log_tau, axis=1))
    density = marginal + stats.gamma.logpdf(np.exp(v), 2.0, scale=10.0) + v
    assert z_against(draws, lambda at: np.interp(at, v, density), GRID) < LIMIT
    assert z_against(draws, lambda at: np.interp(at, v, density - v), GRID) > LIMIT


@pytest.mark.first_case
@pytest.mark.parametrize("name", [name for name in UPDATES if name != "student_t"])  # it draws a number for each row
def test_updating_with_a_weight_of_two_is_that_of_the_row_twice(name):
    """Draw for draw, where rows enter by sums alone: weights against repeated rows with weights of one."""
    likelihood, site, y, _ = UPDATES[name]

    @computing
    def draws(rows, weights):
        start = likelihood.start(jax.random.key(0))
        data = jnp.asarray(F[rows]), jnp.asarray(y[rows]), jnp.asarray(weights)
        one = lambda key: likelihood.update(key, start, *data)[site]  # noqa: E731
        return np.asarray(jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(1), 50)))

    once, twice = draws(np.arange(5), WEIGHTS), draws(TWICE, np.ones(len(TWICE)))
    np.testing.assert_allclose(once, twice, rtol=1e-8)
    assert not np.allclose(once, draws(np.arange(5), np.ones(5)), rtol=1e-8)


# Case weights in the model function, the log density of draws and the integrated readout

X = RNG.normal(size=(5, 2))
TARGETS = {
    "gaussian": (GAUSSIAN, Y),
    "two outputs": (Gaussian(0.3, 4.0, ("a", "b")), RNG.normal(size=(5, 2))),
    "heteroskedastic": (Heteroskedastic(), Y),
    "student_t": (T_FREE, Y),
    "bernoulli": (Bernoulli(("a", "b")), np.array([0, 1, 1, 0, 1])),
    "categorical": (Categorical(("a", "b", "c")), np.array([0, 2, 1, 0, 2])),
    "poisson": (Poisson(0.3), COUNTS),
    "negative_binomial": (NEGATIVE, COUNTS),
}


@pytest.mark.first_case
@pytest.mark.parametrize(("name", "compiled"), [("gaussian", False), *((name, True) for name in TARGETS)])
def test_a_weight_of_two_is_the_row_twice(name, compiled):
    """And a weight of zero is no row, in compiled code and out of it."""
    likelihood, y = TARGETS[name]
    model = Model([Dense(2, "tanh")], likelihood)

    @computing
    def densities():
        trace = handlers.trace(handlers.seed(model, jax.random.key(0))).get_trace(jnp.asarray(X))
        sites = {n: s["value"] for n, s in trace.items() if s["type"] == "sample" and n != "y"}
        value = lambda *data: log_density(model, data, {}, sites)[0]  # noqa: E731
        value = jax.jit(value) if compiled else value
        offset = jnp.linspace(-1.0, 1.0, 5)
        once = value(X, y, offset, WEIGHTS)
        twice = value(X[TWICE], y[TWICE], offset[TWICE], jnp.ones(len(TWICE)))
        return float(once), float(twice), float(value(X, y, offset, jnp.ones(5)))

    once, twice, plain = densities()
    assert once == pytest.approx(twice, rel=1e-10)
    assert once != pytest.approx(plain, rel=1e-6)


@pytest.mark.first_case
@pytest.mark.parametrize("name", TARGETS)
def test_log_densities_of_draws_are_multiplied(name):
    likelihood, y = TARGETS[name]
    model = Model([Dense(2, "tanh")], likelihood)

    @computing
    def sites():
        trace = handlers.trace(handlers.seed(model, jax.random.key(0))).get_trace(jnp.asarray(X))
        return {n: np.asarray(trace[n]["value"])[None] for n in model.dims((2,))}

    offset, drawn = np.linspace(-1.0, 1.0, 5), sites()
    plain = over_draws(row_log_density, model, drawn, X, y, offset, None)
    weighted = over_draws(row_log_density, model, drawn, X, y, offset, WEIGHTS)
    assert plain.shape == (1, 5)
    np.testing.assert_allclose(weighted, WEIGHTS * plain, rtol=1e-10)
    without = over_draws(row_log_density, model, drawn, X, y, None, None)
    same = np.allclose(without[:, :2], plain[:, :2])
    assert same == (name == "categorical")  # added to every class, an offset changes no probability


def test_the_integrated_readout_knows_case_weights_and_offsets():
    model = MarginalModel(Model([Dense(2, "tanh")], GAUSSIAN))

    @computing
    def densities():
        trace = handlers.trace(handlers.seed(model, jax.random.key(0))).get_trace(jnp.asarray(X), jnp.asarray(Y))
        sites = {n: s["value"] for n, s in trace.items() if s["type"] == "sample" and n != "log_marginal"}
        value = lambda *data: float(log_density(model, tuple(map(jnp.asarray, data)), {}, sites)[0])  # noqa: E731
        offset = np.linspace(-1.0, 1.0, 5)
        return (
            value(X, Y, offset, WEIGHTS),
            value(X[TWICE], (Y - offset)[TWICE]),
            value(X, Y, offset, np.ones(5)),
        )

    once, twice, plain = densities()
    assert once == pytest.approx(twice, rel=1e-10)
    assert once != pytest.approx(plain, rel=1e-6)
