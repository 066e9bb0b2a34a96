"""The same data and the same seed: the same bits in whatever process, and from version to version the same numbers."""

import sys
from functools import cache

import numpy as np
import pytest
import trainings
from checks import run_python
from trainings import KINDS

# Relative to the largest prediction of a kind. The instruction sets, and OpenBLAS made for other processors, differ by
# 4e-7 at most in single and by 2e-14 in double precision. With an alpha of 1.1e-4 for 1e-4, half of the kinds pass
# the first tolerance, and with an epsilon of 2e-8 for 1e-8 nearly all pass the second.
TOLERANCES = {"float32": 1e-5, "float64": 1e-12}


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("kind", KINDS)
def test_trainings_end_where_they_did_before(kind, dtype):
    with np.load(trainings.FILE) as stored:
        expected = stored[f"{kind}, {dtype}"]
    predictions = trainings.trained(kind, dtype)
    assert predictions.dtype == expected.dtype == dtype
    assert predictions.shape == expected.shape
    assert abs(predictions - expected).max() <= TOLERANCES[dtype] * abs(expected).max()


def test_every_stored_training_is_compared():
    with np.load(trainings.FILE) as stored:
        assert set(stored) == {f"{kind}, {dtype}" for kind in KINDS for dtype in TOLERANCES}


def test_the_trainings_do_what_they_are_for():
    skips, stops = KINDS["skip auto"], KINDS["early stopping"]
    assert trainings.fitted(*skips).skip_connection_ is True
    assert trainings.fitted(*stops).n_iter_ < 20


ENVIRONMENTS = [
    # What is freed, and what is allocated, is filled with a byte: memory that is read before it is written shows.
    {"MALLOC_PERTURB_": "85", "OMP_NUM_THREADS": "8", "OMP_STACKSIZE": "16k", "PYTHONHASHSEED": "7"},
    *(
        pytest.param(environment, marks=pytest.mark.soak)
        for environment in [
            *({"MALLOC_PERTURB_": str(byte)} for byte in [1, 127, 165, 255]),
            {"PYTHONMALLOC": "debug"},
            {"PYTHONMALLOC": "malloc", "MALLOC_PERTURB_": "90"},
            {"MALLOC_TOP_PAD_": "12345", "MALLOC_MMAP_THRESHOLD_": "4096"},
            {"PYTHONHASHSEED": "0"},
            *({"OMP_NUM_THREADS": n} for n in "128"),
            *({"OPENBLAS_NUM_THREADS": n} for n in "12"),
        ]
    ),
]


@cache
def expected():
    return trainings.digest(n_jobs=1)


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=str)
def test_same_bits_in_any_process(environment):
    if any(name.startswith("MALLOC_") for name in environment) and sys.platform != "linux":
        pytest.skip("another malloc, which the environment does not change")
    code = "import trainings; print(trainings.digest())"
    assert run_python(code, **environment) == expected()


@pytest.mark.soak
@pytest.mark.parametrize("n_jobs", [2, 3, 8, -1])
def test_same_bits_by_any_number_of_threads(n_jobs):
    assert trainings.digest(n_jobs) == expected()
