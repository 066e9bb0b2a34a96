"""Layers against ONNX: the operators as ONNX Runtime computes them, and the cases that come with the standard."""

from pathlib import Path

import naive
import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.testing import assert_allclose
from onnx import TensorProto, helper, numpy_helper
from test_architectures import run

from sklstm import Sequences
from sklstm.export._onnx_network import ACTIVATIONS, OPERATORS
from sklstm.layout import CELLS

DIRECTIONS = {"forward": [""], "reverse": [".reverse"], "bidirectional": ["", ".reverse"]}
F, H = 3, 5


def blocks(array, order):
    """Blocks of columns in another order, with zeros where there is none."""
    return np.concatenate(
        [0 * array[..., :H] if k is None else array[..., k * H : (k + 1) * H] for k in order], axis=-1
    )


def operator(network, direction):
    """A model of one node with the weights of a network's only layer: X, sequence_lens, h and c to Y and Y_h."""
    cell, architecture, ways = network.architecture.cell, network.architecture, DIRECTIONS[direction]
    name, order_W, order_R, order_B, order_P = OPERATORS[cell]
    parts = [[network.part(f"layer_0{way}.{part}") for part in ["W_x", "W_h", "v"]] for way in ways]
    weights = {
        "W": np.stack([blocks(W_x, order_W).T for W_x, _, _ in parts]),
        "R": np.stack([blocks(W_h, order_R).T for _, W_h, _ in parts]),
        "B": np.stack([blocks(v, order_B) for _, _, v in parts]),
    }
    if order_P:
        weights["P"] = np.stack([blocks(v, order_P) for _, _, v in parts])
    used = [architecture.recurrent_activation, architecture.activation, architecture.activation]
    used = {"LSTM": used, "GRU": used[:2], "RNN": used[1:2]}[name] * len(ways)
    options = {"linear_before_reset": 1} if name == "GRU" else {}
    inputs = ["X", "W", "R", "B", "sequence_lens", "h", *(["c"] if name == "LSTM" else []), *(["P"] if order_P else [])]
    node = helper.make_node(
        name, inputs, ["Y", "Y_h"], hidden_size=H, direction=direction,
        activations=[ACTIVATIONS[a][0] for a in used],
        activation_alpha=[alpha for a in used for alpha in ACTIVATIONS[a][1]] or None,
        activation_beta=[beta for a in used for beta in ACTIVATIONS[a][2]] or None,
        **options,
    )  # fmt: skip
    fed = [("X", TensorProto.FLOAT), ("sequence_lens", TensorProto.INT32), ("h", TensorProto.FLOAT)]
    fed += [("c", TensorProto.FLOAT)] if name == "LSTM" else []
    graph = helper.make_graph(
        [node], "layer",
        [helper.make_tensor_value_info(name, kind, None) for name, kind in fed],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ["Y", "Y_h"]],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def theirs(network, sequences, direction, h=None, c=None):
    """Y (total steps, directions H) in the order of our table, and Y_h (n, directions H)."""
    n, lengths = len(sequences), sequences.lengths
    X = np.zeros((lengths.max(), n, F), np.float32)
    for row, x in enumerate(sequences):
        X[: len(x), row] = x
    zeros = np.zeros((len(DIRECTIONS[direction]), n, H), np.float32)
    feed = {"X": X, "sequence_lens": lengths.astype(np.int32), "h": zeros if h is None else h}
    if network.architecture.cell in ["lstm", "peephole"]:
        feed["c"] = zeros if c is None else c
    Y, Y_h = operator(network, direction).run(None, feed)
    Y = np.concatenate([Y[:length, :, row].reshape(length, -1) for row, length in enumerate(lengths)])
    return Y, Y_h.transpose(1, 0, 2).reshape(n, -1)


def layer(cell, bidirectional=False, n_units=H, n_features=F, **options):
    """Networks whose outputs are their only layer's h: at every step, and the last, with the same parameters."""
    n_top = (1 + bidirectional) * n_units
    networks = [
        naive.random_network(
            n_features,
            (n_units,),
            n_top,
            "float32",
            cell,
            bidirectional=bidirectional,
            return_sequences=by_step,
            **options,
        )
        for by_step in [True, False]
    ]
    for network in networks:
        network.part("output.W")[:] = np.eye(n_top)
        network.part("output.b")[:] = 0
    return networks


def assert_close(actual, expected):
    assert np.abs(expected).max() > 0.1
    assert_allclose(actual, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    ("activation", "recurrent_activation"),
    [("tanh", "logistic"), ("relu", "hard_sigmoid"), ("logistic", "logistic"), ("identity", "hard_sigmoid")],
)
def test_operators(cell, direction, activation, recurrent_activation):
    bidirectional = direction != "forward"
    networks = layer(cell, bidirectional, activation=activation, recurrent_activation=recurrent_activation)
    sequences = naive.random_sequences([1, 8, 8, 7, 6, 2, 1, 4, 8, 5, 3], F, "float32")
    columns = slice(H, None) if direction == "reverse" else slice(None)
    for network, expected in zip(networks, theirs(networks[0], sequences, direction), strict=True):
        out = network.predict(sequences, np.zeros(F), np.ones(F), 2)
        assert_close(out[:, columns], expected)


@pytest.mark.parametrize("cell", CELLS)
def test_operators_from_a_state(cell):
    network, _ = layer(cell)
    sequences = naive.random_sequences([18, 17, 9, 9, 4, 2, 1, 1, 1], F, "float32")
    h, c = np.random.RandomState(0).normal(size=(2, 1, len(sequences), H)).astype(np.float32)
    # A GRU's memory is h.
    state = {"gru": [h[0], h[0]], "rnn": [h[0]]}.get(cell, [h[0], c[0]])
    actual, after = run(network, sequences, np.hstack(state), np.zeros(F), np.ones(F))
    expected, expected_last = theirs(network, sequences, "forward", h, c)
    assert_close(actual, expected)
    assert_close(after[:, :H], expected_last)


# ---------------------------------------------------------------------------------------------- the standard's cases

FOLDER = Path(onnx.__file__).parent / "backend" / "test" / "data" / "node"
# Those of GRUs have the reset before the product (linear_before_reset=0), which after a single step from zero, and
# without a bias of the product, is the same.
CASES = {
    "test_gru_batchwise": "gru",
    "test_gru_defaults": "gru",
    "test_gru_with_initial_bias": "gru",
    "test_lstm_batchwise": "lstm",
    "test_lstm_defaults": "lstm",
    "test_lstm_with_initial_bias": "lstm",
    "test_lstm_with_peepholes": "peephole",
    "test_rnn_seq_length": "rnn",
    "test_simple_rnn_batchwise": "rnn",
    "test_simple_rnn_defaults": "rnn",
    "test_simple_rnn_with_initial_bias": "rnn",
}
NOT_OURS = {"test_gru_seq_length"}  # two steps


def test_every_case_is_there():
    found = {path.name for path in FOLDER.iterdir() if {"gru", "lstm", "rnn"} & set(path.name.split("_"))}
    assert found == CASES.keys() | NOT_OURS


@pytest.mark.parametrize("case", CASES)
def test_cases_of_the_standard(case):
    node = onnx.load(FOLDER / case / "model.onnx").graph.node[0]
    arrays = {}
    for kind, names in [("input", node.input), ("output", node.output)]:
        for k, name in enumerate(filter(None, names)):
            tensor = onnx.load_tensor(FOLDER / case / "test_data_set_0" / f"{kind}_{k}.pb")
            arrays[name] = numpy_helper.to_array(tensor)
    X = arrays["X"]
    if not any(attribute.name == "layout" for attribute in node.attribute):
        X = X.transpose(1, 0, 2)  # sequences first
    for name in ["initial_h", "initial_c"]:
        assert not arrays.get(name, np.zeros(1)).any()
    assert np.all(arrays.get("sequence_lens", X.shape[1]) == X.shape[1])

    (n, T, n_features), n_units = X.shape, arrays["R"].shape[2]
    network = layer(CASES[case], n_units=n_units, n_features=n_features)[1]
    set_parameters(network, arrays)
    sequences = Sequences(np.ascontiguousarray(X.reshape(n * T, n_features)), np.arange(n + 1) * T)
    out = network.predict(sequences, np.zeros(n_features), np.ones(n_features), 1)
    assert_allclose(out, arrays["Y_h"].reshape(n, n_units), rtol=1e-6, atol=1e-6)


def set_parameters(network, arrays):
    """Those of the first layer from ONNX's W, R, and if they are there B and P."""
    _, order_W, order_R, order_B, order_P = OPERATORS[network.architecture.cell]
    W_x, W_h, v = (network.part(f"layer_0.{part}") for part in ["W_x", "W_h", "v"])
    n_units = len(W_h)

    def part_of(array, k):
        return array[..., k * n_units : (k + 1) * n_units]

    v.fill(0)
    for k, ours in enumerate(order_W):
        part_of(W_x, ours)[:] = part_of(arrays["W"][0].T, k)
    for k, ours in enumerate(order_R):
        part_of(W_h, ours)[:] = part_of(arrays["R"][0].T, k)
    for k, ours in enumerate(order_B if "B" in arrays else []):
        part_of(v, order_B[k - len(order_B) // 2] if ours is None else ours)[:] += part_of(arrays["B"][0], k)
    for k, ours in enumerate(order_P):
        part_of(v, ours)[:] = part_of(arrays["P"][0], k)
