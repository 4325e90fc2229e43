"""Makes torch.npz, layers of PyTorch with random weights and their outputs: `python make_torch.py`.

Run with torch 2.14.1 (CPU), which nothing else here needs. Members are called `<case>/state/<name>` for the arrays of
`module.state_dict()`, and `<case>/x`, `<case>/mask` (the real steps), `<case>/output`. All is in double precision, and
every weight is random, biases and gains too, so that no rule can be missed.
"""

from pathlib import Path

import numpy as np

TIME, WIDTH, UNITS, REAL, ROWS = 5, 4, 3, 3, 2


def randomised(module, rng):
    """The module in double precision with random weights."""
    import torch

    module = module.double().eval()
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(torch.tensor(rng.normal(size=weight.shape)))
    return module


def case(module, rng, call=None, padded=False, x=None):
    """The state of a module, and what it makes of sequences; some of them end in padding."""
    import torch

    module = randomised(module, rng)
    x = rng.normal(size=(ROWS, TIME, WIDTH)) if x is None else x
    mask = np.ones((ROWS, TIME), bool)
    if padded:
        mask[1, REAL:] = False
    call = call or (lambda m, x, mask: m(x))
    with torch.no_grad():
        output = call(module, torch.tensor(x), torch.tensor(mask)).numpy()
    state = {f"state/{name}": values.numpy() for name, values in module.state_dict().items()}
    return state | {"x": x, "mask": mask, "output": output}


def main():
    """All cases into one file."""
    import torch
    from torch import nn

    later = torch.triu(torch.ones(TIME, TIME, dtype=torch.bool), 1)
    rng = np.random.default_rng(16)
    recurrent = {"batch_first": True}
    block = {"dim_feedforward": 6, "dropout": 0.0, "batch_first": True}
    states = lambda m, x, mask: m(x)[0]  # noqa: E731
    masked = lambda m, x, mask: m(x, src_key_padding_mask=~mask)  # noqa: E731
    attend = lambda m, x, mask: m(x, x, x, key_padding_mask=~mask)[0]  # noqa: E731
    channels = lambda m, x, mask: m(x.transpose(1, 2)).transpose(1, 2)  # noqa: E731
    cases = {
        "RNN": case(nn.RNN(WIDTH, UNITS, **recurrent), rng, states),
        "LSTM": case(nn.LSTM(WIDTH, UNITS, **recurrent), rng, states),
        "LSTM without biases": case(nn.LSTM(WIDTH, UNITS, bias=False, **recurrent), rng, states),
        "LSTM both ways": case(nn.LSTM(WIDTH, UNITS, bidirectional=True, **recurrent), rng, states),
        "GRU": case(nn.GRU(WIDTH, UNITS, **recurrent), rng, states),
        "Linear": case(nn.Linear(WIDTH, UNITS), rng),
        "LayerNorm": case(nn.LayerNorm(WIDTH), rng),
        "Conv1d": case(nn.Conv1d(WIDTH, UNITS, 3, padding="same"), rng, channels),
        "Embedding": case(nn.Embedding(7, UNITS), rng, x=rng.integers(1, 7, size=(ROWS, TIME))),
        "MultiheadAttention": case(nn.MultiheadAttention(WIDTH, 2, batch_first=True), rng, attend, padded=True),
        "TransformerEncoderLayer": case(nn.TransformerEncoderLayer(WIDTH, 2, **block), rng, masked, padded=True),
        "TransformerEncoderLayer, norm first": case(
            nn.TransformerEncoderLayer(WIDTH, 2, norm_first=True, activation="gelu", **block), rng, masked, padded=True
        ),
        "TransformerDecoderLayer": case(
            nn.TransformerDecoderLayer(WIDTH, 2, norm_first=True, **block),
            rng,
            lambda m, x, mask: m(x, x + 1.0, tgt_mask=later, memory_key_padding_mask=~mask),
            padded=True,
        ),
    }
    arrays = {f"{name}/{key}": value for name, made in cases.items() for key, value in made.items()}
    np.savez_compressed(Path(__file__).with_name("torch.npz"), **arrays)


if __name__ == "__main__":
    main()
