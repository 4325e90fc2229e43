"""Decisions under a loss matrix: the action with the least posterior expected loss."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.arrays import object_array
from bayesnn._internal.numbers import column_array, real_numbers
from bayesnn._internal.runtime import computing
from bayesnn.fitting.fit import Fit
from bayesnn.prediction.predict import predict


class Decision(NamedTuple):
    """The action chosen for each row, and the expected loss of every action.

    Attributes
    ----------
    action : pandas.Series
        Name of the best action, indexed by `obs`; the first one if several tie.
    expected_loss : pandas.DataFrame
        Posterior expected loss, one row per observation and one column per action.

    See Also
    --------
    decide : the action of least expected loss
    to_frame : any result as a table
    """

    action: Any
    expected_loss: Any

    @property
    def table(self) -> Any:
        """pandas.DataFrame: the action, and the expected loss of each action, by observation."""
        losses = self.expected_loss.add_prefix("loss of ") if len(self.expected_loss.columns) else self.expected_loss
        return losses.assign(action=self.action)[["action", *losses.columns]]


@computing
def decide(fit_or_probabilities: Any, x: Any = None, *, loss: Any = None, offset: Any = None) -> Decision:
    """Action of least posterior expected loss at each row: argmin_a sum_k P(class k | x, data) loss(k, a).

    Parameters
    ----------
    fit_or_probabilities : Fit, xarray.DataArray, pandas.DataFrame or array
        A fitted classifier; or its probabilities, (chain, draw, obs, class) from `predict(kind="probability")`, which
        are averaged over draws, or already averaged (n, classes).
    x : table (n, p), optional
        Rows to decide on; with a fit only.
    loss : DataFrame or array, shape (classes, actions), optional
        Loss of each action if each class is the true one. A DataFrame names the classes (index, in any order) and the
        actions (columns); the actions of an array are the classes, in their order. Default: 1 for a wrong label, 0 for
        the right one, so that the most probable class is chosen.
    offset : array (n,) or float, optional
        For a fit with an offset.

    Returns
    -------
    Decision

    Raises
    ------
    ValueError
        If the loss does not have a row for every class, or the probabilities do not sum to one.

    References
    ----------
    J. Berger (1985), Statistical Decision Theory and Bayesian Analysis, 2nd edition, section 4.4.

    See Also
    --------
    Decision : what `decide` returns
    predict : draws at new rows

    Examples
    --------
    >>> import pandas as pd
    >>> costs = pd.DataFrame({"treat": [1.0, 1.0], "wait": [0.0, 20.0]}, index=["well", "ill"])
    >>> probabilities = pd.DataFrame([[0.99, 0.01], [0.9, 0.1]], columns=["well", "ill"])
    >>> decide(probabilities, loss=costs).action.tolist()
    ['wait', 'treat']
    """
    import pandas as pd

    probabilities = _probabilities(fit_or_probabilities, x, offset)
    losses = _losses(loss, list(probabilities.columns))
    expected = pd.DataFrame(
        probabilities.to_numpy() @ losses.to_numpy(), index=probabilities.index, columns=losses.columns
    )
    best = expected.to_numpy().argmin(axis=1)
    labels = object_array(losses.columns)
    return Decision(pd.Series(labels[best], index=expected.index, name="action").infer_objects(), expected)


def _probabilities(source: Any, x: Any, offset: Any) -> Any:
    """Predictive probabilities as a DataFrame (obs, classes)."""
    import pandas as pd
    import xarray as xr

    if isinstance(source, Fit):
        if x is None:
            raise ValueError("x is missing: pass the rows to decide on, decide(fit, x)")
        source = predict(source, x, kind="probability", offset=offset)
    elif x is not None:
        raise ValueError("x goes with a fit; probabilities already belong to their rows, so leave x out")
    if isinstance(source, xr.DataArray):
        source = _averaged(source)
    elif not isinstance(source, pd.DataFrame):
        values = real_numbers("probabilities", source)
        checks.two_dimensional("probabilities", values.shape)
        source = pd.DataFrame(values)
    source = _numbers("probabilities", source)
    _check_probabilities(source.to_numpy())
    return source


def _numbers(name: str, table: Any) -> Any:
    """A DataFrame as floats, column by column, so that what is no number is refused by its column."""
    columns = [
        real_numbers(f"column {label!r} of {name}", column_array(name, table.iloc[:, i]))
        for i, label in enumerate(table.columns)
    ]
    values = np.stack(columns, axis=1) if columns else np.empty(table.shape)
    return table.__class__(values, index=table.index, columns=table.columns)


def _averaged(draws: Any) -> Any:
    """Probabilities averaged over all draws."""
    import pandas as pd

    if not {"obs", "class"} <= set(draws.dims):
        raise ValueError(f"probabilities must have the dimensions obs and class, got {draws.dims}")
    if "time" in draws.dims:
        raise ValueError("decide takes one target per row, and these probabilities are of steps: select a step first")
    averaged = draws.mean([dim for dim in draws.dims if dim not in ("obs", "class")]).transpose("obs", "class")
    index, classes = (pd.Index(averaged[dim].to_numpy(), name=dim, tupleize_cols=False) for dim in ("obs", "class"))
    return pd.DataFrame(averaged.to_numpy(), index=index, columns=classes)


def _check_probabilities(values: np.ndarray) -> None:
    checks.finite("probabilities", values)
    bad = np.flatnonzero((values < 0).any(axis=1) | (np.abs(values.sum(axis=1) - 1.0) > 1e-6))
    if len(bad):
        raise ValueError(
            f"probabilities must be at least zero and sum to one in every row, got {values[bad[0]]} in row {bad[0]}"
        )


def _losses(loss: Any, classes: list[Any]) -> Any:
    """The loss as a DataFrame (classes, actions), its rows in the order of the classes."""
    import pandas as pd

    if loss is None:
        loss = 1.0 - np.eye(len(classes))
    if not isinstance(loss, pd.DataFrame):
        values = real_numbers("loss", loss)
        if values.shape != (len(classes), len(classes)):
            raise ValueError(
                f"loss must have shape ({len(classes)}, {len(classes)}), one row and one column per class, got "
                f"{values.shape}: pass a DataFrame with named columns for other actions"
            )
        labels = pd.Index(classes, tupleize_cols=False)
        loss = pd.DataFrame(values, index=labels, columns=labels)
    if len(loss) != len(classes) or set(loss.index) != set(classes):
        raise ValueError(f"loss must have one row for each of the classes {classes}, got {list(loss.index)}")
    if not len(loss.columns):
        raise ValueError("loss must have at least one column, an action, got none")
    places = {label: i for i, label in enumerate(loss.index)}
    ordered = _numbers("loss", loss).iloc[[places[label] for label in classes]]  # .loc takes booleans as a mask
    checks.finite("loss", ordered.to_numpy(), [str(c) for c in ordered.columns])
    return ordered
