"""Long runs say so after their first steps."""

import numpy as np
import pytest

import bayesnn as bnn
from bayesnn.samplers.engine import expected_time
from bayesnn.samplers.engine.checkpoint import Progress
from bayesnn.samplers.engine.expected_time import long_run, warn_of_long_run
from bayesnn.samplers.engine.plan import Plan
from bayesnn.samplers.engine.stopping import Stopping

PLAN = Plan(draws=1000, warmup=500, chains=2)


def progress(warmup, draws, seconds):
    return Progress(warmup, draws, (), {"compile": 99.0, "warmup": seconds, "sampling": 0.0})


def test_the_duration_is_that_of_all_steps():
    assert long_run(0.4, PLAN) == ""  # 600 s
    assert long_run(0.8, PLAN).startswith("this run is expected to take about 20 minutes: 1500 steps at 0.8 s each.")
    assert "2.1 hours: 1500 steps" in long_run(5.0, PLAN)


def test_a_run_that_ends_by_itself_is_warned_of_its_warm_up_alone():
    plan = Plan(draws=1000, warmup=500, chains=2, stopping=Stopping(lambda values, draws: None, 60.0))
    assert long_run(1.0, plan) == ""
    assert long_run(2.0, plan).startswith("the warm-up is expected to take about 17 minutes: 500 steps")


def test_it_is_said_once_by_the_chunk_that_passes_the_first_steps():
    with pytest.warns(bnn.BayesnnWarning, match="about 25 minutes: 1500 steps at 1 s each"):
        warn_of_long_run(progress(49, 0, 49.0), progress(50, 0, 50.0), PLAN)
    warn_of_long_run(progress(40, 0, 40.0), progress(49, 0, 49.0), PLAN)
    warn_of_long_run(progress(50, 0, 50.0), progress(500, 10, 510.0), PLAN)


@pytest.mark.slow
def test_a_fit_says_it_at_the_line_of_its_user(monkeypatch):
    monkeypatch.setattr(expected_time, "LONG", 0.0)
    x = np.linspace(-1, 1, 20)[:, None]
    with pytest.warns(bnn.BayesnnWarning, match="this run is expected to take about .* 60 steps") as said:
        bnn.fit(bnn.shallow(1), x, x[:, 0], sampler="gibbs", draws=20, warmup=40, chains=1, progress=False)
    assert said[0].filename == __file__
