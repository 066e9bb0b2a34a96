"""What many tests share: marks, forms of sequences, comparison of bits, and fresh processes."""

import io
import os
import signal
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest

import sklstm

ESTIMATORS = pytest.mark.parametrize("Estimator", [sklstm.LSTMRegressor, sklstm.LSTMClassifier])
slow_to_converge = pytest.mark.filterwarnings("ignore:Training reached max_iter")


def object_array(elements):
    """An array of one dimension, whatever the shapes of its elements."""
    array = np.empty(len(elements), dtype=object)
    for i, element in enumerate(elements):
        array[i] = element
    return array


def assert_same_bits(actual, expected, message=""):
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    different = np.flatnonzero(actual.ravel().view(np.uint8) != expected.ravel().view(np.uint8))
    assert len(different) == 0, f"{message}: {len(different)} bytes of {actual.nbytes} differ"


def run_python(code, timeout=240, **environment):
    """Output of a fresh process that can import the tests and the package under test; an error if it takes too long."""
    here = [str(Path(__file__).parent), str(Path(sklstm.__file__).parents[1])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(here), **environment}
    environment = {name: value for name, value in environment.items() if value is not None}
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment,
        cwd=Path(__file__).parent,  # not the source folder, whose package may not be built
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(timeout=timeout)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)  # with all processes that it has started
        process.communicate()
        raise
    assert process.returncode == 0, errors
    return output.strip()


def printed(call, *args):
    """The lines that a call prints; worker processes can import it."""
    with redirect_stdout(io.StringIO()) as output:
        call(*args)
    return output.getvalue().splitlines()


def in_table_order(minibatch, array):
    """What a minibatch of all sequences has in the order of its outputs, a row a time step."""
    result = np.empty_like(array)
    result[minibatch.steps] = array
    return result


def check_company(network, sequences, shift, scale, n_threads=(1, 2)):
    """Outputs alone, in batches of any size, in any order, at any place in a block, and on any number of threads."""
    rows = np.arange(len(sequences))
    expected = network.predict(sequences, shift, scale, 1)
    ends = sequences.offsets[1:-1] if network.architecture.return_sequences else rows[1:]
    expected = np.split(expected, ends)
    rng = np.random.RandomState(0)
    for row in rows:
        assert_same_bits(network.predict(sequences[[row]], shift, scale, 1), expected[row], f"sequence {row} alone")
    for n in range(2, len(rows) + 1):
        some = rng.permutation(rows)[:n]
        for k in n_threads:
            out = network.predict(sequences[some], shift, scale, k)
            assert_same_bits(out, np.concatenate([expected[row] for row in some]), f"{n} shuffled, on {k} threads")
