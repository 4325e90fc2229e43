"""Groups of chains that agree."""

from __future__ import annotations

import numpy as np

APART = 0.65  # standard deviations between chain means: two chains so far apart have an R-hat of 1.1


def group_chains(values: np.ndarray, superchains: int = 0) -> tuple[tuple[int, ...], ...]:
    """Chains that agree: single-linkage groups of values (chain, draw, k), by the largest distance between chain means.

    Distances are in standard deviations within the chains; the chains of a superchain go together.
    """
    if superchains:
        size = len(values) // superchains
        groups = group_chains(values.reshape(superchains, -1, values.shape[-1]))
        return tuple(tuple(chain * size + i for chain in group for i in range(size)) for group in groups)
    means = values.mean(axis=1)
    spread = np.sqrt(values.var(axis=1).mean(axis=0)) + 1e-12 * (1.0 + np.abs(means).max(axis=0))
    distance = (np.abs(means[:, None] - means[None]) / spread).max(axis=-1)
    found: list[set[int]] = []
    for chain in range(len(values)):
        near = [group for group in found if any(distance[chain, other] <= APART for other in group)]
        found = [group for group in found if group not in near] + [set().union({chain}, *near)]
    return tuple(sorted((tuple(sorted(group)) for group in found), key=lambda g: (-len(g), g)))


def in_words(numbers: tuple[int, ...]) -> str:
    """Numbers in order, runs of more than three of them shortened: "0, 1, 4-19"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{r[0]}-{r[-1]}" if len(r) > 3 else ", ".join(map(str, r)) for r in runs)
