"""Normal errors of a panel: a variance of its own for each series, tied together by a hierarchical prior."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax.scipy.special import gammaln
from numpyro.distributions.transforms import AffineTransform

from bayesnn._internal import checks, conditionals
from bayesnn._internal.counter_numbers import gamma_numbers
from bayesnn.likelihoods.base import Latents, Likelihood, Nuisance, weighted
from bayesnn.likelihoods.labels import as_coordinate
from bayesnn.likelihoods.working_rows import WorkingRows

NEW = "new series"  # label of the sigma of a series that the fit has not seen
SHAPE = 2.0  # of the gamma prior of the likeness less one
LEAST = 1.0  # likeness: below it a gamma number may be zero in double precision, and sigma infinite


@dataclass(frozen=True)
class PanelGaussian(Likelihood):
    """y ~ N(f, sigma_g^2) in the rows of series g of a panel: one network for all series, one variance for each.

    1/sigma_g^2 ~ Gamma(a/2, rate a t^2/2), so that a short series borrows from the others: t is the typical sigma and a
    says how alike the series are, as a number of observations. Both are learnt, with the priors
    t ~ half-Normal(noise_scale) and a - 1 ~ Gamma(2, rate 2/likeness_guess). Rows belong to the series that the level
    `unique_id` of their index names, as in `bnn.lagged` of a panel. Everything is on the scale the model sees.

    Recorded are `sigma` of each series and, as the last one, of a series that the fit has not seen, drawn from the
    prior given t and a; `typical_sigma` is t, `likeness` is a.

    Parameters
    ----------
    noise_scale : float
        Scale of the prior of the typical sigma.
    likeness_guess : float
        Prior mean of `likeness` less one.
    series : tuple, optional
        Names of the series. Default: a fit takes them from its rows.

    References
    ----------
    A. Gelman et al. (2013), Bayesian Data Analysis, 3rd edition, chapter 5, on variances that borrow strength.

    See Also
    --------
    Gaussian : one variance for all rows
    Heteroskedastic : errors whose size depends on the inputs
    lagged : a panel as rows

    Examples
    --------
    Rows carry the number of their series beside the function value:

    >>> import numpy as np
    >>> f = np.array([[0.0, 0.0], [0.0, 1.0]])
    >>> PanelGaussian(series=("a", "b")).distribution(f, sigma=np.array([1.0, 2.0, 1.5])).variance.tolist()
    [1.0, 4.0]
    """

    kind: ClassVar[str] = "continuous"
    standardizes: ClassVar[bool] = True
    augments: ClassVar[bool] = True
    latent_rows: ClassVar[bool] = False
    by_series: ClassVar[bool] = True

    noise_scale: float = 1.0
    likeness_guess: float = 10.0
    series: tuple[Hashable, ...] = ()

    def __post_init__(self) -> None:
        checks.positive("noise_scale", self.noise_scale)
        checks.positive("likeness_guess", self.likeness_guess)
        names = () if isinstance(self.series, (str, bytes)) else tuple(self.series)
        if len(set(names)) != len(names) or isinstance(self.series, (str, bytes)):
            raise ValueError(f"series must be different names, got {self.series!r}")
        object.__setattr__(self, "series", names)

    def codes(self, names: Sequence[Hashable] | None, count: int) -> np.ndarray:
        """Numbers (n,) of the series of `count` rows; unknown ones, and rows without names, have that of a new one."""
        known = {name: code for code, name in enumerate(self.series)}
        new = len(self.series)
        return np.array([new] * count if names is None else [known.get(name, new) for name in names])

    @property
    def dims(self) -> dict[str, tuple[str, ...]]:
        return {"sigma": ("series",), "typical_sigma": (), "likeness": ()}

    def coordinates(self) -> dict[str, Any]:
        return {"series": as_coordinate((*self.series, NEW))}

    def priors(self) -> dict[str, dist.Distribution]:
        """Of the typical sigma and the likeness; the precisions depend on these."""
        return {
            "typical_sigma": dist.HalfNormal(self.noise_scale),
            "likeness": dist.TransformedDistribution(
                dist.Gamma(SHAPE, SHAPE / self.likeness_guess),
                AffineTransform(LEAST, 1.0, dist.constraints.positive),
            ),
        }

    def precisions_given(self, latents: Latents) -> dist.Distribution:
        """The prior of 1/sigma^2 of every series, and of a new one, given the typical sigma and the likeness."""
        half = 0.5 * latents["likeness"]
        return dist.Gamma(half, half * latents["typical_sigma"] ** 2).expand((len(self.series) + 1,)).to_event(1)

    def report(self, latents: Latents) -> Nuisance:
        kept = {name: latents[name] for name in ("typical_sigma", "likeness")}
        return {"sigma": latents["noise_precision"] ** -0.5} | kept

    def nuisance(self) -> Nuisance:
        latents = {name: numpyro.sample(name, prior) for name, prior in self.priors().items()}
        latents["noise_precision"] = numpyro.sample("noise_precision", self.precisions_given(latents))
        return latents | {"sigma": numpyro.deterministic("sigma", self.report(latents)["sigma"])}

    def function_of(self, f: Any) -> Any:
        return f[..., 0]

    def distribution(self, f: Any, **nuisance: Any) -> dist.Distribution:
        """N(f_0, sigma^2 of series f_1), f (..., 2); sigma (series,), or (s, 1, series) for f (s, n, 2)."""
        if not jnp.ndim(f) or jnp.shape(f)[-1] != 2:
            raise ValueError(
                f"f must be (n, 2), a function value and the number of a series for each row, got {jnp.shape(f)}: "
                "fit to a panel, or call the model with an offset (n, 2)"
            )
        sigma, codes = jnp.asarray(nuisance["sigma"]), f[..., 1].astype(int)
        if sigma.ndim == 1:
            return dist.Normal(f[..., 0], sigma[codes])
        return dist.Normal(f[..., 0], jnp.take_along_axis(sigma[..., 0, :], codes, axis=-1))

    def rescale(self, nuisance: dict[str, Any], scale: Any) -> dict[str, Any]:
        return dict(nuisance) | {name: nuisance[name] * scale for name in ("sigma", "typical_sigma")}

    def identified(self, f: Any, center: Any, scale: Any) -> Any:
        return f * scale + center

    def start(self, key: jax.Array) -> Latents:
        """Precisions of one, the series neither alike nor different."""
        one = jnp.ones(())
        return {
            "typical_sigma": one,
            "likeness": LEAST + self.likeness_guess * one,
            "noise_precision": jnp.ones(len(self.series) + 1),
        }

    def update(
        self, key: jax.Array, latents: Latents, f: jax.Array, y: jax.Array, weights: jax.Array | None
    ) -> Latents:
        """The likeness given the precisions, t integrated out; then t; then every precision given its own rows."""
        key_likeness, key_typical, key_precision = jax.random.split(key, 3)
        precision = latents["noise_precision"]
        groups, total, logs = precision.size, precision.sum(), jnp.log(precision).sum()
        moved = conditionals.slice_move(
            key_likeness,
            jnp.log(latents["likeness"] - LEAST),
            lambda v: self._of_likeness(LEAST + jnp.exp(v), groups, total, logs) + v,
        )
        likeness = LEAST + jnp.exp(moved)
        # t^2 ~ Gamma(1/2, 1/(2 scale^2)) a priori, so it is conjugate to the rates of the precisions
        rate = 0.5 * (self.noise_scale**-2 + likeness * total)
        square = gamma_numbers(key_typical, 0.5 * (1.0 + groups * likeness)) / rate
        count = jnp.zeros(groups).at[f[..., 1].astype(int)].add(weighted(jnp.ones_like(y), weights))
        squares = jnp.zeros(groups).at[f[..., 1].astype(int)].add(weighted((y - f[..., 0]) ** 2, weights))
        draws = gamma_numbers(key_precision, 0.5 * (likeness + count)) / (0.5 * (likeness * square + squares))
        return {"typical_sigma": jnp.sqrt(square), "likeness": likeness, "noise_precision": draws}

    def augment(
        self, key: jax.Array, latents: Latents, f: jax.Array, y: jax.Array, weights: jax.Array | None
    ) -> WorkingRows:
        """The rows as they are, each with the precision of its series: nothing has to be drawn."""
        precisions = weighted(latents["noise_precision"][f[..., 1].astype(int)], weights)
        return WorkingRows(precisions, precisions * y, 0.0, y.shape[0])

    def _of_likeness(self, a: jax.Array, groups: int, total: jax.Array, logs: jax.Array) -> jax.Array:
        """Log density of the likeness given precisions of this number, sum and sum of logarithms; t integrated out."""
        shape = 0.5 * (1.0 + groups * a)
        each = groups * (0.5 * a * jnp.log(0.5 * a) - gammaln(0.5 * a)) + 0.5 * a * logs
        over_t = gammaln(shape) - shape * jnp.log(0.5 * (self.noise_scale**-2 + a * total))
        return each + over_t + self.priors()["likeness"].log_prob(a)
