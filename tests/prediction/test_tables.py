"""Tables in, tables out: columns by name and of every type, rows by their index, every result as a frame."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesnn as bnn

X = pd.DataFrame({"a": np.linspace(-1.0, 1.0, 20), "b": np.arange(20) % 3, "c": ["u", "v"] * 10})
Y = pd.Series(np.sin(X["a"]) + 0.1 * X["b"])


@pytest.fixture(scope="module")
def fit(fake_fit):
    return fake_fit(bnn.shallow(1), X, Y)


@pytest.mark.parametrize(
    "index",
    [
        pd.Index(["one", "two"], name="house"),
        pd.date_range("2020-01-31", periods=2, freq="ME"),
        pd.MultiIndex.from_tuples([("x", 1), ("x", 2)], names=["shop", "week"]),
        pd.Index([7, 7]),
    ],
    ids=["text", "dates", "levels", "repeated"],
)
def test_the_index_of_new_rows_is_that_of_predictions(fit, index):
    new = X.iloc[:2].set_axis(index, axis=0)
    table = bnn.predict(fit, new, summary=True, levels=[90])
    pd.testing.assert_index_equal(table.index, index)
    drawn = bnn.to_frame(bnn.predict(fit, new), levels=[90])
    np.testing.assert_array_equal(table, drawn)


def test_a_summary_of_an_array_and_of_classes(fake_fit):
    plain = fake_fit(bnn.shallow(1), X[["a"]].to_numpy(), Y.to_numpy())
    assert list(bnn.predict(plain, [[0.0]], summary=True).columns) == [
        "mean",
        "sd",
        "median",
        "lo-80",
        "hi-80",
        "lo-95",
        "hi-95",
    ]
    classes = fake_fit(bnn.shallow(1, likelihood=bnn.Bernoulli()), X[["a"]], X["c"])
    table = bnn.predict(classes, X[["a"]].iloc[:3], kind="probability", summary=True)
    assert table.index.names == ["obs", "class"] and len(table) == 6
    np.testing.assert_allclose(table["mean"].groupby("obs").sum(), 1.0)


@pytest.mark.parametrize("kind", ["nullable", "booleans", "categorical", "arrow", "polars"])
def test_columns_of_every_kind(fit, kind):
    new = X.iloc[:4][["c", "b", "a"]]
    if kind == "nullable":
        new = new.astype({"a": "Float64", "b": "Int64", "c": "string"})
    elif kind == "booleans":
        new["b"] = new["b"].isin([1])
    elif kind == "categorical":
        new["c"] = pd.Categorical(new["c"], categories=["v", "w", "u"])
    elif kind == "arrow":
        pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install pyarrow")
        new = new.convert_dtypes(dtype_backend="pyarrow")
    else:
        new = pytest.importorskip("polars", reason="polars is not installed: pip install polars").DataFrame(
            {name: new[name].to_list() for name in new.columns}
        )
    expected = X.iloc[:4].assign(b=X["b"][:4].isin([1]).astype(float) if kind == "booleans" else X["b"][:4])
    np.testing.assert_array_equal(bnn.predict(fit, new), bnn.predict(fit, expected))


def test_every_result_is_a_frame(fake_fit, fit):
    classes = fake_fit(bnn.shallow(1, likelihood=bnn.Bernoulli()), X[["a"]], X["c"])
    decision = bnn.decide(
        classes, X[["a"]].iloc[:3], loss=pd.DataFrame({"go": [0, 9], "stay": [1, 1]}, index=["u", "v"])
    )
    assert list(bnn.to_frame(decision).columns) == ["action", "loss of go", "loss of stay"]
    pd.testing.assert_frame_equal(bnn.to_frame(bnn.diagnose(fit)), bnn.diagnose(fit).table)
    assert list(bnn.to_frame(bnn.evaluate(fit, X, Y)).columns) == ["value"]
    walk = bnn.Skeleton(np.array([3]), np.zeros((1, 2)), np.array(["cycle"]), np.array([9.5]), [np.zeros(2)])
    assert bnn.to_frame(walk).loc[3].tolist() == ["cycle", 9.5, 2]
    folds = bnn.CrossValidation(None, pd.DataFrame({"elpd": [1.0]}), np.zeros(3))
    assert bnn.to_frame(folds)["elpd"].tolist() == [1.0]
    with pytest.raises(ValueError, match="result must be draws, .* got list"):
        bnn.to_frame([1.0])


def test_a_single_draw_has_no_interval():
    draws = xr.DataArray(np.array([[[1.5, 2.5]]]), dims=("chain", "draw", "obs"))
    frame = bnn.to_frame(draws)
    assert frame["mean"].tolist() == frame["median"].tolist() == [1.5, 2.5]
    assert frame[["sd", "lo-80", "hi-80", "lo-95", "hi-95"]].isna().all(axis=None)
