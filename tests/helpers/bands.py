"""The ends of what a picture fills, for comparison with the quantiles that it should show."""

import numpy as np


def band_ends(band):
    """Places on the horizontal axis, and lower and upper ends there, of a band that `fill_between` drew."""
    x, y = band.get_paths()[0].vertices.T
    places = np.unique(x)
    return places, *(np.array([end(y[x == place]) for place in places]) for end in (np.min, np.max))


def central(draws, level):
    """Lower and upper ends of the central interval of draws (s, ...), `level` in per cent, by a sorted array."""
    ranked, places = np.sort(draws, axis=0), np.array([1 - level / 100, 1 + level / 100]) / 2 * (len(draws) - 1)
    below = np.floor(places).astype(int)
    share = (places - below).reshape(-1, *[1] * (np.ndim(draws) - 1))
    return ranked[below] * (1 - share) + ranked[np.minimum(below + 1, len(draws) - 1)] * share
