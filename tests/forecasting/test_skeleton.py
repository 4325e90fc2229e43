"""Skeletons of maps whose fate is known, and the pictures of forecasts, backtests and skeletons."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from bands import band_ends, central
from scipy import stats

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

import bayesnn as bnn  # noqa: E402
from bayesnn.evaluation.scores import score_table  # noqa: E402
from bayesnn.forecasting.backtest import Backtest  # noqa: E402

SERIES = pd.Series(np.sin(np.arange(60) * 0.6), index=pd.RangeIndex(1900, 1960, name="year"), name="size")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def linear_map(fake_fit):
    """A fit whose every draw is the map x_t = c_1 x_{t-1} + c_2 x_{t-2} + ..., times a factor of the draw."""

    def make(*coefficients, factors=1.0):
        def change(values):
            values["beta"][:] = 0.0
            values["linear"][:] = np.array(coefficients) * np.broadcast_to(factors, (2, 5))[..., None]
            values["sigma"][:] = 0.1

        data = bnn.lagged(SERIES, len(coefficients))
        model = bnn.shallow(1, linear=True)
        return fake_fit(model, data, None, chains=2, draws=5, change=change, standardize=False)

    return make


def test_a_contracting_map_rests_at_its_fixed_point(linear_map):
    result = bnn.skeleton(linear_map(0.5), settle=100, steps=20)
    assert set(result.fate) == {"fixed_point"}
    np.testing.assert_allclose(result.paths, 0.0, atol=1e-12)
    np.testing.assert_allclose([points for (points,) in result.fixed_points], 0.0, atol=1e-12)
    assert np.isnan(result.period).all()
    assert str(result) == "100% fixed point"


@pytest.mark.slow
def test_a_rotation_goes_round_with_its_period(linear_map):
    result = bnn.skeleton(linear_map(2 * np.cos(2 * np.pi / 10), -1.0), settle=100, steps=200)
    assert set(result.fate) == {"cycle"}
    np.testing.assert_allclose(result.period, 10.0, atol=1e-9)
    assert str(result) == "100% cycle; cycle of 10.0 steps, 80% 10.0 to 10.0"


def test_draws_have_fates_of_their_own(linear_map):
    factors = np.array([[1.0, 1.0, 1.0, 3.0, 3.0]] * 2)
    result = bnn.skeleton(linear_map(0.5, factors=factors), settle=200, steps=20)
    assert (result.share("fixed_point"), result.share("divergent"), result.share("cycle")) == (0.6, 0.4, 0.0)


def test_a_panel_with_variances_of_its_own_has_the_skeleton_of_its_first_series(fake_fit):
    def change(values):
        values["beta"][:] = 0.0
        values["linear"][:] = 0.5

    data = bnn.lagged({"a": SERIES, "b": -SERIES}, 1)
    model = bnn.shallow(1, linear=True, likelihood=bnn.PanelGaussian())
    fit = fake_fit(model, data, chains=1, draws=3, change=change, standardize=False)
    result = bnn.skeleton(fit, settle=1, steps=5)
    np.testing.assert_allclose(result.paths[:, 0], 0.25 * SERIES.iloc[-1], rtol=1e-12)
    np.testing.assert_allclose([points for (points,) in result.fixed_points], 0.0, atol=1e-12)
    assert bnn.plots.skeleton(fit).get_xlabel() == "lag 1"


@pytest.mark.slow
def test_skeletons_need_a_series_without_inputs(fake_fit, linear_map):
    with pytest.raises(ValueError, match="need a fit of a series"):
        bnn.skeleton(fake_fit(bnn.shallow(1), SERIES.to_frame(), SERIES.to_numpy() ** 2, chains=1, draws=2))
    inputs = pd.DataFrame({"z": np.arange(60.0)}, index=SERIES.index)
    data = bnn.lagged(SERIES, 1, exogenous=inputs)
    with pytest.raises(ValueError, match="without exogenous"):
        bnn.skeleton(fake_fit(bnn.shallow(1), data, None, chains=1, draws=2))
    with pytest.raises(ValueError, match="settle must be"):
        bnn.skeleton(linear_map(0.5), settle=0)


def test_picture_of_a_map_with_one_lag_and_with_two(linear_map):
    ax = bnn.plots.skeleton(linear_map(0.5))
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels[:2] == ["data", "45 degrees"] and labels[-1] == "fixed point, 80% (100% of draws)"
    x, f = ax.lines[2].get_data()
    np.testing.assert_allclose(f, 0.5 * x, atol=1e-9)
    assert ax.get_title() == "100% reach a fixed point"
    ax = bnn.plots.skeleton(linear_map(2 * np.cos(2 * np.pi / 10), -1.0))
    assert "100% cycle of 10.0 steps (10.0 to 10.0)" in ax.get_title()
    assert ax.get_xlabel() == "lag 1"


def test_fan_shows_history_bands_paths_and_what_came_later(linear_map):
    fit = linear_map(0.5)
    paths = bnn.forecast(fit, 6)
    later = pd.Series(np.zeros(6), index=np.arange(1960, 1966))
    ax = bnn.plots.forecast(fit, paths, levels=(50, 80), paths=2, history=20, observed=later)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["80%", "50%", "median", "sample paths", "history", "observed later"]
    for band, level in zip(ax.collections, (80, 50), strict=True):
        places, *ends = band_ends(band)
        assert places.tolist() == list(range(1959, 1966))
        np.testing.assert_allclose(np.array(ends)[:, 1:], central(paths.to_numpy().reshape(-1, 6), level), rtol=1e-10)
    x, median = ax.lines[0].get_data()
    assert x.tolist() == list(range(1959, 1966))
    np.testing.assert_allclose(median[1:], paths.median(("chain", "draw")), rtol=1e-12)
    assert median[0] == SERIES.iloc[-1]
    assert len(ax.lines[3].get_xdata()) == 20
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("year", "size")
    assert len(bnn.plots.forecast(SERIES, paths).lines[4].get_xdata()) == 60


@pytest.fixture(scope="module")
def made_up():
    """A backtest of 40 windows whose PIT and coverage are known: y is uniform, the predictive is uniform too."""
    rng = np.random.default_rng(0)
    rows = []
    for method in ("network", "naive", "drift"):
        for window in range(40):
            for horizon in (1, 2):
                y = rng.uniform()
                row = {"unique_id": "a", "window": window, "origin": window, "ds": window + horizon, "horizon": horizon}
                row |= {"method": method, "y": y, "mean": 0.5, "median": 0.5, "pit": y, "scale": 1.0}
                row |= {"crps": 0.1 + (method == "drift"), "log_score": 0.0}
                for level in (50, 80, 95):
                    row |= {f"lo-{level}": 0.5 - level / 200, f"hi-{level}": 0.5 + level / 200}
                rows.append(row)
    frame = pd.DataFrame(rows)
    return Backtest(score_table(frame), frame, {}, 2)


def test_histogram_of_a_backtest_counts_its_windows(made_up):
    ax = bnn.plots.pit(made_up, horizon=2, bins=4)
    values = made_up.pit["network"].xs(2, level="horizon")
    assert [patch.get_height() for patch in ax.patches[1:]] == np.histogram(values, np.linspace(0, 1, 5))[0].tolist()
    with pytest.raises(ValueError, match="unknown horizon 3"):
        bnn.plots.pit(made_up, horizon=3)
    with pytest.raises(ValueError, match="unknown method 'best'"):
        bnn.plots.pit(made_up, method="best")
    rows = made_up.forecasts.copy()
    rows.loc[rows["window"] < 30, ["y", "pit"]] = np.nan  # missing later values, which are not counted
    ten = Backtest(score_table(rows), rows, {}, 2)
    middle = next(line for line in bnn.plots.pit(ten, bins=4).lines if len(set(line.get_ydata())) == 1)
    assert middle.get_ydata()[0] == 10 / 4
    fewer, all_of_them = (bnn.plots.coverage(one, levels=(80,)).collections[0] for one in (ten, made_up))
    lowest = [min(path.vertices[:, 1].min() for path in bars.get_paths()) for bars in (fewer, all_of_them)]
    assert lowest == [0.5, stats.binom.ppf(0.025, 40, 0.8) / 40]


def test_coverage_by_horizon_is_that_of_the_table(made_up):
    ax = bnn.plots.coverage(made_up)
    drawn = {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}
    assert list(drawn) == ["network", "naive"]  # the first, and the better of the others
    bars = [bars for bars in ax.collections if bars.get_label() == "95% of chance"]
    assert len(bars) == 1
    places = np.array([bar[0, 0] for bar in bars[0].get_segments()])
    np.testing.assert_allclose(drawn["naive"].get_xdata(), places, atol=0.05)  # each point stands on a bar
    np.testing.assert_allclose(drawn["naive"].get_ydata(), made_up.table.loc["naive", "coverage_50"])
    assert [text.get_text() for text in ax.get_yticklabels()] == ["50%", "80%", "95%"]
    with pytest.raises(ValueError, match="unknown level"):
        bnn.plots.coverage(made_up, levels=(90,))


def test_missing_values_at_the_end_are_those_of_each_draw(fake_fit):
    """Draw by draw, the map goes on from what the draw says of the last value."""
    gaps = SERIES.copy()
    gaps.iloc[[20, 59]] = np.nan
    drawn = np.linspace(-1.0, 1.0, 5)

    def change(values):
        values["beta"][:] = 0.0
        values["linear"][:] = 0.5
        values["missing"] = np.stack([np.full(5, 9.0), drawn], axis=-1)[None]

    data = bnn.lagged(gaps, 1, missing="latent")
    fit = fake_fit(bnn.shallow(1, linear=True), data, chains=1, draws=5, change=change, standardize=False)
    result = bnn.skeleton(fit, settle=1, steps=100)
    np.testing.assert_allclose(result.paths[:, 0], 0.25 * drawn, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(result.paths[:, -1], 0.0, atol=1e-15)
    np.testing.assert_allclose([points for (points,) in result.fixed_points], 0.0, atol=1e-12)
    assert np.isfinite(bnn.plots.skeleton(fit).get_xlim()).all()
