"""What does not fit into memory is refused before it is made, with its size."""

import os

import pytest

from bayesnn._internal import memory


def test_one_byte_more_than_there_is(monkeypatch):
    monkeypatch.setattr(memory, "of_machine", lambda: 2 * 10**9)
    memory.check_memory("it takes", 2 * 10**9, "ask for less")
    with pytest.raises(ValueError, match="it takes 2 GB, and this machine has 2 GB of memory: ask for less"):
        memory.check_memory("it takes", 2 * 10**9 + 1, "ask for less")


def test_sizes_that_overflow_an_integer_of_64_bits():
    with pytest.raises(ValueError, match="takes 1e.91 GB"):
        memory.check_memory("it takes", 10**100, "ask for less")


def test_a_system_that_does_not_say_how_much_it_has(monkeypatch):
    monkeypatch.delattr(os, "sysconf")
    assert memory.of_machine() == memory.OFTEN
