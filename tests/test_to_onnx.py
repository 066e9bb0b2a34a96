"""ONNX graphs of fitted models, as ONNX Runtime computes them, against the models themselves."""

import naive
import numpy as np
import onnx
import onnxruntime
import pytest
from checks import run_python, slow_to_converge
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMClassifier, LSTMRegressor, as_sequences, to_onnx
from sklstm.layout import CELLS

pytestmark = slow_to_converge

F, T = 3, 9
LENGTHS = np.array(naive.ragged_lengths(20, longest=T))


def padded(lengths=LENGTHS, n_features=F, gaps=0.0, seed=0):
    """Values (batch, time, features) in single precision, far from standardised, NaN in the padding and in gaps."""
    rng = np.random.RandomState(seed)
    X = rng.normal(5, 3, size=(len(lengths), max(lengths), n_features)).astype(np.float32)
    X[rng.uniform(size=X.shape) < gaps] = np.nan
    X[np.arange(max(lengths)) >= np.asarray(lengths)[:, np.newaxis]] = np.nan
    return X


def targets(X, by_step=False, n=1):
    """Numbers that depend on the values."""
    total = np.nancumsum(X[:, :, :1] * np.arange(1, n + 1), axis=1)
    total = total if by_step else total[:, -1]
    return total[..., 0] if n == 1 else total


def labels(X, names, by_step=False):
    """Labels from names, about as many of each."""
    y = targets(X, by_step)
    edges = np.quantile(y, np.linspace(0, 1, len(names) + 1)[1:-1])
    return np.array(names)[np.digitize(y, edges)]


def trained(Estimator, X, y, random=False, **parameters):
    """A model after a few epochs; or one with weights so large that no part can be left out unnoticed."""
    parameters = {"hidden_layer_sizes": (5,), "max_iter": 2, "random_state": 0, **parameters}
    model = Estimator(**parameters).fit(X, y)
    if random:
        weights = model._network.parameters
        weights[:] = np.random.RandomState(1).uniform(-0.8, 0.8, size=weights.shape)
        model._network.fixed = True  # drops what predictions have kept of them
    return model


def session(model, **options):
    """ONNX Runtime's, of an estimator or a graph; without its warning of inputs that may be left out."""
    quiet = onnxruntime.SessionOptions()
    quiet.log_severity_level = 3
    converted = model if isinstance(model, onnx.ModelProto) else to_onnx(model, **options)
    return onnxruntime.InferenceSession(converted.SerializeToString(), quiet, providers=["CPUExecutionProvider"])


def outputs(session, X, lengths=None, times=None):
    """Outputs by name."""
    feed = {"X": X}
    if lengths is not None:
        feed["sequence_lens"] = np.asarray(lengths, np.int32)
    if times is not None:
        feed["times"] = times
    return dict(zip([each.name for each in session.get_outputs()], session.run(None, feed), strict=True))


def assert_close(actual, expected):
    """To 1e-5 of the outputs' scale; NaN where NaN is."""
    assert actual.shape == expected.shape
    atol = 1e-5 * np.nanmax(np.abs(expected))
    assert_allclose(actual, expected, rtol=1e-5, atol=atol)


def assert_equal(model, X, lengths=LENGTHS, behind_the_end=7.0, **options):
    """The graph's outputs are those of the model, with lengths told by padding and by numbers."""
    graph = session(model, **options)
    filled = X.copy()
    filled[np.arange(X.shape[1]) >= lengths[:, np.newaxis]] = behind_the_end
    for found in [outputs(graph, X), outputs(graph, filled, lengths)]:
        if hasattr(model, "predict_proba"):
            assert_close(found["probabilities"], model.predict_proba(X))
            assert_labels(found["label"], model.predict(X))
        else:
            assert_close(found["predictions"], model.predict(X))


def assert_labels(actual, expected):
    assert actual.shape == expected.shape
    if expected.dtype.kind == "f":  # with padding
        expected = np.where(np.isnan(expected), np.iinfo(np.int64).min, expected).astype(np.int64)
    if expected.dtype == object:
        expected = np.where(np.equal(expected, None), "", expected)
    assert_array_equal(actual, expected)


# ---------------------------------------------------------------------------------------------- networks


@pytest.mark.parametrize("random", [False, True], ids=["trained", "random"])
@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention", "each step"])
@pytest.mark.parametrize("sizes", [(5,), (4, 6)], ids=str)
@pytest.mark.parametrize("bidirectional", [False, True], ids=["one way", "both ways"])
@pytest.mark.parametrize("cell", CELLS)
def test_networks(cell, bidirectional, sizes, pooling, random):
    by_step = pooling == "each step"
    X = padded()
    model = trained(
        LSTMRegressor,
        X,
        targets(X, by_step),
        random,
        cell=cell,
        hidden_layer_sizes=sizes,
        bidirectional=bidirectional,
        pooling="last" if by_step else pooling,
        return_sequences=by_step,
        skip_connection=False,
    )
    assert_equal(model, X)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    ("activation", "recurrent_activation"),
    [("tanh", "hard_sigmoid"), ("relu", "logistic"), ("logistic", "logistic"), ("identity", "hard_sigmoid")],
)
def test_activations(cell, activation, recurrent_activation):
    X = padded()
    model = trained(
        LSTMRegressor, X, targets(X), True, cell=cell, activation=activation, recurrent_activation=recurrent_activation
    )
    weights = model._network.parameters
    weights[:] = weights / 2  # what does not saturate grows
    model._network.fixed = True
    assert_equal(model, X)


@pytest.mark.parametrize("random", [False, True], ids=["trained", "random"])
@pytest.mark.parametrize("pooling", ["last", "mean", "each step"])
@pytest.mark.parametrize("bidirectional", [False, True], ids=["one way", "both ways"])
def test_skip_connection(bidirectional, pooling, random):
    by_step = pooling == "each step"
    X = padded()
    X[:, :, 1] = np.where(np.isnan(X[:, :, 1]), np.nan, X[:, :1, 1])  # never changes within a sequence
    model = trained(
        LSTMRegressor,
        X,
        targets(X, by_step),
        random,
        skip_connection=True,
        bidirectional=bidirectional,
        pooling="last" if by_step else pooling,
        return_sequences=by_step,
    )
    assert (model._scale == 0).any()
    assert_equal(model, X)


@pytest.mark.parametrize("by_step", [False, True])
@pytest.mark.parametrize("random", [False, True], ids=["trained", "random"])
def test_tokens(random, by_step):
    X = np.random.RandomState(0).randint(0, 8, size=(len(LENGTHS), T, 1)).astype(np.float32)
    X[np.isnan(padded(n_features=1))] = np.nan
    model = trained(LSTMRegressor, X, targets(X, by_step), random, embedding_dim=4, return_sequences=by_step)
    assert_equal(model, np.where(X == 3, 1000, X))  # which is unknown


@pytest.mark.parametrize("pooling", ["last", "mean", "each step"])
@pytest.mark.parametrize("sizes", [(5,), (4, 6)], ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_decay(cell, sizes, pooling):
    by_step = pooling == "each step"
    X = padded(gaps=0.5)
    lengths = as_sequences(X).lengths
    model = trained(
        LSTMRegressor,
        X,
        targets(X, by_step),
        True,
        cell=cell,
        hidden_layer_sizes=sizes,
        missing="decay",
        pooling="last" if by_step else pooling,
        return_sequences=by_step,
    )
    assert_equal(model, X, lengths)


def test_decay_over_times():
    X = padded(gaps=0.5)
    times = np.cumsum(np.random.RandomState(0).exponential(size=X.shape[:2]), axis=1) + 1e6
    sequences = as_sequences(X, times=times)
    model = trained(LSTMRegressor, sequences, targets(X), True, missing="decay")
    times[np.arange(T) >= sequences.lengths[:, np.newaxis]] = np.nan
    graph, expected = session(model), model.predict(sequences)
    assert_close(outputs(graph, X, times=times)["predictions"], expected)
    times[1, 3], times[-1, 1] = np.nan, 0
    expected[[1, -1]] = np.nan  # times that are missing, or go back
    assert_close(outputs(graph, X, times=times)["predictions"], expected)


def test_gaps_at_the_end_are_none_where_lengths_are_passed():
    X = padded(gaps=0.5)
    X[:, -2:] = np.nan
    sequences = [x[:length] for x, length in zip(X, LENGTHS, strict=True)]
    model = trained(LSTMRegressor, sequences, targets(X), True, missing="decay")
    found = outputs(session(model), X, LENGTHS)["predictions"]
    assert_close(found, model.predict(sequences))
    seen = ~np.isnan(X).all(axis=(1, 2))
    assert np.abs(found[seen] - model.predict(X[seen])).max() > 1e-3


def test_double_precision_becomes_single():
    X = padded()
    assert_equal(trained(LSTMRegressor, X, targets(X), True, dtype="float64"), X)


# ---------------------------------------------------------------------------------------------- outputs


@pytest.mark.parametrize("by_step", [False, True])
@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize(
    "loss",
    [
        {"loss": "absolute_error"},
        {"loss": "huber"},
        {"loss": "quantile", "quantile": 0.9},
        {"loss": "quantile", "quantile": [0.1, 0.5, 0.9]},
        {"loss": "poisson"},
        {"loss": "gaussian_nll"},
    ],
    ids=str,
)
def test_losses(loss, n, by_step):
    X = padded()
    model = trained(LSTMRegressor, X, np.abs(targets(X, by_step, n)), True, return_sequences=by_step, **loss)
    assert_equal(model, X)
    if loss["loss"] == "gaussian_nll":
        assert_close(outputs(session(model), X)["std"], model.predict(X, return_std=True)[1])


def test_a_large_mean_of_the_targets_keeps_its_digits():
    X = padded()
    model = trained(LSTMRegressor, X, targets(X) + 1e9, True)
    expected = model.predict(X)
    assert np.ptp(expected) > 1
    assert_allclose(outputs(session(model), X)["predictions"], expected, rtol=0, atol=1e-5 * np.ptp(expected))


def test_a_large_mean_of_the_inputs_keeps_its_digits():
    X = padded().astype(np.float64) + 1e9
    model = trained(LSTMRegressor, X, targets(X - 1e9), True)
    assert_equal(model, X, dtype="float64")


@pytest.mark.parametrize("by_step", [False, True])
@pytest.mark.parametrize(
    "names", [[0, 1], [-1, 1], [2, 3, 5], ["no", "yes"], ["a", "b", "c", "d"], [False, True]], ids=str
)
def test_labels(names, by_step):
    X = padded()
    assert_equal(trained(LSTMClassifier, X, labels(X, names, by_step), True, return_sequences=by_step), X)


def test_labels_that_are_texts_in_an_array_of_objects():
    X = padded()
    assert_equal(trained(LSTMClassifier, X, labels(X, ["no", "yes"]).astype(object), True), X)


@pytest.mark.parametrize("by_step", [False, True])
def test_several_labels(by_step):
    X = padded()
    y = np.stack([labels(X, [0, 1], by_step), labels(-X, [0, 1], by_step)[..., ::1]], axis=-1)
    y[0] = [1, 1]
    y = list(map(np.array, y)) if by_step else y
    model = trained(LSTMClassifier, X, y, True, return_sequences=by_step)
    assert model._multilabel
    assert_equal(model, X)


def test_labels_that_are_fractions():
    X = padded()
    model = trained(LSTMClassifier, X, labels(X, [1.0, 2.0]), True)
    found = outputs(session(model), X)["label"]
    assert found.dtype == np.float64
    assert_array_equal(found, model.predict(X))


def test_what_predict_refuses_has_no_prediction():
    X = padded([T] * 5)
    model = trained(LSTMClassifier, X, labels(X, ["no", "yes"]), True, pooling="max", activation="relu")
    expected = model.predict_proba(X)
    X[0, 2, 1], X[2, 5, 0], X[3] = np.nan, np.inf, np.nan
    found = outputs(session(model), X)
    assert np.isnan(found["probabilities"][[0, 2, 3]]).all()
    assert_array_equal(found["label"][[0, 2, 3]], "")
    assert_close(found["probabilities"][[1, 4]], expected[[1, 4]])


@pytest.mark.parametrize("wrong", [-1, 0.5])
def test_what_is_no_token_has_no_prediction(wrong):
    X = np.array([[[0], [1], [2]], [[1], [2], [0]]], np.float32)
    model = trained(LSTMRegressor, X, [0.0, 1.0], True, embedding_dim=2)
    expected = model.predict(X)[1]
    X[0, 1] = wrong
    found = outputs(session(model), X)["predictions"]
    assert np.isnan(found[0])
    assert abs(found[1] - expected) < 1e-5


# ---------------------------------------------------------------------------------------------- errors


def model_of(X, **parameters):
    return trained(LSTMRegressor, X, targets(X), **parameters)


@pytest.mark.parametrize("has_times", [False, True])
def test_times_are_not_left_out_or_made_up(has_times):
    X = padded([T] * 20)
    times = np.tile(np.arange(T), (20, 1)) if has_times else None
    model = trained(LSTMRegressor, as_sequences(X, times=times), targets(X), missing="decay")
    with pytest.raises(ValueError, match=f"the graph needs times={has_times}"):
        to_onnx(model, times=not has_times)


def test_a_cell_without_an_operator(monkeypatch):
    model = model_of(padded())
    monkeypatch.setattr("sklstm.export._onnx_network.OPERATORS", {"gru": None})
    with pytest.raises(ValueError, match="cell='lstm' has no operator in ONNX: only 'gru' can"):
        to_onnx(model)


def test_labels_that_onnx_has_no_type_for():
    X = padded()
    model = trained(LSTMClassifier, X, labels(X, [0, 1]))
    model.classes_ = np.array([0, None])
    with pytest.raises(ValueError, match="labels must be numbers or texts for ONNX"):
        to_onnx(model)


def test_labels_that_no_int64_holds():
    X = padded()
    model = trained(LSTMClassifier, X, labels(X, [0, 1]))
    model.classes_ = np.array([2**63 - 1, 2**63], np.uint64)
    with pytest.raises(ValueError, match="labels must fit into int64 for ONNX, but classes_ has 9223372036854775808"):
        to_onnx(model)
    model.classes_ -= np.uint64(1)
    assert onnx.checker.check_model(to_onnx(model)) is None


class Mine(LSTMRegressor):
    """A model of somebody's own."""


def test_a_model_of_ones_own():
    X = padded()
    with pytest.raises(ValueError, match=r"The model Mine\(.*\) cannot be converted to ONNX: only LSTMRegressor and"):
        to_onnx(trained(Mine, X, targets(X)))


def test_what_is_no_model():
    with pytest.raises(ValueError, match="must be an LSTMRegressor or an LSTMClassifier"):
        to_onnx(StandardScaler())


def test_without_skl2onnx(monkeypatch):
    monkeypatch.setattr("sklstm.export._onnx.find_spec", lambda name: None if name == "skl2onnx" else name)
    with pytest.raises(ImportError, match=r"install skl2onnx: pip install skl2onnx$"):
        to_onnx(None)


def test_nothing_is_imported_with_the_package():
    later = ["onnx", "skl2onnx", "sklstm.inspection"]
    assert run_python(f"import sys, sklstm; print(set({later}) & set(sys.modules))") == "set()"
