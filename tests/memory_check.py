"""Ten fits, predictions and streams for a memory checker to watch: ``make sanitize``."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm._core import openmp
from sklstm.inspection import gate_activations, integrated_gradients


def main():
    if not openmp.ENABLED:
        raise RuntimeError("Built without OpenMP: threads would not be checked.")
    warnings.simplefilter("ignore", ConvergenceWarning)
    rng = np.random.default_rng(0)
    shapes = [(1, 1, 1), (3, 2, 7), (33, 5, 12), (65, 17, 3), (40, 9, 70)]  # sequences, longest, features
    for k, (n, longest, n_features) in enumerate(shapes):
        X = [rng.normal(size=(length, n_features)) for length in rng.integers(1, longest + 1, size=n)]
        options = {"hidden_layer_sizes": [(1,), (7, 3), (33,), (16, 5, 9), (257,)][k], "max_iter": 3, "n_jobs": 2}
        missing, dtype = ["error", "decay"][k in (1, 4)], ["float32", "float64"][k % 2]
        holed = [np.where(x > 1, np.nan, x) if missing == "decay" else x for x in X]
        regressor = LSTMRegressor(**options, missing=missing, dtype=dtype).fit(holed, rng.normal(size=(n, 1 + k)))
        pooling = ["last", "mean", "max", "attention", "attention"][k]
        classifier = LSTMClassifier(**options, pooling=pooling, early_stopping=n > 30, solver="sgd")
        classifier.partial_fit(X, rng.integers(0, 2 + k, size=n), classes=np.arange(2 + k))
        classifier.fit(X + X, np.arange(2 * n) % 2)
        print(k, regressor.predict(holed).shape, classifier.predict_proba(X).shape)
        integrated_gradients(regressor, holed[:3], target=k)
        gate_activations(classifier, X[:3], layer=-1)
        for model, sequence in [(regressor, holed[0]), (classifier, X[0])]:
            for n_streams in [1, 3, 35]:
                stream = model.stream(n_streams)
                for x in sequence:
                    stream.step(np.tile(x, (n_streams, 1)))


if __name__ == "__main__":
    main()
