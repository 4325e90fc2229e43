"""More draws of a finished fit: bit for bit those of one longer run."""

import numpy as np
import pytest
from test_chains import SAMPLER, X, Y
from test_run_folder import same_idata

import bayesnn as bnn
from bayesnn.fitting.store import state

MODEL = bnn.shallow(2)
SETTINGS = {"sampler": SAMPLER, "warmup": 5, "chains": 2, "key": 3, "progress": False}


@pytest.fixture(scope="module")
def short():
    return bnn.fit(MODEL, X, Y, draws=12, **SETTINGS)


@pytest.fixture(scope="module")
def long():
    return bnn.fit(MODEL, X, Y, draws=30, **SETTINGS)


@pytest.mark.slow
def test_in_memory(short, long):
    extended = bnn.extend(short, 18, progress=False)
    same_idata(long.idata, extended.idata)
    assert extended.complete
    np.testing.assert_array_equal(extended.idata["posterior"]["draw"], np.arange(30))
    assert short.idata["posterior"].sizes["draw"] == 12
    same_idata(long.idata, bnn.extend(bnn.extend(short, 3, progress=False), 15, progress=False).idata)


def test_in_its_folder(tmp_path, long):
    short = bnn.fit(MODEL, X, Y, draws=12, path=tmp_path, **SETTINGS)
    same_idata(long.idata, bnn.extend(short, 18, progress=False).idata)
    same_idata(long.idata, bnn.open_run(tmp_path))
    same_idata(long.idata, bnn.fit(MODEL, X, Y, draws=30, path=tmp_path, **SETTINGS).idata)


def test_by_a_second_fit_with_more_draws(tmp_path, long):
    bnn.fit(MODEL, X, Y, draws=12, path=tmp_path, **SETTINGS)
    same_idata(long.idata, bnn.fit(MODEL, X, Y, draws=30, path=tmp_path, **SETTINGS).idata)


def test_of_a_loaded_fit(tmp_path, short, long):
    bnn.save(short, tmp_path / "fit.npz")
    same_idata(long.idata, bnn.extend(bnn.load(tmp_path / "fit.npz"), 18, progress=False).idata)


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["nuts", "hmc", bnn.Gibbs(weights="hmc"), bnn.MCLMC(start=bnn.MAP(steps=100))])
def test_of_every_sampler_with_chains(sampler):
    arguments = SETTINGS | {"sampler": sampler}
    short, long = (bnn.fit(MODEL, X, Y, draws=draws, **arguments) for draws in (10, 25))
    extended = bnn.extend(short, 15, progress=False)
    same_idata(long.idata, extended.idata, ("posterior", "sample_stats"))
    assert set(long.idata["posterior"].attrs) == set(extended.idata["posterior"].attrs)


def test_what_has_no_chains_is_refused(fake_fit):
    with pytest.raises(ValueError, match="must have chains to go on from"):
        bnn.extend(fake_fit(MODEL, X, Y, chains=2, draws=3), 5)


def test_some_of_the_chains_are_refused(short):
    with pytest.raises(ValueError, match="all its 2 chains of 12 draws, got 1 of 12"):
        bnn.extend(bnn.select_chains(short, 0), 5)


@pytest.mark.parametrize("draws", [0, 1.5, None])
def test_draws_are_counted(short, draws):
    with pytest.raises(ValueError, match="draws must be a whole number of at least 1"):
        bnn.extend(short, draws)


def test_other_software_is_refused(short):
    from dataclasses import replace

    other = replace(short, state=replace(short.state, software=short.state.software | {"jax": "0.1"}))
    with pytest.raises(ValueError, match=r"other software: jax is 0\.1 there"):
        bnn.extend(other, 5)


@pytest.mark.parametrize("typed", [True, False])
def test_keys_as_numbers(typed):
    import jax

    key = jax.random.key(7) if typed else jax.random.PRNGKey(7)
    again = state.key_from(*state.key_numbers(key))
    assert again.dtype == key.dtype
    assert (again == key).all()
