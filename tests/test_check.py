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
