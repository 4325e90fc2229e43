"""Files that are whole but say something else: they are refused in words or are what they say, within bounded memory.

The campaign is `python tests/faults.py fuzz`.
"""

import collections
import random

import fuzz
import fuzzing
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bayesnn as bnn
from bayesnn.fitting.store import files

MEMORY = 2**30  # bytes beyond what the process has


@pytest.fixture(scope="module")
def contents(tmp_path_factory):
    return fuzzing.saved_fits(tmp_path_factory.mktemp("saved"))


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_files_of_fits_that_say_something_else(contents, tmp_path_factory, seed):
    chance = random.Random(seed)
    path = tmp_path_factory.mktemp("changed") / "fit"
    outcome, kind = fuzzing.of_a_fit(contents, path, chance, predict=False)
    assert outcome is None or not outcome.startswith("WRONG"), kind


def test_folders_of_runs_that_say_something_else(tmp_path):
    with fuzzing.limited(MEMORY):
        found = collections.Counter(fuzzing.of_runs(tmp_path, 60, random.Random(5)))
    assert set(found) <= {fuzzing.REFUSED, fuzzing.TAKEN}, found
    assert found[fuzzing.REFUSED] > 20


def test_code_memory_and_time_would_be_noticed():
    def runs_code():
        exec(fuzz.CODE)

    assert fuzzing.judged(runs_code, "a") == "WRONG: code of the file ran: a"
    with fuzzing.limited(2**28):
        assert fuzzing.judged(lambda: np.ones(2**30), "a").startswith("WRONG: ")
    assert fuzzing.judged(lambda: [][1], "a").startswith("WRONG: IndexError")


def test_a_document_of_many_levels_is_refused(tmp_path):
    nested = 0
    for _ in range(files.LEVELS + 1):
        nested = [nested]
    files.write_arrays(tmp_path / "file", {}, nested)
    with pytest.raises(ValueError, match=f"nested more than {files.LEVELS} levels deep"):
        bnn.load(tmp_path / "file")
