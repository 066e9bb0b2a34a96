"""Wrong calls: each raises its kind of error, with words that say what is wrong and where."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from checks import ESTIMATORS, object_array
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.utils._param_validation import InvalidParameterError

from sklstm import LSTMClassifier, LSTMRegressor, as_sequences

pytestmark = pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")

TINY = {"hidden_layer_sizes": 4, "max_iter": 2, "batch_size": 8, "random_state": 0, "n_jobs": 1}
N = 10

rng = np.random.default_rng(0)
CUBE = rng.normal(size=(N, 5, 2))
TABLE = CUBE[:, :, 0]
Y = np.arange(N) % 2
NAN, INF = np.nan, np.inf

# Words that betray that an error was not foreseen.
BARE = [
    "inhomogeneous",
    "setting an array element",
    "could not convert",
    "broadcast",
    "Buffer",
    "memoryview",
    "out of bounds",
    "has no attribute",
    "unsupported operand",
]


def make(Estimator, **parameters):
    return Estimator(**{**TINY, **parameters})


def changed(index, value, X=CUBE):
    X = X.copy()
    X[index] = value
    return X


def assert_raises(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert type(caught.value) in (error, InvalidParameterError, NotFittedError)
    message = str(caught.value)
    for word in words:
        assert word in message, message
    for word in BARE:  # after a colon they may stand, as the reason
        assert word not in message.split(": ")[0], message


# ---------------------------------------------------------------------------------------------- X

NOT_FINITE = {
    "NaN": (changed((2, 1, 1), NAN), ["NaN", "sequence 2, time step 1, feature 1", "Fill gaps first"]),
    "infinity": (changed((9, 4, 0), INF), ["infinity", "sequence 9, time step 4, feature 0"]),
    "minus infinity": (changed((0, 0, 0), -INF), ["infinity", "sequence 0, time step 0, feature 0"]),
    "the first of many": (changed((slice(3, 5), 2), INF), ["infinity", "sequence 3, time step 2, feature 0"]),
    "both infinities": (changed(([1, 2], [0, 0], [1, 1]), [INF, -INF]), ["sequence 1, time step 0, feature 1"]),
    "NaN before the end": (changed((4, 2), NAN), ["NaN", "sequence 4, time step 2, feature 0"]),
    "NaN in one feature at the end": (changed((4, 4, 1), NAN), ["NaN", "sequence 4, time step 4, feature 1"]),
    "in a list": ([*CUBE[:9], np.array([[0, 0], [0, NAN], [0, 0]])], ["NaN", "sequence 9, time step 1, feature 1"]),
    "at the end, in a list": ([*CUBE[:9], np.full((3, 2), NAN)], ["NaN", "sequence 9, time step 0, feature 0"]),
    "in a table": (changed((2, 4), NAN, TABLE), ["NaN", "sequence 2, time step 4, feature 0"]),
    "in a data frame": (pd.DataFrame(changed((2, 1), INF, TABLE)), ["infinity", "sequence 2, time step 1"]),
    "in a slice": (as_sequences([CUBE[0] * NAN, *CUBE[:9], [[0, INF]]])[1:], ["sequence 9, time step 0, feature 1"]),
    "in single precision": (changed((2, 1, 1), NAN).astype(np.float32), ["sequence 2, time step 1, feature 1"]),
}

UNUSABLE = {
    "features differ": ([*CUBE[:4], CUBE[4][:, :1]], ["Sequence 4", "1 features", "sequence 0 has 2"]),
    "features differ within": ([[[1, 2], [3]], [[1, 2]]], ["Sequence 0", "ragged", "features"]),
    "an empty sequence": ([*CUBE[:3], np.empty((0, 2)), *CUBE[:2]], ["Sequence 3", "no time steps", "Leave"]),
    "all padding": (changed(6, NAN), ["Sequence 6", "no time steps", "NaN in every feature are padding"]),
    "no time steps": (np.empty((3, 0, 2)), ["Sequence 0", "no time steps", "3 such"]),
    "no features": (np.empty((3, 5, 0)), ["0 features"]),
    "no sequences": ([], ["no sequences", "at least one"]),
    "no sequences in three dimensions": (np.empty((0, 5, 2)), ["no sequences"]),
    "no sequences in a tuple": ((), ["no sequences"]),
    "no sequences in an object array": (object_array([]), ["no sequences"]),
    "a part without sequences": (as_sequences(CUBE)[:0], ["no sequences"]),
    "a list of strings": ([["a", "b"], ["c"]], ["equence 0 of X", "real numbers"]),
    "a string among sequences": ([CUBE[0], "abc"], ["equence 1 of X", "real numbers"]),
    "dates in a list": ([np.zeros(3, dtype="M8[s]")], ["equence 0 of X", "real numbers", "datetime64"]),
    "complex": (CUBE + 1j, ["Complex data not supported"]),
    "complex in a list": ([CUBE[0], CUBE[1] + 1j], ["Complex data not supported", "equence 1 of X"]),
    "an object in a list": ([CUBE[0], [[1, {}]]], ["equence 1 of X", "real numbers, got {}"]),
    "arrays in an array": (
        [object_array([np.ones(1), np.ones(1)])],
        ["equence 0 of X", "real numbers, got array([1.])"],
    ),
    "a number beyond float64": ([[[10**400, 1.0]]], ["equence 0 of X", "real numbers, got 1000"]),
    "None among sequences": ([CUBE[0], None], ["element 1 of X", "scalar"]),
    "a list of numbers": ([1.0, 2.0], ["element 0 of X is a scalar", "Reshape your data"]),
    "four dimensions": (CUBE[np.newaxis], ["dim 4", "at most three"]),
    "a list of cubes": ([CUBE, CUBE], ["Sequence 0 of X has shape (10, 5, 2)", "(n_timesteps, n_features)"]),
}

# What scikit-learn's own check of tables says.
NO_TABLE = {
    "one dimension": (TABLE[:, 0], ValueError, ["Expected 2D array, got 1D array", "Reshape your data"]),
    "a scalar": (np.array(3.0), ValueError, ["Expected 2D array, got scalar array"]),
    "no rows": (np.empty((0, 5)), ValueError, ["Found array with 0 sample(s)"]),
    "no columns": (np.empty((5, 0)), ValueError, ["0 feature(s) (shape=(5, 0))"]),
    "sparse": (scipy.sparse.csr_array(TABLE), TypeError, ["Sparse data was passed for X"]),
    "sparse matrix": (scipy.sparse.csr_matrix(TABLE), TypeError, ["Sparse data was passed for X"]),
    "a column of a data frame": (pd.Series(TABLE[:, 0]), ValueError, ["Expected a 2-dimensional container"]),
}


@ESTIMATORS
@pytest.mark.parametrize("case", NOT_FINITE | UNUSABLE)
def test_fit_on_unusable_data(Estimator, case):
    X, words = (NOT_FINITE | UNUSABLE)[case]
    assert_raises(lambda: make(Estimator).fit(X, np.arange(max(len(X), 2)) % 2), ValueError, words)


@ESTIMATORS
@pytest.mark.parametrize("case", NO_TABLE)
def test_fit_on_what_is_no_table(Estimator, case):
    X, error, words = NO_TABLE[case]
    assert_raises(lambda: make(Estimator).fit(X, Y), error, words)


@pytest.mark.parametrize("case", UNUSABLE)
def test_as_sequences_of_unusable_data(case):
    X, words = UNUSABLE[case]
    assert_raises(lambda: as_sequences(X), ValueError, words)


@ESTIMATORS
@pytest.mark.parametrize(
    "X",
    [
        np.array([["a", "b"]] * N),
        np.array([[["a", "b"]]] * N),
        np.array([["1", "2"]] * N),
        np.array([[b"a", b"b"]] * N),
        [["1", "b"]] * N,
        np.zeros((N, 3), dtype="M8[s]"),
        np.zeros((N, 3, 2), dtype="m8[s]"),
        np.array([["a", 1]] * N, dtype=object),
        pd.DataFrame([["a", "b"]] * N),
        pd.DataFrame(np.zeros((N, 3), dtype="M8[s]")),
        "abc",
    ],
    ids=[
        *["table of strings", "cube of strings", "table of digits", "table of bytes", "nested strings"],
        *["table of dates", "cube of durations", "objects", "data frame of strings", "data frame of dates", "string"],
    ],
)
def test_only_real_numbers(Estimator, X):
    assert_raises(lambda: make(Estimator).fit(X, Y), ValueError, ["X", "real numbers"])


@ESTIMATORS
@pytest.mark.parametrize(
    ("X", "words"),
    [
        ([[1, 2, np.array([3])], [1, 2, 3]], ["list of lists"]),
        ({"a": CUBE}, ["an array, a data frame, a list of arrays or Sequences", "got dict"]),
        (iter(CUBE), ["an array, a data frame, a list of arrays or Sequences", "got"]),
        (None, ["an array, a data frame, a list of arrays or Sequences", "got NoneType"]),
        (CUBE[0].tolist()[0][0], ["an array, a data frame, a list of arrays or Sequences", "got float"]),
    ],
    ids=["array in a table", "dict", "iterator", "None", "float"],
)
def test_what_is_no_data_at_all(Estimator, X, words):
    assert_raises(lambda: make(Estimator).fit(X, Y), ValueError, ["X", *words])
    model = make(Estimator).fit(CUBE, Y)
    assert_raises(lambda: model.predict(X), ValueError, words)


# ---------------------------------------------------------------------------------------------- predict


@ESTIMATORS
@pytest.mark.parametrize("case", NOT_FINITE | UNUSABLE)
def test_predict_on_unusable_data(Estimator, case):
    X, words = (NOT_FINITE | UNUSABLE)[case]
    # A model for the width of X, so that it is the data that are wrong.
    one_feature = "table" in case or "frame" in case or "numbers" in case or "tuple" in case
    model = make(Estimator).fit(TABLE if one_feature else CUBE, Y)
    assert_raises(lambda: model.predict(X), ValueError, words)


CUBE_MODEL = {
    "three features": (np.zeros((3, 5, 3)), ["X has 3 features", "is expecting 2 features", "time step"]),
    "ragged, one feature": ([np.zeros(3), np.zeros(4)], ["X has 1 features", "is expecting 2 features"]),
    "Sequences": (as_sequences(np.zeros((3, 5, 1))), ["X has 1 features", "is expecting 2 features"]),
    "table": (TABLE, ["table", "expecting 2 features", "Reshape your data", "(n_sequences, n_timesteps, 2)"]),
    "data frame": (pd.DataFrame(TABLE), ["table", "expecting 2 features", "(n_sequences, n_timesteps, 2)"]),
    "nested lists": (TABLE.tolist(), ["table", "expecting 2 features"]),
}
TABLE_MODEL = {
    "wider": (np.zeros((3, 6)), ["X has 6 features", "is expecting 5 features as input"]),
    "narrower frame": (pd.DataFrame(np.zeros((3, 4))), ["X has 4 features", "is expecting 5 features as input"]),
    "three dimensions": (CUBE, ["X has 2 features", "is expecting 1 features"]),
    "ragged": (list(CUBE), ["X has 2 features", "is expecting 1 features"]),
}


@ESTIMATORS
@pytest.mark.parametrize("training", ["predict", "partial_fit", "warm start", "X_val"])
@pytest.mark.parametrize("case", [("cube", name) for name in CUBE_MODEL] + [("table", name) for name in TABLE_MODEL])
def test_another_width(Estimator, training, case):
    X, words = (CUBE_MODEL if case[0] == "cube" else TABLE_MODEL)[case[1]]
    X_fit = CUBE if case[0] == "cube" else TABLE
    y = np.arange(len(X)) % 2
    model = make(Estimator, warm_start=True)
    call = {
        "predict": lambda: model.predict(X),
        "partial_fit": lambda: model.partial_fit(X, y),
        "warm start": lambda: model.fit(X, y),
        "X_val": lambda: model.fit(X_fit, Y, X_val=X, y_val=y),
    }[training]
    model.fit(X_fit, Y)
    assert_raises(call, ValueError, words)


@ESTIMATORS
@pytest.mark.parametrize(
    ("X", "words"),
    [
        (TABLE[0], ["Expected 2D array, got 1D array"]),
        (np.array(3.0), ["Expected 2D array, got scalar array"]),
        (scipy.sparse.csr_array(TABLE), ["Sparse data was passed for X"]),
    ],
    ids=["one dimension", "scalar", "sparse"],
)
def test_what_is_no_table_is_not_called_one(Estimator, X, words):
    model = make(Estimator).fit(CUBE, Y)
    with pytest.raises((TypeError, ValueError)) as caught:
        model.predict(X)
    for word in words:
        assert word in str(caught.value)


@ESTIMATORS
def test_unfitted(Estimator):
    methods = ["predict"] if Estimator is LSTMRegressor else ["predict", "predict_proba", "decision_function"]
    for method in methods:
        assert_raises(lambda method=method: getattr(make(Estimator), method)(CUBE), NotFittedError, ["not fitted yet"])
    assert_raises(lambda: make(Estimator).score(CUBE, Y), NotFittedError, ["not fitted yet"])


# ---------------------------------------------------------------------------------------------- y and weights

X_Y = {
    "y None": ((CUBE, None), ["requires y", "None"]),
    "y shorter": ((CUBE, Y[:-1]), ["inconsistent numbers of samples", "[10, 9]"]),
    "y longer than a list": ((list(CUBE), [*Y, 1]), ["inconsistent numbers of samples", "[10, 11]"]),
    "y of NaN": ((CUBE, changed(3, NAN, Y + 0.0)), ["Input y contains NaN", "sequence 3"]),
    "y of infinity": ((CUBE, changed(3, INF, Y + 0.0)), ["Input y contains infinity"]),
    "y of three dimensions": ((CUBE, np.zeros((N, 2, 2))), ["y must", "sequence"]),
    "weights negative": ((CUBE, Y, -np.ones(N)), ["Negative values", "sample_weight"]),
    "weights zero": ((CUBE, Y, np.zeros(N)), ["weights", "zero"]),
    "weights of NaN": ((CUBE, Y, np.full(N, NAN)), ["sample_weight contains NaN"]),
    "weights of infinity": ((CUBE, Y, np.full(N, INF)), ["sample_weight contains infinity"]),
    "weights shorter": ((CUBE, Y, np.ones(9)), ["sample_weight.shape == (9,), expected (10,)"]),
    "weights of two dimensions": ((CUBE, Y, np.ones((N, 2))), ["Sample weights must be 1D"]),
}


@ESTIMATORS
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("case", X_Y)
def test_targets_and_weights(Estimator, method, case):
    (X, y, *weights), words = X_Y[case]
    keywords = {"sample_weight": weights[0]} if weights else {}
    assert_raises(lambda: getattr(make(Estimator), method)(X, y, **keywords), ValueError, words)


@ESTIMATORS
def test_a_scalar_target(Estimator):
    assert_raises(lambda: make(Estimator).fit(CUBE, 1.0), TypeError, ["Expected sequence or array-like"])


@ESTIMATORS
def test_complex_targets(Estimator):
    assert_raises(lambda: make(Estimator).fit(CUBE, Y + 1j), ValueError, ["Complex data not supported"])


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (["a", "b"] * 5, "y must hold real numbers"),
        (["1", "2"] * 5, "y must hold real numbers"),
        (np.zeros(N, dtype="M8[s]"), "y must hold real numbers, got dtype datetime64"),
        (np.array([*Y[1:], "a"], dtype=object), "y must hold real numbers"),
    ],
    ids=["text", "digits", "dates", "objects"],
)
def test_targets_that_are_no_numbers(y, words):
    assert_raises(lambda: make(LSTMRegressor).fit(CUBE, y), ValueError, [words])


@ESTIMATORS
@pytest.mark.parametrize("form", [list, object_array])
def test_targets_of_time_steps_where_one_a_sequence_is_meant(Estimator, form):
    y = form([[0], [1, 0]] * 5)
    assert_raises(
        lambda: make(Estimator).fit(CUBE, y), ValueError, ["y must hold", "different lengths", "return_sequences=True"]
    )


@pytest.mark.parametrize("missing", [NAN, None, pd.NA])
def test_labels_that_are_missing(missing):
    y = [*Y[1:].tolist(), missing]
    assert_raises(lambda: make(LSTMClassifier).fit(CUBE, y), ValueError, ["NaN or None", "sequence 9"])


MASKED = np.ma.masked_greater(CUBE, 0)


@pytest.mark.parametrize("X", [MASKED, MASKED[:, :, 0], list(MASKED)], ids=["array", "table", "list"])
def test_masks_are_not_dropped(X):
    for call in [lambda: as_sequences(X), lambda: make(LSTMRegressor).fit(X, Y)]:
        assert_raises(call, ValueError, ["X is a masked array", "filled(np.nan)"])


@ESTIMATORS
@pytest.mark.parametrize("form", [np.ma.asarray, list], ids=["array", "list"])
def test_masks_of_targets_are_not_dropped(Estimator, form):
    y = np.ma.masked_array(np.tile(Y[:, np.newaxis], 5), CUBE[:, :, 0] > 0)
    model = make(Estimator, return_sequences=True)
    assert_raises(lambda: model.fit(CUBE, form(y)), ValueError, ["is a masked array"])
    assert_raises(lambda: make(Estimator).fit(CUBE, y[:, 0]), ValueError, ["y is a masked array"])


def test_a_table_where_sequences_are_meant():
    model = make(LSTMRegressor).fit(CUBE, Y)
    assert_raises(lambda: model.predict(pd.DataFrame(CUBE[0])), ValueError, ["is a table", "[X]", "frame_to_sequences"])


def test_another_number_of_outputs():
    model = make(LSTMRegressor, warm_start=True).fit(CUBE, Y)
    for call in [model.partial_fit, model.fit]:
        assert_raises(lambda call=call: call(CUBE, np.c_[Y, Y]), ValueError, ["y has 2 outputs, but 1 are expected"])


CLASSES = {
    "one class": ({}, lambda m: m.fit(CUBE, np.full(N, 7)), ["at least two classes", "one class", "7"]),
    "continuous": ({}, lambda m: m.fit(CUBE, np.linspace(0, 1, N)), ["Unknown label type: continuous"]),
    "two columns": ({}, lambda m: m.fit(CUBE, np.c_[Y, Y + 1]), ["y should be a 1d array", "(10, 2)"]),
    "unknown in y_val": (
        {},
        lambda m: m.fit(CUBE, Y, X_val=CUBE, y_val=Y + 1),
        ["not among the known", "[0, 1]", "[2]"],
    ),
    "text in y_val": (
        {},
        lambda m: m.fit(CUBE, Y, X_val=CUBE, y_val=["a", "b"] * 5),
        ["not among the known", "'a', 'b'"],
    ),
    "unknown in partial_fit": ({}, lambda m: m.partial_fit(CUBE, Y).partial_fit(CUBE, Y + 1), ["not among the known"]),
    "unknown with warm_start": (
        {"warm_start": True},
        lambda m: m.fit(CUBE, Y).fit(CUBE, Y + 1),
        ["not among the known"],
    ),
    "not among classes": (
        {},
        lambda m: m.partial_fit(CUBE, Y, classes=[1, 2]),
        ["not among the known", "[1, 2]", "[0]"],
    ),
    "one of classes": ({}, lambda m: m.partial_fit(CUBE, Y, classes=[1]), ["at least two classes"]),
    "other classes": (
        {},
        lambda m: m.partial_fit(CUBE, Y).partial_fit(CUBE, Y, classes=[0, 1, 2]),
        ["classes=[0, 1, 2]", "first call", "[0, 1]"],
    ),
    "balanced": (
        {"class_weight": "balanced"},
        lambda m: m.partial_fit(CUBE, Y),
        ["balanced", "partial_fit", "compute_class_weight"],
    ),
    "weights of other classes": ({"class_weight": {5: 1.0}}, lambda m: m.fit(CUBE, Y), ["class_weight", "[0, 1]"]),
}


@pytest.mark.parametrize("case", CLASSES)
def test_classes(case):
    parameters, call, words = CLASSES[case]
    assert_raises(lambda: call(make(LSTMClassifier, **parameters)), ValueError, words)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("class_weight", [{0: 0, 1: 0}, {0: -1, 1: 1}, {0: NAN, 1: 1}], ids=["zero", "negative", "NaN"])
def test_impossible_class_weights(class_weight):
    assert_raises(lambda: make(LSTMClassifier, class_weight=class_weight).fit(CUBE, Y), ValueError, ["class_weight"])


def test_no_weight_is_left():
    model = make(LSTMClassifier, class_weight={0: 0, 1: 1})
    assert_raises(lambda: model.fit(CUBE, Y, sample_weight=1 - Y), ValueError, ["weight", "zero"])


# ---------------------------------------------------------------------------------------------- validation and groups

VALIDATION = {
    "X_val alone": ({}, {"X_val": CUBE}, ["X_val and y_val", "together"]),
    "y_val alone": ({}, {"y_val": Y}, ["X_val and y_val", "together"]),
    "not wanted": ({"early_stopping": False}, {"X_val": CUBE, "y_val": Y}, ["X_val", "early_stopping=False"]),
    "shorter": ({}, {"X_val": CUBE, "y_val": Y[:-1]}, ["inconsistent numbers of samples", "[10, 9]"]),
    "NaN": ({}, {"X_val": changed((3, 2, 1), NAN), "y_val": Y}, ["NaN", "sequence 3, time step 2, feature 1"]),
    "empty": ({}, {"X_val": CUBE[:0], "y_val": Y[:0]}, ["no sequences"]),
    "NaN in y_val": ({}, {"X_val": CUBE, "y_val": changed(1, NAN, Y + 0.0)}, ["contains NaN"]),
    "no weight": ({}, {"X_val": CUBE, "y_val": Y, "sample_weight_val": np.zeros(N)}, ["weights", "zero"]),
    "groups shorter": ({"early_stopping": True}, {"groups": np.arange(9)}, ["groups", "(10,)", "(9,)"]),
    "groups of two dimensions": ({"early_stopping": True}, {"groups": np.ones((N, 1))}, ["groups", "(10,)", "(10, 1)"]),
    "groups of lists": ({"early_stopping": True}, {"groups": [[1], [2, 3]] * (N // 2)}, ["groups"]),
    "one group": ({"early_stopping": True}, {"groups": np.zeros(N)}, ["at least two groups", "False"]),
}


@ESTIMATORS
@pytest.mark.parametrize("case", VALIDATION)
def test_validation_and_groups(Estimator, case):
    parameters, keywords, words = VALIDATION[case]
    assert_raises(lambda: make(Estimator, **parameters).fit(CUBE, Y, **keywords), ValueError, words)


@ESTIMATORS
@pytest.mark.parametrize(
    ("keywords", "name"),
    [
        ({"X_val": changed((3, 2, 1), NAN), "y_val": Y}, "X_val"),
        ({"X_val": CUBE[:, :, :1], "y_val": Y}, "X_val"),
        ({"X_val": CUBE, "y_val": changed(1, NAN, Y + 0.0)}, "y_val"),
        ({"X_val": CUBE, "y_val": Y, "sample_weight_val": -np.ones(N)}, "sample_weight_val"),
    ],
    ids=["X_val", "features", "y_val", "weights"],
)
def test_messages_about_validation_data_name_them(Estimator, keywords, name):
    assert_raises(lambda: make(Estimator).fit(CUBE, Y, **keywords), ValueError, [name])


@ESTIMATORS
@pytest.mark.parametrize(
    ("keywords", "name"),
    [
        ({"sample_weight_val": np.ones(N)}, "sample_weight_val"),
        ({"groups": np.arange(9)}, "groups"),
        ({"groups": np.arange(9), "X_val": CUBE, "y_val": Y}, "groups"),
    ],
    ids=["weights without validation data", "groups without early stopping", "groups with validation data"],
)
def test_nothing_is_dropped_silently(Estimator, keywords, name):
    # Wrong in any case, whether or not it is of use.
    assert_raises(lambda: make(Estimator).fit(CUBE, Y, **keywords), ValueError, [name])


def test_too_few_to_hold_one_out():
    model = make(LSTMRegressor, early_stopping=True)
    assert_raises(lambda: model.fit(CUBE[:1], Y[:1]), ValueError, ["early_stopping=True", "two sequences"])
    weights = np.eye(N)[0]
    assert_raises(lambda: model.fit(CUBE, Y, weights), ValueError, ["early_stopping=True", "two sequences"])


@ESTIMATORS
def test_a_share_that_leaves_nothing_to_train_on(Estimator):
    model = make(Estimator, early_stopping=True, validation_fraction=0.999)
    assert_raises(lambda: model.fit(CUBE, Y), ValueError, ["train set will be empty"])


# ---------------------------------------------------------------------------------------------- parameters

VALUES = {
    "hidden_layer_sizes": [0, -1, 2.5, "64", None],
    "cell": ["LSTM", "transformer", None, 3],
    "activation": ["sigmoid", None],
    "recurrent_activation": ["tanh", None],
    "bidirectional": ["yes", None, 2],
    "pooling": ["average", None, True],
    "return_sequences": ["yes", None, 2],
    "skip_connection": ["yes", None, 2],
    "embedding_dim": [0, -1, 2.5, "8"],
    "missing": ["ignore", None, True],
    "dropout": [-0.1, 1, "a", None, NAN],
    "recurrent_dropout": [-0.1, 1, "a", None, NAN],
    "solver": ["lbfgs!", None, 3],
    "alpha": [-1e-9, "a", None, NAN],
    "l1_ratio": [-0.1, 1.1, "a", None, NAN],
    "batch_size": [0, -1, 2.5, "auto", None],
    "learning_rate": ["linear", 0.1, None],
    "learning_rate_init": [0, -0.1, "a", None, NAN],
    "power_t": [-0.1, "a", None, NAN],
    "max_iter": [0, -1, 2.5, None],
    "max_fun": [0, -1, 2.5, None],
    "average": ["yes", None, 2],
    "shuffle": ["yes", None, 2],
    "random_state": ["a", -1, 1.5],
    "tol": [-1e-9, None, "a"],
    "verbose": [-1, "yes", None],
    "warm_start": ["yes", None],
    "checkpoint": [True, 1, b"folder"],
    "momentum": [-0.1, 1, "a", None],
    "nesterovs_momentum": ["yes", None],
    "early_stopping": ["yes", None, 3],
    "validation_fraction": [0, 1, 1.5, -0.1, 3, None],
    "beta_1": [-0.1, 1, None],
    "beta_2": [-0.1, 1, None],
    "epsilon": [0, -1, None],
    "n_iter_no_change": [0, -1, 2.5, None],
    "clip_norm": [0, -1, "a"],
    "standardize": ["yes", None],
    "n_jobs": [0, 1.5, "a"],
    "max_memory": [0, -1, "a", NAN],
    "dtype": ["float16", np.float32, None],
}


OF_REGRESSION = {
    "loss": ["mse", None, 3],
    "quantile": [0, 1, "a", None],
    "delta": [0, -1, INF, "a", None],
}


def test_no_parameter_is_forgotten():
    assert set(VALUES | OF_REGRESSION) == set(LSTMRegressor().get_params())
    assert {*VALUES, "class_weight"} == set(LSTMClassifier().get_params())


def pairs(values):
    return [(name, value) for name, of_name in values.items() for value in of_name]


@pytest.mark.parametrize(
    ("Estimator", "name", "value"),
    [(Estimator, *pair) for Estimator in [LSTMRegressor, LSTMClassifier] for pair in pairs(VALUES)]
    + [(LSTMRegressor, *pair) for pair in pairs(OF_REGRESSION)],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_parameters_are_validated(Estimator, method, name, value):
    words = [f"The '{name}' parameter of {Estimator.__name__} must be", f"Got {value!r} instead"]
    call = getattr(make(Estimator, **{name: value}), method)
    assert_raises(lambda: call(CUBE, Y), InvalidParameterError, words)


@pytest.mark.parametrize("class_weight", ["auto", 1.0, [1, 2]])
def test_class_weight_is_validated(class_weight):
    model = make(LSTMClassifier, class_weight=class_weight)
    assert_raises(lambda: model.fit(CUBE, Y), InvalidParameterError, ["class_weight", "balanced"])


@ESTIMATORS
@pytest.mark.parametrize("sizes", [(), (0,), ("a",), (4, -1), (2.5,), [[3]], np.array([0])], ids=repr)
def test_hidden_layer_sizes(Estimator, sizes):
    words = ["hidden_layer_sizes must be positive numbers of units", repr(sizes)]
    assert_raises(lambda: make(Estimator, hidden_layer_sizes=sizes).fit(CUBE, Y), ValueError, words)


@ESTIMATORS
@pytest.mark.parametrize("solver", ["adamw", "lbfgs"])
def test_solvers_without_an_l1_penalty(Estimator, solver):
    words = ["l1_ratio=0.5", f'solver="{solver}"', "set it to 0"]
    assert_raises(lambda: make(Estimator, solver=solver, l1_ratio=0.5).fit(CUBE, Y), ValueError, words)


@ESTIMATORS
def test_lbfgs_watches_nothing(Estimator):
    model = make(Estimator, solver="lbfgs")
    words = ['solver="lbfgs"', "another solver"]
    assert_raises(lambda: model.fit(CUBE, Y, X_val=CUBE, y_val=Y), ValueError, ["X_val", *words])
    model.set_params(early_stopping=True)
    assert_raises(lambda: model.fit(CUBE, Y), ValueError, ["early_stopping=True", *words])


@ESTIMATORS
def test_lbfgs_has_no_partial_fit(Estimator):
    assert not hasattr(make(Estimator, solver="lbfgs"), "partial_fit")
    with pytest.raises(AttributeError) as raised:
        make(Estimator, solver="lbfgs").partial_fit(CUBE, Y)
    assert 'solver="lbfgs" needs all at once' in str(raised.value.__cause__)


@ESTIMATORS
@pytest.mark.parametrize("learning_rate", ["cosine", "one_cycle"])
def test_partial_fit_has_no_end(Estimator, learning_rate):
    words = [f'learning_rate="{learning_rate}"', "known end", "partial_fit", '"constant"']
    assert_raises(lambda: make(Estimator, learning_rate=learning_rate).partial_fit(CUBE, Y), ValueError, words)


@ESTIMATORS
@pytest.mark.parametrize("name", ["dropout", "recurrent_dropout"])
def test_lbfgs_drops_nothing(Estimator, name):
    words = [f"{name} does not go with", 'solver="lbfgs"', "set it to 0"]
    model = make(Estimator, solver="lbfgs", **{name: 0.2})
    with pytest.raises(ValueError, match=f"^{name} "):
        model.fit(CUBE, Y)
    assert_raises(lambda: model.fit(CUBE, Y), ValueError, words)


CHANGES = {
    "hidden_layer_sizes": 5,
    "dtype": "float64",
    "cell": "gru",
    "activation": "relu",
    "recurrent_activation": "hard_sigmoid",
    "bidirectional": True,
    "pooling": "mean",
    "skip_connection": True,
}


@ESTIMATORS
@pytest.mark.parametrize("name", CHANGES)
def test_a_trained_network_keeps_its_shape(Estimator, name):
    words = [name, "cannot change", "warm_start=False"]
    model = make(Estimator, warm_start=True).fit(CUBE, Y).set_params(**{name: CHANGES[name]})
    assert_raises(lambda: model.fit(CUBE, Y), ValueError, words)
    assert_raises(lambda: model.partial_fit(CUBE, Y), ValueError, words)
    model.set_params(warm_start=False).fit(CUBE, Y)


@ESTIMATORS
def test_all_that_changed_is_named(Estimator):
    model = make(Estimator, warm_start=True).fit(CUBE, Y).set_params(hidden_layer_sizes=(4, 4), cell="rnn")
    with pytest.raises(ValueError, match=r"^hidden_layer_sizes, cell cannot change"):
        model.fit(CUBE, Y)


@pytest.mark.parametrize("change", [{"loss": "huber"}, {"delta": 2.0}, {"quantile": [0.1, 0.9]}], ids=str)
def test_a_trained_network_keeps_its_loss(change):
    model = make(LSTMRegressor, warm_start=True).fit(CUBE, Y).set_params(**change)
    for call in [model.fit, model.partial_fit]:
        assert_raises(lambda call=call: call(CUBE, Y), ValueError, [*change, "cannot change", "warm_start=False"])
    model.set_params(warm_start=False).fit(CUBE, Y)
