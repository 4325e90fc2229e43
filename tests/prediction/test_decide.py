"""Decisions against expected losses by hand."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesnn as bnn

P = pd.DataFrame([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]], index=["r", "s"], columns=["a", "b", "c"])


def test_default_loss_takes_the_most_probable_class():
    actions, losses = bnn.decide(P)
    assert actions.to_dict() == {"r": "a", "s": "c"}
    np.testing.assert_allclose(losses, 1.0 - P.to_numpy(), rtol=1e-12)
    assert list(losses.columns) == ["a", "b", "c"]


def test_loss_by_class_and_action_whatever_the_order_of_its_rows():
    loss = pd.DataFrame({"go": [5.0, 0.0, 1.0], "stop": [1.0, 2.0, 1.5]}, index=["c", "a", "b"])
    got = bnn.decide(P, loss=loss)
    go = [0.7 * 0 + 0.2 * 1 + 0.1 * 5, 0.1 * 0 + 0.3 * 1 + 0.6 * 5]
    stop = [0.7 * 2 + 0.2 * 1.5 + 0.1 * 1, 0.1 * 2 + 0.3 * 1.5 + 0.6 * 1]
    np.testing.assert_allclose(got.expected_loss["go"], go, rtol=1e-12)
    np.testing.assert_allclose(got.expected_loss["stop"], stop, rtol=1e-12)
    assert list(got.action) == ["go", "stop"]


def test_draws_are_averaged_before_the_decision():
    draws = xr.DataArray(
        [[[[1.0, 0.0]], [[0.4, 0.6]], [[0.4, 0.6]]]],
        coords={"obs": ["only"], "class": [False, True]},
        dims=("chain", "draw", "obs", "class"),
    )
    got = bnn.decide(draws)  # two of three draws vote True, their average is False
    assert list(got.action) == [False]
    np.testing.assert_allclose(got.expected_loss.iloc[0], [0.4, 0.6], rtol=1e-12)


def test_arrays_number_the_classes():
    got = bnn.decide(P.to_numpy(), loss=[[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [20.0, 20.0, 0.0]])
    assert list(got.action) == [2, 2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loss": np.zeros((2, 3))}, r"loss must have shape \(3, 3\).*got \(2, 3\)"),
        ({"loss": pd.DataFrame({"go": [1.0, 2.0]}, index=["a", "b"])}, "one row for each of the classes"),
        ({"loss": pd.DataFrame({"go": [1.0, 2.0, 3.0]}, index=["a", "b", "d"])}, r"got \['a', 'b', 'd'\]"),
        ({"loss": pd.DataFrame({"go": [1.0, np.nan, 3.0]}, index=["a", "b", "c"])}, "loss must be finite"),
        ({"loss": pd.DataFrame(index=["a", "b", "c"])}, "at least one column"),
        ({"x": np.zeros((2, 1))}, "x goes with a fit"),
    ],
)
def test_wrong_losses_are_told(arguments, message):
    with pytest.raises(ValueError, match=message):
        bnn.decide(P, **arguments)


def test_wrong_probabilities_are_told():
    with pytest.raises(ValueError, match="sum to one in every row, got .* in row 1"):
        bnn.decide([[0.5, 0.5], [0.7, 0.7]])
    with pytest.raises(ValueError, match="two-dimensional"):
        bnn.decide([0.5, 0.5])
    with pytest.raises(ValueError, match="dimensions obs and class"):
        bnn.decide(xr.DataArray([[0.5, 0.5]], dims=("row", "class")))
