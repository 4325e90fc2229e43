"""How a fit was made is kept with it, through everything that changes or stores it, and found again in older files."""

import importlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from numpyro import handlers

import bayesnn as bnn
from bayesnn.fitting.settings import FitSettings
from bayesnn.samplers import Sampler
from bayesnn.samplers.engine.chains import Run

compare = importlib.import_module("bayesnn.evaluation.compare")
agreement = importlib.import_module("bayesnn.evaluation.agreement")
GOLDEN = Path(__file__).parents[1] / "golden"
X = np.array([[-1.0], [1.0], [-1.0], [1.0]])  # mean zero and variance one: their scaling shows nothing
Y = np.array([1.0, -1.0, -1.0, 1.0])
MODEL = bnn.Model([bnn.Dense(1)])
OTHERS = FitSettings(7, 3, 2, True, True, False, "5")


@dataclass(frozen=True)
class Still(Sampler):
    """One draw from the prior stands for all."""

    def check(self, model):
        """Any model will do."""

    def draw(self, target, report, key, data, plan):
        """The same values in every draw of every chain."""
        trace = handlers.trace(handlers.seed(target, key)).get_trace(*data)
        recorded = report(key, {n: s["value"] for n, s in trace.items() if "value" in s}, data)
        values = {n: np.broadcast_to(v, (plan.chains, plan.draws, *v.shape)) for n, v in recorded.items()}
        return Run(values, dict.fromkeys(("compile", "warmup", "sampling"), 0.0), True)


def test_settings_are_the_arguments_of_fit():
    asked = {"warmup": 7, "thinning": 3, "superchains": 2, "log_likelihood": False, "key": 5}
    fit = bnn.fit(MODEL, X, Y, sampler=Still(), draws=2, chains=4, **asked)
    assert fit.settings == replace(OTHERS, marginalize=False)
    attrs = fit.idata["posterior"].attrs
    assert fit.settings.attributes().items() <= attrs.items()
    assert bnn.select_chains(fit, [0, 1]).settings == fit.settings


@pytest.mark.parametrize("standardize", [True, False])
def test_refits_standardise_as_the_fit_did_whatever_the_scaling_shows(fake_fit, monkeypatch, standardize):
    fit = replace(fake_fit(MODEL, X, Y), settings=replace(OTHERS, standardize=standardize))
    options = compare._settings(fit)
    assert {n: options[n] for n in ("warmup", "thinning", "marginalize", "standardize", "draws", "chains")} == {
        "warmup": 7,
        "thinning": 3,
        "marginalize": True,
        "standardize": standardize,
        "draws": 50,
        "chains": 4,
    }
    calls = []
    monkeypatch.setattr(agreement, "fit_model", lambda *arguments, **settings: calls.append(settings))
    agreement.short_run(fit)
    assert calls[0]["standardize"] is standardize


def test_files_keep_settings(fake_fit, tmp_path):
    fit = replace(fake_fit(MODEL, X, Y), settings=OTHERS)
    bnn.save(fit, tmp_path / "fit.npz")
    assert bnn.load(tmp_path / "fit.npz").settings == OTHERS


def test_settings_of_older_files_are_found_in_what_they_hold(fake_fit):
    assert bnn.load(GOLDEN / "fit_v1.npz").settings == FitSettings(50, 1, None, True, False, True, "0")
    plain = fake_fit(MODEL, X + 3.0, Y, standardize=False)
    assert plain.settings == FitSettings(standardize=False)
    assert fake_fit(MODEL, X + 3.0, Y).settings == FitSettings()
