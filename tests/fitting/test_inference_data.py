"""Inference data of the installed ArviZ: groups, dimensions, coordinates, attributes."""

import arviz as az
import numpy as np
import pytest
import xarray as xr

from bayesnn.fitting.inference_data import Group, build

RNG = np.random.default_rng(0)
BETA, SIGMA, Y = RNG.normal(size=(2, 5, 3)), RNG.normal(size=(2, 5)), RNG.normal(size=4)


@pytest.fixture
def idata():
    draws = ("chain", "draw")
    return build(
        {
            "posterior": Group(
                {"beta": BETA, "sigma": SIGMA}, {"beta": (*draws, "unit"), "sigma": draws}, {"key": "3"}
            ),
            "sample_stats": Group({"lp": SIGMA}, {"lp": draws}),
            "observed_data": Group({"y": Y}, {"y": ("obs",)}),
            "constant_data": Group({"y_scale": np.array(2.0)}, {"y_scale": ()}),
        },
        {"unit": np.arange(3), "obs": np.array(["a", "b", "c", "d"]), "input": ["const", "x"]},
    )


def test_the_container_is_that_of_the_installed_arviz(idata):
    expected = xr.DataTree if int(az.__version__.split(".")[0]) >= 1 else az.InferenceData
    assert type(idata) is expected


def test_groups_hold_the_arrays_under_their_names(idata):
    assert set(idata["posterior"].data_vars) == {"beta", "sigma"}
    assert idata["posterior"]["beta"].dims == ("chain", "draw", "unit")
    np.testing.assert_array_equal(idata["posterior"]["beta"], BETA)
    np.testing.assert_array_equal(idata["sample_stats"]["lp"], SIGMA)
    np.testing.assert_array_equal(idata["observed_data"]["y"], Y)
    assert float(idata["constant_data"]["y_scale"]) == 2.0


def test_coordinates_go_where_their_dimension_is(idata):
    assert set(idata["posterior"].coords) == {"chain", "draw", "unit"}
    assert set(idata["sample_stats"].coords) == {"chain", "draw"}
    assert set(idata["observed_data"].coords) == {"obs"}
    assert set(idata["constant_data"].coords) == set()
    assert idata["posterior"]["chain"].to_numpy().tolist() == [0, 1]
    assert idata["posterior"]["draw"].to_numpy().tolist() == [0, 1, 2, 3, 4]
    assert idata["observed_data"]["obs"].to_numpy().tolist() == ["a", "b", "c", "d"]


def test_attributes_belong_to_their_group(idata):
    assert idata["posterior"].attrs == {"key": "3"}
    assert idata["sample_stats"].attrs == {}


def test_arviz_reads_it(idata):
    summary = az.summary(idata, var_names=["beta"])
    assert list(summary.index) == ["beta[0]", "beta[1]", "beta[2]"]
    np.testing.assert_allclose(summary["mean"].astype(float), BETA.mean(axis=(0, 1)), atol=0.01)


def test_summaries_of_arviz_bear_the_right_labels():
    """Also where two variables share their last axis: coefficients of units and of inputs, for three classes."""
    shapes = {"beta": ("unit", "class"), "linear": ("predictor", "class"), "gamma": ("unit", "input"), "mu": ("input",)}
    coords = {"unit": [0, 1], "class": ["a", "b", "c"], "predictor": ["u", "v"], "input": ["const", "u", "v"]}
    dims = {name: ("chain", "draw", *axes) for name, axes in shapes.items()}
    values = {name: RNG.normal(size=(2, 9, *(len(coords[axis]) for axis in axes))) for name, axes in shapes.items()}
    found = build({"posterior": Group(values, dims)}, {name: np.array(labels) for name, labels in coords.items()})
    table = az.summary(found, kind="stats")["mean"].astype(float)
    assert len(table) == sum(array[0, 0].size for array in values.values())
    for name, axes in shapes.items():
        means = found["posterior"][name].mean(("chain", "draw")).stack(cell=axes)
        for cell in means["cell"].to_numpy():
            place = dict(zip(axes, np.atleast_1d(np.array(cell, dtype=object)), strict=True))
            label = f"{name}[{', '.join(str(value) for value in place.values())}]"
            assert table[label] == pytest.approx(float(means.sel(place).squeeze()), abs=2e-3), label
