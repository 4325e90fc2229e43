"""What can be wrong with exact draws of many series: not fitted at all, or a grid that is coarse for a series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bayesnn.forecasting.many.curves import CURVES
from bayesnn.forecasting.many.reading import Failure, Task

COARSE = 3.0  # points that share the probability, below which the grid is coarse for a series
LEAST_DRAWS = 400  # draws per series, as `bnn.diagnose` asks of four chains


@dataclass(frozen=True, eq=False)
class SeriesDiagnosis:
    """What `SeriesFits.diagnose` found.

    Attributes
    ----------
    ok : bool
        Whether every series was fitted, with at least 400 draws.
    verdict : str
        What was found, in a line or two.
    table : pandas.DataFrame
        One row per series: fallback (empty where it was fitted), values observed, season, ess (effective draws, which
        is the number of draws), points (that share the probability: 1 / sum p^2), curve (the likeliest) with its
        probability, outlier (its probability).
    share_fitted : float
        Series that were fitted, as a share of all.
    """

    ok: bool
    verdict: str
    table: Any
    share_fitted: float

    def __str__(self) -> str:
        """The verdict, and the five series to which the fewest points of the grid apply."""
        worst = self.table.sort_values("points", kind="stable").head(5)
        return f"{self.verdict}\n\n{worst.round(2).to_string()}"


def diagnose_series(
    tasks: Mapping[Any, Task], results: Mapping[Any, Mapping[str, Any]], refused: Sequence[Failure], draws: int
) -> SeriesDiagnosis:
    """The diagnosis of fits with results by name, and of series that were refused."""
    import pandas as pd

    fallback = {one.unique_id: one.fallback for one in refused}
    names = [*tasks, *(name for name in fallback if name not in tasks)]
    rows = [_row(tasks.get(name), results.get(name), draws) | {"fallback": fallback.get(name, "")} for name in names]
    columns = ["fallback", "values", "season", "ess", "points", "curve", "probability", "outlier"]
    table = pd.DataFrame(rows, index=pd.Index(names, name="unique_id", tupleize_cols=False))[columns]
    share = len(results) / len(names)
    return SeriesDiagnosis(share == 1.0 and draws >= LEAST_DRAWS, _verdict(table, draws), table, share)


def _row(task: Task | None, found: Mapping[str, Any] | None, draws: int) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(("values", "season", "ess", "points", "curve", "probability", "outlier"))
    if task is not None:
        row |= {"values": int((task.values == task.values).sum()), "season": " and ".join(map(str, task.periods))}
    return row | ({} if found is None else _figures(draws, found))


def _figures(draws: int, found: Mapping[str, Any]) -> dict[str, Any]:
    by_curve = found["curves"].reshape(3, len(CURVES))
    likely = int(by_curve.sum(axis=0).argmax())
    return {
        "ess": draws,
        "points": float(found["points"]),
        "curve": list(CURVES)[likely],
        "probability": float(by_curve[:, likely].sum()),
        "outlier": float(by_curve[1:].sum()),
    }


def _verdict(table: Any, draws: int) -> str:
    fitted = table[table["fallback"] == ""]
    parts = [
        f"{len(fitted)} of {len(table)} series fitted, each with {draws} independent draws of its exact posterior "
        "on a grid: there are no chains that could fail to converge."
    ]
    if draws < LEAST_DRAWS:
        parts.append(f"Ends of 95% intervals need more: ask for at least {LEAST_DRAWS}.")
    for kind, count in table["fallback"][table["fallback"] != ""].value_counts().items():
        parts.append(f"NOT FITTED, fall-back {kind!r}: {count}.")
    coarse = int((fitted["points"] < COARSE).sum())
    if coarse:
        worst = fitted["points"].astype(float).idxmin()
        parts.append(
            f"For {coarse} series fewer than {COARSE:.0f} points of the grid share the probability, fewest for "
            f"{worst!r}: the uncertainty of its dynamics is rough there."
        )
    return " ".join(parts)
