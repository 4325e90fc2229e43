"""Makes layers.npz, outputs of recurrent and attention layers by Keras and PyTorch: `python make_layers.py`.

Run with keras 3.15.1 on torch 2.13.0 (CPU), which nothing else here needs. Members are called `<case> <array>`: the
library's own weights, the input `x`, its real steps `mask`, and the output. torch computes in double precision; Keras
multiplies matrices in single precision even of doubles, so its numbers are good to 1e-6.

Conventions that differ from bayesnn's, which the test translates: the order of the gates of an LSTM (i, f, g, o in
both, in torch with two biases; here f, i, o, g), and kernels stored the other way round; the update gate of a GRU
weighs the old state in both, here the new one, so its weights change sign; torch keeps it second. torch's GRU applies
the reset gate after the recurrent weights of the proposal, which is the same model only where these are diagonal and
without a bias, as they are here; Keras with reset_after=False is the same in general. torch's attention has biases of
query, key and value, which are zero here, and its layer norm multiplies by its gain, ours by 1 + gain.
"""

import os
from pathlib import Path

import numpy as np

os.environ["KERAS_BACKEND"] = "torch"
TIME, WIDTH, UNITS, REAL = 5, 4, 3, 3
ROWS = 2


def recurrent(kind, rng, **options):
    """Weights of a Keras layer with random values, and what it makes of a sequence that ends in padding."""
    import keras

    x, mask = rng.normal(size=(ROWS, TIME, WIDTH)), np.ones((ROWS, TIME), bool)
    mask[1, REAL:] = False
    layer = getattr(keras.layers, kind)(UNITS, return_sequences=True, dtype="float64", **options)
    layer.build(x.shape)
    layer.set_weights([rng.normal(size=w.shape) for w in layer.get_weights()])
    kernel, recurrent_kernel, bias = layer.get_weights()
    output = keras.ops.convert_to_numpy(layer(x, mask=mask))
    return {"x": x, "mask": mask, "kernel": kernel, "recurrent": recurrent_kernel, "bias": bias, "output": output}


def randomised(module, rng):
    """The module in double precision with random weights, but no bias of query, key and value."""
    import torch

    module = module.double()
    with torch.no_grad():
        for name, weight in module.named_parameters():
            values = np.zeros(weight.shape) if "in_proj_bias" in name else rng.normal(size=weight.shape)
            weight.copy_(torch.tensor(values))
    return module, {name: weight.detach().numpy() for name, weight in module.named_parameters()}


def gated_of_torch(kind, rng):
    """A torch LSTM or GRU without padding, the recurrent weights of a GRU's proposal diagonal and without a bias."""
    import torch

    module, weights = randomised(getattr(torch.nn, kind)(WIDTH, UNITS, batch_first=True), rng)
    if kind == "GRU":
        with torch.no_grad():
            module.weight_hh_l0[2 * UNITS :] *= torch.eye(UNITS)
            module.bias_hh_l0[2 * UNITS :] = 0.0
    x = rng.normal(size=(ROWS, TIME, WIDTH))
    output = module(torch.tensor(x))[0].detach().numpy()
    return weights | {"x": x, "mask": np.ones((ROWS, TIME), bool), "output": output}


def attention(rng, causal):
    """Multi-head attention of a sequence to itself."""
    import torch

    module, weights = randomised(torch.nn.MultiheadAttention(WIDTH, 2, batch_first=True), rng)
    x, mask = rng.normal(size=(ROWS, TIME, WIDTH)), np.ones((ROWS, TIME), bool)
    mask[1, REAL:] = False
    hidden = torch.triu(torch.ones(TIME, TIME, dtype=torch.bool), 1) if causal else None
    t = torch.tensor(x)
    output, share = module(t, t, t, key_padding_mask=torch.tensor(~mask), attn_mask=hidden, average_attn_weights=False)
    return weights | {"x": x, "mask": mask, "output": output.detach().numpy(), "share": share.detach().numpy()}


def block(rng):
    """An encoder block, the norms after the residuals."""
    import torch

    layer = torch.nn.TransformerEncoderLayer(WIDTH, 2, dim_feedforward=6, dropout=0.0, batch_first=True)
    module, weights = randomised(layer, rng)
    x, mask = rng.normal(size=(ROWS, TIME, WIDTH)), np.ones((ROWS, TIME), bool)
    mask[1, REAL:] = False
    output = module(torch.tensor(x), src_key_padding_mask=torch.tensor(~mask)).detach().numpy()
    return weights | {"x": x, "mask": mask, "output": output}


def decoder(rng):
    """A decoder block that looks at a sequence with padding."""
    import torch

    layer = torch.nn.TransformerDecoderLayer(WIDTH, 2, dim_feedforward=6, dropout=0.0, batch_first=True)
    module, weights = randomised(layer, rng)
    x, memory = rng.normal(size=(ROWS, TIME, WIDTH)), rng.normal(size=(ROWS, TIME + 1, WIDTH))
    mask = np.ones((ROWS, TIME + 1), bool)
    mask[1, REAL:] = False
    later = torch.triu(torch.ones(TIME, TIME, dtype=torch.bool), 1)
    output = module(torch.tensor(x), torch.tensor(memory), tgt_mask=later, memory_key_padding_mask=torch.tensor(~mask))
    return weights | {"x": x, "memory": memory, "mask": mask, "output": output.detach().numpy()}


def main():
    """All cases into one file."""
    rng = np.random.default_rng(0)
    cases = {
        "keras LSTM": recurrent("LSTM", rng),
        "keras GRU": recurrent("GRU", rng, reset_after=False),
        "keras SimpleRNN": recurrent("SimpleRNN", rng),
        "torch LSTM": gated_of_torch("LSTM", rng),
        "torch GRU": gated_of_torch("GRU", rng),
        "torch attention": attention(rng, causal=False),
        "torch causal attention": attention(rng, causal=True),
        "torch encoder block": block(rng),
        "torch decoder block": decoder(rng),
    }
    arrays = {f"{case} {name}": value for case, values in cases.items() for name, value in values.items()}
    np.savez_compressed(Path(__file__).with_name("layers.npz"), **arrays)


if __name__ == "__main__":
    main()
