"""What `verbose` prints."""

import re
import time

import numpy as np
import pytest
from checks import ESTIMATORS
from sklearn.exceptions import ConvergenceWarning
from test_callbacks import Recorder
from test_training import X_VAL, Y_VAL, X, Y, make

from sklstm import LSTMRegressor
from sklstm.progress import Best, Epoch, History, Log

pytestmark = pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")


@pytest.fixture
def lines(capsys):
    """The lines that a fit prints."""

    def fit(model, **validation):
        capsys.readouterr()
        model.fit(X, Y, **validation)
        return capsys.readouterr().out.splitlines()

    return fit


def numbers(line):
    return [float(number) for number in re.findall(r"(?:loss|score) +(\S+)", line)]


@ESTIMATORS
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_line_an_epoch(Estimator, solver, lines):
    assert lines(make(Estimator, solver=solver)) == []
    model = make(Estimator, solver=solver, verbose=True)
    *epochs, last = lines(model)
    assert [line[:9] for line in epochs] == ["Epoch 1/3", "Epoch 2/3", "Epoch 3/3"]
    assert [numbers(line) for line in epochs] == [[float(f"{loss:.4g}")] for loss in model.loss_curve_]
    assert last.startswith("Stopped: ")


@ESTIMATORS
def test_a_line_has_the_validation_data(Estimator, lines):
    model = make(Estimator, max_iter=10, verbose=1)
    *epochs, _ = lines(model, X_val=X_VAL, y_val=Y_VAL)
    curves = zip(model.loss_curve_, model.validation_loss_curve_, model.validation_scores_, strict=True)
    assert [numbers(line) for line in epochs] == [[float(f"{value:.4g}") for value in epoch] for epoch in curves]
    assert len({len(line) for line in epochs}) == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "0.5000"), (1 / 3, "0.3333"), (12.3456, "12.35"), (1234.56, "1235"), (123456.7, "1.235e+05"),
        (1.5e-7, "1.500e-07"), (-0.25, "-0.2500"), (np.nan, "nan"), (np.float64(2), "2.000"),
    ],
)  # fmt: skip
def test_numbers_have_four_digits_and_one_width(value, text, capsys):
    history = History([Epoch(value, 1, value, value)], Best(0, value, None))
    Log(True, 1).epoch(history)
    line = capsys.readouterr().out
    assert line.startswith(f"Epoch 1/1  loss {text:<9} validation loss {text:<9} score {text:<9} ")
    assert len(line.rstrip()) <= 80


def test_a_line_has_the_time_since_training_began(capsys, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[-1])
    log = Log(True, 1)
    clock.append(172.31)
    log.epoch(History([Epoch(0.5, 1)], Best(0, 0.5, None)))
    assert capsys.readouterr().out == "Epoch 1/1  loss 0.5000      72.3 s\n"


def test_of_equal_epochs_the_first_stays_the_best():
    history = History()
    for loss, parameters in [(0.5, [1.0]), (0.25, [2.0]), (0.25, [3.0])]:
        history.add(Epoch(loss, 1), np.array(parameters))
    assert (history.best.epoch, history.best.parameters) == (1, [2.0])


@ESTIMATORS
def test_a_lower_learning_rate_is_told(Estimator, lines):
    model = make(Estimator, max_iter=100, tol=1e9, learning_rate_init=0.1, verbose=1)
    printed = lines(model, X_val=X_VAL, y_val=1 - Y_VAL)  # the first epoch is the best
    assert "to 0.03;" in printed[5]
    assert "to 0.009;" in printed[10]
    assert printed[5].endswith("weights of epoch 1.")
    assert len(printed) == model.n_iter_ + 2 + 1


def test_no_learning_rate_is_lowered_after_the_last_epoch(lines):
    lowered = [
        "lowered" in line
        for line in lines(make(LSTMRegressor, max_iter=5, tol=1e9, verbose=1), X_val=X_VAL, y_val=1 - Y_VAL)
    ]
    assert lowered == 6 * [False]  # after five epochs, four of them without progress


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({}, "max_iter=3 epochs are done"),
        ({"learning_rate": "cosine"}, "max_iter=3 epochs are done"),
        ({"n_iter_no_change": 2, "tol": 1e9}, "no progress in 2 epochs"),
        ({"solver": "lbfgs"}, "L-BFGS has not converged"),
        ({"solver": "lbfgs", "tol": 1e9}, "L-BFGS has converged"),
    ],
)
def test_the_last_line_says_why(parameters, reason, lines):
    model = make(LSTMRegressor, verbose=1, **parameters)
    last = lines(model)[-1]
    assert last == f"Stopped: {reason}. The weights of epoch {np.argmin(model.loss_curve_) + 1} are kept."


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_the_last_line_tells_of_a_callback(solver, lines):
    last = lines(make(LSTMRegressor, solver=solver, verbose=1).set_callbacks(Recorder(stop=2)))[-1]
    assert last == "Stopped: a callback asked for it. The weights of epoch 2 are kept."


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.usefixtures("diverges_in_epoch_3")
def test_the_last_line_tells_of_a_divergence(lines):
    last = lines(make(LSTMRegressor, verbose=1))[-1]
    assert last == "Stopped: the loss is no longer finite. The weights of epoch 2 are kept."


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("epoch", "The best weights so far are kept, those of epoch 2."),
        ("step", "The weights are kept as they are after 16 of the first epoch's 40 sequences."),
    ],
)
@pytest.mark.filterwarnings("ignore:Training interrupted")
def test_the_last_line_tells_of_an_interruption(name, kept, lines, raise_in):
    raise_in(name, 3)
    assert lines(make(LSTMRegressor, verbose=1))[-1] == f"Stopped: interrupted by the user. {kept}"
