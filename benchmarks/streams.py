"""One time step at a time: streams beside other libraries that carry a state, and many streams beside whole batches."""

import ctypes
import shutil
import subprocess
import tempfile
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
from libraries import available
from problems import Problem
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from timing import in_turns, interleaved, summary

from sklstm import LSTMRegressor, stream, to_c
from sklstm.preprocessing import SequenceImputer, SequenceScaler

ONE, MANY = Problem(1, 48, 12, 64), Problem(1000, 48, 12, 64)
CALLS = 200  # of a library in a row, as of a script that does nothing else


def fitted(problem, **options):
    """A model with weights as training begins with, whose inputs and targets are taken as they are."""
    X, y = problem.data()
    model = LSTMRegressor(problem.n_units, standardize=False, skip_connection=False, random_state=0, max_iter=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        targets = np.repeat(y, problem.n_steps, axis=1) if options.get("return_sequences") else y[:, 0]
        return model.set_params(**options).fit(X, targets)


def streams(seconds):
    """Single steps of one stream, in each library that is there, and steps of many streams beside a whole batch."""
    many = _many(seconds)  # before other libraries have threads that wait
    return {"one": _one(seconds), "forms": _forms(seconds), "in_c": _in_c(), "many": many}


def _one(seconds):
    model, x = fitted(ONE), ONE.data()[0][0]
    libraries = [library for library in available()[0] if hasattr(library, "stepping")]
    expected = model.predict(x[None])[0]
    for library in libraries:
        step = library.stepping(model)
        y = [step(row) for row in x][-1]
        if not np.isclose(y, expected, rtol=1e-3, atol=1e-5):
            raise RuntimeError(f"{library.name} computes something else: {y} instead of {expected}")
    return _timed({library.name: (library.stepping(model), x[0]) for library in libraries}, seconds)


def _timed(steps, seconds):
    """Median, quartiles and 99th percentile of single calls; functions and their arguments take turns."""
    times = {name: [] for name in steps}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for name, (step, x) in steps.items():
            times[name] += _each(step, x)
    rows = [
        {"name": name, **summary(values), "p99": float(np.quantile(values, 0.99))} for name, values in times.items()
    ]
    print("  ", {row["name"]: f"{1e6 * row['median']:.2f} µs, p99 {1e6 * row['p99']:.2f}" for row in rows})
    return rows


def _each(step, x):
    """Seconds of each of some calls, the first left out."""
    clock, times = time.perf_counter_ns, []
    for _ in range(CALLS):
        start = clock()
        step(x)
        times.append((clock() - start) / 1e9)
    return times[1:]


def _forms(seconds):
    """Steps of our streams: of several sequences, behind what fills gaps, with values that decay."""
    X, y = Problem(40, 12, ONE.n_features, ONE.n_units).data()
    X[np.random.default_rng(0).random(X.shape) < 0.2] = np.nan
    x = np.array([sequence[0] for sequence in X], dtype=np.float64)
    model = fitted(ONE)
    prepared = make_pipeline(SequenceImputer(add_elapsed=True), SequenceScaler(), clone(model))
    decaying = clone(model).set_params(missing="decay")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        streams = {
            "one": (model.stream(), np.nan_to_num(x[0])),
            "8": (model.stream(8), np.nan_to_num(x[:8])),
            "32": (model.stream(32), np.nan_to_num(x[:32])),
            "one, behind an imputer and a scaler": (stream(prepared.fit(X, y[:, 0])), x[0]),
            'one, `missing="decay"`': (decaying.fit(X, y[:, 0]).stream(), x[0]),
        }
    return _timed({name: (stream.step, x) for name, (stream, x) in streams.items()}, seconds)


PROGRAM = """
#include "model.h"
void steps(const float *x, float *y, int n)
{
    model_state state;
    model_reset(&state);
    for (int t = 0; t < n; t++)
        model_step(&state, x + t % 48 * MODEL_N_FEATURES, y);
}
"""
C_NETWORKS = [("gru", 16), ("lstm", 16), ("gru", 32), ("lstm", 32), ("lstm", 64), ("lstm", (64, 64))]
C_STEPS = 500


def _in_c():
    """A step of exported networks with eight features, compiled by cc -O2, as floats and as int8."""
    if shutil.which("cc") is None:
        return []
    X, y = Problem(8, 48, 8, 16).data()
    rows = []
    for cell, sizes in C_NETWORKS:
        model = LSTMRegressor(sizes, cell=cell, skip_connection=False, random_state=0, max_iter=1)
        with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
            warnings.simplefilter("ignore")
            model.fit(X, y[:, 0])
            functions = {}
            for kind in ["floats", "int8"]:
                library = _compiled(model, Path(folder, kind), int8=kind == "int8")
                x, out = np.ascontiguousarray(X[0]), np.zeros(1, dtype=np.float32)
                arguments = x.ctypes.data_as(ctypes.c_void_p), out.ctypes.data_as(ctypes.c_void_p), C_STEPS
                functions[kind] = partial(library.steps, *arguments)
            times = in_turns(functions, 20)
        name = f"{cell}, {' and '.join(map(str, np.atleast_1d(sizes)))}"
        rows.append({"name": name, **{kind: min(values) / C_STEPS for kind, values in times.items()}})
        print("  ", {kind: f"{1e6 * rows[-1][kind]:.2f} µs" for kind in functions}, name)
    return rows


def _compiled(model, folder, int8):
    folder.mkdir()
    to_c(model, folder / "model.h", int8=int8)
    (folder / "model.c").write_text(PROGRAM)
    command = ["cc", "-std=c99", "-O2", "-shared", "-fPIC", "-o", "model.so", "model.c", "-lm"]
    subprocess.run(command, cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "model.so"))


def _many(seconds):
    """All steps of the same sequences, by streams and by one prediction of all of their time steps."""
    rows, X = [], MANY.data()[0]
    by_time = np.ascontiguousarray(X.transpose(1, 0, 2))
    for n_threads in (1, 2):
        model = fitted(MANY, return_sequences=True, n_jobs=n_threads)
        stream = model.stream(MANY.n_sequences)

        def step_all(stream=stream):
            stream.reset()
            return [stream.step(x) for x in by_time]

        functions = {"streams": step_all, "batch": lambda model=model: model.predict(X)}
        if not np.array_equal(np.transpose(step_all()), functions["batch"]()):
            raise RuntimeError("Streams and the batch differ.")
        times = {name: summary(values) for name, values in interleaved(functions, seconds).items()}
        rows.append({"threads": n_threads, "name": str(MANY), **times})
        print(f"  many, {n_threads} threads", round(times["batch"]["median"] / times["streams"]["median"], 3))
    return rows
