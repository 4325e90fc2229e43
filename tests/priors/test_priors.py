"""Every prior against its textbook density in SciPy, and the promises all of them make."""

import dataclasses
import functools
import pickle
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro import handlers
from numpyro.infer.util import log_density
from quadrature import LIMIT, many, z_of_moments
from scipy import stats

from bayesnn._internal.runtime import computing
from bayesnn.layers import Dense
from bayesnn.likelihoods import Gaussian
from bayesnn.models.model import Model
from bayesnn.priors import HeavyTailed, Hierarchical, Horseshoe, MuellerRiosInsua, Normal

X = np.random.default_rng(0).normal(size=(6, 2))


def normal(sites, model):
    """log p(body, readout): independent normals; the sites hold the readout divided by its sd."""
    p = model.prior
    value = 0.0
    for name, weight in model.weight_specs((2,)).items():
        sd = p.scale / np.sqrt(weight.shape[1]) if weight.role == "kernel" else p.scale
        value += stats.norm.logpdf(sites[name], 0, sd).sum()
    sd = np.array([p.readout_scale / np.sqrt(2)] * 2 + [p.extra] * 3)
    return value + stats.norm.logpdf(coefficients(sites), 0, sd).sum() + np.log(sd).sum()


def mueller_rios_insua(sites, model):
    """log p(mu_gamma, S_gamma^-1, gamma, mu_beta, 1/sigma_beta^2, beta, ...), as on paper, times the Jacobian.

    The sites hold B with S_gamma^-1 = B B', raw with gamma = mu_gamma + B^-T raw, and the readout standardised.
    """
    p, q, (m, _) = model.prior, 3, sites["gamma"].shape
    precision = np.linalg.inv(sites["S_gamma"])
    guess, mean, mean_covariance = p.unit_matrices(q)
    size = p.unit_size_for(q)
    shape, rate = p.readout_size / 2, p.readout_size * p.readout_guess / 2
    value = stats.multivariate_normal.logpdf(sites["mu_gamma"], mean, mean_covariance)
    value += stats.wishart.logpdf(precision, size, np.linalg.inv(size * guess))
    value += stats.multivariate_normal.logpdf(sites["gamma"], sites["mu_gamma"], sites["S_gamma"]).sum()
    value += stats.norm.logpdf(sites["mu_beta"], p.readout_mean, np.sqrt(p.readout_mean_variance))
    value += stats.gamma.logpdf(sites["sigma_beta"] ** -2, shape, scale=1 / rate)
    centre = np.array([sites["mu_beta"]] * m + [0.0] * 3)
    sd = np.array([sites["sigma_beta"]] * m + [np.sqrt(p.intercept_variance)] + [np.sqrt(p.linear_variance)] * 2)
    value += stats.norm.logpdf(coefficients(sites), centre, sd).sum()
    b = np.diag(np.linalg.cholesky(precision))
    jacobian_b = q * np.log(2) + np.sum(np.arange(q, 0, -1) * np.log(b))
    return value + jacobian_b - m * np.log(b).sum() + np.log(sd).sum()


def coefficients(sites):
    return np.concatenate([sites["beta"], [sites["intercept"]], sites["linear"]])


def gamma(size, guess):
    """log p(t), t ~ Gamma(size/2, rate size guess/2), and the sd that t stands for."""
    return lambda t: stats.gamma.logpdf(t, size / 2, scale=2 / (size * guess)), lambda t: t**-0.5


def half_cauchy(scale):
    return lambda sd: stats.halfcauchy.logpdf(sd, scale=scale), lambda sd: sd


def exponential():
    return stats.expon.logpdf, np.sqrt


def hierarchical_levels(p, role, first):
    """Site endings of the levels of one array, as the class documents them."""
    if role == "intercept":
        return {}
    levels = {"scale_precision": gamma(p.size, p.readout_guess if role == "readout" else p.guess)}
    if role != "bias" and (p.source == "all" or (p.source == "inputs" and (first or role == "linear"))):
        levels["source_scale_precision"] = gamma(p.source_size, 1.0)
    if role != "bias" and p.weight_size is not None:
        levels["weight_scale_precision"] = gamma(p.weight_size, 1.0)
    return levels


def horseshoe_levels(p, role, first):
    if role in ("bias", "intercept"):
        return {}
    return {"scale_sd": half_cauchy(p.global_scale), "local_scale_sd": half_cauchy(1.0)}


def heavy_levels(p, role, first):
    if role == "intercept":
        return {}
    levels = {"scale_precision": gamma(p.size, p.guess)}
    tail = {"tail_precision": gamma(p.df, 1.0)} if p.family == "student_t" else {"tail_variance": exponential()}
    return levels if role == "bias" else levels | tail


def scale_mixture(levels_of):
    """log p(weights given scales) + log p(scales), times the Jacobian of standardising where a site is standardised."""

    def textbook(sites, model):
        p, value, units, body = model.prior, 0.0, model.terms((2,)).units, model.weight_specs((2,))
        arrays = {name: (weight.role, 1 / np.sqrt(weight.fan_in)) for name, weight in body.items()}
        arrays |= {"beta": ("readout", units**-0.5), "intercept": ("intercept", p.extra), "linear": ("linear", 1.0)}
        for name, (role, sd) in arrays.items():
            sd = 1.0 if role == "bias" else sd
            levels = levels_of(p, role, name == "dense0_kernel")
            for ending, (log_prior, to_sd) in levels.items():
                value += log_prior(sites[f"{name}_{ending}"]).sum()
                sd = sd * to_sd(sites[f"{name}_{ending}"])
            value += stats.norm.logpdf(sites[name], 0, sd).sum()
            if levels or name not in body:
                value += np.log(np.broadcast_to(sd, np.shape(sites[name]))).sum()
        return value

    return textbook


class Case(NamedTuple):
    """A model under the prior, and the log density of its prior part."""

    model: Model
    textbook: Callable


def model_of(prior, *layers):
    return Model(layers, Gaussian(0.2, 6.0), prior, intercept=True, linear=True)


PRIORS = {
    "normal": Case(model_of(Normal(1.5, 0.7, 2.0), Dense(3, "tanh"), Dense(2, "relu")), normal),
    **{
        name: Case(model_of(prior, Dense(3, "tanh"), Dense(2, "relu")), scale_mixture(levels))
        for name, prior, levels in (
            ("hierarchical, defaults", Hierarchical(), hierarchical_levels),
            ("hierarchical", Hierarchical(0.7, 3.0, 1.6, "all", 2.5, 4.0, 0.6), hierarchical_levels),
            ("hierarchical, no source", Hierarchical(source="none", weight_size=5.0), hierarchical_levels),
            ("horseshoe", Horseshoe(0.3, 0.6), horseshoe_levels),
            ("t tails", HeavyTailed("student_t", 5.0, 0.7, 3.0, 0.6), heavy_levels),
            ("laplace", HeavyTailed("laplace", guess=0.7, size=3.0, extra=0.6), heavy_levels),
        )
    },
    "mueller_rios_insua, defaults": Case(model_of(MuellerRiosInsua(), Dense(2)), mueller_rios_insua),
    "mueller_rios_insua": Case(
        model_of(
            MuellerRiosInsua(
                readout_guess=0.5,
                readout_size=5.0,
                readout_mean=0.4,
                readout_mean_variance=2.0,
                unit_guess=[[1.0, 0.2, 0.0], [0.2, 0.6, -0.1], [0.0, -0.1, 0.8]],
                unit_size=4.5,
                unit_mean=[1.0, -0.5, 0.3],
                unit_mean_variance=[0.5, 2.0, 1.0],
                intercept_variance=3.0,
                linear_variance=0.25,
            ),
            Dense(4),
        ),
        mueller_rios_insua,
    ),
}
cases = pytest.mark.parametrize("case", PRIORS.values(), ids=PRIORS)


@functools.cache
@computing
def simulated(model):
    """Every site of one run of the model at X, and those that were sampled."""
    trace = handlers.trace(handlers.seed(model, jax.random.key(3))).get_trace(X)
    values = {name: np.asarray(site["value"]) for name, site in trace.items() if site["type"] != "plate"}
    return values, {name: values[name] for name, site in trace.items() if site["type"] == "sample"}


@computing
def numpyros_density(model, sampled):
    given = {name: value for name, value in sampled.items() if name != "y"}
    return float(jax.jit(lambda y, given: log_density(model, (X, y), {}, given)[0])(sampled["y"], given))


@pytest.mark.first_case
@cases
def test_the_density_is_that_of_the_textbook(case):
    sites, sampled = simulated(case.model)
    shape, rate = 6.0 / 2, 6.0 * 0.2 / 2
    noise = stats.gamma.logpdf(sites["sigma"] ** -2, shape, scale=1 / rate)
    noise += stats.norm.logpdf(sites["y"], sites["f"], sites["sigma"]).sum()
    assert numpyros_density(case.model, sampled) == pytest.approx(case.textbook(sites, case.model) + noise, rel=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["normal", "hierarchical", "horseshoe", "t tails", "mueller_rios_insua"])
def test_the_textbook_notices_every_hyperparameter(name):
    """No row has a default in it, so a prior that ignored a hyperparameter would have another density."""
    model, textbook = PRIORS[name]
    sites, _ = simulated(model)
    for field in dataclasses.fields(model.prior):
        if field.name == "family":
            continue  # it has rows of its own
        prior = dataclasses.replace(model.prior, **{field.name: field.default})
        other = textbook(sites, dataclasses.replace(model, prior=prior))
        assert abs(other / textbook(sites, model) - 1) > 1e-6, field.name


@cases
def test_the_reported_sites_have_the_declared_axes(case):
    sites, _ = simulated(case.model)
    sizes = {dim: len(values) for dim, values in case.model.coordinates(["a", "b"]).items()}
    for name, dims in case.model.dims((2,)).items():
        assert sites[name].shape == tuple(sizes[dim] for dim in dims), name


@cases
def test_unpacking_gives_the_weights_of_the_body(case):
    sites, sampled = simulated(case.model)
    table = case.model.weight_specs((2,))

    @computing
    def body():
        return handlers.substitute(case.model.prior.body, data=sampled)(table)

    weights = case.model.prior.unpack(sites, table)
    assert {name: w.shape for name, w in weights.items()} == {name: w.shape for name, w in table.items()}
    for name, value in body().items():
        np.testing.assert_allclose(weights[name], value, rtol=1e-10)


@pytest.mark.first_case
@cases
def test_the_collapsed_readout_has_the_moments_of_the_readout(case):
    """Simulated with the hyperparameters that are not integrated out held fixed."""
    prior, terms = case.model.prior, case.model.terms((2,))
    _, sampled = simulated(case.model)
    fixed = {name: jnp.asarray(v) for name, v in sampled.items() if name not in ("y", "readout_raw", "mu_beta")}

    def draw(key):
        key_hyper, key_raw = jax.random.split(key)
        mean, sd = handlers.seed(handlers.substitute(prior.readout, data=fixed), key_hyper)(terms)
        return mean + sd * jax.random.normal(key_raw, mean.shape)

    @computing
    def collapsed():
        return jax.tree.map(np.asarray, handlers.substitute(prior.collapsed_readout, data=fixed)(terms))

    draws, expected = many(draw, seed=1), collapsed()
    assert z_of_moments(draws, expected.mean, expected.covariance) < LIMIT
    assert z_of_moments(draws, expected.mean, 1.1 * expected.covariance) > LIMIT
    rounding = 10 * np.finfo(expected.covariance.dtype).eps
    np.testing.assert_allclose(expected.precision @ expected.covariance, np.eye(terms.size), rtol=0, atol=rounding)


@cases
def test_completing_adds_what_was_integrated_out(case):
    sites, sampled = simulated(case.model)
    terms = case.model.terms((2,))

    @computing
    def left_out():
        collapsed = handlers.substitute(case.model.prior.collapsed_readout, data=sampled)
        left = handlers.trace(handlers.seed(collapsed, jax.random.key(0))).get_trace(terms)
        full = handlers.trace(handlers.seed(case.model.prior.readout, jax.random.key(0))).get_trace(terms)
        return set(full) - set(left)

    added = computing(case.model.prior.complete)(jax.random.key(1), terms, coefficients(sites), sites)
    assert set(added) == left_out()


@cases
def test_specs_are_frozen_hashable_and_pickle(case):
    prior = case.model.prior
    assert pickle.loads(pickle.dumps(prior)) == prior
    assert hash(dataclasses.replace(prior)) == hash(prior)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(prior, dataclasses.fields(prior)[0].name, 1.0)


@pytest.mark.parametrize("name", ["scale", "readout_scale", "extra"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("inf"), "1", None])
def test_scales_of_the_normal_prior_must_be_positive(name, value):
    with pytest.raises(ValueError, match=f"{name} must be a finite number above zero, got"):
        Normal(**{name: value})
