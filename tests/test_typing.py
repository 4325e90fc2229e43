"""The types that a user's editor sees: a small script is accepted by mypy and pyright, and a wrong call is not."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = """
import bayesnn as bnn

table = bnn.datasets.mcycle()
model: bnn.Model = bnn.shallow(5, likelihood=bnn.StudentT())
fit: bnn.Fit = bnn.fit(model, table[["times"]], table["accel"], sampler=bnn.NUTS(target_accept=0.9), draws=100)
diagnosis: bnn.Diagnosis = bnn.diagnose(fit)
verdict: str = diagnosis.verdict
more: bnn.Fit = bnn.extend(bnn.add_groups(fit), 100)
result: bnn.Comparison = bnn.compare({"one": fit, "other": more})
print(verdict, result, bnn.predict(fit, table[["times"]], kind="response", summary=True))
deep = bnn.Model([bnn.Dense(5, "tanh"), bnn.Dense(3)], prior=bnn.Horseshoe())
print(deep.describe())
"""
WRONG = SCRIPT + "bnn.extend(verdict, 100)\n"
CHECKERS = {
    "mypy": ["-m", "mypy", "--no-incremental", "--ignore-missing-imports", "--follow-imports=silent"],
    "pyright": ["-m", "pyright", "--level", "error", "--pythonpath", sys.executable],
}


@pytest.mark.slow
@pytest.mark.parametrize("checker", CHECKERS)
def test_a_script_is_accepted_and_a_wrong_call_is_not(checker, tmp_path):
    if importlib.util.find_spec(checker) is None:
        pytest.skip(f"{checker} is not installed")
    environment = os.environ | {"MYPYPATH": str(ROOT), "PYTHONPATH": str(ROOT)}
    (tmp_path / "pyrightconfig.json").write_text(f'{{"extraPaths": ["{ROOT}"]}}')
    for text, accepted in ((SCRIPT, True), (WRONG, False)):
        (tmp_path / "script.py").write_text(text)
        command = [sys.executable, *CHECKERS[checker], "script.py"]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600)
        assert (done.returncode == 0) == accepted, done.stdout[-2000:] + done.stderr[-500:]
        assert accepted or "extend" in done.stdout or "Fit" in done.stdout
