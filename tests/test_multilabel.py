"""Several labels a sequence: a column of 0 and 1 each, with probabilities of their own."""

import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score
from sklearn.model_selection import KFold, cross_val_score

from sklstm import LSTMClassifier

pytestmark = pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")

N, N_TRAIN = 240, 160

rng = np.random.default_rng(0)
X = [rng.normal(size=(length, 3)) for length in rng.integers(3, 9, size=N)]
Y = np.array([x.sum(axis=0) > [0, 0, 2] for x in X]).astype(int)


def make(**parameters):
    return LSTMClassifier(**{"hidden_layer_sizes": 4, "max_iter": 3, "random_state": 0, "n_jobs": 1, **parameters})


@pytest.fixture(scope="module")
def model():
    return make(hidden_layer_sizes=16, max_iter=60).fit(X[:N_TRAIN], Y[:N_TRAIN])


def test_every_label_is_learnt(model):
    predicted, probabilities = model.predict(X[N_TRAIN:]), model.predict_proba(X[N_TRAIN:])
    assert predicted.dtype.kind == "i"
    assert set(predicted.ravel()) == {0, 1}
    assert (roc_auc_score(Y[N_TRAIN:], probabilities, average=None) > 0.85).all()
    assert f1_score(Y[N_TRAIN:], predicted, average="macro") > 0.8
    assert model.score(X[N_TRAIN:], Y[N_TRAIN:]) == accuracy_score(Y[N_TRAIN:], predicted) > 0.6
    weights = np.random.default_rng(1).uniform(size=N - N_TRAIN)
    expected = accuracy_score(Y[N_TRAIN:], predicted, sample_weight=weights)
    assert model.score(X[N_TRAIN:], Y[N_TRAIN:], sample_weight=weights) == expected


def test_outputs(model):
    assert_array_equal(model.classes_, [0, 1, 2])
    assert model.n_outputs_ == 3
    assert model.out_activation_ == "logistic"
    scores, probabilities = model.decision_function(X), model.predict_proba(X)
    assert scores.shape == probabilities.shape == (N, 3)
    assert_allclose(probabilities, 1 / (1 + np.exp(-scores)), rtol=1e-12)
    assert_allclose(np.exp(model.predict_log_proba(X)), probabilities, rtol=1e-12)
    assert_array_equal(model.predict(X), probabilities > 0.5)
    assert np.ptp(probabilities.sum(axis=1)) > 1  # labels are independent of one another
    assert_array_equal(model.predict_proba(X[:1])[0], probabilities[0])


def test_the_loss_is_the_sum_over_labels():
    step = {"max_iter": 1, "batch_size": N, "alpha": 0, "dtype": "float64", "learning_rate_init": 1e-12}
    model = make(**step).fit(X, Y)
    log_p = model.predict_log_proba(X)
    log_not_p = np.log1p(-np.exp(log_p))
    assert_allclose(model.loss_curve_[0], -np.where(Y, log_p, log_not_p).sum(axis=1).mean(), rtol=1e-6)


@pytest.mark.parametrize(
    "form",
    [
        lambda y: y.astype(bool),
        lambda y: y.astype(float),
        lambda y: y.astype(np.float32),
        lambda y: y.tolist(),
        np.asfortranarray,
        pd.DataFrame,
    ],
)
def test_forms(form):
    model = make().fit(X, form(Y))
    assert_array_equal(model.predict_proba(X), make().fit(X, Y).predict_proba(X))
    assert model.score(X, form(Y)) == accuracy_score(Y, model.predict(X))


def test_two_labels_are_not_two_classes():
    model = make().fit(X, Y[:, :2])
    assert model.predict(X).shape == model.predict_proba(X).shape == model.decision_function(X).shape == (N, 2)


def test_going_on_copies_and_validation():
    partial = make(learning_rate="constant")
    for _ in range(3):
        partial.partial_fit(X, Y)
    fitted = make(learning_rate="constant").fit(X, Y)
    assert partial.loss_curve_ == fitted.loss_curve_
    assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict_proba(X), fitted.predict_proba(X))
    watched = make().fit(X[:N_TRAIN], Y[:N_TRAIN], X_val=X[N_TRAIN:], y_val=Y[N_TRAIN:])
    assert_allclose(watched.best_validation_score_, watched.score(X[N_TRAIN:], Y[N_TRAIN:]))
    assert len(make(early_stopping=True).fit(X, Y).validation_scores_) == 3
    names = (
        make().partial_fit(X, Y, classes=["fever", "pain", "rash"]).partial_fit(X, Y, classes=["fever", "pain", "rash"])
    )
    assert_array_equal(names.classes_, ["fever", "pain", "rash"])


def test_cross_validation():
    scores = cross_val_score(make(), X, Y, cv=KFold(2), scoring="roc_auc")
    half = N // 2
    expected = [
        roc_auc_score(Y[test], make().fit(X[train], Y[train]).predict_proba(X[test]))
        for test, train in [(slice(half), slice(half, N)), (slice(half, N), slice(half))]
    ]
    assert_allclose(scores, expected)


def test_labels_a_time_step():
    y = [(np.cumsum(x, axis=0) > 0).astype(int) for x in X]
    model = make(return_sequences=True, hidden_layer_sizes=16, max_iter=60).fit(X[:N_TRAIN], y[:N_TRAIN])
    probabilities = model.predict_proba(X[N_TRAIN:])
    assert [part.shape for part in probabilities] == [x.shape for x in X[N_TRAIN:]]
    known = np.concatenate(y[N_TRAIN:])
    assert (roc_auc_score(known, np.concatenate(probabilities), average=None) > 0.95).all()
    assert model.score(X[N_TRAIN:], y[N_TRAIN:]) == accuracy_score(known, np.concatenate(model.predict(X[N_TRAIN:])))


WRONG = {
    "other numbers": (2 * Y, ["0 and 1", "[0, 2]"]),
    "negative": (Y - 1, ["0 and 1", "[-1, 0]"]),
    "three values": (Y + Y[:, :1], ["0 and 1", "(240, 3)"]),
    "text": (np.where(Y, "yes", "no"), ["0 and 1", "(240, 3)"]),
    "lists of labels": ([["a"], ["a", "b"]] * (N // 2), ["0 and 1", "y must"]),
    "missing": (np.where(Y, np.nan, 0), ["NaN", "first in sequence"]),
    "three axes": (np.zeros((N, 3, 2)), ["y must", "dim 3"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_labels(case):
    y, words = WRONG[case]
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the words follow
        make().fit(X, y)
    for word in words:
        assert word in str(caught.value)


def test_sparse_labels():
    with pytest.raises(TypeError, match="Sparse data was passed for y"):
        make().fit(X, scipy.sparse.csr_array(Y))


def test_other_labels_than_before(model):
    copy = pickle.loads(pickle.dumps(model))
    for y in [Y[:, 0], Y[:, :2]]:
        with pytest.raises(ValueError, match=r"y must hold 3 columns of 0 and 1, one a label, as in fit"):
            copy.partial_fit(X, y)
    with pytest.raises(ValueError, match=r"^y_val: y must hold 3 columns"):
        make().fit(X, Y, X_val=X, y_val=Y[:, 0])
    with pytest.raises(ValueError, match=r"y must hold one label a sequence, as in fit; its shape is \(240, 3\)"):
        make().fit(X, Y[:, 0]).partial_fit(X, Y)
    with pytest.raises(ValueError, match=r"classes=\[0, 1\] must name the 3 labels"):
        make().partial_fit(X, Y, classes=[0, 1])
    with pytest.raises(ValueError, match="not those of the first call"):
        make().partial_fit(X, Y).partial_fit(X, Y, classes=[1, 0, 2])


@pytest.mark.parametrize("class_weight", ["balanced", {0: 2.0}])
def test_class_weights_are_for_one_label(class_weight):
    with pytest.raises(ValueError, match=r"class_weight is for one label a sequence.*sample_weight"):
        make(class_weight=class_weight).fit(X, Y)
