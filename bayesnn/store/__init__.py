"""Runs and fits on the disk: folders that a killed run goes on from, and single files; no pickles, no code."""

from bayesnn.store.folder import keeping
from bayesnn.store.netcdf import write_netcdf
from bayesnn.store.state import State
from bayesnn.store.task import Report, Task, attributes_of, draw, state_of
from bayesnn.store.warm import can_start, start_of

__all__ = [
    "Report",
    "State",
    "Task",
    "attributes_of",
    "can_start",
    "draw",
    "keeping",
    "start_of",
    "state_of",
    "write_netcdf",
]
