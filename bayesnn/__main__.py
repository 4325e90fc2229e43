"""python -m bayesnn: versions, devices, the folder of compiled programs, and a self-test of about ten seconds."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from bayesnn._internal.environment import show_versions
from bayesnn.evaluation.diagnose import diagnose
from bayesnn.fitting.fit import fit
from bayesnn.fitting.save import load, save
from bayesnn.models.shallow import shallow
from bayesnn.prediction.predict import predict

NOISE = 0.1
CLOSE = 0.1  # allowed distance from the true function; the error of a fit to these rows is about 0.03


def self_test() -> list[str]:
    """Fit a curve, compare with the truth, save and load; what went wrong, which should be nothing."""
    x = np.linspace(-1.0, 1.0, 60)[:, None]
    truth = np.tanh(2.0 * x[:, 0])
    y = truth + NOISE * np.random.default_rng(0).normal(size=60)
    result = fit(shallow(3), x, y, draws=500, warmup=500, chains=2, progress=False)
    mean = predict(result, x).mean(("chain", "draw")).to_numpy()
    wrong = []
    error = float(np.sqrt(np.mean((mean - truth) ** 2)))
    if not error < CLOSE:
        wrong.append(f"the fitted curve is {error:.3f} from the true one, which should be below {CLOSE}")
    r_hat = float(diagnose(result).table.loc["f, worst", "r_hat"])
    if not r_hat < 1.1:
        wrong.append(f"R-hat of the function is {r_hat:.2f}, which should be near 1")
    with tempfile.TemporaryDirectory() as folder:
        save(result, Path(folder) / "fit.npz")
        if not np.array_equal(predict(load(Path(folder) / "fit.npz"), x), predict(result, x)):
            wrong.append("a fit that was saved and loaded predicts something else")
    return wrong


def main() -> int:
    """Print the environment, run the self-test, and return the exit status."""
    show_versions()
    print("\nself-test: a fit, its convergence, its predictions, saving and loading ...", flush=True)
    start = time.perf_counter()
    wrong = self_test()
    print(f"{'FAILED' if wrong else 'ok'}, {time.perf_counter() - start:.1f} s")
    print("\n".join(wrong), end="\n" if wrong else "")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
