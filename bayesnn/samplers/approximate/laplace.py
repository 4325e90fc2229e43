"""Laplace's approximation: a Gaussian at the posterior mode whose precision is the curvature there."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.runtime import as_precision
from bayesnn.samplers.approximate.map import MAP, optimizer_notes, report_all
from bayesnn.samplers.base import Report, Sampler
from bayesnn.samplers.density import Data, make_density
from bayesnn.samplers.engine.chains import Run
from bayesnn.samplers.engine.compiled_programs import kept_jit
from bayesnn.samplers.engine.plan import Plan

NEWTON_STEPS = 30
HALVINGS = 12  # how often a Newton step that does not raise the density is halved
SMALL = 1e-8  # Newton decrement g' H^-1 g at which the mode is reached; a further step would gain half of it, in nats


class Curvature(NamedTuple):
    """Hessian of the potential at a point: eigenvalues (d,) and eigenvectors (d, d)."""

    values: np.ndarray
    vectors: np.ndarray


@dataclass(frozen=True)
class Laplace(Sampler):
    """Independent draws of N(mode, H^-1), H the Hessian of -log posterior on the unconstrained scale at the mode.

    The best of several optimisations is refined by damped Newton steps. Eigenvalues of H below `floor`, negative ones
    included, are replaced by `floor`; the attributes `laplace_damped` and `laplace_lowest` hold their number and the
    lowest eigenvalue. A Gaussian has one mode and no skewness: compare with a sampler.

    Parameters
    ----------
    start : MAP
        How the mode is found; no row may be held out (`validation=None`).
    floor : float
        Lower bound of the eigenvalues. The default 1 is the precision of the standard normal prior of non-centred
        sites.

    Raises
    ------
    ValueError
        If a setting is out of range, or `start` holds rows out.

    References
    ----------
    D. MacKay (1992), A practical Bayesian framework for backpropagation networks, Neural Computation 4, 448-472.

    See Also
    --------
    MAP : the posterior mode
    Variational : the closest normal distribution

    Examples
    --------
    >>> Laplace().start.validation is None
    True
    """

    approximate: ClassVar[bool] = True

    start: MAP = field(default_factory=lambda: MAP(validation=None))
    floor: float = 1.0

    def __post_init__(self) -> None:
        """Raise a ValueError for settings out of range."""
        checks.positive("floor", self.floor)
        if not isinstance(self.start, MAP) or self.start.validation is not None:
            raise ValueError(f"start must be a MAP spec with validation=None, got {self.start!r}")

    def draw(self, target: Any, report: Report, key: jax.Array, data: Data, plan: Plan) -> Run:
        """Find the mode, refine it, and draw from the Gaussian."""
        key_optimize, key_draw, key_report = jax.random.split(key, 3)
        found = self.start.optimize(target, key_optimize, data, plan, self.start.restarts)
        begun = time.perf_counter()
        mode, curvature, decrement = polish(target, found.theta[int(np.argmax(found.score))], data, self.floor)
        scale = curvature.vectors / np.sqrt(np.maximum(curvature.values, self.floor))
        noise = np.asarray(jax.random.normal(key_draw, (plan.chains, plan.draws, len(mode))))
        values = report_all(target, report, key_report, mode + noise @ scale.T, data)
        seconds = found.seconds | {"sampling": time.perf_counter() - begun}
        notes = {
            "laplace_damped": int((curvature.values < self.floor).sum()),
            "laplace_lowest": float(curvature.values.min()),
            "laplace_decrement": float(decrement),
            "laplace_parameters": len(mode),
        }
        return Run(values, seconds, found.complete, optimizer_notes(found, self.start, len(data[0])) | notes)


def polish(target: Any, theta: np.ndarray, data: Data, floor: float) -> tuple[np.ndarray, Curvature, float]:
    """Damped Newton steps: the mode (d,), the curvature there and the last Newton decrement g' H^-1 g."""
    data = as_precision(data)
    potential, slopes = kept_jit(potential_at, target), kept_jit(slopes_at, target)
    point = jnp.asarray(theta)
    for _ in range(NEWTON_STEPS):
        gradient, hessian = slopes(point, data)
        g, curvature = np.asarray(gradient), decompose(hessian)
        step = curvature.vectors @ ((curvature.vectors.T @ g) / np.maximum(np.abs(curvature.values), floor))
        decrement = float(g @ step)
        if decrement < SMALL:
            break
        now = float(potential(point, data))
        sizes = [0.5**i for i in range(HALVINGS) if float(potential(point - 0.5**i * step, data)) < now][:1]
        if not sizes:
            break
        point = point - sizes[0] * step
    return np.asarray(point), curvature, decrement


def potential_at(target: Any, theta: jax.Array, data: Data) -> jax.Array:
    """-log posterior density, up to a constant, at one point (d,)."""
    return make_density(target, data).potential(theta, data)


def slopes_at(target: Any, theta: jax.Array, data: Data) -> tuple[jax.Array, jax.Array]:
    """The gradient (d,) and the Hessian (d, d) of `potential_at`."""
    potential = functools.partial(potential_at, target, data=data)
    return jax.grad(potential)(theta), jax.hessian(potential)(theta)


def decompose(hessian: Any) -> Curvature:
    """Eigenvalues and eigenvectors of a Hessian (d, d)."""
    matrix = np.asarray(hessian)
    return Curvature(*np.linalg.eigh(0.5 * (matrix + matrix.T)))
