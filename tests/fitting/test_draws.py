"""Functions of many draws: the same as a loop over draws, whatever the size of the blocks."""

import numpy as np
import pytest
from scipy import stats

from bayesnn.fitting import draws
from bayesnn.layers import Dense
from bayesnn.models.model import Model
from bayesnn.models.shallow import shallow

COUNT = 11
X = np.random.default_rng(0).normal(size=(6, 2))
Y = np.random.default_rng(1).normal(size=6)
SHALLOW = shallow(3, intercept=True, linear=True)
DEEP = Model([Dense(3, "tanh"), Dense(2, "tanh")])


def random_sites(model):
    rng = np.random.default_rng(2)
    coordinates = model.coordinates(["a", "b"])
    sites = {
        name: rng.normal(size=(COUNT, *(len(coordinates[dim]) for dim in dims)))
        for name, dims in model.dims((2,)).items()
    }
    return sites | {"sigma": np.exp(sites["sigma"])}


def loop(model, sites):
    """f (s, n) of the shallow network, draw by draw."""
    values = []
    for s in range(COUNT):
        z = 1 / (1 + np.exp(-(sites["gamma"][s][:, 0] + X @ sites["gamma"][s][:, 1:].T)))
        values.append(z @ sites["beta"][s] + sites["intercept"][s] + X @ sites["linear"][s])
    return np.array(values)


def test_function_values_are_a_loop_over_draws():
    sites = random_sites(SHALLOW)
    values = draws.over_draws(draws.function_value, SHALLOW, sites, X)
    assert (type(values), values.dtype, values.shape) == (np.ndarray, np.float64, (COUNT, 6))
    np.testing.assert_allclose(values, loop(SHALLOW, sites), rtol=1e-10)


def test_log_densities_are_a_loop_over_draws():
    sites = random_sites(SHALLOW)
    values = draws.over_draws(draws.log_density, SHALLOW, sites, X, Y)
    exact = stats.norm.logpdf(Y, loop(SHALLOW, sites), sites["sigma"][:, None])
    np.testing.assert_allclose(values, exact, rtol=1e-10)


@pytest.mark.parametrize("model", [SHALLOW, DEEP], ids=["shallow", "deep"])
@pytest.mark.parametrize("draws_a_block", [1, 4, COUNT - 1])
def test_blocks_do_not_matter(model, draws_a_block, monkeypatch):
    """Blocks of 1, of a size that does not divide the draws, and one short of all."""
    sites = random_sites(model)
    whole = draws.over_draws(draws.log_density, model, sites, X, Y)
    sizes = []
    block = draws._block

    def watched(quantity, model, piece, *arrays):
        sizes.append(len(piece["beta"]))
        return block(quantity, model, piece, *arrays)

    width = model.terms((2,)).size + 2 + 1  # coefficients, inputs, one output
    monkeypatch.setattr(draws, "BLOCK_NUMBERS", draws_a_block * len(X) * width)
    monkeypatch.setattr(draws, "_block", watched)
    np.testing.assert_allclose(draws.over_draws(draws.log_density, model, sites, X, Y), whole, rtol=1e-10)
    assert sizes == [draws_a_block] * -(-COUNT // draws_a_block)  # one shape, so compiled once


def test_a_block_has_at_least_one_draw(monkeypatch):
    sites = random_sites(SHALLOW)
    monkeypatch.setattr(draws, "BLOCK_NUMBERS", 1)
    np.testing.assert_allclose(
        draws.over_draws(draws.function_value, SHALLOW, sites, X), loop(SHALLOW, sites), rtol=1e-10
    )


def test_a_single_row():
    sites = random_sites(SHALLOW)
    values = draws.over_draws(draws.function_value, SHALLOW, sites, X[:1])
    np.testing.assert_allclose(values, loop(SHALLOW, sites)[:, :1], rtol=1e-10)
