"""A coloured text: its words in their order, red where they raise the prediction, bold where that is sure."""

import numpy as np
import pytest
import xarray as xr

import bayesnn as bnn

TOKENS = np.array([["a", "good", "film", ""], ["bad", "", "", ""]], dtype=object)


def relevance(outputs=()):
    """Draws around 0.5, -0.5 and 0 of the first text; those of the last are wide."""
    rng = np.random.default_rng(0)
    values = np.array([0.5, -0.5, 0.0, np.nan]) + rng.normal(size=(2, 200, 2, 4)) * np.array([0.01, 0.01, 1.0, 1.0])
    dims, coords = ("chain", "draw", "obs", "step"), {"obs": [0, 1], "token": (("obs", "step"), TOKENS)}
    if outputs:
        values, dims = np.stack([-values, values], axis=-1), (*dims, "class")
        coords |= {"class": list(outputs)}
    return xr.DataArray(values, coords, dims, attrs={"units": "probability"})


@pytest.mark.parametrize("outputs", [(), ("no", "yes")])
def test_words_have_their_colours_and_certainty(outputs):
    ax = bnn.plots.text(relevance(outputs))
    assert [t.get_text() for t in ax.texts] == ["a", "good", "film"]
    assert [t.get_weight() for t in ax.texts] == ["bold", "bold", "normal"]
    red, blue = (t.get_bbox_patch().get_facecolor() for t in ax.texts[:2])
    assert red[0] > red[2] and blue[0] < blue[2]
    if outputs:
        turned = bnn.plots.text(relevance(outputs), output="no").texts[0].get_bbox_patch().get_facecolor()
        assert turned[0] < turned[2]


def test_lines_are_no_longer_than_their_width():
    ax = bnn.plots.text(relevance(), width=8)
    places = [t.get_position() for t in ax.texts]
    assert [x for x, _ in places] == [0, 2, 0]
    assert places[0][1] == places[1][1] > places[2][1]


def test_what_is_not_the_relevance_of_a_text_is_refused():
    with pytest.raises(ValueError, match="must be that of tokens"):
        bnn.plots.text(np.ones(3))
    with pytest.raises(ValueError, match="unknown obs 2: choose one of 0, 1"):
        bnn.plots.text(relevance(), obs=2)
    with pytest.raises(ValueError, match="unknown class 'maybe'"):
        bnn.plots.text(relevance(("no", "yes")), output="maybe")
