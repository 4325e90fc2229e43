"""Posterior moments of one unit against numerical integration: a correlated and a skewed target, for every sampler.

With every hyperparameter pinned by a guess worth ten thousand observations, what is left is gamma (2,) and beta, and
beta is Gaussian given gamma: a grid over gamma gives every moment to many digits. x lies on one side of zero, which
correlates bias and slope, and few noisy points let the slope run off to one side.
"""

import arviz as az
import numpy as np
import pytest
from scipy import stats
from scipy.special import expit

from bayesnn import HMC, NUTS, Gibbs, ShallowHyperparameters, fit, shallow
from bayesnn.samplers import PROPOSALS

PINNED = 1e4  # a variance has relative variance 2e-4, its effect on a mean; Monte Carlo leaves 1e-2 of an sd
NOISE, READOUT, MEAN = 0.02, 1.0, 1.2
UNIT_MEAN, UNIT_COVARIANCE = np.array([-2.0, 1.0]), np.array([[4.0, -1.0], [-1.0, 3.0]])
HYPER = ShallowHyperparameters(
    noise_guess=NOISE,
    noise_size=PINNED,
    readout_guess=READOUT,
    readout_size=PINNED,
    readout_mean=MEAN,
    readout_mean_variance=1 / PINNED,
    unit_guess=UNIT_COVARIANCE,
    unit_size=PINNED,
    unit_mean=UNIT_MEAN,
    unit_mean_variance=1 / PINNED,
)
X = np.array([0.6, 1.0, 1.4, 1.8, 2.2, 2.6])[:, None]
Y = np.array([0.33, 0.18, 0.66, 0.95, 0.90, 1.21])
NEW = np.array([-0.5, 1.1, 3.0])

CASES = {
    **{f"gibbs-{proposal}": (Gibbs(proposal, candidates=6, sweeps=4), False) for proposal in PROPOSALS},
    "nuts": (NUTS(target_accept=0.9), False),
    "nuts-marginalised": (NUTS(target_accept=0.9), True),
    "hmc-of-few-steps": (HMC(max_steps=6), True),  # a trajectory of 2 pi would take more
}


def functions(gamma, beta_mean, beta_square):
    """Statistics whose mean is compared, given E[beta | gamma] and E[beta^2 | gamma] or a draw of both."""
    bias, slope = gamma[..., 0], gamma[..., 1]
    values = {"bias": bias, "slope": slope, "slope squared": slope**2, "bias times slope": bias * slope}
    values |= {"beta": beta_mean, "beta squared": beta_square}
    return values | {f"f({x})": beta_mean * expit(bias + slope * x) for x in NEW}


def exact_moments(points=801, reach=7.0):
    """Means of `functions` by the trapezoidal rule on a grid of gamma, and the grid's mass by cell (for its checks)."""
    sd = np.sqrt(np.diag(UNIT_COVARIANCE))
    axes = [np.linspace(m - reach * s, m + reach * s, points) for m, s in zip(UNIT_MEAN, sd)]
    gamma = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    z = expit(gamma[..., :1] + gamma[..., 1:] * X[:, 0])  # (grid, grid, n)
    # y ~ N(MEAN z, NOISE I + READOUT z z'): its inverse and determinant by Sherman and Morrison
    precision = 1 / READOUT + (z**2).sum(-1) / NOISE
    residual = Y - MEAN * z
    projection = (z * residual).sum(-1) / NOISE
    log_density = -0.5 * ((residual**2).sum(-1) / NOISE - projection**2 / precision + np.log(precision))
    log_density += stats.multivariate_normal(UNIT_MEAN, UNIT_COVARIANCE).logpdf(gamma)
    mass = np.exp(log_density - log_density.max())
    mass /= mass.sum()
    beta_mean = MEAN + projection / precision
    values = functions(gamma, beta_mean, beta_mean**2 + 1 / precision)
    return {name: float((mass * v).sum()) for name, v in values.items()}, mass, gamma


@pytest.fixture(scope="module")
def exact():
    return exact_moments()[0]


def test_the_grid_is_fine_and_wide_enough(exact):
    coarse, mass, _ = exact_moments(points=401)
    wide, _, _ = exact_moments(reach=8.0)
    for name, value in exact.items():
        assert np.isclose(coarse[name], value, rtol=1e-6), name
        assert np.isclose(wide[name], value, rtol=1e-6), name


def test_the_target_is_correlated_and_skewed():
    _, mass, gamma = exact_moments()
    centred = gamma - np.einsum("ij,ijk->k", mass, gamma)
    second = np.einsum("ij,ijk,ijl->kl", mass, centred, centred)
    skewness = np.einsum("ij,ijk->k", mass, centred**3) / np.diag(second) ** 1.5
    assert abs(second[0, 1]) / np.sqrt(second[0, 0] * second[1, 1]) > 0.7
    assert np.all(np.abs(skewness) > 0.7)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_moments_are_those_of_the_grid(case, exact):
    sampler, marginalize = CASES[case]
    result = fit(
        shallow(1, hyper=HYPER),
        X,
        Y,
        sampler=sampler,
        marginalize=marginalize,
        draws=2500,
        warmup=1000,
        chains=4,
        key=2,
        standardize=False,
        progress=False,
    )
    sites = result.sites()
    beta = sites["beta"][..., 0]
    scores = {}
    for name, values in functions(sites["gamma"][..., 0, :], beta, beta**2).items():
        size, error = float(az.ess(values, method="mean")), float(az.mcse(values, method="mean"))
        assert size > 400, f"too few effective draws of {name}: {size:.0f}"
        assert float(az.rhat(values)) < 1.01, name
        scores[name] = (values.mean() - exact[name]) / error
    assert max(map(abs, scores.values())) < 4, scores  # nine statistics: 1 in 1800 by chance
