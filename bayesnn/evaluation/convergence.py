"""How far chains agree: statistics of values, and groups of chains."""

from __future__ import annotations

import numpy as np

from bayesnn.fitting.mixing import mixing, nested_r_hat

APART = 0.65  # standard deviations between chain means: two chains so far apart have an R-hat of 1.1


def statistics(values: np.ndarray, superchains: int) -> dict[str, np.ndarray]:
    """R-hat, effective draws of bulk and tails, and mcse of values (chain, draw, ...), by name: (...,) each.

    R-hat is the nested one where there are `superchains`.
    """
    import arviz as az
    import xarray as xr

    found = mixing(values)
    names = ("chain", "draw", *(f"dim_{i}" for i in range(values.ndim - 2)))
    with np.errstate(divide="ignore", invalid="ignore"):
        error = az.mcse(xr.Dataset({"value": (names, values)}))["value"].to_numpy()
    r_hat = nested_r_hat(values, superchains) if superchains else found.r_hat
    return {"r_hat": r_hat, "ess_bulk": found.ess_bulk, "ess_tail": found.ess_tail, "mcse": error}


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
