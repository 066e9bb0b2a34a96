"""Scores over time steps: which steps count, how much, and that scikit-learn's tools take the scorer."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from checks import object_array
from numpy.testing import assert_allclose
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.dummy import DummyRegressor
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.inspection import permutation_importance
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    log_loss,
    make_scorer,
    mean_absolute_error,
    r2_score,
    roc_auc_score,
    root_mean_squared_error,
)
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score, cross_validate

from sklstm import as_sequences
from sklstm.metrics import sequence_scorer

LENGTHS = 5, 2, 7, 1, 4


def each(function, X):
    """`function` of each sequence, in the form of X."""
    return function(X) if isinstance(X, np.ndarray) else [function(np.asarray(x)) for x in X]


class Regressor(RegressorMixin, BaseEstimator):
    """Predicts `factor` times the features, or the first of them."""

    def __init__(self, factor=1.0, first=False):
        self.factor = factor
        self.first = first

    def fit(self, X, y, sample_weight=None):
        return self

    def predict(self, X):
        return each(lambda x: self.factor * (x[..., 0] if self.first else x), X)


class Classifier(ClassifierMixin, BaseEstimator):
    """Takes the features for scores of the classes."""

    def __init__(self, classes=("a", "b", "c")):
        self.classes = classes

    @property
    def classes_(self):
        return np.array(self.classes)

    def fit(self, X, y, sample_weight=None):
        return self

    def predict_proba(self, X):
        return each(lambda x: np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True), X)

    def predict(self, X):
        return each(lambda x: self.classes_[x.argmax(axis=-1)], X)


class BinaryWithDecisions(Classifier):
    def decision_function(self, X):
        return each(lambda x: x[..., 1] - x[..., 0], X)


def ragged(n_features=2, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(length, n_features)) for length in LENGTHS]


def labels(classes="abc", seed=1):
    rng = np.random.default_rng(seed)
    return [rng.choice(list(classes), size=length) for length in LENGTHS]


def padded(sequences, fill=np.nan):
    """One array of sequences, those shorter than the longest filled up at the end."""
    sequences = [np.asarray(sequence) for sequence in sequences]
    dtype = float if sequences[0].dtype.kind == "f" else object
    array = np.full((len(sequences), max(LENGTHS), *sequences[0].shape[1:]), fill, dtype=dtype)
    for row, sequence in zip(array, sequences, strict=True):
        row[: len(sequence)] = sequence
    return array


# ---------------------------------------------------------------------------------------------- forms and outputs


@pytest.mark.parametrize("scoring", ["r2", "neg_mean_absolute_error", "neg_root_mean_squared_error", "neg_max_error"])
def test_scores_of_all_time_steps(scoring):
    X, y = ragged(), [x[:, 0] for x in ragged(seed=1)]
    all_steps = np.concatenate(X), np.concatenate(y)
    expected = sklearn.metrics.get_scorer(scoring)(Regressor(0.5, first=True), *all_steps)
    assert sequence_scorer(scoring)(Regressor(0.5, first=True), X, y) == expected


FORMS = {
    "list": (list, list),
    "tuple": (list, tuple),
    "lists of numbers": (list, lambda y: [part.tolist() for part in y]),
    "columns": (list, lambda y: [pd.Series(part[:, 0], index=range(7, 7 + len(part))) for part in y]),
    "objects": (list, object_array),
    "padded": (padded, padded),
    "padded y": (list, padded),
    "padded X": (padded, list),
    "padded with zeros": (padded, lambda y: padded(y, 0.0)),
}


@pytest.mark.parametrize("form", FORMS)
def test_any_form_of_sequences(form):
    X, y = ragged(1), ragged(1, seed=1)
    of_X, of_y = FORMS[form]
    actual = sequence_scorer("r2")(Regressor(0.5), of_X(X), of_y(y))
    assert_allclose(actual, r2_score(np.concatenate(y), 0.5 * np.concatenate(X)), rtol=1e-12)


def test_a_data_frame_of_targets():
    X, y = np.arange(6.0).reshape(2, 3, 1), pd.DataFrame([[1.0, np.nan, 1.0], [4.0, 4.0, 8.0]], columns=list("abc"))
    assert sequence_scorer("neg_mean_absolute_error")(Regressor(first=True), X, y) == -(1 + 1 + 1 + 0 + 3) / 5


def test_all_outputs_at_once():
    X, y = ragged(3), ragged(3, seed=1)
    weighted = make_scorer(r2_score, multioutput="variance_weighted")
    expected = r2_score(np.concatenate(y), np.concatenate(X), multioutput="variance_weighted")
    assert sequence_scorer(weighted)(Regressor(), X, y) == expected
    assert sequence_scorer(weighted)(
        Regressor(), np.stack([x[:1] for x in X]), np.stack([t[:1] for t in y])
    ) == r2_score([t[0] for t in y], [x[0] for x in X], multioutput="variance_weighted")


# ---------------------------------------------------------------------------------------------- steps left out


def test_steps_without_a_target_do_not_count():
    X, y = ragged(1), ragged(1, seed=1)
    y[0][2:] = y[3][:] = np.nan
    all_y = np.concatenate(y)
    known = ~np.isnan(all_y[:, 0])
    expected = r2_score(all_y[known], np.concatenate(X)[known])
    assert sequence_scorer("r2")(Regressor(), X, y) == expected
    assert sequence_scorer("r2")(Regressor(), padded(X), padded(y)) == expected


def test_each_output_over_its_own_steps():
    X, y = ragged(3), ragged(3, seed=1)
    y[0][1, 0] = y[2][3:, 0] = y[2][0, 1] = np.nan
    all_X, all_y = np.concatenate(X), np.concatenate(y)
    for scoring, metric in [("r2", r2_score), ("neg_root_mean_squared_error", root_mean_squared_error)]:
        known = [~np.isnan(column) for column in all_y.T]
        scores = [metric(all_y[rows, k], all_X[rows, k]) for k, rows in enumerate(known)]
        expected = np.mean(scores) * (1 if scoring == "r2" else -1)
        assert_allclose(sequence_scorer(scoring)(Regressor(), X, y), expected, rtol=1e-12)


def test_an_output_without_targets_does_not_count():
    X, y = ragged(), ragged(seed=1)
    for part in y:
        part[:, 0] = np.nan
    expected = mean_absolute_error(np.concatenate(y)[:, 1], np.concatenate(X)[:, 1])
    assert_allclose(-sequence_scorer("neg_mean_absolute_error")(Regressor(), X, y), expected, rtol=1e-12)


@pytest.mark.parametrize("missing", [None, np.nan])
def test_missing_labels(missing):
    X, y = ragged(3), [list(part) for part in labels()]
    y[0][2:] = [missing] * 3
    all_X = np.concatenate([X[0][:2], *X[1:]])
    all_y = np.concatenate([y[0][:2], *y[1:]])
    model = Classifier()
    for scoring in ("accuracy", "f1_macro", "neg_log_loss", "roc_auc_ovr"):
        expected = sklearn.metrics.get_scorer(scoring)(model, all_X, all_y)
        assert sequence_scorer(scoring)(model, X, y) == expected
        as_objects = [np.array(part, dtype=object) for part in y]
        assert sequence_scorer(scoring)(model, padded(X), padded(as_objects, missing)) == expected


def test_labels_at_padding_do_not_count():
    X, y = ragged(2), labels("01")
    y = [part.astype(int) for part in y]
    expected = accuracy_score(np.concatenate(y), Classifier((0, 1)).predict(np.concatenate(X)))
    for beyond in (0, 1, -1):
        with_padding = padded(y, beyond).astype(int)
        assert sequence_scorer("accuracy")(Classifier((0, 1)), padded(X), with_padding) == expected


def test_labels_that_are_numbers_with_gaps():
    X, y = ragged(2), [part.astype(float) for part in labels("01")]
    y[4][1] = np.nan
    all_y = np.concatenate(y)
    known = ~np.isnan(all_y)
    expected = f1_score(all_y[known], Classifier((0, 1)).predict(np.concatenate(X)[known]))
    assert sequence_scorer("f1")(Classifier((0, 1)), X, y) == expected
    whole = [[None if label != label else int(label) for label in part] for part in y]
    assert sequence_scorer("f1")(Classifier((0, 1)), X, whole) == expected


# ---------------------------------------------------------------------------------------------- responses and weights


def test_the_positive_class_of_two():
    X, y = ragged(), labels("ab")
    all_X, all_y = np.concatenate(X), np.concatenate(y)
    model = BinaryWithDecisions(("a", "b"))
    assert_allclose(
        sequence_scorer("roc_auc")(model, X, y), roc_auc_score(all_y == "b", all_X[:, 1] - all_X[:, 0]), rtol=1e-12
    )
    of_a = make_scorer(f1_score, pos_label="a")
    assert sequence_scorer(of_a)(model, X, y) == f1_score(all_y, model.predict(all_X), pos_label="a")
    likely_a = make_scorer(roc_auc_score, response_method="predict_proba", pos_label="a")
    with pytest.raises(TypeError, match="pos_label"):  # roc_auc_score takes none
        sequence_scorer(likely_a)(model, X, y)


def test_probabilities_where_there_is_no_decision_function():
    X, y = ragged(), labels("ab")
    model = Classifier(("a", "b"))
    probabilities = model.predict_proba(np.concatenate(X))
    assert_allclose(
        sequence_scorer("roc_auc")(model, X, y),
        roc_auc_score(np.concatenate(y) == "b", probabilities[:, 1]),
        rtol=1e-12,
    )
    assert sequence_scorer("neg_log_loss")(model, X, y) == -log_loss(np.concatenate(y), probabilities[:, 1])


@pytest.mark.parametrize("form", ["a sequence", "list", "padded", "lists of numbers"])
def test_weights(form):
    X, y = ragged(1), ragged(1, seed=1)
    rng = np.random.default_rng(2)
    weights = [rng.uniform(0.5, 2, size=1 if form == "a sequence" else length) for length in LENGTHS]
    of_steps = np.concatenate(
        [np.broadcast_to(weight, length) for weight, length in zip(weights, LENGTHS, strict=True)]
    )
    expected = r2_score(np.concatenate(y), np.concatenate(X), sample_weight=of_steps)
    sample_weight = {
        "a sequence": lambda: np.concatenate(weights),
        "list": lambda: weights,
        "padded": lambda: padded(weights),
        "lists of numbers": lambda: [weight.tolist() for weight in weights],
    }[form]()
    assert_allclose(sequence_scorer("r2")(Regressor(), X, y, sample_weight), expected, rtol=1e-12)
    assert_allclose(sequence_scorer("r2")(Regressor(), padded(X), padded(y), sample_weight), expected, rtol=1e-12)


def test_weight_zero_leaves_a_step_out():
    X, y = ragged(3), labels()
    y[2][4] = "no class"
    weights = [np.ones(length) for length in LENGTHS]
    weights[2][4] = 0
    rows = np.concatenate(weights) > 0
    expected = log_loss(np.concatenate(y)[rows], Classifier().predict_proba(np.concatenate(X)[rows]))
    assert sequence_scorer("neg_log_loss")(Classifier(), X, y, sample_weight=weights) == -expected


# ---------------------------------------------------------------------------------------------- scikit-learn's tools


def test_cross_validation_of_ragged_targets():
    X, y = ragged(1) * 2, ragged(1, seed=1) * 2
    cv = KFold(5)
    scores = cross_val_score(Regressor(0.5), X, y, cv=cv, scoring=sequence_scorer("neg_mean_absolute_error"))
    for score, (_, test) in zip(scores, cv.split(X), strict=True):
        rows = [np.abs(0.5 * X[i] - y[i]) for i in test]
        assert_allclose(score, -np.concatenate(rows).mean(), rtol=1e-12)


def test_grid_search_by_a_scorer_of_steps():
    X = ragged(1)
    search = GridSearchCV(Regressor(), {"factor": [-1.0, 0.5, 3.0]}, scoring=sequence_scorer("r2"), cv=KFold(2))
    assert search.fit(X, [0.5 * x for x in X]).best_params_ == {"factor": 0.5}
    assert search.best_score_ == 1.0


def test_several_scorers_of_labels():
    X, y = ragged(3), labels()
    scoring = {name: sequence_scorer(name) for name in ("accuracy", "f1_macro")}
    scores = cross_validate(Classifier(), X, y, scoring=scoring, cv=KFold(2))
    for i, part in enumerate([slice(3), slice(3, None)]):
        expected = np.concatenate(y[part]), Classifier().predict(np.concatenate(X[part]))
        assert scores["test_accuracy"][i] == accuracy_score(*expected)
        assert scores["test_f1_macro"][i] == f1_score(*expected, average="macro")


@pytest.mark.parametrize("scoring", ["r2", "neg_mean_absolute_error"])
@pytest.mark.parametrize("several", [False, True])
def test_a_search_weighs_the_scores_of_steps(scoring, several):
    X, y = ragged(1), ragged(1, seed=1)
    weights = [np.linspace(0.5, 2.0, len(part)) for part in y]
    scorer = sequence_scorer(scoring)
    search = GridSearchCV(Regressor(), {"factor": [0.5]}, scoring={"s": scorer} if several else scorer, cv=KFold(2))
    search.set_params(refit=False).fit(X, y, sample_weight=weights)
    found = search.cv_results_["split1_test_" + ("s" if several else "score")][0]
    last = [np.concatenate(part[3:]) for part in (X, y, weights)]
    assert_allclose(found, sklearn.metrics.get_scorer(scoring)(Regressor(0.5), *last[:2], sample_weight=last[2]))


@pytest.mark.parametrize("several", [False, True])
def test_a_search_by_a_metric_that_knows_no_weights_says_so(several):
    X, y, scorer = ragged(1), ragged(1, seed=1), sequence_scorer("neg_max_error")
    search = GridSearchCV(Regressor(), {"factor": [0.5]}, scoring={"s": scorer} if several else scorer, cv=KFold(2))
    search.set_params(refit=False, error_score="raise")
    with pytest.warns(UserWarning, match="does not support sample_weight"):
        search.fit(X, y, sample_weight=[np.ones(len(part)) for part in y])


def test_permutation_importance_takes_the_scorer():
    X = np.random.default_rng(0).normal(size=(30, 4))
    model = DummyRegressor().fit(X, X)
    importance = permutation_importance(model, X, X, scoring=sequence_scorer("r2"), n_repeats=1)
    assert_allclose(importance.importances_mean, 0, atol=1e-12)


def test_weights_are_routed_to_the_scorer():
    X, y = ragged(1), ragged(1, seed=1)
    weights = [np.arange(1.0, length + 1) for length in LENGTHS]
    with sklearn.config_context(enable_metadata_routing=True):
        scorer = sequence_scorer("r2").set_score_request(sample_weight=True)
        model = Regressor().set_fit_request(sample_weight=False)
        params = {"sample_weight": weights}
        scores = cross_val_score(model, X, y, cv=KFold(2), scoring=scorer, params=params)
    for score, part in zip(scores, [slice(3), slice(3, None)], strict=True):
        expected = [np.concatenate(values[part]) for values in (y, X, weights)]
        assert_allclose(score, r2_score(expected[0], expected[1], sample_weight=expected[2]), rtol=1e-12)


def test_targets_may_be_sequences():
    X, y = ragged(1), ragged(1, seed=1)
    assert sequence_scorer("r2")(Regressor(), X, as_sequences(y)) == sequence_scorer("r2")(Regressor(), X, y)


def test_a_scorer_that_is_passed_stays_as_it_is():
    before = sklearn.metrics.get_scorer("r2")
    with sklearn.config_context(enable_metadata_routing=True):
        sequence_scorer(before).set_score_request(sample_weight=True)
        assert before.get_metadata_routing().score.requests["sample_weight"] is None


def test_weights_that_the_scorer_was_not_asked_for_are_an_error():
    X, y = ragged(1), ragged(1, seed=1)
    params = {"sample_weight": np.ones(len(X))}
    with sklearn.config_context(enable_metadata_routing=True):
        model = Regressor().set_fit_request(sample_weight=False)
        with pytest.raises(UnsetMetadataPassedError, match=r"_SequenceScorer\.set_score_request"):
            cross_val_score(model, X, y, cv=KFold(2), scoring=sequence_scorer("r2"), params=params)


def test_a_pickled_scorer_is_the_same():
    X, y = ragged(3), labels()
    scorer = sequence_scorer(make_scorer(f1_score, average="macro"))
    assert repr(scorer) == "sequence_scorer(make_scorer(f1_score, response_method='predict', average=macro))"
    assert pickle.loads(pickle.dumps(scorer))(Classifier(), X, y) == scorer(Classifier(), X, y)


# ---------------------------------------------------------------------------------------------- errors

X3 = [np.zeros((length, 1)) for length in (2, 3)]


@pytest.mark.parametrize(
    ("y", "sample_weight", "message"),
    [
        (np.zeros(2), None, "y must have a value at each time step, but for sequence 0 it is 0.0"),
        ([[0, 1], [0, 1]], None, "y has 2 time steps for sequence 1, but X has 3"),
        ([[0, 1, 2], [0, 1, 2]], None, "y has 3 time steps for sequence 0, but X has 2"),
        (np.zeros((2, 2)), None, "y has 2 time steps for sequence 1, but X has 3"),
        ([[0, 1]], None, "y has 1 sequences, but X has 2"),
        ([[0, 1], [0, 1, 2]], [[1, 1], [1]], "sample_weight has 1 time steps for sequence 1, but X has 3"),
        ([[0, 1], [0, 1, 2]], [1, 1, 1], "sample_weight has 3 elements, but X has 2"),
        ([[0, 1], [0, 1, 2]], [], "sample_weight has 0 elements, but X has 2"),
        ([[np.nan] * 2, [np.nan] * 3], None, "nothing to score"),
        ([[0, np.nan], [np.nan] * 3], [0, 1], "nothing to score"),
    ],
)
def test_errors_say_what_does_not_fit(y, sample_weight, message):
    with pytest.raises(ValueError, match=message):
        sequence_scorer("r2")(Regressor(first=True), X3, y, sample_weight)


def test_other_than_a_scorer():
    with pytest.raises(ValueError, match=r"scoring must be the name .*make_scorer"):
        sequence_scorer(accuracy_score)
    with pytest.raises(AttributeError, match="Regressor has none of the following attributes: predict_proba"):
        sequence_scorer("neg_log_loss")(Regressor(), X3, X3)
