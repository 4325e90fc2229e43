"""draws="auto": draws over which the log likelihood still rose are no part of the fit."""

import numpy as np
from test_chains import X, Y
from test_run_folder import same_idata
from test_until_converged import AUTO, MODEL, QUICK, SETTINGS

import bayesnn as bnn
from bayesnn.fitting import until_converged
from bayesnn.fitting.pointwise import log_likelihood_by_draw
from bayesnn.fitting.until_converged import UntilConverged


def test_the_level_is_the_log_likelihood_of_all_rows(fake_fit):
    """Or that of the copy at temperature 1, where copies at several were recorded."""
    fit = fake_fit(MODEL, X, Y, draws=64)
    judge = UntilConverged(fit.model, fit.data, 4, 4, 128)
    np.testing.assert_allclose(judge.levels(fit.sites()), log_likelihood_by_draw(fit.idata))
    recorded = {until_converged.AT_TEMPERATURES: np.arange(24.0).reshape(2, 4, 3)}
    np.testing.assert_array_equal(judge.levels(recorded), [[0, 3, 6, 9], [12, 15, 18, 21]])
    rising = np.arange(64.0) + np.random.default_rng(0).normal(size=(4, 64))
    assert judge(fit.sites() | {until_converged.AT_TEMPERATURES: rising[..., None]}, 64).rising
    assert not judge(fit.sites() | {until_converged.AT_TEMPERATURES: -rising[..., None]}, 64).rising


def test_draws_in_which_the_level_rose_are_no_part_of_the_fit(tmp_path, monkeypatch):
    """They are dropped and the verdict says so; the fit is otherwise that of its length, in a folder and extended."""
    for change in QUICK:
        monkeypatch.setattr(*change)
    monkeypatch.setattr(until_converged, "rises", lambda levels: levels.shape[1] < 16)
    fit = bnn.fit(MODEL, X, Y, path=tmp_path, **AUTO)
    attrs, thinning = fit.idata["posterior"].attrs, fit.settings.thinning
    dropped, made = attrs["dropped"], attrs["made"]
    assert 0 < dropped <= made // 2
    assert fit.state.checkpoint.kept == fit.idata["posterior"].sizes["draw"] == made // thinning - dropped // thinning
    straight = bnn.fit(MODEL, X, Y, draws=made // thinning, thinning=thinning, **SETTINGS)
    for name, value in fit.idata["posterior"].data_vars.items():
        np.testing.assert_array_equal(value, straight.idata["posterior"][name][:, dropped // thinning :])
    assert f"The first {dropped} of {made} draws were dropped: the level" in bnn.diagnose(fit).verdict
    same_idata(fit.idata, bnn.open_run(tmp_path))
    alike = bnn.fit(MODEL, X, Y, **AUTO)
    bnn.save(alike, tmp_path / "fit.npz")
    more = bnn.extend(bnn.load(tmp_path / "fit.npz"), 5, progress=False)
    assert more.idata["posterior"].attrs["dropped"] == dropped
    (tmp_path / "fit.npz").unlink()
    same_idata(more.idata, bnn.extend(fit, 5, progress=False).idata)
