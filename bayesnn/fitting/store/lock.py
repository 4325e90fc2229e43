"""A lock for one process at a time on a folder; the operating system releases it when the process ends in any way."""

from __future__ import annotations

import os
import sys
from pathlib import Path

NAME = ".bayesnn-lock"


class Lock:
    """Held from construction until `release`; a killed process leaves the file behind, but not the lock.

    Raises
    ------
    ValueError
        If another process, or another fit of this one, holds it.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / NAME
        self.handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _hold(self.handle)
        except OSError:
            holder = os.pread(self.handle, 100, 1).decode(errors="replace").strip() if hasattr(os, "pread") else ""
            os.close(self.handle)
            raise ValueError(
                f"{folder} must be written by one fit at a time, and {holder or 'another process'} is writing it: "
                "wait until it is done, or use another path; bnn.open_run reads what is there so far"
            ) from None
        os.ftruncate(self.handle, 0)
        os.write(self.handle, f" process {os.getpid()}\n".encode())  # Windows locks the first byte

    def release(self) -> None:
        """Release the lock."""
        os.close(self.handle)


if sys.platform == "win32":
    import msvcrt

    def _hold(handle: int) -> None:
        os.lseek(handle, 0, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _hold(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
