"""Pictures of effects: dependence curves with credible bands, marginal effects, relevance of the inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.colours import colour
from bayesnn._internal.fitted import of_a_fit
from bayesnn.effects import dependence as dependence_effects
from bayesnn.effects import marginal as marginal_effects_of
from bayesnn.effects import relevance as relevance_effects
from bayesnn.fitting.fit import Fit
from bayesnn.plots.axes import interval, legend, new_axes
from bayesnn.prediction.to_frame import SAMPLE_DIMS


@of_a_fit
def partial_dependence(
    fit: Fit, inputs: Any, *, output: Any = None, levels: Sequence[float] = (50, 95), ax: Any = None, **options: Any
) -> Any:
    """Partial dependence with credible bands: a curve for one input, a map or one curve per category for two.

    Parameters
    ----------
    fit : Fit
    inputs : str or pair of str
    output : optional
        Class or output to draw. Default: for curves all of them; for a map of two classes the second; a map of more
        classes or outputs needs one.
    levels : sequence of float
        Central posterior intervals, in per cent; curves only.
    ax : matplotlib.axes.Axes, optional
    **options
        `grid`, `rows`, `offset`, `points` of `bnn.partial_dependence`.

    Returns
    -------
    matplotlib.axes.Axes
        Marks along the axis are the training rows; maps show these rows as points.
    """
    wanted = sorted(checks.levels(levels), reverse=True)
    axes = new_axes(ax)
    dependence = dependence_effects.partial_dependence(fit, inputs, **options)
    names = dependence.attrs["inputs"]
    if len(names) == 2 and not _discrete(dependence["grid"]) and not _discrete(dependence["grid2"]):
        return _map(axes, fit, _selected(dependence, output))
    if output is not None:
        dependence = _selected(dependence, output)
    if len(names) == 2 and _discrete(dependence["grid"]):  # the category becomes the colour
        dependence = dependence.rename(grid="grid2", grid2="grid")
        names = names[::-1]
    dims = [d for d in dependence.dims if d not in (*SAMPLE_DIMS, "grid")]
    stacked = dependence.stack(curve=dims) if dims else dependence.expand_dims(curve=[""])
    for i, label in enumerate(stacked["curve"].to_numpy()):
        text = ", ".join(map(str, label)) if isinstance(label, tuple) else str(label)
        _curve(
            axes, stacked.isel(curve=i), colour(i), text, wanted, shift=(i - (stacked.sizes["curve"] - 1) / 2) * 0.12
        )
    _dress(axes, fit, names[0], dependence)
    if dims:
        legend(axes)
    return axes


@of_a_fit
def individual_curves(
    fit: Fit, input: str, *, output: Any = None, level: float = 80, ax: Any = None, **options: Any
) -> Any:
    """Curves of single rows, each with its credible band, and their average; a dot marks each row's observed input.

    Parameters
    ----------
    fit : Fit
    input : str
    output : optional
        Class or output to draw; for two classes the second by default.
    level : float
        Central posterior interval of each curve, in per cent.
    ax : matplotlib.axes.Axes, optional
    **options
        `grid`, `rows`, `count`, `points`, `offset` of `bnn.individual_curves`.
    """
    (wanted,) = checks.levels((level,))
    axes = new_axes(ax)
    curves = _selected(dependence_effects.individual_curves(fit, input, **options), output)
    if _discrete(curves["grid"]):
        raise ValueError(f"curves are drawn for numeric inputs, and {input!r} is categorical: use partial_dependence")
    grid, own = curves["grid"].to_numpy(), curves["own"].to_numpy()
    draws = _flat(curves, "obs", "grid")
    low, high = interval(draws, wanted)
    mean = draws.mean(axis=0)
    for i in range(len(mean)):
        axes.fill_between(grid, low[i], high[i], color=colour(0), alpha=min(0.25, 2.0 / len(mean)), lw=0)
        axes.plot(grid, mean[i], color=colour(0), lw=0.7, alpha=0.7)
        axes.plot(own[i], np.interp(own[i], grid, mean[i]), "o", color=colour(0), ms=3)
    axes.plot(grid, mean.mean(axis=0), color="k", lw=2, label=f"average of {len(mean)} rows")
    _dress(axes, fit, input, curves)
    legend(axes)
    return axes


@of_a_fit
def marginal_effects(
    fit: Fit, inputs: Any = None, *, levels: Sequence[float] = (50, 95), ax: Any = None, **options: Any
) -> Any:
    """Average marginal effect of each input with its credible intervals; options of `bnn.average_marginal_effects`."""
    axes = new_axes(ax)
    effects = marginal_effects_of.average_marginal_effects(fit, inputs, **options)
    _forest(axes, effects, levels)
    axes.axvline(0.0, color="0.6", lw=0.8, zorder=0)
    share = "probability" if "class" in effects.dims else "y"
    axes.set_xlabel(f"average change in {share} per unit of the input")
    return axes


@of_a_fit
def relevance(
    fit: Fit, x: Any = None, y: Any = None, *, levels: Sequence[float] = (50, 95), ax: Any = None, **options: Any
) -> Any:
    """Relevance of each input with its intervals, the most relevant on top; options of `bnn.relevance`."""
    scores = relevance_effects.relevance(fit, x, y, **options)
    if "token" in scores.coords:
        raise ValueError("a text is drawn by bnn.plots.text(bnn.relevance(fit, texts))")
    axes = new_axes(ax)
    order = scores.mean([d for d in scores.dims if d != "input"]).to_numpy().argsort()[::-1]
    _forest(axes, scores.isel(input=order), levels)
    axes.axvline(0.0, color="0.6", lw=0.8, zorder=0)
    axes.set_xlabel(f"{scores.attrs['method']} relevance ({scores.attrs['units']})")
    return axes


def _forest(axes: Any, draws: Any, levels: Sequence[float]) -> None:
    """A mean with intervals for each input, one colour per output."""
    wanted = sorted(checks.levels(levels), reverse=True)
    outputs = [d for d in draws.dims if d not in (*SAMPLE_DIMS, "input")]
    flat = _flat(draws, "input", *outputs).reshape(
        -1, draws.sizes["input"], int(np.prod([draws.sizes[d] for d in outputs]))
    )
    labels = draws[outputs[0]].to_numpy() if outputs else [None]
    for k, label in enumerate(labels):
        place = np.arange(flat.shape[1]) + 0.15 * (k - (len(labels) - 1) / 2)
        for width, level in zip(np.linspace(1.0, 4.0, len(wanted)), wanted, strict=True):
            axes.hlines(place, *interval(flat[:, :, k], level), color=colour(k), lw=width)
        axes.plot(flat[:, :, k].mean(axis=0), place, "o", color=colour(k), ms=6, label=label)
    axes.set_yticks(np.arange(flat.shape[1]), list(draws["input"].to_numpy()))
    axes.set_ylim(flat.shape[1] - 0.5, -0.5)
    if outputs:
        legend(axes, title=outputs[0])


def _curve(axes: Any, draws: Any, color: str, label: str, levels: list[float], shift: float) -> None:
    """Mean and bands along a numeric grid, or points with bars at categories."""
    grid, flat = draws["grid"].to_numpy(), _flat(draws, "grid")
    mean = flat.mean(axis=0)
    if not _discrete(draws["grid"]):
        for level in levels:
            axes.fill_between(grid, *interval(flat, level), color=color, alpha=0.25, lw=0)
        axes.plot(grid, mean, color=color, lw=1.5, label=label)
        return
    place = np.arange(len(grid)) + shift
    for width, level in zip(np.linspace(1.0, 4.0, len(levels)), levels, strict=True):
        axes.vlines(place, *interval(flat, level), color=color, lw=width)
    axes.plot(place, mean, "o", color=color, label=label)
    axes.set_xticks(np.arange(len(grid)), [str(v) for v in grid])


def _map(axes: Any, fit: Fit, dependence: Any) -> Any:
    """Posterior mean over a grid of two inputs, with the training rows."""
    mean = dependence.mean(("chain", "draw")).transpose("grid2", "grid")
    shown = axes.contourf(mean["grid"], mean["grid2"], mean.to_numpy(), levels=15, cmap="viridis")
    label = _quantity(dependence)
    axes.figure.colorbar(shown, ax=axes, label=f"posterior mean of the average {label}")
    first, second = (fit.data.x[:, fit.data.columns.inputs.index(name)] for name in dependence.attrs["inputs"])
    axes.plot(first, second, "o", color="w", mec="k", mew=0.5, ms=3, alpha=0.8)
    axes.set_xlabel(dependence.attrs["inputs"][0])
    axes.set_ylabel(dependence.attrs["inputs"][1])
    return axes


def _dress(axes: Any, fit: Fit, name: str, draws: Any) -> None:
    """Labels, and a mark on the axis for every training row."""
    if not _discrete(draws["grid"]):
        values = fit.data.x[:, fit.data.columns.inputs.index(name)]
        axes.plot(values, np.zeros(len(values)), "|", color="k", alpha=0.4, ms=8, transform=axes.get_xaxis_transform())
    axes.set_xlabel(name)
    axes.set_ylabel(_quantity(draws))


def _quantity(draws: Any) -> str:
    if draws.attrs["kind"] != "probability":
        return "y"
    return f"P({draws['class'].item()})" if draws["class"].ndim == 0 else "probability"


def _selected(draws: Any, output: Any) -> Any:
    """Draws of one class or output."""
    dims = [d for d in draws.dims if d in ("class", "output")]
    if not dims:
        return draws
    labels = draws[dims[0]].to_numpy().tolist()
    if output is None and dims == ["class"] and len(labels) == 2:
        output = labels[1]
    checks.known("output", output, labels)
    return draws.isel({dims[0]: labels.index(output)})


def _flat(draws: Any, *dims: str) -> np.ndarray:
    """Draws (s, ...) with the other dimensions in this order."""
    samples = [d for d in draws.dims if d in SAMPLE_DIMS]
    values = draws.transpose(*samples, *dims).to_numpy()
    return values.reshape(-1, *values.shape[len(samples) :])


def _discrete(coordinate: Any) -> bool:
    return coordinate.dtype.kind != "f"  # numeric grids are floats; labels are objects, strings, or pandas' own type
