"""Pictures of a fit: its function, its units, its chains, and functions of the prior."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import expit

from bayesnn._internal import checks
from bayesnn._internal.colours import colour
from bayesnn._internal.fitted import of_a_fit
from bayesnn.data.dataset import Dataset
from bayesnn.effects.table import decode
from bayesnn.evaluation.diagnose import diagnose
from bayesnn.fitting.fit import Fit
from bayesnn.fitting.pointwise import log_likelihood_by_draw
from bayesnn.models.model import Model
from bayesnn.models.random_architecture import used_inputs
from bayesnn.plots.axes import interval, legend, new_axes
from bayesnn.prediction.predict import predict
from bayesnn.prediction.prior_predictive import prior_predictive

GRID = 200  # points of a curve


@of_a_fit
def fit_band(
    fit: Fit, *, input: str | None = None, levels: Sequence[float] = (50, 95), data: bool = True, ax: Any = None
) -> Any:
    """Posterior of the function and predictive interval against one input; the others, and an offset, are medians.

    Parameters
    ----------
    fit : Fit
    input : str, optional
        Name of the input on the horizontal axis; the first by default.
    levels : sequence of float
        Central posterior intervals of the function, in per cent; the widest is also drawn for new responses.
    data : bool
        Whether to draw the training points.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    wanted = sorted(checks.levels(levels), reverse=True)
    axes = new_axes(ax)
    position = _position(fit.data, input)
    rows, grid = _sweep_input(fit.data, position)
    table = decode(fit.data.columns, rows)
    offset = None if fit.data.offset is None else float(np.median(fit.data.offset))
    f = _flat(predict(fit, table, kind="mean", offset=offset))
    y = _flat(predict(fit, table, kind="response", offset=offset))
    axes.fill_between(
        grid, *interval(y, wanted[0]), color=colour(0), alpha=0.12, lw=0, label=f"{wanted[0]:g}% of new y"
    )
    for level in wanted:
        axes.fill_between(grid, *interval(f, level), color=colour(0), alpha=0.3, lw=0, label=f"{level:g}% of f")
    axes.plot(grid, f.mean(axis=0), color=colour(0), lw=1.5, label="posterior mean of f")
    if data:
        axes.plot(fit.data.x[:, position], fit.data.y, "k.", ms=4, alpha=0.7, label="data")
    axes.set_xlabel(fit.data.columns.inputs[position])
    axes.set_ylabel(fit.data.target if fit.data.columns.formula is None else fit.data.columns.formula.target)
    legend(axes)
    return axes


@of_a_fit
def units(fit: Fit, *, input: str | None = None, ax: Any = None) -> Any:
    """Posterior mean contribution beta_j psi(x' gamma_j) of each hidden unit against one input, with 80% bands.

    Units are numbered as in the fit. Contributions are on the scale of y, without its centre. A unit that a draw does
    not use contributes zero.
    """
    if fit.model.prior.sort_by is None:
        raise ValueError("units are drawn for shallow networks, whose posterior has the sites beta and gamma")
    if fit.model.likelihood.outputs:
        raise ValueError("units are drawn where there is one function, and this fit has several")
    axes = new_axes(ax)
    position = _position(fit.data, input)
    rows, grid = _sweep_input(fit.data, position)
    design = np.column_stack([np.ones(len(rows)), fit.data.scaling.inputs(rows)])
    posterior = fit.idata["posterior"]
    gamma = posterior["gamma"].to_numpy().copy().reshape(-1, *posterior["gamma"].shape[2:])
    if fit.model.architecture is not None and "lag_order" in posterior:
        order = posterior["lag_order"].to_numpy().reshape(-1, 1)
        gamma[..., 1:] *= np.asarray(used_inputs(fit.model.architecture, order, rows.shape[1]))[:, None]
    beta = posterior["beta"].to_numpy().reshape(len(gamma), -1) * fit.data.scaling.y_scale
    for j in range(beta.shape[1]):
        curves = beta[:, j, None] * expit(gamma[:, j] @ design.T)
        axes.fill_between(grid, *interval(curves, 80), color=colour(j), alpha=0.2, lw=0)
        axes.plot(grid, curves.mean(axis=0), color=colour(j), label=f"unit {j}")
    axes.set_xlabel(fit.data.columns.inputs[position])
    axes.set_ylabel("contribution to f")
    legend(axes)
    return axes


@of_a_fit
def diagnostics(fit: Fit, *, ax: Any = None) -> Any:
    """Log likelihood of every chain by draw; chains that agree have one colour, and the title gives the verdict."""
    axes = new_axes(ax)
    diagnosis = diagnose(fit)
    log_likelihood = log_likelihood_by_draw(fit.idata)
    for number, group in enumerate(diagnosis.modes):
        for i, chain in enumerate(group):
            label = f"chains {', '.join(map(str, group))}" if i == 0 else None
            axes.plot(log_likelihood[chain], color=colour(number), lw=0.6, alpha=0.7, label=label)
    axes.set_xlabel("draw")
    axes.set_ylabel("log likelihood")
    worst = diagnosis.table.loc["f, worst"]
    state = "converged" if diagnosis.ok else "not converged"
    axes.set_title(f"{state}: worst R-hat of f {worst['r_hat']:.3f}, ESS {worst['ess_bulk']:.0f}", fontsize="medium")
    legend(axes)
    return axes


def prior(model: Model, x: Any, *, draws: int = 50, key: Any = 0, ax: Any = None) -> Any:
    """Functions drawn from the prior at the rows of a single-input table, on the scale the model sees."""
    axes = new_axes(ax)
    idata = prior_predictive(model, x, draws=draws, key=key)
    inputs = idata["constant_data"]["x"].to_numpy()
    if inputs.shape[1] != 1:
        raise ValueError(f"prior functions are drawn for one input, got {inputs.shape[1]}: pass a single column")
    order = np.argsort(inputs[:, 0])
    curves = idata["prior"]["f"].to_numpy()[0]
    axes.plot(inputs[order, 0], curves[:, order].T, color=colour(0), lw=0.7, alpha=0.5)
    axes.set_xlabel(str(idata["constant_data"]["predictor"].to_numpy()[0]))
    axes.set_ylabel("f (standardised)")
    return axes


def _position(data: Dataset, name: str | None) -> int:
    data.columns.check_table("bands over an input are")
    if name is None:
        return 0
    checks.known("input", name, data.columns.inputs)
    return data.columns.inputs.index(name)


def _sweep_input(data: Dataset, position: int) -> tuple[Any, np.ndarray]:
    """Coded rows along one input, the others at their medians, as a table the fit accepts; and the grid."""
    if any(c is not None for c in data.columns.categories):
        raise ValueError("curves along an input are drawn for numeric columns only, and this fit has categorical ones")
    values = data.x[:, position]
    grid = np.linspace(values.min(), values.max(), GRID)
    rows = np.repeat(np.median(data.x, axis=0)[None], GRID, axis=0)
    rows[:, position] = grid
    return rows, grid


def _flat(prediction: Any) -> np.ndarray:
    if prediction.ndim > 3:
        raise ValueError("bands are drawn of one output, and this fit has several: see bnn.plots.partial_dependence")
    return prediction.to_numpy().reshape(-1, prediction.shape[-1])
