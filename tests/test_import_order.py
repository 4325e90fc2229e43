"""bayesnn works whichever of ArviZ, JAX, NumPyro and bayesnn a script imports first, whatever modules lie beside it.

ArviZ 1.x registers jax and numpyro as modules that load on first use, and jaxlib reads the level of its log when it is
loaded: both depend on the order of imports, so each order has a process of its own.
"""

import os
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "golden"
FIRST = ("arviz", "bayesnn", "jax", "numpyro")
NOISE = ("machine type", "pjrt_executable")  # of jaxlib's false errors for programs from the cache
COMPLETE = """
import {first}
import bayesnn
import sys

import jax
import jax.numpy as jnp

from bayesnn._internal.runtime import compilation_cache_on

for name in list(sys.modules):
    parent, _, child = name.rpartition(".")
    if name.split(".")[0] in ("jax", "numpyro") and parent and "._" not in name:
        assert hasattr(sys.modules[parent], child), f"{{parent}} has no {{child}}"
function = jax.jit(lambda x: jnp.linalg.cholesky(x @ x.T + jnp.eye(3)))
for _ in range(2):  # the second comes from the disk
    with compilation_cache_on():
        function(jnp.ones((3, 3)))
    jax.clear_caches()
print("complete")
"""
OURS = """
import pkgutil
from importlib import import_module

for module in pkgutil.walk_packages(bayesnn.__path__, "bayesnn."):
    if not module.name.startswith(("bayesnn.sklearn", "bayesnn.__main__")):
        import_module(module.name)
assert bayesnn.load("{fit}").sampler == bayesnn.Gibbs()
assert not any("WHOSE" in vars(module) for module in list(sys.modules.values()) if hasattr(module, "__dict__"))
"""
FITS = """
import {first}
import bayesnn as bnn
import numpy as np

x = np.linspace(-1.5, 1.5, 12)[:, None]
y = np.tanh(2 * x[:, 0]) + 0.1 * np.cos(11 * x[:, 0])
sampler = bnn.NUTS(max_tree_depth=3)
for marginalize in (True, False):
    fit = bnn.fit(
        bnn.shallow(2), x, y, sampler=sampler, marginalize=marginalize, draws=5, warmup=5, chains=1, progress=False
    )
    assert fit.idata["posterior"]["gamma"].shape == (1, 5, 2, 2), fit.idata["posterior"]["gamma"].shape
    print("fitted", np.isfinite(bnn.predict(fit, x, key=1)).all().item())
"""


@pytest.mark.parametrize("first", FIRST)
def test_jax_and_numpyro_are_complete_and_say_nothing_false(first, tmp_path):
    """Every loaded submodule is an attribute of its package: where one is not, some fit ends in an AttributeError."""
    assert run(COMPLETE.format(first=first), tmp_path) == ["complete"]


def test_modules_of_the_user_with_our_names_change_nothing(tmp_path):
    script = "import bayesnn\nimport sys\n" + OURS.format(fit=(GOLDEN / "fit_v1.npz").as_posix())
    for name in names_of_ours():
        (tmp_path / f"{name}.py").write_text('WHOSE = "the user"\n')
    assert run(script, tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize("first", FIRST)
def test_a_fit_works_and_says_nothing_false(first, tmp_path):
    assert run(FITS.format(first=first), tmp_path) == ["fitted", "True"] * 2


def names_of_ours():
    """Names of the folders and modules of the package, but for those that Python or another library uses too."""
    ours = {part for path in (ROOT / "bayesnn").rglob("*.py") for part in path.relative_to(ROOT / "bayesnn").parts}
    ours = {name.removesuffix(".py") for name in ours if not name.startswith("__")}
    return ours - sys.stdlib_module_names - packages_distributions().keys() - {"sparse"}  # xarray looks for sparse


def run(script, folder):
    """The words that a fresh process prints, once it has ended well and without jaxlib's false errors."""
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    environment |= {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert [line for line in done.stderr.splitlines() if any(word in line for word in NOISE)] == []
    return done.stdout.split()
