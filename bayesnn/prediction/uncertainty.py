"""The two parts of predictive uncertainty: unknown parameters, and the noise that would remain if they were known."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.runtime import computing
from bayesnn.data.columns import row_labels
from bayesnn.fitting.by_length import over_rows
from bayesnn.fitting.draws import function_value, probabilities
from bayesnn.fitting.fit import Fit
from bayesnn.fitting.targets import output_steps, without_padding
from bayesnn.models.model import Model
from bayesnn.prediction.predict import shift_for
from bayesnn.priors import Sites

MEASURES = ("variance", "entropy")


@computing
def decompose(fit: Fit, x: Any, *, measure: str | None = None, offset: Any = None) -> Any:
    """Predictive uncertainty at each row of x (n, p), split into a parameter part and a noise part.

    Variance: Var[y | x] = Var_theta E[y | x, theta] + E_theta Var[y | x, theta], in squared units of y. Entropy, for
    classes: H[E_theta p] = (H[E_theta p] - E_theta H[p]) + E_theta H[p], in nats; the first part is the mutual
    information of the label and the parameters.

    Parameters
    ----------
    fit : Fit
    x : table (n, p)
    measure : {"variance", "entropy"}, optional
        Default: entropy for a classifier, else variance. The variance of a class is that of its indicator.
    offset : array (n,) or float, optional
        For a fit with an offset.

    Returns
    -------
    pandas.DataFrame
        One row per observation (and output or class): `total`, `parameter`, `noise`; `total` is the sum of the
        others. The unit is in `.attrs["units"]`.

    Notes
    -----
    The parameter part is often called epistemic: more data shrink it. The noise part is often called aleatoric: more
    rows do not, though other inputs might. Three common mistakes: the width of an interval for the function is the
    parameter part alone, and no prediction interval; the entropy of averaged class probabilities is the total, not
    either part; and the spread of an ensemble that was not drawn from a posterior measures how far its members
    disagree, which is neither. The split holds under the model: where the model is wrong, lack of fit counts as noise.

    References
    ----------
    S. Depeweg, J. M. Hernández-Lobato, F. Doshi-Velez and S. Udluft (2018), Decomposition of uncertainty in Bayesian
    deep learning for efficient and risk-sensitive learning, ICML, equations (1) and (2).

    See Also
    --------
    predict : draws at new rows
    evaluate : scores on new rows

    Examples
    --------
    >>> import numpy as np
    >>> from bayesnn.fitting.fit import fit
    >>> from bayesnn.models.shallow import shallow
    >>> x = np.linspace(-1, 1, 20)[:, None]
    >>> result = fit(shallow(1), x, np.sin(2 * x[:, 0]), draws=50, warmup=50, chains=2, progress=False)
    >>> list(decompose(result, [[0.0], [3.0]]).columns)
    ['total', 'parameter', 'noise']
    """
    import pandas as pd

    classes = fit.model.likelihood.kind == "class"
    chosen = measure or ("entropy" if classes else "variance")
    checks.known("measure", chosen, MEASURES)
    if chosen == "entropy" and not classes:
        raise ValueError('measure="entropy" is for classes, and this fit has numbers: use measure="variance"')
    inputs = fit.inputs(x)
    shift = shift_for(fit, offset, x, len(inputs))
    quantity = probabilities if classes else two_moments
    values = over_rows(quantity, fit.model, fit.draws(), inputs, shift)
    steps = output_steps(fit.model, fit.data.columns, x)
    if steps is not None:
        values = without_padding(values, steps)[:, steps]
    if chosen == "entropy":
        parts, units = entropy_parts(values), "nats"
    elif classes:
        parts, units = variance_parts(values, values * (1.0 - values)), "squared probability"
    else:
        square = np.asarray(fit.data.scaling.y_scale) ** 2
        parts = {name: part * square for name, part in variance_parts(values[..., 0], values[..., 1]).items()}
        units = "squared units of y"
    labels = row_labels(x, len(inputs)) if steps is None else _steps(row_labels(x, len(inputs)), steps)
    index = _index(fit, labels, parts["total"].ndim > 1)
    frame = pd.DataFrame({name: part.ravel() for name, part in parts.items()}, index=index)
    frame.attrs["units"] = units
    return frame


def variance_parts(mean: np.ndarray, variance: np.ndarray) -> dict[str, np.ndarray]:
    """Total, parameter and noise variance (n, ...) of each draw's mean and variance (draws, n, ...)."""
    parameter, noise = mean.var(axis=0), variance.mean(axis=0)
    return {"total": parameter + noise, "parameter": parameter, "noise": noise}


def entropy_parts(probabilities: np.ndarray) -> dict[str, np.ndarray]:
    """Total, parameter and noise entropy (n,) of class probabilities (draws, n, classes), in nats.

    Examples
    --------
    If two draws are certain of different classes, there is no noise:

    >>> import numpy as np
    >>> parts = entropy_parts(np.array([[[1.0, 0.0]], [[0.0, 1.0]]]))
    >>> round(float(parts["parameter"][0]), 4), float(parts["noise"][0])
    (0.6931, 0.0)
    """
    total, noise = _entropy(probabilities.mean(axis=0)), _entropy(probabilities).mean(axis=0)
    return {"total": total, "parameter": np.maximum(total - noise, 0.0), "noise": noise}  # negative only by rounding


def _entropy(probabilities: np.ndarray) -> np.ndarray:
    """-sum p log p over the last axis, with 0 log 0 = 0."""
    from scipy.special import entr

    return entr(probabilities).sum(axis=-1)


def two_moments(model: Model, sites: Sites, x: jax.Array, offset: jax.Array | None = None) -> jax.Array:
    """Mean and variance (n, 2) or (n, K, 2) of y given one draw, on the scale the model sees."""
    nuisance = model.likelihood.nuisance_of(sites)
    distribution = model.likelihood.distribution(function_value(model, sites, x, offset), **nuisance)
    mean = distribution.mean
    return jnp.stack([mean, jnp.broadcast_to(distribution.variance, mean.shape)], axis=-1)


def _index(fit: Fit, rows: Any, several: bool) -> Any:
    """Row labels, combined with labels of outputs or classes if there are several."""
    import pandas as pd

    likelihood = fit.model.likelihood
    if not several:
        return rows if isinstance(rows, pd.MultiIndex) else pd.Index(rows, name="obs")
    classes = likelihood.kind == "class"
    labels = likelihood.classes if classes else likelihood.output_labels  # type: ignore[attr-defined]
    name = "class" if classes else likelihood.output_dim
    if isinstance(rows, pd.MultiIndex):
        return pd.MultiIndex.from_tuples([(*row, label) for row in rows for label in labels], names=[*rows.names, name])
    return pd.MultiIndex.from_product([rows, labels], names=["obs", name])


def _steps(rows: np.ndarray, steps: np.ndarray) -> Any:
    """Labels of the real steps of all rows."""
    import pandas as pd

    places, times = np.nonzero(steps)
    return pd.MultiIndex.from_arrays([rows[places], times], names=["obs", "time"])
