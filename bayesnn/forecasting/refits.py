"""The fits of a backtest and their forecasts: one after the other, or by an executor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from bayesnn._internal.executors import by_executor
from bayesnn._internal.runtime import computing
from bayesnn.data.series.lagged import Lagged
from bayesnn.evaluation.scores import mase_scale, score_rows
from bayesnn.fitting.fit import Fit
from bayesnn.fitting.fit import fit as fit_model
from bayesnn.fitting.store import can_start
from bayesnn.forecasting.rolling import Windows, network_forecasts, observed
from bayesnn.forecasting.stationary import stationary
from bayesnn.models.model import Model
from bayesnn.samplers.engine.compiled_programs import drop_compiled_programs

WARM = 4  # warm-up is shorter by this factor if chains start at those of the previous fit
Done = tuple[Fit, list[Any]]  # a fit, and the scored rows of its windows


@dataclass(frozen=True, eq=False)
class Refit:
    """A model fitted to what precedes some windows, whose forecasts from these are scored.

    `part` are the rows of the fit, `full` the whole series, `windows` those of each series, numbered `group`.
    """

    name: str
    model: Model
    part: Lagged
    full: Lagged
    windows: Mapping[str, Windows]
    group: np.ndarray
    key: Any
    horizon: int
    only_stationary: bool


def run_jobs(jobs: Sequence[Refit], settings: Mapping[str, Any], executor: Any) -> Iterator[tuple[Refit, Done]]:
    """Jobs in their order, with what they give; each starts where the last of its model ended, if it can."""
    if executor is None:
        fits: dict[str, Fit] = {}
        for job in jobs:
            done = run_job(job, dict(settings) | _warm(fits.get(job.name), settings["warmup"]))
            fits[job.name] = done[0]
            yield job, done
            drop_compiled_programs()
        return
    sent = [(replace(job, key=np.asarray(jax.random.key_data(job.key))), dict(settings)) for job in jobs]
    yield from zip(jobs, by_executor(executor, run_away, sent), strict=True)


def run_job(job: Refit, settings: Mapping[str, Any]) -> Done:
    """Fit, forecast and score."""
    fit = fit_model(job.model, job.part, key=job.key, **settings)
    if not fit.complete:  # after Ctrl-C: scores of a few draws would look like those of all
        raise KeyboardInterrupt
    kept = stationary(fit) if job.only_stationary else fit
    origins = {name: windows.origins for name, windows in job.windows.items()}
    forecasts = network_forecasts(kept, job.full, origins, job.horizon, jax.random.fold_in(job.key, 1))
    return fit, scored(job.full, job.windows, job.group, job.name, forecasts, job.horizon)


@computing
def run_away(job: Refit, settings: Mapping[str, Any]) -> Done:
    """`run_job` in another process or thread: the key comes as numbers, and the fit goes without its chains' state."""
    fit, frames = run_job(replace(job, key=jax.random.wrap_key_data(job.key)), settings)
    return replace(fit, state=None), frames


def scored(
    full: Lagged, plan: Mapping[str, Windows], group: np.ndarray, method: str, predictive: Any, horizon: int
) -> list[Any]:
    """One long frame per series, of forecasts (o, h) that are stacked in the order of the plan."""
    import pandas as pd

    later = {n: observed(full.series[n].to_numpy(), w.origins, horizon) for n, w in plan.items()}
    scores = score_rows(predictive, np.concatenate(list(later.values())))
    frames, start, steps = [], 0, np.arange(horizon)
    for name, windows in plan.items():
        index, values, count = full.series[name].index, full.series[name].to_numpy(), len(windows.origins)
        scale = mase_scale(values[: windows.learn_to[0]], full.period)
        columns = {
            "unique_id": name,
            "window": np.repeat(group, horizon),
            "origin": index[np.repeat(windows.origins - 1, horizon)],
            "cutoff": index[np.repeat(windows.origins - 1, horizon)],
            "ds": index[(windows.origins[:, None] + steps).ravel()],
            "horizon": np.tile(steps + 1, count),
            "method": method,
            "y": later[name].ravel(),
        }
        columns |= {label: array[start : start + count].ravel() for label, array in scores.items()}
        frames.append(pd.DataFrame(columns | {"scale": scale}))
        start += count
    return frames


def _warm(before: Fit | None, warmup: int) -> dict[str, Any]:
    """Settings of a refit whose chains can start where those of the previous fit ended."""
    if before is None or not can_start(before):
        return {}
    return {"start": before, "warmup": warmup // WARM}
