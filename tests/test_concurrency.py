"""Python threads that use models at the same time, the same model among them."""

import ctypes
import itertools
import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread

import naive
import numpy as np
import pytest
import sklearn
from checks import assert_same_bits, slow_to_converge
from sklearn.exceptions import ConvergenceWarning

import sklstm
from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.inspection import gate_activations, integrated_gradients
from sklstm.layout import CELLS
from sklstm.minibatch import Minibatch
from sklstm.network import Network
from sklstm.training import Trainer

pytestmark = slow_to_converge

N_THREADS = 8
DATA = naive.random_sequences(naive.ragged_lengths(45, longest=9), 3)
Y = np.array([x[-1, 0] for x in DATA])
LABELS = np.array(["low", "mid", "high"])[np.digitize(Y, [-0.5, 0.5])]


def regressor(**parameters):
    return LSTMRegressor(9, **{"max_iter": 2, "random_state": 0, "batch_size": 20} | parameters)


def classifier(**parameters):
    return LSTMClassifier(9, **{"max_iter": 2, "random_state": 0, "batch_size": 20} | parameters)


def at_once(calls):
    """What calls return that are made in as many threads."""
    with ThreadPoolExecutor(len(calls)) as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return [future.result(timeout=1500) for future in [pool.submit(call) for call in calls]]


# ---------------------------------------------------------------------------------------------- same bits


@pytest.mark.parametrize("n", [1, pytest.param(50, marks=pytest.mark.soak)])
def test_threads_that_train_and_predict_at_once(n):
    """Each has the bits that it has alone."""

    def train_and_predict(k):
        dropout = 0.2 * (k % 3)
        model = regressor(cell=[*CELLS][k % len(CELLS)], n_jobs=1 + k % 2, dropout=dropout, random_state=k)
        return model.fit(DATA, Y).predict(DATA)

    expected = [train_and_predict(k) for k in range(N_THREADS)]
    for _ in range(n):
        found = at_once([lambda k=k: train_and_predict(k) for k in range(N_THREADS)])
        for k in range(N_THREADS):
            assert_same_bits(found[k], expected[k], f"thread {k}")


@pytest.mark.parametrize("n", [2, pytest.param(200, marks=pytest.mark.soak)])
def test_threads_that_share_a_model(n, tmp_path):
    """Whatever a model is asked, and by whom else, it answers the same."""
    model = classifier(pooling="attention", n_jobs=2).fit(DATA, LABELS)

    def streamed():
        stream = model.stream()
        return np.array([stream.step(x) for x in DATA[1]])

    def saved():
        model.save(path := tmp_path / f"{next(numbers)}.sklstm")
        return sklstm.load(path).predict_proba(DATA)

    numbers = itertools.count()
    questions = [
        lambda: model.predict_proba(DATA),
        lambda: model.decision_function(DATA),
        lambda: np.concatenate(model.attention_weights(DATA)),
        streamed,
        saved,
        lambda: np.concatenate(integrated_gradients(model, DATA[:3]).attributions),
        lambda: np.concatenate([each["cell state"] for each in gate_activations(model, DATA[:5])]),
        lambda: model.get_weights()["layer_0.W_x"],
    ]
    expected = [question() for question in questions]

    def ask(first):
        for k in range(n * len(questions)):
            which = (first + k) % len(questions)
            assert_same_bits(questions[which](), expected[which], f"question {which}")

    at_once([lambda k=k: ask(k) for k in range(N_THREADS)])


# ---------------------------------------------------------------------------------------------- old or new


def predictions(model):
    return model.predict_proba(DATA) if hasattr(model, "predict_proba") else model.predict(DATA)


CHANGES = {
    "fit": lambda model, other: model.fit(DATA, other),
    "partial_fit": lambda model, other: model.partial_fit(DATA, other),
    "set_weights": lambda model, other: model.set_weights(
        {name: 1.5 * array for name, array in model.get_weights().items()}
    ),
}


@pytest.fixture(params=["regressor", "classifier"])
def model_and_other_targets(request):
    """A model, and targets that it was not fitted to."""
    if request.param == "regressor":
        return regressor().partial_fit(DATA, Y), 1000 - 100 * Y
    return classifier().partial_fit(DATA, LABELS), LABELS[::-1]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_predictions_that_a_change_overtakes(change, model_and_other_targets, monkeypatch):
    """A model that is changed while it computes predicts what it did when it was asked."""
    model, other = model_and_other_targets
    expected, run = predictions(model), Network._run

    def run_while_changed(self, *args):
        monkeypatch.setattr(Network, "_run", run)
        change(model, other)
        return run(self, *args)

    monkeypatch.setattr(Network, "_run", run_while_changed)
    assert_same_bits(predictions(model), expected)
    assert not np.array_equal(predictions(model), expected)


@pytest.mark.parametrize("fail", [False, True], ids=["trains", "fails"])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_predictions_during_training_are_those_of_the_old_model(method, fail, monkeypatch, model_and_other_targets):
    model, other = model_and_other_targets
    expected, epoch, during = predictions(model), Trainer.epoch, []

    def epoch_with_predictions(self):
        during.append(predictions(model))
        if fail:
            raise KeyboardInterrupt
        return epoch(self)

    monkeypatch.setattr(Trainer, "epoch", epoch_with_predictions)
    if fail:
        with pytest.raises(KeyboardInterrupt):
            getattr(model, method)(DATA, other)
    else:
        getattr(model, method)(DATA, other)
    for each in during:
        assert_same_bits(each, expected)
    assert np.array_equal(predictions(model), expected) == fail


class Calls:
    """A callback that calls something before the first epoch, or after each, in place of another thread."""

    def __init__(self, call, when):
        self.call, self.when = call, when

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        if self.when == "before" and context.task_name == "fit":
            self.call(estimator)

    def on_fit_task_end(self, estimator, context):
        if self.when == "after" and context.task_name == "epoch":
            self.call(estimator)


def sets_parameters(model):
    model.set_params(max_iter=1, alpha=0.5)
    model.note = "kept"


@pytest.mark.parametrize(("when", "n_iter"), [("before", 1), ("after", 2)])
def test_parameters_that_are_set_during_training_stay(when, n_iter):
    """Those set before it begins count for it."""
    model = regressor().set_callbacks(Calls(sets_parameters, when)).fit(DATA, Y)
    assert (model.alpha, model.max_iter, model.note, model.n_iter_) == (0.5, 1, "kept", n_iter)


def test_of_changes_that_overlap_the_last_prevails():
    """Weights that are set during a fit are replaced by the fit's, all of them."""
    other, alone = regressor().fit(DATA, 1000 + 100 * Y).get_weights(), regressor(warm_start=True).fit(DATA, Y)
    model = sklearn.clone(alone).fit(DATA, Y).set_callbacks(Calls(lambda model: model.set_weights(other), "after"))
    expected, found = alone.fit(DATA, Y).get_weights(), model.fit(DATA, Y).get_weights()
    for name in expected:
        assert_same_bits(found[name], expected[name], name)


def test_copies_made_during_a_fit_hold_nothing_of_it(monkeypatch, tmp_path):
    """Files, pickles and streams are those of the old model."""
    model, epoch, sizes = regressor().fit(DATA, Y), Trainer.epoch, []
    expected = model.predict(DATA)

    def copied():
        model.save(tmp_path / "model.sklstm")
        for loaded in [sklstm.load(tmp_path / "model.sklstm"), pickle.loads(pickle.dumps(model))]:
            assert_same_bits(loaded.predict(DATA), expected)
        sizes.append([len(pickle.dumps(each)) for each in [model, model.stream()]])

    def epoch_with_copies(self):
        copied()
        return epoch(self)

    copied()
    monkeypatch.setattr(Trainer, "epoch", epoch_with_copies)
    model.fit(DATA, Y)
    assert sizes == 3 * sizes[:1]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("n", [10, pytest.param(5000, marks=pytest.mark.soak)])
@pytest.mark.parametrize("change", ["set_weights", "fit"])
def test_old_or_new_in_any_thread(change, n):
    """While one thread changes a model, others always find one of the two that it changes between."""
    X, targets = naive.random_sequences([2, 3, 1, 2], 3), [[0.0, 1, 2, 3], [3e3, 1e3, 2e3, 5e3]]
    model = LSTMRegressor(3, max_iter=1, random_state=0)
    weights, expected = [], []
    for y in targets:
        weights.append(model.fit(X, y).get_weights())
        expected.append(model.predict(X).tobytes())
    ended = Event()

    def change_on():
        try:
            for k in range(n):
                model.fit(X, targets[k % 2]) if change == "fit" else model.set_weights(weights[k % 2])
        finally:
            ended.set()

    def predict_on():
        while not ended.is_set():
            assert model.predict(X).tobytes() in expected
            assert model.stream().step(X[2][0]).tobytes() in [each[16:24] for each in expected]

    at_once([change_on] + 3 * [predict_on])


# ---------------------------------------------------------------------------------------------- Python's lock


def ticks_during(call):
    """How often another thread gets Python's lock and lets go of it, a millisecond each, during a call."""
    ticks, ended, begun = [], Event(), Event()

    def tick():
        begun.set()
        while not ended.wait(timeout=0.001):
            ticks.append(None)

    thread = Thread(target=tick)
    thread.start()
    begun.wait()
    before = len(ticks)
    call()
    found = len(ticks) - before
    ended.set()
    thread.join()
    return found


def core_calls():
    network = naive.random_network(3, (128,), 2)
    sequences = naive.random_sequences([1000] * 24, 3)
    minibatch = Minibatch(network, sequences, np.zeros(3), np.ones(3), 1)
    return {
        "predict": lambda: network.predict(sequences, np.zeros(3), np.ones(3), 1),
        "forward": lambda: minibatch.forward(np.arange(24)),
        "backward": lambda: minibatch.backward(np.ones((24, 2))),
    }


def test_the_core_computes_without_pythons_lock():
    """A call that keeps the lock for 0.1 s holds another thread up; those of the core, which take as long, do not."""
    held = ticks_during(lambda: ctypes.PyDLL(None).usleep(100_000))
    assert held <= 2
    for name, call in core_calls().items():
        assert ticks_during(call) > 10, name
