"""The log marginal likelihood of a model: the density of the data under the prior predictive distribution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from tqdm.auto import tqdm

from bayesnn._internal import checks
from bayesnn._internal.numbers import real_numbers
from bayesnn._internal.runtime import as_key, computing
from bayesnn.evaluation import annealing, tempering
from bayesnn.evaluation.stepping_stone import stepping_stones, temperature_table
from bayesnn.evaluation.tempering import Particles, Path
from bayesnn.fitting.autoregression import is_confined
from bayesnn.fitting.binding import bind
from bayesnn.fitting.fit import Fit
from bayesnn.fitting.pointwise import log_volume
from bayesnn.models.marginal import MarginalModel
from bayesnn.models.model import Model

DEFAULTS = {"ais": (500, 1), "thermodynamic": (50, 20)}  # temperatures, and moves at each
STONES = "stepping stones"  # the method for a tempered fit
FEW_EFFECTIVE = 30  # with 21 of them the evidence of two units on mcycle was 5.7 nats too low, with 38 and 47 correct


@dataclass(frozen=True, eq=False)
class Evidence:
    """An estimate of log p(y | x, model).

    Attributes
    ----------
    estimate : float
        Natural log, in units of y (for labels and counts: of probability), so that models that scale y differently
        compare.
    se : float
        Monte Carlo standard error of `estimate`.
    ess : float
        Effective number of particles by their weights; NaN for thermodynamic integration, which has no weights.
    table : pandas.DataFrame
        One row per temperature: temperature, step size, acceptance rate, mean and standard deviation of the log
        likelihood over the particles.
    particles : int
        For a tempered fit, its draws.
    method : str

    See Also
    --------
    log_marginal_likelihood : the evidence of a model
    """

    estimate: float
    se: float
    ess: float
    table: Any
    particles: int
    method: str

    @property
    def ok(self) -> bool:
        """Whether there is no reason to doubt the standard error."""
        return not self.ess < FEW_EFFECTIVE and float(self.table["acceptance"].min()) > 0.2

    @property
    def verdict(self) -> str:
        """Reasons to doubt the estimate, and what to do."""
        lowest = float(self.table["acceptance"].min())
        if self.method == STONES:
            if self.ok:
                return "No sign of trouble, if the fit has converged (bnn.diagnose)."
            return (
                f"Between two temperatures only {self.ess:.1f} draws are effective, or only {lowest:.0%} of the swaps "
                "are accepted: take more draws, or more temperatures."
            )
        if self.ess < FEW_EFFECTIVE:
            return (
                f"Only {self.ess:.1f} of {self.particles} particles are effective: the estimate is most likely too low "
                "and its error larger than it says. Take more temperatures, or marginalize=True."
            )
        if lowest <= 0.2:
            return f"At some temperature only {lowest:.0%} of the moves are accepted: take more temperatures."
        return "No sign of trouble; but a mode that no particle reached gives no sign, so compare with another key."

    def __str__(self) -> str:
        """Estimate and verdict."""
        what = "draws" if self.method == STONES else "particles"
        effective = "" if np.isnan(self.ess) else f", {self.ess:.0f} of {self.particles} {what} effective"
        return f"log marginal likelihood {self.estimate:.2f} (Monte Carlo se {self.se:.2f}{effective})\n{self.verdict}"


@computing
def log_marginal_likelihood(
    model: Model | Fit,
    x: Any = None,
    y: Any = None,
    *,
    data: Any = None,
    missing: str = "error",
    method: str | None = None,
    temperatures: Any = None,
    particles: int = 200,
    moves: int | None = None,
    leapfrogs: int = 10,
    key: Any = 0,
    weights: Any = None,
    offset: Any = None,
    standardize: bool = True,
    marginalize: bool = False,
    progress: bool = True,
) -> Evidence:
    """log p(y | x, model), the parameters integrated out under the prior.

    Particles move from the prior to the posterior through the densities prior times likelihood^t by HMC. Step sizes and
    scales of the moves are tuned at each temperature by a pilot run, whose particles are then discarded. A fit by
    `bnn.Tempered` needs no particles: the draws at its temperatures give the estimate.

    Parameters
    ----------
    model : Model or Fit
        A model, with data; or a fit by `bnn.Tempered` whose hottest copy follows the prior, alone.
    x : array or pandas.DataFrame, shape (n, p), or a formula for `data`
    y : array or pandas.Series, shape (n,), or (n, outputs), or class labels
    data, missing
        As in `fit`, with a formula.
    method : {"ais", "thermodynamic"}, optional
        Annealed importance sampling, the default, which is unbiased for p(y) with any moves; or the integral over t of
        the mean log likelihood, whose standard error does not include the discretisation error of the temperatures.
    temperatures : int or array, optional
        Number of steps, chosen such that each reduces the effective number of particles by about the same share; or the
        temperatures themselves, increasing from 0 to 1.
        Default: 500 steps, for thermodynamic integration 50.
    particles : int
        Number of particles, independent of each other; for thermodynamic integration they are resampled within 20
        independent batches.
    moves : int, optional
        HMC moves at each temperature. Default: 1; for thermodynamic integration 20, of which the first half is
        discarded.
    leapfrogs : int
        Leapfrog steps per move.
    key : int or jax.Array
    weights, offset, standardize
        As in `fit`. The prior is on the scale the model sees; if the data are standardised, it depends on their centre
        and scale.
    marginalize : bool
        Whether to integrate a Gaussian readout out in closed form, which leaves fewer dimensions and more effective
        particles.
    progress : bool
        Whether to show progress bars.

    Returns
    -------
    Evidence

    Raises
    ------
    ValueError
        If temperatures do not rise from 0 to 1, or data and model do not fit together.

    References
    ----------
    R. Neal (2001), Annealed importance sampling, Statistics and Computing 11, 125-139; A. Gelman and X.-L. Meng (1998),
    Simulating normalizing constants, Statistical Science 13, 163-185; N. Friel, M. Hurn and J. Wyse (2014), Improving
    power posterior estimation of statistical evidence, Statistics and Computing 24, 709-723.

    See Also
    --------
    Evidence : what `log_marginal_likelihood` returns
    Tempered : parallel tempering around another sampler
    compare : several fits in one table

    Examples
    --------
    >>> import numpy as np
    >>> from bayesnn.layers import Dense
    >>> from bayesnn.priors import Normal
    >>> x = np.linspace(-1, 1, 20)[:, None]
    >>> y = np.sin(2 * x[:, 0]) + 0.1 * np.cos(30 * x[:, 0])
    >>> model = Model([Dense(1, "tanh")], prior=Normal())
    >>> result = log_marginal_likelihood(model, x, y, temperatures=20, particles=20, progress=False)
    >>> isinstance(result, Evidence), bool(result.se > 0)
    (True, True)
    """
    if isinstance(model, Fit):
        return _of_fit(model, (x, y, data, method, temperatures, moves, weights, offset))
    if x is None or (y is None and not isinstance(x, str)):
        raise ValueError("log_marginal_likelihood needs x and y beside a model, or a fit by bnn.Tempered alone")
    method = method or "ais"
    checks.known("method", method, DEFAULTS)
    default_steps, default_moves = DEFAULTS[method]
    grid = _grid(default_steps if temperatures is None else temperatures)
    for name, value in (("particles", particles), ("leapfrogs", leapfrogs)):
        checks.positive_integer(name, value, minimum=4 if name == "particles" else 1)
    count = checks.positive_integer("moves", default_moves if moves is None else moves)
    bound, rows = bind(
        model, x, y, standardize=standardize, weights=weights, offset=offset, table=data, missing=missing
    )
    _check(bound)
    given = (*rows.scaled(), rows.shift, rows.weights)
    arrays = tuple(None if a is None else jnp.asarray(a) for a in given)
    target = MarginalModel(bound) if marginalize else bound
    key_pilot, key_start, key_moves = jax.random.split(as_key(key), 3)
    with tqdm(disable=not progress, unit="step", desc="pilot") as bar:
        tuned, _ = tempering.pilot(target, particles, leapfrogs, key_pilot, arrays, bar)
    path = tempering.refine(tuned, grid)
    state = tempering.from_prior(target, particles, key_start, arrays)

    def moved(key: jax.Array, state: Particles, k: int) -> tuple[Particles, Any]:
        return tempering.move(target, leapfrogs, key, state, arrays, path.at(k))

    batches = annealing.batch_numbers(particles)
    annealed = annealing.AnnealedParticles(moved, path, count, batches if method == "thermodynamic" else None)
    levels, rates = annealed.run(key_moves, state, progress)
    ais = method == "ais"
    estimate, se, ess = annealing.annealed(levels, path) if ais else annealing.integrated(levels, path, batches)
    return Evidence(estimate - float(log_volume(rows).sum()), se, ess, _table(levels, rates, path), particles, method)


def _check(bound: Model) -> None:
    """Refuse a model whose prior cannot be drawn from, or whose architecture is random."""
    if bound.architecture is not None:
        raise ValueError(
            "log_marginal_likelihood needs a fixed architecture: give hidden as a number, or fit the random "
            "architecture and use bnn.architectures(fit)"
        )
    if is_confined(bound):
        raise ValueError(
            "log_marginal_likelihood cannot draw from a prior that is confined to maps that do not run away: give it a "
            "fit by bnn.Tempered, or a model with hyper=bnn.ShallowHyperparameters(autoregression=False)"
        )


def _of_fit(fit: Fit, others: tuple[Any, ...]) -> Evidence:
    """The evidence from the temperatures of a tempered fit."""
    import arviz as az

    if any(other is not None for other in others):
        raise ValueError("log_marginal_likelihood of a fit takes nothing else: it reads the draws of the fit")
    if fit.model.architecture is not None:
        raise ValueError(
            "log_marginal_likelihood needs a fixed architecture: bnn.architectures(fit) reads a random one"
        )
    stats = fit.idata["sample_stats"]
    names = ("log_likelihood_at", "temperatures", "swap_rate")
    if not all(name in stats for name in names):
        raise ValueError(f"log_marginal_likelihood needs a fit by bnn.Tempered, or a model with x and y, got {fit!r}")
    levels, every, swaps = (stats[name].to_numpy() for name in names)
    temperatures = every[:, -1]
    if not (every == temperatures[:, None]).all() or (temperatures[:, -1] != 0).any():
        raise ValueError(
            f"the hottest temperature must be 0, the prior, got {temperatures[:, -1].max():.3g}: fit with "
            "bnn.Tempered(..., hottest=0)"
        )
    stones = stepping_stones(levels, temperatures)
    se = float(az.mcse(stones.values, method="mean"))
    estimate = float(stones.values.mean()) - float(log_volume(fit.data).sum())
    table = temperature_table(levels, temperatures, swaps)
    return Evidence(estimate, se, stones.ess, table, stones.values.size, STONES)


def _table(levels: list[np.ndarray], rates: list[float], path: Path) -> Any:
    import pandas as pd

    return pd.DataFrame(
        {
            "temperature": path.temperatures[1:],
            "step_size": path.step_sizes[1:],
            "acceptance": rates,
            "log_likelihood": [values[-1].mean() for values in levels[1:]],
            "sd": [values[-1].std() for values in levels[1:]],
        }
    )


def _grid(temperatures: Any) -> int | np.ndarray:
    if isinstance(temperatures, (int, np.integer)) and not isinstance(temperatures, bool):
        return checks.positive_integer("temperatures", temperatures, minimum=2)
    grid = real_numbers("temperatures", temperatures)
    if grid.ndim != 1 or len(grid) < 3 or grid[0] != 0 or grid[-1] != 1 or not (np.diff(grid) > 0).all():
        raise ValueError(f"temperatures must be a number of steps, or rise from 0 to 1, got {temperatures!r}")
    return grid
