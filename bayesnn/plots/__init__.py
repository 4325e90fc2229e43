"""Pictures of data, fits and diagnostics; every function draws into given or new Axes and returns them."""

from bayesnn.plots.architectures import architecture
from bayesnn.plots.classes import probability_map, reliability
from bayesnn.plots.effects import individual_curves, marginal_effects, partial_dependence, relevance
from bayesnn.plots.fits import diagnostics, fit_band, prior, units
from bayesnn.plots.forecasts import coverage, forecast, pit
from bayesnn.plots.scores import calibration, pareto_k, pit_histogram
from bayesnn.plots.skeletons import skeleton
from bayesnn.plots.tempering import temperature_walk
from bayesnn.plots.texts import text

__all__ = [
    "architecture",
    "calibration",
    "coverage",
    "diagnostics",
    "fit_band",
    "forecast",
    "individual_curves",
    "marginal_effects",
    "pareto_k",
    "partial_dependence",
    "pit",
    "pit_histogram",
    "prior",
    "probability_map",
    "relevance",
    "reliability",
    "skeleton",
    "temperature_walk",
    "text",
    "units",
]
