"""What a planted error is."""

from typing import NamedTuple


class Mutant(NamedTuple):
    """One error: in `file` (below bayesnn/) the text `old`, which occurs exactly once, becomes `new`.

    `tests` are arguments of pytest, files below tests/ and perhaps a -k expression: the tests that should fail.
    """

    name: str
    file: str
    old: str
    new: str
    tests: str
