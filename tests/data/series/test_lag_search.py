"""Lags by evidence: the right ones of maps and autoregressions, and an evidence that is a density."""

import numpy as np
import pytest

import bayesnn as bnn
from bayesnn.data.series.kernel_evidence import Scales, best_scales, log_evidence
from bayesnn.data.series.lag_search import search_lags
from bayesnn.data.series.suggest import _compared_with_lags
from bayesnn.data.series.transforms import make_transform


def simulated(centre, sd, count=150, start=20, key=0):
    rng = np.random.default_rng(key)
    y = list(0.5 + 0.1 * rng.normal(size=start))
    for _ in range(count + 100):
        y.append(centre(y) + sd * rng.normal())
    return np.array(y[-count:])


SERIES = {
    "quadratic": (lambda y: 0.9 - 1.2 * y[-1] ** 2, 0.05, (1,)),
    "Henon": (lambda y: 1 - 1.2 * y[-1] ** 2 + 0.3 * y[-2], 0.03, (1, 2)),
    "lag 7": (lambda y: 0.9 * y[-7], 0.3, (7,)),
    "Mackey-Glass": (lambda y: 0.9 * y[-1] + 0.2 * y[-17] / (1 + y[-17] ** 10), 0.02, (1, 17)),
}


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow if n == "lag 7" else ()) for n in SERIES])
def test_the_lags_of_the_map_are_found(name):
    centre, sd, lags = SERIES[name]
    found = search_lags([simulated(centre, sd, 20 * max(lags) + 60)])
    assert set(found) >= set(lags)
    assert len(found) <= len(lags) + 1


def test_the_lags_of_a_panel_are_common():
    centre, sd, lags = SERIES["Henon"]
    assert search_lags([simulated(centre, sd, 60, key=1), 100 + 50 * simulated(centre, sd, 50, key=2)]) == lags


def test_the_evidence_prefers_the_truth():
    x = np.linspace(-1.7, 1.7, 60)[:, None]
    rng = np.random.default_rng(1)
    line, curve = x[:, 0] + 0.3 * rng.normal(size=60), np.cos(3 * x[:, 0]) + 0.1 * rng.normal(size=60)
    without = Scales(network=1e-9)
    assert log_evidence(x, line, without) > log_evidence(x, line, Scales(network=1e4))
    assert best_scales(x, curve, Scales())[0] > log_evidence(x, curve, without) + 20


def test_the_evidence_is_a_density_up_to_its_constant():
    """Its ratio of two scales, integrated over one target against the other, is one."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(1, 1))
    grid = np.linspace(-4000.0, 4000.0, 800_001)
    shape = 1.0
    total = []
    for scales in (Scales(), Scales(network=50.0, weight=3.0)):
        one = log_evidence(x, np.zeros(1), scales)
        # with a single row: variance v, density proportional to v^-1/2 (rate + y^2 / (2 v))^-shape
        at = log_evidence(x, np.ones(1), scales)
        rate = 0.005
        v = 0.5 / (rate * (np.exp((one - at) / shape) - 1))
        density = np.exp(one) * (1 + grid**2 / (2 * v * rate)) ** -shape
        total.append(np.trapezoid(density, grid))
    assert total[0] == pytest.approx(total[1], rel=0.02)


def test_suggest_searches_where_there_is_no_season():
    centre, sd, lags = SERIES["Henon"]
    found = bnn.suggest(simulated(centre, sd))
    assert (found.lags, found.transform) == (lags, ())
    assert "difference" in found.table.index
    assert bnn.suggest(simulated(centre, sd), seasonal=4).lags == (1, 2, 3, 4, 5)
    assert bnn.suggest(simulated(centre, sd, 25), transform=()).lags == (1, 2, 3)


def test_missing_values_are_left_out():
    centre, sd, lags = SERIES["Henon"]
    series = simulated(centre, sd)
    series[[40, 90]] = np.nan
    assert bnn.lagged(series, "auto", missing="latent").lags == lags


def test_transforms_with_other_lags_are_compared_on_the_same_rows():
    """In other units the evidence of each candidate changes by the same number, rows times the log of the factor."""
    y = np.exp(0.1 * np.cumsum(np.random.default_rng(4).normal(size=80)))
    y[[20, 50]] = np.nan
    specs = {"none": make_transform(None, 1), "log": make_transform("log", 1)}
    lags = {"none": (1,), "log": (1, 2, 5)}
    one, two = (_compared_with_lags(values, specs, lags)["log_marginal"] for values in (y, 1000.0 * y))
    rows = 80 - 5 - 2 * 4  # each missing value is a target, or among the lags, of four rows
    np.testing.assert_allclose((one - two)[["none", "log"]], rows * np.log(1000.0), rtol=1e-6)
