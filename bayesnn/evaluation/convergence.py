"""Groups of chains that agree, and nested R-hat, which tells whether many short chains forgot their starts."""

from __future__ import annotations

import numpy as np

APART = 0.65  # standard deviations between chain means: two chains so far apart have an R-hat of 1.1


def nested_r_hat(values: np.ndarray, superchains: int) -> np.ndarray:
    """Nested R-hat of draws (chain, draw, ...) whose chains form `superchains` consecutive groups, each with one start.

    sqrt(1 + B/W): B is the variance between the means of superchains; W is the variance within them, that between the
    means of their chains plus that within the chains. For stationary chains of N > 1 independent draws, M per
    superchain, it is about sqrt(1 + 1/(M (N + 1))): many chains make it small, whereas R-hat needs long chains.

    References
    ----------
    C. Margossian, M. Hoffman, P. Sountsov, L. Riou-Durand, A. Vehtari and A. Gelman (2024), Nested R-hat: assessing the
    convergence of Markov chain Monte Carlo when running many short chains, Bayesian Analysis, definition 2.

    Examples
    --------
    >>> draws = np.random.default_rng(0).normal(size=(128, 5))
    >>> round(float(nested_r_hat(draws, 8)), 1)
    1.0
    """
    grouped = values.reshape(superchains, -1, *values.shape[1:])
    means = grouped.mean(axis=2)
    between_chains = means.var(axis=1, ddof=1) if means.shape[1] > 1 else 0.0
    in_chains = grouped.var(axis=2, ddof=1).mean(axis=1) if grouped.shape[2] > 1 else 0.0
    within = np.mean(between_chains + in_chains, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):  # a value that never moved: NaN, not converged
        return np.sqrt(1.0 + means.mean(axis=1).var(axis=0, ddof=1) / within)


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
