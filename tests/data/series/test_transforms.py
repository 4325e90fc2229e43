"""Transforms: undone exactly, differences as their filter says, slopes as numbers say, bad orders refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesnn.data.series.transforms import CURVES, Transform, make_transform

VALUES = st.lists(st.floats(0.01, 1e4), min_size=8, max_size=20).filter(lambda v: np.ptp(np.log(v)) > 1e-3)
NAMES = st.tuples(
    st.sampled_from([None, *CURVES]),
    st.sampled_from([None, "standardize"]),
    st.sampled_from([None, "difference"]),
    st.sampled_from([None, "seasonal_difference"]),
).map(lambda names: tuple(name for name in names if name))


def rebuilt(transform, values, w):
    """Values from their first `loss` ones and w, by u_t = w_t + sum_k c_k u_{t-k}, one at a time."""
    u = list(transform.pointwise(values)[: transform.lost_values])
    for one in w:
        u.append(one + sum(c * u[-k] for k, c in enumerate(transform.difference_filter, start=1)))
    return transform.inverse(u)


@given(VALUES, NAMES)
def test_every_transform_is_undone(values, names):
    values = np.array(values)
    transform = make_transform(names, 4).learn(values)
    w = transform.forward(values)
    assert len(w) == len(values) - transform.lost_values
    scale = np.abs(transform.pointwise(values)).max() + 1
    back = rebuilt(transform, values, w)
    # differences lose the digits by which their terms exceed them; an exponential multiplies what is lost
    tolerance = 1e-10 * scale * max(1.0, transform.scale) * 10
    np.testing.assert_allclose(back, values, rtol=tolerance, atol=tolerance if transform.pointwise_name is None else 0)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("difference", (1.0,)),
        ("seasonal_difference", (0.0, 0.0, 1.0)),
        (("difference", "difference"), (2.0, -1.0)),
        (("difference", "seasonal_difference"), (1.0, 0.0, 1.0, -1.0)),
    ],
)
def test_filters_of_differences(names, expected):
    assert make_transform(names, 3).difference_filter == expected


@pytest.mark.parametrize("names", [(c, *s) for c in CURVES for s in ((), ("standardize",))])
def test_slopes_are_those_of_a_finite_difference(names):
    y = np.array([0.5, 2.0, 30.0])
    transform = make_transform(names, 1).learn(y)
    step = 1e-6 * y
    slope = (transform.pointwise(y + step) - transform.pointwise(y - step)) / (2 * step)
    np.testing.assert_allclose(transform.log_slope(y), np.log(slope), rtol=1e-8, atol=1e-8)


def test_both_roots_of_a_square():
    transform = make_transform(("sqrt", "standardize"), 1).learn(np.array([1.0, 4.0, 16.0]))
    first, second = transform.roots([9.0])
    np.testing.assert_allclose([transform.inverse(first), transform.inverse(second)], [[9.0], [9.0]], rtol=1e-12)
    assert first > second
    assert transform.two_valued and not Transform(("log",)).two_valued


def test_standardize_brings_the_curve_to_mean_zero_and_unit_variance():
    values = np.array([1.0, 10.0, 1000.0])
    u = make_transform(("log10", "standardize"), 1).learn(values).pointwise(values)
    assert u.mean() == pytest.approx(0, abs=1e-12)
    assert u.std() == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("cube", "unknown transform 'cube': choose one of 'log', 'log10', 'sqrt'"),
        (("difference", "log"), "in this order, got .'difference', 'log'"),
        (("standardize", "log"), "in this order"),
        (("log", "sqrt"), "at most one of"),
        (("standardize", "standardize"), "in this order"),
        ("seasonal_difference", "needs a period of at least 2.*seasonal=12"),
    ],
)
def test_impossible_transforms_are_refused(names, message):
    with pytest.raises(ValueError, match=message):
        make_transform(names, 1)


@pytest.mark.parametrize("names", [("scale", "difference"), ("log", "scale", "difference"), ("scale",)])
def test_a_scaled_series_has_differences_of_sd_one(names):
    values = np.exp(np.random.default_rng(0).normal(size=50).cumsum() * 0.1)
    learnt = make_transform(names, 1).learn(values)
    assert learnt.forward(values).std() == pytest.approx(1.0) and learnt.center == 0.0
    np.testing.assert_allclose(learnt.inverse(learnt.pointwise(values)), values, rtol=1e-12)
    step = 1e-6
    slope = (learnt.pointwise(values + step) - learnt.pointwise(values - step)) / (2 * step)
    np.testing.assert_allclose(learnt.log_slope(values), np.log(slope), atol=1e-6)
    gaps = values.copy()
    gaps[[3, 20]] = np.nan
    assert learnt.scale == pytest.approx(make_transform(names, 1).learn(gaps).scale, rel=0.2)


def test_a_line_has_no_scale_of_its_differences():
    with pytest.raises(ValueError, match="differences that vary"):
        make_transform(("scale", "difference"), 1).learn(0.1 * np.arange(20))
