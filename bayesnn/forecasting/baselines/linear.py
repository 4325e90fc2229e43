"""The linear autoregression of the same lags and transform, with its exact posterior.

A network should forecast better than it. It has the same rows, a conjugate prior, independent posterior draws, and
paths simulated step by step in NumPy. The density one step ahead is exact, a Student t distribution.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from bayesnn.data.series.linear_regression import LinearRegression, linear_regression, student_log_density
from bayesnn.data.series.transforms import Transform
from bayesnn.evaluation.scores.predictive import SampledPredictive
from bayesnn.forecasting.baselines.base import Baseline, Task

DRAWS = 2000
CHUNK_NUMBERS = 20_000_000  # doubles of paths simulated at a time


@dataclass(frozen=True, eq=False)
class LinearAR(Baseline):
    """Linear autoregression on lags of the transformed series, and on exogenous columns.

    Parameters
    ----------
    lags : tuple of int
    transform : Transform
        "standardize" is learnt from the training part.
    exogenous : array (T, e), optional
        Row t holds the exogenous inputs of the target at time t, already lagged; NaN before their lags are known.
    draws : int
        Simulated paths.
    """

    lags: tuple[int, ...]
    transform: Transform = Transform()
    exogenous: np.ndarray | None = None
    draws: int = DRAWS

    def forecast(self, task: Task) -> SampledPredictive:
        transform = self.transform.learn(task.training)
        u = transform.pointwise(task.values)
        w = np.r_[np.full(transform.lost_values, np.nan), transform.difference(u)]
        line = self._learn(w, task.learn_to)
        rng = np.random.default_rng(task.key)
        coefficients, sd = line.draw(rng, self.draws)
        size = max(1, CHUNK_NUMBERS // (self.draws * task.horizon))
        parts = [
            self._simulate(rng, line, coefficients, sd, u, w, task.origins[i : i + size], task.horizon, transform)
            for i in range(0, len(task.origins), size)
        ]
        centre, paths = (np.concatenate(p, axis=1) for p in zip(*parts, strict=True))
        shift = _carried(u, task.origins, transform)
        one_step = line.predictive(self._rows(w, task.origins))

        def density(y: np.ndarray) -> np.ndarray:
            from scipy.stats import norm

            per_root = []
            for root in transform.roots(y):
                logs = logsumexp(norm.logpdf(root, centre, sd[:, None, None]), axis=0) - np.log(len(sd))
                logs[:, 0] = student_log_density(root[:, 0] - shift, one_step)
                per_root.append(logs)
            return np.logaddexp.reduce(per_root) + transform.log_slope(y)

        return SampledPredictive(transform.inverse(paths), density)

    def _learn(self, w: np.ndarray, learn_to: int) -> LinearRegression:
        times = np.arange(self.transform.lost_values + max(self.lags), learn_to)
        if self.exogenous is not None:
            times = times[np.isfinite(self.exogenous[times]).all(axis=1)]
        if len(times) < 2:
            raise ValueError(
                f"baseline 'linear_ar' must have at least two rows to learn from, got {max(len(times), 0)} of "
                f"{learn_to} observations with lags up to {max(self.lags)}: leave it out, or ask for fewer windows"
            )
        return linear_regression(self._rows(w, times), w[times])

    def _rows(self, w: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Inputs (n, p) of the targets at these times."""
        own = w[times[:, None] - np.array(self.lags)]
        return own if self.exogenous is None else np.column_stack([own, self.exogenous[times]])

    def _simulate(
        self,
        rng: np.random.Generator,
        line: LinearRegression,
        coefficients: np.ndarray,
        sd: np.ndarray,
        u: np.ndarray,
        w: np.ndarray,
        origins: np.ndarray,
        horizon: int,
        transform: Transform,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Location given the path so far, and paths of u, (s, o, h) each."""
        draws, deepest, loss = len(sd), max(self.lags), transform.lost_values
        past_w = np.broadcast_to(w[origins[:, None] - np.arange(deepest, 0, -1)], (draws, len(origins), deepest))
        past_u = np.broadcast_to(u[origins[:, None] - np.arange(loss, 0, -1)], (draws, len(origins), loss))
        all_w, all_u = (np.concatenate([p, np.empty((*p.shape[:2], horizon))], axis=2) for p in (past_w, past_u))
        centres = np.empty((draws, len(origins), horizon))
        noise = rng.standard_normal((horizon, draws, len(origins)))
        with np.errstate(over="ignore", invalid="ignore"):  # a draw may be explosive
            for step in range(horizon):
                x = all_w[:, :, deepest + step - np.array(self.lags)]
                if self.exogenous is not None:
                    beside = self.exogenous[origins + step]
                    x = np.concatenate([x, np.broadcast_to(beside, (draws, *beside.shape))], axis=2)
                location = line.y_center + line.y_scale * np.einsum("sok,sk->so", line.design(x), coefficients)
                carried = all_u[:, :, step : step + loss] @ np.array(transform.difference_filter)[::-1]
                centres[:, :, step] = location + carried
                now = carried + location + sd[:, None] * noise[step]
                if transform.two_valued:  # y determines the root up to its sign, and so the next step uses |root|
                    now = (np.abs(now * transform.scale + transform.center) - transform.center) / transform.scale
                all_u[:, :, loss + step] = now
                all_w[:, :, deepest + step] = now - carried
        return centres, all_u[:, :, loss:]


def _carried(u: np.ndarray, origins: np.ndarray, transform: Transform) -> np.ndarray:
    """The part of the first value after each origin that comes from earlier ones: sum_k c_k u_{t-k} (o,)."""
    return u[origins[:, None] - np.arange(1, transform.lost_values + 1)] @ np.array(transform.difference_filter)
