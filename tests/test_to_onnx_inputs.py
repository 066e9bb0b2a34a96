"""What goes into ONNX graphs: batches of any size, lengths, padding, tables, and what is said of them."""

import numpy as np
import onnx
import pytest
import skl2onnx
from checks import slow_to_converge
from numpy.testing import assert_array_equal
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from test_to_onnx import LENGTHS, F, T, assert_close, labels, outputs, padded, session, targets, trained

from sklstm import LSTMClassifier, LSTMRegressor, to_onnx

pytestmark = slow_to_converge

LAST = skl2onnx.__max_supported_opset__


@pytest.mark.parametrize(
    "options", [{}, {"pooling": "attention", "bidirectional": True}, {"missing": "decay"}], ids=str
)
def test_one_session_takes_batches_of_any_size_and_length(options):
    X = padded()
    model = trained(LSTMRegressor, X, targets(X), True, hidden_layer_sizes=(5, 4), **options)
    graph = session(model)
    for lengths in [[1], [4], [1, 1, 1], [60, 3], LENGTHS, [5] * 70]:
        X = padded(lengths)
        assert_close(outputs(graph, X)["predictions"], model.predict(X))
        assert_close(outputs(graph, np.nan_to_num(X), lengths)["predictions"], model.predict(X))


def test_lengths_and_padding_in_one_batch():
    X = padded()
    model = trained(LSTMRegressor, X, targets(X), True)
    lengths = np.where(np.arange(len(X)) % 2, LENGTHS, -1)
    assert_close(outputs(session(model), X, lengths)["predictions"], model.predict(X))


def inputs(graph):
    return {each.name: [each.type.tensor_type.elem_type, *dimensions(each)] for each in graph.graph.input}


def dimensions(value):
    return [each.dim_param or each.dim_value for each in value.type.tensor_type.shape.dim]


def test_what_the_graph_says_of_its_inputs_and_outputs():
    X = padded()
    model = trained(LSTMClassifier, X, labels(X, [0, 1, 2], by_step=True), return_sequences=True)
    number, whole = onnx.TensorProto.FLOAT, onnx.TensorProto.INT32
    values = {"X": [number, "batch", "time", F]}
    assert inputs(to_onnx(model, sequence_lens=None)) == values
    assert inputs(to_onnx(model, sequence_lens="required")) == {**values, "sequence_lens": [whole, "batch"]}
    converted = to_onnx(model)
    assert inputs(converted) == {**values, "sequence_lens": [whole, 0]}
    assert [each.name for each in session(converted).get_inputs()] == ["X"]
    assert [dimensions(each) for each in converted.graph.output] == [["batch", "time"], ["batch", "time", 3]]
    assert converted.opset_import[0].version <= 15
    assert converted.ir_version <= 8
    assert inputs(to_onnx(model, dtype="float64", times=True))["X"][0] == onnx.TensorProto.DOUBLE


@pytest.mark.parametrize("missing", ["error", "decay"])
def test_lengths_beyond_the_end(missing):
    X = padded([T] * 3)
    graph = session(trained(LSTMRegressor, X, targets(X), True, missing=missing))
    if missing == "decay":
        assert_array_equal(np.isnan(outputs(graph, X, [T, T + 1, 0])["predictions"]), [False, True, True])
    else:
        with pytest.raises(Exception, match="Invalid value/s in sequence_lens"):
            outputs(graph, X, [T, T + 1, 0])


def test_lengths_that_are_required():
    X = padded()
    model = trained(LSTMRegressor, X, targets(X), True)
    found = outputs(session(model, sequence_lens="required"), np.nan_to_num(X), LENGTHS)
    assert_close(found["predictions"], model.predict(X))


@pytest.mark.parametrize("sequence_lens", ["optional", "required"])
@pytest.mark.parametrize("lengths", [[3], [3] * 19], ids=["one", "one too few"])
def test_each_sequence_has_its_own_length(lengths, sequence_lens):
    X = padded([T] * 20)
    graph = session(trained(LSTMRegressor, X, targets(X)), sequence_lens=sequence_lens)
    with pytest.raises(Exception, match="Non-zero status code returned while running Reshape"):
        outputs(graph, X, lengths)


def test_tables():
    X = padded([T] * 20, n_features=1)[:, :, 0]
    model = trained(LSTMRegressor, X, X.sum(axis=1), True)
    assert_close(outputs(session(model), X)["predictions"], model.predict(X))
    assert_close(
        outputs(session(model), X, LENGTHS)["predictions"], model.predict(padded(n_features=1) * 0 + X[..., np.newaxis])
    )
    behind_others = make_pipeline(StandardScaler(), LSTMRegressor(4, max_iter=2)).fit(X, X.sum(axis=1))
    assert_close(outputs(session(behind_others), X)["predictions"], behind_others.predict(X))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sequence_lens": True}, 'sequence_lens must be "optional"'),
        ({"dtype": "float16"}, 'dtype must be "float32"'),
        (
            {"target_opset": 11},
            f"target_opset must be a whole number from 13 to {LAST}, .* got 11",
        ),
        (
            {"target_opset": np.int64(LAST + 1)},
            f"13 to {LAST}, .* got np.int64",
        ),
        ({"target_opset": 15.0}, r"got 15\.0"),
    ],
)
def test_parameters(options, message):
    X = padded()
    with pytest.raises(ValueError, match=message):
        to_onnx(trained(LSTMRegressor, X, targets(X)), **options)


def test_a_number_of_numpy_is_an_opset():
    X = padded()
    assert to_onnx(trained(LSTMRegressor, X, targets(X)), target_opset=np.int64(13)).opset_import[0].version == 13
