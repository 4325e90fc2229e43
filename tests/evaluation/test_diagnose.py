"""The verdict: converged, few draws, stuck in modes, drifting, one chain, divergences."""

import importlib
from dataclasses import replace

import numpy as np
import pytest

import bayesnn as bnn
from bayesnn.evaluation.convergence import group_chains
from bayesnn.fitting.settings import FitSettings

diagnose_module = importlib.import_module("bayesnn.evaluation.diagnose")
X = np.linspace(-1.0, 1.0, 30)[:, None]
Y = np.sin(3 * X[:, 0])


def posterior_like(values, level=0.0, seed=0):
    """Independent draws of a constant function around `level` (one number per chain) with light tails."""
    rng = np.random.default_rng(seed)
    shape = values["sigma"].shape
    values["gamma"][...] = 0.0
    values["beta"][...] = (np.asarray(level)[..., None] if np.ndim(level) else level) + 0.1 * rng.normal(size=shape)
    values["sigma"][...] = np.exp(0.1 * rng.normal(size=shape))


def one_unit():
    return bnn.shallow(1)


def make(fake_fit, draws=500, chains=4, complete=True, **kwargs):
    def change(values):
        flat = {**values, "beta": np.zeros(values["sigma"].shape)}
        posterior_like(flat, **kwargs)
        values["beta"][..., 0] = flat["beta"]

    return fake_fit(one_unit(), X, Y, draws=draws, chains=chains, change=change, complete=complete)


def test_independent_draws_are_called_converged(fake_fit):
    diagnosis = bnn.diagnose(make(fake_fit))
    assert diagnosis.ok
    assert diagnosis.verdict.startswith("Converged: 4 chains agree")
    assert diagnosis.modes == ((0, 1, 2, 3),)
    assert list(diagnosis.table.columns) == ["r_hat", "ess_bulk", "ess_tail", "mcse"]
    assert diagnosis.table.loc["f, worst", "r_hat"] < 1.01


def test_chains_in_another_mode_are_named(fake_fit):
    diagnosis = bnn.diagnose(make(fake_fit, level=[0.0, 2.0, 0.0, 2.0]))
    assert not diagnosis.ok
    assert diagnosis.modes == ((0, 2), (1, 3))
    assert "chains 0, 2; chains 1, 3" in diagnosis.verdict
    assert "multimodal" in diagnosis.verdict
    assert list(diagnosis.mode_table["chains"]) == ["0, 2", "1, 3"]


def test_few_draws_say_how_many_to_take(fake_fit):
    diagnosis = bnn.diagnose(make(fake_fit, draws=60))
    assert not diagnosis.ok
    assert "few effective draws" in diagnosis.verdict
    assert "Run longer: draws=" in diagnosis.verdict


@pytest.mark.parametrize(
    ("arguments", "missing"), [({"draws": 60}, "few effective draws"), ({"level": [0.0, 0.0, 0.0, 0.05]}, "not mixed")]
)
def test_a_fit_whose_time_was_over_says_how_much_time_to_give(fake_fit, arguments, missing):
    """Ten seconds of compiling and warm-up, and sampling that grows with the draws that are missing."""
    fit = make(fake_fit, **arguments)
    seconds = {"compile_seconds": 4.0, "warmup_seconds": 6.0, "sampling_seconds": 10.0}
    fit.idata["posterior"].attrs.update(stopped="time over", **seconds)
    fit = replace(fit, settings=FitSettings(max_seconds=20.0))
    diagnosis = bnn.diagnose(fit)
    draws = arguments.get("draws", 500)
    assert diagnosis.verdict.startswith(f"Stopped when max_seconds=20 were over, with {draws} draws per chain. ")
    assert missing in diagnosis.verdict
    worst = diagnosis.table.loc["f, worst"]
    times = max(400 / min(worst["ess_bulk"], worst["ess_tail"]), (worst["r_hat"] ** 2 - 1) / (1.01**2 - 1))
    given = float(diagnosis.verdict.split("Run longer: max_seconds=")[1].rstrip("."))
    np.testing.assert_allclose(given, 1.5 * (10 + 10 * times), rtol=0.05)


def test_common_drift_is_not_called_modes(fake_fit):
    drift = np.broadcast_to(np.linspace(0.0, 2.0, 500), (4, 500))
    fit = fake_fit(one_unit(), X, Y, draws=500, change=lambda v: v.update(_drifting(v, drift)))
    diagnosis = bnn.diagnose(fit)
    assert not diagnosis.ok
    assert diagnosis.modes == ((0, 1, 2, 3),)
    assert "have not mixed yet" in diagnosis.verdict


def _drifting(values, drift):
    noise = np.random.default_rng(0).normal(size=drift.shape)
    return {"gamma": 0.0 * values["gamma"], "beta": (drift + 0.1 * noise)[..., None], "sigma": np.ones(drift.shape)}


def test_one_chain_cannot_be_judged(fake_fit):
    diagnosis = bnn.diagnose(make(fake_fit, chains=1))
    assert not diagnosis.ok
    assert "One chain cannot be judged" in diagnosis.verdict


def test_interruption_is_said(fake_fit):
    assert bnn.diagnose(make(fake_fit, complete=False)).verdict.startswith("Interrupted after 500 draws per chain.")


def test_divergences_are_said_and_not_ok(fake_fit):
    def diverge(values):
        flat = {**values, "beta": np.zeros(values["sigma"].shape)}
        posterior_like(flat)
        values["beta"][..., 0] = flat["beta"]
        values["stat diverging"] = np.zeros(values["sigma"].shape, bool)
        values["stat diverging"][0, :3] = True

    diagnosis = bnn.diagnose(fake_fit(one_unit(), X, Y, draws=500, change=diverge))
    assert not diagnosis.ok
    assert "3 divergent transitions" in diagnosis.verdict


def test_low_bfmi_is_said(fake_fit):
    def slow_energy(values):
        flat = {**values, "beta": np.zeros(values["sigma"].shape)}
        posterior_like(flat)
        values["beta"][..., 0] = flat["beta"]
        walk = np.random.default_rng(0).normal(size=values["sigma"].shape).cumsum(axis=1)
        values["stat energy"] = walk

    assert "E-BFMI" in bnn.diagnose(fake_fit(one_unit(), X, Y, draws=500, change=slow_energy)).verdict


class Unadjusted(bnn.NUTS):
    """A sampler of a user's own, of which nothing else is known."""

    unadjusted = True


def test_an_unadjusted_sampler_needs_no_statistics_of_ours(fake_fit):
    fit = replace(make(fake_fit), sampler=Unadjusted())
    assert "Steps are not adjusted, which leaves a bias" in bnn.diagnose(fit).verdict


@pytest.mark.parametrize(
    ("levels", "groups"),
    [
        ([0, 0, 0], ((0, 1, 2),)),
        ([0, 5, 0], ((0, 2), (1,))),
        ([5, 0, 9], ((0,), (1,), (2,))),
        ([3, 0, 3.3], ((0, 2), (1,))),
    ],
)
def test_grouping(levels, groups):
    noise = np.random.default_rng(0).normal(size=(3, 2000, 4))
    assert group_chains(noise + np.array(levels, float)[:, None, None]) == groups


@pytest.mark.slow
def test_bimodal_posterior_of_a_real_run_is_never_called_converged_when_chains_disagree():
    table = bnn.datasets.mcycle()
    fit = bnn.fit(bnn.shallow(2), table[["times"]], table["accel"], chains=8, draws=300, warmup=300, progress=False)
    log_likelihood = fit.idata["log_likelihood"]["y"].to_numpy().sum(axis=-1)
    levels = log_likelihood.mean(axis=1)
    assert np.ptp(levels) > 3.0, "this run was chosen because its chains sit in modes of different likelihood"
    diagnosis = bnn.diagnose(fit)
    assert not diagnosis.ok
    assert len(diagnosis.modes) > 1
    upper = {c for c in range(8) if levels[c] > levels.mean()}
    assert any(set(group) == upper for group in diagnosis.modes)
