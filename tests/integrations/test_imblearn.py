"""imbalanced-learn's samplers before a network: numbers of sequences are drawn, or flat rows."""

import numpy as np
import pytest
from checks import object_array
from imblearn import FunctionSampler
from imblearn.ensemble import BalancedBaggingClassifier
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import RandomUnderSampler
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_predict

from sklstm import LSTMClassifier, as_sequences
from sklstm.preprocessing import SequenceScaler, ToSequences

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N = 60
rng = np.random.default_rng(0)
CUBE = rng.normal(size=(N, 5, 2))
CUBE[:, 0, 0] = np.arange(N)  # so that a sequence tells which it is
RAGGED = [sequence[:length] for sequence, length in zip(CUBE, rng.integers(2, 6, size=N), strict=True)]
FORMS = {"cube": CUBE, "objects": object_array(RAGGED), "Sequences": as_sequences(RAGGED)}
Y = np.where(np.arange(N) % 6 == 0, "ill", "well")

TINY = LSTMClassifier(3, max_iter=3, random_state=0)
SAMPLERS = {"under": (RandomUnderSampler(random_state=0), 10), "over": (RandomOverSampler(random_state=0), 50)}


def resample(X, y, sampler):
    """Let a sampler choose among the numbers of the sequences."""
    rows, y = sampler.fit_resample(np.arange(len(y))[:, np.newaxis], y)
    return X[rows[:, 0]], y


class Keeper(ClassifierMixin, BaseEstimator):
    """Keeps the training data; everyone is well."""

    def fit(self, X, y):
        self.X_, self.y_, self.classes_ = X, y, np.unique(y)
        return self

    def predict(self, X):
        self.n_predicted_ = len(X)
        return np.full(len(X), "well")


def sampled(name, *steps):
    return make_pipeline(FunctionSampler(func=resample, kw_args={"sampler": SAMPLERS[name][0]}, validate=False), *steps)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", SAMPLERS)
def test_whole_sequences_are_drawn_in_training_alone(form, name):
    pipeline = sampled(name, Keeper()).fit(FORMS[form], Y)
    seen, n_each = pipeline[-1], SAMPLERS[name][1]
    assert (np.sum(seen.y_ == "ill"), np.sum(seen.y_ == "well")) == (n_each, n_each)
    rows = np.array([sequence[0, 0] for sequence in seen.X_]).astype(int)
    assert_array_equal(seen.y_, Y[rows])
    assert all(np.array_equal(sequence, FORMS[form][row]) for sequence, row in zip(seen.X_, rows, strict=True))
    pipeline.predict(FORMS[form])
    assert seen.n_predicted_ == N


@pytest.mark.parametrize("form", FORMS)
def test_each_fold_draws_from_its_own(form):
    X, splitter = FORMS[form], StratifiedKFold(3)
    pipeline = sampled("under", SequenceScaler(), TINY)
    found = cross_val_predict(pipeline, X, Y, cv=splitter, method="predict_proba")
    for train, test in splitter.split(np.zeros(N), Y):
        drawn, labels = resample(X[train], Y[train], SAMPLERS["under"][0])
        scaler = SequenceScaler().fit(drawn)
        model = TINY.fit(scaler.transform(drawn), labels)
        assert_array_equal(found[test], model.predict_proba(scaler.transform(X[test])))


def test_a_search_over_samplers():
    grid = {"functionsampler__kw_args": [{"sampler": sampler} for sampler, _ in SAMPLERS.values()]}
    pipeline = sampled("under", TINY)
    search = GridSearchCV(pipeline, grid, scoring="roc_auc", cv=2, error_score="raise").fit(FORMS["Sequences"], Y)
    assert len(search.cv_results_["params"]) == 2
    assert search.predict(FORMS["Sequences"]).shape == (N,)


def test_flat_rows_for_samplers_that_look_at_values():
    rows = CUBE.reshape(N, -1)
    pipeline = make_pipeline(SMOTE(k_neighbors=3, random_state=0), ToSequences(2), Keeper()).fit(rows, Y)
    assert np.sum(pipeline[-1].y_ == "ill") == np.sum(pipeline[-1].y_ == "well") == 50
    assert_array_equal(pipeline[-1].X_[:N].to_array(), CUBE)
    members = BalancedBaggingClassifier(make_pipeline(ToSequences(2), TINY), n_estimators=2, random_state=0)
    assert members.fit(rows, Y).predict_proba(rows).shape == (N, 2)


def test_sampling_raises_probabilities_as_class_weight_does():
    model = LSTMClassifier(3, solver="lbfgs", max_iter=20, alpha=10.0, random_state=0)
    ill = {
        name: classifier.fit(FORMS["Sequences"][:, [1]], Y).predict_proba(FORMS["Sequences"][:, [1]])[:, 0].mean()
        for name, classifier in {
            "as it is": model,
            "sampled": sampled("over", model),
            "weighted": clone(model).set_params(class_weight="balanced"),
        }.items()
    }
    assert abs(ill["as it is"] - 1 / 6) < 0.02
    assert abs(ill["sampled"] - 1 / 2) < 0.1
    assert abs(ill["weighted"] - 1 / 2) < 0.1
