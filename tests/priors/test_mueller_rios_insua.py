"""The hierarchical prior: scale of the Wishart, exact updates, shapes of the hyperparameters."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from numpyro import handlers
from quadrature import LIMIT, many, z_against, z_of_mean, z_of_moments
from scipy import special, stats

from bayesnn._internal import conditionals
from bayesnn._internal.runtime import computing
from bayesnn.layers import Dense
from bayesnn.models.network import Network
from bayesnn.priors import MuellerRiosInsua, Terms
from bayesnn.priors.shallow_hyper import Hyper

GUESS = np.array([[0.5, 0.2], [0.2, 0.8]])
PRIOR = MuellerRiosInsua(
    readout_guess=0.5,
    readout_size=5.0,
    readout_mean=0.4,
    readout_mean_variance=2.0,
    unit_guess=GUESS,
    unit_size=4.0,
    unit_mean=[1.0, -1.0],
    unit_mean_variance=[0.5, 2.0],
)
M, Q = 3, 2


def table(layers=(Dense(M),), width=1):
    return Network(layers).weights((width,))


# The Wishart


def wishart_of_the_model(key):
    trace = handlers.trace(handlers.seed(PRIOR.body, key)).get_trace(table())
    b = trace["gamma_precision_cholesky"]["value"]
    return b @ b.T, trace["S_gamma"]["value"]


def test_the_wishart_of_the_model_is_that_of_the_exact_draws():
    """E S^-1 = c_g (c_g C_g)^-1 and var (S^-1)_ij = c_g (V_ij^2 + V_ii V_jj), V = (c_g C_g)^-1, for both."""
    model, covariance = many(wishart_of_the_model, seed=0)
    exact = many(conditionals.draw_covariance, 4.0 * GUESS, 4.0, seed=1).precision
    v = np.linalg.inv(4.0 * GUESS)
    variance = 4.0 * (v**2 + np.outer(np.diag(v), np.diag(v)))
    for draws in (model, exact):
        assert z_of_mean(draws, 4.0 * v) < LIMIT
        assert z_of_mean((draws - 4.0 * v) ** 2, variance) < LIMIT
        assert z_of_mean((draws - 4.0 * v) ** 2, 1.25 * variance) > LIMIT
    error = np.abs(covariance @ model - np.eye(Q)).max(axis=(1, 2))
    assert (error <= 10 * np.finfo(float).eps * np.linalg.cond(model)).all()


# The collapsed readout


@pytest.mark.parametrize(("intercept", "predictors"), [(False, 0), (True, 0), (False, 2), (True, 2)])
def test_the_collapsed_readout_is_the_expression_on_paper(intercept, predictors):
    """beta ~ N(a_b 1, sigma_beta^2 I + A_b 11'), and independent normals for the rest."""
    prior = MuellerRiosInsua(readout_mean=0.4, readout_mean_variance=2.0, intercept_variance=3.0, linear_variance=0.2)
    collapsed = computing(prior.collapsed_given)(Terms(M, intercept, predictors), jnp.asarray(0.5))
    rest = [3.0] * intercept + [0.2] * predictors
    covariance = np.zeros((M + len(rest),) * 2)
    covariance[:M, :M] = 0.5 * np.eye(M) + 2.0
    covariance[M:, M:] = np.diag(rest)
    np.testing.assert_allclose(collapsed.mean, [0.4] * M + [0.0] * len(rest), rtol=1e-10)
    np.testing.assert_allclose(collapsed.covariance, covariance, rtol=1e-10)
    np.testing.assert_allclose(collapsed.precision, np.linalg.inv(covariance), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("used", [[1, 1, 0, 1, 1], [1, 0, 0, 1, 0], [0, 0, 0, 0, 1]])
def test_what_is_not_used_is_out_of_the_collapsed_readout(used):
    used = np.array(used, dtype=float)
    prior = MuellerRiosInsua(readout_mean=0.4, readout_mean_variance=2.0, intercept_variance=3.0, linear_variance=0.2)
    whole = computing(prior.collapsed_given)(Terms(3, True, 1), np.array(0.5))
    part = computing(prior.collapsed_given)(Terms(3, True, 1), np.array(0.5), used)
    kept = np.flatnonzero(used)
    block = np.asarray(whole.covariance)[np.ix_(kept, kept)]
    np.testing.assert_allclose(np.asarray(part.covariance)[np.ix_(kept, kept)], block, rtol=1e-10)
    np.testing.assert_allclose(np.asarray(part.precision)[np.ix_(kept, kept)], np.linalg.inv(block), rtol=1e-10)
    np.testing.assert_allclose(np.asarray(part.precision) @ np.asarray(part.covariance), np.eye(5), atol=1e-12)
    assert not part.mean[used == 0].any()


# Exact updates


@pytest.mark.parametrize(("beta", "right"), [([0.3, 1.2, -0.4], True), ([0.3, 1.2, 0.4], False)])
def test_mu_beta_against_quadrature(beta, right):
    precision = 1.3

    def log_posterior(mu):
        likelihood = stats.norm.logpdf(np.array([[0.3], [1.2], [-0.4]]), mu, precision**-0.5).sum(axis=0)
        return likelihood + stats.norm.logpdf(mu, 0.4, np.sqrt(2.0))

    draws = many(draw_mu_beta, np.array(beta), precision, seed=2)
    z = z_against(draws, log_posterior, np.linspace(-6.0, 6.0, 8001))
    assert (z < LIMIT) == right, z


draw_mu_beta = PRIOR.draw_mu_beta  # one object, compiled once


def test_completing_is_that_draw():
    key, coefficients = jax.random.key(0), np.array([0.3, 1.2, -0.4, 9.0])  # the last is the intercept
    added = computing(PRIOR.complete)(key, Terms(M, True, 0), coefficients, {"sigma_beta": np.array(1.3**-0.5)})
    drawn = computing(draw_mu_beta)(key, coefficients[:M], np.array(1.3))
    assert set(added) == {"mu_beta"}
    assert float(added["mu_beta"]) == pytest.approx(float(drawn), rel=1e-10)


def updated_replica(key, shifts):
    """nu from its prior, gamma and beta given nu, nu updated: statistics of (new nu, gamma, beta).

    The shifts are planted mistakes: cases too many for the precision, the mean and the covariance.
    """
    keys = jax.random.split(key, 7)
    guess, mean, mean_covariance = PRIOR.unit_matrices(Q)
    covariance = conditionals.draw_covariance(keys[0], jnp.asarray(4.0 * guess), 4.0)
    mu_gamma = mean + jnp.sqrt(jnp.diag(jnp.asarray(mean_covariance))) * jax.random.normal(keys[1], (Q,))
    precision = jax.random.gamma(keys[2], 2.5) / (2.5 * 0.5)
    mu_beta = 0.4 + jnp.sqrt(2.0) * jax.random.normal(keys[3])
    gamma = mu_gamma + jax.random.normal(keys[4], (M, Q)) @ covariance.factor.T
    beta = mu_beta + jax.random.normal(keys[5], (M,)) / jnp.sqrt(precision)
    with pytest.MonkeyPatch.context() as patch:
        for name, shift in zip(("draw_precision", "draw_mean", "draw_covariance"), shifts):
            right = getattr(conditionals, name)

            def wrong(key, data, count, *rest, right=right, shift=shift):
                return right(key, data, count + shift, *rest)

            patch.setattr(conditionals, name, wrong)
        new = PRIOR.draw_hyper(keys[6], Hyper(mu_beta, precision, mu_gamma, covariance), gamma, beta)
    centred = gamma - new.mu_gamma
    pivots = jnp.sqrt(new.beta_precision) * (beta - new.mu_beta)
    distances = jnp.sum((centred @ new.s_gamma.precision) * centred)
    return {
        "mu_beta": new.mu_beta,
        "mu_gamma": new.mu_gamma,
        "log_precision": jnp.log(new.beta_precision),
        "log_determinant": jnp.linalg.slogdet(new.s_gamma.precision)[1],
        "pivots": pivots,
        "squares": jnp.stack([jnp.sum(pivots**2), jnp.sum(pivots**2) ** 2]),
        "distances": jnp.stack([distances, distances**2]),
        "products": jnp.stack([pivots.sum() * (new.mu_beta - 0.4), *(centred.sum(0) * (new.mu_gamma - mean))]),
    }


def expected_z(draws):
    """Largest |z| of the statistics against what the prior and the model say of them."""
    shape = (4.0 - np.arange(Q)) / 2
    log_determinant = special.digamma(shape).sum() + Q * np.log(2) - np.linalg.slogdet(4.0 * GUESS)[1]
    chi2 = M, M * (M + 2), M * Q, M * Q * (M * Q + 2)
    return {
        "mu_beta": z_of_moments(draws["mu_beta"][:, None], np.array([0.4]), np.array([[2.0]])),
        "mu_gamma": z_of_moments(draws["mu_gamma"], np.array([1.0, -1.0]), np.diag([0.5, 2.0])),
        "log_precision": z_of_moments(
            draws["log_precision"][:, None],
            np.array([special.digamma(2.5) - np.log(2.5 * 0.5)]),
            np.array([[special.polygamma(1, 2.5)]]),
        ),
        "log_determinant": z_of_moments(
            draws["log_determinant"][:, None],
            np.array([log_determinant]),
            np.array([[special.polygamma(1, shape).sum()]]),
        ),
        "pivots": z_of_moments(draws["pivots"], np.zeros(M), np.eye(M)),
        "squares": z_of_mean(draws["squares"], np.array(chi2[:2])),
        "distances": z_of_mean(draws["distances"], np.array(chi2[2:])),
        "products": z_of_mean(draws["products"], 0.0),
    }


@pytest.mark.first_case
@pytest.mark.parametrize("mistake", [None, 0, 1, 2], ids=["right", "precision", "mean", "covariance"])
def test_the_update_leaves_the_joint_distribution_invariant(mistake):
    shifts = np.zeros(3)
    if mistake is not None:
        shifts[mistake] = 1.0
    z = expected_z(many(updated_replica, shifts, seed=3))
    assert (max(z.values()) < LIMIT) == (mistake is None), z


@pytest.mark.parametrize("mean", [0, 1, 0.4])
def test_a_chain_starts_at_the_guesses(mean):
    """A whole number for the mean must not make an integer of the state."""
    prior = MuellerRiosInsua(readout_mean=mean, readout_guess=4, unit_guess=GUESS)
    hyper = jax.tree.map(np.asarray, computing(prior.start)(jax.random.key(0), table(), Terms(M, False, 0)))
    assert {leaf.dtype for leaf in jax.tree.leaves(hyper)} == {np.dtype(np.float64)}
    assert (float(hyper.mu_beta), float(hyper.beta_precision)) == (mean, 0.25)
    np.testing.assert_allclose(hyper.s_gamma.factor @ hyper.s_gamma.factor.T, GUESS, rtol=1e-10)
    np.testing.assert_allclose(hyper.s_gamma.precision, np.linalg.inv(GUESS), rtol=1e-10)


# Hyperparameters


@pytest.mark.parametrize(
    ("value", "matrix"),
    [
        (None, np.eye(2) / 2),
        (3.0, 3.0 * np.eye(2)),
        (3, 3.0 * np.eye(2)),
        (np.array(3.0), 3.0 * np.eye(2)),
        ([1.0, 2.0], np.diag([1.0, 2.0])),
        (jnp.array([1.0, 2.0]), np.diag([1.0, 2.0])),
        (GUESS, GUESS),
        (GUESS.tolist(), GUESS),
    ],
)
def test_the_guess_is_a_number_a_diagonal_or_a_matrix(value, matrix):
    prior = MuellerRiosInsua(unit_guess=value)
    np.testing.assert_array_equal(prior.unit_matrices(2)[0], matrix)
    assert hash(prior) == hash(MuellerRiosInsua(unit_guess=value))  # arrays are kept as tuples


def test_unit_means_and_their_variances_have_shapes_too():
    prior = MuellerRiosInsua(unit_mean=[1, 2], unit_mean_variance=GUESS)
    np.testing.assert_array_equal(prior.unit_matrices(2)[1], [1.0, 2.0])
    np.testing.assert_array_equal(prior.unit_matrices(2)[2], GUESS)
    np.testing.assert_array_equal(MuellerRiosInsua(unit_mean=2).unit_matrices(3)[1], [2.0] * 3)


def test_the_default_size_is_the_number_of_inputs_with_the_constant():
    assert MuellerRiosInsua().unit_size_for(3) == 3.0
    assert MuellerRiosInsua(unit_size=2.5).unit_size_for(3) == 2.5
    assert MuellerRiosInsua(unit_size_per_weight=1.5).unit_size_for(3) == 4.5
    assert MuellerRiosInsua(unit_size=2.5, unit_size_per_weight=1.5).unit_size_for(3) == 2.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"unit_guess": [1.0, 2.0, 3.0]}, r"unit_guess must be a number, or have shape \(2,\) or \(2, 2\) here"),
        ({"unit_guess": np.ones((2, 2, 2))}, r"unit_guess must be .* got shape \(2, 2, 2\)"),
        ({"unit_guess": -1.0}, "unit_guess must be symmetric and positive definite, got -1.0"),
        ({"unit_guess": [[1.0, 2.0], [2.0, 1.0]]}, "unit_guess must be symmetric and positive definite"),
        ({"unit_guess": [[1.0, 0.5], [0.0, 1.0]]}, "unit_guess must be symmetric and positive definite"),
        ({"unit_guess": "wide"}, "unit_guess must be a finite number or an array of them, got 'wide'"),
        ({"unit_guess": [[1.0], [2.0, 1.0]]}, "unit_guess must be a finite number or an array of them"),
        ({"unit_guess": [1.0, float("nan")]}, "unit_guess must be a finite number or an array of them, got"),
        ({"unit_mean": [1.0, 2.0, 3.0]}, r"unit_mean must be a number or have shape \(2,\) here, got shape \(3,\)"),
        ({"unit_mean": float("inf")}, "unit_mean must be a finite number or an array of them, got inf"),
        ({"unit_mean_variance": 0.0}, "unit_mean_variance must be symmetric and positive definite, got 0.0"),
        ({"unit_mean_variance": [1.0]}, "unit_mean_variance must be a number, or have shape"),
        ({"unit_size": 1.0}, r"unit_size must be above 1 for 1 input\(s\) and the constant, got 1.0"),
        ({"unit_size": 0.5}, "unit_size must be above 1"),
        ({"unit_size": float("nan")}, "unit_size must be a finite number above zero, got nan"),
        ({"unit_size": "big"}, "unit_size must be a finite number above zero, got 'big'"),
        ({"readout_mean": float("nan")}, "readout_mean must be a finite number, got nan"),
        ({"readout_guess": 0.0}, "readout_guess must be a finite number above zero"),
        ({"readout_size": -1.0}, "readout_size must be a finite number above zero"),
        ({"readout_mean_variance": "1"}, "readout_mean_variance must be a finite number above zero"),
        ({"intercept_variance": 0}, "intercept_variance must be a finite number above zero"),
        ({"linear_variance": None}, "linear_variance must be a finite number above zero"),
    ],
)
def test_impossible_hyperparameters(options, message):
    with pytest.raises(ValueError, match=message):
        MuellerRiosInsua(**options).check(table())


@pytest.mark.parametrize("layers", [(Dense(2), Dense(2)), (Dense(2),) * 3])
def test_only_one_hidden_layer_is_served(layers):
    with pytest.raises(
        ValueError, match="for one Dense hidden layer, got weights dense0_kernel, .*: use another prior"
    ):
        PRIOR.check(table(layers))
    PRIOR.check(table())


def test_units_are_sorted_by_their_first_input():
    assert MuellerRiosInsua.sort_by == ("gamma", 1)


def test_numpyros_wishart_takes_the_scale_and_not_its_inverse():
    """What the model relies on: log W(B B'; d, V) plus the Jacobian of the Cholesky factor."""

    @computing
    def ours(b):
        return float(dist.WishartCholesky(4.0, scale_matrix=jnp.asarray(GUESS)).log_prob(jnp.asarray(b)))

    b = np.array([[0.8, 0.0], [-0.3, 1.4]])
    jacobian = 2 * np.log(2) + 2 * np.log(0.8) + np.log(1.4)
    assert ours(b) == pytest.approx(stats.wishart.logpdf(b @ b.T, 4.0, GUESS) + jacobian, rel=1e-10)
