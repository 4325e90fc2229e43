"""What a fit hands to a sampler: every array is made once."""

from dataclasses import dataclass

import jax
import numpy as np
import pytest
from numpyro import handlers

import bayesnn as bnn
from bayesnn.data.dataset import Scaling
from bayesnn.samplers import Sampler
from bayesnn.samplers.engine.chains import Run

RNG = np.random.default_rng(3)
X = RNG.normal(3.0, 2.0, (8, 2))
Y = X[:, 0] + RNG.normal(size=8)


@dataclass(frozen=True)
class OneOfThePrior(Sampler):
    """A sampler of a user's own: one draw from the prior stands for all."""

    def check(self, model):
        """Any model will do."""

    def draw(self, target, report, key, data, plan):
        """The same values in every draw of every chain."""
        trace = handlers.trace(handlers.seed(target, key)).get_trace(*data)
        sites = {n: s["value"] for n, s in trace.items() if s["type"] in ("sample", "deterministic")}
        values = {
            n: np.broadcast_to(v, (plan.chains, plan.draws, *v.shape)) for n, v in report(key, sites, data).items()
        }
        return Run(values, dict.fromkeys(("compile", "warmup", "sampling"), 0.0), True)


@pytest.fixture
def scaled(monkeypatch):
    """The arrays that were brought to the scale of the model."""
    found = []
    own = Scaling.inputs

    def inputs(scaling, x):
        found.append(own(scaling, x))
        return found[-1]

    monkeypatch.setattr(Scaling, "inputs", inputs)
    return found


@pytest.mark.parametrize("weights", [None, np.arange(1.0, 9.0)])
def test_data_are_standardised_once_for_the_sampler_and_once_for_the_log_likelihood(scaled, weights):
    fit = bnn.fit(bnn.Model([bnn.Dense(1)]), X, Y, sampler=OneOfThePrior(), draws=2, chains=2, weights=weights)
    assert len(scaled) == 2
    assert all(isinstance(x, np.ndarray) and not isinstance(x, jax.Array) for x in scaled)
    center = np.average(X, axis=0, weights=weights)
    scale = np.average((X - center) ** 2, axis=0, weights=weights) ** 0.5
    np.testing.assert_allclose(scaled[0], (X - center) / scale, rtol=1e-10)
    assert fit.idata["posterior"].sizes["draw"] == 2
