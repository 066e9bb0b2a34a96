"""Wrong calls of `LSTMRegressor` and `LSTMClassifier`, those in the wrong order included."""

from copy import deepcopy

import numpy as np
import pandas as pd
import scipy.sparse
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import InvalidParameterError
from wrong_calls.shared import CUBE, INF, NAMED, NAN, STEPS, TABLE, TOKENS, Y, changed, make, model

from sklstm import LSTMClassifier, LSTMRegressor, Sequences


def predict(name, X, method="predict"):
    return lambda: getattr(model(name), method)(X)


def fit(X=CUBE, y=Y, Estimator=LSTMRegressor, method="fit", parameters=None, **keywords):
    return lambda: getattr(make(Estimator, **(parameters or {})), method)(X, y, **keywords)


def classify(y=Y, **keywords):
    return fit(y=y, Estimator=LSTMClassifier, **keywords)


def with_parameter(name, value, Estimator=LSTMRegressor):
    return fit(Estimator=Estimator, parameters={name: value})


def with_weights(weights, name="regressor"):
    return lambda: model(name).set_weights(weights)


def with_one_weight(key, array):
    return lambda: model("regressor").set_weights({**model("regressor").get_weights(), key: array})


def changed_after_fit(call, **parameters):
    """A call of a copy of the fitted classifier whose parameters were set since."""
    return lambda: call(deepcopy(model("classifier")).set_params(**parameters))


PREDICTION = {
    "predict: three features": (predict("regressor", np.zeros((3, 5, 3))), ValueError, "X has 3 features"),
    "predict: a sequence alone": (predict("regressor", CUBE[0]), ValueError, ["X is a table", "[X]"]),
    "predict: a row": (predict("regressor", CUBE[0, 0]), ValueError, "Expected 2D array, got 1D array"),
    "predict: a number": (predict("regressor", 3.0), ValueError, "got float"),
    "predict: a class": (predict("regressor", Sequences), ValueError, "got type"),
    "predict: a set": (predict("regressor", {1.0}), ValueError, "got set"),
    "predict: a frame without columns": (predict("regressor", pd.DataFrame()), ValueError, "without columns"),
    "predict: padding alone": (predict("regressor", CUBE * NAN), ValueError, "Sequence 0 of X has no time steps"),
    "predict: another width": (predict("table", TABLE[:, :4]), ValueError, "is expecting 5 features"),
    "predict: features in another order": (
        predict("named", NAMED[:, ["SpO2", "HR"]]),
        ValueError,
        "feature 0 of X is 'SpO2', in fit it was 'HR'",
    ),
    "predict: half a token": (predict("tokens", TOKENS + 0.5), ValueError, ["whole numbers from 0", "is 0.5"]),
    "predict: a negative token": (predict("tokens", -TOKENS - 1), ValueError, "sequence 0, time step 0 is -1"),
    "predict: no times": (predict("decay", CUBE), ValueError, ["the times of the steps count", "X has none"]),
    "predict: infinity": (predict("decay", NAMED.with_values(NAMED.values + INF)), ValueError, "infinity"),
    "predict_proba: nothing": (predict("classifier", None, "predict_proba"), ValueError, "got NoneType"),
    "predict_log_proba: text": (
        predict("classifier", np.array([["a"]]), "predict_log_proba"),
        ValueError,
        "X must hold real numbers",
    ),
    "decision_function: four axes": (
        predict("classifier", CUBE[np.newaxis], "decision_function"),
        ValueError,
        "at most three",
    ),
    "attention_weights: nothing": (predict("attention", None, "attention_weights"), ValueError, "got NoneType"),
    "score: y shorter": (lambda: model("classifier").score(CUBE, Y[:9]), ValueError, "inconsistent numbers of samples"),
    "score: dates for numbers": (
        lambda: model("classifier").score(CUBE, np.zeros(10, "M8[D]")),
        ValueError,
        "y must hold labels like those of fit, [0, 1], got",
    ),
    "score: texts among numbers": (
        lambda: model("classifier").score(CUBE, np.array([*Y[1:], "a"], dtype=object)),
        ValueError,
        "y must hold labels like those of fit, [0, 1], got",
    ),
    "score: a number a step": (lambda: model("steps").score(CUBE, 1.0), ValueError, "y must hold an array for each"),
    "score: y of fewer steps": (
        lambda: model("steps").score(CUBE, STEPS[:, :3]),
        ValueError,
        "y has 3 time steps for sequence 0, but X has 5",
    ),
    "score: y of fewer sequences": (
        lambda: model("steps").score(CUBE, STEPS[:9]),
        ValueError,
        "y has 9 sequences, but X has 10",
    ),
    "score: a weight alone": (
        lambda: model("steps").score(CUBE, STEPS, sample_weight=2.0),
        ValueError,
        "sample_weight must hold a weight, or an array of weights, for each sequence of X, got",
    ),
    **{
        f"score: a weight alone, {name}": (
            lambda name=name: model(name).score(CUBE, Y, sample_weight=2.0),
            ValueError,
            "sample_weight must hold a weight, or an array of weights, for each sequence of X, got 2.0",
        )
        for name in ["regressor", "classifier"]
    },
    "score: weights of text": (
        lambda: model("steps").score(CUBE, STEPS, sample_weight=["a"] * 10),
        ValueError,
        "sample_weight must hold real numbers",
    ),
    "score: weights below zero": (
        lambda: model("labels of steps").score(CUBE, STEPS, sample_weight=-np.ones(10)),
        ValueError,
        "sample_weight must hold weights of 0 or more",
    ),
    "score: weights of outputs": (
        lambda: model("steps").score(CUBE, STEPS, sample_weight=np.ones((10, 5, 2))),
        ValueError,
        "one weight a time step",
    ),
    "score: no weight": (
        lambda: model("steps").score(CUBE, STEPS, sample_weight=np.zeros(10)),
        ValueError,
        "There is nothing to score",
    ),
}

TARGETS = {
    "fit: X a class": (fit(LSTMRegressor), ValueError, "got type"),
    "fit: y a class": (fit(y=Sequences), TypeError, "y must be an array or a list of targets, got the class Sequences"),
    "fit: y sparse": (fit(y=scipy.sparse.csr_array(TABLE)), ValueError, "y must hold real numbers"),
    "fit: y sparse, of steps": (
        fit(y=scipy.sparse.csr_array(TABLE), parameters={"return_sequences": True}),
        ValueError,
        "y must hold an array of numbers or labels for each sequence",
    ),
    "fit: y of records": (
        classify(np.zeros(10, dtype=[("a", float)])),
        ValueError,
        "it holds records",
    ),
    "fit: y below zero, of counts": (fit(y=Y - 1.0, parameters={"loss": "poisson"}), ValueError, "a negative value"),
    "fit: a weight of True": (
        fit(sample_weight=True),
        ValueError,
        "sample_weight must hold a weight for each sequence",
    ),
    "fit: complex weights": (fit(sample_weight=Y * 1j), ValueError, "Complex data not supported: sample_weight"),
    "fit: durations as weights": (
        fit(sample_weight=Y.astype("m8[h]")),
        ValueError,
        "sample_weight must hold real numbers, got dtype timedelta64",
    ),
    "fit: a weight beyond": (fit(sample_weight=[10**400] * 10), ValueError, "sample_weight must hold real numbers"),
    "fit: a set of weights": (fit(sample_weight={1.0}), ValueError, "sample_weight must hold real numbers"),
    "fit: masked weights": (
        fit(sample_weight=np.ma.masked_less(np.ones(10), 2)),
        ValueError,
        "sample_weight is a masked array",
    ),
    "fit: weights for validation, alone": (
        fit(X_val=CUBE, y_val=Y, sample_weight_val=np.array(1.0)),
        ValueError,
        "sample_weight_val must hold a weight for each sequence",
    ),
    "fit: groups of None": (fit(groups=[None] * 10), ValueError, ["groups contains NaN or None", "sequence 0"]),
    "fit: groups of NaN": (fit(groups=changed(3, NAN, np.ones(10))), ValueError, "first in sequence 3"),
    "fit: groups of texts and numbers": (
        fit(groups=np.array([*range(9), "a"], dtype=object)),
        ValueError,
        "groups must be all numbers, or all texts",
    ),
    "partial_fit: no class": (
        classify(method="partial_fit", classes=[]),
        ValueError,
        "at least two classes, but classes are []",
    ),
    "partial_fit: classes ragged": (
        classify(method="partial_fit", classes=[[1], [2, 3]]),
        ValueError,
        "classes must be the labels that y may hold",
    ),
    "partial_fit: classes of two dimensions": (
        classify(method="partial_fit", classes=[[0, 1]]),
        ValueError,
        "classes must be the labels",
    ),
    "partial_fit: a label twice": (
        classify(np.c_[Y, Y], method="partial_fit", classes=["HR", "HR"]),
        ValueError,
        "classes has a label twice",
    ),
    "partial_fit: a label of None": (
        classify(np.c_[Y, Y], method="partial_fit", classes=["HR", None]),
        ValueError,
        "classes must be the labels",
    ),
    "partial_fit: a class of None": (
        classify(method="partial_fit", classes=[0, 1, None]),
        ValueError,
        "classes must be the labels",
    ),
    "partial_fit: a number for classes": (
        classify(method="partial_fit", classes=2),
        ValueError,
        "classes must be the labels",
    ),
}

BEYOND, MONTH = 10**400, np.timedelta64(1, "M")

PARAMETERS = {
    f"{name}={str(value)[:20]}": (
        with_parameter(name, value, LSTMClassifier),
        InvalidParameterError,
        [f"'{name}' parameter of LSTMClassifier must be", f"Got {value!r} instead"],
    )
    for name, value in [
        *[("alpha", BEYOND), ("alpha", MONTH), ("alpha", True), ("dropout", np.timedelta64("NaT")), ("tol", BEYOND)],
        *[("batch_size", True), ("batch_size", 10**20), ("max_iter", MONTH), ("max_iter", np.inf), ("n_jobs", True)],
        *[("n_jobs", -(10**20)), ("learning_rate_init", BEYOND), ("clip_norm", BEYOND), ("momentum", 1j)],
        *[("validation_fraction", np.timedelta64("NaT")), ("beta_1", "0.9"), ("epsilon", BEYOND), ("verbose", -1)],
        *[("random_state", "seed"), ("checkpoint", 3), ("class_weight", "even"), ("hidden_layer_sizes", True)],
    ]
}
PARAMETERS |= {
    f"hidden_layer_sizes={str(sizes)[:20]}": (
        with_parameter("hidden_layer_sizes", sizes),
        ValueError,
        "hidden_layer_sizes must be positive numbers of units",
    )
    for sizes in [{4, 8}, {4: 8}, [4, True], np.array(4.0), [[4], [4, 4]], [10**20], np.float32]
}
PARAMETERS |= {
    f"quantile={str(value)[:20]} with loss={loss}": (
        fit(parameters={"loss": loss, "quantile": value}),
        ValueError,
        "quantile must be a number between 0 and 1",
    )
    for value in [[], ["a"], [0.9, 0.1], [[0.1], [0.2, 0.3]], [0.5, 0.5], [0.0, 0.5]]
    for loss in ["quantile", "squared_error"]
}
PARAMETERS |= {
    "a name that is none": (lambda: make(LSTMRegressor).set_params(units=3), ValueError, "Invalid parameter 'units'"),
    "checkpoint of no name": (with_parameter("checkpoint", ""), ValueError, "checkpoint must be the name of a file"),
    "checkpoint with a null": (with_parameter("checkpoint", "a\0b"), ValueError, "checkpoint must be the name"),
    "checkpoint on top of a file": (with_parameter("checkpoint", __file__), OSError, "checkpoint cannot be written"),
    "checkpoint below a file": (with_parameter("checkpoint", f"{__file__}/a"), OSError, "checkpoint cannot be written"),
}

ORDER = {
    f"{method} before fit": (
        lambda method=method: getattr(LSTMClassifier(pooling="attention"), method)(CUBE),
        NotFittedError,
        "not fitted yet",
    )
    for method in ["predict", "predict_proba", "predict_log_proba", "decision_function", "attention_weights"]
}
ORDER |= {
    "save before fit": (lambda: LSTMRegressor().save("model.sklstm"), NotFittedError, "not fitted yet"),
    "score before fit": (lambda: LSTMRegressor().score(CUBE, Y), NotFittedError, "not fitted yet"),
    "stream before fit": (lambda: LSTMRegressor().stream(), NotFittedError, "not fitted yet"),
    "get_weights before fit": (lambda: LSTMRegressor().get_weights(), NotFittedError, "not fitted yet"),
    "set_weights before fit": (lambda: LSTMRegressor().set_weights({}), NotFittedError, "not fitted yet"),
    "partial_fit after fit, other classes": (
        lambda: deepcopy(model("classifier")).partial_fit(CUBE, Y + 1),
        ValueError,
        "classes that are not among the known ones",
    ),
    "partial_fit after fit, other features": (
        lambda: deepcopy(model("classifier")).partial_fit(CUBE[:, :, :1], Y),
        ValueError,
        "X has 1 features",
    ),
    "partial_fit after fit, another network": (
        changed_after_fit(lambda model: model.partial_fit(CUBE, Y), hidden_layer_sizes=5),
        ValueError,
        ["hidden_layer_sizes cannot change", "warm_start=False"],
    ),
    "partial_fit after fit, several labels": (
        lambda: deepcopy(model("classifier")).partial_fit(CUBE, np.c_[Y, Y]),
        ValueError,
        "one label a sequence, as in fit",
    ),
    "fit after a parameter was set wrongly": (
        changed_after_fit(lambda model: model.fit(CUBE, Y), cell="LSTM"),
        InvalidParameterError,
        "The 'cell' parameter",
    ),
    "predict after n_jobs was set wrongly": (
        changed_after_fit(lambda model: model.predict(CUBE), n_jobs="all"),
        ValueError,
        "n_jobs must be None, a number of threads",
    ),
}

WEIGHTS = {
    "weights in a list": (with_weights([CUBE]), TypeError, "weights must be a dict of arrays"),
    "no weights": (with_weights(None), TypeError, "weights must be a dict of arrays"),
    "weights of another model": (
        lambda: model("tokens").set_weights(model("decay").get_weights()),
        ValueError,
        "lacks",
    ),
    "an unknown weight": (with_one_weight("layer_9.W_x", CUBE), ValueError, "'layer_9.W_x', which is not among"),
    "a weight of another shape": (with_one_weight("output.b", [1, 2]), ValueError, "weights['output.b'] must have the"),
    "a weight of text": (with_one_weight("output.b", ["a"]), ValueError, "weights['output.b'] must hold real numbers"),
    "a weight ragged": (with_one_weight("output.b", [[1], [1, 2]]), ValueError, "weights['output.b'] must be an array"),
    "a weight of NaN": (with_one_weight("output.b", [NAN]), ValueError, "weights['output.b'] must be finite"),
    "a weight beyond float32": (with_one_weight("output.b", [1e300]), ValueError, "must be finite in float32"),
    "a complex weight": (with_one_weight("output.b", [1j]), ValueError, "must hold real numbers"),
    "a scale of zero": (with_one_weight("target.scale", [0]), ValueError, "weights['target.scale'] must be positive"),
}

CASES = PREDICTION | TARGETS | PARAMETERS | ORDER | WEIGHTS
