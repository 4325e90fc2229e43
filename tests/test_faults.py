"""A small part of each job of the campaign against runs and files (slow set; the whole of it: tests/faults.py)."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import faults  # noqa: E402


@pytest.mark.slow
@pytest.mark.parametrize(("job", "count"), [("flips", 40), ("files", 60), ("threads", 9)])
def test_nothing_goes_wrong(job, count):
    outcomes = faults.run(job, count, seed=1)
    assert outcomes.total() == count
    assert set(outcomes) <= {faults.SAME, faults.REFUSED}
    assert outcomes[faults.SAME]
    assert outcomes[faults.REFUSED] or job == "threads"
