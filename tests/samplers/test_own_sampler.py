"""A sampler of a user's own does what its class says it can: fixed layers, missing values, other fits' starts."""

from dataclasses import dataclass, replace
from typing import ClassVar

import jax
import numpy as np
import pandas as pd
import pytest
from numpyro import handlers, infer
from numpyro.infer.util import log_density

import bayesnn as bnn
from bayesnn.samplers import Sampler
from bayesnn.samplers.base import Chains
from bayesnn.samplers.engine.chains import Run

RNG = np.random.default_rng(4)
X = RNG.normal(size=(12, 1))
Y = np.tanh(X[:, 0]) + 0.1 * RNG.normal(size=12)
MODEL = bnn.Model([bnn.Dense(1, "tanh")], prior=bnn.Normal())
FIXED = bnn.Model([bnn.fix(bnn.Dense(1, "tanh"))], prior=bnn.Normal())
SERIES = pd.Series(RNG.normal(size=20)).where(np.arange(20) != 9)
LATENT = bnn.lagged(SERIES, 1, missing="latent")
FEW = {"draws": 2, "chains": 2, "progress": False}


@dataclass(frozen=True)
class Plain(Sampler):
    """Draws from the prior, whatever the data; says nothing of what else it can do."""

    scale: float = 1.0

    def check(self, model):
        """Any model will do."""

    def draw(self, target, report, key, data, plan):
        """Every draw by a key of its own."""
        drawn = [self.one(target, report, one, data) for one in jax.random.split(key, plan.chains * plan.draws)]
        shape = plan.chains, plan.draws
        values = {n: np.stack([d[n] for d in drawn]).reshape(*shape, *np.shape(v)) for n, v in drawn[0].items()}
        return Run(values, dict.fromkeys(("compile", "warmup", "sampling"), 0.0), True)

    def one(self, target, report, key, data):
        """What is reported of one draw."""
        trace = handlers.trace(handlers.seed(target, key)).get_trace(*data)
        sites = {n: s["value"] for n, s in trace.items() if s["type"] == "deterministic" or _latent(s)}
        return report(key, sites, data)


def _latent(site):
    return site["type"] == "sample" and not site["is_observed"]


@dataclass(frozen=True)
class Able(Plain):
    """The same, which says that it samples any NumPyro model."""

    conditions: ClassVar[bool] = True
    serves_gaps: ClassVar[bool] = True

    def for_rows(self):
        """Another setting where rows have weights."""
        return replace(self, scale=2.0)

    def mode_finder(self):
        """A short optimisation."""
        return bnn.MAP(steps=20, validation=None)


@dataclass(frozen=True)
class Barker(Chains):
    """NumPyro's kernel, which keeps the density of the data that it was started with."""

    conditions: ClassVar[bool] = True

    def kernel(self, model):
        """For the model as it comes."""
        return infer.BarkerMH(model)

    def stats(self, state):
        """-log posterior at the draw, as the kernel has it."""
        return {"potential": state.potential_energy}

    def mode_finder(self):
        """A short optimisation."""
        return bnn.MAP(steps=20, validation=None)


def expected_potential(fit, chain, draw):
    """-log posterior density on the unconstrained scale, from the reported values of one draw."""
    sites = {name: v[chain, draw] for name, v in fit.sites().items()}
    precision = sites["sigma"] ** -2
    raw = np.append(sites["beta"], sites["intercept"])  # prior precision 1, for one unit
    latent = {name: sites[name] for name in ("fixed0_kernel", "fixed0_bias")}
    latent |= {"readout_raw": raw, "noise_precision": precision}
    with jax.enable_x64(True):
        log_joint = float(log_density(fit.model, fit.data.scaled(), {}, latent)[0])
    return -log_joint - np.log(precision)  # the Jacobian of the logarithm


@pytest.mark.slow
def test_a_kernel_that_keeps_its_data_samples_those_of_its_own_fit():
    """The second fit finds the compiled program of the first, with other data and another mode."""
    fits = [bnn.fit(FIXED, X, y, sampler=Barker(), warmup=5, key=1, **FEW) for y in (Y, Y[::-1].copy())]
    for fit in fits:
        assert len(np.unique(fit.idata["posterior"]["fixed0_kernel"])) == 1
        potential = fit.idata["sample_stats"]["potential"].to_numpy()[1, -1]
        np.testing.assert_allclose(potential, expected_potential(fit, 1, -1), rtol=1e-10)
    assert not np.array_equal(*(fit.idata["posterior"]["fixed0_kernel"] for fit in fits))


@pytest.mark.slow
def test_fixed_layers_are_held_at_a_mode():
    posterior = bnn.fit(FIXED, X, Y, sampler=Able(), **FEW).idata["posterior"]
    for name in ("fixed0_kernel", "fixed0_bias"):
        values = posterior[name].to_numpy()
        assert np.isfinite(values).all()
        assert len(np.unique(values)) == 1
    assert len(np.unique(posterior["beta"])) == 4
    assert posterior.attrs["fixed"] == "fixed0_bias, fixed0_kernel"


def test_missing_values_are_sampled_with_the_rest():
    missing = bnn.fit(MODEL, LATENT, sampler=Able(), **FEW).idata["posterior"]["missing"]
    assert missing.sizes == {"chain": 2, "draw": 2, "gap": 1}
    assert len(np.unique(missing)) == 4


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        (FIXED, (X, Y), "or one of your own whose class says conditions = True, got Plain"),
        (MODEL, (LATENT,), "or one of your own whose class says serves_gaps = True, got Plain"),
        (bnn.shallow(bnn.Geometric(0.3, 3)), (X, Y), 'a random architecture needs sampler="gibbs"'),
    ],
    ids=["fix", "missing", "architecture"],
)
def test_what_a_class_does_not_say_is_refused(model, arguments, message):
    with pytest.raises(ValueError, match=message):
        bnn.fit(model, *arguments, sampler=Plain(), **FEW)


def test_every_sampler_is_asked_about_case_weights():
    assert bnn.fit(MODEL, X, Y, sampler=Able(), **FEW).sampler.scale == 1.0
    assert bnn.fit(MODEL, X, Y, sampler=Able(), weights=np.ones(12), **FEW).sampler.scale == 2.0
    assert bnn.fit(MODEL, X, Y, sampler=Plain(), weights=np.ones(12), **FEW).sampler.scale == 1.0
