"""The colours of all pictures, which the colour-blind can tell apart (M. Okabe and K. Ito, 2008)."""

from __future__ import annotations

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")  # without the pale yellow


def colour(number: int) -> str:
    """The colour with this number, counted from 0; the seven colours repeat."""
    return COLOURS[number % len(COLOURS)]
