"""Held-out scores of `shallow(8)` on tables whose posterior has many modes, by way of sampling.

Run: python tests/benchmarks/held_out.py [boston concrete] [--splits 5] [--minutes 1] [--quick] [--json held_out.json]

The first of the 20 standard splits of the UCI tables `boston` and `concrete`, from BAYESNN_SHARED_DATA or `shared/data`
beside the repository. Ways: `without trajectories`, the Gibbs sampler as the default was before these and tempering;
`plain`, `sampler="gibbs"`; both with four chains of 1000 draws after 1000; `default`, `fit(model, x, y)` that ends
after --minutes at the latest. Log density per row of the test part (in units of y), rmse, R-hat of the worst function
value, processor seconds; at the end the differences to the first way with standard errors over splits.
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd

import bayesnn as bnn

FOLDER = Path(os.environ.get("BAYESNN_SHARED_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
TABLES = ("boston", "concrete")


def ways(minutes, quick):
    """Settings of each way."""
    few = {"chains": 4, "draws": 50 if quick else 1000, "warmup": 50 if quick else 1000}
    return {
        "without trajectories": {"sampler": bnn.Gibbs(trajectory=0)} | few,
        "plain": {"sampler": "gibbs"} | few,
        "default": {"max_seconds": 5 if quick else 60 * minutes},
    }


def scored(train, test, split, settings):
    """Scores of one fit."""
    used = time.process_time()
    fit = bnn.fit(bnn.shallow(8), train[:, :-1], train[:, -1], key=split, progress=False, **settings)
    used = time.process_time() - used
    scores = bnn.evaluate(fit, test[:, :-1], test[:, -1])
    worst = bnn.diagnose(fit).table.loc["f, worst", "r_hat"]
    return {"log density": scores["log_density"], "rmse": scores["rmse"], "r_hat": worst, "processor seconds": used}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"of {', '.join(TABLES)}")
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", help="where to save the rows")
    arguments = parser.parse_args()
    rows = []
    for table in arguments.tables or TABLES:
        folder = FOLDER / f"uci_{table}"
        data, splits = np.loadtxt(folder / "data.txt"), np.load(folder / "splits.npz")
        for split in range(arguments.splits):
            train, test = (data[splits[f"{part}_{split}"]] for part in ("train", "test"))
            for way, settings in ways(arguments.minutes, arguments.quick).items():
                rows.append({"table": table, "split": split, "way": way} | scored(train, test, split, settings))
                print(
                    ", ".join(str(round(v, 3)) if isinstance(v, float) else str(v) for v in rows[-1].values()),
                    flush=True,
                )
    frame = pd.DataFrame(rows)
    print(
        frame.groupby(["table", "way"], sort=False).mean(numeric_only=True).drop(columns="split").round(3).to_string()
    )
    for table, part in frame.groupby("table"):
        by_split = part.pivot(index="split", columns="way", values="log density")
        for way in ("plain", "default"):
            gain = by_split[way] - by_split["without trajectories"]
            print(f"{table}, {way}: {gain.mean():.3f} a row more (se {gain.std() / np.sqrt(len(gain)):.3f}); asked .05")
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(rows, indent=1, default=float), encoding="utf-8")


if __name__ == "__main__":
    main()
