"""Every sampler x likelihood x prior x kind of body runs or is refused in words: no NaN, and no warning.

The slow set holds as many cells as every pair of values needs; all of them: `python tests/helpers/matrix.py`.
"""

import itertools

import matrix
import pytest

FAST = [("gibbs", "heteroskedastic", "hierarchical", "table")]
SLOW = [cell for cell in matrix.pairwise(matrix.CELLS) if cell not in FAST]


@pytest.mark.parametrize(
    "cell", [*FAST, *(pytest.param(cell, marks=pytest.mark.slow) for cell in SLOW)], ids=lambda cell: "-".join(cell)
)
def test_a_fit_gives_numbers(cell):
    assert matrix.not_finite(matrix.fit_of(cell), cell) == []


def test_what_a_prior_does_not_serve_is_refused_in_words():
    for cell in matrix.REFUSED:
        with pytest.raises(ValueError, match="the MuellerRiosInsua prior is for one Dense hidden layer, got weights"):
            matrix.fit_of(cell)


def test_every_pair_of_values_is_in_the_cover():
    cover = matrix.pairwise(matrix.CELLS)
    found = {pair for cell in cover for pair in itertools.combinations(enumerate(cell), 2)}
    assert found == {pair for cell in matrix.CELLS for pair in itertools.combinations(enumerate(cell), 2)}
    assert len(cover) < 90
