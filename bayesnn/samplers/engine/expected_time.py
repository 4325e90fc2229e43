"""A warning after the first steps of a long run: how long it is expected to take."""

from __future__ import annotations

from bayesnn._internal.messages import warn
from bayesnn.samplers.engine.checkpoint import Progress
from bayesnn.samplers.engine.plan import Plan

STEPS = 50  # the duration is estimated after this many steps
LONG = 600.0  # seconds; only longer runs are announced


def warn_of_long_run(before: Progress, after: Progress, plan: Plan) -> None:
    """Warn of a run that is expected to take more than `LONG`, once: by the chunk with which it passes `STEPS`."""
    if steps_of(before, plan) < STEPS <= steps_of(after, plan):
        seconds = (after.seconds["warmup"] + after.seconds["sampling"]) / steps_of(after, plan)
        message = long_run(seconds, plan)
        if message:
            warn(message)


def steps_of(progress: Progress, plan: Plan) -> int:
    """Steps that a run has made."""
    return progress.warmup + progress.draws * plan.thinning


def long_run(seconds: float, plan: Plan) -> str:
    """The warning for a run whose steps take `seconds` seconds each; empty if the run is short.

    A run that ends by itself has its own limit of time for all but the warm-up.
    """
    steps = plan.warmup + (plan.draws * plan.thinning if plan.stopping is None else 0)
    if steps * seconds <= LONG:
        return ""
    what = "this run" if plan.stopping is None else "the warm-up"
    return (
        f"{what} is expected to take about {duration(steps * seconds)}: {steps} steps at {seconds:.2g} s each. Ctrl-C "
        "stops it, after warm-up with the draws so far; path= keeps a run that can be resumed; fewer draws= and "
        "warmup= steps, a smaller network or, for NUTS, a smaller max_tree_depth are quicker"
    )


def duration(seconds: float) -> str:
    """A duration in minutes or hours.

    >>> duration(750), duration(12_000)
    ('12 minutes', '3.3 hours')
    """
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.1f} hours"
