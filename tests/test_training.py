"""How training goes on and how it ends: early stopping, learning rates, warm starts."""

import warnings

import numpy as np
import pytest
from checks import ESTIMATORS
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score

from sklstm import LSTMClassifier, LSTMRegressor, as_sequences
from sklstm.holdout import split
from sklstm.optimizers import Adam
from sklstm.training import Trainer

pytestmark = pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")

TINY = {"hidden_layer_sizes": 4, "max_iter": 3, "batch_size": 8, "random_state": 0, "n_jobs": 1}
N = 40

rng = np.random.default_rng(0)
X = as_sequences([rng.normal(size=(length, 2)) for length in rng.integers(2, 7, size=N)])
SUMS = np.array([x[:, 0].sum() for x in X])
Y = np.int64(np.median(SUMS) < SUMS)  # classes, or numbers
X_VAL, Y_VAL = X[::3], Y[::3]


def make(Estimator, **parameters):
    return Estimator(**{**TINY, **parameters})


def predictions(model, X=X):
    return model.predict(X) if isinstance(model, LSTMRegressor) else model.predict_proba(X)


def assert_same_model(model, expected):
    assert_array_equal(model._network.parameters, expected._network.parameters)
    assert_array_equal(predictions(model), predictions(expected))


def watched_loss(model, X, y):
    """The loss without penalty, written down anew from the predictions."""
    if isinstance(model, LSTMClassifier):
        return -model.predict_log_proba(X)[np.arange(len(y)), y].mean()
    return np.mean(((model.predict(X) - y) / model._loss._scale) ** 2) / 2


@pytest.fixture
def splits(monkeypatch):
    """Of each fit, the rows that it trains on and the `Data` that it watches, or None."""
    seen = []
    start, evaluate = Trainer.__init__, Trainer.evaluate

    def starting(self, network, data, rows, *args, **kwargs):
        seen.append([rows, None])
        start(self, network, data, rows, *args, **kwargs)

    def evaluating(self, data):
        seen[-1][1] = data
        return evaluate(self, data)

    monkeypatch.setattr(Trainer, "__init__", starting)
    monkeypatch.setattr(Trainer, "evaluate", evaluating)
    return seen


# Sequences that carry their own number, so that a split can be read off them.
N_NUMBERED = 60
NUMBERED = np.repeat(np.arange(N_NUMBERED, dtype=float)[:, np.newaxis], 3, axis=1)


def numbers(sequences):
    return sequences.values[sequences.starts, 0].astype(int)


# ---------------------------------------------------------------------------------------------- early stopping


@ESTIMATORS
def test_a_part_is_held_out(Estimator, splits):
    y = np.arange(N_NUMBERED) % 2
    make(Estimator, early_stopping=True, validation_fraction=0.2, random_state=1).fit(NUMBERED, y)
    rows, held_out = splits[0]
    held_out_rows = numbers(held_out.sequences)
    assert_array_equal(np.sort([*rows, *held_out_rows]), np.arange(N_NUMBERED))
    assert len(held_out_rows) == 12
    assert np.corrcoef(held_out.targets[:, 0], y[held_out_rows])[0, 1] > 1 - 1e-9
    assert_array_equal(held_out.weights, np.ones(12))


@ESTIMATORS
@pytest.mark.parametrize(("n", "held_out"), [(999, False), (1000, True)])
def test_auto_holds_out_from_a_thousand_sequences_on(Estimator, n, held_out, splits):
    table = np.random.default_rng(0).normal(size=(n, 2))
    model = make(Estimator, max_iter=1, batch_size=200).fit(table, np.arange(n) % 2)
    assert model.early_stopping == "auto"
    assert (splits[0][1] is not None) == held_out
    assert (model.validation_scores_ is not None) == held_out
    assert model.t_ == (900 if held_out else 999)


@ESTIMATORS
def test_auto_counts_sequences_of_positive_weight(Estimator, splits):
    table = np.random.default_rng(0).normal(size=(1000, 2))
    weights = np.ones(1000)
    weights[7] = 0
    make(Estimator, max_iter=1, batch_size=200).fit(table, np.arange(1000) % 2, weights)
    assert splits[0][1] is None


@ESTIMATORS
def test_weight_zero_is_on_neither_side(Estimator, splits):
    weights = np.arange(N_NUMBERED) % 3 + 0.0
    make(Estimator, early_stopping=True).fit(NUMBERED, np.arange(N_NUMBERED) % 2, weights)
    rows, held_out = splits[0]
    held_out_rows = numbers(held_out.sequences)
    assert_array_equal(np.sort([*rows, *held_out_rows]), np.flatnonzero(weights))
    assert_allclose(held_out.weights, weights[held_out_rows] / weights[held_out_rows].mean())


@ESTIMATORS
@pytest.mark.parametrize("seed", range(5))
def test_groups_are_never_parted(Estimator, seed, splits):
    groups = np.array(["a", "b", "c", "d", "e", "f", "g", "h"])[
        np.random.default_rng(seed).integers(8, size=N_NUMBERED)
    ]
    y = np.arange(N_NUMBERED) % 2
    make(Estimator, early_stopping=True, random_state=seed).fit(NUMBERED, y, groups=groups)
    rows, held_out = splits[0]
    held_out_rows = numbers(held_out.sequences)
    assert len(held_out_rows)
    assert_array_equal(np.sort([*rows, *held_out_rows]), np.arange(N_NUMBERED))
    assert not set(groups[rows]) & set(groups[held_out_rows])


@pytest.mark.parametrize("with_groups", [False, True])
def test_classes_are_spread_evenly(with_groups, splits):
    y = np.repeat([0, 1, 2], [36, 18, 6])
    groups = {"groups": np.arange(N_NUMBERED) // 2} if with_groups else {}
    for seed in range(5):
        model = make(LSTMClassifier, early_stopping=True, validation_fraction=1 / 6, random_state=seed)
        model.fit(NUMBERED, y, **groups)
        counts = np.bincount(y[numbers(splits[-1][1].sequences)], minlength=3)
        assert_allclose(counts, [6, 3, 1], atol=1 if with_groups else 0)


def test_a_class_of_one_member_is_no_hindrance(splits):
    y = np.array([0] * 40 + [1] * 19 + [2])
    model = make(LSTMClassifier, early_stopping=True).fit(NUMBERED, y)
    assert len(splits[0][1].sequences) == 6
    assert model.predict_proba(NUMBERED).shape == (N_NUMBERED, 3)


@ESTIMATORS
def test_the_split_depends_on_the_seed_only(Estimator, splits):
    for seed in [0, 0, 1]:
        make(Estimator, early_stopping=True, random_state=seed).fit(NUMBERED, np.arange(N_NUMBERED) % 2)
    assert_array_equal(splits[0][0], splits[1][0])
    assert not np.array_equal(splits[0][0], splits[2][0])


@ESTIMATORS
@pytest.mark.parametrize("early_stopping", [True, "auto"])
def test_validation_data_are_watched_and_nothing_is_held_out(Estimator, early_stopping, splits):
    model = make(Estimator, early_stopping=early_stopping).fit(X, Y, X_val=list(X_VAL), y_val=Y_VAL)
    assert_array_equal(splits[0][0], np.arange(N))
    assert splits[0][1].sequences == X_VAL
    assert model.t_ == 3 * N
    assert len(model.validation_loss_curve_) == len(model.validation_scores_) == 3
    # Watching changes nothing but the choice of the epoch.
    unwatched = make(Estimator).fit(X, Y)
    assert model.loss_curve_ == unwatched.loss_curve_


@ESTIMATORS
def test_the_best_epochs_weights_are_kept(Estimator):
    # Few sequences and a high learning rate: the validation loss soon rises.
    model = make(Estimator, max_iter=60, learning_rate="constant", learning_rate_init=0.05, n_iter_no_change=np.inf)
    model.fit(X[:20], Y[:20], X_val=X[20:], y_val=Y[20:])
    curve = model.validation_loss_curve_
    assert len(curve) == 60
    assert np.argmin(curve) < 55
    assert curve[-1] > min(curve)
    assert_allclose(watched_loss(model, X[20:], Y[20:]), min(curve), rtol=1e-5)
    assert model.best_loss_ == min(curve)
    assert model.best_validation_score_ == model.validation_scores_[np.argmin(curve)]
    assert_allclose(model.score(X[20:], Y[20:]), model.best_validation_score_, rtol=1e-5)


@ESTIMATORS
def test_without_validation_the_training_loss_is_watched(Estimator, monkeypatch):
    # The learning rate explodes after the tenth step, so that later epochs are worse.
    step = Adam.step

    def exploding(self, parameters, gradient, n_threads):
        self.learning_rate = 0.01 if self.n_steps < 10 else 3
        step(self, parameters, gradient, n_threads)

    monkeypatch.setattr(Adam, "step", exploding)
    parameters = {"learning_rate": "constant", "n_iter_no_change": np.inf}
    model = make(Estimator, max_iter=8, **parameters).fit(X, Y)
    curve = model.loss_curve_
    best = int(np.argmin(curve))
    assert best < len(curve) - 1
    assert model.best_loss_ == curve[best]
    assert_same_model(make(Estimator, max_iter=best + 1, **parameters).fit(X, Y), model)


@ESTIMATORS
def test_training_stops_after_epochs_without_progress(Estimator):
    model = make(Estimator, max_iter=100, n_iter_no_change=4, tol=1e9)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model.fit(X, Y)
    assert model.n_iter_ == 5  # the first epoch is progress from infinity
    assert make(Estimator, max_iter=7, n_iter_no_change=np.inf, tol=1e9).fit(X, Y).n_iter_ == 7


@ESTIMATORS
def test_two_sequences_are_enough_to_hold_one_out(Estimator):
    model = make(Estimator, early_stopping=True).fit(X[:2], [0, 1])
    assert len(model.validation_loss_curve_) == 3
    assert np.isfinite(model.validation_loss_curve_).all()


def test_validation_scores_of_a_regression_are_r2():
    model = make(LSTMRegressor).fit(X, SUMS * 1000 + 5, X_val=X_VAL, y_val=SUMS[::3] * 1000 + 5)
    expected = r2_score(SUMS[::3] * 1000 + 5, model.predict(X_VAL))
    assert_allclose(model.best_validation_score_, expected, rtol=1e-5)


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.4, 0.8])
def test_the_share_of_groups_held_out_is_the_one_asked_for(fraction):
    rows, groups = np.arange(1000), np.repeat(np.arange(100), 10)
    kept, held_out = split(rows, groups % 2, groups, fraction, np.random.RandomState(0))
    assert len(held_out) == pytest.approx(1000 * fraction, abs=30)
    assert not set(groups[kept]) & set(groups[held_out])
    assert_array_equal(np.sort(np.concatenate([kept, held_out])), rows)


@ESTIMATORS
@pytest.mark.parametrize("groups", [None, np.arange(4)], ids=["sequences", "groups"])
def test_neither_side_of_a_split_is_empty(Estimator, groups):
    model = make(Estimator, early_stopping=True, validation_fraction=0.01).fit(X[:4], [0, 1, 0, 1], groups=groups)
    assert len(model.validation_loss_curve_) == model.n_iter_
    with pytest.raises(ValueError, match=r"validation_fraction=0.99 would hold out all 4 sequences or groups"):
        model.set_params(validation_fraction=0.99).fit(X[:4], [0, 1, 0, 1], groups=groups)


# ---------------------------------------------------------------------------------------------- warnings


@ESTIMATORS
def test_stopping_at_max_iter_warns(Estimator):
    with pytest.warns(ConvergenceWarning, match="max_iter=3"):
        make(Estimator).fit(X, Y)


@ESTIMATORS
def test_warnings_point_to_the_caller(Estimator):
    with pytest.warns(ConvergenceWarning) as record:
        make(Estimator).fit(X, Y)
    assert record[0].filename == __file__


# ---------------------------------------------------------------------------------------------- learning rate


@pytest.fixture
def learning_rates(monkeypatch):
    """The learning rate at each of Adam's steps."""
    seen = []
    step = Adam.step

    def spy(self, parameters, gradient, n_threads):
        seen.append(self.learning_rate)
        step(self, parameters, gradient, n_threads)

    monkeypatch.setattr(Adam, "step", spy)
    return seen


@ESTIMATORS
def test_an_adaptive_learning_rate_falls_after_four_epochs_without_progress(Estimator, learning_rates):
    make(Estimator, batch_size=N, max_iter=20, n_iter_no_change=10, tol=1e9).fit(X, Y)
    assert_allclose(learning_rates, [0.01] * 5 + [0.003] * 4 + [0.0009] * 2)


@ESTIMATORS
def test_moments_are_forgotten_with_the_weights_that_they_belong_to(Estimator, monkeypatch):
    before = []  # each of Adam's steps: whether its state was fresh
    step = Adam.step

    def spy(self, parameters, gradient, n_threads):
        before.append(not (self.n_steps or self.first.any() or self.second.any()))
        step(self, parameters, gradient, n_threads)

    monkeypatch.setattr(Adam, "step", spy)
    make(Estimator, batch_size=N, max_iter=20, n_iter_no_change=10, tol=1e9).fit(X, Y)
    assert np.flatnonzero(before).tolist() == [0, 5, 9]


@ESTIMATORS
def test_a_constant_learning_rate_stays(Estimator, learning_rates):
    make(Estimator, batch_size=N, max_iter=20, tol=1e9, learning_rate="constant").fit(X, Y)
    assert_allclose(learning_rates, [0.01] * 11)


@ESTIMATORS
def test_a_lower_learning_rate_starts_from_the_best_weights(Estimator, monkeypatch):
    starts = []
    epoch = Trainer.epoch

    def spy(self):
        starts.append(self.network.parameters.copy())
        return epoch(self)

    monkeypatch.setattr(Trainer, "epoch", spy)
    validation = {"X_val": X_VAL, "y_val": 1 - Y_VAL}  # the opposite of what is learnt: the first epoch is the best
    make(Estimator, max_iter=6, tol=1e9, learning_rate_init=0.1).fit(X, Y, **validation)
    monkeypatch.undo()
    # Epoch 5 is the fourth without progress: epoch 6 starts where the first ended.
    best = make(Estimator, max_iter=1, learning_rate_init=0.1).fit(X, Y)
    assert_array_equal(starts[5], best._network.parameters)
    assert not np.array_equal(starts[4], best._network.parameters)


# ---------------------------------------------------------------------------------------------- going on


@ESTIMATORS
def test_warm_start_goes_on(Estimator):
    warm = make(Estimator, warm_start=True, max_iter=30).fit(X, Y)
    first = predictions(warm)
    loss = warm.best_loss_
    warm.set_params(max_iter=2).fit(X, Y)
    assert warm.n_iter_ == len(warm.loss_curve_) == 2
    assert warm.loss_curve_[0] < 1.2 * loss < make(Estimator, max_iter=1).fit(X, Y).loss_curve_[0]
    assert not np.array_equal(predictions(warm), first)
    cold = make(Estimator, max_iter=30).fit(X, Y)
    assert_array_equal(predictions(cold), first)
    assert_array_equal(predictions(cold.fit(X, Y)), first)


@ESTIMATORS
def test_warm_start_keeps_the_scales(Estimator):
    warm = make(Estimator, warm_start=True).fit(X, Y)
    shift = warm._shift.copy()
    warm.fit([x + 5 for x in X], Y)
    assert_array_equal(warm._shift, shift)


@ESTIMATORS
def test_partial_fit_is_an_epoch_of_fit(Estimator):
    # So few and small steps that each epoch is better than the last, and fit keeps the last one's weights.
    parameters = {"learning_rate": "constant", "learning_rate_init": 0.001, "max_iter": 4, "average": False}
    fitted = make(Estimator, **parameters).fit(X, Y)
    assert (np.diff(fitted.loss_curve_) < 0).all()
    partial = make(Estimator, **parameters)
    for i in range(1, 5):
        assert partial.partial_fit(X, Y) is partial
        assert partial.n_iter_ == len(partial.loss_curve_) == i
        assert partial.t_ == i * N
        assert partial.best_loss_ == min(partial.loss_curve_)
    assert_same_model(partial, fitted)
    assert partial.loss_curve_ == fitted.loss_curve_
    assert partial.validation_loss_curve_ is None


@ESTIMATORS
def test_partial_fit_after_fit_goes_on(Estimator):
    model = make(Estimator, max_iter=30).fit(X, Y)
    before = predictions(model)
    curve = model.loss_curve_
    model.partial_fit(X, Y)
    assert model.n_iter_ == 31
    assert model.loss_curve_[:-1] == curve
    assert model.loss_curve_[-1] < curve[0]
    assert not np.array_equal(predictions(model), before)


@ESTIMATORS
def test_fit_after_partial_fit_begins_anew(Estimator):
    model = make(Estimator).partial_fit(X, Y).partial_fit(X, Y).fit(X, Y)
    fresh = make(Estimator).fit(X, Y)
    assert_same_model(model, fresh)
    assert model.t_ == fresh.t_
    assert model.loss_curve_ == fresh.loss_curve_


@ESTIMATORS
def test_partial_fit_keeps_the_first_calls_scales_and_holds_nothing_out(Estimator, splits):
    model = make(Estimator, early_stopping=True).partial_fit(X, Y)
    shift = model._shift.copy()
    model.partial_fit([x + 1 for x in X], Y, sample_weight=np.linspace(1, 2, N))
    assert_array_equal(model._shift, shift)
    assert [held_out for _, held_out in splits] == [None, None]


@ESTIMATORS
def test_the_learning_rate_can_be_lowered_between_parts(Estimator):
    model = make(Estimator).partial_fit(X, Y)
    before = model._network.parameters.copy()
    model.set_params(learning_rate_init=1e-9).partial_fit(X, Y)
    assert 0 < np.abs(model._network.parameters - before).max() < 1e-6


def test_partial_fit_with_classes_that_come_later():
    model = make(LSTMClassifier).partial_fit(X, Y, classes=[2, 0, 1])
    assert_array_equal(model.classes_, [0, 1, 2])
    model.partial_fit(X, np.full(N, 2))
    assert model.predict_proba(X).shape == (N, 3)
    assert make(LSTMClassifier).partial_fit(X[:1], [1], classes=[0, 1]).predict_proba(X).shape == (N, 2)


def test_partial_fit_takes_class_weights():
    weighted = make(LSTMClassifier, class_weight={0: 1, 1: 5}).partial_fit(X, Y)
    assert_same_model(weighted, make(LSTMClassifier).partial_fit(X, Y, sample_weight=1 + 4 * Y))
