"""Products and factors in blocks: NumPy's values, and no work for other threads."""

import os
import subprocess
import sys

import numpy as np
import pytest

from bayesnn._internal.block_cholesky import SIZE, half_log_det_and_whitened, inner_products

ALONE = """
import time
import numpy as np
from bayesnn._internal.block_cholesky import half_log_det_and_whitened, inner_products
x = np.random.default_rng(0).normal(size=(390, 10))
matrix, y = x @ x.T + np.eye(390), x[:, 0]
time.sleep(0.5)  # until the threads of the product above sleep
process, thread = time.process_time(), time.thread_time()
for _ in range(20):
    inner_products(x)
    half_log_det_and_whitened(matrix, y)
print((time.process_time() - process) / (time.thread_time() - thread))
"""


def rows(count, columns=3):
    return np.random.default_rng(count).normal(size=(count, columns))


@pytest.mark.parametrize("count", [1, SIZE - 1, SIZE, SIZE + 1, 200])
def test_values_are_numpys(count):
    x, y = rows(count), rows(count)[:, 0]
    matrix = x @ x.T + np.eye(count)
    np.testing.assert_allclose(inner_products(x), x @ x.T, rtol=1e-13, atol=1e-13)
    half, whitened = half_log_det_and_whitened(matrix, y)
    np.testing.assert_allclose(half, np.linalg.slogdet(matrix)[1] / 2, rtol=1e-12)
    np.testing.assert_allclose(whitened, np.linalg.solve(np.linalg.cholesky(matrix), y), rtol=1e-9, atol=1e-12)


def test_a_matrix_that_is_not_positive_definite_has_no_factor():
    matrix = np.eye(150)
    matrix[140, 140] = -1.0
    assert half_log_det_and_whitened(matrix, np.ones(150)) is None


def test_arguments_are_left_as_they_are():
    x = rows(100)
    matrix = x @ x.T + np.eye(100)
    kept, y = matrix.copy(), x[:, 0].copy()
    half_log_det_and_whitened(matrix, y)
    np.testing.assert_array_equal(matrix, kept)
    np.testing.assert_array_equal(y, x[:, 0])


@pytest.mark.skipif(os.cpu_count() == 1, reason="one core has no other threads")
def test_no_other_thread_works_or_waits():
    """Processor time of the process is that of the thread; with whole matrices it is twice that on two cores."""
    own = {name: value for name, value in os.environ.items() if not name.endswith("NUM_THREADS")}
    found = subprocess.run([sys.executable, "-c", ALONE], env=own, capture_output=True, text=True, check=True)
    assert float(found.stdout) < 1.1
