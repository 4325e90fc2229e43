"""Makes fit_v1.npz and fit_v1.json, a fit in format version 1 and predictions: `python tests/golden/make_fit_v1.py`.

Run it once a format version, never again: later versions of the package must read what this one wrote.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd

import bayesnn as bnn

HERE = Path(__file__).parent


def rows():
    """New rows, with a number and a category."""
    return pd.DataFrame({"dose": [0.5, 2.5], "site": ["north", "south"]})


def main():
    """Fit, save, predict."""
    dose = np.linspace(0.0, 3.0, 9)
    x = pd.DataFrame({"dose": dose, "site": ["north", "south", "west"] * 3})
    y = np.where(np.sin(2 * dose) > 0, "up", "down")
    model = bnn.shallow(2, likelihood=bnn.Bernoulli())
    fit = bnn.fit(model, x, y, sampler="gibbs", draws=5, warmup=50, chains=2, key=0, progress=False)
    bnn.save(fit, HERE / "fit_v1.npz")
    predicted = bnn.predict(fit, rows(), kind="probability").to_numpy().tolist()
    (HERE / "fit_v1.json").write_text(json.dumps({"probability": predicted}) + "\n")


if __name__ == "__main__":
    main()
