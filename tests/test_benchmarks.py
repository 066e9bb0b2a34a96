"""The benchmarks run, on the smallest of their problems, with and without the libraries that they compare with."""

import json
from pathlib import Path

import numpy as np
import pytest
from checks import run_python
from numpy.testing import assert_allclose

from sklstm.layout import CELLS

FOLDER = Path(__file__).parents[1] / "benchmarks"
PEERS = ["torch", "keras", "jax", "onnx", "onnxruntime", "skorch"]


def run_benchmarks(sections, output, without=()):
    """What is printed, the results, and the tables in Markdown."""
    code = f"""
import sys
from importlib.machinery import PathFinder

class Finder(PathFinder):
    @classmethod
    def find_spec(cls, name, *where):
        return None if name in {without} else PathFinder.find_spec(name, *where)

sys.meta_path[sys.meta_path.index(PathFinder)] = Finder
sys.path.insert(0, {str(FOLDER)!r})
sys.argv = ["run.py", *{sections}, "--seconds", "0.1", "--output", {str(output)!r}]
import run
run.STEPS = run.CELL_STEPS = run.STEPS[:1]
run.main()
"""
    printed = run_python(code, PYTHONWARNINGS="ignore")
    return printed, json.loads((output / "results.json").read_text()), (output / "tables.md").read_text()


def rows(tables, header):
    """Cells of the table whose header begins so, by the first of their line."""
    lines = tables[tables.index(f"| {header} |") :].split("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {first: others for first, *others in cells}


def test_tables_show_what_was_measured(tmp_path):
    _, results, tables = run_benchmarks(["footprint", "overhead", "single_kernels"], tmp_path)
    installed = results["footprint"]["installed"]
    assert 5e5 < installed < 1e8
    assert f"{installed / 1e6:.1f} MB installed" in tables

    times = rows(tables, "one thread")
    assert len(times) == 3
    for name, time in results["overhead"]["times"].items():
        assert 0 < time["quartiles"][0] <= time["median"] <= time["quartiles"][1]
        assert times[name] == [f"{1e6 * time['median']:.0f}"]
    for sequences in ["of equal lengths", "of different lengths"]:
        part = results["overhead"]["profile"][sequences]
        assert part["python"] > 0
        assert part["core"] > 0
        assert rows(tables, "sequences")[sequences] == [f"{part['python']:.0f}", f"{part['core']:.0f}"]

    kernels = rows(tables, "batch × steps × features, units")
    assert list(kernels) == ["32 × 24 × 8, 32"]
    assert (np.array(list(kernels.values()), dtype=float) > 0).all()
    for row in results["single_kernels"]:
        packing, adam = kernels[row["name"]][-2:]
        assert (packing, adam) == (f"{1e6 * row['packing']:.1f}", f"{1e6 * row['Adam']:.1f}")


def test_streams_are_compared(tmp_path):
    _, results, tables = run_benchmarks(["streams"], tmp_path)
    one, forms, many = (rows(tables, header) for header in ["library", "streams", "threads"])
    assert list(one) == ["sklstm", "PyTorch", "ONNX Runtime"]
    for table, name in [(one, "one"), (forms, "forms")]:
        for row in results["streams"][name]:
            assert 0 < row["median"] <= row["p99"]
            assert table[row["name"]][1] == f"{1e6 * row['p99']:.2f}"
    in_c = rows(tables, "cell, units")
    for row in results["streams"]["in_c"]:
        assert in_c[row["name"]] == [f"{1e6 * row['floats']:.2g}", f"{1e6 * row['int8']:.2g}"]
    for row in results["streams"]["many"]:
        assert many[str(row["threads"])][-1] == f"{row['batch']['median'] / row['streams']['median']:.0%}"


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What is printed, the results and the tables without the other libraries, and the names of the files."""
    folder = tmp_path_factory.mktemp("benchmarks")
    return *run_benchmarks(["steps", "cells"], folder, without=PEERS), {path.name for path in folder.iterdir()}


def test_missing_libraries_are_named_and_left_out(alone):
    printed, results, tables, files = alone
    left_out = "Not installed, and left out: PyTorch, Keras on JAX, ONNX Runtime, skorch"
    assert left_out in printed
    assert left_out in tables
    (row,) = results["steps"]
    assert [(time["library"], time["threads"]) for time in row["times"]] == [("sklstm", 1), ("sklstm", 2)]
    assert "faster than" not in tables
    assert files == {"results.json", "tables.md", "share.svg"}  # no peers' bars


def test_every_cell_and_variant_is_measured(alone):
    _, results, tables, _ = alone
    steps, (variants,) = results["cells"]["steps"], results["cells"]["variants"]
    cells = rows(tables, "cell")
    assert [row["problem"]["cell"] for row in steps] == list(cells) == list(CELLS)
    for row in steps:
        shown = [float(time.split(" (")[0]) for time in cells[row["problem"]["cell"]][1:]]
        assert_allclose(shown, [1e3 * time["median"] for time in row["times"]], rtol=0.02)
    medians = {(time["variant"], time["threads"]): time["median"] for time in variants["times"]}
    more = rows(tables, "with")
    assert len(more) == 6
    for name, ratios in more.items():
        assert ratios == [f"{medians[name, n] / medians['plain', n]:.2f}" for n in (1, 2)]
