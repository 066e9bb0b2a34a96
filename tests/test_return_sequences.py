"""A target a time step: in every form of data, with gaps and weights, through scikit-learn's tools."""

import pickle

import numpy as np
import pandas as pd
import pytest
from checks import ESTIMATORS, object_array
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, mean_absolute_error, r2_score
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklstm import LSTMClassifier, LSTMRegressor, as_sequences
from sklstm.metrics import sequence_scorer

pytestmark = pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")

TINY = {
    "hidden_layer_sizes": 4,
    "return_sequences": True,
    "max_iter": 3,
    "batch_size": 8,
    "random_state": 0,
    "n_jobs": 1,
}
N = 30

rng = np.random.default_rng(0)
LENGTHS = np.array([7, 1, *rng.integers(1, 8, size=N - 2)])
X = [rng.normal(size=(length, 2)) for length in LENGTHS]
SUMS = [np.cumsum(x[:, 0]) for x in X]
LABELS = [np.where(total > 0, "up", "down") for total in SUMS]


def padded(parts, width=7):
    """An array of parts of different lengths, filled up with NaN or None."""
    filler = np.nan if parts[0].dtype.kind == "f" else None
    result = np.full((len(parts), width, *parts[0].shape[1:]), filler, dtype=None if filler else object)
    for row, part in zip(result, parts, strict=True):
        row[: len(part)] = part
    return result


def make(Estimator, **parameters):
    return Estimator(**{**TINY, **parameters})


def targets(Estimator):
    return SUMS if Estimator is LSTMRegressor else LABELS


def assert_same_model(model, expected):
    assert model.loss_curve_ == expected.loss_curve_
    assert_array_equal(model._network.parameters, expected._network.parameters)


def assert_same_parts(parts, expected):
    for part, of_expected in zip(parts, expected, strict=True):
        assert_array_equal(part, of_expected)


# ---------------------------------------------------------------------------------------------- learning


def test_running_sums_are_learnt():
    rng = np.random.default_rng(1)
    X = [rng.normal(size=(length, 2)) for length in rng.integers(1, 13, size=120)]
    y = [np.cumsum(x[:, 0]) for x in X]
    parameters = {"hidden_layer_sizes": 8, "max_iter": 40, "batch_size": 32}
    model = make(LSTMRegressor, **parameters).fit(X[:80], y[:80])
    assert model.score(X[80:], y[80:]) > 0.9
    assert model.score(X[80:], y[80:]) == r2_score(np.concatenate(y[80:]), np.concatenate(model.predict(X[80:])))
    signs = [part > 0 for part in y]
    model = make(LSTMClassifier, **parameters).fit(X[:80], signs[:80])
    assert model.score(X[80:], signs[80:]) > 0.9
    both = [np.column_stack([part, x[:, 1] > 0]).astype(int) for part, x in zip(signs, X, strict=True)]
    model = make(LSTMClassifier, **parameters).fit(X[:80], both[:80])
    assert model.score(X[80:], both[80:]) > 0.85


@ESTIMATORS
def test_a_prediction_depends_on_no_later_step(Estimator):
    model = make(Estimator).fit(X, targets(Estimator))
    start = model.predict([x[:3] for x in X])
    assert_same_parts(start, [part[:3] for part in model.predict(X)])
    both = make(Estimator, bidirectional=True).fit(X, targets(Estimator))
    scores = both.predict if Estimator is LSTMRegressor else both.decision_function
    assert scores([X[0][:3]])[0][0] != scores([X[0]])[0][0]


@ESTIMATORS
def test_the_loss_is_the_mean_over_all_steps(Estimator):
    step = {"max_iter": 1, "batch_size": N, "learning_rate_init": 1e-12, "alpha": 0, "dtype": "float64"}
    weights = [np.linspace(1, 2, len(x)) for x in X]
    model = make(Estimator, **step).fit(X, targets(Estimator), weights)
    y, weights = np.concatenate(targets(Estimator)), np.concatenate(weights)
    if Estimator is LSTMRegressor:
        each = (np.concatenate(model.predict(X)) - y) ** 2 / 2 / np.cov(y, aweights=weights, ddof=0)
    else:
        each = -np.concatenate(model.predict_log_proba(X))[np.arange(len(y)), (y == "up").astype(int)]
    assert_allclose(model.loss_curve_[0], np.average(each, weights=weights), rtol=1e-6)


# ---------------------------------------------------------------------------------------------- forms

FORMS = {
    "list": (X, lambda y: y),
    "tuple of lists": (tuple(X), lambda y: tuple(part.tolist() for part in y)),
    "Sequences": (as_sequences(X), lambda y: y),
    "Sequences and an array": (as_sequences(X), padded),
    "padded": (padded(X), padded),
    "padded, a list": (padded(X), lambda y: y),
    "padded, a list of padded": (padded(X), lambda y: list(padded(y))),
    "Fortran": (np.asfortranarray(padded(X)), lambda y: np.asfortranarray(padded(y))),
    "a column": (X, lambda y: [part[:, np.newaxis] for part in y]),
}


@ESTIMATORS
@pytest.mark.parametrize("form", FORMS)
def test_forms(Estimator, form):
    X_in, y_in = FORMS[form][0], FORMS[form][1](targets(Estimator))
    before = pickle.dumps((X_in, y_in))
    model = make(Estimator).fit(X_in, y_in)
    assert_same_model(model, make(Estimator).fit(X, targets(Estimator)))
    predicted = model.predict(X_in)
    expected = model.predict(X)
    assert pickle.dumps((X_in, y_in)) == before
    if isinstance(X_in, np.ndarray):
        assert predicted.shape == (N, 7, *expected[0].shape[1:])
        past = np.arange(7) >= LENGTHS[:, np.newaxis]
        assert all(value is None or value != value for value in predicted[past].ravel())
        predicted = [row[:length] for row, length in zip(predicted, LENGTHS, strict=True)]
    else:
        assert isinstance(predicted, list)
    assert_same_parts(predicted, expected)
    assert all(len(part) == length for part, length in zip(predicted, LENGTHS, strict=True))
    y, flat = np.concatenate(targets(Estimator)), np.concatenate(expected)
    score = r2_score(y, flat) if Estimator is LSTMRegressor else accuracy_score(y, flat)
    assert model.score(X_in, y_in) == score


@ESTIMATORS
@pytest.mark.parametrize("frame", [False, True])
def test_tables(Estimator, frame):
    table = np.random.default_rng(1).normal(size=(N, 6)).astype(np.float16)
    y = np.cumsum(table, axis=1) > 0 if Estimator is LSTMClassifier else np.cumsum(table, axis=1)
    X_in, y_in = (pd.DataFrame(table), pd.DataFrame(y)) if frame else (table, y)
    model = make(Estimator).fit(X_in, y_in)
    assert_same_model(model, make(Estimator).fit(list(table), list(y)))
    assert model.predict(X_in).shape == (N, 6)
    assert_array_equal(model.predict(X_in), model.predict(table[:, :, np.newaxis]))
    assert_array_equal(model.predict(X_in)[:, :2], np.stack(model.predict(list(table[:, :2]))))
    if Estimator is LSTMClassifier:
        assert model.predict_proba(X_in).shape == (N, 6, 2)
        assert model.decision_function(X_in).shape == (N, 6)
        assert_allclose(np.exp(model.predict_log_proba(X_in)), model.predict_proba(X_in))


def test_probabilities_in_the_form_of_the_data():
    y = [np.array(["a", "b", "c"])[np.arange(len(x)) % 3] for x in X]
    model = make(LSTMClassifier).fit(X, y)
    probabilities = model.predict_proba(X)
    assert [part.shape for part in probabilities] == [(length, 3) for length in LENGTHS]
    assert_allclose(np.concatenate(probabilities).sum(axis=1), 1)
    assert_same_parts([model.classes_[part.argmax(axis=1)] for part in probabilities], model.predict(X))
    array = model.predict_proba(padded(X))
    assert array.shape == (N, 7, 3)
    assert_array_equal(array[0], probabilities[0])
    assert_array_equal(np.isnan(array[:, :, 0]), np.arange(7) >= LENGTHS[:, np.newaxis])


@ESTIMATORS
def test_one_sequence_of_one_step(Estimator):
    model = make(Estimator).fit(X, targets(Estimator))
    assert_array_equal(model.predict(X[:1])[0], model.predict(X)[0])
    assert_array_equal(model.predict(np.stack([X[1]])), [model.predict(X)[1]])
    if Estimator is LSTMRegressor:
        assert_allclose(make(Estimator, max_iter=50).fit([[[1.0]]], [[3.0]]).predict([[[1.0]]])[0], 3, atol=0.05)


def test_several_outputs():
    y = [np.column_stack([total, -2 * total, x[:, 1]]) for total, x in zip(SUMS, X, strict=True)]
    model = make(LSTMRegressor, max_iter=150, hidden_layer_sizes=16).fit(X, y)
    assert [part.shape for part in model.predict(X)] == [(length, 3) for length in LENGTHS]
    scores = r2_score(np.concatenate(y), np.concatenate(model.predict(X)), multioutput="raw_values")
    assert (scores > 0.9).all()
    assert_allclose(model.score(padded(X), padded(y)), scores.mean(), rtol=1e-12)


# ---------------------------------------------------------------------------------------------- gaps and weights


def test_missing_targets_are_left_out():
    gaps = [np.arange(len(x)) % 3 == 1 for x in X]
    y = [np.where(gap, np.nan, part) for gap, part in zip(gaps, SUMS, strict=True)]
    model = make(LSTMRegressor, standardize=False).fit(X, y)
    weighted = make(LSTMRegressor, standardize=False).fit(X, SUMS, [1.0 - gap for gap in gaps])
    assert_same_model(model, weighted)
    known = ~np.concatenate(gaps)
    assert_allclose(model.score(X, y), r2_score(np.concatenate(y)[known], np.concatenate(model.predict(X))[known]))
    # What stands where nothing counts is of no consequence.
    wild = [np.where(gap, 1e9, part) for gap, part in zip(gaps, SUMS, strict=True)]
    assert_same_model(make(LSTMRegressor).fit(X, wild, [1.0 - gap for gap in gaps]), make(LSTMRegressor).fit(X, y))


def test_missing_targets_of_one_output():
    y = [np.column_stack([total, total]) for total in SUMS]
    for i, part in enumerate(y):
        part[i % 3 :: 3, 1] = np.nan
    model = make(LSTMRegressor, hidden_layer_sizes=16, max_iter=150).fit(X, y)
    predicted = np.concatenate(model.predict(X))
    assert (r2_score(np.tile(np.concatenate(SUMS), (2, 1)).T, predicted, multioutput="raw_values") > 0.9).all()
    known = ~np.isnan(np.concatenate(y)[:, 1])
    scores = r2_score(np.concatenate(SUMS), predicted[:, 0]), r2_score(np.concatenate(SUMS)[known], predicted[known, 1])
    assert_allclose(model.score(X, y), np.mean(scores), rtol=1e-12)


@ESTIMATORS
def test_sequences_without_targets_are_left_out(Estimator):
    y, keep = targets(Estimator), np.arange(N) % 4 > 0
    weights = [np.full(len(x), float(kept)) for x, kept in zip(X, keep, strict=True)]
    kept = make(Estimator).fit([X[i] for i in np.flatnonzero(keep)], [y[i] for i in np.flatnonzero(keep)])
    assert_same_model(make(Estimator).fit(X, y, weights), kept)
    assert_same_model(make(Estimator).fit(X, y, keep.astype(float)), kept)
    assert kept.t_ == 3 * keep.sum()


@ESTIMATORS
def test_forms_of_weights(Estimator):
    y, of_sequence = targets(Estimator), np.random.default_rng(1).uniform(0.5, 2, size=N)
    model = make(Estimator).fit(X, y, of_sequence)
    of_steps = [np.full(len(x), weight) for x, weight in zip(X, of_sequence, strict=True)]
    forms = [of_steps, tuple(of_steps), object_array(of_steps), padded(of_steps)]
    for weights in [of_sequence.tolist(), pd.Series(of_sequence), *forms]:
        assert_same_model(make(Estimator).fit(X, y, weights), model)
    assert make(Estimator).fit(X, y).loss_curve_ != model.loss_curve_
    metric = r2_score if Estimator is LSTMRegressor else accuracy_score
    expected = metric(np.concatenate(y), np.concatenate(model.predict(X)), sample_weight=np.concatenate(of_steps))
    for weights in [of_sequence, of_steps]:
        assert_allclose(model.score(X, y, sample_weight=weights), expected, rtol=1e-12)


def test_class_weights_are_those_of_steps():
    weight = {"up": 3.0, "down": 0.5}
    by_class = make(LSTMClassifier, class_weight=weight).fit(X, LABELS)
    by_step = [np.where(part == "up", 3.0, 0.5) for part in LABELS]
    assert_same_model(by_class, make(LSTMClassifier).fit(X, LABELS, by_step))
    n, n_up = sum(LENGTHS), sum((part == "up").sum() for part in LABELS)
    balanced = make(LSTMClassifier, class_weight={"up": n / 2 / n_up, "down": n / 2 / (n - n_up)}).fit(X, LABELS)
    assert_same_model(make(LSTMClassifier, class_weight="balanced").fit(X, LABELS), balanced)


# ---------------------------------------------------------------------------------------------- training


@ESTIMATORS
def test_validation_data(Estimator):
    y = targets(Estimator)
    model = make(Estimator, max_iter=20).fit(X[:20], y[:20], X_val=padded(X[20:]), y_val=padded(y[20:]))
    assert_allclose(model.score(X[20:], y[20:]), model.best_validation_score_, rtol=1e-5)
    assert model.best_loss_ == min(model.validation_loss_curve_)
    # The steps that are not to be watched.
    weights = [1.0 * (np.arange(len(x)) > 1) for x in X[20:]]
    weighted = make(Estimator).fit(X[:20], y[:20], X_val=X[20:], y_val=y[20:], sample_weight_val=weights)
    assert_allclose(weighted.best_validation_score_, weighted.score(X[20:], y[20:], sample_weight=weights), rtol=1e-5)


@ESTIMATORS
@pytest.mark.parametrize("groups", [None, np.arange(N) // 3], ids=["sequences", "groups"])
def test_early_stopping_holds_whole_sequences_out(Estimator, groups):
    model = make(Estimator, early_stopping=True, validation_fraction=0.2)
    model.fit(X, targets(Estimator), groups=groups)
    assert model.t_ == 3 * 24
    assert len(model.validation_scores_) == 3
    assert model.best_validation_score_ == model.validation_scores_[np.argmin(model.validation_loss_curve_)]


@ESTIMATORS
def test_going_on_and_copies(Estimator):
    y = targets(Estimator)
    parameters = {"learning_rate": "constant", "learning_rate_init": 0.001, "average": False}
    fitted, partial = make(Estimator, **parameters).fit(X, y), make(Estimator, **parameters)
    for _ in range(3):
        partial.partial_fit(X, y)
    assert_same_model(partial, fitted)
    assert_same_model(clone(fitted).fit(X, y), fitted)
    copy = pickle.loads(pickle.dumps(fitted))
    assert_same_parts(copy.predict(X), fitted.predict(X))
    warm = make(Estimator, **parameters, warm_start=True).fit(X, y).fit(X, y)
    assert warm.loss_curve_[-1] < fitted.loss_curve_[-1]
    assert_same_model(make(Estimator, n_jobs=2).fit(X, y), make(Estimator).fit(X, y))
    with pytest.raises(ValueError, match="return_sequences cannot change"):
        warm.set_params(return_sequences=False).fit(X, [part[0] for part in y])


@ESTIMATORS
def test_lbfgs(Estimator):
    model = make(Estimator, solver="lbfgs", max_iter=100, hidden_layer_sizes=8).fit(X, targets(Estimator))
    assert (np.diff(model.loss_curve_) < 0).all()
    assert model.score(X, targets(Estimator)) > 0.95


# ---------------------------------------------------------------------------------------------- scikit-learn's tools


@ESTIMATORS
def test_searches_and_pipelines(Estimator):
    y = padded(targets(Estimator))
    is_regressor = Estimator is LSTMRegressor
    scorer = sequence_scorer("neg_mean_absolute_error" if is_regressor else "accuracy")
    pipeline = make_pipeline(FunctionTransformer(as_sequences), make(Estimator))
    name = f"{Estimator.__name__.lower()}__cell"
    search = GridSearchCV(pipeline, {name: ["gru", "rnn"]}, cv=KFold(2), scoring=scorer, error_score="raise")
    search.fit(padded(X), y)
    halves = [slice(N // 2), slice(N // 2, None)]
    for cell, mean in zip(["gru", "rnn"], search.cv_results_["mean_test_score"], strict=True):
        scores = []
        for test, train in [halves, halves[::-1]]:
            flat = np.concatenate(make(Estimator, cell=cell).fit(X[train], targets(Estimator)[train]).predict(X[test]))
            known = np.concatenate(targets(Estimator)[test])
            scores.append(-mean_absolute_error(known, flat) if is_regressor else accuracy_score(known, flat))
        assert_allclose(mean, np.mean(scores), rtol=1e-12)
    scores = cross_val_score(make(Estimator), padded(X), y, cv=GroupKFold(3), groups=np.arange(N) // 2)
    assert np.isfinite(scores).all()
