"""Partly stochastic networks: fixed weights stay at the mode, and the others have their posterior given them."""

import arviz as az
import numpy as np
import pytest

import bayesnn as bnn
from bayesnn.layers import Dense

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 2))
Y = np.tanh(X[:, 0]) + 0.3 * RNG.normal(size=40)
MODEL = bnn.Model([bnn.fix(Dense(2, "tanh"))])
SETTINGS = {"draws": 500, "warmup": 300, "chains": 2, "progress": False}


@pytest.fixture(scope="module")
def found():
    return bnn.fit(MODEL, X, Y, sampler="nuts", **SETTINGS)


@pytest.mark.slow
def test_fixed_weights_do_not_move_and_are_named(found):
    posterior = found.idata["posterior"]
    for name in ("fixed0_kernel", "fixed0_bias"):
        values = posterior[name].to_numpy()
        assert np.all(values == values[:1, :1])
    assert posterior.attrs["fixed"] == "fixed0_bias, fixed0_kernel"
    assert len(np.unique(posterior["beta"])) > 1000
    assert "2 chains agree" in bnn.diagnose(found).verdict or "Converged" in bnn.diagnose(found).verdict


@pytest.mark.slow
def test_the_readout_has_its_conjugate_posterior_given_the_fixed_weights(found):
    """Given sigma, coefficients are Gaussian: standardised by that distribution they are standard normal."""
    sites = found.sites()
    x, y = found.data.scaled()
    hidden = np.tanh(x @ sites["fixed0_kernel"][0, 0].T + sites["fixed0_bias"][0, 0])
    design = np.column_stack([hidden, np.ones(len(x))])
    prior = np.diag([2.0, 2.0, 1.0])  # precisions of Normal(): two units, and the intercept
    coefficients = np.concatenate([sites["beta"], sites["intercept"][..., None]], axis=-1)
    noise = np.empty_like(coefficients)
    for place in np.ndindex(coefficients.shape[:2]):
        precision = design.T @ design / sites["sigma"][place] ** 2 + prior
        mean = np.linalg.solve(precision, design.T @ y / sites["sigma"][place] ** 2)
        noise[place] = np.linalg.cholesky(precision).T @ (coefficients[place] - mean)
    for i in range(3):
        for j in range(i + 1):
            product = noise[..., i] * noise[..., j]
            assert abs(product.mean() - (i == j)) < 4.2 * float(az.mcse(product, method="mean"))
        assert abs(noise[..., i].mean()) < 4.2 * float(az.mcse(noise[..., i], method="mean"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "sampler",
    [
        bnn.SGHMC(batch_size=10, steps=2, start=bnn.MAP(steps=100)),
        pytest.param(bnn.MCLMC(steps=2, start=bnn.MAP(steps=100)), marks=pytest.mark.slow),
    ],
)
def test_other_samplers_hold_them_too_and_go_on_from_there(sampler, tmp_path):
    few = {"sampler": sampler, "warmup": 4, "chains": 2, "progress": False}
    first = bnn.fit(MODEL, X, Y, draws=4, path=tmp_path / "run", **few)
    longer = bnn.fit(MODEL, X, Y, draws=6, **few)
    for more in (bnn.extend(first, 2, progress=False), bnn.extend(bnn.fit(MODEL, X, Y, draws=4, **few), 2)):
        for name, values in longer.idata["posterior"].data_vars.items():
            np.testing.assert_array_equal(more.idata["posterior"][name], values, err_msg=name)
    kernel = longer.idata["posterior"]["fixed0_kernel"].to_numpy()
    assert np.all(kernel == kernel[:1, :1])


@pytest.mark.slow
def test_a_mode_needs_no_fixing():
    found = bnn.fit(MODEL, X, Y, sampler=bnn.MAP(steps=100), progress=False)
    assert "fixed" not in found.idata["posterior"].attrs


@pytest.mark.parametrize("sampler", ["gibbs", "laplace", "variational"])
def test_samplers_without_gradients_or_chains_are_refused(sampler):
    with pytest.raises(ValueError, match=r"bnn.fix\(...\) needs the sampler"):
        bnn.fit(MODEL, X, Y, sampler=sampler)


def test_only_layers_can_be_fixed():
    with pytest.raises(ValueError, match="fix takes a layer such as"):
        bnn.fix("dense")
