"""The sampler's view of a prior (hyperparameters, whitened weights) is that of the model function, site by site."""

import functools

import geweke
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from scipy import stats

from bayesnn._internal.runtime import computing
from bayesnn.layers import Dense, Residual
from bayesnn.likelihoods import Categorical, Gaussian
from bayesnn.models.model import Model
from bayesnn.priors import Around, HeavyTailed, Hierarchical, Horseshoe, MuellerRiosInsua, Normal

WIDTH = 3
X = np.random.default_rng(0).normal(size=(4, WIDTH))
PRIORS = {
    "normal": Normal(1.5, 0.7, 2.0),
    "hierarchical": Hierarchical(0.7, 3.0, 1.6, "all", 2.5, 4.0, 0.6),
    "hierarchical of the inputs": Hierarchical(),
    "horseshoe": Horseshoe(0.3, 0.6),
    "t tails": HeavyTailed("student_t", 5.0, 0.7, 3.0, 0.6),
    "laplace": HeavyTailed("laplace", guess=0.7, size=3.0, extra=0.6),
    "around": Around(
        Horseshoe(0.3, 0.6),
        (("dense0_kernel", [[1.0, 2.0, 3.0], [-1.0, 0.0, 1.0]]), ("dense0_bias", [0.5, -0.5])),
        (("dense0_bias", 0.2),),
    ),
    "units": MuellerRiosInsua(readout_mean=0.4, unit_mean=0.3, unit_guess=2.0, unit_size=7.0, intercept_variance=3.0),
}
LIKELIHOODS = {"one output": Gaussian(), "classes": Categorical(("a", "b", "c"))}
MODELS = {
    f"{name}, {outputs}": Model(
        [Dense(2)] if name == "units" else [Dense(2, "tanh"), Residual(Dense(2, "tanh"))], y, prior, linear=True
    )
    for name, prior in PRIORS.items()
    for outputs, y in LIKELIHOODS.items()
}
models = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
FEW = tuple(f"{name}, one output" for name in ("normal", "hierarchical", "horseshoe", "around", "units"))
few = pytest.mark.parametrize(
    "model", [pytest.param(m, id=n, marks=() if n in FEW else pytest.mark.slow) for n, m in MODELS.items()]
)


@functools.cache
@computing
def drawn(model, seed=1):
    """Every site of one run of the model function, and the sampler's state that has them."""
    key_sites, key_state = jax.random.split(jax.random.key(seed))
    sites = geweke.model_prior(key_sites, model, jnp.asarray(X))
    return sites, geweke.weight_state(key_state, model, sites, (WIDTH,), jnp.zeros(()))


def compiled(method, model):
    """A method of a prior, as a program for the weights of the model."""
    return computing(jax.jit(lambda *given: method(*given, *spec_of(model))))


def spec_of(model):
    return model.weight_specs((WIDTH,)), model.terms((WIDTH,))


@pytest.mark.first_case
@models
def test_whitened_weights_are_the_raw_sites_of_the_model(model):
    """Fixed scales have no raw site; units are whitened by another root of S_gamma, which keeps their lengths."""
    sites, state = drawn(model)
    noise = compiled(model.prior.whiten, model)(state.hyper, state.weights)
    readout = [noise[name].reshape(-1, *model.likelihood.outputs) for name in ("beta", "intercept", "linear")]
    np.testing.assert_allclose(np.concatenate(readout), sites["readout_raw"], rtol=1e-8, atol=1e-10)
    for name in model.weight_specs((WIDTH,)) if "gamma" not in noise else ():
        sd = model.prior.sd(model.weight_specs((WIDTH,))[name])
        raw = sites[f"{name}_raw"] if f"{name}_raw" in sites else np.asarray(sites[name]) / sd
        np.testing.assert_allclose(noise[name], raw, rtol=1e-10, err_msg=name)
    if "gamma" in noise:
        ours, theirs = (np.asarray(v) @ np.asarray(v).T for v in (noise["gamma"], sites["gamma_raw"]))
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-10)


@few
def test_unwhitening_undoes_whitening(model):
    _, state = drawn(model)
    noise = compiled(model.prior.whiten, model)(state.hyper, state.weights)
    weights = compiled(model.prior.unwhiten, model)(state.hyper, noise)
    assert set(weights) == set(noise) == set(model.prior.shapes(*spec_of(model)))
    for name, shape in model.prior.shapes(*spec_of(model)).items():
        assert weights[name].shape == noise[name].shape == shape, name
        np.testing.assert_allclose(weights[name], state.weights[name], rtol=1e-8, atol=1e-10, err_msg=name)


@few
def test_whitening_has_the_log_density_of_the_weights(model):
    """log p(w | scales) in SciPy's words is log N(whitened) minus the log determinant of unwhitening."""
    sites, state = drawn(model)

    @computing
    @jax.jit
    def by_whitening():
        noise, unravel = ravel_pytree(model.prior.whiten(state.hyper, state.weights, *spec_of(model)))
        back = lambda u: ravel_pytree(model.prior.unwhiten(state.hyper, unravel(u), *spec_of(model)))[0]  # noqa: E731
        return -0.5 * noise @ noise - jnp.linalg.slogdet(jax.jacobian(back)(noise))[1], noise

    value, noise = by_whitening()
    value, size = float(value), noise.size
    assert value - 0.5 * size * np.log(2 * np.pi) == pytest.approx(log_density(model, sites), rel=1e-8)


def log_density(model, sites):
    """log p(weights given their scales), by the definitions."""
    p, units, (table, terms) = model.prior, 2, spec_of(model)
    if isinstance(p, MuellerRiosInsua):
        value = stats.multivariate_normal.logpdf(sites["gamma"], sites["mu_gamma"], sites["S_gamma"]).sum()
        value += stats.norm.logpdf(sites["beta"], sites["mu_beta"], sites["sigma_beta"]).sum()
        value += stats.norm.logpdf(sites["intercept"], 0, p.intercept_variance**0.5).sum()
        return value + stats.norm.logpdf(sites["linear"], 0, p.linear_variance**0.5).sum()
    value, given = 0.0, p if isinstance(p, Around) else Around(Normal(), ())
    p = p.prior if isinstance(p, Around) else p
    means = {name: v.values for name, v in given.means}
    for name, weight in (table | terms.weights()).items():
        fixed = {"kernel": weight.fan_in**-0.5, "readout": units**-0.5, "bias": 1.0, "linear": 1.0}
        if isinstance(p, Normal):
            fixed = {"kernel": p.scale * weight.fan_in**-0.5, "readout": p.readout_scale * units**-0.5}
            fixed |= {"bias": p.scale, "linear": p.extra}
        sd = dict(given.scales).get(name, (fixed | {"intercept": p.extra})[weight.role])
        powers = {"precision": -0.5, "variance": 0.5, "sd": 1.0}
        for ending, power in powers.items():
            for level in ("scale", "source_scale", "weight_scale", "local_scale", "tail"):
                sd = sd * np.asarray(sites.get(f"{name}_{level}_{ending}", 1.0)) ** power
        value += stats.norm.logpdf(sites[name], means.get(name, 0.0), sd).sum()
    return value


@few
def test_reported_hyperparameters_are_those_of_the_model(model):
    sites, state = drawn(model)
    reported = compiled(model.prior.report, model)(state.hyper)
    names = set(model.prior.dims(*spec_of(model))) - set(model.prior.shapes(*spec_of(model)))
    assert set(reported) == names
    for name in names:
        np.testing.assert_allclose(reported[name], sites[name], rtol=1e-8, err_msg=name)


@pytest.mark.first_case
@models
def test_starts_and_updates_have_the_form_of_the_state(model):
    _, state = drawn(model)
    start = compiled(model.prior.start, model)(jax.random.key(0))
    updated = compiled(model.prior.update, model)(jax.random.key(0), state.hyper, state.weights)
    for tree in (start, updated):
        assert jax.tree.structure(tree) == jax.tree.structure(state.hyper)
        for ours, theirs in zip(jax.tree.leaves(tree), jax.tree.leaves(state.hyper)):
            assert (ours.shape, ours.dtype) == (theirs.shape, np.dtype(np.float64))
            assert np.isfinite(ours).all()
    for old, new in zip(jax.tree.leaves(state.hyper), jax.tree.leaves(updated)):
        assert not np.any(old == new)  # every number is drawn anew


# Weights by simulation, beside the definition in NumPy: one kernel of three inputs

KERNELS = {
    "normal": (Normal(1.5), lambda rng, n: 1.5 * rng.normal(size=n)),
    "hierarchical": (
        Hierarchical(0.7, 3.0, source_size=2.5, weight_size=4.0),
        lambda rng, n: (
            rng.normal(size=n)
            / np.sqrt(rng.gamma(1.5, 1 / (1.5 * 0.7), n) * rng.gamma(1.25, 1 / 1.25, n) * rng.gamma(2.0, 1 / 2.0, n))
        ),
    ),
    "horseshoe": (
        Horseshoe(0.3),
        lambda rng, n: rng.normal(size=n) * np.abs(0.3 * rng.standard_cauchy(n) * rng.standard_cauchy(n)),
    ),
    "t tails": (
        HeavyTailed("student_t", 5.0, 0.7, 3.0),
        lambda rng, n: rng.standard_t(5.0, n) / np.sqrt(rng.gamma(1.5, 1 / (1.5 * 0.7), n)),
    ),
    "laplace": (
        HeavyTailed("laplace", guess=0.7, size=3.0),
        lambda rng, n: rng.laplace(scale=0.5**0.5, size=n) / np.sqrt(rng.gamma(1.5, 1 / (1.5 * 0.7), n)),
    ),
}


@pytest.mark.first_case
@pytest.mark.parametrize("name", KERNELS)
def test_simulated_weights_follow_the_definition(name):
    prior, definition = KERNELS[name]
    model, count = Model([Dense(2, "tanh")], prior=prior), 20_000

    @computing
    def draws():
        one = lambda key: geweke.model_prior(key, model, jnp.asarray(X))["dense0_kernel"][1, 2]  # noqa: E731
        return np.asarray(jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(3), count)))

    ours, rng = draws(), np.random.default_rng(4)
    theirs = definition(rng, 4 * count) / np.sqrt(WIDTH)
    assert stats.ks_2samp(ours, theirs).pvalue > 1e-4
    assert stats.ks_2samp(1.3 * ours, theirs).pvalue < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("prior", [Normal(), HeavyTailed(size=50.0, df=30.0)])
def test_the_variance_of_the_function_does_not_grow_with_the_width(prior):
    """var f = 1 + E psi^2 whatever the number of units (1 the intercept's): kernels and readout shrink with fan-in."""

    @computing
    def variance(units):
        model = Model([Dense(units, "tanh")], prior=prior)
        one = lambda key: geweke.model_f(key, model, jnp.asarray(X))[0]  # noqa: E731
        f = np.asarray(jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(5), 4000)))
        return f.var(), np.std((f - f.mean()) ** 2) / np.sqrt(f.size)

    (narrow, error_narrow), (wide, error_wide) = variance(2), variance(20)
    assert abs(narrow - wide) < 4.5 * np.hypot(error_narrow, error_wide)
    assert abs(narrow - 10 * wide) > 4.5 * np.hypot(error_narrow, 10 * error_wide)
