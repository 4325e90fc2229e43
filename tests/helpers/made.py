"""Fits with made-up draws of the right shapes, made without compiling the model, for tests of what follows a fit."""

import importlib

import jax
import numpy as np
from numpyro import handlers

import bayesnn as bnn


def made_fit(model, x, y=None, *, chains=1, draws=5, change=None, key=0):
    """A fit whose recorded values are normal, above 1 where they are the likelihood's; `change` may edit them."""
    binding = importlib.import_module("bayesnn.fitting.binding")
    fit_module = importlib.import_module("bayesnn.fitting.fit")
    bound, data = binding.bind(model, x, y)
    inputs = data.scaled()[0]
    rng = np.random.default_rng(key)
    values = {}
    with jax.enable_x64(True):
        trace = jax.eval_shape(lambda key: _sites(bound, key, inputs), jax.random.key(0))
    for name in bound.dims(inputs.shape[1:]):
        noise = rng.normal(size=(chains, draws, *trace[name].shape))
        values[name] = 1.0 + np.abs(noise) if name in bound.likelihood.dims else noise
    if change is not None:
        change(values)
    return fit_module.Fit(bound, data, bnn.Gibbs(), fit_module.assemble(bound, data, values, {"complete": 1}))


def _sites(model, key, inputs):
    trace = handlers.trace(handlers.seed(model, key)).get_trace(inputs)
    return {name: site["value"] for name, site in trace.items() if site["type"] in ("sample", "deterministic")}
