"""One time step at a time: streams beside other libraries that carry a state, and many streams beside whole batches."""

import time
import warnings

import numpy as np
from libraries import OnnxRuntime, PyTorch, available
from problems import Problem
from timing import interleaved, summary

from sklstm import LSTMRegressor

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


def sklstm_steps(model):
    """A function of one time step that returns a prediction, and one that begins anew."""
    stream = model.stream()
    return stream.step, stream.reset


def pytorch_steps(model):
    """The same of nn.LSTM."""
    import torch

    module, state = PyTorch.with_weights(model._network).eval(), [None]
    torch.set_num_threads(1)

    def step(x):
        with torch.inference_mode():
            h, state[0] = module.layer(torch.from_numpy(x)[None, None], state[0])
            return module.linear(h).item()

    return step, lambda: state.__setitem__(0, None)


def onnx_steps(model):
    """The same of ONNX Runtime's LSTM operator."""
    network = model._network
    session, (n_units,) = OnnxRuntime.stepping(network), network.architecture.hidden_layer_sizes
    zeros = np.zeros((1, 1, n_units), dtype=np.float32)
    state = [zeros, zeros]

    def step(x):
        y, *state[:] = session.run(None, {"X": x[None, None], "h": state[0], "c": state[1]})
        return y[0, 0]

    return step, lambda: state.__setitem__(slice(None), [zeros, zeros])


STEPPING = {"sklstm": sklstm_steps, "PyTorch": pytorch_steps, "ONNX Runtime": onnx_steps}


def streams(seconds):
    """Single steps of one stream, in each library that is there, and steps of many streams beside a whole batch."""
    return {"one": _one(seconds), "many": _many(seconds)}


def _one(seconds):
    model, x = fitted(ONE), ONE.data()[0][0]
    there, _ = available()
    libraries = {library.name: STEPPING[library.name](model) for library in there if library.name in STEPPING}
    expected = model.predict(x[None])[0]
    for name, (step, reset) in libraries.items():
        y = [step(row) for row in x][-1]
        reset()
        if not np.isclose(y, expected, rtol=1e-3, atol=1e-5):
            raise RuntimeError(f"{name} computes something else: {y} instead of {expected}")
    times = {name: [] for name in libraries}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for name, (step, _) in libraries.items():
            times[name] += _each(step, x[0])
    rows = [
        {"library": name, **summary(values), "p99": float(np.quantile(values, 0.99))} for name, values in times.items()
    ]
    print("  one", {row["library"]: f"{1e6 * row['median']:.2f} µs, p99 {1e6 * row['p99']:.2f}" for row in rows})
    return rows


def _each(step, x):
    """Seconds of each of some calls, the first left out."""
    clock, times = time.perf_counter_ns, []
    for _ in range(CALLS):
        start = clock()
        step(x)
        times.append((clock() - start) / 1e9)
    return times[1:]


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
