"""Processes made by fork: JAX's threads do not survive it, so a call that waits for them would never return."""

from __future__ import annotations

import os

from jax._src import xla_bridge

_inherited: list[int] = []  # the process whose JAX this one was forked from, once that had run


def check() -> None:
    """Refuse to compute in a child that was forked after JAX had run in its parent.

    Raises
    ------
    RuntimeError
        In such a child, at once, since the call would otherwise never return.
    """
    if _inherited:
        raise RuntimeError(
            f"this process was forked from process {_inherited[0]} after JAX had run there, and JAX cannot run in it: "
            'start processes by "spawn" or "forkserver", as multiprocessing.get_context("spawn") or '
            "ProcessPoolExecutor(mp_context=...) do, or use joblib"
        )


def _note() -> None:
    if xla_bridge.backends_are_initialized():
        _inherited[:] = [os.getppid()]


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_note)
