"""The hierarchical prior of Müller and Ríos Insua for one hidden layer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax.scipy.linalg import solve_triangular

from bayesnn._internal import checks, conditionals, random
from bayesnn._internal.random import RandomSource
from bayesnn._internal.weights import Weight, Weights
from bayesnn.priors.arguments import covariance, frozen, masked, vector
from bayesnn.priors.autoregression import LagRegion
from bayesnn.priors.base import GaussianPrior, Prior, Sites, Terms
from bayesnn.priors.readout_normal import with_common_mean
from bayesnn.priors.shallow_hyper import Hyper

POSITIVE = ("readout_guess", "readout_size", "readout_mean_variance", "intercept_variance", "unit_size_per_weight")


@dataclass(frozen=True)
class MuellerRiosInsua(Prior):
    """Units and readout weights are draws from two normal populations whose means and variances are learnt.

    beta_j ~ N(mu_beta, sigma_beta^2), gamma_j ~ N_q(mu_gamma, S_gamma) with q = inputs + 1 (the constant first);
    mu_beta ~ N(a_b, A_b), 1/sigma_beta^2 ~ Gamma(c_b/2, rate c_b C_b/2), mu_gamma ~ N_q(a_g, A_g),
    S_gamma^-1 ~ Wishart(c_g, (c_g C_g)^-1). With several outputs (classes), the readout weights of each output are a
    separate population. Everything is on the scale the model sees.

    Parameters
    ----------
    readout_guess, readout_size : float
        C_b and c_b: prior scale of sigma_beta^2, and its prior degrees of freedom (how many units it counts for).
    readout_mean, readout_mean_variance : float
        a_b and A_b: prior mean and variance of mu_beta, the centre of the readout weights.
    unit_guess : float, array (q,) or array (q, q), optional
        C_g: prior scale of S_gamma, given as a multiple of the identity, a diagonal, or a matrix. Default: I/q.
    unit_size, unit_size_per_weight : float
        c_g: its prior degrees of freedom (how many units it counts for), above q - 1; or c_g over q instead.
    unit_mean, unit_mean_variance : float, array (q,); the variance also array (q, q)
        a_g and A_g: prior mean and covariance of mu_gamma, the centre of the units.
    intercept_variance, linear_variance, linear_mean : float; the last two also array (p,)
        Variances of the normal priors of the optional intercept and linear coefficients, and means of the latter.
    autoregression, region : bool, LagRegion
        Whether a fit of `bnn.lagged` replaces the readout's defaults by those of an autoregression, and adds a region
        to which the coefficients of lags are confined: see `bayesnn.priors.autoregression`.

    Raises
    ------
    ValueError
        If a guess, size or variance is not positive, or an array has an impossible shape.

    References
    ----------
    P. Müller and D. Ríos Insua (1998), Issues in Bayesian analysis of neural network models, Neural Computation 10,
    749-770. The default guesses follow J. Lee (2004), Bayesian Nonparametrics via Neural Networks.

    See Also
    --------
    ShallowHyperparameters, shallow, Normal

    Examples
    --------
    >>> MuellerRiosInsua(readout_guess=4.0).readout_guess
    4.0
    """

    sort_by: ClassVar[tuple[str, int] | None] = ("gamma", 1)

    readout_guess: float = 1.0
    readout_size: float = 1.0
    readout_mean: float = 0.0
    readout_mean_variance: float = 1.0
    unit_guess: Any = None
    unit_size: float | None = None
    unit_mean: Any = 0.0
    unit_mean_variance: Any = 1.0
    intercept_variance: float = 1.0
    linear_variance: Any = 1.0
    unit_size_per_weight: float = field(default=1.0, metadata={"later": True})  # runs made before it do not name it
    linear_mean: Any = field(default=0.0, metadata={"later": True})
    autoregression: bool = field(default=True, metadata={"before_binding": True})
    region: LagRegion | None = field(default=None, metadata={"later": True})

    def __post_init__(self) -> None:
        """Check what does not depend on the inputs, and keep arrays as tuples so that the spec hashes."""
        for name in POSITIVE:
            checks.positive(name, getattr(self, name))
        checks.number("readout_mean", self.readout_mean)
        for name in ("unit_guess", "unit_mean", "unit_mean_variance", "linear_mean", "linear_variance"):
            object.__setattr__(self, name, frozen(name, getattr(self, name)))
        smallest = self.linear_variance if self.linear_variance is None else float(np.min(self.linear_variance))
        checks.positive("linear_variance", smallest)
        if self.unit_size is not None:
            checks.positive("unit_size", self.unit_size)

    def unit_size_for(self, q: int) -> float:
        """c_g for q inputs, including the constant."""
        size = float(self.unit_size_per_weight * q if self.unit_size is None else self.unit_size)
        if not size > q - 1:
            raise ValueError(f"unit_size must be above {q - 1} for {q - 1} input(s) and the constant, got {size}")
        return size

    def unit_matrices(self, q: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """C_g (q, q), a_g (q,) and A_g (q, q) for q inputs, including the constant."""
        guess = 1.0 / q if self.unit_guess is None else self.unit_guess
        mean, variance = vector("unit_mean", self.unit_mean, q), self.unit_mean_variance
        return covariance("unit_guess", guess, q), mean, covariance("unit_mean_variance", variance, q)

    def readout_moments(self, terms: Terms) -> tuple[np.ndarray, np.ndarray]:
        """Fixed parts of the readout's prior: means (k,), and variances (k,), zero where sigma_beta^2 is added."""
        mean, variance = self.linear_moments(terms.predictors)
        mean = np.concatenate([np.full(terms.units, self.readout_mean), np.zeros(int(terms.intercept)), mean])
        return mean, np.concatenate([np.zeros(terms.units), [self.intercept_variance] * terms.intercept, variance])

    def log_factor(self, linear: jax.Array, used: jax.Array | None = None) -> jax.Array | None:
        moments = self.linear_moments(linear.shape[0])
        return None if self.region is None else self.region.log_factor(linear, *moments, used)

    def linear_moments(self, predictors: int) -> tuple[np.ndarray, np.ndarray]:
        """Means and variances (p,) of the linear coefficients."""
        mean = vector("linear_mean", self.linear_mean if predictors else 0.0, predictors)
        return mean, vector("linear_variance", self.linear_variance if predictors else 1.0, predictors)

    def check(self, table: dict[str, Weight]) -> None:
        """Refuse networks other than one Dense layer, and hyperparameters of the wrong shape."""
        if set(table) != {"dense0_kernel", "dense0_bias"}:
            raise ValueError(
                "the MuellerRiosInsua prior is for one Dense hidden layer, got weights "
                f"{', '.join(table) or 'of no layer'}: use another prior, such as Normal()"
            )
        q = table["dense0_kernel"].fan_in + 1
        self.unit_size_for(q)
        self.unit_matrices(q)

    def body(self, table: dict[str, Weight]) -> Weights:
        """Non-centred: gamma = mu_gamma + B^-T raw, where S_gamma^-1 = B B'."""
        m, q = table["dense0_kernel"].shape[0], table["dense0_kernel"].fan_in + 1
        (guess, mean, mean_covariance), size = self.unit_matrices(q), self.unit_size_for(q)
        mu = numpyro.sample("mu_gamma", dist.MultivariateNormal(jnp.asarray(mean), jnp.asarray(mean_covariance)))
        wishart = dist.WishartCholesky(size, scale_matrix=jnp.asarray(np.linalg.inv(size * guess)))
        b = numpyro.sample("gamma_precision_cholesky", wishart)
        raw = numpyro.sample("gamma_raw", dist.Normal(0.0, 1.0).expand([m, q]).to_event(2))
        gamma = numpyro.deterministic("gamma", mu + solve_triangular(b.T, raw.T, lower=False).T)
        root = solve_triangular(b, jnp.eye(q), lower=True)
        numpyro.deterministic("S_gamma", root.T @ root)
        return self.unpack({"gamma": gamma}, table)

    def readout(self, terms: Terms) -> tuple[jax.Array, jax.Array]:
        """mu_beta and sigma_beta for the units, fixed normals for the rest."""
        sigma = self._sigma_beta(terms.outputs)
        normal = dist.Normal(self.readout_mean, np.sqrt(self.readout_mean_variance))
        mu = numpyro.sample("mu_beta", normal.expand(terms.outputs).to_event())
        column = (terms.size, *(1 for _ in terms.outputs))
        mean, fixed = (jnp.reshape(values, column) for values in self.readout_moments(terms))
        of_unit = (jnp.arange(terms.size) < terms.units).reshape(column)
        return jnp.where(of_unit, mu, mean), jnp.where(of_unit, sigma, jnp.sqrt(fixed))

    def collapsed_readout(self, terms: Terms) -> GaussianPrior:
        """mu_beta integrated out: beta ~ N(a_b 1, sigma_beta^2 I + A_b 11')."""
        return self.collapsed_given(terms, self._sigma_beta(()) ** 2)

    def collapsed_given(self, terms: Terms, variance: jax.Array, used: jax.Array | None = None) -> GaussianPrior:
        """The readout's normal given sigma_beta^2, or one for each of several, of the coefficients `used` (k,)."""
        if jnp.ndim(variance):
            return jax.vmap(lambda one: self.collapsed_given(terms, one, used))(variance)
        mean, fixed = self.readout_moments(terms)
        in_use = jnp.ones(terms.size) if used is None else used
        of_unit = (np.arange(terms.size) < terms.units) * in_use
        normal = with_common_mean(mean, fixed, variance, self.readout_mean_variance, of_unit, in_use)
        return normal if self.region is None else self.region.with_sum(normal, in_use, terms.size - terms.predictors)

    def complete(self, key: jax.Array, terms: Terms, coefficients: jax.Array, sites: Sites) -> Sites:
        """mu_beta given beta and sigma_beta."""
        return {"mu_beta": self.draw_mu_beta(key, coefficients[: terms.units], sites["sigma_beta"] ** -2)}

    def draw_mu_beta(
        self, source: RandomSource, beta: jax.Array, precision: jax.Array, count: conditionals.Count | None = None
    ) -> jax.Array:
        """Draw mu_beta given beta (m,) and 1/sigma_beta^2; with several outputs, beta (m, K), each output separately.

        `count` is the number of units in use, the others having beta = 0. Default: all units.
        """
        units, known = beta.shape[0] if count is None else count, 1.0 / self.readout_mean_variance
        root = jnp.sqrt(known + units * precision)
        centre = (known * self.readout_mean + precision * beta.sum(axis=0)) / root
        return (centre + random.normal(source, root.shape)) / root

    def input_scales(self, sites: dict[str, Any], table: dict[str, Weight]) -> Any:
        """Root mean square of the weights over the population of units, sqrt(mu_j^2 + S_jj), without the constant."""
        return jnp.sqrt(sites["mu_gamma"] ** 2 + jnp.diagonal(sites["S_gamma"], axis1=-2, axis2=-1))[..., 1:]

    def start(self, key: jax.Array, table: dict[str, Weight], terms: Terms) -> Hyper:
        """Initial hyperparameters of a chain: mu_gamma from its prior, every variance at its guess."""
        q = table["dense0_kernel"].fan_in + 1
        guess, mean, mean_covariance = self.unit_matrices(q)
        mu = mean + np.linalg.cholesky(mean_covariance) @ jax.random.normal(key, (q,))
        covariance = conditionals.Covariance(jnp.asarray(np.linalg.cholesky(guess)), jnp.asarray(np.linalg.inv(guess)))
        ones = jnp.ones(terms.outputs, mu.dtype)
        return Hyper(self.readout_mean * ones, 1.0 / self.readout_guess * ones, mu, covariance)

    def log_mean_prior(self, mu: jax.Array) -> jax.Array:
        """log p(mu_gamma) up to a constant."""
        _, mean, covariance = self.unit_matrices(mu.shape[0])
        return -0.5 * (mu - mean) @ jnp.asarray(np.linalg.inv(covariance)) @ (mu - mean)

    def draw_hyper(
        self, source: RandomSource, hyper: Hyper, gamma: jax.Array, beta: jax.Array, used: jax.Array | None = None
    ) -> Hyper:
        """Draw every hyperparameter from its exact conditional given gamma (m, q) and beta (m,) or (m, K).

        Units that are not `used` (m,) are left out of every sum and count.
        P. Müller and D. Ríos Insua (1998), section 3, step 3; S_gamma uses the mu_gamma just drawn, as sigma_beta does.
        """
        of_mu, of_precision, of_mean, of_covariance = random.split(source, 4)
        m, q = gamma.shape if used is None else (used.sum(), gamma.shape[1])
        _, mean, mean_covariance = self.unit_matrices(q)
        mu_beta = self.draw_mu_beta(of_mu, masked(beta, used), hyper.beta_precision, None if used is None else m)
        squares = jnp.sum(masked(beta - mu_beta, used) ** 2, axis=0)
        precision = conditionals.draw_precision(of_precision, squares, m, self.readout_guess, self.readout_size)
        mean_precision = jnp.asarray(np.linalg.inv(mean_covariance))
        total = masked(gamma, used).sum(axis=0)
        mu = conditionals.draw_mean(of_mean, total, m, hyper.s_gamma.precision, jnp.asarray(mean), mean_precision)
        return Hyper(mu_beta, precision, mu, self.draw_unit_covariance(of_covariance, mu, gamma, used))

    def draw_unit_covariance(
        self, source: RandomSource, mu: jax.Array, gamma: jax.Array, used: jax.Array | None = None
    ) -> conditionals.Covariance:
        """Draw S_gamma given mu_gamma (q,) and the units (m, q) that are `used` (m,), by default all."""
        m, q = gamma.shape if used is None else (used.sum(), gamma.shape[1])
        size, guess = self.unit_size_for(q), self.unit_matrices(q)[0]
        centred = masked(gamma - mu, used)
        scatter = size * jnp.asarray(guess) + centred.T @ centred
        return conditionals.draw_covariance(source, scatter, size + m)

    def unpack(self, sites: Sites, table: dict[str, Weight]) -> Weights:
        """gamma (m, q), the constant first, as bias and kernel."""
        return {"dense0_bias": sites["gamma"][:, 0], "dense0_kernel": sites["gamma"][:, 1:]}

    def dims(self, table: dict[str, Weight], terms: Terms) -> dict[str, tuple[str, ...]]:
        """Axes of gamma and of the four hyperparameters."""
        return {
            "gamma": ("unit", "input"),
            "mu_beta": terms.output_dims,
            "sigma_beta": terms.output_dims,
            "mu_gamma": ("input",),
            "S_gamma": ("input", "input_"),
        }

    def shapes(self, table: dict[str, Weight], terms: Terms) -> dict[str, tuple[int, ...]]:
        m, p = table["dense0_kernel"].shape
        return {"gamma": (m, p + 1)} | {name: weight.shape for name, weight in terms.weights().items()}

    def whiten(self, hyper: Hyper, weights: Sites, table: dict[str, Weight], terms: Terms) -> Sites:
        """Units by the inverse F^-1 = F' S^-1 of the factor of S_gamma, the rest by mean and standard deviation."""
        covariance = hyper.s_gamma
        noise = {"gamma": (weights["gamma"] - hyper.mu_gamma) @ covariance.precision @ covariance.factor}
        for name in terms.weights():
            mean, sd = self._readout_moments(name, hyper, terms)
            noise[name] = (weights[name] - mean) / sd
        return noise

    def unwhiten(self, hyper: Hyper, noise: Sites, table: dict[str, Weight], terms: Terms) -> Sites:
        weights = {"gamma": hyper.mu_gamma + noise["gamma"] @ hyper.s_gamma.factor.T}
        for name in terms.weights():
            mean, sd = self._readout_moments(name, hyper, terms)
            weights[name] = mean + sd * noise[name]
        return weights

    def update(self, key: jax.Array, hyper: Hyper, weights: Sites, table: dict[str, Weight], terms: Terms) -> Hyper:
        return self.draw_hyper(key, hyper, weights["gamma"], weights["beta"])

    def report(self, hyper: Hyper, table: dict[str, Weight], terms: Terms) -> Sites:
        """Means, standard deviations and covariances."""
        return {
            "mu_beta": hyper.mu_beta,
            "sigma_beta": hyper.beta_precision**-0.5,
            "mu_gamma": hyper.mu_gamma,
            "S_gamma": hyper.s_gamma.factor @ hyper.s_gamma.factor.T,
        }

    def _readout_moments(self, name: str, hyper: Hyper, terms: Terms) -> tuple[Any, Any]:
        if name == "beta":
            return hyper.mu_beta, hyper.beta_precision**-0.5
        if name == "intercept":
            return 0.0, self.intercept_variance**0.5
        mean, variance = (v.reshape(-1, *(1 for _ in terms.outputs)) for v in self.linear_moments(terms.predictors))
        return mean, np.sqrt(variance)

    def _sigma_beta(self, outputs: tuple[int, ...]) -> jax.Array:
        prior = dist.Gamma(self.readout_size / 2, self.readout_size / 2 * self.readout_guess)
        precision = numpyro.sample("beta_precision", prior.expand(outputs).to_event())
        return numpyro.deterministic("sigma_beta", precision**-0.5)
