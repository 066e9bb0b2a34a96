"""Wrong sequences, each with words that say what is wrong and where."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from checks import ESTIMATORS, object_array
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from wrong_calls.shared import CUBE, INF, NAN, TABLE, N, Y, assert_raises, changed, make

from sklstm import LSTMRegressor, as_sequences

pytestmark = pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")

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
        ([[1, 2, np.array([3])], [1, 2, 3]], ["rows that differ in length, or hold more than numbers"]),
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
