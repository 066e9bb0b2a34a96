"""Fits, predictions and streams on several threads for a checker of races to watch: ``make races``."""

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from sklstm import LSTMClassifier, LSTMRegressor, network_stream
from sklstm._core import openmp

N_THREADS = 4

# What models differ in: between them they go through every parallel region of the core.
MODELS = [
    (LSTMRegressor, {"hidden_layer_sizes": (65, 9), "pooling": "attention", "dropout": 0.2, "recurrent_dropout": 0.2}),
    (LSTMRegressor, {"missing": "decay", "solver": "rmsprop", "pooling": "max"}),
    (LSTMClassifier, {"cell": "gru", "return_sequences": True, "bidirectional": True, "solver": "sgd"}),
    (LSTMClassifier, {"cell": "peephole", "pooling": "mean", "dtype": "float64", "early_stopping": True}),
    (LSTMRegressor, {"cell": "rnn", "solver": "lbfgs", "skip_connection": True}),
]


def main():
    if not openmp.ENABLED:
        raise RuntimeError("Built without OpenMP: threads would not be checked.")
    network_stream.LEAST_PARALLEL = 1  # streams of small networks are stepped by several threads too
    warnings.simplefilter("ignore", ConvergenceWarning)
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(length, 5)) for length in rng.integers(1, 40, size=90)]
    with ThreadPoolExecutor(N_THREADS) as pool:
        for Estimator, options in MODELS:
            model = Estimator(**{"hidden_layer_sizes": (33,), **options}, max_iter=2, n_jobs=N_THREADS)
            y = [rng.integers(0, 3, size=len(x)) for x in X] if model.return_sequences else np.arange(len(X)) % 3
            model.fit(X, y)
            streams = [] if model.bidirectional else [model.stream(40)] * 2 + [model.stream(40)]  # one of them shared
            steps = [pool.submit(run, stream, X[0]) for stream in streams]
            predictions = [pool.submit(model.predict, X) for _ in range(N_THREADS)]
            fits = [pool.submit(clone(model).fit, X, y) for _ in range(2)]
            for task in [*steps, *predictions, *fits]:
                task.result()
            print(Estimator.__name__, options, flush=True)


def run(stream, sequence):
    for x in sequence:
        stream.step(np.tile(x, (stream.n_streams, 1)))


if __name__ == "__main__":
    main()
