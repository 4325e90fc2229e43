"""Labels of exchangeable units: one order for all draws, and the way back."""

import numpy as np
import pytest
from test_chains import SAMPLER, X, Y

import bayesnn as bnn
from bayesnn.data.dataset import make_dataset
from bayesnn.fitting.assemble import assemble_inference_data
from bayesnn.fitting.relabel import as_sampled, order_units, permute
from bayesnn.samplers import base

CHAINS, DRAWS, UNITS = 2, 4, 3
DIMS = {
    "gamma": ("unit", "input"),
    "beta": ("unit",),
    "pair": ("input", "unit"),
    "both": ("unit", "unit"),
    "S_gamma": ("input", "input_"),
    "sigma": (),
}


@pytest.fixture
def posterior():
    rng = np.random.default_rng(0)
    sizes = {"unit": UNITS, "input": UNITS, "input_": UNITS}  # all alike: only names can tell the axes apart
    return {name: rng.normal(size=(CHAINS, DRAWS, *(sizes[dim] for dim in dims))) for name, dims in DIMS.items()}


def test_units_are_put_in_order(posterior):
    values = posterior["gamma"][..., 1]
    order = order_units(values)
    np.testing.assert_array_equal(np.take_along_axis(values, order, axis=-1), np.sort(values, axis=-1))


def test_ties_keep_their_order():
    np.testing.assert_array_equal(order_units(np.array([[[1.0, 0.0, 1.0, 0.0]]])), [[[1, 3, 0, 2]]])


def test_permuting_is_a_loop_over_draws_and_touches_units_alone(posterior):
    order = order_units(posterior["gamma"][..., 1])
    permuted = permute(posterior, DIMS, order)
    for chain in range(CHAINS):
        for draw in range(DRAWS):
            take = order[chain, draw]
            before = {name: values[chain, draw] for name, values in posterior.items()}
            after = {name: values[chain, draw] for name, values in permuted.items()}
            np.testing.assert_array_equal(after["gamma"], before["gamma"][take])
            np.testing.assert_array_equal(after["beta"], before["beta"][take])
            np.testing.assert_array_equal(after["pair"], before["pair"][:, take])
            np.testing.assert_array_equal(after["both"], before["both"][take][:, take])
    assert permuted["S_gamma"] is posterior["S_gamma"]
    assert permuted["sigma"] is posterior["sigma"]


def test_the_order_of_the_order_undoes_it(posterior):
    order = order_units(posterior["gamma"][..., 1])
    back = permute(permute(posterior, DIMS, order), DIMS, order_units(order))
    for name, values in posterior.items():
        np.testing.assert_array_equal(back[name], values)


def test_a_fit_can_be_read_as_it_was_sampled(monkeypatch):
    """The chains' own record is kept on its way into the fit."""
    recorded = {}
    run_chains = base.run_chains

    def watched(*arguments, **given):
        run = run_chains(*arguments, **given)
        recorded.update({name: values.copy() for name, values in run.values.items()})
        return run

    monkeypatch.setattr(base, "run_chains", watched)
    options = {"draws": 12, "warmup": 3, "chains": 2, "progress": False}
    fit = bnn.fit(bnn.shallow(2), X, Y, sampler=SAMPLER, **options)
    assert (np.diff(fit.idata["posterior"]["gamma"].to_numpy()[..., 1], axis=-1) >= 0).all()
    assert not (np.diff(recorded["gamma"][..., 1], axis=-1) >= 0).all()
    compare(fit.idata, recorded, fit.data)


def compare(idata, recorded, data):
    """Everything as recorded, but for sigma, which is reported in units of y."""
    back = as_sampled(idata)
    assert set(back) == set(idata["posterior"].data_vars)
    for name, values in back.items():
        unit = data.scaling.y_scale if name == "sigma" else 1.0
        np.testing.assert_allclose(values, recorded[name] * unit, rtol=1e-10)


def test_units_that_have_no_order_are_left_alone():
    model = bnn.Model([bnn.Dense(UNITS, "tanh")])
    data = make_dataset(np.arange(5.0)[:, None], np.arange(5.0) ** 2)
    rng, coordinates = np.random.default_rng(1), model.coordinates(["x0"])
    recorded = {
        name: rng.uniform(size=(CHAINS, DRAWS, *(len(coordinates[dim]) for dim in dims)))
        for name, dims in model.dims((1,)).items()
    }
    idata = assemble_inference_data(model, data, recorded | {"stat lp": rng.uniform(size=(CHAINS, DRAWS))}, {})
    assert set(idata["sample_stats"].data_vars) == {"lp"}
    compare(idata, recorded, data)
