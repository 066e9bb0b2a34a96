"""Checks of the cell in coupled.h, in a process whose sklstm was built with it; tests/test_new_cell.py runs them."""

import itertools

import naive
import numpy as np
from numpy.testing import assert_allclose

from sklstm import LSTMRegressor
from sklstm._core import losses
from sklstm.inspection import gate_activations
from sklstm.minibatch import Minibatch

SHIFT, SCALE = np.array([0.3, -1.0]), np.array([0.5, 2.0])


def coupled_step(x, h, c, W_x, W_h, v, a, s):
    z_i, z_g, z_o = np.split(x @ W_x + h @ W_h + v, 3)
    i, g, o = s(z_i), a(z_g), s(z_o)
    c = (1 - i) * c + i * g
    return o * a(c), c, {"input gate": i, "candidate": g, "output gate": o, "cell state": c}


def check_outputs(network, sequences):
    """Against the twin."""
    assert_allclose(
        network.predict(sequences, SHIFT, SCALE, n_threads=2),
        naive.outputs(network, sequences, SHIFT, SCALE),
        rtol=1e-12,
        atol=1e-13,
    )


def check_gradient(network, sequences):
    """Of the squared error by every parameter, against central differences."""
    minibatch = Minibatch(network, sequences, SHIFT, SCALE, n_threads=2)
    targets, weights = naive.random_targets("squared_error", len(sequences), 2)

    def loss():
        rows, out = minibatch.forward(np.arange(len(sequences)))
        loss.dout = np.empty_like(out)
        return losses.squared_error["double"](out, targets[rows], weights[rows], loss.dout)

    loss()
    minibatch.backward(loss.dout)
    actual, expected = minibatch.gradient.copy(), np.empty(len(network.parameters))
    for k, value in enumerate(network.parameters.copy()):
        around = []
        for place in [value + 1e-5, value - 1e-5]:
            network.parameters[k] = place
            around.append(loss())
        network.parameters[k] = value
        expected[k] = (around[0] - around[1]) / 2e-5
    assert np.abs(expected).max() > 1e-3
    assert_allclose(actual, expected, rtol=1e-5, atol=1e-9)


def check_training():
    """It learns to remember the first number of a sequence, and a stream has the same bits."""
    X = np.random.RandomState(0).uniform(size=(300, 10, 1))
    y = X[:, 0, 0]
    model = LSTMRegressor(16, cell="coupled", max_iter=60, random_state=0).fit(X[:200], y[:200])
    assert model.score(X[200:], y[200:]) > 0.9
    stream = model.stream()
    assert [stream.step(x) for x in X[0]][-1] == model.predict(X[:1])[0]
    shown = {}
    naive.hidden(model._network, X[0], model._shift, model._scale, shown=shown)
    found = gate_activations(model, X[:1])[0]
    assert list(found) == list(shown["layer_0"])
    for name, expected in shown["layer_0"].items():
        assert_allclose(found[name], expected, rtol=1e-4, atol=1e-5)


if __name__ == "__main__":
    naive.CELLS["coupled"] = coupled_step
    sequences = naive.random_sequences(naive.ragged_lengths(11), 2)
    for activation, gates in itertools.product(["tanh", "logistic"], naive.RECURRENT_ACTIVATIONS):
        options = {"activation": activation, "recurrent_activation": gates}
        network = naive.random_network(2, (5, 3), 2, cell="coupled", bidirectional=gates == "logistic", **options)
        check_outputs(network, sequences)
        check_gradient(network, sequences)
    check_training()
    print("ok")
