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
from scipy import special, stats

from bayesnn._internal.runtime import double
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


class Case(NamedTuple):
    """A likelihood, nuisance values, log p(y | f), log prior density of its latent sites, f and y at random places."""

    likelihood: Likelihood
    nuisance: dict
    log_density: Callable
    log_prior: Callable
    f: np.ndarray
    y: np.ndarray
    rtol: float = 1e-10


def gaussian_prior(sites):
    half = 4.0 / 2
    return stats.gamma.logpdf(sites["noise_precision"], half, scale=1 / (half * 0.3))


def t_prior(sites):
    return gaussian_prior(sites) + stats.gamma.logpdf(sites["df_excess"], 2.0, scale=10.0)


def categorical(y, f):
    """Sum over classes, row by row."""
    return np.array([f[i, y[i]] - np.log(sum(np.exp(v) for v in f[i])) for i in range(len(y))])


def negative_binomial(y, f, dispersion):
    """SciPy counts failures before the n-th success of probability p: mean n (1 - p)/p."""
    mean, size = np.exp(0.4 + f), 1 / dispersion
    return stats.nbinom.logpmf(y, size, size / (size + mean))


def nothing(sites):
    return 0.0


RNG = np.random.default_rng(0)
F = np.array([-1.0, 0.0, 2.5])
Y = np.array([-1.7, 0.1, 2.0])
F_PAIRS, Y_PAIRS, F_CLASSES = RNG.normal(size=(7, 2)), RNG.normal(size=(7, 2)), RNG.normal(size=(7, 3))
F_MANY, COUNTS = RNG.normal(size=7), np.array([0.0, 1.0, 0.0, 3.0, 12.0, 2.0, 5.0])
CODES = np.array([0, 1, 2, 2, 1, 0, 2])

LIKELIHOODS = {
    "gaussian": Case(
        Gaussian(noise_guess=0.3, noise_size=4.0),
        {"sigma": 0.6},
        lambda y, f, sigma: stats.norm.logpdf(y, f, sigma),
        gaussian_prior,
        F,
        Y,
    ),
    "gaussian, half-Cauchy scale": Case(
        Gaussian(noise_scale=1.3),
        {"sigma": 0.6},
        lambda y, f, sigma: stats.norm.logpdf(y, f, sigma),
        lambda sites: stats.halfcauchy.logpdf(sites["sigma"], scale=1.3),
        F,
        Y,
    ),
    "two outputs": Case(
        Gaussian(0.3, 4.0, ("a", "b")),
        {"sigma": np.array([0.6, 1.7])},
        lambda y, f, sigma: stats.norm.logpdf(y, f, sigma).sum(axis=1),
        gaussian_prior,
        F_PAIRS,
        Y_PAIRS,
    ),
    "heteroskedastic": Case(
        Heteroskedastic(), {}, lambda y, f: stats.norm.logpdf(y, f[:, 0], np.exp(f[:, 1])), nothing, F_PAIRS, F_MANY
    ),
    "student_t": Case(
        StudentT(noise_guess=0.3, noise_size=4.0),
        {"sigma": 0.6, "df": 3.5},
        lambda y, f, sigma, df: stats.t.logpdf(y, df, f, sigma),
        t_prior,
        F,
        Y,
    ),
    "student_t, df given": Case(
        StudentT(5.0, 0.3, 4.0),
        {"sigma": 0.6, "df": 5.0},
        lambda y, f, sigma, df: stats.t.logpdf(y, 5.0, f, sigma),
        gaussian_prior,
        F,
        Y,
    ),
    "bernoulli": Case(
        Bernoulli(("no", "yes")),
        {},
        lambda y, f: stats.bernoulli.logpmf(y, special.expit(f)),
        nothing,
        F_MANY,
        CODES % 2,
    ),
    "categorical": Case(Categorical(("a", "b", "c")), {}, categorical, nothing, F_CLASSES, CODES),
    "poisson": Case(
        Poisson(baseline=0.4), {}, lambda y, f: stats.poisson.logpmf(y, np.exp(0.4 + f)), nothing, F_MANY, COUNTS
    ),
    "negative_binomial": Case(
        NegativeBinomial(0.6, 0.4),
        {"dispersion": 0.7},
        negative_binomial,
        lambda sites: stats.expon.logpdf(sites["dispersion"], scale=0.6),
        F_MANY,
        COUNTS,
        rtol=1e-7,  # JAX's betaln, in NumPyro's density, is good to 2e-7 of itself beyond some ten counts
    ),
}
cases = pytest.mark.parametrize("case", LIKELIHOODS.values(), ids=LIKELIHOODS)
scaled_cases = pytest.mark.parametrize(
    "case", [pytest.param(c, id=name) for name, c in LIKELIHOODS.items() if c.likelihood.standardizes]
)

draw_precision = LIKELIHOODS["gaussian"].likelihood.draw_precision  # one object, compiled once


@cases
def test_the_density_is_scipys(case):
    with double():
        values = np.asarray(case.likelihood.distribution(case.f, **case.nuisance).log_prob(case.y))
    assert values.shape == (len(case.y),)  # one number per row, however many outputs
    np.testing.assert_allclose(values, case.log_density(case.y, case.f, **case.nuisance), rtol=case.rtol)


@cases
def test_the_density_notices_f_and_nuisance(case):
    right = case.log_density(case.y, case.f, **case.nuisance)
    for name in case.nuisance:
        if not (name == "df" and getattr(case.likelihood, "df", None)):
            other = case.nuisance | {name: 1.01 * case.nuisance[name]}
            assert not np.allclose(case.log_density(case.y, case.f, **other), right, rtol=1e-6), name
    nudge = 0.01 * np.arange(1, case.f.size + 1).reshape(case.f.shape)  # no common shift
    assert not np.allclose(case.log_density(case.y, case.f + nudge, **case.nuisance), right, rtol=1e-6)


@cases
def test_simulated_targets_have_the_shape_and_kind_of_y(case):
    with double():
        y = np.asarray(case.likelihood.distribution(case.f, **case.nuisance).sample(jax.random.key(0)))
    assert y.shape == case.y.shape
    if case.likelihood.kind != "continuous":
        assert np.issubdtype(y.dtype, np.integer)
        assert (y >= 0).all()


@cases
def test_outputs_are_the_axis_of_f_after_the_rows(case):
    assert case.likelihood.outputs == case.f.shape[1:]
    assert len(case.likelihood.output_dims) == case.f.ndim - 1


@scaled_cases
def test_rescaling_follows_a_change_of_units(case):
    """log p(y) with y in other units differs by the log of the unit alone, once per output."""
    other = case.likelihood.rescale(case.nuisance, 3.0)
    with double():
        f = case.likelihood.identified(case.f, 5.0, 3.0)
        before = np.asarray(case.likelihood.distribution(case.f, **case.nuisance).log_prob(case.y))
        after = np.asarray(case.likelihood.distribution(f, **other).log_prob(3.0 * case.y + 5.0))
    np.testing.assert_allclose(after, before - np.log(3.0) * (case.y.size // len(case.y)), rtol=1e-10)
    undone = case.likelihood.rescale(other, 1 / 3.0)
    for name, value in case.nuisance.items():
        np.testing.assert_allclose(undone[name], value, rtol=1e-10)


@cases
def test_the_nuisance_sites_are_those_of_dims_and_have_the_prior(case):
    with double():
        trace = handlers.trace(handlers.seed(case.likelihood.nuisance, jax.random.key(0))).get_trace()
        sampled = {name: site["value"] for name, site in trace.items() if site["type"] == "sample"}
        value, _ = log_density(case.likelihood.nuisance, (), {}, sampled)
        reported = case.likelihood.report({name: sampled[name] for name in case.likelihood.priors()})
    assert {name: trace[name]["value"].ndim for name in case.likelihood.dims} == {
        name: len(dims) for name, dims in case.likelihood.dims.items()
    }
    assert set(sampled) == set(case.likelihood.priors())
    assert set(reported) == set(case.nuisance)
    np.testing.assert_allclose(value, np.sum(case.log_prior(sampled)), rtol=1e-10)


@cases
def test_specs_are_frozen_hashable_and_pickle(case):
    spec = case.likelihood
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert hash(dataclasses.replace(spec)) == hash(spec)
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.anything = 1.0


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


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: StudentT(df=1.0), "df must be above 1, where the mean exists, got 1.0"),
        (lambda: StudentT(df=-3.0), "df must be a finite number above zero, got -3.0"),
        (lambda: StudentT(noise_guess=0.0), "noise_guess must be a finite number above zero"),
        (lambda: NegativeBinomial(0.0), "dispersion_guess must be a finite number above zero"),
        (lambda: Poisson(baseline=np.nan), "baseline must be a finite number, got nan"),
        (lambda: Poisson(baseline="1"), "baseline must be a finite number, got '1'"),
        (lambda: Bernoulli(("a", "b", "c")), r"Bernoulli is for two classes, got \['a', 'b', 'c'\]: use Categorical"),
        (lambda: Categorical(("a",)), r"classes must be at least two different labels, got \('a',\)"),
        (lambda: Categorical(("a", "a")), "classes must be at least two different labels"),
        (lambda: Categorical().outputs, "the classes are not known yet: fit to labels, or give"),
        (lambda: Gaussian(outputs_named=("a",)), "outputs_named must be at least two different names"),
        (lambda: Gaussian(outputs_named=("a", "a")), "outputs_named must be at least two different names"),
        (lambda: Gaussian(outputs_named="ab"), "outputs_named must be at least two different names, got 'ab'"),
    ],
)
def test_impossible_settings(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# Targets


def refused(function, *arguments):
    with pytest.raises(ValueError) as caught:
        function(*arguments)
    return str(caught.value)


@pytest.mark.parametrize("likelihood", [Poisson(), NegativeBinomial()])
@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([1, -1, -2], "got 2 other value(s), the first (-1.0) at row 1: use Gaussian() or StudentT() for measurements"),
        ([1, 2, 0.5], "y must hold counts (whole numbers of at least zero) for this likelihood, got 1 other value(s)"),
        ([0, 0, 0], "y must hold at least one count above zero, got zero in all of 3 rows"),
        ([1, np.nan, 2], "y must be finite, got 1 NaN or infinite value(s)"),
        ([[1, 2], [3, 4]], "y must hold one count per row, shape (n,), got (2, 2)"),
        (["a", "b"], "y must hold numbers"),
    ],
)
def test_what_is_no_count(likelihood, y, message):
    assert message in refused(likelihood.bind, y)


@pytest.mark.parametrize("likelihood", [Poisson(), NegativeBinomial()])
def test_the_baseline_is_the_log_rate(likelihood):
    """Events over exposure, so that f is zero where nothing is known."""
    assert likelihood.bind([2, 4, 0]).baseline == pytest.approx(np.log(2.0), rel=1e-12)
    exposure = np.array([1.0, 5.0, 4.0])
    assert likelihood.bind([2, 4, 0], np.log(exposure)).baseline == pytest.approx(np.log(0.6), rel=1e-12)
    assert type(likelihood)(baseline=0.3).bind([2, 4, 0]).baseline == 0.3


@pytest.mark.parametrize(
    ("likelihood", "y", "message"),
    [
        (StudentT(), Y_PAIRS, "y must have shape (n,) for StudentT, got (7, 2)"),
        (Heteroskedastic(), Y_PAIRS, "y must have shape (n,) for Heteroskedastic, got (7, 2)"),
        (Gaussian(), ["a", "b"], "y must hold numbers, got <U1"),
        (Gaussian(outputs_named=("a", "b")), Y, "y must have shape (n, 2) like that of the fit, got (3,)"),
        (Bernoulli(("a", "b")), ["a", "c"], "y must hold the classes of the fit, ['a', 'b'], got also 'c'"),
        (Categorical(("a", "b")), Y, "y must hold class labels (text, whole numbers, booleans ...), got 3 float(s)"),
    ],
)
def test_a_target_that_does_not_fit_the_likelihood(likelihood, y, message):
    assert message in refused(likelihood.encode, y)


def test_names_of_outputs_must_be_as_many_as_the_columns():
    assert "y must have the 2 outputs ('a', 'b'), got ('y0', 'y1', 'y2')" in refused(
        Gaussian(outputs_named=("a", "b")).bind, np.ones((4, 3))
    )
    assert Gaussian().bind(Y_PAIRS).outputs_named == ("y0", "y1")
    assert Gaussian().bind(Y_PAIRS[:, :1]).outputs == ()
