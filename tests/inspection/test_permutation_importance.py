"""Permutation importance: what is exchanged between which sequences, and what that does to scores."""

import copy

import numpy as np
import pandas as pd
import polars as pl
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklstm import LSTMRegressor, as_sequences
from sklstm.inspection import permutation_importance
from sklstm.inspection._permutation_importance import _donors, _in_form
from sklstm.metrics import sequence_scorer
from sklstm.preprocessing import SequenceImputer, SequenceScaler, ToSequences

LENGTHS = 3, 7, 1, 4, 7, 2


class Known(RegressorMixin, BaseEstimator):
    """Predicts a function of each sequence that is known."""

    def __init__(self, function):
        self.function = function

    def fit(self, X, y):
        self.is_fitted_ = True
        return self

    def predict(self, X):
        return np.array([self.function(x) for x in as_sequences(X)])


def ragged(n_sequences=60, n_features=3):
    rng = np.random.default_rng(0)
    return [rng.normal(size=(length, n_features)) for length in rng.integers(3, 9, size=n_sequences)]


def score(function, X, **parameters):
    model = Known(function)
    return permutation_importance(model, X, model.predict(X), **{"random_state": 0, **parameters})


FORMS = {
    "list": lambda X: X,
    "object": lambda X: np.array([*X, None], dtype=object)[:-1],
    "padded": lambda X: as_sequences(X).to_array(),
    "Sequences": as_sequences,
    "frames": lambda X: [pd.DataFrame(x, columns=["a", "b", "c"]) for x in X],
}


@pytest.mark.parametrize("form", FORMS)
def test_only_the_feature_that_counts_is_important(form):
    result = score(lambda x: x[:, 1].sum(), FORMS[form](ragged()))
    assert result.importances.shape == (3, 5)
    assert_array_equal(result.importances[[0, 2]], 0)
    assert (result.importances[1] > 0.5).all()
    assert_allclose(result.importances_mean, result.importances.mean(axis=1))
    assert_allclose(result.importances_std, result.importances.std(axis=1))
    assert list(result.names) == (["a", "b", "c"] if form == "frames" else ["x0", "x1", "x2"])


@pytest.mark.parametrize(("align", "step", "important"), [("end", -2, -2), ("start", 1, 1)])
def test_only_the_time_step_that_counts_is_important(align, step, important):
    result = score(lambda x: x[step, 0], ragged(), by="timestep", align=align)
    assert list(result.names) == (list(range(-8, 0)) if align == "end" else list(range(8)))
    is_important = result.names == important
    assert_array_equal(result.importances[~is_important], 0)
    assert (result.importances[is_important] > 0.5).all()


@pytest.mark.parametrize("align", ["end", "start"])
def test_every_time_step_keeps_its_values_but_not_their_owners(align):
    sequences = as_sequences([np.zeros((length, 1)) for length in LENGTHS])
    steps, owner = np.arange(sum(LENGTHS)), np.repeat(np.arange(len(LENGTHS)), LENGTHS)
    origin = sequences.offsets[:-1] if align == "start" else sequences.offsets[1:]
    position = steps - origin[owner]
    source = _donors(sequences, np.random.default_rng(0).permutation(len(LENGTHS)), align)
    assert_array_equal(np.sort(source), steps)
    assert_array_equal(position[source], position)
    assert (owner[source] != owner).all()  # the longest two exchange what the others are too short for


def test_the_longest_keeps_what_no_other_has():
    sequences = as_sequences([np.zeros((2, 1)), np.zeros((5, 1))])
    assert _donors(sequences, np.array([1, 0]), "end").tolist() == [5, 6, 2, 3, 4, 0, 1]


def test_a_series_of_sequences_of_one_length_stays_whole():
    X = np.random.default_rng(0).normal(size=(20, 6, 2))
    own = {tuple(x[:, 0]) for x in X}
    result = score(lambda x: x[0, 0], X, scoring=lambda model, X, y: {tuple(x[:, 0]) for x in X} == own)
    assert_array_equal(result.importances, 0)


@pytest.mark.parametrize("groups", [[[0, 2], [1]], {"both": [0, 2], "other": [1]}])
def test_features_of_a_group_go_together(groups):
    X = ragged()
    for x in X:
        x[:, 2] = x[:, 0]

    def function(x):
        assert_array_equal(x[:, 2], x[:, 0])  # no sequence sees them apart
        return x[:, 0].sum()

    result = score(function, X, groups=groups)
    assert list(result.names) == (["both", "other"] if isinstance(groups, dict) else ["0 + 2", "1"])
    assert result.importances_mean[0] > 0.5
    assert_array_equal(result.importances[1], 0)


def test_groups_take_names_and_steps():
    X = as_sequences(ragged(), feature_names=["HR", "MAP", "SpO2"])
    assert score(lambda x: x[0, 2], X, groups={"oxygen": ["SpO2"]}).importances_mean[0] > 0.5
    by_step = score(lambda x: x[-1, 2], X, by="timestep", groups={"late": [-1, -2], "early": range(-8, -2)})
    assert by_step.importances_mean[0] > 0.5
    assert by_step.importances_mean[1] == 0


@pytest.mark.parametrize(
    ("groups", "names"),
    [
        ([1, 0], ["1", "0"]),
        (["x1", ["x0", "x2"]], ["x1", "x0 + x2"]),
        ({"a": "x1", "b": 2}, ["a", "b"]),
        ([[1], [0], [0]], ["1", "0", "0"]),
    ],
)
def test_a_lone_feature_is_a_group(groups, names):
    result = score(lambda x: x[:, 1].sum(), ragged(), groups=groups)
    assert list(result.names) == names
    assert_array_equal(result.importances_mean > 0.5, [True] + [False] * (len(names) - 1))


def test_a_last_step_that_becomes_empty_is_no_padding():
    X = np.random.default_rng(0).normal(size=(60, 4, 2))
    X[::2, -1, 0] = X[1::3, -1, 1] = np.nan
    X[0, 3:] = np.nan  # padding
    result = score(len, X, scoring=lambda model, X, y: float((model.predict(X) == y).mean()))
    assert_array_equal(result.importances, 0)
    ragged = list(as_sequences(X))
    array, listed = (score(lambda x: np.nansum(x[-1]), form, by="timestep") for form in (X, ragged))
    assert_array_equal(array.importances, listed.importances)


@pytest.mark.parametrize("wrap", [lambda p: p, lambda p: GridSearchCV(p, {}, cv=2)], ids=["pipeline", "search"])
def test_rows_are_sequences_behind_the_step_that_lays_them_out(wrap):
    rows = np.random.default_rng(0).normal(size=(60, 6))
    layout = ToSequences(n_features=2, layout="feature_major", newest_first=True)
    X = layout.fit_transform(rows)
    y = X.values[:, 1].reshape(60, 3).sum(axis=1)
    whole = wrap(make_pipeline(layout, SequenceScaler(), Known(lambda x: x[:, 1].sum()))).fit(rows, y)
    result = permutation_importance(whole, rows, y, random_state=0)
    assert list(result.names) == ["x0", "x1"]
    assert result.importances_mean[1] > 0.5 > abs(result.importances_mean[0])
    assert whole.predict(rows).shape == (60,)  # the estimator is left as it is


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"groups": [[0], slice(2)]},
            r"groups must be lists of features or time steps, or {name: list}, got \[\[0\]",
        ),
        *(({"groups": groups}, r"groups must be lists .* got") for groups in ([], [[]], {"a": []}, [None], [[True]])),
        ({"groups": ["x0"], "by": "timestep"}, r"groups must be lists .* got"),
        ({"groups": {"pressure": [0, 5]}}, r"groups, 'pressure': .* not among the 3 features"),
        (
            {"groups": [[0]], "by": "timestep"},
            r"groups, '0': no sequence has a time step 0; they are numbered from -8 to -1",
        ),
        ({"max_samples": 61}, r"max_samples=61 is more than the 60 sequences"),
        ({"by": "step"}, r"'by' parameter"),
    ],
)
def test_what_does_not_fit_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        score(lambda x: x[0, 0], ragged(), **arguments)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("by", ["feature", "timestep"])
def test_the_data_are_left_as_they_are(form, by):
    X = FORMS[form](ragged(10))
    before = copy.deepcopy(X)
    score(lambda x: x.sum(), X, by=by)
    assert as_sequences(X) == as_sequences(before)


@pytest.mark.parametrize("by", ["feature", "timestep"])
def test_results_depend_on_the_seed_but_not_on_the_jobs(by):
    X = ragged()
    y = [x[-1, 0] for x in X]
    model = LSTMRegressor(3, max_iter=20, random_state=0).fit(X, y)
    with parallel_config("threading"):  # processes take seconds to start
        one, two = (permutation_importance(model, X, y, by=by, random_state=0, n_jobs=n) for n in (1, 2))
    assert_array_equal(one.importances, two.importances)
    other = permutation_importance(model, X, y, by=by, random_state=1)
    assert (one.importances != other.importances).any()


def frame_of(library):
    table = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    return library.DataFrame(dict(zip("abcd", table.T, strict=True)))


@pytest.mark.parametrize("columns", [range(4), pd.MultiIndex.from_product([["a", "b"], [0, 1]])], ids=type)
@pytest.mark.parametrize("as_list", [False, True])
def test_frames_of_pandas_keep_their_columns_and_index(columns, as_list):
    frame = pd.DataFrame(np.arange(12.0).reshape(3, 4), index=list("xyz"), columns=columns)
    X = [frame, frame] if as_list else frame
    sequences = as_sequences(X)
    other = _in_form(X, sequences, sequences.values + 1)
    for one in other if as_list else [other]:
        pd.testing.assert_frame_equal(one, frame + 1)


def test_a_list_of_frames_is_scored_as_such():
    X = [pl.DataFrame(x, schema=["a", "b", "c"]) for x in ragged(10)]
    score(lambda x: x[:, 0].sum(), X, scoring=lambda model, X, y: float(all(isinstance(x, pl.DataFrame) for x in X)))
    sequences = as_sequences(X)
    assert all(one.equals(x) for one, x in zip(_in_form(X, sequences, sequences.values), X, strict=True))


@pytest.mark.parametrize("library", [pd, pl])
def test_tables_keep_their_columns(library):
    X = frame_of(library)
    model = LSTMRegressor(2, max_iter=1, random_state=0)
    with pytest.warns(UserWarning, match="max_iter"):
        model.fit(X, np.arange(30.0))
    sequences = as_sequences(X)
    other = _in_form(X, sequences, sequences.values)
    assert isinstance(other, library.DataFrame)
    assert other.equals(X)
    result = permutation_importance(model, X, np.arange(30.0), by="timestep", random_state=0)
    assert result.importances.shape == (4, 5)


def test_gaps_go_through_a_pipeline():
    X = [np.where(np.random.default_rng(i).random(x.shape) < 0.2, np.nan, x) for i, x in enumerate(ragged())]
    pipeline = make_pipeline(SequenceImputer(add_indicator=True), LSTMRegressor(3, max_iter=60, random_state=0))
    y = [x[-1, 1] for x in SequenceImputer().fit_transform(X)]
    result = permutation_importance(pipeline.fit(X, y), X, y, random_state=0)
    assert np.argmax(result.importances_mean) == 1


@pytest.mark.parametrize("padded", [False, True])
def test_targets_at_each_step(padded):
    X = ragged()
    y = [x[:, 1] for x in X]
    model = LSTMRegressor(3, max_iter=40, return_sequences=True, random_state=0).fit(X, y)
    if padded:
        X, y = as_sequences(X).to_array(), as_sequences(y).to_array()[..., 0]
    scoring = sequence_scorer("neg_mean_absolute_error")
    for result in (
        permutation_importance(model, X, y, random_state=0),
        permutation_importance(model, X, y, scoring=scoring, random_state=0),
    ):
        assert np.argmax(result.importances_mean) == 1


@pytest.mark.filterwarnings("ignore:Training reached max_iter")
def test_gaps_at_each_step_of_an_array():
    X = as_sequences(ragged()).to_array()
    y = X[..., 1].copy()
    X[::3, -1, :2] = X[1::2, 1, 2] = np.nan
    model = LSTMRegressor(3, missing="decay", return_sequences=True, max_iter=20, random_state=0).fit(X, y)
    for scoring in (None, sequence_scorer("neg_mean_absolute_error")):
        result = permutation_importance(model, X, y, scoring=scoring, random_state=0)
        assert np.argmax(result.importances_mean) == 1


def test_several_scores_are_a_dict():
    results = score(lambda x: x[0, 0], ragged(), scoring=["r2", "neg_mean_absolute_error"])
    assert sorted(results) == ["neg_mean_absolute_error", "r2"]
    assert all(result.importances_mean.argmax() == 0 for result in results.values())


def test_weights_are_scored_with():
    X = ragged(20)
    weight = np.arange(20) < 2
    weights_seen = []

    def scoring(estimator, X, y, sample_weight=None):
        weights_seen.append(sample_weight)
        return 0.0

    score(lambda x: x[0, 0], X, scoring=scoring, sample_weight=weight, n_repeats=1)
    assert len(weights_seen) == 4
    for seen in weights_seen:
        assert_array_equal(seen, weight)


@pytest.mark.parametrize(("max_samples", "n_drawn"), [(0.25, 15), (7, 7), (1.0, 60)])
def test_so_many_sequences_are_drawn_for_all_scores(max_samples, n_drawn):
    drawn = []

    def scoring(estimator, X, y):
        drawn.append(sorted(y))
        return float(len(X))

    score(lambda x: x[0, 0], ragged(), scoring=scoring, max_samples=max_samples)
    assert len(drawn[0]) == n_drawn
    assert all(targets == drawn[0] for targets in drawn)


def test_a_scorer_of_scikit_learn_is_taken():
    scoring = make_scorer(lambda y, predicted: -np.abs(y - predicted).max())
    assert score(lambda x: x[0, 0], ragged(), scoring=scoring).importances_mean.argmax() == 0
