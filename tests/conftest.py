"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest

# A script, not a test module: `--doctest-modules` would import it otherwise.
collect_ignore = ["check.py"]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of larger real data sets that lies outside the repository; skips where there is none."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("BAYESNN_SHARED_DATA") or default)
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}: set BAYESNN_SHARED_DATA to the folder of shared data to run this test")
    return folder
