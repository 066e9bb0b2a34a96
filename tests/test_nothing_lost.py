"""Ctrl-C at any moment, and memory that is gone at any call: an estimator is as it was, or it is whole."""

import io
import pickle
import warnings
from contextlib import suppress

import numpy as np
import pytest
from checks import assert_same_bits
from injection import MANY, moments, raised_at
from sklearn import config_context
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from threadpoolctl import ThreadpoolController, threadpool_limits

import sklstm
from sklstm import LSTMClassifier, LSTMRegressor, as_sequences
from sklstm.preprocessing import (
    SequenceFeatures,
    SequenceImputer,
    SequenceScaler,
    SequenceSelector,
    SequenceTokenizer,
    SequenceUnion,
    TimeFeatures,
    ToSequences,
)
from sklstm.threads import single_threaded_blas


@pytest.fixture(autouse=True)
def configuration():
    """Ctrl-C within scikit-learn's own context manager leaves its validation of parameters switched off."""
    with config_context():
        yield


RNG = np.random.default_rng(0)
X = as_sequences([RNG.normal(size=(n, 2)) for n in [3, 1, 4, 2, 5, 3, 2, 4, 3, 3]], feature_names=["a", "b"])
Y = np.arange(10) % 2


def make(Estimator, **parameters):
    fixed = {"max_iter": 2, "batch_size": 5, "random_state": 0, "n_jobs": 1, "n_iter_no_change": 9}
    return Estimator(2, **{**fixed, **parameters})


NEW = {
    "adam": make(LSTMClassifier),
    "validated": make(LSTMRegressor, early_stopping=True, skip_connection="auto", missing="error"),
    "decay": make(LSTMRegressor, missing="decay", pooling="attention", cell="gru", average=False),
    "lbfgs": make(LSTMClassifier, solver="lbfgs"),
    "time steps": make(LSTMRegressor, return_sequences=True, bidirectional=True, solver="sgd"),
}
UNION = SequenceUnion([("one", make_pipeline(SequenceScaler())), ("other", SequenceScaler("minmax"))])
CALLS = {  # what makes an estimator, and what is done with it
    **{
        name: (lambda model=model: clone(model), lambda model: model.fit(X, targets(model)))
        for name, model in NEW.items()
    },
    "partial_fit, first": (lambda: make(LSTMClassifier), lambda model: model.partial_fit(X, Y)),
    "fit once more": (lambda: make(LSTMClassifier).fit(X[:4], Y[:4]), lambda model: model.fit(X, Y)),
    "warm start": (lambda: make(LSTMClassifier, warm_start=True).fit(X, Y), lambda model: model.fit(X, Y)),
    "partial_fit": (lambda: make(LSTMClassifier).partial_fit(X, Y), lambda model: model.partial_fit(X, Y)),
    "predict": (lambda: make(LSTMClassifier).fit(X, Y), lambda model: model.predict(X)),
    "set_weights": (
        lambda: make(LSTMClassifier).fit(X, Y),
        lambda model: model.set_weights({name: 2 * array for name, array in model.get_weights().items()}),
    ),
    "tokenizer": (lambda: SequenceTokenizer(min_df=1).fit(["old"]), lambda model: model.fit(["new words", "words"])),
    "union": (lambda: clone(UNION).fit(X[:3]), lambda model: model.fit(X)),
    "union, fit_transform": (lambda: clone(UNION).fit(X[:3]), lambda model: model.fit_transform(X)),
    "rows": (lambda: ToSequences().fit(np.zeros((2, 3))), lambda model: model.fit(np.zeros((2, 4)))),
    **{
        type(model).__name__: (lambda model=model: clone(model).fit(X[:3]), lambda model: model.fit(X))
        for model in [SequenceFeatures(), SequenceImputer(), SequenceScaler(), SequenceSelector(["a"]), TimeFeatures()]
    },
}


def targets(model):
    return [np.resize(Y, length) for length in X.lengths] if model.return_sequences else Y


def state_of(model):
    """All that a model has, byte by byte, whichever of its parts are the same object."""
    file = io.BytesIO()
    pickler = pickle.Pickler(file)
    pickler.fast = True
    pickler.dump(model)
    return file.getvalue()


BLAS = ThreadpoolController().select(user_api="blas").lib_controllers


def blas_threads():
    return [library.num_threads for library in BLAS]


@pytest.fixture(autouse=True)
def _two_blas_threads():
    with threadpool_limits(2, user_api="blas"):
        yield


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize(("before", "call"), CALLS.values(), ids=CALLS)
@MANY
@pytest.mark.filterwarnings("ignore")
def test_all_or_nothing(n, before, call, error):
    """The estimator is as it was, or as after an undisturbed call, or Ctrl-C leaves a model and a warning."""
    before = pickle.dumps(before())
    unchanged = state_of(pickle.loads(before))
    whole = pickle.loads(before)
    call(whole)
    after, threads = state_of(whole), blas_threads()
    fresh = pickle.loads(before)
    for moment in moments(lambda: call(fresh), n, instead=error is MemoryError):
        model = pickle.loads(before)
        with warnings.catch_warnings(record=True) as record:
            warnings.simplefilter("always")
            try:
                raised_at(moment, error, call, model, instead=error is MemoryError)
                kept = state_of(model) != after
            except error:
                kept = False
                assert state_of(model) in (unchanged, after)
        if kept:
            assert error is KeyboardInterrupt
            assert any("nterrupted by the user" in str(each.message) for each in record)
            assert vars(model).keys() == vars(whole).keys()
            assert np.isfinite(np.concatenate([np.ravel(each) for each in model.predict(X)])).all()
        assert blas_threads() == threads
        model = pickle.loads(before)
        call(model)
        assert state_of(model) == after


@MANY
@pytest.mark.filterwarnings("ignore")
def test_a_checkpoint_is_left_whole_and_without_a_lock(n, tmp_path):
    model = make(LSTMClassifier, checkpoint=tmp_path)
    fresh = clone(model)
    expected = clone(model).fit(X, Y)
    for moment in moments(lambda: fresh.fit(X, Y), n):
        with suppress(KeyboardInterrupt):
            raised_at(moment, KeyboardInterrupt, clone(model).fit, X, Y)
        again = clone(model).fit(X, Y)
        assert_same_bits(again._network.parameters, expected._network.parameters)
        assert again.loss_curve_ == expected.loss_curve_
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("n", [40, pytest.param(400, marks=pytest.mark.soak)])
@pytest.mark.filterwarnings("ignore")
def test_at_the_end_of_a_fit_there_is_a_model_or_its_checkpoint(n, tmp_path):
    model = make(LSTMClassifier, checkpoint=tmp_path)
    fresh = clone(model)
    n_moments = raised_at(0, None, lambda: fresh.fit(X, Y))
    for moment in range(n_moments - n, n_moments + 1):
        model = clone(model)
        with suppress(KeyboardInterrupt):
            raised_at(moment, KeyboardInterrupt, model.fit, X, Y)
        assert hasattr(model, "_network") or list(tmp_path.glob("*.checkpoint"))


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
@MANY
@pytest.mark.filterwarnings("ignore:Training reached max_iter")
def test_a_file_is_the_old_one_or_the_new_one(n, error, tmp_path):
    path = tmp_path / "model.sklstm"
    models = [make(LSTMClassifier, random_state=seed).fit(X, Y) for seed in range(2)]
    sklstm.save(models[1], path)
    new = path.read_bytes()
    sklstm.save(models[0], path)
    old = path.read_bytes()
    for moment in moments(lambda: sklstm.save(models[0], path), n, instead=error is MemoryError):
        with pytest.raises(error):
            raised_at(moment, error, sklstm.save, models[1], path, instead=error is MemoryError)
        assert path.read_bytes() in (old, new)
        assert list(tmp_path.iterdir()) == [path]
        sklstm.save(models[0], path)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("missing", ["error", "decay"])
@MANY
@pytest.mark.filterwarnings("ignore:Training reached max_iter")
def test_a_stream_has_taken_a_step_or_has_not(n, missing, error):
    model = make(LSTMRegressor, missing=missing).fit(X, Y)
    stream, x = model.stream(), X[0][0]
    stream.step(x)
    before = stream.state
    stream.step(x)
    after = stream.state

    for moment in moments(lambda: stream.step(x), n, instead=error is MemoryError):
        stream.state = before
        with pytest.raises(error):
            raised_at(moment, error, stream.step, x, instead=error is MemoryError)
        now = stream.state
        assert any(all(np.array_equal(now[name], each[name]) for name in now) for each in (before, after))


def test_blas_is_let_go_whenever_it_is_interrupted():
    before = blas_threads()

    def hold():
        with single_threaded_blas():
            pass

    hold()
    for moment in moments(hold, 10**9):
        with pytest.raises(KeyboardInterrupt):
            raised_at(moment, KeyboardInterrupt, hold)
        assert blas_threads() == before
        with single_threaded_blas():
            assert set(blas_threads()) == {1}
        assert blas_threads() == before
