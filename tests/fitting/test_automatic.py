"""The automatic choice: plain chains, and a second stage that starts from what they learnt where they disagree."""

import math
from dataclasses import replace
from types import SimpleNamespace

import jax
import numpy as np
import pytest
import xarray as xr
from test_chains import SAMPLER, X, Y
from test_run_folder import same_idata
from test_until_converged import QUICK

import bayesnn as bnn
from bayesnn.fitting import automatic
from bayesnn.fitting.binding import bind
from bayesnn.fitting.sampling_job import TIME_OVER
from bayesnn.fitting.settings import FitSettings
from bayesnn.fitting.store import SamplingJob
from bayesnn.fitting.until_converged import DISAGREE, draws_for
from bayesnn.samplers.engine.checkpoint import HANDED, from_artifact
from bayesnn.samplers.engine.plan import Plan

MODEL = bnn.shallow(2)
SECOND = replace(SAMPLER, candidates=4)  # stands for the sampler of the second stage
SETTINGS = {"warmup": 5, "chains": 2, "key": 3, "progress": False, "draws": "auto", "max_seconds": math.inf}


OF_THE_PACKAGE = automatic.tempered


def test_the_second_stage_is_the_first_one_tempered():
    for plain in (bnn.Gibbs(candidates=3), bnn.NUTS(max_tree_depth=4)):
        then = OF_THE_PACKAGE(plain)
        assert isinstance(then, bnn.Tempered)
        assert then.sampler == plain
    assert OF_THE_PACKAGE(bnn.MAP()) is None


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Plain chains of a few draws, which are always given up after 12."""
    for change in QUICK:
        monkeypatch.setattr(*change)
    monkeypatch.setattr("bayesnn.fitting.until_converged.ESS_PER_CHAIN", 4)  # the second stage ends soon
    monkeypatch.setattr(automatic, "plain_sampler", lambda model: SAMPLER)
    monkeypatch.setattr(automatic, "tempered", lambda plain: SECOND if plain == SAMPLER else None)
    monkeypatch.setattr(automatic, "GIVE_UP", (12, 0.5))


def test_chains_that_agree_are_the_fit(monkeypatch):
    monkeypatch.setattr(automatic, "GIVE_UP", (12, 1e9))
    found = bnn.fit(MODEL, X, Y, **SETTINGS)
    assert found.sampler == SAMPLER
    same_idata(found.idata, bnn.fit(MODEL, X, Y, sampler=SAMPLER, **SETTINGS).idata)
    assert "before" not in found.idata["posterior"].attrs


def test_automatic_chains_are_of_their_own_length_unless_it_is_given():
    plain = {name: value for name, value in SETTINGS.items() if name != "draws"}
    same_idata(bnn.fit(MODEL, X, Y, **plain).idata, bnn.fit(MODEL, X, Y, **SETTINGS).idata)
    assert [draws_for(None, SAMPLER, chains, None) for chains in (1, 2, 4)] == [1000, "auto", "auto"]
    assert draws_for("gibbs", SAMPLER, 4, None) == draws_for(SAMPLER, SAMPLER, 4, None) == 1000
    assert draws_for(None, bnn.MAP(), 4, None) == 1000
    asked = plain | {"max_seconds": None, "sampler": SAMPLER}
    assert bnn.fit(MODEL, X, Y, **asked).idata["posterior"].sizes["draw"] == 1000


def test_without_a_second_stage_plain_chains_go_on(monkeypatch):
    monkeypatch.setattr(automatic, "tempered", lambda plain: None)
    found = bnn.fit(MODEL, X, Y, **SETTINGS)
    same_idata(found.idata, bnn.fit(MODEL, X, Y, sampler=SAMPLER, **SETTINGS).idata)


FIXED = bnn.Model([bnn.fix(bnn.Dense(1)), bnn.Dense(1)])
GAP = np.where(np.arange(30) == 12, np.nan, np.sin(np.arange(30.0)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "data", "plain"),
    [
        (FIXED, (X, Y), bnn.NUTS(max_tree_depth=3)),
        (bnn.shallow(1), (bnn.lagged(GAP, lags=1, missing="latent"),), bnn.Gibbs(sweeps=1)),
    ],
    ids=["fixed layers", "missing values"],
)
def test_what_cannot_be_tempered_stays_with_plain_chains(model, data, plain, monkeypatch):
    monkeypatch.setattr(automatic, "plain_sampler", lambda model: plain)
    monkeypatch.setattr(automatic, "tempered", OF_THE_PACKAGE)
    monkeypatch.setattr("bayesnn.fitting.until_converged.R_HAT_LIMIT", 0.0)  # chains never agree: all are given up
    found = bnn.fit(model, *data, **SETTINGS | {"max_seconds": 1e-3})
    assert found.sampler == plain
    assert found.idata["posterior"].attrs["stopped"] == TIME_OVER


def test_a_sampler_that_was_asked_for_stays_what_it_is():
    assert bnn.fit(MODEL, X, Y, sampler=SAMPLER, **SETTINGS).sampler == SAMPLER
    assert bnn.fit(MODEL, X, Y, **SETTINGS | {"draws": 5, "max_seconds": None}).sampler == SAMPLER


def test_chains_that_disagree_hand_over_their_states(monkeypatch):
    """The second stage has a key of its own, the last states of the plain chains, and a note that the verdict gives."""
    handed = []
    learnt = automatic._learnt
    monkeypatch.setattr(
        automatic, "_learnt", lambda first, s: handed.append((first, learnt(first, s))) or handed[-1][1]
    )
    found = bnn.fit(MODEL, X, Y, **SETTINGS)
    first, artifact = handed[0]
    assert first.idata["posterior"].attrs["stopped"] == DISAGREE
    assert first.state.checkpoint.draws == 12
    assert found.sampler == SECOND
    key = jax.random.fold_in(jax.random.key(3), 1)
    direct = bnn.fit(MODEL, X, Y, sampler=SECOND, **SETTINGS | {"key": key})
    same_idata(direct.idata, found.idata)
    kept = from_artifact(found.state.kept[HANDED])
    assert kept.keys == first.state.checkpoint.keys
    for there, here in zip(first.state.checkpoint.leaves, kept.leaves, strict=True):
        np.testing.assert_array_equal(there, here)
    assert "2 plain chains by Gibbs" in found.idata["posterior"].attrs["before"]
    assert "after 12 draws" in bnn.diagnose(found).verdict
    more = bnn.extend(found, 3, progress=False)
    assert more.idata["posterior"].attrs["before"] == artifact[1]["note"]


def learnt_by(y, sigma, weights=None, units=8):
    """What `hot_end` reads of a fit to 13 inputs."""
    data = SimpleNamespace(y=y, weights=weights, x=np.zeros((len(y), 13)))
    draws = {"posterior": {"sigma": xr.DataArray(np.full((2, 3), sigma))}}
    return SimpleNamespace(model=bnn.shallow(units), data=data, idata=draws)


def test_the_hot_end_is_where_the_data_say_two_nats_per_weight():
    """120 weights and 506 rows of which 0.22 of an sd is not explained: 240/(506 log(1/0.22))."""
    y = np.random.default_rng(0).normal(size=506)
    y = 50.0 * y / y.std()
    assert automatic.hot_end(learnt_by(y, 11.0)) == 0.31
    twice = np.repeat(y, 2)
    assert automatic.hot_end(learnt_by(twice, 11.0)) == 0.16
    assert automatic.hot_end(learnt_by(y, 11.0, np.full(506, 2.0))) == 0.16
    assert automatic.hot_end(learnt_by(y, 49.0)) == automatic.hot_end(learnt_by(y, 51.0)) == 0.5
    assert automatic.hot_end(learnt_by(y, 1e-9, units=1)) == 0.02


@pytest.mark.parametrize(
    ("model", "y", "offset", "expected"),
    [
        (MODEL, Y, None, 0.37),
        (MODEL, Y, np.zeros(len(Y)), 0.1),
        (MODEL, np.stack([Y, Y**2], axis=1), None, 0.1),
        (bnn.shallow(2, likelihood=bnn.StudentT()), Y, None, 0.1),
    ],
    ids=["one error", "offset", "two outputs", "other errors"],
)
def test_the_second_stage_ends_at_its_hot_end(model, y, offset, expected, monkeypatch):
    """Where the errors are Gaussian and of one size; elsewhere at the power that is stated."""
    monkeypatch.setattr(automatic, "tempered", OF_THE_PACKAGE)
    monkeypatch.setattr(automatic, "hot_end", lambda first: 0.37)
    monkeypatch.setattr(automatic, "_learnt", lambda first, seconds: None)
    attrs = {"stopped": DISAGREE, "compile_seconds": 1.0, "warmup_seconds": 1.0, "sampling_seconds": 1.0}
    first = SimpleNamespace(idata={"posterior": xr.Dataset(attrs=attrs)})
    jobs, plans = [], []
    bound, data = bind(model, X, y, offset=offset, standardize=offset is None)
    job = SamplingJob(bound, data, bnn.Gibbs(), jax.random.key(0), FitSettings())

    def run(job, plan, *rest):
        jobs.append(job)
        plans.append(plan)
        return first

    automatic.plain_then_tempered(run, job, Plan(10, 1000, 2), 10.0, None)
    assert jobs[0] == job
    assert jobs[1].sampler == bnn.Tempered(bnn.Gibbs(), hottest=expected)
    assert plans[0].warmup == 1000
    assert plans[1].warmup == (500 if expected == 0.37 else 200)


class Killed(Exception):
    """Stands for a kill: nothing handles it."""


@pytest.mark.first_case
@pytest.mark.parametrize("stage", [1, 2])
def test_a_killed_choice_goes_on(stage, tmp_path, monkeypatch):
    from bayesnn.samplers.engine import chains

    straight = bnn.fit(MODEL, X, Y, **SETTINGS)
    advance, calls = chains._advance_all, []

    def killed(*arguments):
        calls.append(1)
        if len(calls) == {1: 4, 2: 12}[stage]:
            raise Killed
        return advance(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(chains, "_advance_all", killed)
        patch.setattr(chains, "CHUNK_SECONDS", 1e9)
        with pytest.raises(Killed):
            bnn.fit(MODEL, X, Y, path=tmp_path, **SETTINGS)
    assert (tmp_path / automatic.FOLDER).exists() == (stage == 2)
    found = bnn.fit(MODEL, X, Y, path=tmp_path, **SETTINGS)
    same_idata(straight.idata, found.idata)
    same_idata(straight.idata, bnn.open_run(tmp_path))
    assert "plain chains" in bnn.open_run(tmp_path)["posterior"].attrs["before"]
    same_idata(bnn.extend(straight, 4, progress=False).idata, bnn.extend(found, 4, progress=False).idata)


def test_plain_chains_that_may_be_given_up_are_another_run(tmp_path):
    bnn.fit(MODEL, X, Y, path=tmp_path, **SETTINGS)
    with pytest.raises(ValueError, match="gives up is .* there and not set here"):
        bnn.fit(MODEL, X, Y, sampler=SAMPLER, path=tmp_path, **SETTINGS)


def test_time_is_for_both_stages(monkeypatch):
    """What the first stage took is taken from the second."""
    given = []
    until = automatic.until_converged
    monkeypatch.setattr(
        automatic, "until_converged", lambda plan, job, s, *more: given.append(s) or until(plan, job, math.inf, *more)
    )
    found = bnn.fit(MODEL, X, Y, **SETTINGS | {"max_seconds": 1000.0})
    assert found.sampler == SECOND
    assert given[0] == 1000.0
    assert 1000.0 - 300.0 < given[1] < 1000.0
