"""The parts of the joint sweep: densities against their definitions, candidates, and the door to the sweep."""

from __future__ import annotations

import functools

import geweke
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

import bayesnn as bnn
from bayesnn import Categorical, Gaussian, Gibbs, Heteroskedastic, Poisson, ShallowHyperparameters, StudentT, shallow
from bayesnn._internal.runtime import double
from bayesnn.models import readout
from bayesnn.samplers import StepsKernel
from bayesnn.samplers.gibbs import joint, joint_density, readout_candidates, sign_moves
from bayesnn.samplers.gibbs.joint import JointGibbs
from bayesnn.samplers.gibbs.joint_density import Point
from bayesnn.samplers.gibbs.joint_state import target_of
from bayesnn.samplers.gibbs.weight_moves import WeightGibbs

HYPER = ShallowHyperparameters(
    readout_guess=0.7, readout_size=5.0, readout_mean=0.4, unit_guess=0.6, unit_size=6, unit_mean=0.2
)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 2))
CODES = np.arange(12) % 3
CLASSES = shallow(2, likelihood=Categorical(("a", "b", "c")), hyper=HYPER, linear=True)
QUICK = {"warmup": 20, "draws": 20, "chains": 2, "progress": False}


@pytest.fixture(autouse=True)
def precise():
    with double():
        yield


@functools.cache
def state_of(model):
    sampler = Gibbs().kernel(model).sampler
    y = jnp.asarray(RNG.normal(size=12))
    return jax.jit(lambda key: sampler.init(key, model, jnp.asarray(X), y))(jax.random.key(0))


def some_point(m=2, q=3, k=5, functions=3) -> Point:
    rng = np.random.default_rng(1)
    shapes = (m, q), (q,), (k, functions), (functions,)
    return Point(*(jnp.asarray(rng.normal(size=shape)) for shape in shapes))


def test_the_gradient_is_that_of_the_density():
    model = shallow(2, likelihood=Heteroskedastic(), hyper=HYPER, intercept=True, linear=True)
    target = target_of(state_of(model), model, jnp.asarray(X), jnp.asarray(X[:, 0]), None, None)
    point = some_point(functions=2)
    density = functools.partial(jax.jit, compiler_options=geweke.QUICK)(lambda p: joint_density.log_density(p, target))
    _, gradient = density(point)
    for name in Point._fields:
        value = getattr(point, name)
        step = jnp.asarray(np.random.default_rng(2).normal(size=value.shape))
        ends = [density(point._replace(**{name: value + h * step}))[0] for h in (1e-3, -1e-3)]
        # psi is in single precision, so differences of the likelihood are good to about 1e-7 / 1e-3
        np.testing.assert_allclose((ends[0] - ends[1]) / 2e-3, jnp.sum(getattr(gradient, name) * step), rtol=2e-3)


def test_the_spread_is_integrated_out():
    """Bayes: p(units) = p(units | S) p(S) / p(S | units) for any S, and the same for the readout weights."""
    target = target_of(state_of(CLASSES), CLASSES, jnp.asarray(X), jnp.asarray(CODES), None, None)
    prior = CLASSES.prior
    matrix, beta_variance = np.array([[1.0, 0.2, 0.1], [0.2, 0.8, 0.0], [0.1, 0.0, 1.4]]), 0.9
    units, weights = [], []
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        gamma, mu, beta, mean = rng.normal(size=(2, 3)), rng.normal(size=3), rng.normal(size=2), rng.normal()
        guess, centre, variance = prior.unit_matrices(3)
        scale, centred = prior.unit_size_for(3) * guess, gamma - mu
        direct = stats.multivariate_normal.logpdf(gamma, mu, matrix).sum() + stats.multivariate_normal.logpdf(
            mu, centre, variance
        )
        direct += stats.invwishart.logpdf(matrix, 6, scale) - stats.invwishart.logpdf(
            matrix, 8, scale + centred.T @ centred
        )
        units.append(float(joint_density.units_prior(jnp.asarray(gamma), jnp.asarray(mu), target)[0]) - direct)

        coefficients = np.zeros((5, 1))
        coefficients[:2, 0] = beta
        squares = np.sum((beta - mean) ** 2)
        direct = stats.norm.logpdf(beta, mean, beta_variance**0.5).sum() + stats.norm.logpdf(mean, 0.4, 1.0)
        direct += stats.invgamma.logpdf(beta_variance, 2.5, scale=1.75)
        direct -= stats.invgamma.logpdf(beta_variance, 3.5, scale=1.75 + squares / 2)
        found = joint_density.readout_prior(jnp.asarray(coefficients), jnp.asarray([mean]), 2, target)[0]
        weights.append(float(found) - direct)
    np.testing.assert_allclose(units[0], units[1], rtol=1e-9)
    np.testing.assert_allclose(weights[0], weights[1], rtol=1e-9)


def test_weights_of_candidates_estimate_the_marginal_likelihood():
    """With two Gaussian outputs it is known in closed form."""
    model = shallow(2, likelihood=Gaussian(outputs_named=("a", "b")), hyper=HYPER, linear=True)
    y, x = jnp.asarray(RNG.normal(size=(12, 2))), jnp.asarray(X)
    state = state_of(model)._replace(latents={"noise_precision": jnp.array([2.0, 5.0])})
    target, terms = target_of(state, model, x, y, None, None), model.terms(X.shape[1:])
    precision = jnp.array([0.8, 1.7])

    @functools.partial(jax.jit, compiler_options=geweke.QUICK)
    def weighted(key):
        arm = readout_candidates.arm_of(target.design(state.gamma), precision, target, terms, None)
        numbers = readout_candidates.t_numbers(key, (4000, 2 * terms.size))
        return arm, readout_candidates.log_weights(readout_candidates.candidates_of(numbers, arm), arm, target)

    arm, log_weight = weighted(jax.random.key(0))
    weight = np.exp(log_weight - log_weight.max())
    mean, error = weight.mean(), weight.std() / np.sqrt(len(weight))
    direct = sum(
        readout.log_marginal(
            readout.products(arm.design.T, y[:, j]), model.prior.collapsed_given(terms, 1 / precision[j]), noise
        )
        for j, noise in enumerate((2.0, 5.0))
    )
    direct -= special.gammaln(
        readout_candidates.DEGREES / 2
    )  # the constant of the t distribution that log_t leaves out
    assert abs(mean - np.exp(direct - log_weight.max())) < 4 * error
    assert error < 0.05 * mean


def test_flips_take_two_different_units():
    pairs = np.array([sign_moves.two_units(jax.random.key(i), 3) for i in range(40)])
    assert (pairs[:, 0] != pairs[:, 1]).all()
    assert set(pairs.ravel().tolist()) == {0, 1, 2}
    assert all(int(i) == 0 for i in sign_moves.two_units(jax.random.key(0), 1))


def test_arms_of_signs_are_the_same_from_each_of_them():
    """And their modes are those that Newton's steps from zero find, since a flip does not change the function."""
    target = target_of(state_of(CLASSES), CLASSES, jnp.asarray(X), jnp.asarray(CODES), None, None)
    terms, precision = CLASSES.terms(X.shape[1:]), jnp.ones(3)
    compiled = functools.partial(jax.jit, compiler_options=geweke.QUICK)
    of_pair = compiled(lambda gamma: sign_moves.arms_of(gamma, (0, 1), precision, target, terms))
    of_zero = compiled(
        jax.vmap(lambda g: readout_candidates.arm_of(target.design(g), precision, target, terms, None, steps=30))
    )
    gamma = some_point().gamma
    units, arms = of_pair(gamma)
    np.testing.assert_array_equal(units[0], gamma)
    for i in range(1, 4):
        seen, others = of_pair(units[i])
        order = [int(np.flatnonzero((np.asarray(seen) == unit).all(axis=(1, 2)))[0]) for unit in np.asarray(units)]
        np.testing.assert_array_equal(np.asarray(others.mode)[order], arms.mode)
        np.testing.assert_array_equal(np.asarray(others.cholesky)[order], arms.cholesky)
    own = of_zero(units)
    np.testing.assert_allclose(arms.mode, own.mode, atol=1e-2)
    np.testing.assert_allclose(arms.cholesky, own.cholesky, atol=3e-2)


def test_candidates_for_the_centre_of_units_take_their_spread_around_the_prior_mean():
    prior, gamma = CLASSES.prior, some_point().gamma
    guess, mean, variance = prior.unit_matrices(3)
    size, centred = prior.unit_size_for(3), np.asarray(gamma) - mean
    spread = (size * guess + centred.T @ centred) / (size + 2)
    precision = np.linalg.inv(variance) + 2 * np.linalg.inv(spread)
    centre, root = sign_moves.centre_of(gamma, prior, None)
    np.testing.assert_allclose(root @ root.T, precision, rtol=1e-9)
    expected = mean + np.linalg.solve(precision, np.linalg.solve(spread, centred.sum(axis=0)))
    np.testing.assert_allclose(centre, expected, rtol=1e-9)


@pytest.mark.parametrize("architecture", [None, "random"])
def test_the_linear_term_is_held_where_the_readout_is_long(architecture, monkeypatch):
    """The density of what is left is that of the whole point, up to the prior of the linear term."""
    model = shallow(2, likelihood=CLASSES.likelihood, hyper=HYPER, linear=architecture or True, intercept=True)
    state = state_of(model)
    target = target_of(state, model, jnp.asarray(X), jnp.asarray(CODES), jnp.asarray(0.1 * X[:, 0]), None)
    terms, point = model.terms(X.shape[1:]), some_point()

    @jax.jit
    def compared(point, same):
        shorter, given, fewer = sign_moves.without_linear(point, target, terms)
        assert fewer.size == 3 and shorter.coefficients.shape == (3, 3)
        whole = [joint_density.log_density(one, target)[0] for one in (same, point)]
        of_rest = same._replace(coefficients=same.coefficients[:3])
        rest = [joint_density.log_density(one, given)[0] for one in (of_rest, shorter)]
        return (given.function(shorter), rest[0] - rest[1]), (target.function(point), whole[0] - whole[1])

    found, expected = compared(point, some_point()._replace(gamma=point.gamma + 0.3))
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-9)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-9)

    def moved(source, point, beta_precision, target, terms):
        return point._replace(coefficients=point.coefficients + terms.size), jnp.asarray(True)

    monkeypatch.setattr(sign_moves, "flip", moved)
    for limit, expected in ((15, [5.0] * 5), (14, [3.0, 3.0, 3.0, 0.0, 0.0])):
        monkeypatch.setattr(sign_moves, "MOST_COEFFICIENTS", limit)
        flipped = jax.jit(lambda point: sign_moves.flip_signs(jax.random.key(0), point, jnp.ones(3), target, terms)[0])
        found = flipped(point)
        np.testing.assert_allclose((found.coefficients - point.coefficients)[:, 0], expected)


@pytest.mark.parametrize(
    "likelihood",
    [
        Categorical(("a", "b", "c")),
        Poisson(0.0),
        Heteroskedastic(),
        Gaussian(outputs_named=("a", "b")),
        Gaussian(noise_scale=1.0),
    ],
    ids=lambda likelihood: type(likelihood).__name__,
)
def test_information_is_the_variance_of_the_score(likelihood):
    f = jnp.asarray(np.random.default_rng(3).normal(size=(1, *likelihood.outputs)))
    nuisance = {"sigma": jnp.full(likelihood.outputs, 0.7)} if isinstance(likelihood, Gaussian) else {}

    @jax.jit
    def scores(key):
        y = likelihood.distribution(f, **nuisance).sample(key, (40000,))
        one = jax.grad(lambda f, y: likelihood.distribution(f, **nuisance).log_prob(y).sum())
        return jax.vmap(one, (None, 0))(f, y), likelihood.information(f, **nuisance)

    score, information = map(np.asarray, scores(jax.random.key(0)))
    score = score.reshape(len(score), -1)
    products = score[:, :, None] * score[:, None]
    expected = information.reshape(products.shape[1:])
    z = (products.mean(axis=0) - expected) / (products.std(axis=0) / np.sqrt(len(score)) + 1e-12)
    assert np.abs(z).max() < 5


def test_which_models_it_serves():
    assert Gibbs().kernel(CLASSES) == StepsKernel(JointGibbs(), CLASSES)
    assert Gibbs(sweeps=30, trajectory=5).kernel(CLASSES) == StepsKernel(JointGibbs(8, 5, 3), CLASSES)
    assert Gibbs(weights="hmc").kernel(CLASSES) == StepsKernel(WeightGibbs("hmc", 20, 10), CLASSES)
    with pytest.raises(ValueError, match='weights="joint" is for bnn.shallow.*leave weights at its default'):
        Gibbs(weights="joint").check(shallow(2, likelihood=StudentT()))
    with pytest.raises(ValueError, match='weights="joint" does not keep to the maps.*autoregression=False'):
        bnn.fit(shallow(1, linear=True), bnn.lagged(RNG.normal(size=9), 1), sampler=Gibbs(weights="joint"), **QUICK)
    assert JointGibbs(sweeps=3).rounds(state_of(CLASSES)) == (JointGibbs(sweeps=1), 3)


@pytest.mark.slow
def test_separated_classes_and_classes_that_never_occur_have_finite_answers():
    x, y = np.linspace(-2, 2, 12)[:, None], np.repeat(["a", "b"], 6)
    fit = bnn.fit(bnn.shallow(2, likelihood=Categorical(("a", "b", "never"))), x, y, **QUICK)
    assert str(fit.sampler).startswith("Gibbs")
    probability = bnn.predict(fit, x, kind="probability")
    assert np.isfinite(probability).all()
    assert (probability.mean(("chain", "draw"))[:, 2] < 0.3).all()
    weighted = bnn.fit(fit.model, x, y, weights=np.where(y == "a", 0.0, 1.0), **QUICK)
    assert np.isfinite(weighted.idata["posterior"]["beta"]).all()
    alone = bnn.fit(bnn.shallow(1, likelihood=Categorical()), x, ["c", *y[1:]], weights=[0.0] + [1.0] * 11, **QUICK)
    assert np.isfinite(alone.idata["log_likelihood"]["y"]).all()  # of a class that occurs with weight zero alone
    assert float(alone.idata["posterior"]["beta"].std()) > 0


@pytest.mark.slow
def test_random_architectures_and_tempering_serve_classes():
    y = np.array(["a", "b", "c"])[CODES]
    model = shallow(bnn.Geometric(0.5, 3), likelihood=Categorical(), linear="random")
    fit = bnn.fit(model, X, y, **QUICK)
    assert set(np.unique(fit.idata["posterior"]["M"])) <= {0, 1, 2, 3}
    fit = bnn.fit(shallow(bnn.Geometric(0.5, 2)), X, np.stack([X[:, 0], X[:, 1] ** 2], axis=1), **QUICK)
    assert fit.idata["posterior"]["beta"].dims == ("chain", "draw", "unit", "output")
    tempered = bnn.fit(shallow(1, likelihood=Categorical()), X, y, sampler=bnn.Tempered(Gibbs(), 3), **QUICK)
    assert np.isfinite(tempered.idata["posterior"]["gamma"]).all()


def functions_of(fit, x):
    """Function values (chain, draw, ...) on the scale the model sees."""
    rows = jnp.asarray(fit.inputs(x))
    sites = {name: jnp.asarray(values) for name, values in fit.draws().items()}
    values = np.asarray(jax.vmap(lambda draw: fit.model.function(draw, rows))(sites))
    return values.reshape(4, -1, values[0].size)


@pytest.mark.slow
@pytest.mark.parametrize(
    "likelihood", [Categorical(), Poisson(), Heteroskedastic(), Gaussian()], ids=lambda spec: type(spec).__name__
)
def test_it_agrees_with_nuts(likelihood):
    """Mean, and mean square, of the function at every row, in units of the standard errors of both samplers.

    Several Gaussian outputs are served by the collapsed sweep, the others by the joint one.
    """
    rng = np.random.default_rng(4)
    x = rng.normal(size=(40, 1))
    f = np.tanh(2 * x[:, 0])
    y = {
        "Categorical": (3 / (1 + np.exp(-2 * f - rng.logistic(size=40)))).astype(int),
        "Poisson": rng.poisson(np.exp(f)),
        "Heteroskedastic": f + np.exp(0.5 * x[:, 0] - 1) * rng.normal(size=40),
        "Gaussian": np.stack([f + 0.5 * rng.normal(size=40), -f + 0.8 * rng.normal(size=40)], axis=1),
    }[type(likelihood).__name__]
    # with an intercept both signs of the unit give the same functions; without, NUTS stays at one of them
    model = shallow(1, likelihood=likelihood, intercept=True)
    found = []
    for sampler in ("gibbs", "nuts"):
        fit = bnn.fit(model, x, y, sampler=sampler, draws=2000, warmup=1000, key=3, progress=False)
        values = functions_of(fit, x[::5])
        values = np.concatenate([values, values**2], axis=-1)
        split = values.reshape(4 * 8, 250, -1).mean(axis=1)  # means of batches, whose variance tells the error
        found.append((values.mean(axis=(0, 1)), split.var(axis=0, ddof=1) / len(split)))
    (first, a), (second, b) = found
    z = (first - second) / np.sqrt(a + b)
    limit = stats.t.isf(1e-4 / z.size / 2, 2 * 31)
    assert np.abs(z).max() < limit, z.round(1)


class Reached(Exception):
    """The moves of single units are reached with these hyperparameters."""


def test_what_the_trajectory_integrates_out_is_drawn_anew_before_units_move(monkeypatch):
    """S_gamma and sigma_beta of before the trajectory belong to other units; the joint distribution hardly shows it."""

    def stop(key, point, hyper, *rest):
        raise Reached(hyper)

    monkeypatch.setattr(joint, "flip_signs", lambda key, point, *rest: (point, None))
    monkeypatch.setattr(joint, "move_jointly", lambda key, point, *rest: (point, jnp.asarray(1.0)))
    monkeypatch.setattr(joint, "move_units", stop)
    state = state_of(CLASSES)
    with pytest.raises(Reached) as reached:
        JointGibbs().sweep(jax.random.key(1), state, CLASSES, jnp.asarray(X), jnp.asarray(CODES))
    (hyper,) = reached.value.args
    assert not np.allclose(hyper.s_gamma.factor, state.hyper.s_gamma.factor)
    assert not np.isclose(hyper.beta_precision, state.hyper.beta_precision).any()
