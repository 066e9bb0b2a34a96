"""Wrong targets, weights, classes, validation data and groups, for both estimators."""

import numpy as np
import pandas as pd
import pytest
from checks import ESTIMATORS, object_array
from sklearn.exceptions import ConvergenceWarning
from wrong_calls.shared import CUBE, INF, NAN, N, Y, assert_raises, changed, make

from sklstm import LSTMClassifier, LSTMRegressor, as_sequences

pytestmark = pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")

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
