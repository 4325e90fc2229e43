"""A fit in three lines, and as HTML for notebooks: model, data, sampler, and how its chains have mixed."""

from __future__ import annotations

import html
from typing import Any

import numpy as np

from bayesnn._internal.colours import COLOURS
from bayesnn._internal.specs import short
from bayesnn.data.sequences import TABLE
from bayesnn.fitting.mixing import mixing
from bayesnn.fitting.pointwise import log_likelihood_by_draw
from bayesnn.fitting.until_converged import CHAINS, CONVERGED, ESS_PER_CHAIN, R_HAT_LIMIT
from bayesnn.models.overview import in_short, layer_rows, weight_total

SHOWN = 4  # at most this many inputs are named
POINTS = 200  # points per chain in the small picture


def three_lines(fit: Any) -> str:
    """Model, data, and sampler with its state, a line each."""
    return "\n".join([f"<Fit: {model_line(fit)}", f"  {data_line(fit)}", f"  {sampler_line(fit)}>"])


def model_line(fit: Any) -> str:
    """Layers, likelihood, prior and the number of weights."""
    return f"{in_short(fit.model)}; {weight_total(fit.model, fit.data.x.shape[1:]):,} weights"


def data_line(fit: Any) -> str:
    """Rows, inputs or formula, and what was left out."""
    columns, rows = fit.data.columns, f"{len(fit.data.y):,} rows"
    if columns.formula is not None:
        gone = columns.formula.dropped
        return f"{rows}: {columns.formula.text}" + (f" ({gone:,} with missing values left out)" if gone else "")
    if fit.data.series is not None:
        series = fit.data.series
        return f"{rows}: lags {', '.join(map(str, series.lags))} of {len(series.series)} series"
    if columns.kind != TABLE:
        return f"{rows}: sequences of up to {fit.data.x.shape[1]} steps"
    count = len(columns.names)
    more = f" and {len(columns.names) - SHOWN} more" if len(columns.names) > SHOWN else ""
    return f"{rows}, {count} input{'s' if count > 1 else ''}: {', '.join(columns.names[:SHOWN])}{more}"


def sampler_line(fit: Any) -> str:
    """Sampler, draws, seconds, and the mixing of the log likelihood."""
    posterior = fit.idata["posterior"]
    sizes, attrs = posterior.sizes, posterior.attrs
    seconds = sum(attrs.get(f"{phase}_seconds", 0.0) for phase in ("compile", "warmup", "sampling"))
    parts = [
        f"{short(fit.sampler)}: {sizes['chain']} chains of {sizes['draw']} draws"
        + ("" if fit.complete else ", interrupted")
    ]
    parts[0] += f", {seconds:.0f} s" if seconds else ""
    if fit.sampler.approximate:
        return f"{parts[0]}; an approximation, see bnn.diagnose(fit)"
    return f"{parts[0]}; {mixing_in_words(fit)}, see bnn.diagnose(fit)"


def mixing_in_words(fit: Any) -> str:
    """A verdict, and R-hat and effective draws of the log likelihood, one number per draw that all weights decide.

    Function values, on which `diagnose` judges, are not computed for a line; a run that ended by itself has been judged
    by them. Of other fits the line says what the log likelihood shows, in which chains of different modes may agree.
    """
    posterior = fit.idata["posterior"]
    found = mixing(log_likelihood_by_draw(fit.idata))
    if not np.isfinite(found.ess):
        return "too few draws or chains to judge"
    if posterior.attrs.get("stopped") == CONVERGED:
        verdict = "converged"
    elif not np.isfinite(found.r_hat):
        verdict = "one chain"
    elif found.r_hat > R_HAT_LIMIT:
        verdict = "chains have not mixed"
    elif found.ess < ESS_PER_CHAIN * max(CHAINS, posterior.sizes["chain"]):
        verdict = "more draws are needed"
    else:
        verdict = "no disagreement seen"
    r_hat = f"R-hat {float(found.r_hat):.2f}, " if np.isfinite(found.r_hat) else ""
    return f"{verdict} (log likelihood: {r_hat}{float(found.ess):,.0f} effective draws)"


def as_html(fit: Any) -> str:
    """A fit as HTML: the three lines, the table of layers, and the log likelihood of the chains as a picture."""
    lines = "".join(f"<div>{html.escape(line)}</div>" for line in (model_line(fit), data_line(fit), sampler_line(fit)))
    rows = layer_rows(fit.model, fit.data.x.shape[1:])
    cells = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    head = "<tr><th>layer</th><th></th><th>output</th><th>weights</th></tr>"
    return f"<div><strong>Fit</strong>{lines}<table>{head}{cells}</table>{trace(fit)}</div>"


def trace(fit: Any, width: int = 420, height: int = 90) -> str:
    """The log likelihood of every chain as an SVG; chains that have mixed lie on top of each other."""
    values = log_likelihood_by_draw(fit.idata)
    values = values[:, :: max(1, values.shape[1] // POINTS)]
    low, high = float(values.min()), float(values.max())
    across = np.linspace(0, width, values.shape[1])
    down = height - 4 - (values - low) / ((high - low) or 1.0) * (height - 8)
    lines = [
        f'<polyline fill="none" stroke="{COLOURS[i % len(COLOURS)]}" stroke-width="0.8" points="'
        + " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(across, chain, strict=True))
        + '"/>'
        for i, chain in enumerate(down)
    ]
    label = "log likelihood of every chain, draw by draw"
    return (
        f'<figure><svg role="img" aria-label="{label}" width="{width}" height="{height}">{"".join(lines)}</svg>'
        f"<figcaption>{label}, from {low:.4g} to {high:.4g}</figcaption></figure>"
    )
