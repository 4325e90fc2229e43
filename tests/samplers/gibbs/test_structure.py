"""Moves between architectures against densities computed from scratch."""

import itertools
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

import bayesnn as bnn
from bayesnn._internal import runtime
from bayesnn._internal.conditionals import Covariance
from bayesnn.fitting.binding import bind_lags
from bayesnn.likelihoods.working_rows import gaussian_rows
from bayesnn.models import readout
from bayesnn.models.random_architecture import Structure
from bayesnn.priors.autoregression import LagRegion
from bayesnn.priors.shallow_hyper import Hyper
from bayesnn.samplers.gibbs import birth_death, structure, structure_moves
from bayesnn.samplers.gibbs.gibbs import Gibbs
from bayesnn.samplers.gibbs.structure import Conditioning, UnitsAndStructure

N, M, P = 9, 4, 3
MU = np.array([0.3, -0.2, 0.1, 0.5])
S = np.diag([1.0, 0.6, 0.8, 0.4]) + 0.1
HYPER = bnn.ShallowHyperparameters(
    readout_mean=0.7, readout_mean_variance=2.5, intercept_variance=3.0, linear_variance=0.4
)
NOISE_PRECISION, VARIANCE = 5.0, 0.6


@pytest.fixture(autouse=True)
def double_precision():
    with runtime.double():
        yield


def problem(intercept=True, linear="random", lags="random", maximum=M, alpha=0.3):
    model = bnn.shallow(bnn.Geometric(alpha, maximum), intercept=intercept, linear=linear, lags=lags, hyper=HYPER)
    rng = np.random.default_rng(0)
    hyper = Hyper(np.array(0.4), np.array(1 / VARIANCE), MU, Covariance(np.linalg.cholesky(S), np.linalg.inv(S)))
    hyper = jax.tree.map(lambda a: jnp.asarray(a, float), hyper)
    x, y = jnp.asarray(rng.normal(size=(N, P))), jnp.asarray(rng.normal(size=N))
    return Conditioning(bind_lags(model, 2), x, gaussian_rows(y), hyper, jnp.asarray(NOISE_PRECISION))


def some_units(count=M):
    return np.random.default_rng(1).normal(size=(count, P + 1))


def from_scratch(problem, gamma, units, linear, order):
    """log p(y | architecture) as the density of a multivariate normal."""
    x = np.asarray(problem.x).copy()
    if problem.random.lags is not None:
        x[:, order:2] = 0.0  # two lags, and one other input
    inputs = np.column_stack([np.ones(N), x])
    z = 1 / (1 + np.exp(-inputs @ gamma[:units].T))
    columns = [z, *([np.ones((N, 1))] if problem.model.intercept else []), *([x] if linear else [])]
    variances = [3.0] * problem.model.intercept + [0.4] * (P if linear else 0)
    design = np.concatenate(columns, axis=1)
    prior = np.diag([VARIANCE] * units + variances)
    prior[:units, :units] += 2.5
    mean = design @ np.array([0.7] * units + [0.0] * len(variances))
    covariance = design @ prior @ design.T + np.eye(N) / NOISE_PRECISION
    return stats.multivariate_normal.logpdf(np.asarray(problem.working.target), mean, covariance)


def table(problem, gamma, current, units=True):
    orders = jnp.arange(1, 3) if problem.random.lags is not None else jnp.array([0])
    everything = Structure(jnp.asarray(len(gamma)), jnp.asarray(1), jnp.asarray(0))

    @jax.jit
    def compiled(gamma):
        grams = jax.vmap(lambda p: structure.gram_matrix(problem, gamma, everything._replace(lags=p)))(orders)
        return structure.architecture_scores(problem, grams, orders, current, units=units)

    return compiled(jnp.asarray(gamma))


STATE = Structure(jnp.asarray(2), jnp.asarray(1), jnp.asarray(1))


KINDS = [(False, False, None), (True, "random", "random"), (False, True, "random")]
OTHERS = [
    kind for kind in itertools.product([False, True], [False, True, "random"], [None, "random"]) if kind not in KINDS
]


@pytest.mark.parametrize(
    ("intercept", "linear", "lags"), [*KINDS, *(pytest.param(*kind, marks=pytest.mark.slow) for kind in OTHERS)]
)
def test_one_factor_gives_the_density_of_every_architecture(intercept, linear, lags):
    case = problem(intercept, linear, lags)
    found = table(case, some_units(), STATE._replace(linear=jnp.asarray(int(bool(linear)))))
    prior = np.log([0.3**m for m in range(M + 1)]) - np.log(sum(0.3**m for m in range(M + 1)))
    for (i, order), (j, included), m in itertools.product(
        enumerate(np.asarray(found.orders)), enumerate(np.asarray(found.linear)), range(M + 1)
    ):
        exact = from_scratch(case, some_units(), m, included, order) + prior[m]
        # columns are rounded to single precision
        np.testing.assert_allclose(found.values[i, j, m], exact, rtol=2e-6)


def exact_columns(monkeypatch):
    """The logistic function in double precision."""
    monkeypatch.setattr(structure, "activations", lambda gamma, inputs: jax.nn.sigmoid(gamma @ inputs))


def test_the_nested_densities_are_exact_to_rounding(monkeypatch):
    exact_columns(monkeypatch)
    case = problem()
    found = table(case, some_units(), STATE, units=False)
    assert np.isneginf(np.delete(found.values, 2, axis=-1)).all()
    found = table(case, some_units(), STATE)
    prior, general = case.random.hidden.log_probabilities(), masked_log_marginal(case)
    for i, j, m in itertools.product(range(2), range(2), range(M + 1)):
        exact = from_scratch(case, some_units(), m, j, i + 1)
        np.testing.assert_allclose(found.values[i, j, m] - prior[m], exact, rtol=1e-10)
        np.testing.assert_allclose(general(Structure(m, j, i + 1)), exact, rtol=1e-10)


def masked_log_marginal(case):
    """The marginal density by the general formula, as a function of the structure."""
    terms = case.model.terms((P,))

    @jax.jit
    def density(state):
        gram = structure.gram_matrix(case, jnp.asarray(some_units()), state)
        prior = case.prior.collapsed_given(terms, VARIANCE, case.model.masks(state, (P,)).coefficients)
        return readout.log_marginal(structure.products_of(gram, case.working), prior, NOISE_PRECISION)

    return density


def test_scores_of_several_outputs_are_sums():
    case = problem()
    y = np.stack([case.working.target, np.random.default_rng(3).normal(size=N)], axis=1)
    each = [
        table(case._replace(working=gaussian_rows(jnp.asarray(y[:, i]))), some_units(), STATE).values for i in (0, 1)
    ]
    hyper = case.hyper._replace(beta_precision=jnp.repeat(case.hyper.beta_precision, 2))
    precisions = jnp.full(2, NOISE_PRECISION)
    both = case._replace(working=gaussian_rows(jnp.asarray(y)), hyper=hyper, noise_precision=precisions)
    prior = case.random.hidden.log_probabilities()
    np.testing.assert_allclose(table(both, some_units(), STATE).values, each[0] + each[1] - prior, rtol=1e-9)


# What is redrawn


def refreshed(state, count=20000):
    case = problem()
    keys = jax.random.split(jax.random.key(0), count)
    gamma = jnp.asarray(some_units())
    return np.asarray(jax.jit(jax.vmap(lambda k: structure.refreshed(k, gamma, case, state)))(keys))


def test_idle_units_and_unused_weights_are_drawn_from_their_conditional_prior():
    drawn = refreshed(STATE)  # two units, the first lag of two
    kept, free = [0, 1, 3], [2]
    np.testing.assert_allclose(drawn[:, :2][..., kept], np.broadcast_to(some_units()[:2][:, kept], (20000, 2, 3)))
    weights = S[np.ix_(free, kept)] @ np.linalg.inv(S[np.ix_(kept, kept)])
    mean = MU[free] + (some_units()[:2][:, kept] - MU[kept]) @ weights.T
    variance = (S[np.ix_(free, free)] - weights @ S[np.ix_(kept, free)])[0, 0]
    z = (drawn[:, :2, 2].mean(axis=0) - mean[:, 0]) / np.sqrt(variance / 20000)
    assert (np.abs(z) < 4).all()
    np.testing.assert_allclose(drawn[:, :2, 2].var(axis=0), variance, rtol=4 * np.sqrt(2 / 20000))
    idle = drawn[:, 2:].reshape(-1, P + 1)
    assert (np.abs(idle.mean(axis=0) - MU) < 4 * np.sqrt(np.diag(S) / len(idle))).all()
    np.testing.assert_allclose(np.cov(idle.T), S, atol=4 * 1.1 * np.sqrt(2 / len(idle)))


def test_units_in_use_are_shuffled_among_themselves():
    gamma = jnp.arange(6.0)[:, None]
    shuffle = jax.jit(jax.vmap(lambda key: structure.shuffled(key, gamma, 3)))
    drawn = np.asarray(shuffle(jax.random.split(jax.random.key(1), 6000)))[..., 0].astype(int)
    np.testing.assert_array_equal(drawn[:, 3:], np.broadcast_to([3, 4, 5], (6000, 3)))
    _, counts = np.unique(drawn[:, :3], axis=0, return_counts=True)
    assert len(counts) == 6
    assert stats.chisquare(counts).pvalue > 1e-4


# Birth and death


def test_the_acceptance_ratio_of_a_birth(monkeypatch):
    exact_columns(monkeypatch)
    monkeypatch.setattr(birth_death, "gram_matrix", structure.gram_matrix)
    case, gamma = problem(), some_units()
    body = UnitsAndStructure(jnp.asarray(gamma), STATE)
    ratio = jax.jit(lambda smaller: birth_death.log_ratio(body.gamma, body, case, smaller))
    for smaller in range(M):
        np.testing.assert_allclose(float(ratio(smaller)), exact_ratio(case, gamma, smaller), rtol=1e-9)


def exact_ratio(case, gamma, smaller):
    """Marginal densities, priors and proposals of a birth from `smaller` units, each from scratch."""
    normal = stats.multivariate_normal
    weights, sd = birth_death.WEIGHTS, birth_death.SPREAD
    unit, prior = gamma[smaller], normal.logpdf(gamma[smaller], MU, S)
    parts = [np.log(weights[0]) + prior, np.log(weights[1]) + normal.logpdf(unit, np.zeros(P + 1), sd**2)]
    parts += [np.log(weights[2] / smaller) + normal.logpdf(unit, g, sd**2 * S) for g in gamma[:smaller]]
    if smaller == 0:
        parts[0] = np.log(weights[0] + weights[2]) + prior
    births = [1.0, *[0.5] * (M - 1), 0.0]
    exact = from_scratch(case, gamma, smaller + 1, 1, 1) - from_scratch(case, gamma, smaller, 1, 1) + np.log(0.3)
    return exact + prior - logsumexp(parts) + np.log(1 - births[smaller + 1]) - np.log(births[smaller])


@pytest.mark.parametrize("count", [0, 2])
def test_proposals_have_their_density(count):
    """E_q[p/q] = 1 for any density p, here the prior widened by little so that the ratio is bounded."""
    case, gamma = problem(), some_units()

    def ratios():
        def one(key):
            unit = birth_death.propose(key, jnp.asarray(gamma), jnp.asarray(count), case.hyper)
            target = birth_death.log_normal(unit - case.hyper.mu_gamma, case.hyper, 0.9)
            return jnp.exp(target - birth_death.log_proposal(unit, jnp.asarray(gamma), jnp.asarray(count), case.hyper))

        return np.asarray(jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(2), 20000)))

    values = ratios()
    assert abs(values.mean() - 1) < 4 * values.std() / np.sqrt(len(values))


# The draw


def test_where_no_density_is_usable_the_architecture_stays():
    empty = structure.ArchitectureScores(jnp.full((2, 2, 5), jnp.nan), jnp.arange(1, 3), jnp.arange(2))
    current = Structure(jnp.asarray(3), jnp.asarray(0), jnp.asarray(2))
    chosen, place = structure.choose(jax.random.key(0), empty, current)
    assert [int(v) for v in chosen] == [3, 0, 2]
    assert int(place) == 1


def test_draws_have_the_probabilities_of_the_table():
    rng = np.random.default_rng(3)
    values = rng.normal(size=(2, 2, 3))
    drawn = jax.vmap(
        lambda key: structure.choose(
            key, structure.ArchitectureScores(jnp.asarray(values), jnp.arange(1, 3), jnp.arange(2)), STATE
        )
    )(jax.random.split(jax.random.key(4), 20000))[0]
    cell = np.ravel_multi_index((drawn.lags - 1, drawn.linear, drawn.units), values.shape)
    expected = np.exp(values - logsumexp(values)).ravel() * 20000
    assert stats.chisquare(np.bincount(cell, minlength=12), expected).pvalue > 1e-4


def test_a_move_inside_a_region_leaves_no_trace_in_the_order_of_the_units():
    """A new unit may have any place: the move shuffles first, and one that may be refused must be its own reverse."""
    region = LagRegion((1,), largest_root=1e6)
    model = bnn.shallow(bnn.Geometric(1.0, 3), linear=True)
    model = replace(model, prior=replace(model.prior, region=region))
    x, y = jnp.asarray(np.random.default_rng(2).normal(size=(6, 1))), jnp.zeros(6)
    state = Gibbs().init(jax.random.key(0), model, x, y + jnp.arange(6))
    state = state._replace(structure=state.structure._replace(units=jnp.asarray(1)), noise_precision=jnp.ones(()))

    def moved(key):
        new = structure_moves.move_structure_inside(False, key, state, model, x, gaussian_rows(y))
        return new.structure.units, jnp.argmax(new.gamma[:, 0] == state.gamma[0, 0])

    units, place = (np.asarray(v) for v in jax.jit(jax.vmap(moved))(jax.random.split(jax.random.key(1), 2000)))
    first = place[units == 2] == 0
    assert len(first) > 100
    assert stats.binomtest(int(first.sum()), len(first), 0.5).pvalue > 1e-4


@pytest.mark.parametrize("kind", ["exact", "birth_death"])
def test_the_hottest_copy_draws_architectures_from_their_prior(kind):
    """A likelihood to the power of zero, as at the end of a ladder, has no precision, whose logarithm is none."""
    model = bnn.shallow(bnn.Geometric(0.6, 2))
    rng = np.random.default_rng(3)
    x, y = jnp.asarray(rng.normal(size=(5, 1))), jnp.asarray(rng.normal(size=5))
    gibbs = Gibbs(sweeps=30, candidates=1, structure=kind)
    start = gibbs.init(jax.random.key(0), model, x, y)._replace(temperature=jnp.zeros(()))
    one = jax.jit(jax.vmap(lambda key: gibbs.step(key, start, model, x, y)[0].structure.units))
    counts = np.bincount(np.asarray(one(jax.random.split(jax.random.key(1), 400))), minlength=3)
    assert stats.chisquare(counts, 400 * model.architecture.hidden.probabilities()).pvalue > 1e-4
