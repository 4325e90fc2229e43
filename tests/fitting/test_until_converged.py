"""draws="auto": the rule that ends a run, and fits that end by it, go on, are extended or are refused."""

import math

import numpy as np
import pytest
from test_chains import SAMPLER, X, Y
from test_run_folder import same_idata

import bayesnn as bnn
from bayesnn.evaluation.agreement import function_values
from bayesnn.fitting import until_converged
from bayesnn.fitting.binding import bind
from bayesnn.fitting.settings import FitSettings
from bayesnn.fitting.store import SamplingJob
from bayesnn.fitting.until_converged import CONVERGED, DISAGREE, UntilConverged, longer
from bayesnn.samplers.engine import chains as engine

MODEL = bnn.shallow(2)
SETTINGS = {"sampler": SAMPLER, "warmup": 5, "chains": 2, "key": 3, "progress": False}
AUTO = SETTINGS | {"draws": "auto", "max_seconds": math.inf}


# The rule


class Shown(UntilConverged):
    """The rule with function values (chain, draw, point) shown to it instead of sites."""

    def __call__(self, f, draws=1000):
        return self.standing(*self.worst(f), draws)


def rule(chains=4, superchains=0, give_up=None):
    bound, data = bind(MODEL, X, Y)
    return Shown(bound, data, chains, chains, 16, superchains, give_up)


def noise(chains=4, draws=1000, seed=0):
    return np.random.default_rng(seed).normal(size=(chains, draws, 6))


def test_independent_draws_end_a_run():
    standing = rule()(noise())
    assert standing.ended == CONVERGED
    assert standing.r_hat < 1.01 and standing.ess > 3000 and standing.wanted == 400


def test_one_function_value_that_is_apart_keeps_a_run_going():
    """Of many values and chains it is the worst that counts, whichever it is."""
    for point, chain in ((0, 0), (5, 3)):
        f = noise()
        f[chain, :, point] += 1.0
        assert rule()(f).ended == ""
        assert rule()(f).r_hat > 1.02


def test_few_effective_draws_keep_a_run_going():
    """R-hat alone is not enough: chains of 80 independent draws."""
    f = noise(draws=80, seed=19)
    standing = rule()(f)
    assert standing.r_hat <= 1.01, "this seed was chosen for it"
    assert standing.ess < 400
    assert standing.ended == ""


def test_chains_are_the_first_axis():
    """Values that differ between chains, and not between draws; the other way round they look converged."""
    f = noise(4, 4) * 0.01 + np.arange(4.0)[:, None, None]
    assert rule()(np.repeat(f, 200, axis=1)).ended == ""
    assert rule()(np.repeat(f, 200, axis=1).swapaxes(0, 1)[:4]).r_hat != rule()(np.repeat(f, 200, axis=1)).r_hat


def test_values_that_never_move_are_not_converged():
    f = noise()
    f[..., 2] = 1.0
    assert rule()(f).ended == ""


def test_how_many_effective_draws_are_wanted():
    assert rule(chains=2).wanted == rule(chains=4).wanted == 400
    assert rule(chains=10).wanted == 1000
    assert rule(chains=64, superchains=8).wanted == 400


def test_superchains_are_judged_by_nested_r_hat():
    """64 chains of 20 draws that have not forgotten their starts: of each chain its half agrees with the other."""
    starts = 0.5 * np.random.default_rng(1).normal(size=(8, 1, 1)).repeat(8, axis=0)
    f = noise(64, 20) + starts
    assert rule(64, superchains=8)(f).ended == ""
    assert rule(64, superchains=8)(noise(64, 20)).r_hat < 1.01


def test_where_chains_are_given_up():
    f = noise() + np.arange(4.0)[:, None, None]
    one = rule(give_up=(1000, 1.05))
    assert one(f, draws=999).ended == ""
    assert one(f, draws=1000).ended == DISAGREE
    assert one(noise(), draws=1000).ended == CONVERGED
    f = noise()
    f[0, :, 0] += 0.5
    assert 1.01 < one(f).r_hat < 1.05, "this shift was chosen for it"
    assert one(f).ended == ""


def test_how_much_longer():
    """Effective draws grow with draws; R-hat^2 - 1 falls with them."""
    assert longer(1.0, 400, 400) == 1.0
    assert longer(1.0, 100, 400) == 4.0
    assert longer(1.005, 800, 400) == 1.0
    np.testing.assert_allclose(longer(math.sqrt(1 + 3 * (1.01**2 - 1)), 400, 400), 3.0)
    assert longer(math.nan, 400, 400) == math.inf


def test_the_rule_and_the_diagnosis_see_the_same(fake_fit):
    fit = fake_fit(MODEL, X, Y, draws=64)
    judge = UntilConverged(fit.model, fit.data, 4, 4, 128)
    standing = judge(fit.sites(), 64)
    worst = bnn.diagnose(fit).table.loc["f, worst"]
    assert standing.r_hat == worst["r_hat"]
    assert standing.ess == min(worst["ess_bulk"], worst["ess_tail"])
    np.testing.assert_allclose(function_values(fit).shape, (4, 64, 14))


def test_rows_that_are_not_looked_at_each_time_are_looked_at_in_the_end(monkeypatch):
    """100 rows: the 40 have converged, and one of the other 60 has not."""
    x = np.linspace(0, 1, 300)[:, None]
    bound, data = bind(MODEL, x, np.sin(7 * x[:, 0]))
    f = np.random.default_rng(0).normal(size=(4, 1000, 100))
    monkeypatch.setattr(until_converged, "function_values", lambda *arguments, **options: f)
    judge = UntilConverged(bound, data, 4, 4, 2048)
    sites = dict.fromkeys(bound.dims(data.x.shape[1:]), f) | {until_converged.AT_TEMPERATURES: f[..., :2]}
    assert judge(sites, 1000).ended == CONVERGED
    others = np.setdiff1d(np.arange(100), until_converged.spread_out(100, until_converged.ROWS))
    assert len(others) == 60
    f[0, :, others[7]] += 1.0
    assert judge(sites, 1000).ended == ""


def test_draws_that_are_kept_take_a_bounded_memory():
    def kept(rows, chains, log_likelihood=True):
        job = SamplingJob(
            *bind(bnn.shallow(8), np.arange(float(rows))[:, None], np.arange(float(rows))),
            SAMPLER,
            None,
            FitSettings(log_likelihood=log_likelihood),
        )
        return until_converged._most_kept(job, chains)

    assert kept(500, 4) == 2048
    assert kept(50_000, 4) == 1024
    assert kept(1_000_000, 4) == 512
    assert kept(1_000_000, 4, log_likelihood=False) == 2048
    assert all(n % 16 == 0 for n in (until_converged.KEPT, until_converged.FEWEST_KEPT))


# Fits


QUICK = (
    (
        until_converged,
        "KEPT",
        32,
    ),  # few draws are kept and a loose rule ends runs: they are short, and have been thinned
    (until_converged, "FEWEST_KEPT", 32),
    (until_converged, "R_HAT_LIMIT", 1.5),
    (until_converged, "ESS_PER_CHAIN", 9),
    (engine, "CHUNK", 6),
)


@pytest.fixture
def quick(monkeypatch):
    for change in QUICK:
        monkeypatch.setattr(*change)


@pytest.fixture(scope="module")
def automatic():
    with pytest.MonkeyPatch.context() as patch:
        for change in QUICK:
            patch.setattr(*change)
        return bnn.fit(MODEL, X, Y, **AUTO)


def test_a_fit_that_ended_by_itself(automatic, quick):
    """It is the fit of a given length and thinning that it came to, and says so."""
    posterior = automatic.idata["posterior"]
    assert posterior.attrs["stopped"] == CONVERGED
    assert posterior.attrs["max_seconds"] == "inf"
    assert automatic.settings.max_seconds == math.inf
    assert automatic.complete
    thinning, draws = automatic.settings.thinning, posterior.sizes["draw"]
    assert posterior.attrs["thinning"] == thinning > 1, "this key was chosen for it"
    assert 16 < draws <= 32
    straight = bnn.fit(MODEL, X, Y, draws=draws, thinning=thinning, **SETTINGS)
    same_idata(straight.idata, automatic.idata)


def test_the_key_alone_decides_where_it_ends(automatic, quick):
    same_idata(automatic.idata, bnn.fit(MODEL, X, Y, **AUTO).idata)


def test_in_a_folder(automatic, tmp_path, quick):
    """Time ends it first; with more time it goes on to the same end, is read afterwards, and extended."""
    first = bnn.fit(MODEL, X, Y, path=tmp_path, **AUTO | {"max_seconds": 1e-9})
    assert first.complete
    assert first.idata["posterior"].attrs["stopped"] == "time over"
    assert first.idata["posterior"].sizes["draw"] >= 20
    verdict = bnn.diagnose(first).verdict
    assert verdict.startswith("Stopped when max_seconds=1e-09 were over, with ")
    whole = bnn.fit(MODEL, X, Y, path=tmp_path, **AUTO)
    same_idata(automatic.idata, whole.idata)
    same_idata(automatic.idata, bnn.open_run(tmp_path))
    assert bnn.open_run(tmp_path)["posterior"].attrs["complete"] == 1
    assert bnn.open_run(tmp_path)["posterior"].attrs["thinning"] == automatic.settings.thinning
    more, alike = bnn.extend(whole, 7, progress=False), bnn.extend(automatic, 7, progress=False)
    same_idata(more.idata, alike.idata)
    same_idata(more.idata, bnn.fit(MODEL, X, Y, path=tmp_path, **AUTO).idata)


def test_extended(automatic, quick):
    more = bnn.extend(automatic, 9, progress=False)
    draws = automatic.idata["posterior"].sizes["draw"] + 9
    straight = bnn.fit(MODEL, X, Y, draws=draws, thinning=automatic.settings.thinning, **SETTINGS)
    same_idata(straight.idata, more.idata)
    assert more.settings.thinning == more.idata["posterior"].attrs["thinning"] == automatic.settings.thinning
    again = bnn.extend(more, 3, progress=False)
    assert again.idata["posterior"].sizes["draw"] == draws + 3


def test_saved_and_loaded(automatic, tmp_path, quick):
    bnn.save(automatic, tmp_path / "fit.npz")
    loaded = bnn.load(tmp_path / "fit.npz")
    assert loaded.settings == automatic.settings
    same_idata(bnn.extend(automatic, 5, progress=False).idata, bnn.extend(loaded, 5, progress=False).idata)


def test_a_run_of_another_kind_is_refused(tmp_path, quick):
    bnn.fit(MODEL, X, Y, draws=6, path=tmp_path / "number", **SETTINGS)
    with pytest.raises(ValueError, match="holds another run.*draws is a number there and auto here"):
        bnn.fit(MODEL, X, Y, path=tmp_path / "number", **AUTO)
    bnn.fit(MODEL, X, Y, path=tmp_path / "auto", **AUTO)
    with pytest.raises(ValueError, match="holds another run.*draws is auto there and a number here"):
        bnn.fit(MODEL, X, Y, draws=600, path=tmp_path / "auto", **SETTINGS)


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["nuts", bnn.HMC(), bnn.Gibbs(weights="hmc"), bnn.MCLMC(start=None), bnn.SGLD()])
def test_every_sampler_with_chains(sampler, quick):
    fit = bnn.fit(MODEL, X, Y, **AUTO | {"sampler": sampler, "max_seconds": 20.0, "warmup": 50})
    assert fit.idata["posterior"].attrs["stopped"] in (CONVERGED, "time over")
    assert 2 <= fit.idata["posterior"].sizes["draw"] <= 32


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"draws": "automatic"}, r"draws must be a whole number or \"auto\", got 'automatic'"),
        ({"draws": 100, "max_seconds": 5}, r'max_seconds is for draws="auto", got it with draws=100'),
        ({"max_seconds": 0}, "max_seconds must be a finite number above zero, got 0"),
        ({"max_seconds": -1.0}, "max_seconds must be a finite number above zero"),
        ({"max_seconds": math.nan}, "max_seconds must be a finite number above zero"),
        ({"max_seconds": "long"}, "max_seconds must be a finite number above zero, got 'long'"),
        ({"chains": 1}, r'draws="auto" compares chains, got 1 of them'),
        ({"sampler": "map"}, r'draws="auto" is for samplers that run chains.*got MAP'),
        ({"sampler": "laplace"}, r'draws="auto" is for samplers that run chains'),
        ({"sampler": "variational"}, r'draws="auto" is for samplers that run chains'),
    ],
)
def test_what_is_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        bnn.fit(MODEL, X, Y, **AUTO | changed)


@pytest.mark.parametrize(
    ("asked", "sampler", "likelihood", "auto", "expected"),
    [
        (None, bnn.Gibbs(), bnn.Categorical(("a", "b", "c")), True, 300),
        (None, bnn.Gibbs(), bnn.Categorical(("a", "b", "c")), False, 1000),
        (None, bnn.Gibbs("slice"), bnn.Bernoulli(), True, 1000),
        (None, bnn.Gibbs(weights="hmc"), bnn.Poisson(), True, 1000),
        (None, bnn.NUTS(), bnn.Poisson(), True, 1000),
        (7, bnn.Gibbs(), bnn.Poisson(), True, 7),
    ],
)
def test_joint_sweeps_that_are_judged_have_a_short_warmup(asked, sampler, likelihood, auto, expected):
    assert until_converged.warmup_for(asked, sampler, bnn.shallow(2, likelihood=likelihood), auto) == expected
