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
        found = gate_activations(model, SEQUENCES, layer=layer, direction=direction)
        for x, activations in zip(SEQUENCES, found, strict=True):
            shown = {}
            naive.hidden(model._network, x, model._shift, model._scale, shown=shown)
            expected = shown[f"layer_{layer}" + ".reverse" * (direction == "backward")]
            assert list(activations) == list(expected)
            for name, table in expected.items():
                assert_allclose(activations[name], table, rtol=1e-9, atol=1e-12, err_msg=f"{name}, {direction}")


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
