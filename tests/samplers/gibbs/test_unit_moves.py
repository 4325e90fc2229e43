"""Moves of one unit at a time and the reflection of all, against densities computed from scratch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from bayesnn._internal.conditionals import Covariance
from bayesnn._internal.runtime import computing
from bayesnn.likelihoods.working_rows import gaussian_rows
from bayesnn.models import readout
from bayesnn.priors import GaussianPrior
from bayesnn.priors.shallow_hyper import Hyper
from bayesnn.samplers.gibbs import unit_moves
from bayesnn.samplers.gibbs.proposals import PROPOSALS, Candidates, Proposal
from bayesnn.samplers.gibbs.reflections import as_products, reflected_products

N, M, K, Q = 12, 3, 5, 3
NOISE_PRECISION = 4.0
WEIGHTS = np.linspace(0.0, 2.0, N)  # the first row says nothing
MU = np.array([0.3, -0.2, 0.1])
S = np.array([[1.0, 0.2, 0.0], [0.2, 0.6, -0.1], [0.0, -0.1, 0.8]])
HYPER = Hyper(np.array(0.4), np.array(1.0), MU, Covariance(np.linalg.cholesky(S), np.linalg.inv(S)))
AS_TOLD = Proposal(None, lambda score, noise: noise)  # what is chosen is given in place of the noise
# psi is rounded to single precision, so two ways to a column in [0, 1] may differ by a few of its units.
COLUMN_ERROR = 4 * np.finfo(np.float32).eps


def problem(extras):
    """gamma, candidates, inputs (q, n), extra columns, y, and a prior that is neither centred nor diagonal."""
    rng = np.random.default_rng(extras)
    x = rng.normal(size=(Q - 1, N))
    inputs = np.concatenate([np.ones((1, N)), x])
    of_unit = np.arange(M + extras) < M
    covariance = np.diag(np.where(of_unit, 0.7, 2.0)) + 1.5 * np.outer(of_unit, of_unit)
    prior = GaussianPrior(np.where(of_unit, 0.4, 0.0), covariance, np.linalg.inv(covariance))
    return rng.normal(size=(M, Q)), rng.normal(size=(M, K, Q)), inputs, inputs[:extras], rng.normal(size=N), prior


@computing
def log_marginal(rows, y, prior, weights=None):
    """log p(y | design), computed from scratch for the design with these rows (k, n) and case weights (n,)."""
    return float(_log_marginal(rows, y, prior, weights))


@jax.jit
def _log_marginal(rows, y, prior, weights):
    return readout.log_marginal(readout.products(rows.T, y, weights), prior, NOISE_PRECISION)


@computing
def scores(j, rows, y, candidates, prior, noise_precision=NOISE_PRECISION, compiled=None):
    """Scores of the current column j and of the candidates (c, n), of one target (n,) or several (K, n)."""
    everyone = np.concatenate([rows[j][None], candidates])
    whole = np.concatenate([rows, np.atleast_2d(y), np.ones((1, N))])
    products = whole @ whole.T, whole @ everyone.T, np.sum(everyone**2, axis=1)
    given = (jnp.asarray(a) for a in (j, *products))
    return np.asarray((compiled or _scores)(*given, prior, jnp.asarray(noise_precision)))


def scores_given(j, gram, cross, squares, prior, noise_precision):
    return unit_moves.scores(j, gram, cross, squares, readout.precision_of(prior), noise_precision)


_scores = jax.jit(scores_given)
_activations = jax.jit(unit_moves.activations)


@computing
def activations(gamma, inputs):
    return np.asarray(_activations(jnp.asarray(gamma), jnp.asarray(inputs)))


# Scores


@pytest.mark.parametrize("extras", [0, 3])
@pytest.mark.parametrize("j", range(M))
def test_scores_are_log_densities_but_for_a_constant(j, extras):
    rng = np.random.default_rng(7)
    *_, extra, y, prior = problem(extras)
    rows = np.concatenate([rng.uniform(size=(M, N)), extra])
    candidates = rng.uniform(size=(K, N))
    exact = []
    for column in [rows[j], *candidates]:
        changed = rows.copy()
        changed[j] = column
        exact.append(log_marginal(changed, y, prior))

    def agrees(ours):
        return np.allclose(ours - ours[0], np.array(exact) - exact[0], rtol=1e-8, atol=1e-10)

    assert agrees(scores(j, rows, y, candidates, prior))
    assert not agrees(scores(j, rows, y, candidates, prior._replace(mean=1.01 * prior.mean)))
    assert not agrees(scores(j, rows, y, candidates, prior, 1.01 * NOISE_PRECISION))


def two_outputs(prior):
    """A prior for each of two outputs, with the axis of outputs first, and their error precisions."""
    other = GaussianPrior(prior.mean - 0.7, 2.0 * prior.covariance, prior.precision / 2.0)
    return jax.tree.map(lambda *each: np.stack(each), prior, other), np.array([NOISE_PRECISION, 0.4])


@pytest.mark.parametrize("extras", [0, 3])
def test_scores_of_several_outputs_are_sums(extras):
    rng = np.random.default_rng(7)
    *_, extra, y, prior = problem(extras)
    rows, y = np.concatenate([rng.uniform(size=(M, N)), extra]), np.stack([y, rng.normal(size=N)])
    candidates, (priors, precisions) = rng.uniform(size=(K, N)), two_outputs(prior)
    each = [
        scores(1, rows, y[i], candidates, jax.tree.map(lambda a, i=i: a[i], priors), precisions[i]) for i in range(2)
    ]
    together = scores(1, rows, y, candidates, priors, precisions)
    np.testing.assert_allclose(together, each[0] + each[1], rtol=1e-10)
    assert not np.allclose(together, scores(1, rows, y, candidates, priors, precisions[::-1]), rtol=1e-3)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
def test_products_of_several_outputs_follow_their_units(weights):
    gamma, values, inputs, extra, y, prior = problem(3)
    y, (priors, precisions) = np.stack([y, np.cos(y)]), two_outputs(prior)
    candidates = Candidates(values, np.zeros((M, K + 1)), np.array([3, 2, 4]))
    moved, _ = update(1, gamma, candidates, AS_TOLD, inputs, extra, y, priors, weights, precisions)
    design = np.concatenate([activations(moved.gamma, inputs), extra])
    found = as_products(jnp.asarray(moved.gram), (2,))
    for i in range(2):
        exact = readout.products(design.T, y[i], weights)
        each = found.gram, found.cross[i], found.square[i], found.rows
        for ours, right in zip(each, exact, strict=True):
            np.testing.assert_allclose(ours, right, rtol=1e-5)


def test_columns_that_nearly_coincide_have_finite_scores(monkeypatch):
    """s is the residual sum of squares of a column given the others, which cancellation would make negative."""
    *_, y, prior = problem(0)
    rows = np.random.default_rng(7).uniform(size=(M, N))
    copies = rows[1] + 1e-12 * np.random.default_rng(8).normal(size=(40, N))
    assert np.isfinite(scores(0, rows, y, copies, prior, noise_precision=1e16)).all()
    monkeypatch.setattr(unit_moves.jnp, "maximum", lambda value, bound: value)
    compiled = jax.jit(lambda *given: scores_given(*given))  # traced anew
    assert not np.isfinite(scores(0, rows, y, copies, prior, noise_precision=1e16, compiled=compiled)).all()


def test_activations_are_the_logistic_function_in_single_precision():
    gamma, _, inputs, *_ = problem(0)
    e = 100.0 * gamma @ inputs
    values = activations(100.0 * gamma, inputs)
    with np.errstate(over="ignore"):
        exact = 1 / (1 + np.exp(-e))
    assert values.dtype == np.float64
    # An error of half a unit in e is |e| eps / 2 in psi at most; the function itself adds a few units.
    assert (np.abs(values - exact) <= np.finfo(np.float32).eps * (np.abs(e) + 4)).all()


def test_saturated_units_are_zeros_and_ones():
    e = np.array([[-1e6, -200.0, 200.0, 1e6]])
    np.testing.assert_array_equal(activations(np.ones((1, 1)), e), [[0.0, 0.0, 1.0, 1.0]])


@pytest.mark.first_case
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("index", [0, K - 1])
def test_blocks_of_rows_give_the_products_of_all(index, weights, monkeypatch):
    gamma, values, inputs, _, y, _ = problem(0)
    rows = np.concatenate([activations(gamma, inputs), y[None], np.ones((1, N))])
    rows = rows if weights is None else rows * weights
    whole = products(values[0], rows, inputs, index, weights)
    for block in (1, 5, N):  # one row each, blocks with rows left over, and none left over
        monkeypatch.setattr(unit_moves, "BLOCK", block)
        monkeypatch.setattr(unit_moves, "FEW_BLOCKS", 1)
        for ours, exact in zip(products(values[0], rows, inputs, index, weights), whole, strict=True):
            assert np.abs(ours - exact).max() <= N * COLUMN_ERROR * np.abs(rows).max()
    assert np.abs(np.roll(whole[0], 1, axis=1) - whole[0]).max() > 0.01  # a wrong column would be seen


@computing
def products(values, rows, inputs, index, weights):
    def compute(*given):  # traced anew, since blocks differ
        found = unit_moves.candidate_products(*given)
        return found.cross, found.squares, found.column(index)

    given = (jnp.asarray(a) for a in (values, rows, inputs))
    return tuple(map(np.asarray, jax.jit(compute)(*given, None if weights is None else jnp.asarray(weights))))


# Moves


@computing
def update(key, gamma, candidates, proposal, inputs, extra, y, prior, weights=None, precision=NOISE_PRECISION):
    working = gaussian_rows(jnp.asarray(y.T), None, None if weights is None else jnp.asarray(weights))
    prior = readout.precision_of(prior)
    key = jax.random.key(key)
    moved = _update(key, gamma, candidates, proposal, HYPER, inputs, extra, working, prior, precision)
    level = np.log(jax.random.uniform(key, (M,)))  # what the flips are decided with
    return jax.tree.map(np.asarray, moved), np.asarray(level)


_update = jax.jit(unit_moves.update_units, static_argnums=3)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("extras", [0, 3])
@pytest.mark.parametrize("chosen", [(0, 0, 0), (1, 0, 5), (3, 2, 4)])
def test_units_take_the_chosen_candidates_and_the_products_follow(chosen, extras, weights):
    gamma, values, inputs, extra, y, prior = problem(extras)
    candidates = Candidates(values, np.zeros((M, K + 1)), np.array(chosen))
    for key in range(4):
        moved, _ = update(key, gamma, candidates, AS_TOLD, inputs, extra, y, prior, weights)
        taken = np.concatenate([gamma[:, None], values], axis=1)[np.arange(M), chosen]
        sign = np.where((moved.gamma == taken).all(axis=1), 1.0, -1.0)
        np.testing.assert_array_equal(moved.gamma, sign[:, None] * taken)
        np.testing.assert_array_equal(moved.moved, np.array(chosen) > 0)
        rows = np.concatenate([activations(moved.gamma, inputs), extra, y[None], np.ones((1, N))])
        size = np.maximum(np.abs(rows).max(axis=1), 1.0)
        exact = rows @ rows.T if weights is None else (rows * weights) @ rows.T
        assert (np.abs(moved.gram - exact) <= 2 * N * COLUMN_ERROR * np.outer(size, size)).all()
        np.testing.assert_allclose(moved.gram, moved.gram.T, rtol=1e-10)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("extras", [0, 3])
def test_a_sweep_is_the_loop_of_the_textbook(extras, weights):
    """Each unit in turn, given those that have moved: densities from scratch, the prior weights, the same noise."""
    gamma, values, inputs, extra, y, prior = problem(extras)
    rng = np.random.default_rng(9)
    moves, flips = set(), set()

    def log_density(trial):
        return log_marginal(np.concatenate([activations(trial, inputs), extra]), y, prior, weights)

    def log_prior(unit):
        return stats.multivariate_normal.logpdf(unit, MU, S)

    for key in range(24):
        candidates = Candidates(values, rng.normal(size=(M, K + 1)), rng.gumbel(size=(M, K + 1)))
        moved, level = update(key, gamma, candidates, PROPOSALS["prior"], inputs, extra, y, prior, weights)
        expected = gamma.copy()
        for j in range(M):
            trials = np.repeat(expected[None], K + 1, axis=0)
            trials[1:, j] = values[j]
            totals = np.array([log_density(trial) for trial in trials]) + candidates.log_weight[j]
            index = int(np.argmax(totals + candidates.noise[j]))
            expected, turned = trials[index], trials[index].copy()
            turned[j] = -turned[j]
            ratio = log_density(turned) + log_prior(turned[j]) - log_density(expected) - log_prior(expected[j])
            flip = level[j] < ratio
            expected = turned if flip else expected
            moves.add(index)
            flips.add(bool(flip))
        np.testing.assert_array_equal(moved.gamma, expected)
    assert moves == set(range(K + 1))  # every candidate was taken somewhere
    assert flips == {True, False}


@pytest.mark.first_case
@pytest.mark.parametrize("extras", [0, 3])
def test_reflecting_all_units_turns_their_columns(extras):
    gamma, _, inputs, extra, y, _ = problem(extras)
    z = 1 / (1 + np.exp(-gamma @ inputs))
    rows, turned = (np.concatenate([columns, extra, y[None], np.ones((1, N))]) for columns in (z, 1 - z))
    ours = computing(reflected_products)(rows @ rows.T, M)
    np.testing.assert_allclose(ours, turned @ turned.T, rtol=1e-10, atol=1e-10)


def test_products_are_read_off_the_gram_matrix():
    *_, extra, y, _ = problem(3)
    rows = np.concatenate([extra, y[None], np.ones((1, N))])
    data, exact = as_products(rows @ rows.T), readout.products(extra.T, y)
    for ours, right in zip(data, exact):
        np.testing.assert_allclose(ours, right, rtol=1e-10)
