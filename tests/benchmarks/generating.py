"""Processor time of generate with and without what layers keep of earlier steps: `python generating.py`.

A causal transformer (two blocks, width 64, four heads) and an LSTM(64), four draws, prompts of four tokens.
"""

import importlib
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "helpers"))

import bayesnn as bnn

made = importlib.import_module("made")
module = importlib.import_module("bayesnn.prediction.generate")
CODER = [bnn.PositionalEncoding(), *[bnn.TransformerBlock(4, causal=True, norm="pre")] * 2, bnn.LayerNorm()]
BODIES = {"transformer": CODER, "LSTM": [bnn.LSTM(64, return_sequences=True)]}
LENGTHS = 32, 64, 128, 256


def seconds(fit, length):
    """Processor time of one call, after one that compiles."""
    bnn.generate(fit, [1, 2, 3, 1], length)
    begun = time.process_time()
    bnn.generate(fit, [1, 2, 3, 1], length)
    return time.process_time() - begun


def main():
    """One line per network and length."""
    stepwise = module.goes_stepwise
    x, y = bnn.next_tokens(np.random.default_rng(0).integers(1, 9, size=(6, 7)))
    print("network       tokens  kept (s)  whole (s)  ratio")
    for name, body in BODIES.items():
        model = bnn.Model([bnn.Embedding(9, 64), *body], bnn.Categorical(), bnn.Normal())
        fit = made.made_fit(model, x, y, chains=1, draws=4)
        for length in LENGTHS:
            found = []
            for way in (stepwise, lambda model: False):
                module.goes_stepwise = way
                found.append(seconds(fit, length))
            print(f"{name:12}  {length:6}  {found[0]:8.3f}  {found[1]:9.3f}  {found[1] / found[0]:5.1f}", flush=True)


if __name__ == "__main__":
    main()
