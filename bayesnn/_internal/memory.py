"""Arrays that do not fit into the memory of this machine are refused before anything is allocated."""

from __future__ import annotations

import os

OFTEN = 2**34  # bytes of memory, where the system does not say how many there are


def check_memory(what: str, size: int, cure: str) -> None:
    """Refuse what takes more bytes than this machine has.

    NumPy refuses what the system will not give in words of its own; JAX, or a system that promises more than it has,
    ends the process instead.

    Parameters
    ----------
    what : str
        Subject and verb of the message, such as "3 sequences of 10 steps take".
    size : int
        Bytes, a whole number of Python, which cannot overflow.
    cure : str
        What to ask for instead.

    Raises
    ------
    ValueError
        If the memory of the machine is less than that.

    Examples
    --------
    >>> check_memory("3 sequences of 10 steps take", 240, "give fewer steps")
    """
    held = of_machine()
    if size > held:
        raise ValueError(f"{what} {size / 1e9:.4g} GB, and this machine has {held / 1e9:.3g} GB of memory: {cure}")


def of_machine() -> int:
    """Bytes of memory that this machine has."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return OFTEN
