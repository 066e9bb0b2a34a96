"""Measure, and keep the results: `python benchmarks/run.py [--seconds 10] [--output doc/benchmarks] [section ...]`.

Libraries take turns in one process. Before they are timed, they must compute the same from the same weights.
"""

import argparse
import cProfile
import json
import pstats
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np
from estimators import mlp_regressor, padded, sklstm_regressor, sklstm_search, skorch_regressor, skorch_search
from libraries import LEARNING_RATE, PyTorch, Sklstm, available
from problems import (
    BY_SEQUENCES,
    BY_STEPS,
    CELL_STEPS,
    LONG,
    ONE_SEQUENCE,
    SMALLEST,
    STEPS,
    TYPICAL,
    Problem,
    ragged_lengths,
)
from report import write_report
from sklearn.model_selection import GridSearchCV
from streams import streams
from threadpoolctl import ThreadpoolController
from timing import in_turns, interleaved, machine, summary

from sklstm import optimizers
from sklstm._core import kernels
from sklstm.datasets import load_japanese_vowels
from sklstm.layout import CELLS, aligned

LIBRARIES, MISSING = available()


def check_equal(what, results):
    """All libraries must have computed the same."""
    results = {name: np.asarray(result, dtype=np.float64).reshape(-1) for name, result in results.items()}
    expected = next(iter(results.values()))
    for name, result in results.items():
        if not np.allclose(result, expected, rtol=1e-3, atol=1e-5):
            raise RuntimeError(f"{name} computes something else at {what}: {result[:3]} instead of {expected[:3]}")


def sgemm():
    """A large product, and how many floating-point operations it takes."""
    a = np.ones((1536, 1536), dtype=np.float32)
    blas = ThreadpoolController().select(user_api="blas")  # searching the libraries takes milliseconds

    def product():
        with blas.limit(limits=1):
            return a @ a

    return product, 2 * len(a) ** 3


def compare(kind, problems, seconds, libraries=LIBRARIES):
    """Rows of times by library and number of threads: `kind` is "step" or "prediction"."""
    rows = []
    for problem in problems:
        functions = {
            (library.name, n_threads): getattr(library, kind)(problem, problem.network(), n_threads)
            for library in libraries
            if hasattr(library, kind) and problem.cell in library.cells
            for n_threads in library.threads
        }
        check_equal(f"{kind} of {problem}", {name: function() for name, function in functions.items()})
        product, operations = sgemm()
        times = interleaved({**functions, "sgemm": product}, seconds)
        peak = operations / summary(times.pop("sgemm"))["median"]
        row = {"problem": vars(problem), "name": str(problem), "peak": peak}
        row["times"] = [
            {"library": name, "threads": n_threads, **summary(values)} for (name, n_threads), values in times.items()
        ]
        row["share"] = problem.product_operations / peak / summary(times["sklstm", 1])["median"]
        rows.append(row)
        medians = {f"{t['library']} {t['threads']}": round(t["median"] * 1e3, 3) for t in row["times"]}
        print(f"  {problem.cell}, {problem}", medians)
    return rows


def steps(seconds):
    """Training steps of all libraries."""
    return compare("step", STEPS, seconds)


def predictions(seconds):
    """Predictions of all libraries for whole batches, and for one sequence."""
    return compare("prediction", [*STEPS, ONE_SEQUENCE], seconds)


# What differs from the plain network: of its architecture, and of the objective.
VARIANTS = {
    "bidirectional": ({"bidirectional": True}, {}),
    "mean pooling": ({"pooling": "mean"}, {}),
    "attention pooling": ({"pooling": "attention"}, {}),
    "an output at every time step": ({"return_sequences": True}, {}),
    "dropout": ({}, {"dropout_between": 0.2}),
    "recurrent dropout": ({}, {"dropout_recurrent": 0.2}),
}


def cells(seconds):
    """Training steps of every cell beside PyTorch's, and of an LSTM network with more to it beside the plain one."""
    libraries = [library for library in LIBRARIES if library in (Sklstm, PyTorch)]
    problems = [replace(problem, cell=cell) for problem in CELL_STEPS for cell in Sklstm.cells]
    return {
        "steps": compare("step", problems, seconds, libraries),
        "variants": [_variants(problem, seconds) for problem in CELL_STEPS],
    }


def _variants(problem, seconds):
    """Times of a step of the plain network, and of every variant, by number of threads."""
    functions = {
        (name, n_threads): Sklstm.step(problem, problem.network(**architecture), n_threads, **objective)
        for name, (architecture, objective) in {"plain": ({}, {}), **VARIANTS}.items()
        for n_threads in Sklstm.threads
    }
    times = [
        {"variant": name, "threads": n_threads, **summary(values)}
        for (name, n_threads), values in interleaved(functions, seconds).items()
    ]
    print(f"  {problem}", {f"{t['variant']} {t['threads']}": round(t["median"] * 1e3, 3) for t in times})
    return {"name": str(problem), "times": times}


def ragged(seconds):
    """A step over sequences of different lengths beside one over as many of full length."""
    rows = []
    for problem in STEPS:
        functions = {
            "ragged": Sklstm.step(problem, problem.network(), 2, lengths=ragged_lengths(problem)),
            "full": Sklstm.step(problem, problem.network(), 2),
        }
        times = {name: summary(values) for name, values in interleaved(functions, seconds).items()}
        filled = ragged_lengths(problem).sum() / (problem.n_sequences * problem.n_steps)
        rows.append({"name": str(problem), "filled": float(filled), **times})
        print(f"  {problem}", round(times["ragged"]["median"] / times["full"]["median"], 3))
    return rows


def scaling(seconds):
    """How the time of a step grows with the length, the number of sequences, and falls with threads."""
    result = {}
    for by, problems in [("n_steps", BY_STEPS), ("n_sequences", BY_SEQUENCES)]:
        functions = {
            (getattr(problem, by), n_threads): Sklstm.step(problem, problem.network(), n_threads)
            for problem in problems
            for n_threads in (1, 2)
        }
        times = interleaved(functions, seconds)
        result[by] = [{by: size, "threads": n, **summary(values)} for (size, n), values in times.items()]
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((320, 48, 12), dtype=np.float32), rng.standard_normal(320)
    functions = {n: partial(sklstm_regressor(TYPICAL, n, 1).fit, X, y) for n in (5, 10, 20, 40)}
    result["epochs"] = [{"epochs": n, **summary(values)} for n, values in in_turns(functions, 5).items()]
    return result


def fits(seconds):
    """A whole fit: ours, skorch's, and scikit-learn's perceptron."""
    problem, n_epochs = Problem(2000, 48, 12, 64), 10
    X, y = problem.data()
    functions = {"sklstm": partial(sklstm_regressor(problem, n_epochs, 2).fit, X, y[:, 0])}
    if "skorch" not in MISSING:
        functions |= {
            f"skorch, {n} thread{'s' * (n > 1)}": partial(lambda n: skorch_regressor(problem, n_epochs, n).fit(X, y), n)
            for n in (1, 2)
        }
    functions["MLPRegressor"] = partial(mlp_regressor(problem, n_epochs).fit, X.reshape(len(X), -1), y[:, 0])
    times = in_turns(functions, max(3, int(seconds / 4)))
    print("  fit", {name: round(summary(values)["median"], 2) for name, values in times.items()})
    return [{"library": name, **summary(values)} for name, values in times.items()]


def grid_search(seconds):
    """Japanese vowels: 24 candidates, five folds, two worker processes."""
    X, y = load_japanese_vowels(return_X_y=True)
    y = np.unique(y, return_inverse=True)[1]
    searches = {"sklstm": (sklstm_search(), X)}
    if "skorch" not in MISSING:
        searches["skorch"] = skorch_search(X[0].shape[1], len(np.unique(y))), padded(X)
    scores = {}

    def search(name):
        (model, grid), data = searches[name]
        scores[name] = float(GridSearchCV(model, grid, cv=5, n_jobs=2).fit(data, y).best_score_)

    times = in_turns({name: partial(search, name) for name in searches}, 2 if seconds >= 5 else 1)
    rows = [{"library": name, "accuracy": scores[name], **summary(values)} for name, values in times.items()]
    print("  grid search", {row["library"]: (round(row["median"], 1), round(row["accuracy"], 3)) for row in rows})
    return rows


def memory(seconds):
    """Ten thousand steps within a given memory, and how much more time that takes."""
    limits = {"unlimited": None, "100 MB": 100, "20 MB": 20}
    functions = {name: Sklstm.step(LONG, LONG.network(), 2, max_memory=limit) for name, limit in limits.items()}
    losses = {name: function() for name, function in functions.items()}
    check_equal("limited memory", losses)
    times = interleaved(functions, seconds)
    rows = [
        {"limit": name, "peak": _peak_of_long_fit(limits[name]), **summary(values)} for name, values in times.items()
    ]
    print("  memory", {row["limit"]: (round(row["median"], 3), round(row["peak"])) for row in rows})
    return rows


def _peak_of_long_fit(max_memory):
    """Peak of a fresh process's memory that fits the long problem, in MB; Linux keeps it."""
    code = (
        "import re, sys\n"
        "from problems import LONG; from sklstm import LSTMRegressor\n"
        "X, y = LONG.data()\n"
        "limit = None if sys.argv[1] == 'None' else float(sys.argv[1])\n"
        "model = LSTMRegressor((LONG.n_units,), skip_connection=False, max_iter=1, max_memory=limit, n_jobs=2)\n"
        "model.fit(X, y[:, 0])\n"
        "print(int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) / 1024)"
    )
    run = [sys.executable, "-W", "ignore", "-c", code, str(max_memory)]
    return float(subprocess.check_output(run, cwd=Path(__file__).parent))


def footprint(seconds):
    """What the import costs beyond scikit-learn's own networks, and what is installed."""
    code = "import sklearn.neural_network, time; start = time.perf_counter(); import sklstm; "
    code += "print(time.perf_counter() - start)"
    with tempfile.TemporaryDirectory() as elsewhere:
        run = [sys.executable, "-c", code]
        times = [float(subprocess.check_output(run, cwd=elsewhere)) for _ in range(max(3, int(seconds)))]
    import sklstm

    files = [file for file in Path(sklstm.__file__).parent.rglob("*") if file.suffix in {".py", ".so", ".npz"}]
    return {
        "import": float(np.median(times)),
        "installed": sum(file.stat().st_size for file in files),
    }


def overhead(seconds):
    """The time of calls with little to compute, and Python's share of the smallest step, by a profiler."""
    functions = {f"step, {p}": Sklstm.step(p, p.network(), 1) for p in (SMALLEST, Problem(1, 1, 1, 16))}
    X, y = ONE_SEQUENCE.data()
    model = sklstm_regressor(ONE_SEQUENCE, n_epochs=1, n_threads=1).fit(X, y[:, 0])
    functions[f"`LSTMRegressor.predict`, {ONE_SEQUENCE}"] = partial(model.predict, X)
    times = {name: summary(values) for name, values in interleaved(functions, seconds / 2).items()}
    many = replace(SMALLEST, n_sequences=10 * SMALLEST.n_sequences)  # no two minibatches have the same lengths
    lengths = {"of equal lengths": None, "of different lengths": ragged_lengths(many)}
    n_calls = max(100, int(300 * seconds))
    profile = {name: _profile(many, each, SMALLEST.n_sequences, n_calls) for name, each in lengths.items()}
    return {"times": times, "profile": profile}


# What of a minibatch is compiled, beside whole modules.
IN_THE_CORE = "_forward_of_values", "_forward_of_table", "_backward"


def _profile(problem, lengths, batch_size, n_calls):
    """Microseconds of a shuffled step in Python, with the profiler's own cost, and in the compiled core."""
    from sklstm import head, losses, minibatch, network, training

    def compiled(function):
        def in_the_core(*arguments):
            return function(*arguments)

        return in_the_core

    def module(core):
        return SimpleNamespace(
            **{name: compiled(value) if callable(value) else value for name, value in vars(core).items()}
        )

    trainer = Sklstm.trainer(problem, problem.network(), 1, lengths=lengths)
    rng = np.random.default_rng(0)
    minibatches = [rng.choice(trainer.rows, batch_size, replace=False) for _ in range(n_calls)]
    trainer.step(minibatches[0])  # plans what all share
    ours = trainer._minibatch
    with ExitStack() as patches:
        for owner, name, value in [
            *((ours, name, compiled(getattr(ours, name))) for name in IN_THE_CORE),
            (losses.SquaredError, "_core", {"float": compiled(losses.SquaredError._core["float"])}),
            *((user, "core", module(user.core)) for user in [head, training, optimizers]),
            *((user, "backprop", module(user.backprop)) for user in [minibatch, network]),
            (network, "core_head", module(network.core_head)),
        ]:
            patches.enter_context(mock.patch.object(owner, name, value))
        profile = cProfile.Profile()
        profile.runcall(lambda: [trainer.step(rows) for rows in minibatches])
    stats = pstats.Stats(profile)
    core_time = sum(entry[2] for (_, _, name), entry in stats.stats.items() if name == "in_the_core")
    return {"python": 1e6 * (stats.total_tt - core_time) / n_calls, "core": 1e6 * core_time / n_calls}


def single_kernels(seconds):
    """Each kernel alone, on one thread and eight rows, beside sgemm; and what all weights take once a step."""
    rows = []
    for problem in STEPS:
        F, H, n = problem.n_features, problem.n_units, 8
        operations = 2 * n * 4 * H
        functions = {
            "forward product": (kernel_product(n, F + H, 4 * H), operations * (F + H)),
            "backward product": (kernel_product(n, 4 * H, H), operations * H),
            "weights' gradients": (kernel_outer(192, F + H, min(4 * H, 256)), 2 * 192 * (F + H) * min(4 * H, 256)),
            "cell forward": (kernel_cell(n, H, back=False), None),
            "cell backward": (kernel_cell(n, H, back=True), None),
            "sgemm": sgemm(),
        }
        once_a_step = {"packing": packing(problem), "Adam": adam(problem)}
        times = interleaved({name: function for name, (function, _) in functions.items()} | once_a_step, seconds)
        row = {"name": str(problem), "units": n * H}
        for name, (_, count) in functions.items():
            median = summary(times[name])["median"] / (1 if name == "sgemm" else KERNEL_CALLS)
            row[name] = count / median if count else median / (n * H)
        row |= {name: summary(times[name])["median"] for name in once_a_step}
        rows.append(row)
        print(f"  {problem}", {name: f"{row[name]:.3g}" for name in times})
    return rows


KERNEL_CALLS = 50  # in one measurement


def _random(*shape):
    size = int(np.prod(shape))
    array = aligned(size, np.float32)
    array[:] = np.random.default_rng(0).uniform(-1, 1, size)
    return array.reshape(shape)


def kernel_product(n_rows, n_terms, n_columns):
    """A product of rows with packed weights."""
    panel = kernels.PANELS["float32"]
    packed = _random(-(-n_columns // panel) * panel * n_terms)
    kernels.pack_matrix(_random(n_terms, n_columns), packed)
    return partial(
        kernels.multiply["float"], _random(n_rows, n_terms), packed, _random(n_rows, n_columns), KERNEL_CALLS
    )


def kernel_outer(n_terms, n_rows, n_columns):
    """A sum of outer products."""
    a, b, c = _random(n_terms, n_rows), _random(n_terms, n_columns), _random(n_rows, n_columns)
    return partial(kernels.add_outer_products["float"], a, b, c, _random(kernels.SCRATCH), KERNEL_CALLS)


def kernel_cell(n, H, back):
    """A time step of the cell."""
    cell = CELLS["lstm"]
    n_z, n_c, n_v = (size * H for size in (cell["n_columns"], cell["n_memories"], len(cell["initial"])))
    v, c_prev, z, c, h = _random(n_v), _random(n, n_c), _random(n, n_z), _random(n, n_c), _random(n, H)
    arguments = cell["index"], v, c_prev, z, c, h
    if back:
        return partial(kernels.backward_cell["float"], *arguments, _random(n, n_c), _random(n_v), 0, KERNEL_CALLS)
    return partial(kernels.forward_cell["float"], *arguments, 0, KERNEL_CALLS)


def packing(problem):
    """All weights into the order of the products, and their transposes."""
    network = problem.network()
    packed = aligned(network.layout.packed_size, network.dtype)
    return partial(network.pack, network.layout, way_back=True, n_threads=1, packed=packed)


def adam(problem):
    """A step of the optimizer over all parameters."""
    parameters = problem.network().parameters
    optimizer = optimizers.Adam(parameters, LEARNING_RATE, beta_1=0.9, beta_2=0.999, epsilon=1e-8)
    return partial(optimizer.step, parameters, _random(len(parameters)), n_threads=1)


SECTIONS = {
    function.__name__: function
    for function in [
        steps,
        predictions,
        streams,
        cells,
        ragged,
        scaling,
        fits,
        grid_search,
        memory,
        footprint,
        overhead,
        single_kernels,
    ]
}


def main():
    """Run the sections asked for, or all, and write the report anew."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sections", nargs="*", choices=[[], *SECTIONS], help="default: all")
    parser.add_argument("--seconds", type=float, default=10, help="time for each comparison")
    parser.add_argument("--output", type=Path, default=Path("doc/benchmarks"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    file = arguments.output / "results.json"
    results = json.loads(file.read_text()) if file.exists() and arguments.sections else {}
    if MISSING:
        print("Not installed, and left out:", ", ".join(MISSING))
    for name in arguments.sections or SECTIONS:
        print(name, flush=True)
        results[name] = SECTIONS[name](arguments.seconds)
        results["machine"], results["missing"] = machine(), MISSING
        file.write_text(json.dumps(results, indent=1) + "\n")
    write_report(results, arguments.output)


if __name__ == "__main__":
    main()
