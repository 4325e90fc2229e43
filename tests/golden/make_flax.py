"""Makes flax.npz, layers of flax.linen with random parameters and their outputs: `python make_flax.py`.

Run with flax 0.12.6 and jax 0.9.2 on a CPU, in double precision. Members are called as in torch.npz, see make_torch.py;
parameters have their path as name, with slashes.
"""

from pathlib import Path

import jax
import numpy as np

TIME, WIDTH, UNITS, REAL, ROWS = 5, 4, 3, 3, 2


def case(module, rng, call=None, x=None, padded=False):
    """The parameters of a module, and what it makes of sequences."""
    from flax.traverse_util import flatten_dict

    x = rng.normal(size=(ROWS, TIME, WIDTH)) if x is None else x
    mask = np.ones((ROWS, TIME), bool)
    if padded:
        mask[1, REAL:] = False
    options = {} if call is None else call(mask)
    shapes = jax.eval_shape(lambda key: module.init(key, x, **options), jax.random.key(0))
    params = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape), shapes)
    output = np.asarray(module.apply(params, x, **options))
    inner = params["params"]
    inner = inner.get("cell", inner)
    state = {f"state/{name}": values for name, values in flatten_dict(inner, sep="/").items()}
    return state | {"x": x, "mask": mask, "output": output}


def main():
    """All cases into one file."""
    from flax import linen as nn

    jax.config.update("jax_enable_x64", True)
    rng, double = np.random.default_rng(16), {"param_dtype": np.float64}
    cells = {
        name: case(nn.RNN(getattr(nn, name)(UNITS, **double)), rng)
        for name in ("SimpleCell", "LSTMCell", "OptimizedLSTMCell", "GRUCell")
    }
    cases = cells | {
        "Dense": case(nn.Dense(UNITS, **double), rng),
        "LayerNorm": case(nn.LayerNorm(**double), rng),
        "Conv": case(nn.Conv(UNITS, (3,), **double), rng),
        "Embed": case(nn.Embed(7, UNITS, **double), rng, x=rng.integers(1, 7, size=(ROWS, TIME))),
        "MultiHeadDotProductAttention": case(
            nn.MultiHeadDotProductAttention(2, **double),
            rng,
            lambda mask: {"mask": mask[:, None, None, :] & np.ones((TIME, 1), bool)},
            padded=True,
        ),
    }
    arrays = {f"{name}/{key}": value for name, made in cases.items() for key, value in made.items()}
    np.savez_compressed(Path(__file__).with_name("flax.npz"), **arrays)


if __name__ == "__main__":
    main()
