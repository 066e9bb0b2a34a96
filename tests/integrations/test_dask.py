"""Searches on a Dask cluster, and training on the parts of Dask's arrays."""

import dask.array as da
import joblib
import numpy as np
import pytest
from checks import ESTIMATORS, assert_same_bits, printed, slow_to_converge
from dask.distributed import Client, LocalCluster
from dask.sizeof import sizeof
from dask_ml.wrappers import Incremental
from sklearn.base import clone
from sklearn.callback import ProgressBar
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklstm import LSTMClassifier, LSTMRegressor, Sequences, as_sequences
from sklstm.preprocessing import SequenceScaler
from sklstm.threads import effective_n_threads

RNG = np.random.default_rng(0)
X = as_sequences([RNG.normal(size=(n, 2)) for n in RNG.integers(3, 9, size=60)], feature_names=["a", "b"])
Y = np.array([x[:, 0].mean() for x in X])
TINY = {"hidden_layer_sizes": 4, "max_iter": 2, "batch_size": 16, "random_state": 0}
pytestmark = slow_to_converge


def targets(Estimator):
    return Y if Estimator is LSTMRegressor else np.where(Y > 0, "up", "down")


# ---------------------------------------------------------------------------------------------- searches


@pytest.fixture(scope="module")
def client():
    """Two worker processes of one thread each."""
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("OMP_NUM_THREADS", "1")  # to be restored: Dask sets it for its workers, and leaves it so
        with LocalCluster(**options) as cluster, Client(cluster) as client:
            yield client


def search(Estimator=LSTMRegressor, **options):
    model = make_pipeline(SequenceScaler(), Estimator(**{**TINY, **options}))
    return GridSearchCV(
        model, {f"{Estimator.__name__.lower()}__cell": ["lstm", "gru"]}, cv=3, error_score="raise", n_jobs=-1
    )


@pytest.mark.parametrize("form", ["Sequences", "list", "array"])
@ESTIMATORS
def test_a_search_finds_what_one_in_this_process_finds(Estimator, form, client):
    data = {"Sequences": X, "list": list(X), "array": X.to_array()}[form]
    y = targets(Estimator)
    with joblib.parallel_config(backend="dask"):
        remote = search(Estimator).fit(data, y)
    here = search(Estimator).set_params(n_jobs=None).fit(data, y)
    assert_same_bits(remote.cv_results_["mean_test_score"], here.cv_results_["mean_test_score"])
    assert len(set(remote.cv_results_["mean_test_score"])) == 2
    assert_same_bits(remote.predict(data), here.predict(data))


def test_workers_take_one_thread_each(client):
    """Their nannies set OMP_NUM_THREADS before they start."""
    assert set(client.run(effective_n_threads, None).values()) == {1}


def test_sequences_are_sent_once(client, monkeypatch):
    """Not with each of the six fits."""
    sent = []
    monkeypatch.setattr(Sequences, "__getstate__", lambda self: sent.append(len(self)) or vars(self), raising=False)
    with joblib.parallel_config(backend="dask"):
        search().fit(X, Y)
    assert sent == [len(X)]


@pytest.mark.parametrize("times", [None, [np.arange(len(x)) for x in X]], ids=["plain", "times"])
def test_the_size_of_sequences_is_that_of_their_arrays(times):
    sequences = as_sequences(X, times=times)
    arrays = sequences.values.nbytes + sequences.offsets.nbytes + (0 if times is None else sequences.times.nbytes)
    assert arrays < sizeof(sequences) < arrays + 200


@pytest.mark.usefixtures("wide_console")
@pytest.mark.filterwarnings("ignore:The estimator SequenceScaler does not support callbacks")
def test_progress_is_shown_of_fits_on_workers(client, capfd):
    model = search().set_callbacks(ProgressBar(max_propagation_depth=None))
    with joblib.parallel_config(backend="dask"):
        model.fit(X, Y)
    output = capfd.readouterr().out
    assert "candidate-split-evaluation" in output
    assert "LSTMRegressor - fit" in output


def test_verbose_fits_on_workers(client):
    lines = client.submit(printed, LSTMRegressor(**TINY, verbose=True).fit, X, Y).result()
    assert [line[:9] for line in lines] == ["Epoch 1/2", "Epoch 2/2", "Stopped: "]
    assert client.submit(printed, LSTMRegressor(**TINY).fit, X, Y).result() == []
    with joblib.parallel_config(backend="dask"):
        assert_same_bits(search(verbose=True).fit(X, Y).predict(X), search().fit(X, Y).predict(X))


# ---------------------------------------------------------------------------------------------- parts


def fitted_by_parts(model, X, y, **options):
    for start in range(0, 60, 20):
        model.partial_fit(X[start : start + 20], y[start : start + 20], **options)
    return model


CUBE = RNG.normal(size=(60, 6, 2)).astype(np.float32)
OPTIONS = {LSTMRegressor: {}, LSTMClassifier: {"classes": ["down", "up"]}}


@ESTIMATORS
def test_blocks_of_an_array_of_sequences(Estimator):
    y, options = targets(Estimator), OPTIONS[Estimator]
    cube, labels = da.from_array(CUBE, chunks=(20, 6, 2)), da.from_array(y, chunks=20)
    model = Estimator(**TINY)
    for block, block_y in zip(cube.blocks, labels.blocks, strict=True):
        model.partial_fit(*da.compute(block, block_y), **options)
    expected = fitted_by_parts(Estimator(**TINY), CUBE, y, **options)
    assert_same_bits(model.predict(CUBE), expected.predict(CUBE))
    predicted = cube.map_blocks(model.predict, drop_axis=(1, 2), dtype=expected.predict(CUBE).dtype)
    assert_same_bits(predicted.compute(), expected.predict(CUBE))


@ESTIMATORS
def test_incremental_over_a_table(Estimator):
    table, y, options = CUBE[:, :, 0].copy(), targets(Estimator), OPTIONS[Estimator]
    blocks, labels = da.from_array(table, chunks=(20, 6)), da.from_array(y, chunks=20)
    scoring = "neg_mean_squared_error" if Estimator is LSTMRegressor else "accuracy"
    model = clone(Incremental(Estimator(**TINY), scoring=scoring, shuffle_blocks=False))
    model.set_params(estimator__cell="gru").fit(blocks, labels, **options)
    expected = fitted_by_parts(Estimator(**TINY, cell="gru"), table, y, **options)
    assert_same_bits(model.predict(blocks).compute(), expected.predict(table))
    assert model.estimator_.n_iter_ == 3
    predicted = expected.predict(table)
    score = -np.mean((predicted - y) ** 2) if Estimator is LSTMRegressor else np.mean(predicted == y)
    assert model.score(blocks, labels) == pytest.approx(score)
    if Estimator is LSTMClassifier:
        assert_same_bits(model.predict_proba(blocks).compute(), expected.predict_proba(table))
