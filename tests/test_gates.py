"""Gates and states of a layer's units, against the equations."""

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.inspection import gate_activations
from sklstm.preprocessing import SequenceScaler

# Longer than the segments that the core takes at a time.
SEQUENCES = naive.random_sequences([5, 130, 1, 9], 2)
Y = np.array([0.3, -1.0, 0.2, 2.0])

pytestmark = pytest.mark.filterwarnings("ignore:Training reached max_iter")


def fitted(cell, **parameters):
    model = LSTMRegressor((4, 3), cell=cell, dtype="float64", max_iter=2, random_state=0, **parameters)
    return model.fit(SEQUENCES, Y)


def expected_gates(model, x, layer, reverse, h, c):
    """By the equations of the cell, from what the layer reads and its states one step before."""
    network, name = model._network, f"layer_{layer}{'.reverse' * reverse}"
    if layer:
        below = model._network.derived(hidden_layer_sizes=(4,), return_sequences=True, pooling="last")
        inputs, _ = naive.hidden(below, x, model._shift, model._scale)
    else:
        n_features = x.shape[1]
        inputs = (x - model._shift[-n_features:]) * model._scale[-n_features:]
        if model.skip_connection_:
            inputs = (np.diff(x, axis=0, prepend=x[:1]) - model._shift[:n_features]) * model._scale[:n_features]
    W_x, W_h, v = (network.part(f"{name}.{which}") for which in ["W_x", "W_h", "v"])
    shift = -1 if reverse else 1
    h_before, c_before = (np.roll(state, shift, axis=0) for state in (h, c))
    h_before[-1 if reverse else 0] = c_before[-1 if reverse else 0] = 0
    n_units = h.shape[1]
    if model.cell == "gru":
        m, r, u = np.split(inputs @ W_x, 3, axis=1)
        h_r, h_u, h_q = np.split(h_before @ W_h, 3, axis=1)
        b_m, b_r, b_u, b_q = np.split(v, 4)
        reset, update = naive.logistic(r + h_r + b_r), naive.logistic(u + h_u + b_u)
        candidate = np.tanh(m + b_m + reset * (h_q + b_q))
        return {"candidate": candidate, "reset gate": reset, "update gate": update}
    if model.cell == "rnn":
        return {}
    p_i, p_f, p_o = np.split(v[4 * n_units :], 3) if model.cell == "peephole" else (0, 0, 0)
    z_i, z_f, z_g, z_o = np.split(inputs @ W_x + h_before @ W_h + v[: 4 * n_units], 4, axis=1)
    gates = {
        "input gate": naive.logistic(z_i + p_i * c_before),
        "forget gate": naive.logistic(z_f + p_f * c_before),
        "candidate": np.tanh(z_g),
    }
    cell_state = gates["forget gate"] * c_before + gates["input gate"] * gates["candidate"]
    return {**gates, "output gate": naive.logistic(z_o + p_o * cell_state), "cell state": cell_state}


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize(
    "parameters",
    [{}, {"bidirectional": True, "skip_connection": False}, {"skip_connection": True}, {"pooling": "max"}],
    ids=str,
)
@pytest.mark.parametrize("cell", naive.CELLS)
def test_gates_follow_the_equations(cell, parameters, layer):
    model = fitted(cell, **parameters)
    for direction in ["forward", "backward"][: 1 + model.bidirectional]:
        reverse = direction == "backward"
        for x, found in zip(
            SEQUENCES, gate_activations(model, SEQUENCES, layer=layer, direction=direction), strict=True
        ):
            h = found.pop("hidden state")
            expected = expected_gates(model, x, layer, reverse, h, found.get("cell state", h))
            assert list(found) == list(expected)
            for name in expected:
                assert_allclose(found[name], expected[name], rtol=1e-9, atol=1e-12, err_msg=f"{name}, {direction}")
            sizes = model.hidden_layer_sizes[: layer + 1]
            part = model._network.derived(hidden_layer_sizes=sizes, return_sequences=True, pooling="last")
            h_all, _ = naive.hidden(part, x, model._shift, model._scale)
            assert_allclose(h, np.split(h_all, 1 + model.bidirectional, axis=1)[reverse], rtol=1e-9, atol=1e-12)


def test_the_last_layer_may_be_counted_from_the_end():
    model = fitted("lstm")
    last, same = (gate_activations(model, SEQUENCES, layer=layer) for layer in (-1, 1))
    assert_array_equal(last[0]["cell state"], same[0]["cell state"])


def test_tokens_and_missing_values():
    tokens = [np.array([0, 2, 1]), np.array([1, 2])]
    model = LSTMClassifier(3, embedding_dim=2, max_iter=2, random_state=0).fit(tokens, [0, 1])
    assert gate_activations(model, tokens)[1]["input gate"].shape == (2, 3)
    with_gaps = naive.with_missing_values(SEQUENCES)
    model = LSTMRegressor(3, missing="decay", dtype="float64", max_iter=2, random_state=0).fit(with_gaps, Y)
    h = gate_activations(model, with_gaps[1:2])[0]["hidden state"]
    gaps = np.append(0, np.diff(with_gaps[1:2].times))
    expected, _ = naive.hidden(model._network, with_gaps[1], model._shift, model._scale, gaps)
    assert_allclose(h, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("wrap", [lambda p: p, lambda p: GridSearchCV(p, {}, cv=2)], ids=["pipeline", "search"])
def test_through_a_pipeline_and_a_search(wrap):
    scaled = SequenceScaler("minmax").fit_transform(SEQUENCES)
    model = LSTMRegressor(3, max_iter=2, random_state=0)
    whole = wrap(make_pipeline(SequenceScaler("minmax"), model)).fit(SEQUENCES, Y)
    found, expected = gate_activations(whole, SEQUENCES), gate_activations(model.fit(scaled, Y), scaled)
    assert_array_equal(found[1]["forget gate"], expected[1]["forget gate"])


def test_what_is_not_there():
    model = fitted("lstm")
    with pytest.raises(ValueError, match="layer=2, but the network has 2 layers"):
        gate_activations(model, SEQUENCES, layer=2)
    with pytest.raises(ValueError, match="bidirectional=True"):
        gate_activations(model, SEQUENCES, direction="backward")
    with pytest.raises(ValueError, match=r"got LinearRegression\(\)"):
        gate_activations(LinearRegression().fit([[1.0]], [1.0]), SEQUENCES)
