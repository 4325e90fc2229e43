"""The evidence by stepping stones, from exact draws at every temperature, against the closed form."""

import arviz as az
import numpy as np
import pytest
from scipy import stats

from bayesnn.evaluation.stepping_stone import stepping_stones

TARGET = np.array([0.3, 1.9, -0.4, 1.1, 2.0, 0.7])  # y_i ~ N(theta, 1), theta ~ N(0, 1)
TEMPERATURES = np.array([1.0, 0.5, 0.2, 0.06, 0.01, 0.0])
EVIDENCE = stats.multivariate_normal.logpdf(TARGET, cov=np.eye(6) + 1.0)


def exact_levels(seed, chains=4, draws=250):
    """Log likelihoods (chain, draw, K) of independent draws at every temperature."""
    precision = 1.0 + TEMPERATURES * len(TARGET)
    noise = np.random.default_rng(seed).normal(size=(chains, draws, len(precision)))
    theta = TEMPERATURES * TARGET.sum() / precision + noise / np.sqrt(precision)
    return stats.norm.logpdf(TARGET, theta[..., None]).sum(axis=-1)


def estimate(levels, temperatures=TEMPERATURES):
    """Estimate and standard error."""
    values = stepping_stones(levels, np.tile(temperatures, (len(levels), 1))).values
    return values.mean(), float(az.mcse(values, method="mean"))


def test_the_error_is_what_its_standard_error_says():
    found = np.array([estimate(exact_levels(seed)) for seed in range(40)])
    scores = (found[:, 0] - EVIDENCE) / found[:, 1]
    assert abs(scores.mean()) * np.sqrt(40) < 3
    assert 0.75 < scores.std(ddof=1) < 1.3  # 95% of such samples of 40 lie in .78 to 1.22
    assert (found[:, 1] < 0.1).all()


@pytest.mark.parametrize("error", ["the colder draws", "the wrong sign"])
def test_planted_errors_are_seen(error):
    levels = exact_levels(0)
    if error == "the colder draws":
        levels = np.concatenate([levels[..., :1], levels[..., :-1]], axis=-1)
    elif error == "the wrong sign":
        levels = -levels
    found, se = estimate(levels)
    assert abs(found - EVIDENCE) > 5 * se


def test_chains_may_have_ladders_of_their_own():
    """One more temperature than another chain, by repeating one: the step from it to itself adds nothing."""
    levels = exact_levels(3, chains=2)
    longer = np.concatenate([levels[..., :3], levels[..., 2:]], axis=-1)
    ladder = np.insert(TEMPERATURES, 2, TEMPERATURES[2])
    assert estimate(longer, ladder)[0] == pytest.approx(estimate(levels)[0], rel=1e-12)
