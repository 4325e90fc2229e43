"""Linear regression with its conjugate prior: posterior, predictive and marginal likelihood in closed form.

y | b, s2 ~ N(X b, s2 I),  b | s2 ~ N(m, s2 V),  s2 ~ inverse gamma(a, c).  A. O'Hagan and J. Forster (2004), Kendall's
Advanced Theory of Statistics 2B: Bayesian Inference, 2nd edition, chapter 11.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import gammaln

NOISE_WORTH = 1.0  # prior degrees of freedom of the error variance
SMALLEST_NOISE = 1e-12  # error variance over that of the target; so a series that is fitted exactly has a density


class NormalInverseGamma(NamedTuple):
    """b | s2 ~ N(mean, s2 precision^-1), s2 ~ inverse gamma(shape, rate)."""

    mean: np.ndarray
    precision: np.ndarray
    shape: float
    rate: float


@dataclass(frozen=True, eq=False)
class LinearRegression:
    """A linear regression with intercept; columns and target are standardised by the training rows.

    Attributes
    ----------
    posterior : NormalInverseGamma
        Posterior of the intercept and the coefficients, (1 + p,), on the standardised scale.
    log_marginal : float
        Natural log of the marginal density of the training target, in its own units.
    x_center, x_scale : array (p,)
    y_center, y_scale : float
    """

    posterior: NormalInverseGamma
    log_marginal: float
    x_center: np.ndarray
    x_scale: np.ndarray
    y_center: float
    y_scale: float

    def design(self, x: np.ndarray) -> np.ndarray:
        """Rows (..., p) in units of the data -> (..., 1 + p), a constant and the standardised columns."""
        return np.concatenate([np.ones((*x.shape[:-1], 1)), (x - self.x_center) / self.x_scale], axis=-1)

    def predictive(self, x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Degrees of freedom, locations and scales (...) of the t distributions of new targets at rows (..., p)."""
        design, post = self.design(x), self.posterior
        spread = np.einsum("...i,...i->...", design, np.linalg.solve(post.precision, design[..., None])[..., 0])
        location = self.y_center + self.y_scale * (design @ post.mean)
        return 2 * post.shape, location, self.y_scale * np.sqrt(post.rate / post.shape * (1 + spread))

    def draw(self, rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Independent posterior draws: coefficients (count, 1 + p) on the standardised scale, and error sd (count,)."""
        post = self.posterior
        variance = post.rate / rng.gamma(post.shape, size=count)
        noise = rng.standard_normal((count, len(post.mean)))
        root = np.linalg.cholesky(post.precision)
        spread = np.linalg.solve(root.T, noise.T).T * np.sqrt(variance)[:, None]
        return post.mean + spread, self.y_scale * np.sqrt(variance)


def linear_regression(x: np.ndarray, y: np.ndarray) -> LinearRegression:
    """Fit y (n,) on x (n, p) and a constant.

    Columns and target are standardised. Every coefficient has prior mean zero and a standard deviation of about one,
    proportional to that of the errors: V = I / r, where r is the residual variance of least squares. r is also the
    prior scale of the error variance, with one degree of freedom.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(50.0)[:, None]
    >>> line = linear_regression(x, 2 * x[:, 0] + np.sin(x[:, 0]))
    >>> line.predictive(np.array([[60.0]]))[1].round(0).tolist()
    [120.0]
    """
    center, scale = x.mean(axis=0), np.where(np.ptp(x, axis=0) > 0, x.std(axis=0), 1.0)
    y_center, y_scale = float(y.mean()), float(y.std()) if np.ptp(y) > 0 else 1.0
    design = np.column_stack([np.ones(len(x)), (x - center) / scale])
    target = (y - y_center) / y_scale
    coefficients, _, rank, _ = np.linalg.lstsq(design, target, rcond=None)
    squares = float(np.sum((target - design @ coefficients) ** 2))
    guess = max(squares / max(len(y) - int(rank), 1), SMALLEST_NOISE)
    width = design.shape[1]
    prior = NormalInverseGamma(np.zeros(width), guess * np.eye(width), NOISE_WORTH / 2, NOISE_WORTH / 2 * guess)
    posterior, log_marginal = update(prior, design, target)
    return LinearRegression(posterior, log_marginal - len(y) * np.log(y_scale), center, scale, y_center, y_scale)


def update(prior: NormalInverseGamma, x: np.ndarray, y: np.ndarray) -> tuple[NormalInverseGamma, float]:
    """Posterior given rows x (n, k) and targets y (n,), and the log marginal likelihood of y."""
    precision = prior.precision + x.T @ x
    pull = prior.precision @ prior.mean
    mean = np.linalg.solve(precision, pull + x.T @ y)
    # As a sum of squares: the textbook formula, a difference of two large numbers, loses digits.
    lack = np.sum((y - x @ mean) ** 2) + (mean - prior.mean) @ prior.precision @ (mean - prior.mean)
    shape, rate = prior.shape + len(y) / 2, prior.rate + lack / 2
    determinants = np.linalg.slogdet(prior.precision)[1] - np.linalg.slogdet(precision)[1]
    log_marginal = (
        0.5 * (determinants - len(y) * np.log(2 * np.pi))
        + prior.shape * np.log(prior.rate)
        - shape * np.log(rate)
        + gammaln(shape)
        - gammaln(prior.shape)
    )
    return NormalInverseGamma(mean, precision, shape, rate), float(log_marginal)


def student_log_density(y: np.ndarray, predictive: tuple[float, np.ndarray, np.ndarray]) -> np.ndarray:
    """Log density of y (...) under the t distributions that `LinearRegression.predictive` gives."""
    from scipy import stats

    df, location, scale = predictive
    return stats.t.logpdf(y, df, location, scale)
