"""MAPIE's intervals and sets around networks hold what was asked for, on sequences that neither has seen."""

import numpy as np
import pytest
from checks import object_array
from mapie.classification import CrossConformalClassifier
from mapie.conformity_scores import ResidualNormalisedScore
from mapie.regression import ConformalizedQuantileRegressor, CrossConformalRegressor, SplitConformalRegressor
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GroupKFold, KFold
from sklearn.pipeline import make_pipeline
from sklearn.utils import _safe_indexing

from sklstm import LSTMClassifier, LSTMRegressor, as_sequences
from sklstm.preprocessing import SequenceScaler

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ASKED, N = 0.8, 2200
TRAINING, OTHERS, LATER = np.split(np.arange(N), [600, 1200])

rng = np.random.default_rng(0)
CUBE = rng.uniform(size=(N, 8, 2))
RAGGED = [sequence[:length] for sequence, length in zip(CUBE, rng.integers(3, 9, size=N), strict=True)]
FORMS = {
    "cube": CUBE,
    "list": RAGGED,
    "objects": object_array(RAGGED),
    "Sequences": as_sequences(RAGGED),
    "table": CUBE[:, :, 0],
}
NOISE = 0.05 + 0.5 * CUBE[:, 0, 1]
Y = CUBE[:, 0, 0] + NOISE * rng.normal(size=N)
X = FORMS["Sequences"]


def network(**parameters):
    return LSTMRegressor(8, max_iter=20, random_state=0, n_jobs=1, **parameters)


def columns(n):
    """Fitted models that return one of `n` columns each."""
    return [LinearRegression(fit_intercept=False).fit(np.eye(n), column) for column in np.eye(n)]


def share_within(intervals, rows=LATER):
    return np.mean((intervals[:, 0, 0] <= Y[rows]) & (Y[rows] <= intervals[:, 1, 0]))


@pytest.mark.parametrize("form", FORMS)
def test_cross_conformal_intervals(form):
    pipeline = make_pipeline(SequenceScaler(), network())
    conformal = CrossConformalRegressor(pipeline, confidence_level=ASKED, cv=3)
    conformal.fit_conformalize(_safe_indexing(FORMS[form], TRAINING), Y[TRAINING])
    _, intervals = conformal.predict_interval(_safe_indexing(FORMS[form], LATER))
    assert abs(share_within(intervals) - ASKED) < 0.08


def test_intervals_around_a_fitted_network_of_one_feature():
    X = FORMS["table"]
    conformal = SplitConformalRegressor(network().fit(X[TRAINING], Y[TRAINING]), confidence_level=ASKED)
    _, intervals = conformal.conformalize(X[OTHERS], Y[OTHERS]).predict_interval(X[LATER])
    assert abs(share_within(intervals) - ASKED) < 0.05


@pytest.mark.parametrize("form", ["cube", "list", "objects", "Sequences"])
def test_intervals_around_predictions(form):
    model = network().fit(_safe_indexing(FORMS[form], TRAINING), Y[TRAINING])

    def predict(rows):
        return model.predict(_safe_indexing(FORMS[form], rows))[:, np.newaxis]

    conformal = SplitConformalRegressor(*columns(1), confidence_level=ASKED)
    points, intervals = conformal.conformalize(predict(OTHERS), Y[OTHERS]).predict_interval(predict(LATER))
    assert abs(share_within(intervals) - ASKED) < 0.05
    np.testing.assert_allclose(points, predict(LATER)[:, 0])


def test_quantiles_that_were_learnt_by_heart_become_honest():
    model = network(loss="quantile", quantile=[0.1, 0.5, 0.9]).set_params(hidden_layer_sizes=32, max_iter=100)
    quantiles = model.fit(X[:150], Y[:150]).predict(X)
    assert share_within(quantiles[LATER][:, [0, 2], np.newaxis]) < ASKED - 0.2
    low, middle, high = columns(3)
    conformal = ConformalizedQuantileRegressor([low, high, middle], confidence_level=ASKED, prefit=True)
    _, intervals = conformal.conformalize(quantiles[OTHERS], Y[OTHERS]).predict_interval(quantiles[LATER])
    assert abs(share_within(intervals) - ASKED) < 0.05


def test_one_network_a_quantile():
    lower, upper, median = (
        network(loss="quantile", quantile=q).fit(CUBE[TRAINING, :, :1], Y[TRAINING]) for q in (0.1, 0.9, 0.5)
    )
    conformal = ConformalizedQuantileRegressor([lower, upper, median], confidence_level=ASKED, prefit=True)
    conformal.conformalize(CUBE[OTHERS, :, :1], Y[OTHERS])
    _, intervals = conformal.predict_interval(CUBE[LATER, :, :1])
    assert abs(share_within(intervals) - ASKED) < 0.05


def test_intervals_as_wide_as_the_noise():
    model = network(loss="gaussian_nll").set_params(max_iter=40).fit(X[TRAINING], Y[TRAINING])
    both = np.column_stack(model.predict(X, return_std=True))
    mean, std = columns(2)
    score = ResidualNormalisedScore(residual_estimator=std, prefit=True)
    conformal = SplitConformalRegressor(mean, confidence_level=ASKED, conformity_score=score)
    _, intervals = conformal.conformalize(both[OTHERS], Y[OTHERS]).predict_interval(both[LATER])
    widths = np.diff(intervals[:, :, 0])[:, 0]
    assert np.corrcoef(widths, NOISE[LATER])[0, 1] > 0.6
    quiet = NOISE[LATER] < np.median(NOISE)
    for part in (quiet, ~quiet):
        assert abs(share_within(intervals[part], LATER[part]) - ASKED) < 0.08


def test_whole_groups_are_set_aside():
    groups, alike = np.repeat(np.arange(60), 10), CUBE[np.repeat(np.arange(60), 10)]
    conformal = CrossConformalRegressor(network(), confidence_level=ASKED, cv=GroupKFold(3))
    y = np.repeat(Y[:60], 10)
    conformal.fit_conformalize(alike, y, groups=groups)
    grouped = conformal.predict_interval(CUBE[LATER])[1]
    conformal = CrossConformalRegressor(network(), confidence_level=ASKED, cv=KFold(3, shuffle=True, random_state=0))
    split = conformal.fit_conformalize(alike, y).predict_interval(CUBE[LATER])[1]
    assert share_within(grouped) > ASKED - 0.1 > share_within(split)


@pytest.mark.parametrize("form", ["cube", "list", "Sequences"])
def test_sets_of_classes(form):
    labels = np.digitize(Y, [0.3, 0.7])
    classifier = LSTMClassifier(8, max_iter=10, random_state=0, n_jobs=1)
    conformal = CrossConformalClassifier(classifier, confidence_level=ASKED, cv=3)
    conformal.fit_conformalize(_safe_indexing(FORMS[form], TRAINING), labels[TRAINING])
    _, sets = conformal.predict_set(_safe_indexing(FORMS[form], LATER))
    assert abs(sets[np.arange(len(LATER)), labels[LATER], 0].mean() - ASKED) < 0.08
