"""Fits from draws put together by hand: nothing of the model is compiled but the log likelihood of its rows."""

import importlib

import jax
import numpy as np
from numpyro import handlers

import bayesnn as bnn


def made_fit(
    model,
    x,
    y=None,
    *,
    chains=1,
    draws=5,
    change=None,
    complete=True,
    key=0,
    weights=None,
    offset=None,
    standardize=True,
    table=None,
):
    """A fit whose weights are normal and whose scales are positive, each independent of the others.

    Random architectures have their prior. `change` may edit the recorded values (chain, draw, ...) before they become
    inference data.
    """
    binding = importlib.import_module("bayesnn.fitting.binding")
    fit_module = importlib.import_module("bayesnn.fitting.fit")
    bound, data = binding.bind(model, x, y, weights=weights, offset=offset, standardize=standardize, table=table)
    values = recorded(bound, data.scaled()[0], (chains, draws), np.random.default_rng(key), data.shift)
    values["stat acceptance_rate"] = np.full((chains, draws), 0.9)
    if change is not None:
        change(values)
    idata = fit_module.assemble_inference_data(bound, data, values, {"complete": int(complete)})
    return fit_module.Fit(bound, data, bnn.Gibbs(), idata)


def recorded(model, inputs, sizes, rng, shift=None):
    """Values of the sites that a fit records, by name, of shape `sizes` and that of the site."""
    with jax.enable_x64(True):
        trace = jax.eval_shape(lambda key: _sites(model, key, inputs, shift), jax.random.key(0))
    shape = inputs.shape[1:]
    architecture = {} if model.architecture is None else model.architecture.probabilities()
    readout = model.terms(shape).weights()
    values = {}
    for name in model.dims(shape):
        noise = rng.normal(size=(*sizes, *trace[name].shape))
        if name in architecture:
            values[name] = rng.choice(list(architecture[name]), size=sizes, p=list(architecture[name].values()))
        elif name == "S_gamma":
            values[name] = noise @ np.swapaxes(noise, -1, -2) + np.eye(noise.shape[-1])
        elif name in ("gamma", "mu_gamma", "mu_beta", *model.weight_specs(shape), *readout):
            values[name] = noise
        elif name == "df":  # all moments that are asked for exist; a given number is no draw
            given = model.likelihood.df
            values[name] = np.full(sizes, given) if given is not None else 5.0 + noise**2
        else:
            values[name] = 0.5 * np.exp(0.3 * noise)
    if "M" in values:
        values["beta"] = np.where(np.arange(values["beta"].shape[-1]) < values["M"][..., None], values["beta"], 0.0)
    if "linear_in" in values:
        values["linear"] = values["linear"] * values["linear_in"][..., None]
    return values


def _sites(model, key, inputs, shift):
    trace = handlers.trace(handlers.seed(model, key)).get_trace(inputs, None, shift)
    return {name: site["value"] for name, site in trace.items() if site["type"] in ("sample", "deterministic")}
