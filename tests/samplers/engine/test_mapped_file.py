"""Token ids in a file that is mapped into memory: minibatches are read from there, and the file is never copied."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import bayesnn as bnn

SETTINGS = {"draws": 3, "warmup": 2, "chains": 2, "progress": False}
SAMPLERS = {
    "from the prior": bnn.SGHMC(step_size=1e-4, batch_size=5, start=None),
    "from climbs, rows held out": bnn.SGHMC(
        step_size=1e-4, batch_size=5, validation=0.2, start=bnn.MAP(steps=20, batch_size=5, validation=0.2)
    ),
    "climb": bnn.MAP(steps=20, batch_size=5, restarts=1),
}


@pytest.mark.slow
@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
def test_a_file_gives_the_draws_of_the_array_in_it(tmp_path, sampler):
    rng = np.random.default_rng(0)
    ids, y = bnn.pad([rng.integers(1, 9, size=n) for n in rng.integers(1, 6, size=40)]), rng.integers(0, 2, 40)
    np.save(tmp_path / "ids.npy", ids)
    mapped = np.load(tmp_path / "ids.npy", mmap_mode="r")
    model = bnn.Model([bnn.Embedding(9, 2), bnn.MeanPool()], bnn.Bernoulli())
    fits = [bnn.fit(model, x, y, sampler=sampler, **SETTINGS) for x in (ids, mapped)]
    assert isinstance(fits[1].data.x, np.memmap) and not isinstance(fits[0].data.x, np.memmap)
    for name, drawn in fits[0].draws().items():
        np.testing.assert_array_equal(drawn, fits[1].draws()[name], name)
    for group in ("log_likelihood", "constant_data"):
        assert fits[0].idata[group].equals(fits[1].idata[group])


@pytest.mark.slow
def test_an_array_of_the_user_is_not_the_one_of_the_fit():
    ids = np.array([[1, 2], [2, 0], [1, 1]], np.int32)
    fit = bnn.fit(bnn.Model([bnn.Embedding(3, 1), bnn.MeanPool()]), ids, np.arange(3.0), sampler="map", progress=False)
    ids[0, 0] = 2
    assert fit.data.x[0, 0] == 1


CEILING = """
    import resource, sys, tempfile
    from pathlib import Path
    import numpy as np
    import bayesnn as bnn

    ROWS, STEPS = 200_000, 500  # 400 MB
    model = bnn.Model([bnn.Embedding(1000, 2), bnn.MeanPool()], bnn.Bernoulli())
    sampler = bnn.SGHMC(step_size=1e-6, validation=0.01, start=bnn.MAP(steps=50, batch_size=100))

    def run(x):
        y = np.random.default_rng(0).integers(0, 2, len(x))
        return bnn.fit(model, x, y, sampler=sampler, draws=2, warmup=2, chains=2, progress=False)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ids.npy"
        file = np.lib.format.open_memmap(path, mode="w+", dtype=np.int32, shape=(ROWS, STEPS))
        for start in range(0, ROWS, 10_000):
            file[start : start + 10_000] = np.random.default_rng(start).integers(1, 1000, (10_000, STEPS))
        del file
        run(np.ones((10_000, STEPS), np.int32))
        used = int(Path("/proc/self/status").read_text().split("VmData:")[1].split()[0]) * 1024
        resource.setrlimit(resource.RLIMIT_DATA, (used + 250_000_000,) * 2)  # which mapped files do not count for
        x = np.load(path, mmap_mode="r")
        fit = run(np.array(x) if "copy" in sys.argv else x)
        print("done", len(fit.data.x))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the memory of a process as Linux gives it")
@pytest.mark.parametrize("copied", [False, True])
def test_memory_does_not_hold_the_file(copied):
    root = Path(__file__).resolve().parents[3]
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(CEILING), *(["copy"] if copied else [])]
    environment = os.environ | {"PYTHONPATH": str(root)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert ("done 200000" in done.stdout) != copied, done.stderr[-2000:]
    assert ("emory" in done.stderr) == copied
