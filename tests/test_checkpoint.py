"""Checkpoints: a training that was cut short goes on from its last epoch, to the bits of one that was not."""

import pickle
import time

import numpy as np
import pytest
from checks import ESTIMATORS, assert_same_bits, printed
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from test_callbacks import Recorder
from test_training import X_VAL, Y_VAL, N, X, Y, make

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.parameters import CONSTRAINTS
from sklstm.training import Trainer

pytestmark = pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")

STEPS = 5  # an epoch, of 40 sequences or of the 36 that are not held out, in batches of 8
LONG = {"max_iter": 8, "n_iter_no_change": 20}
GROUPS = np.array([f"patient {i // 3}" for i in range(N)])
GAPPY = X.with_values(np.where(np.random.default_rng(0).random(X.values.shape) < 0.3, np.nan, X.values))


def cut_short(model, *args, epoch=4, error=MemoryError, **kwargs):
    """Let a fit end with an error in the midst of an epoch."""
    step, calls = Trainer.step, []

    def failing(self, rows):
        calls.append(rows)
        if len(calls) == (epoch - 1) * STEPS + 3:
            raise error
        return step(self, rows)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "step", failing)
        with pytest.raises(error):
            model.fit(*args, **kwargs)


def assert_same_training(model, expected):
    """The same bits of the weights, and the same of everything else that was learnt."""
    assert_same_bits(model._network.parameters, expected._network.parameters)
    for name in vars(expected):
        if name.endswith("_") or name in ("_shift", "_scale"):
            assert_array_equal(getattr(model, name), getattr(expected, name), err_msg=name)


def files(folder):
    return sorted(path.name for path in folder.iterdir())


# ---------------------------------------------------------------------------------------------- the same bits


PARAMETERS = {
    **{solver: {"solver": solver} for solver in sorted(CONSTRAINTS["solver"][0].options - {"lbfgs"})},
    **{rate: {"learning_rate": rate} for rate in sorted(CONSTRAINTS["learning_rate"][0].options)},
    "no average": {"average": False},
    "plateaus": {"tol": 1e9},
    "plateaus, no average": {"tol": 1e9, "average": False, "solver": "sgd", "learning_rate_init": 1},
    "dropout": {"dropout": 0.3, "recurrent_dropout": 0.2},
    "in order": {"shuffle": False},
    "early stopping": {"early_stopping": True},
    "early stopping, plateaus": {"early_stopping": True, "tol": 1e9, "dtype": "float64"},
    "architecture": {"cell": "gru", "bidirectional": True, "pooling": "attention", "hidden_layer_sizes": [3, 4]},
}


@ESTIMATORS
@pytest.mark.parametrize("epoch", [2, 7])
@pytest.mark.parametrize("parameters", PARAMETERS.values(), ids=PARAMETERS)
def test_the_same_bits(Estimator, parameters, epoch, tmp_path):
    parameters = {**LONG, **parameters}
    expected = make(Estimator, **parameters).fit(X, Y)
    cut_short(make(Estimator, checkpoint=tmp_path, **parameters), X, Y, epoch=epoch)
    assert_same_training(make(Estimator, checkpoint=tmp_path, **parameters).fit(X, Y), expected)
    assert files(tmp_path) == []


BY_STEP = [np.resize(Y, length) for length in X.lengths]
DATA = {
    "groups": (LSTMClassifier, {"early_stopping": True}, (X, Y), {"groups": GROUPS}),
    "watched": (LSTMClassifier, {}, (X, Y), {"X_val": X_VAL, "y_val": 1 - Y_VAL, "sample_weight_val": 1.0 + Y_VAL}),
    "class_weight": (LSTMClassifier, {"class_weight": {0: 0.3, 1: 2}}, (X, Y), {}),
    "labels": (LSTMClassifier, {"early_stopping": True}, (X, np.array(["no", "yes"], dtype=object)[Y]), {}),
    "weights": (LSTMRegressor, {}, (X, Y, np.arange(N)), {}),
    "time steps": (LSTMClassifier, {"return_sequences": True}, (X, BY_STEP), {}),
    "decay": (LSTMRegressor, {"missing": "decay"}, (GAPPY, Y), {}),
    "quantiles": (LSTMRegressor, {"loss": "quantile", "quantile": np.array([0.1, 0.9])}, (X, Y), {}),
    "tokens": (LSTMClassifier, {"embedding_dim": 2}, ([np.arange(n) % 5 for n in X.lengths], Y), {}),
    "skipping": (LSTMRegressor, {"skip_connection": True, "early_stopping": True}, (X, Y), {}),
}


@pytest.mark.parametrize(("Estimator", "parameters", "args", "others"), DATA.values(), ids=DATA)
def test_the_same_bits_of_all_data(Estimator, parameters, args, others, tmp_path):
    model = make(Estimator, **LONG, **parameters)
    expected = clone(model).fit(*args, **others)
    cut_short(model.set_params(checkpoint=tmp_path), *args, **others)
    assert_same_training(clone(model).fit(*args, **others), expected)


@ESTIMATORS
def test_a_training_may_be_cut_short_often(Estimator, tmp_path):
    parameters = {"max_iter": 12, "dropout": 0.2, "tol": 1e9, "n_iter_no_change": 20}
    model = make(Estimator, checkpoint=tmp_path, **parameters)
    for epoch in [1, 3, 1, 4]:  # counted from the last one on
        cut_short(model, X, Y, epoch=epoch)
    recorder = Recorder()
    assert_same_training(model.set_callbacks(recorder).fit(X, Y), make(Estimator, **parameters).fit(X, Y))
    assert [model.n_iter_ for model in recorder.models] == [6, 7, 8, 9, 10, 11, 12]


@pytest.mark.parametrize("Bits", [np.random.MT19937, np.random.PCG64, np.random.Philox, np.random.SFC64])
def test_a_random_state_is_left_as_if_nothing_had_happened(Bits, tmp_path):
    rngs = [np.random.RandomState(Bits(0)) for _ in range(3)]
    for rng in rngs:
        rng.standard_normal()  # of which it keeps another
    parameters = {"early_stopping": True, "dropout": 0.2, **LONG}
    expected = make(LSTMRegressor, random_state=rngs[0], **parameters).fit(X, Y)
    cut_short(make(LSTMRegressor, random_state=rngs[1], checkpoint=tmp_path, **parameters), X, Y)
    model = make(LSTMRegressor, random_state=rngs[2], checkpoint=tmp_path, **parameters).fit(X, Y)
    assert_same_training(model, expected)
    assert_array_equal(rngs[2].standard_normal(3), rngs[0].standard_normal(3))


def test_without_a_seed_the_numbers_of_the_first_process_count(tmp_path):
    parameters = {"random_state": None, "early_stopping": True, **LONG}
    rng = check_random_state(None)  # NumPy's own
    rng.seed(0)
    expected = make(LSTMRegressor, **parameters).fit(X, Y)
    drawn = rng.standard_normal(3)
    rng.seed(0)
    cut_short(make(LSTMRegressor, checkpoint=tmp_path, **parameters), X, Y)
    rng.seed(1)
    assert_same_training(make(LSTMRegressor, checkpoint=tmp_path, **parameters).fit(X, Y), expected)
    assert_array_equal(rng.standard_normal(3), drawn)


def test_a_warm_start_goes_on_from_its_own_beginning(tmp_path):
    once, twice = (make(LSTMRegressor, warm_start=True, **LONG).fit(X, Y) for _ in range(2))
    twice.fit(X, Y)
    expected = pickle.loads(pickle.dumps(once)).fit(X, Y)
    for model in (once, twice):
        cut_short(model.set_params(checkpoint=tmp_path), X, Y)
    assert len(files(tmp_path)) == 2
    assert_same_training(once.fit(X, Y), expected)


def test_ctrl_c_leaves_a_model_and_the_checkpoint(raise_in, tmp_path):
    expected = make(LSTMRegressor, **LONG).fit(X, Y)
    model = make(LSTMRegressor, checkpoint=tmp_path, **LONG)
    raise_in("step", 3 * STEPS + 2)
    with pytest.warns(UserWarning, match="So is the checkpoint") as record:
        model.fit(X, Y)
    assert record[0].filename == __file__
    assert str(tmp_path / files(tmp_path)[0]) in str(record[0].message)
    assert model.n_iter_ == 3
    assert_same_training(model.fit(X, Y), expected)
    assert files(tmp_path) == []


def test_ctrl_c_in_the_first_epoch_leaves_no_checkpoint(raise_in, tmp_path):
    raise_in("step", 2)
    with pytest.warns(UserWarning, match=r"of the first epoch's 40 sequences\.$"):
        make(LSTMRegressor, checkpoint=tmp_path, **LONG).fit(X, Y)
    assert files(tmp_path) == []


# ---------------------------------------------------------------------------------------------- who watches


def test_callbacks_see_the_epochs_that_are_left(tmp_path):
    model = make(LSTMRegressor, checkpoint=tmp_path, **LONG)
    expected = Recorder()
    clone(model).set_params(checkpoint=None).set_callbacks(expected).fit(X, Y)
    cut_short(model, X, Y)
    recorder = Recorder()
    model.set_callbacks(recorder).fit(X, Y)
    assert len(recorder.models) == 5
    assert [call for call in recorder.calls if "epoch" in call] == [call for call in expected.calls if "epoch" in call][
        6:
    ]
    for seen, same in zip(recorder.models, expected.models[3:], strict=True):
        assert_same_training(seen, same)


def test_an_error_in_a_callback_keeps_the_epochs_before(tmp_path):
    model = make(LSTMRegressor, checkpoint=tmp_path, **LONG)
    with pytest.raises(KeyError):
        clone(model).set_callbacks(Recorder(stop=3, error=KeyError())).fit(X, Y)
    recorder = Recorder()
    model.set_callbacks(recorder).fit(X, Y)
    assert recorder.models[0].n_iter_ == 3


def test_a_callback_that_stops_ends_the_training(tmp_path):
    make(LSTMRegressor, checkpoint=tmp_path, **LONG).set_callbacks(Recorder(stop=3)).fit(X, Y)
    assert files(tmp_path) == []


@ESTIMATORS
def test_lines(Estimator, tmp_path, monkeypatch):
    model = make(Estimator, checkpoint=tmp_path, verbose=True, **LONG)
    expected = printed(clone(model).set_params(checkpoint=None).fit, X, Y)
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock.append(clock[-1] + 1) or clock[-1])
    before = printed(cut_short, model, X, Y)
    clock.append(1e6)  # another process's clock
    resumed, *after = printed(model.fit, X, Y)
    assert resumed.startswith(f"Resumed after epoch 3, from {tmp_path}")
    assert [line[:-8] for line in before + after[:-1]] == [line[:-8] for line in expected[:-1]]
    assert after[-1] == expected[-1]
    seconds = [float(line.split()[-2]) for line in before + after[:-1]]
    assert seconds == sorted(seconds)
    assert seconds[-1] < 50
