"""The shipped data: shapes, types and values that the sources publish."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from bayesnn import datasets

MEASUREMENTS = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
TABLES = {
    "lynx": datasets.lynx,
    "sunspots": datasets.sunspots,
    "air_passengers": datasets.air_passengers,
    "mcycle": datasets.mcycle,
    "iris": datasets.iris,
    "ripley_synth_train": lambda: datasets.ripley_synth().train,
    "ripley_synth_test": lambda: datasets.ripley_synth().test,
}
SHARED_COPIES = {
    "lynx": "timeseries/lynx.csv",
    "sunspots": "timeseries/sunspot.year.csv",
    "air_passengers": "timeseries/AirPassengers.csv",
    "mcycle": "mass/mcycle.csv",
    "ripley_synth_train": "mass/synth.tr.csv",
    "ripley_synth_test": "mass/synth.te.csv",
}


def test_lynx_runs_from_1821_to_1934_and_peaks_in_1904():
    y = datasets.lynx()
    assert y.shape == (114,)
    assert y.dtype == np.int64
    assert y.name == "lynx trapped (animals per year)"
    assert y.index.name == "year"
    assert y.index.tolist() == list(range(1821, 1935))
    assert (y.iloc[0], y.iloc[-1], y.sum()) == (269, 3396, 175334)
    assert (y.idxmax(), y.max(), y.idxmin(), y.min()) == (1904, 6991, 1889, 39)


def test_sunspots_run_from_1700_to_2008_and_peak_in_1957():
    y = datasets.sunspots()
    assert y.shape == (309,)
    assert y.dtype == np.float64
    assert y.name == "sunspot number (yearly mean)"
    assert y.index.name == "year"
    assert y.index.tolist() == list(range(1700, 2009))
    assert (y.iloc[0], y[1988], y.iloc[-1], y.idxmax(), y.max()) == (5.0, 100.2, 2.9, 1957, 190.2)
    assert y[y == 0].index.tolist() == [1711, 1712, 1810]
    assert y.loc[:1988].sum() == pytest.approx(14049.3, abs=1e-9)  # the series of Tong (1990)
    assert y.loc[1989:].sum() == pytest.approx(1324.0, abs=1e-9)


def test_air_passengers_are_144_months_from_112_to_432_thousand():
    y = datasets.air_passengers()
    assert y.shape == (144,)
    assert y.dtype == np.int64
    assert y.name == "airline passengers (thousands per month)"
    assert y.index.equals(pd.period_range("1949-01", "1960-12", freq="M"))
    assert y.index.name == "month"
    assert (y.iloc[0], y.iloc[-1], y.sum()) == (112, 432, 40363)
    assert (str(y.idxmax()), y.max(), str(y.idxmin()), y.min()) == ("1960-07", 622, "1949-11", 104)


def test_mcycle_has_133_rows_at_94_times():
    table = datasets.mcycle()
    assert table.shape == (133, 2)
    assert list(table.columns) == ["times", "accel"]
    assert (table.dtypes == np.float64).all()
    assert table.iloc[0].tolist() == [2.4, 0.0]
    assert table.iloc[-1].tolist() == [57.6, 10.7]
    assert table["times"].is_monotonic_increasing
    assert table["times"].nunique() == 94
    assert (table["accel"].min(), table["accel"].max()) == (-134.0, 75.0)
    assert table["accel"].sum() == pytest.approx(-3397.6, abs=1e-9)


def test_iris_has_the_means_and_the_disputed_flowers_of_fisher():
    table = datasets.iris()
    assert table.shape == (150, 5)
    assert list(table.columns) == [*MEASUREMENTS, "species"]
    assert (table[MEASUREMENTS].dtypes == np.float64).all()
    assert table["species"].value_counts().to_dict() == {"setosa": 50, "versicolor": 50, "virginica": 50}
    assert table.loc[34, MEASUREMENTS].tolist() == [4.9, 3.1, 1.5, 0.2]
    assert table.loc[37, MEASUREMENTS].tolist() == [4.9, 3.6, 1.4, 0.1]
    # Fisher (1936), table II: means of the species, in centimetres.
    means = table.groupby("species", observed=True)[MEASUREMENTS].mean()
    np.testing.assert_allclose(means.loc["setosa"], [5.006, 3.428, 1.462, 0.246], rtol=1e-12)
    np.testing.assert_allclose(means.loc["versicolor"], [5.936, 2.770, 4.260, 1.326], rtol=1e-12)
    np.testing.assert_allclose(means.loc["virginica"], [6.588, 2.974, 5.552, 2.026], rtol=1e-12)


def test_ripley_synth_has_250_and_1000_points_in_balanced_classes():
    train, test = datasets.ripley_synth()
    assert (train.shape, test.shape) == ((250, 3), (1000, 3))
    for table in (train, test):
        assert list(table.columns) == ["xs", "ys", "yc"]
        assert table.dtypes.tolist() == [np.float64, np.float64, np.int64]
        assert table["yc"].value_counts().to_dict() == {0: len(table) / 2, 1: len(table) / 2}
    assert train.iloc[0].tolist() == [0.05100797, 0.16086164, 0]
    assert test.iloc[0].tolist() == [-0.970990139, 0.42942495, 0]


@pytest.mark.parametrize("name", TABLES)
def test_a_caller_may_change_what_it_gets(name):
    first = TABLES[name]()
    corner = (0,) * first.ndim
    first.iloc[corner] = -1
    assert TABLES[name]().iloc[corner] != -1


def test_every_data_set_is_tested_here():
    functions = {name for name in datasets.__all__ if name != "TrainTest"}
    assert functions == {name.removesuffix("_train").removesuffix("_test") for name in TABLES}


def test_importing_the_data_sets_does_not_import_pandas():
    """Loads the folder on its own, since the package around it imports ArviZ and with it pandas."""
    code = (
        "import importlib.util, sys\n"
        "spec = importlib.util.spec_from_file_location('alone', sys.argv[1])\n"
        "sys.modules['alone'] = module = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(module)\n"
        "assert callable(module.lynx)\n"
        "sys.exit('pandas' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, datasets.__file__], timeout=60).returncode == 0


@pytest.mark.parametrize("name", SHARED_COPIES)
def test_values_equal_those_of_the_shared_copy(name, shared_data):
    path = shared_data / SHARED_COPIES[name]
    if not path.is_file():
        pytest.skip(f"no file {path}")
    table = TABLES[name]()
    if name == "sunspots":  # the copy ends earlier
        table = table.loc[:1988]
    columns = table.to_numpy(dtype=float)
    expected = pd.read_csv(path).to_numpy(dtype=float)
    if columns.ndim == 1:  # the copy of a series holds row number, time and value
        columns = columns[:, None]
    np.testing.assert_allclose(columns, expected[:, -columns.shape[1] :], rtol=1e-15)  # one unit of parsing


def test_iris_equals_the_shared_copy(shared_data):
    path = shared_data / "sklearn_toy" / "iris.csv"
    if not path.is_file():
        pytest.skip(f"no file {path}")
    expected = np.loadtxt(path, delimiter=",", skiprows=1)
    table = datasets.iris()
    np.testing.assert_array_equal(table[MEASUREMENTS].to_numpy(), expected[:, :4])
    np.testing.assert_array_equal(table["species"].cat.codes, expected[:, 4])
