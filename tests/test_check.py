"""The lowest versions that `tests/check.py --lowest` installs are the bounds of pyproject.toml."""

import sys
import tomllib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import check  # noqa: E402


def test_lower_bounds_are_those_of_the_package_and_its_tests():
    project = tomllib.loads((check.ROOT / "pyproject.toml").read_text())["project"]
    pins = check.lower_bounds(project)
    assert all(pin.count("==") == 1 and not set(pin) & set("><!,") for pin in pins)
    names = [pin.split("==")[0] for pin in pins]
    assert set(names) >= {"jax", "numpyro", "numpy", "arviz", "pytest", "scikit-learn", "formulaic"}
    made = {"dependencies": ["a>=1.2,!=1.3.*"], "optional-dependencies": dict.fromkeys(check.LOWEST_EXTRAS, ["b>=3"])}
    assert check.lower_bounds(made) == ["a==1.2", "b==3", "b==3", "b==3"]


def test_a_step_beside_the_tests_says_how_it_ended(capsys):
    """All that it printed, and whether it went well, once it is waited for."""
    assert check.end("good", check.begin("good", ["platform"]))
    assert not check.end("bad", check.begin("bad", ["no_such_module_here"]))
    said = capsys.readouterr().out
    assert "-- good: ok" in said
    assert "No module named no_such_module_here" in said and said.strip().endswith("-- bad: FAILED")


def test_every_step_is_run_and_one_that_fails_is_named(monkeypatch, capsys):
    """Nothing is left out when steps run side by side, whichever fails."""
    ran = []
    monkeypatch.setattr(sys, "argv", ["check.py"])
    monkeypatch.setattr(check, "TOOLS", ())
    for bad in check.steps(False):
        ran.clear()
        monkeypatch.setattr(check, "run", lambda name, arguments, last, bad=bad: ran.append(name) or name != bad)
        monkeypatch.setattr(check, "begin", lambda name, arguments: ran.append(name))
        monkeypatch.setattr(check, "end", lambda name, process, bad=bad: name != bad)
        assert check.main() == 1
        assert sorted(ran) == sorted(check.steps(False))
        assert capsys.readouterr().out.strip() == f"FAILED: {bad}"
