"""A new cell is one new file: built into a copy of the package, it is an estimator's `cell` like any other."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from checks import run_python

TESTS = Path(__file__).parent
# What a build reads.
SOURCES = ["setup.py", "pyproject.toml", "README.md", "sklstm"]


@pytest.mark.timeout(1200)  # it builds the package
def test_a_cell_in_one_file(tmp_path):
    for name in SOURCES:
        source = TESTS.parent / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tmp_path / name)
    for built in tmp_path.glob("sklstm/_core/*.so"):
        built.unlink()
    shutil.copy(TESTS / "cells" / "coupled.h", tmp_path / "sklstm" / "_core" / "cells")
    build = [sys.executable, "setup.py", "build_ext", "--inplace"]
    process = subprocess.run(build, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False)
    assert process.returncode == 0, process.stderr[-5000:]
    code = f"import runpy; runpy.run_path({str(TESTS / 'cells' / 'check_coupled.py')!r}, run_name='__main__')"
    assert run_python(code, PYTHONPATH=f"{TESTS}:{tmp_path}") == "ok"
