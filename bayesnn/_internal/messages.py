"""What the package says besides results and errors: warnings of one class, a log under its name, deprecations."""

from __future__ import annotations

import logging
import sys
import warnings
from pathlib import Path
from types import FrameType

PACKAGE = Path(__file__).parents[1]

# A library leaves it to the user where its log goes: without a handler of the user's own nothing is shown.
LOG = logging.getLogger("bayesnn")
LOG.addHandler(logging.NullHandler())


class BayesnnWarning(UserWarning):
    """A warning of this package; each says what happened and what to do.

    See Also
    --------
    show_versions : versions, for a report

    Examples
    --------
    To hear none of them, or to make them errors:

    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", BayesnnWarning)  # or "error"
    """


class BayesnnDeprecationWarning(BayesnnWarning, FutureWarning):
    """What still works and will go away; the message names the version and what to use instead."""


def warn(message: str, category: type[Warning] = BayesnnWarning) -> None:
    """Warn at the line of the user's code that called the package, and note the same in the log."""
    LOG.warning(message)
    warnings.warn(message, category, stacklevel=_depth_of_user())


def deprecated(what: str, instead: str, since: str, until: str) -> None:
    """Warn that `what` goes away in version `until`, having been replaced by `instead` in version `since`.

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings(record=True) as said:
    ...     warnings.simplefilter("always")
    ...     deprecated("fit(jobs=)", "fit(chains=)", since="0.2", until="0.4")
    >>> print(said[0].message)
    fit(jobs=) is deprecated since version 0.2 and goes away in version 0.4: use fit(chains=)
    """
    warn(
        f"{what} is deprecated since version {since} and goes away in version {until}: use {instead}",
        BayesnnDeprecationWarning,
    )


def _depth_of_user() -> int:
    """Number of frames from `warn` up to the first that is not of this package; where there is none, its caller."""
    frame: FrameType | None = sys._getframe(2)
    depth = 2
    while frame is not None:
        if PACKAGE not in Path(frame.f_code.co_filename).parents:
            return depth
        frame, depth = frame.f_back, depth + 1
    return 2
