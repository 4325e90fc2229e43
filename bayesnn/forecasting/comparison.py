"""A table of forecasting methods: mean scores that do not depend on units, and how far each is behind the best."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bayesnn.evaluation.scores import interval_score, paired_difference, smape


def method_table(forecasts: Any, overlap: int, seconds: Mapping[str, float], by: str) -> Any:
    """One row per method, best first: mase, smape, msis, crps, coverage_80, coverage_95, seconds, behind, se, z.

    `forecasts` is the frame of a `Backtest`; rows without an observed value are left out. Scores are means over the
    rows of a series, then over series. `behind` is the mean of `by` less that of the best method, with the standard
    error of Diebold and Mariano: over series, which are taken as independent, where there are more of them than
    windows, else over windows, whose forecasts overlap.
    """
    import pandas as pd

    rows = forecasts[forecasts["y"].notna()]
    scores = pd.concat([rows[["method", "unique_id", "window"]], row_scores(rows)], axis=1)
    means = scores.groupby(["method", "unique_id"], sort=False).mean(numeric_only=True).drop(columns="window")
    table = means.groupby("method", sort=False).mean()
    table["seconds"] = pd.Series(dict(seconds), dtype=float).reindex(table.index)
    table = table.sort_values(by, kind="stable")
    unit = "unique_id" if rows["unique_id"].nunique() > rows["window"].nunique() else "window"
    wide = scores.groupby([unit, "method"], sort=False)[by].mean().unstack("method")
    best = wide[table.index[0]]
    lags = overlap if unit == "window" else 1
    apart = [paired_difference((wide[method] - best).dropna().to_numpy(), lags) for method in table.index]
    return table.assign(behind=[d.mean for d in apart], se=[d.se for d in apart], z=[d.z for d in apart])


def row_scores(rows: Any) -> Any:
    """Scores of each forecast: mase and smape of the median, msis of the 95% interval, crps over the scale of MASE."""
    import pandas as pd

    y, scale = rows["y"], rows["scale"]
    columns = {
        "mase": (y - rows["median"]).abs() / scale,
        "smape": smape(y, rows["median"]),
        "msis": interval_score(y, rows["lo-95"], rows["hi-95"]) / scale,
        "crps": rows["crps"] / scale,
    }
    columns |= {f"coverage_{n}": y.between(rows[f"lo-{n}"], rows[f"hi-{n}"]).astype(float) for n in (80, 95)}
    return pd.DataFrame(columns)
