"""A text whose words are coloured by what they contribute to a prediction."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesnn._internal import checks
from bayesnn.plots.axes import interval, new_axes

LINE = 1.6  # distance of lines, in heights of letters


def text(
    relevance: Any, obs: Any = 0, *, output: Any = None, level: float = 95, width: int = 60, ax: Any = None
) -> Any:
    """The tokens of a text on a colour that shows their relevance; those whose interval leaves out zero are in bold.

    Parameters
    ----------
    relevance : xarray.DataArray
        Of `bnn.relevance(fit, texts)`.
    obs : int
        Which of the texts.
    output : optional
        The class or output. Default: the last one.
    level : float
        Of the central posterior interval, in per cent.
    width : int
        Letters of a line.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        Red tokens raise the prediction, blue ones lower it.

    Raises
    ------
    ValueError
        If the relevance is not that of tokens, or there is no such text or output.
    """
    from matplotlib import cm, colors

    wanted = checks.levels([level])[0]
    checks.positive_integer("width", width)
    chosen = _of_one_text(relevance, obs, output)
    tokens = [str(token) for token in chosen["token"].to_numpy()]
    draws = chosen.transpose("chain", "draw", "step").to_numpy().reshape(-1, len(tokens))
    mean, (low, high) = draws.mean(axis=0), interval(draws, wanted)
    most = float(np.abs(mean).max()) or 1.0
    shades = cm.ScalarMappable(colors.Normalize(-most, most), "coolwarm")
    axes = new_axes(ax)
    for token, place, value, sure in zip(tokens, _places(tokens, width), mean, (low > 0) | (high < 0), strict=True):
        weight = "bold" if sure else "normal"
        box = {"facecolor": shades.to_rgba(value), "edgecolor": "none", "boxstyle": "square,pad=0.15", "alpha": 0.7}
        axes.text(*place, token, family="monospace", weight=weight, va="center", fontsize=9, bbox=box)
    lines = 1 - min(y for _, y in _places(tokens, width)) / LINE
    axes.set_xlim(0, width + 1)
    axes.set_ylim(-LINE * lines, LINE)
    axes.axis("off")
    name = "" if len(relevance.dims) == 4 else f", {chosen[relevance.dims[4]].item()}"
    axes.figure.colorbar(shades, ax=axes, label=f"change by the token ({relevance.attrs['units']}{name})")
    return axes


def _of_one_text(relevance: Any, obs: Any, output: Any) -> Any:
    """Draws (chain, draw, step) of one text and one output, without padding."""
    if not {"obs", "step"} <= set(getattr(relevance, "dims", ())) or "token" not in relevance.coords:
        raise ValueError("relevance must be that of tokens, as bnn.relevance(fit, texts) returns it")
    checks.known("obs", obs, relevance["obs"].to_numpy().tolist())
    chosen = relevance.sel(obs=obs)
    outputs = [dim for dim in chosen.dims if dim not in ("chain", "draw", "step")]
    if outputs:
        labels = chosen[outputs[0]].to_numpy().tolist()
        if output is not None:
            checks.known(outputs[0], output, labels)
        chosen = chosen.isel({outputs[0]: -1 if output is None else labels.index(output)})
    return chosen.isel(step=np.flatnonzero(chosen["token"].to_numpy() != ""))


def _places(tokens: list[str], width: int) -> list[tuple[int, float]]:
    """Where each token begins: letters from the left, and lines downwards from zero."""
    places, column, line = [], 0, 0
    for token in tokens:
        if column and column + len(token) > width:
            column, line = 0, line + 1
        places.append((column, -LINE * line))
        column += len(token) + 1
    return places
