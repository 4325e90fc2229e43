"""Draws in memory: what has been added up to the checkpoint, and nothing where there is nothing."""

import numpy as np
import pytest

from bayesnn.samplers.engine.checkpoint import InMemoryStore, Progress, pack


def progress(draws):
    return Progress(3, draws, (np.zeros(2),), {})


def test_a_run_without_draws_has_no_values():
    store = InMemoryStore()
    assert store.values() == {}
    store.add(None, progress(0))  # the warm-up is over
    store.flush()
    assert store.values() == {}


def test_draws_after_the_checkpoint_are_cut_off():
    store = InMemoryStore()
    store.add({"z": np.arange(6.0).reshape(2, 3)}, progress(3))
    store.flush()
    store.add({"z": np.full((2, 2), 9.0)}, progress(5))
    np.testing.assert_array_equal(store.values()["z"], [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]])
    store.flush()
    assert store.values()["z"].shape == (2, 5)


@pytest.mark.parametrize("every", [1, 2])
def test_a_run_goes_on_after_the_draws_of_its_checkpoint(every):
    """A single further draw, the shortest continuation, is kept."""
    store = InMemoryStore(pack(Progress(3, 12, (np.zeros(2),), {}, every)))
    store.add({"z": np.full((2, 1), 7.0)}, Progress(3, 12 + every, (np.zeros(2),), {}, every))
    store.flush()
    np.testing.assert_array_equal(store.values()["z"], [[7.0], [7.0]])
