"""What `Tempered` takes and refuses, what it records, and how its pilot chooses temperatures."""

import numpy as np
import pytest

import bayesnn as bnn
from bayesnn.samplers.tempering import tempered
from bayesnn.samplers.tempering.starts import MOST, best_ladder, starts

X = np.linspace(-1, 1, 12)[:, None]
Y = np.sin(3 * X[:, 0]) + 0.1 * np.cos(40 * X[:, 0])
OPTIONS = {"warmup": 16, "chains": 2, "progress": False}


@pytest.mark.parametrize(
    ("temperatures", "message"),
    [
        ((1.0,), "at least two"),
        ((0.5, 1.0), "fall from 1"),
        ((1.0, 1.0), "fall from 1"),
        ((0.9, 0.5), "fall from 1"),
        ((1.0, -0.1), "at least 0"),
        ((1.0, float("nan")), "fall from 1"),
        (1, "at least 2"),
        (2.5, "whole number"),
        (True, "whole number"),
        ("many", "whole number"),
        (("1", "0"), "two numbers"),
    ],
)
def test_temperatures_that_do_not_fall_from_one_are_refused(temperatures, message):
    with pytest.raises(ValueError, match=message):
        bnn.Tempered(bnn.Gibbs(), temperatures)


@pytest.mark.parametrize("hottest", [1.0, -0.1, 2, True, "0"])
def test_a_hottest_temperature_outside_of_zero_to_one_is_refused(hottest):
    with pytest.raises(ValueError, match="hottest"):
        bnn.Tempered(bnn.Gibbs(), hottest=hottest)


@pytest.mark.parametrize("sampler", [bnn.MAP(), bnn.Variational(), bnn.Laplace(), bnn.Ensemble(), bnn.SGLD()])
def test_a_sampler_that_cannot_be_tempered_is_refused(sampler):
    with pytest.raises(ValueError, match=r"gibbs.*nuts.*hmc"):
        bnn.fit(bnn.shallow(1), X, Y, sampler=bnn.Tempered(sampler), **OPTIONS)


@pytest.mark.parametrize("sampler", ["gibbs", bnn.Tempered(bnn.Gibbs()), None])
def test_what_is_no_sampler_is_refused(sampler):
    with pytest.raises(ValueError, match="must be a spec"):
        bnn.Tempered(sampler)


def test_the_number_of_temperatures_follows_the_barrier():
    """With rejections of .8 between 11 temperatures the barrier is 8, and 17 temperatures are best."""
    even = np.linspace(1, 0, 11) ** 5
    ladder = best_ladder(np.stack([even, even]), np.full((2, 10), 0.8))
    np.testing.assert_allclose(ladder**0.2, np.linspace(1, 0, 17), atol=1e-12)
    assert len(best_ladder(even[None], np.ones((1, 10)))) == 21
    assert len(best_ladder(np.linspace(1, 0, 41)[None] ** 5, np.ones((1, 40)))) == MOST
    assert len(best_ladder(even[None], np.zeros((1, 10)))) == 3


@pytest.fixture(scope="module")
def fit():
    return bnn.fit(bnn.shallow(1), X, Y, sampler=bnn.Tempered(bnn.Gibbs(sweeps=3), 4), draws=30, key=1, **OPTIONS)


def test_the_statistics_of_every_draw(fit):
    stats = fit.idata["sample_stats"]
    assert dict(stats.sizes) | {"unit": 1} == {"chain": 2, "draw": 30, "pair": 3, "temperature": 4, "unit": 1}
    copies, temperatures = stats["copy"].to_numpy(), stats["temperatures"].to_numpy()
    assert (np.sort(copies, axis=-1) == np.arange(4)).all()
    assert (temperatures[..., 0] == 1).all()
    assert (temperatures[..., -1] == 0).all()
    assert (temperatures == temperatures[:, :1]).all()  # fixed after warm-up
    assert not np.allclose(temperatures[0, 0], np.linspace(1, 0, 4) ** 5)  # and spaced anew in it
    rates = stats["swap_rate"].to_numpy()
    assert ((rates >= 0) & (rates <= 1)).all()
    assert (np.diff(stats["round_trips"].to_numpy(), axis=1) >= 0).all()


def test_the_recorded_draw_is_that_of_the_cold_copy(fit):
    """The log likelihood at temperature 1 is that of the recorded draw, on the scale the model sees."""
    levels = fit.idata["sample_stats"]["log_likelihood_at"].to_numpy()[..., 0]
    recorded = fit.idata["log_likelihood"]["y"].to_numpy().sum(axis=-1) + len(Y) * fit.data.scaling.log_jacobian
    np.testing.assert_allclose(levels, recorded, rtol=1e-5)  # units are evaluated in single precision in the sweep


def test_a_tempered_fit_is_extended_and_read_back(fit, tmp_path):
    longer = bnn.fit(bnn.shallow(1), X, Y, sampler=fit.sampler, draws=40, key=1, **OPTIONS)
    extended = bnn.extend(fit, 10, progress=False)
    for group in ("posterior", "sample_stats"):
        for name, values in longer.idata[group].data_vars.items():
            np.testing.assert_array_equal(values, extended.idata[group][name], err_msg=name)
    bnn.save(fit, tmp_path / "fit.nc")
    loaded = bnn.load(tmp_path / "fit.nc")
    assert loaded.sampler == fit.sampler
    assert loaded.idata["sample_stats"]["copy"].dims == ("chain", "draw", "temperature")


@pytest.mark.slow
def test_a_pilot_run_is_kept_in_the_folder(tmp_path):
    sampler = bnn.Tempered(bnn.Gibbs(sweeps=1))
    first = bnn.fit(bnn.shallow(1), X, Y, sampler=sampler, draws=10, path=tmp_path / "run", **OPTIONS)
    more = bnn.fit(bnn.shallow(1), X, Y, sampler=sampler, draws=20, path=tmp_path / "run", **OPTIONS)
    assert more.idata["posterior"].attrs["temperatures"] == first.idata["posterior"].attrs["temperatures"]
    np.testing.assert_array_equal(more.idata["posterior"]["gamma"][:, :10], first.idata["posterior"]["gamma"])


@pytest.mark.slow
def test_copies_start_where_the_chains_of_another_fit_are():
    """Without warm-up, after one round the copies are near the plain chains rather than at draws of the prior."""
    plain = bnn.fit(bnn.shallow(1), X, Y, sampler=bnn.Gibbs(sweeps=3), draws=40, **OPTIONS)
    options = {"draws": 1, "warmup": 0, "chains": 3, "progress": False}
    given = (1.0, 0.9, 0.8, 0.7)
    sampler = bnn.Tempered(bnn.Gibbs(sweeps=3), given)
    warm = bnn.fit(bnn.shallow(1), X, Y, sampler=sampler, start=plain, **options)
    levels = warm.idata["sample_stats"]["log_likelihood_at"].to_numpy()
    scaled = plain.idata["log_likelihood"]["y"].to_numpy().sum(axis=-1) + len(Y) * plain.data.scaling.log_jacobian
    assert levels.min() > scaled[:, 20:].min() - 10
    with pytest.raises(ValueError, match="which is tempered"):
        bnn.fit(bnn.shallow(1), X, Y, sampler=bnn.Tempered(bnn.Gibbs()), start=plain, **options)


def test_every_system_starts_at_the_state_of_its_own_chain():
    """Also in a process that runs the third chain and later ones; a fourth and fifth system have no chain left."""
    states = {"a": np.array([10.0, 20.0, 30.0])}
    start = starts(np.array([1.0, 0.5]), np.arange(2, 5), states)
    np.testing.assert_array_equal(start.states["a"], [[30, 30], [10, 10], [20, 20]])
    assert start.temperatures.shape == (3, 2)
    assert start.temperatures.dtype == float


@pytest.mark.slow
def test_the_time_of_the_pilot_run_counts(monkeypatch):
    """A pilot that took all the time leaves the fewest draws that a run has."""

    def pilot(kernel, *rest):
        return np.array([1.0, 0.3]), {"compile": 0.0, "warmup": 0.0, "sampling": 1e6}

    monkeypatch.setattr(tempered, "measured_ladder", pilot)
    sampler = bnn.Tempered(bnn.Gibbs(sweeps=1))
    found = bnn.fit(bnn.shallow(1), X, Y, sampler=sampler, draws="auto", max_seconds=1e6, **OPTIONS)
    assert found.idata["posterior"].attrs["stopped"] == "time over"
    assert found.idata["posterior"].sizes["draw"] < 256  # where it would be judged for the first time


@pytest.mark.slow
def test_given_temperatures_are_kept():
    given = (1.0, 0.5, 0.1)
    fit = bnn.fit(bnn.shallow(1), X, Y, sampler=bnn.Tempered(bnn.Gibbs(sweeps=3), given), draws=5, **OPTIONS)
    assert (fit.idata["sample_stats"]["temperatures"].to_numpy() == given).all()
