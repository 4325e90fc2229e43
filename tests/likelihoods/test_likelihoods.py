"""Likelihoods against SciPy's densities, and the promises all of them make."""

import dataclasses
import pickle
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
import pytest
from numpyro import handlers
from numpyro.infer.util import log_density
from quadrature import LIMIT, many, z_against
from scipy import stats

from bayesnn._runtime import double
from bayesnn.likelihoods import Gaussian, Likelihood


class Case(NamedTuple):
    """A likelihood, nuisance values, log p(y | f), and log prior density of the sites it samples."""

    likelihood: Likelihood
    nuisance: dict[str, float]
    log_density: Callable
    log_prior: Callable


def gaussian_prior(sites):
    half = 4.0 / 2
    return stats.gamma.logpdf(sites["noise_precision"], half, scale=1 / (half * 0.3))


LIKELIHOODS = {
    "gaussian": Case(
        Gaussian(noise_guess=0.3, noise_size=4.0),
        {"sigma": 0.6},
        lambda y, f, sigma: stats.norm.logpdf(y, f, sigma),
        gaussian_prior,
    ),
}
cases = pytest.mark.parametrize("case", LIKELIHOODS.values(), ids=LIKELIHOODS)

draw_precision = LIKELIHOODS["gaussian"].likelihood.draw_precision  # one object, compiled once
F = np.array([-1.0, 0.0, 2.5])
Y = np.array([-1.7, 0.1, 2.0])


@cases
def test_the_density_is_scipys(case):
    with double():
        values = np.asarray(case.likelihood.distribution(F, **case.nuisance).log_prob(Y))
    np.testing.assert_allclose(values, case.log_density(Y, F, **case.nuisance), rtol=1e-10)


@cases
def test_rescaling_follows_a_change_of_units(case):
    """log p(y) with y in other units differs by the log of the unit alone."""
    other = case.likelihood.rescale(case.nuisance, 3.0)
    with double():
        before = np.asarray(case.likelihood.distribution(F, **case.nuisance).log_prob(Y))
        after = np.asarray(case.likelihood.distribution(3.0 * F, **other).log_prob(3.0 * Y))
    np.testing.assert_allclose(after, before - np.log(3.0), rtol=1e-10)
    undone = case.likelihood.rescale(other, 1 / 3.0)
    assert undone == pytest.approx(case.nuisance, rel=1e-10)


@cases
def test_the_nuisance_sites_are_those_of_dims_and_have_the_prior(case):
    with double():
        trace = handlers.trace(handlers.seed(case.likelihood.nuisance, jax.random.key(0))).get_trace()
        sampled = {name: site["value"] for name, site in trace.items() if site["type"] == "sample"}
        value, _ = log_density(case.likelihood.nuisance, (), {}, sampled)
    assert {name: trace[name]["value"].ndim for name in case.likelihood.dims} == {
        name: len(dims) for name, dims in case.likelihood.dims.items()
    }
    np.testing.assert_allclose(value, case.log_prior(sampled), rtol=1e-10)


@cases
def test_specs_are_frozen_hashable_and_pickle(case):
    spec = case.likelihood
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert hash(dataclasses.replace(spec)) == hash(spec)
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.noise_guess = 1.0


def test_the_error_sd_is_that_of_the_precision():
    with double():
        trace = handlers.trace(handlers.seed(Gaussian().nuisance, jax.random.key(0))).get_trace()
    np.testing.assert_allclose(trace["sigma"]["value"] ** -2, trace["noise_precision"]["value"], rtol=1e-10)


@pytest.mark.parametrize(("count", "right"), [(3, True), (2, False)])
def test_the_update_of_the_precision_against_quadrature(count, right):
    """Prior times likelihood of three residuals, integrated on a grid of precisions."""
    residuals = Y - F

    def log_posterior(tau):
        return gaussian_prior({"noise_precision": tau}) + stats.norm.logpdf(residuals[:, None], 0, tau**-0.5).sum(0)

    draws = many(draw_precision, np.sum(residuals**2), float(count), seed=1)
    z = z_against(draws, log_posterior, np.linspace(1e-6, 40.0, 20_001))
    assert (z < LIMIT) == right, z


@pytest.mark.parametrize("name", ["noise_guess", "noise_size"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), "1", None])
def test_guesses_must_be_positive(name, value):
    with pytest.raises(ValueError, match=f"{name} must be a finite number above zero, got"):
        Gaussian(**{name: value})
