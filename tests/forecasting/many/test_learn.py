"""Prior probabilities learnt over series: the counts of a Dirichlet posterior where members are certain."""

import numpy as np
import pytest

from bayesnn.forecasting.many.bucket import Bucket
from bayesnn.forecasting.many.learn import WORTH, learn
from bayesnn.forecasting.many.prior import StructuralPrior, make_grid

PRIOR = StructuralPrior(points=8)
BUCKET = Bucket((), (4,), 1, 1, (), PRIOR)
SHAPE = 3, len(make_grid(PRIOR, (4,)).log_weight), 8


def test_certain_members_are_counted():
    """40 series of one member, 20 of another curve and point: shares plus what the prior is worth."""
    probability = np.zeros((60, *SHAPE))
    probability[:40, 0, 2, 3] = 1.0
    probability[40:, 2, 2, 5] = 1.0
    learnt = np.exp(learn(probability, BUCKET))
    assert learnt.sum() == pytest.approx(1.0)
    base = WORTH / (60 + WORTH)
    expected = np.array([40, 0, 20]) / (60 + WORTH) + base / 3
    np.testing.assert_allclose(learnt.sum(axis=(1, 2)), expected, rtol=1e-10)
    assert learnt.sum(axis=(0, 1))[3] == pytest.approx(40 / (60 + WORTH) + base / 8)


def test_series_that_say_nothing_leave_the_prior():
    weight = np.exp(make_grid(PRIOR, (4,)).log_weight)
    base = np.broadcast_to((weight / weight.sum())[:, None] / 24, SHAPE)
    np.testing.assert_allclose(np.exp(learn(np.repeat(base[None], 5, axis=0), BUCKET)), base, rtol=1e-10)
