"""Attention weights of a fit: those of the layer at what reaches it, for every draw."""

import jax
import numpy as np
import pytest

import bayesnn as bnn
from bayesnn._internal.runtime import double

TOKENS = bnn.pad([[1, 2, 3], [3, 1], [2]])
START, SOURCE = 4, 3
PAIRS = np.array([[1, 2, 3, START, 1, 2], [3, 1, 0, START, 3, 0], [2, 0, 0, START, 0, 0]])
COPIED = np.array([[1, 2, 3], [3, 1, 0], [2, 0, 0]])


@pytest.mark.slow
def test_maps_are_those_of_the_layer(fake_fit):
    block = bnn.TransformerBlock(2, 3, causal=True)
    model = bnn.Model([bnn.Embedding(4, 4), bnn.Residual(bnn.SelfAttention(1)), block, bnn.MeanPool()])
    fit = fake_fit(model, TOKENS, [0.0, 1.0, 3.0], chains=1, draws=2)
    maps = bnn.attention_maps(fit, TOKENS)
    assert maps.dims == ("chain", "draw", "obs", "head", "time", "step")
    assert maps.attrs["layer"] == 2
    np.testing.assert_allclose(maps.sum("step"), 1.0, rtol=1e-12)
    assert not maps[..., 0, 1].any()  # no later step
    first = bnn.attention_maps(fit, TOKENS, layer=1)
    assert first.sizes["head"] == 1
    assert not first[:, :, 1, :, :, 2].any()  # padding
    sites = {name: values[1] for name, values in fit.draws().items()}
    with double():
        vectors = sites["embedding0_vectors"][TOKENS[0]]
        weights = {n.removeprefix("residual1_"): v for n, v in sites.items() if n.startswith("residual1_")}
        expected = jax.jit(bnn.SelfAttention(1).attention)(weights, vectors)
    np.testing.assert_allclose(first[0, 1, 0], expected, rtol=1e-10)


def test_all_layers_at_once_and_their_rollout(fake_fit):
    """By the definition: the product of (mean over heads + identity)/2, the last layer first."""
    body = [
        bnn.Embedding(4, 4),
        bnn.TransformerBlock(2, 3, causal=True),
        bnn.Dense(4),
        bnn.Residual(bnn.SelfAttention()),
    ]
    fit = fake_fit(bnn.Model([*body, bnn.MeanPool()]), TOKENS, [0.0, 1.0, 3.0], chains=1, draws=2)
    maps = bnn.attention_maps(fit, TOKENS, layer="all")
    assert maps.dims == ("chain", "draw", "obs", "layer", "head", "time", "step")
    for place in (1, 3):
        one = bnn.attention_maps(fit, TOKENS, layer=place)
        np.testing.assert_allclose(maps.sel(layer=place).isel(head=slice(one.sizes["head"])), one, rtol=1e-12)
    assert np.isnan(maps.sel(layer=3, head=1)).all()
    rollout = bnn.attention_maps(fit, TOKENS, layer="rollout")
    assert rollout.dims == ("chain", "draw", "obs", "time", "step")
    first, last = (maps.sel(layer=place).mean("head").to_numpy() for place in (1, 3))
    wanted = (0.5 * (last + np.eye(3))) @ (0.5 * (first + np.eye(3)))
    np.testing.assert_allclose(rollout, wanted, rtol=1e-10)
    np.testing.assert_allclose(rollout.isel(obs=0).sum("step"), 1.0, rtol=1e-10)


def test_maps_of_all_layers_need_the_same_steps(fake_fit):
    fit = fake_fit(bnn.Model([bnn.Embedding(4, 2), bnn.GRU(2)]), TOKENS, [0.0, 1.0, 3.0], chains=1, draws=1)
    with pytest.raises(ValueError, match="this network has none"):
        bnn.attention_maps(fit, TOKENS, layer="rollout")
    with pytest.raises(ValueError, match="unknown layer 'every'"):
        bnn.attention_maps(fit, TOKENS, layer="every")
    coder = bnn.Seq2Seq(SOURCE, [bnn.TransformerBlock(1, 2)], [bnn.DecoderBlock(1, 2)])
    two = fake_fit(bnn.Model([bnn.Embedding(5, 4), coder], bnn.Categorical()), PAIRS, COPIED, chains=1, draws=1)
    with pytest.raises(ValueError, match="need layers that keep all steps, got Seq2Seq at place 1"):
        bnn.attention_maps(two, PAIRS, layer="all")


@pytest.mark.slow
def test_a_decoder_shows_what_it_reads_of_the_source(fake_fit):
    coder = bnn.Seq2Seq(SOURCE, [bnn.TransformerBlock(1, 2)], [bnn.DecoderBlock(1, 2), bnn.DecoderBlock(2, 2)])
    model = bnn.Model([bnn.Embedding(5, 4), coder], bnn.Categorical())
    maps = bnn.attention_maps(fake_fit(model, PAIRS, COPIED, chains=1, draws=2), PAIRS)
    assert maps.shape == (1, 2, 3, 2, 3, 3)
    np.testing.assert_allclose(maps.sum("step"), 1.0, rtol=1e-12)
    assert not maps[:, :, 2, :, :, 1:].any()


def test_layers_without_attention_are_refused(fake_fit):
    fit = fake_fit(bnn.Model([bnn.Embedding(4, 2), bnn.GRU(2)]), TOKENS, [0.0, 1.0, 3.0], chains=1, draws=1)
    with pytest.raises(ValueError, match="layer must be one with attention, and this network has none, got None"):
        bnn.attention_maps(fit, TOKENS)
    with pytest.raises(NotImplementedError, match="GRU has no attention"):
        bnn.GRU(2).attention({}, np.zeros((3, 2)))
