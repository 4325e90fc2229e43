"""Versions for reports, and the self-test of `python -m bayesnn`."""

import importlib
import tomllib
from pathlib import Path

import pytest

import bayesnn as bnn
from bayesnn._internal import environment

PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


def test_versions_are_printed(capsys, monkeypatch):
    monkeypatch.setenv("BAYESNN_CACHE", "off")
    bnn.show_versions()
    printed = capsys.readouterr().out
    for part in (bnn.__version__, "numpyro", "arviz", "devices", "scikit-learn (sklearn)", "not kept"):
        assert part in printed


def test_the_extras_are_those_of_the_package():
    declared = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert set(environment.EXTRAS) <= set(declared)


def test_the_self_test_finds_what_is_wrong(monkeypatch, fake_fit, capsys):
    """With draws put together by hand instead of a fit, the curve is wrong, and the exit status says so."""
    main = importlib.import_module("bayesnn.__main__")
    monkeypatch.setattr(main, "fit", lambda model, x, y, **options: fake_fit(model, x, y))
    assert main.main() == 1
    printed = capsys.readouterr().out
    assert "FAILED" in printed and "the fitted curve is" in printed


@pytest.mark.slow
def test_the_self_test_passes():
    main = importlib.import_module("bayesnn.__main__")
    assert main.self_test() == []
