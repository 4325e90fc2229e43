"""The version is written in one place; the metadata of an installed package and the citation file say the same."""

import importlib.metadata
import json
import re
from pathlib import Path

import pytest

import bayesnn

ROOT = Path(__file__).resolve().parents[2]


def is_this_checkout(distribution: importlib.metadata.Distribution) -> bool:
    """Whether an installed bayesnn is this checkout, installed with `pip install -e`."""
    address = json.loads(distribution.read_text("direct_url.json") or "{}").get("url", "")
    return address == ROOT.as_uri()


def test_version_is_that_of_the_installed_metadata():
    try:
        distribution = importlib.metadata.distribution("bayesnn")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("bayesnn is not installed")
    if not is_this_checkout(distribution):
        pytest.skip("another checkout of bayesnn is installed")
    assert bayesnn.__version__ == distribution.version


def test_version_of_the_citation_and_the_changelog():
    (cited,) = re.findall(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), flags=re.MULTILINE)
    changelog = (ROOT / "bayesnn" / "CHANGELOG.md").read_text(encoding="utf-8")
    assert cited == bayesnn.__version__
    assert re.search(rf"^## {re.escape(bayesnn.__version__)} ", changelog, flags=re.MULTILINE)
