"""scikit-learn's tools over sequences: three-dimensional, ragged, and in their container."""

import pickle
import re

import numpy as np
import pandas as pd
import pytest
import sklearn
from checks import ESTIMATORS, object_array
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import loguniform, randint
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import StackingClassifier, VotingClassifier, VotingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - makes them importable
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    KFold,
    RandomizedSearchCV,
    StratifiedKFold,
    TimeSeriesSplit,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    train_test_split,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import estimator_html_repr

from sklstm import LSTMClassifier, LSTMRegressor, Sequences, as_sequences
from sklstm.preprocessing import SequenceFeatures, SequenceScaler, SequenceSelector, SequenceUnion, ToSequences

pytestmark = pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")

TINY = {"hidden_layer_sizes": 4, "max_iter": 3, "batch_size": 8, "random_state": 0, "n_jobs": 1}
N = 36

rng = np.random.default_rng(0)
RAGGED = [rng.normal(size=(length, 2)) for length in rng.integers(2, 7, size=N)]
CUBE = rng.normal(size=(N, 4, 2))
Y = np.arange(N) % 2
LABELS = np.array(["no", "yes"])[Y]
FORMS = {"cube": CUBE, "list": RAGGED, "objects": object_array(RAGGED), "Sequences": as_sequences(RAGGED)}


@pytest.fixture(params=FORMS)
def X(request):  # noqa: N802 - scikit-learn's name for the data
    return FORMS[request.param]


def make(Estimator, **parameters):
    return Estimator(**{**TINY, **parameters})


def rows_of(X, rows):
    return X[rows] if not isinstance(X, list) else [X[row] for row in rows]


def by_hand(model, X, y, splits, **fit_parameters):
    """A fold's fitted model and its test rows, without scikit-learn's help."""
    for train, test in splits:
        parameters = {name: value[train] for name, value in fit_parameters.items()}
        yield clone(model).fit(rows_of(X, train), y[train], **parameters), rows_of(X, test), test


# ---------------------------------------------------------------------------------------------- model selection


@ESTIMATORS
def test_cross_val_score_and_predict(Estimator, X):
    model, splitter = make(Estimator), KFold(3)
    folds = list(by_hand(model, X, Y, splitter.split(Y)))
    assert_array_equal(
        cross_val_score(model, X, Y, cv=splitter), [fold.score(part, Y[rows]) for fold, part, rows in folds]
    )
    predicted = cross_val_predict(model, X, Y, cv=splitter)
    for fold, part, rows in folds:
        assert_array_equal(predicted[rows], fold.predict(part))


def test_cross_validation_of_probabilities(X):
    model, splitter = make(LSTMClassifier), StratifiedKFold(3)
    predicted = cross_val_predict(model, X, LABELS, cv=splitter, method="predict_proba")
    for fold, part, rows in by_hand(model, X, LABELS, splitter.split(Y, Y)):
        assert_array_equal(predicted[rows], fold.predict_proba(part))
    scores = cross_validate(model, X, LABELS, cv=3, scoring=["roc_auc", "neg_log_loss", "accuracy"])
    assert all(len(scores[f"test_{name}"]) == 3 for name in ["roc_auc", "neg_log_loss", "accuracy"])
    assert np.isfinite(scores["test_neg_log_loss"]).all()


@ESTIMATORS
@pytest.mark.parametrize("splitter", [GroupKFold(3), TimeSeriesSplit(3)], ids=["groups", "time"])
def test_other_splitters(Estimator, X, splitter):
    groups = np.arange(N) // 3 if isinstance(splitter, GroupKFold) else None
    model = make(Estimator)
    expected = [fold.score(part, Y[rows]) for fold, part, rows in by_hand(model, X, Y, splitter.split(Y, Y, groups))]
    assert_array_equal(cross_val_score(model, X, Y, cv=splitter, groups=groups), expected)


@ESTIMATORS
def test_grid_search_in_two_processes(Estimator, X):
    grid = {"hidden_layer_sizes": [2, (3, 3)], "learning_rate_init": [0.01, 0.1]}
    search = GridSearchCV(make(Estimator), grid, cv=KFold(2), n_jobs=2, error_score="raise").fit(X, Y)
    assert_array_equal(search.predict(X), make(Estimator, **search.best_params_).fit(X, Y).predict(X))
    for parameters, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
        model = make(Estimator, **parameters)
        assert score == np.mean([f.score(part, Y[r]) for f, part, r in by_hand(model, X, Y, KFold(2).split(Y))])


@ESTIMATORS
def test_random_search(Estimator, X):
    choices = {
        "hidden_layer_sizes": randint(2, 6),
        "learning_rate_init": loguniform(1e-3, 1e-1),
        "cell": ["lstm", "gru"],
    }
    search = RandomizedSearchCV(make(Estimator), choices, n_iter=3, cv=2, random_state=0, error_score="raise").fit(X, Y)
    assert len({parameters["learning_rate_init"] for parameters in search.cv_results_["params"]}) == 3
    assert_array_equal(search.predict(X), make(Estimator, **search.best_params_).fit(X, Y).predict(X))


@ESTIMATORS
@pytest.mark.parametrize("Search", [HalvingGridSearchCV, HalvingRandomSearchCV])
def test_halving_searches_train_the_best_for_longer(Estimator, Search, X):
    model = make(Estimator, n_iter_no_change=np.inf, learning_rate="constant")
    budget = {"resource": "max_iter", "factor": 2, "min_resources": 1, "max_resources": 4}
    grid = {"hidden_layer_sizes": [2, 3, 4, 5]}
    search = Search(model, grid, cv=2, random_state=0, error_score="raise", **budget).fit(X, Y)
    assert search.n_resources_ == [1, 2, 4]
    assert search.n_candidates_ == [4, 2, 1]
    assert search.best_estimator_.n_iter_ == search.best_params_["max_iter"] == 4


@ESTIMATORS
def test_halving_by_sequences(Estimator, X):
    grid = {"hidden_layer_sizes": [2, 3]}
    search = HalvingGridSearchCV(make(Estimator), grid, factor=2, min_resources=16, cv=2, error_score="raise")
    assert search.fit(X, Y).n_resources_ == [16, 32]


@ESTIMATORS
def test_train_test_split_and_learning_curve(Estimator, X):
    X_train, X_test, y_train, y_test = train_test_split(X, Y, test_size=9, random_state=0, stratify=Y)
    assert make(Estimator).fit(X_train, y_train).predict(X_test).shape == y_test.shape
    sizes, _, scores = learning_curve(make(Estimator), X, Y, cv=2, train_sizes=[8, 16], error_score="raise")
    assert_array_equal(sizes, [8, 16])
    assert scores.shape == (2, 2)


@ESTIMATORS
def test_clone_and_pickle(Estimator, X):
    model = make(Estimator).fit(X, Y)
    assert_array_equal(clone(model).fit(X, Y).predict(X), model.predict(X))
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))


# ---------------------------------------------------------------------------------------------- composition


class Centred(TransformerMixin, BaseEstimator):
    """Takes each sequence's own mean away."""

    def fit(self, X, y=None):
        self.is_fitted_ = True
        return self

    def transform(self, X):
        return [x - x.mean(axis=0) for x in X]


@ESTIMATORS
def test_pipeline(Estimator, X):
    pipeline = make_pipeline(Centred(), FunctionTransformer(as_sequences), make(Estimator)).fit(X, Y)
    expected = make(Estimator).fit([x - x.mean(axis=0) for x in X], Y)
    assert_array_equal(pipeline.predict(X), expected.predict([x - x.mean(axis=0) for x in X]))
    assert pipeline.score(X, Y) == expected.score([x - x.mean(axis=0) for x in X], Y)
    search = GridSearchCV(pipeline, {f"{Estimator.__name__.lower()}__hidden_layer_sizes": [2, 3]}, cv=2)
    assert search.fit(X, Y).best_estimator_[-1].hidden_layer_sizes in [2, 3]


@pytest.mark.parametrize("voting", ["soft", "hard"])
def test_voting_classifier(X, voting):
    members = [("a", make(LSTMClassifier)), ("b", make(LSTMClassifier, random_state=1))]
    vote = VotingClassifier(members, voting=voting).fit(X, LABELS)
    assert set(vote.predict(X)) <= {"no", "yes"}
    if voting == "soft":
        single = [clone(member).fit(X, Y).predict_proba(X) for _, member in members]
        assert_allclose(vote.predict_proba(X), np.mean(single, axis=0))


def test_voting_regressor(X):
    members = [("a", make(LSTMRegressor)), ("b", make(LSTMRegressor, random_state=1))]
    expected = np.mean([clone(member).fit(X, Y).predict(X) for _, member in members], axis=0)
    assert_allclose(VotingRegressor(members).fit(X, Y).predict(X), expected)


def test_stacking(X):
    stack = StackingClassifier([("a", make(LSTMClassifier)), ("b", make(LSTMClassifier, random_state=1))], cv=2)
    assert set(stack.fit(X, LABELS).predict(X)) <= {"no", "yes"}
    assert isinstance(stack.final_estimator_, LogisticRegression)
    assert stack.transform(X).shape == (N, 2)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibration(X, method):
    calibrated = CalibratedClassifierCV(make(LSTMClassifier), method=method, cv=2).fit(X, LABELS)
    probabilities = calibrated.predict_proba(X)
    assert probabilities.shape == (N, 2)
    assert_allclose(probabilities.sum(axis=1), 1)
    assert len(calibrated.calibrated_classifiers_) == 2


def test_thresholds_and_one_versus_rest(X):
    model = FixedThresholdClassifier(make(LSTMClassifier), threshold=0.0, response_method="predict_proba")
    assert set(model.fit(X, Y).predict(X)) == {1}
    three = np.arange(N) % 3
    model = OneVsRestClassifier(make(LSTMClassifier)).fit(X, three)
    assert model.predict_proba(X).shape == (N, 3)
    expected = make(LSTMClassifier).fit(X, np.int64(three == 1)).decision_function(X)
    assert_array_equal(model.decision_function(X)[:, 1], expected)


def test_tuned_threshold(X):
    model = TunedThresholdClassifierCV(make(LSTMClassifier), scoring="balanced_accuracy", cv=2).fit(X, LABELS)
    expected = make(LSTMClassifier).fit(X, LABELS).predict_proba(X)[:, 1] >= model.best_threshold_
    assert_array_equal(model.predict(X), np.where(expected, "yes", "no"))


def test_transformed_target(X):
    y = np.exp(Y + 1.0)
    model = TransformedTargetRegressor(make(LSTMRegressor), func=np.log, inverse_func=np.exp).fit(X, y)
    assert_allclose(model.predict(X), np.exp(make(LSTMRegressor).fit(X, np.log(y)).predict(X)))
    model = TransformedTargetRegressor(make(LSTMRegressor), transformer=StandardScaler()).fit(X, y)
    assert model.predict(X).shape == (N,)


def test_one_model_an_output(X):
    y = np.column_stack([Y, -3.0 * Y])
    model = MultiOutputRegressor(make(LSTMRegressor)).fit(X, y)
    assert_array_equal(model.predict(X)[:, 1], make(LSTMRegressor).fit(X, y[:, 1]).predict(X))


# ---------------------------------------------------------------------------------------------- output and display


def pipeline_of_all():
    union = SequenceUnion([("first", SequenceSelector([0])), ("scaled", SequenceScaler())])
    return make_pipeline(ToSequences(2), union, make(LSTMClassifier))


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_output_containers_are_for_tables_alone(container):
    rows = CUBE.reshape(N, -1)
    expected = pipeline_of_all().fit(rows, Y)
    pipeline = pipeline_of_all().set_output(transform=container).fit(rows, Y)
    assert isinstance(pipeline[:-1].transform(rows), Sequences)
    assert_array_equal(pipeline.predict_proba(rows), expected.predict_proba(rows))
    with sklearn.config_context(transform_output=container):
        assert_array_equal(pipeline_of_all().fit(rows, Y).predict_proba(rows), expected.predict_proba(rows))
    table = make_pipeline(SequenceScaler(), SequenceFeatures(["last"])).set_output(transform=container)
    assert list(table.fit_transform(CUBE).columns) == ["x0_last", "x1_last"]


def test_features_of_a_stack_are_a_frame(X):
    stack = StackingClassifier([("a", make(LSTMClassifier)), ("b", make(LSTMClassifier, random_state=1))], cv=2)
    frame = stack.fit(X, LABELS).set_output(transform="pandas").transform(X)
    assert isinstance(frame, pd.DataFrame)
    assert frame.columns.tolist() == ["stackingclassifier_a", "stackingclassifier_b"]


@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize("composed", [False, True], ids=["estimator", "pipeline"])
def test_diagrams_show_parameters_and_link_to_no_other_library(fitted, composed):
    model = pipeline_of_all() if composed else make(LSTMClassifier)
    if fitted:
        model.fit(CUBE.reshape(N, -1), Y)
    diagram = estimator_html_repr(model)
    steps = [model, *(step for name, step in model.get_params().items() if hasattr(step, "get_params"))]
    ours = [step for step in steps if type(step).__module__.startswith("sklstm")]
    assert len(ours) == (5 if composed else 1)
    for step in ours:
        assert all(f'<td class="param">{name}</td>' in diagram for name in step.get_params(deep=False))
        assert not re.search(f'href="[^"]*{type(step).__name__}', diagram)
    assert diagram.count('class="user-set"') >= len(TINY)
    assert ("loss_curve_" in diagram) is fitted


# ---------------------------------------------------------------------------------------------- metadata routing


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


WEIGHTS = np.random.default_rng(1).uniform(0.1, 5, size=N)


@ESTIMATORS
@pytest.mark.usefixtures("routing")
def test_sample_weight_through_cross_validation(Estimator, X):
    model = make(Estimator).set_fit_request(sample_weight=True).set_score_request(sample_weight=False)
    folds = by_hand(model, X, Y, KFold(3).split(Y), sample_weight=WEIGHTS)
    expected = [fold.score(part, Y[rows]) for fold, part, rows in folds]
    weighted = cross_validate(model, X, Y, cv=KFold(3), params={"sample_weight": WEIGHTS}, return_estimator=True)
    assert_array_equal(weighted["test_score"], expected)
    plain = cross_validate(make(Estimator), X, Y, cv=KFold(3), return_estimator=True)
    assert weighted["estimator"][0].loss_curve_ != plain["estimator"][0].loss_curve_


@ESTIMATORS
@pytest.mark.usefixtures("routing")
def test_sample_weight_through_a_search_and_a_pipeline(Estimator, X):
    model = make(Estimator).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    scorer = get_scorer("neg_mean_squared_error").set_score_request(sample_weight=True)
    pipeline = make_pipeline(Centred(), model)
    name = f"{Estimator.__name__.lower()}__hidden_layer_sizes"
    search = GridSearchCV(pipeline, {name: [3]}, cv=KFold(2), scoring=scorer, error_score="raise")
    search.fit(X, Y, sample_weight=WEIGHTS)
    centred = [x - x.mean(axis=0) for x in X]
    expected = make(Estimator, hidden_layer_sizes=3).fit(centred, Y, sample_weight=WEIGHTS)
    assert search.best_estimator_[-1].loss_curve_ == expected.loss_curve_
    assert_array_equal(search.predict(X), expected.predict(centred))
    scores = [
        scorer(fold, part, Y[rows], sample_weight=WEIGHTS[rows])
        for fold, part, rows in by_hand(expected, centred, Y, KFold(2).split(Y), sample_weight=WEIGHTS)
    ]
    assert_allclose(search.best_score_, np.mean(scores), rtol=1e-12)


@ESTIMATORS
@pytest.mark.usefixtures("routing")
def test_weights_that_nobody_asked_for_are_an_error(Estimator, X):
    with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError, match="sample_weight"):
        cross_validate(make(Estimator), X, Y, cv=2, params={"sample_weight": WEIGHTS})


@ESTIMATORS
@pytest.mark.usefixtures("routing")
def test_groups_reach_the_splitter_and_the_model(Estimator, X):
    groups = np.arange(N) // 3
    model = make(Estimator, early_stopping=True, validation_fraction=0.3).set_fit_request(groups=True)
    splitter = GroupKFold(3)
    expected = [
        fold.score(part, Y[rows])
        for fold, part, rows in by_hand(model, X, Y, splitter.split(Y, Y, groups), groups=groups)
    ]
    result = cross_validate(model, X, Y, cv=splitter, params={"groups": groups}, return_estimator=True)
    assert_array_equal(result["test_score"], expected)
    ungrouped = cross_val_score(model.set_fit_request(groups=False), X, Y, cv=splitter, params={"groups": groups})
    assert ungrouped.shape == (3,)


@ESTIMATORS
@pytest.mark.usefixtures("routing")
def test_a_pipeline_transforms_the_validation_data(Estimator, X):
    X_val, y_val = rows_of(X, range(10)), Y[:10]
    model = make(Estimator).set_fit_request(X_val=True, y_val=True)
    pipeline = make_pipeline(Centred(), model, transform_input=["X_val"])
    pipeline.fit(X, Y, X_val=X_val, y_val=y_val)
    expected = make(Estimator)
    expected.fit([x - x.mean(axis=0) for x in X], Y, X_val=[x - x.mean(axis=0) for x in X_val], y_val=y_val)
    assert pipeline[-1].validation_loss_curve_ == expected.validation_loss_curve_
    untransformed = make(Estimator).fit([x - x.mean(axis=0) for x in X], Y, X_val=X_val, y_val=y_val)
    assert pipeline[-1].validation_loss_curve_ != untransformed.validation_loss_curve_


@ESTIMATORS
def test_requests_can_be_made_for_all_that_fit_takes(Estimator):
    request = make(Estimator).get_metadata_routing().fit.requests
    assert set(request) == {"sample_weight", "X_val", "y_val", "sample_weight_val", "groups"}
