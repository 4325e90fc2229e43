"""Runs and fits on the disk: folders that a killed run goes on from, and single files; no pickles, no code."""

from bayesnn.fitting.sampling_job import Report, SamplingJob, as_made, attributes_of, draw, state_of
from bayesnn.fitting.store.folder import open_or_create_run
from bayesnn.fitting.store.netcdf import write_netcdf
from bayesnn.fitting.store.state import State
from bayesnn.fitting.warm_start import can_start, start_of

__all__ = [
    "Report",
    "State",
    "SamplingJob",
    "as_made",
    "attributes_of",
    "can_start",
    "draw",
    "open_or_create_run",
    "start_of",
    "state_of",
    "write_netcdf",
]
