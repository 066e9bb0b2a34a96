"""Cells, directions, pooling, the skip connection and dropout: each learns the task that it is there for."""

import pickle

import numpy as np
import pytest
from checks import ESTIMATORS
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV

from sklstm import LSTMClassifier, LSTMRegressor, as_sequences
from sklstm.layout import ACTIVATIONS, CELLS, POOLINGS, RECURRENT_ACTIVATIONS

pytestmark = pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")

SMALL = {"hidden_layer_sizes": 8, "random_state": 0, "n_jobs": 1}
N, N_TRAIN = 300, 200

rng = np.random.default_rng(0)
RAGGED = [rng.normal(size=(length, 2)) for length in rng.integers(10, 21, size=N)]
LATE = np.array([x[-5:, 0].mean() for x in RAGGED])  # a mean of the last steps


def held_out_score(model, X, y):
    """Score on the last sequences of a model that is fitted to the first ones."""
    return model.fit(X[:N_TRAIN], y[:N_TRAIN]).score(X[N_TRAIN:], y[N_TRAIN:])


def predictions(model, X):
    return model.predict(X) if isinstance(model, LSTMRegressor) else model.predict_proba(X)


# ---------------------------------------------------------------------------------------------- what each is there for


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_learns(cell):
    parameters = {**SMALL, "hidden_layer_sizes": 16, "cell": cell, "max_iter": 60}
    assert held_out_score(LSTMRegressor(**parameters), RAGGED, LATE) > 0.8
    assert held_out_score(LSTMClassifier(**parameters), RAGGED, LATE > 0) > 0.75


def test_no_two_cells_are_the_same():
    models = [LSTMRegressor(**SMALL, cell=cell, max_iter=1).fit(RAGGED, LATE) for cell in CELLS]
    assert len({model.predict(RAGGED[:1])[0] for model in models}) == len(CELLS)
    n_parameters = {model.cell: len(model._network.parameters) for model in models}
    output = 9
    assert n_parameters["rnn"] - output == 8 * (2 + 8 + 1)
    assert n_parameters["lstm"] - output == 4 * 8 * (2 + 8 + 1)
    assert n_parameters["peephole"] == n_parameters["lstm"] + 3 * 8
    assert n_parameters["gru"] - output == 3 * 8 * (2 + 8 + 1) + 8  # the reset gate's own bias


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("recurrent_activation", RECURRENT_ACTIVATIONS)
def test_every_activation_learns(activation, recurrent_activation):
    model = LSTMRegressor(
        **SMALL, activation=activation, recurrent_activation=recurrent_activation, learning_rate_init=0.005, max_iter=60
    )
    assert held_out_score(model, RAGGED, LATE) > 0.6


def test_bidirectional_reads_from_the_end_too():
    rng = np.random.default_rng(1)
    X = [rng.normal(size=(length, 1)) for length in rng.integers(40, 80, size=N)]
    first = np.array([x[0, 0] for x in X])
    # After so few epochs a network that reads forwards remembers nothing of so long ago.
    scores = [
        held_out_score(LSTMRegressor(**SMALL, bidirectional=both, max_iter=30), X, first) for both in [False, True]
    ]
    assert scores[0] < 0.2
    assert scores[1] > 0.95


@pytest.mark.parametrize("pooling", ["max", "attention"])
def test_a_spike_anywhere(pooling):
    rng = np.random.default_rng(1)
    y = np.arange(N) % 2
    X = [0.3 * rng.normal(size=(length, 1)) for length in rng.integers(100, 200, size=N)]
    for x, label in zip(X, y, strict=True):
        x[rng.integers(len(x))] += 4 * label
    assert held_out_score(LSTMClassifier(**SMALL, pooling=pooling, max_iter=15), X, y) > 0.95
    assert held_out_score(LSTMClassifier(**SMALL, max_iter=15), X, y) < 0.8


def test_mean_pooling_is_a_mean():
    # What the output layer sees of a sequence twice over is near what it sees of it once: the state is the same but
    # for its start. A sum would double.
    model = LSTMRegressor(**SMALL, pooling="mean", max_iter=40)
    rng = np.random.default_rng(1)
    X = [rng.normal(size=(length, 1)) + rng.normal() for length in rng.integers(20, 40, size=N)]
    y = np.array([x.mean() for x in X])
    assert held_out_score(model, X, y) > 0.97
    twice = [np.concatenate([x, x]) for x in X]
    assert_allclose(model.predict(twice), model.predict(X), atol=0.25)


def marked():
    """Sequences with a mark at one time step, whose value is the target."""
    rng = np.random.default_rng(1)
    X, places = [], []
    for length in rng.integers(8, 16, size=N):
        X.append(np.column_stack([rng.normal(size=length), np.zeros(length)]))
        places.append(rng.integers(length))
        X[-1][places[-1], 1] = 1
    return X, np.array([x[place, 0] for x, place in zip(X, places, strict=True)]), np.array(places)


def test_attention_is_paid_to_the_marked_step():
    X, y, places = marked()
    model = LSTMRegressor(**SMALL, pooling="attention", max_iter=60)
    assert held_out_score(model, X, y) > 0.95
    weights = model.attention_weights(X[N_TRAIN:])
    assert [len(part) for part in weights] == [len(x) for x in X[N_TRAIN:]]
    assert all((part >= 0).all() for part in weights)
    assert_allclose([part.sum() for part in weights], 1, rtol=1e-5)
    assert np.mean([part.argmax() == place for part, place in zip(weights, places[N_TRAIN:], strict=True)]) > 0.9
    assert np.mean([part[place] for part, place in zip(weights, places[N_TRAIN:], strict=True)]) > 0.7


def test_attention_weights_in_the_form_of_the_data():
    X, y, _ = marked()
    model = LSTMRegressor(**SMALL, pooling="attention", max_iter=1).fit(X, y)
    expected = model.attention_weights(X)
    for form in [tuple(X), as_sequences(X)]:
        for part, of_list in zip(model.attention_weights(form), expected, strict=True):
            assert_array_equal(part, of_list)
    padded = np.full((N, 16, 2), np.nan)
    for row, x in zip(padded, X, strict=True):
        row[: len(x)] = x
    weights = model.attention_weights(padded)
    assert weights.shape == (N, 16)
    for row, of_list in zip(weights, expected, strict=True):
        assert_array_equal(row[: len(of_list)], of_list)
        assert np.isnan(row[len(of_list) :]).all()
    assert_array_equal(model.attention_weights([x[:1] for x in X[:3]]), [[1], [1], [1]])


def test_attention_weights_are_of_attention_only():
    model = LSTMRegressor(**SMALL, max_iter=1).fit(RAGGED, LATE)
    assert not hasattr(model, "attention_weights")
    with pytest.raises(AttributeError) as raised:
        model.attention_weights(RAGGED)
    assert 'pooling="attention"' in str(raised.value.__cause__)
    assert not hasattr(
        model.set_params(pooling="attention"), "attention_weights"
    )  # it is the fitted network that counts
    with pytest.raises(NotFittedError):
        LSTMRegressor(pooling="attention").attention_weights(RAGGED)


def test_a_skip_connection_learns_persistence_at_once():
    walks = np.cumsum(np.random.default_rng(1).normal(size=(N, 21)), axis=1)
    X, y = walks[:, :20], walks[:, 20]
    scores = [held_out_score(LSTMRegressor(**SMALL, skip_connection=skip, max_iter=5), X, y) for skip in [False, True]]
    best = r2_score(y[N_TRAIN:], X[N_TRAIN:, -1])
    assert scores[1] > best - 0.03
    assert scores[0] < best - 0.05


# ---------------------------------------------------------------------------------------------- alike in all of them

ARCHITECTURES = {
    "gru": {"cell": "gru"},
    "rnn": {"cell": "rnn"},
    "peephole": {"cell": "peephole", "activation": "relu", "recurrent_activation": "hard_sigmoid"},
    "bidirectional": {"bidirectional": True, "hidden_layer_sizes": (5, 4)},
    "skip": {"skip_connection": True, "bidirectional": True},
    **{pooling: {"pooling": pooling} for pooling in POOLINGS},
    "all": {
        "cell": "gru",
        "bidirectional": True,
        "pooling": "attention",
        "skip_connection": True,
        "dropout": 0.2,
        "recurrent_dropout": 0.2,
    },
}


def make(Estimator, **parameters):
    return Estimator(**{**SMALL, "max_iter": 3, **parameters})


@ESTIMATORS
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_forms_seeds_and_copies(Estimator, name):
    X, y = RAGGED[:40], LATE[:40] if Estimator is LSTMRegressor else LATE[:40] > 0
    model = make(Estimator, **ARCHITECTURES[name]).fit(X, y)
    expected = predictions(model, X)
    assert len(np.unique(expected)) > 30
    padded = np.full((40, 20, 2), np.nan, dtype=np.float32, order="F")
    for row, x in zip(padded, X, strict=True):
        row[: len(x)] = x
    padded.flags.writeable = False
    assert_allclose(predictions(model, padded), expected, rtol=1e-4, atol=1e-5)
    assert_array_equal(predictions(model, X[::-1])[::-1], expected)
    assert_array_equal(predictions(model, X[7:8])[0], expected[7])
    assert_array_equal(
        predictions(make(Estimator, **ARCHITECTURES[name], n_jobs=2).fit(as_sequences(X), y), X), expected
    )
    assert_array_equal(predictions(clone(model).fit(X, y), X), expected)
    other = pickle.loads(pickle.dumps(model))
    assert_array_equal(predictions(other, X), expected)
    assert_array_equal(predictions(other.partial_fit(X, y), X), predictions(model.partial_fit(X, y), X))


@ESTIMATORS
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_one_sequence_and_one_step(Estimator, name):
    y = LATE[:40] if Estimator is LSTMRegressor else LATE[:40] > 0
    model = make(Estimator, **ARCHITECTURES[name]).fit([x[:1] for x in RAGGED[:40]], y)
    alone = predictions(model, [RAGGED[50]])
    assert_array_equal(alone, predictions(model, RAGGED[49:52])[1:2])
    assert np.isfinite(alone).all()
    half = predictions(model, [RAGGED[50].astype(np.float16)])
    assert_allclose(half, alone, rtol=0.01, atol=0.01)


def test_a_search_over_architectures():
    grid = {"cell": ["lstm", "rnn"], "bidirectional": [False, True], "pooling": ["last", "max"]}
    search = GridSearchCV(make(LSTMRegressor), grid, cv=2, error_score="raise").fit(RAGGED[:60], LATE[:60])
    assert len(set(search.cv_results_["mean_test_score"])) == 8
    assert search.best_estimator_.get_params()["cell"] == search.best_params_["cell"]


# ---------------------------------------------------------------------------------------------- dropout

DROPOUT = pytest.mark.parametrize(
    "dropout", [{"dropout": 0.4}, {"recurrent_dropout": 0.4}], ids=lambda d: next(iter(d))
)


@ESTIMATORS
@DROPOUT
def test_nothing_is_dropped_in_predictions(Estimator, dropout):
    model = make(Estimator, **dropout).fit(RAGGED, LATE > 0)
    expected = predictions(model, RAGGED)
    assert_array_equal(predictions(model, RAGGED), expected)
    # Predictions see the parameters only.
    plain = make(Estimator, max_iter=1).fit(RAGGED, LATE > 0)
    plain._network.parameters[:] = model._network.parameters
    plain._network.fixed = True
    assert_array_equal(predictions(plain, RAGGED), expected)


@ESTIMATORS
@DROPOUT
@pytest.mark.parametrize("shuffle", [False, True])
def test_what_is_dropped_depends_on_the_seed_only(Estimator, dropout, shuffle):
    y = LATE > 0
    model = make(Estimator, **dropout, shuffle=shuffle).fit(RAGGED, y)
    again = make(Estimator, **dropout, shuffle=shuffle, n_jobs=2).fit(RAGGED, y)
    assert_array_equal(again._network.parameters, model._network.parameters)
    for other in [{"random_state": 1}, {"dropout": 0, "recurrent_dropout": 0}, dict.fromkeys(dropout, 0.1)]:
        parameters = make(Estimator, **{**dropout, "shuffle": shuffle, **other}).fit(RAGGED, y)._network.parameters
        assert not np.array_equal(parameters, model._network.parameters)


@ESTIMATORS
@DROPOUT
@pytest.mark.parametrize("shuffle", [False, True])
def test_dropout_across_partial_fit(Estimator, dropout, shuffle):
    parameters = {**dropout, "shuffle": shuffle, "learning_rate": "constant"}
    partial = make(Estimator, **parameters)
    for _ in range(3):
        partial.partial_fit(RAGGED, LATE > 0)
    fitted = make(Estimator, **parameters).fit(RAGGED, LATE > 0)
    # The same masks, drawn one after the other; other ones in each epoch.
    assert partial.loss_curve_ == fitted.loss_curve_
    still = make(Estimator, **parameters, learning_rate_init=1e-12, dtype="float64", max_iter=2).fit(RAGGED, LATE > 0)
    assert abs(still.loss_curve_[0] - still.loss_curve_[1]) > 1e-6


def test_dropout_keeps_a_network_from_learning_by_heart():
    noise = np.random.default_rng(1).normal(size=N)
    plain, dropped = (
        make(LSTMRegressor, hidden_layer_sizes=32, max_iter=80, dropout=dropout).fit(RAGGED, noise)
        for dropout in [0.0, 0.5]
    )
    assert 1 - dropped.score(RAGGED, noise) > 100 * (1 - plain.score(RAGGED, noise))


@ESTIMATORS
@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"return_sequences": True, "pooling": "max"}, 'pooling="max" makes one of all time steps'),
        ({"skip_connection": True, "embedding_dim": 3}, "skip_connection=True .* embedding_dim"),
        ({"solver": "lbfgs", "dropout": 0.1}, 'dropout does not go with solver="lbfgs"'),
    ],
)
def test_what_does_not_go_together(Estimator, parameters, words):
    with pytest.raises(ValueError, match=words):
        make(Estimator, **parameters).fit(RAGGED, LATE > 0)
