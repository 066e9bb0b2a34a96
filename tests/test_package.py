"""The package as a whole."""

import subprocess
import sys
from importlib.metadata import requires, version
from pathlib import Path

import sklstm
import sklstm.datasets
import sklstm.export
import sklstm.inspection
import sklstm.metrics
import sklstm.preprocessing

MODULES = [
    sklstm,
    sklstm.datasets,
    sklstm.export,
    sklstm.inspection,
    sklstm.metrics,
    sklstm.preprocessing,
]


def test_nothing_optional_is_imported_at_the_top():
    modules = ", ".join(module.__name__ for module in MODULES if module is not sklstm.inspection)
    program = f"import sys, sklearn.neural_network; before = set(sys.modules); import {modules}; "
    program += "print(*{name.split('.')[0] for name in set(sys.modules) - before})"
    process = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(sklstm.__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    third_party = set(process.stdout.split()) - sys.stdlib_module_names
    assert third_party <= {"sklstm", "sklearn", "scipy", "numpy", "joblib", "threadpoolctl", "cython_runtime"} | {
        name for name in third_party if name.startswith("_cython")
    }


def test_dependencies_are_the_promised_ones():
    at_run_time = {line.split(">")[0] for line in requires("sklstm") if "extra" not in line}
    assert at_run_time == {"numpy", "scipy", "scikit-learn", "joblib"}
    assert version("sklstm") == sklstm.__version__


def test_every_public_name_exists():
    for module in MODULES:
        assert all(hasattr(module, name) for name in module.__all__)
