"""Pictures of classifiers: reliability of their probabilities, and a map of them over two inputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.colours import colour
from bayesnn._internal.fitted import of_a_fit
from bayesnn.effects.table import Rows, categories_of, chosen, rows_to_average
from bayesnn.evaluation.scores import predictive_probabilities, reliability_bins, scored_rows
from bayesnn.fitting.fit import Fit
from bayesnn.plots.axes import legend, new_axes
from bayesnn.prediction.predict import predict


@of_a_fit
def reliability(
    fit: Fit, x: Any, y: Any, *, output: Any = None, bins: int = 10, offset: Any = None, ax: Any = None
) -> Any:
    """Reliability diagram: how often a class occurs against its predictive probability, with counts and chance bands.

    Parameters
    ----------
    fit : Fit
        A classifier.
    x, y : table (n, p) and labels (n,)
        Rows that were held out, if the diagram is to say something about new ones.
    output : optional
        The class. Default: the second of two classes; of more, whether the most probable class is right.
    bins : int
        Bins of equal width on [0, 1]; each shows its number of rows.
    offset : array (n,) or float, optional
        For a fit with an offset.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        Bars: where 95 in 100 calibrated predictors would have the point of that bin (binomial).

    References
    ----------
    J. Bröcker and L. Smith (2007), Increasing the reliability of reliability diagrams, Weather and Forecasting 22,
    651-661.
    """
    from scipy.stats import binom

    checks.positive_integer("bins", bins, minimum=2)
    _check_classes(fit)
    axes = new_axes(ax)
    rows = scored_rows(fit, x, y, offset=offset)
    predicted, happened, label = _event(fit, predictive_probabilities(fit, rows), rows.each(rows.target), output)
    binned = reliability_bins(predicted, happened, bins=bins)
    low, high = (binom.ppf(q, binned.rows, binned.predicted) / binned.rows for q in (0.025, 0.975))
    axes.plot([0, 1], [0, 1], color="0.5", lw=1)
    axes.vlines(binned.predicted, low, high, color="0.8", lw=6, label="95% of chance")
    axes.plot(binned.predicted, binned.observed, "o-", color=colour(0), lw=1, label=f"{len(predicted)} rows")
    for place, count in zip(binned.predicted, binned.rows, strict=True):
        axes.annotate(str(count), (place, 0.01), xycoords=("data", "axes fraction"), ha="center", fontsize="x-small")
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.08, 1.04)
    axes.set_xlabel(f"predictive probability of {label}")
    axes.set_ylabel("observed share")
    legend(axes)
    return axes


@of_a_fit
def probability_map(
    fit: Fit, inputs: Any = None, *, output: Any = None, points: int = 80, data: bool = True, ax: Any = None
) -> Any:
    """Predictive class probabilities over two inputs, with the decision boundary and the training rows.

    Other inputs are held at their medians, categorical ones at their most frequent category.

    Parameters
    ----------
    fit : Fit
        A classifier.
    inputs : pair of str, optional
        Names of two numeric inputs; the first two by default.
    output : optional
        Class whose probability is drawn. Default: the second of two classes; for more classes the colours of all are
        mixed by their probabilities.
    points : int
        Grid points on each axis.
    data : bool
        Whether to draw the training rows, one colour per class.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        The line is the boundary of the most probable class, or where the probability of `output` is one half.
    """
    checks.positive_integer("points", points, minimum=2)
    _check_classes(fit)
    axes = new_axes(ax)
    names = _two_numeric(fit, inputs)
    grids, probabilities = _probability_grid(fit, names, points)
    classes = list(fit.model.likelihood.classes)  # type: ignore[attr-defined]
    if output is None and len(classes) == 2:
        output = classes[1]
    colors = np.array([_rgb(k) for k in range(len(classes))])
    if output is None:
        extent = (grids[0][0], grids[0][-1], grids[1][0], grids[1][-1])
        mixed = 1.0 - 0.6 * (1.0 - np.clip(probabilities @ colors, 0.0, 1.0))
        axes.imshow(mixed, origin="lower", extent=extent, aspect="auto", interpolation="bilinear")
        for k in range(len(classes)):
            lead = probabilities[..., k] - np.delete(probabilities, k, axis=2).max(axis=2)
            axes.contour(*grids, lead, levels=[0.0], colors="k", linewidths=1.2)
    else:
        checks.known("output", output, classes)
        place = classes.index(output)
        shown = axes.contourf(*grids, probabilities[..., place], levels=np.linspace(0, 1, 11), cmap="RdBu_r", alpha=0.7)
        axes.figure.colorbar(shown, ax=axes, label=f"predictive probability of {output}")
        axes.contour(*grids, probabilities[..., place], levels=[0.5], colors="k", linewidths=1.5)
        colors = np.array([_rgb(0), _rgb(3)]) if len(classes) == 2 and place == 1 else colors
    if data:
        _points(axes, fit, names, classes, colors)
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[1])
    return axes


def _event(fit: Fit, probabilities: np.ndarray, codes: np.ndarray, output: Any) -> tuple[np.ndarray, np.ndarray, str]:
    """Predicted probability of an event, whether it happened, and what it is called."""
    classes = list(fit.model.likelihood.classes)  # type: ignore[attr-defined]
    if output is None and len(classes) > 2:
        return probabilities.max(axis=1), probabilities.argmax(axis=1) == codes, "the most probable class"
    if output is None:
        output = classes[1]
    checks.known("output", output, classes)
    place = classes.index(output)
    return probabilities[:, place], codes == place, str(output)


def _check_classes(fit: Fit) -> None:
    if fit.model.likelihood.kind != "class":
        raise ValueError(f"this picture is for classifiers, got a fit with {type(fit.model.likelihood).__name__}")


def _two_numeric(fit: Fit, inputs: Any) -> tuple[str, ...]:
    fit.data.columns.check_table("maps over two inputs are")
    names = chosen(fit, fit.data.columns.names[:2] if inputs is None else inputs)
    if len(names) != 2 or any(categories_of(fit, name) is not None for name in names):
        raise ValueError(f"inputs must name two numeric columns, got {names}")
    return names


def _probability_grid(fit: Fit, names: tuple[str, ...], points: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Values of the two inputs and probabilities (second, first, class) over their training range, a little beyond."""
    base = rows_to_average(fit)
    grids = []
    for name in names:
        values = base.table[name].to_numpy()
        margin = 0.05 * (values.max() - values.min())
        grids.append(np.linspace(values.min() - margin, values.max() + margin, points))
    first, second = np.meshgrid(*grids)
    typical = {name: _typical(fit, name, base) for name in fit.data.columns.names}
    table = base.table.iloc[np.zeros(points * points, dtype=int)].reset_index(drop=True).assign(**typical)
    table = table.assign(**{names[0]: first.ravel(), names[1]: second.ravel()})
    offset = None if fit.data.offset is None else float(np.median(fit.data.offset))
    blocks = np.array_split(np.arange(len(table)), 8)  # the draws of all points at once would not fit into memory
    parts = [
        predict(fit, table.iloc[b], kind="probability", offset=offset).mean(("chain", "draw")).to_numpy()
        for b in blocks
    ]
    return grids, np.concatenate(parts).reshape(points, points, -1)


def _typical(fit: Fit, name: str, rows: Rows) -> Any:
    column = rows.table[name]
    return column.median() if categories_of(fit, name) is None else column.mode().iloc[0]


def _points(axes: Any, fit: Fit, names: tuple[str, ...], classes: list[Any], colors: np.ndarray) -> None:
    first, second = (fit.data.x[:, fit.data.columns.inputs.index(name)] for name in names)
    for k, label in enumerate(classes):
        held = fit.data.y == k
        axes.plot(first[held], second[held], "o", color=colors[k], mec="k", mew=0.4, ms=4.5, label=str(label))
    legend(axes)


def _rgb(number: int) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    return to_rgb(colour(number))
