"""Runs of chains whose length is not given: where they are judged, how their draws are thinned, and when they end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bayesnn.samplers.engine.checkpoint import Checkpoint, Progress

ENDLESS = 2**40  # the number of draws of a plan without a given length; it is never reached
FIRST = 8  # a run is judged for the first time after 1/8 of the draws that may be kept
FEWEST = 20  # the fewest draws, made even if the time is over before
EXTENDED = "extended"  # reason for the end of a run that was given a length afterwards


@dataclass(frozen=True)
class Standing:
    """How far chains have come, as they are judged: worst R-hat, fewest effective draws, and how many are wanted.

    `ended` says why the run ends here, "" if it goes on; `longer` how many times as many draws are expected to do;
    `rising` whether the log likelihood still rose over the draws of a run that goes on.
    """

    r_hat: float
    ess: float
    wanted: int
    ended: str = ""
    longer: float = 1.0
    rising: bool = False

    def __str__(self) -> str:
        """As the progress bar shows it."""
        return f"R-hat {self.r_hat:.3f}, {self.ess:.0f} of {self.wanted} effective draws"


@dataclass(frozen=True)
class Stopping:
    """When a run ends: `judge` is given the kept draws (chain, draw, ...) at fixed positions, and their number.

    After `max_seconds`, compiling and warm-up included, it ends as well. Positions do not depend on the clock, so
    without a limit of time two runs, and a run that was stopped and resumed, end with the same draws.
    """

    judge: Callable[[dict[str, Any], int], Standing]
    max_seconds: float

    def is_over(self, done: Progress | Checkpoint) -> bool:
        """Whether the time is over, and there are some draws."""
        return done.draws >= FEWEST and sum(done.seconds.values()) >= self.max_seconds

    def room(self, done: Progress | Checkpoint, most: int) -> int:
        """Further draws for which there is time, `most` if nothing limits them."""
        left = max(0.0, self.max_seconds - sum(done.seconds.values()))
        return int(min(most, left * done.draws / max(done.seconds["sampling"], 1e-9)))

    def expected(self, done: Progress, standing: Standing, kept: int) -> int:
        """Draws after which a run that goes on will end: at a position, or where its time is over."""
        wanted = position_after(int(done.draws * min(standing.longer, 1e6)), kept)
        return min(wanted, done.draws + self.room(done, wanted))


def position_after(draws: int, kept: int) -> int:
    """The first position after `draws` draws: kept/8 times 1, 1.5, 2, 3, 4, 6, 8, 12, ...

    Each is at most half as far again as the one before, so that judging costs a fixed part of the run.
    """
    step = kept // FIRST
    while True:
        for position in (step, 3 * step // 2):
            if position > draws:
                return position
        step *= 2


def is_position(draws: int, kept: int) -> bool:
    """Whether a run is judged after `draws` draws."""
    return position_after(draws - 1, kept) == draws


def spacing(draws: int, kept: int) -> int:
    """The spacing of the kept draws: the smallest power of two that leaves at most `kept` of `draws` draws."""
    every = 1
    while draws > kept * every:
        every *= 2
    return every
