"""The examples and the script of the README run as they stand (slow set)."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.py"))
ENVIRONMENT = os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}


def run(arguments, folder):
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_example_runs_and_draws(name, tmp_path):
    output = run([str(ROOT / "examples" / name), "--quick", "--output", "picture.png"], tmp_path)
    assert "picture: picture.png" in output
    assert (tmp_path / "picture.png").stat().st_size > 10_000


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_is_short_and_says_what_it_asks(name):
    text = (ROOT / "examples" / name).read_text()
    assert len(text.splitlines()) < 120
    for word in ("Question:", "Model:", "Result:", "--quick"):
        assert word in text


@pytest.mark.slow
def test_script_of_the_readme_runs(tmp_path):
    (script,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    assert len(script.strip().splitlines()) <= 15
    (tmp_path / "script.py").write_text(script)
    output = run(["script.py"], tmp_path)
    assert "agree" in output or "CONVERGED" in output
    assert (tmp_path / "mcycle.png").is_file()
