"""Wrong targets and weights a time step: errors name the argument, the sequence and the time step."""

import numpy as np
import pytest
from checks import ESTIMATORS
from sklearn.exceptions import ConvergenceWarning

from sklstm import LSTMClassifier, LSTMRegressor

pytestmark = pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")

N, T = 6, 4

CUBE = np.random.default_rng(0).normal(size=(N, T, 2))
Y = np.int64(CUBE[:, :, 0] > 0)
RAGGED = [CUBE[0], CUBE[1, :2], *CUBE[2:]]


def make(Estimator, **parameters):
    return Estimator(4, return_sequences=True, max_iter=2, random_state=0, n_jobs=1, **parameters)


def changed(index, value):
    y = Y.astype(object)
    y[index] = value
    return y


OF_BOTH = {
    "one a sequence": (Y[:, 0], ["y holds a value a time step", "(6,)", "4 time steps"]),
    "numbers in a list": (list(Y[:, 0]), ["y[0] is a single value", "sequence 0 of X has 4 time steps"]),
    "too few steps": (Y[:, :3], ["y", "(6, 3)", "4 time steps"]),
    "one too short": ([*Y[:3], Y[3, :2], *Y[4:]], ["y[3] has 2 time steps", "sequence 3 of X has 4"]),
    "one too long": ([*Y[:3], [0] * 9, *Y[4:]], ["y[3] has 9 time steps", "sequence 3 of X has 4"]),
    "one None": ([*Y[:3], None, *Y[4:]], ["y[3] is a single value"]),
    "a string": ([*Y[:3], "abcd", *Y[4:]], ["y[3] is a single value"]),
    "outputs differ": ([*Y[:3], np.c_[Y[3], Y[3]], *Y[4:]], ["y[3] has (2,) values a time step", "y[0] has ()"]),
    "too many axes": (np.zeros((N, T, 2, 2)), ["y must"]),
    "too few sequences": (Y[:5], ["inconsistent numbers of samples: [6, 5]"]),
    "none": ([], ["inconsistent numbers of samples: [6, 0]"]),
    "no y": (None, ["requires y to be passed"]),
}
OF_REGRESSION = {
    "infinity": (changed((3, 1), np.inf).tolist(), ["y contains infinity, first in sequence 3, time step 1"]),
    "all missing": (np.full((N, T), np.nan), ["y has only missing values (NaN)"]),
    "one output missing": (np.stack([Y, np.full((N, T), np.nan)], 2), ["Column 1 of y has only missing values"]),
    "text": (Y.astype(str), ["y must hold real numbers"]),
    "complex": (Y + 1j, ["Complex data not supported", "y"]),
}
OF_CLASSES = {
    "NaN": (changed((3, 1), np.nan).astype(float), ["y contains NaN or None, first in sequence 3, time step 1"]),
    "None": (changed((5, 3), None), ["y contains NaN or None, first in sequence 5, time step 3", "the weight 0"]),
    "None in a list": (changed((5, 3), None).tolist(), ["first in sequence 5, time step 3"]),
    "one class": (np.zeros((N, T)), ["at least two classes", "one class"]),
    "continuous": (CUBE[:, :, 0], ["Unknown label type: continuous"]),
    "two columns of other numbers": (np.stack([Y, 2 * Y], 2), ["y must hold one label", "0 and 1"]),
}


def assert_raises(call, words):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the words follow
        call()
    for word in words:
        assert word in str(caught.value), str(caught.value)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    ("Estimator", "case"),
    [(LSTMRegressor, case) for case in OF_BOTH | OF_REGRESSION]
    + [(LSTMClassifier, case) for case in OF_BOTH | OF_CLASSES],
)
def test_targets(Estimator, method, case):
    y, words = (OF_BOTH | (OF_REGRESSION if Estimator is LSTMRegressor else OF_CLASSES))[case]
    assert_raises(lambda: getattr(make(Estimator), method)(CUBE, y), words)


@ESTIMATORS
def test_steps_of_ragged_sequences_are_counted_in_their_sequence(Estimator):
    y = [part[: len(x)].astype(object) for part, x in zip(Y, RAGGED, strict=True)]
    y[2][1] = np.inf if Estimator is LSTMRegressor else None
    assert_raises(lambda: make(Estimator).fit(RAGGED, y), ["first in sequence 2, time step 1"])


def test_counts_that_are_negative():
    model = make(LSTMRegressor, loss="poisson")
    assert_raises(lambda: model.fit(CUBE, changed((3, 1), -1)), ["negative value, first in sequence 3, time step 1"])
    words = ["y_val", "negative value, first in sequence 3, time step 1", "choose another loss"]
    assert_raises(lambda: model.fit(CUBE, Y, X_val=CUBE, y_val=changed((3, 1), -1)), words)


WEIGHTS = {
    "fewer": (np.ones(5), ["sample_weight has 5 elements, but X has 6 sequences"]),
    "fewer rows": (np.ones((5, T)), ["sample_weight has 5 elements, but X has 6 sequences"]),
    "none": ([], ["sample_weight has 0 elements, but X has 6 sequences"]),
    "too few steps": (np.ones((N, 3)), ["sample_weight", "(6, 3)", "4 time steps"]),
    "one too short": ([*np.ones((5, T)), [1.0]], ["sample_weight[5] has 1 time steps", "sequence 5 of X has 4"]),
    "several a step": (np.ones((N, T, 2)), ["sample_weight must hold one weight a time step"]),
    "negative": (-np.ones((N, T)), ["Negative values", "sample_weight"]),
    "zero": (np.zeros((N, T)), ["sample_weight", "non-zero"]),
    "NaN": (np.full((N, T), np.nan), ["sample_weight contains NaN"]),
    "text": (["a"] * N, ["sample_weight must hold real numbers"]),
}


@ESTIMATORS
@pytest.mark.parametrize("case", WEIGHTS)
def test_weights(Estimator, case):
    weights, words = WEIGHTS[case]
    assert_raises(lambda: make(Estimator).fit(CUBE, Y, weights), words)
    words = [word.replace("sample_weight", "sample_weight_val") for word in words if word != "Negative values"]
    if case not in ("negative", "zero", "NaN"):  # of which scikit-learn speaks by the argument's usual name
        assert_raises(lambda: make(Estimator).fit(CUBE, Y, X_val=CUBE, y_val=Y, sample_weight_val=weights), words)


@ESTIMATORS
def test_validation_data(Estimator):
    model = make(Estimator)
    assert_raises(lambda: model.fit(CUBE, Y, X_val=CUBE, y_val=Y[:, :3]), ["y_val", "(6, 3)"])
    assert_raises(lambda: model.fit(CUBE, Y, X_val=CUBE, y_val=[*Y[:5], [0]]), ["y_val", "[5] has 1 time steps"])
    assert_raises(lambda: model.fit(CUBE, Y, X_val=CUBE[:, :, :1], y_val=Y), ["X_val", "1 features"])


@ESTIMATORS
def test_data(Estimator):
    empty = [*CUBE[:3], np.empty((0, 2)), *CUBE[4:]]
    assert_raises(lambda: make(Estimator).fit(empty, [*Y[:3], [], *Y[4:]]), ["Sequence 3", "no time steps"])
    model = make(Estimator).fit(CUBE, Y)
    assert_raises(lambda: model.predict(empty), ["Sequence 3", "no time steps"])
    assert_raises(lambda: model.predict([]), ["no sequences"])
    gap = CUBE.copy()
    gap[2, 1] = np.inf
    assert_raises(lambda: model.predict(gap), ["infinity", "sequence 2, time step 1"])
    assert_raises(lambda: model.predict(gap[:, :, :1]), ["X has 1 features"])


@ESTIMATORS
def test_scores(Estimator):
    model = make(Estimator).fit(CUBE, Y)
    assert_raises(lambda: model.score(CUBE, Y[:, 0]), ["y must have a value at each time step"])
    assert_raises(lambda: model.score(CUBE, Y[:5]), ["y has 5 sequences, but X has 6"])
    assert_raises(lambda: model.score(CUBE, [*Y[:5], [0]]), ["y has 1 time steps for sequence 5, but X has 4"])
    assert_raises(lambda: model.score(CUBE, Y, np.ones(5)), ["sample_weight has 5 elements, but X has 6"])
    assert_raises(lambda: model.score(CUBE, Y, np.zeros((N, T))), ["nothing to score"])
