"""A NumPy twin of the compiled core, written to be read: one sequence and one time step at a time, in float64.

Nothing here is batched, sorted, packed or clever, and nothing is shared with the package but the names of parameters.
A new cell adds its step to `CELLS`.
"""

import numpy as np

from sklstm import Sequences
from sklstm.network import Network


def logistic(z):
    return 1 / (1 + np.exp(-z))


def lstm_step(x, h, c, W_x, W_h, v):
    H = len(h)
    z = x @ W_x + h @ W_h + v
    i, f, g, o = logistic(z[:H]), logistic(z[H : 2 * H]), np.tanh(z[2 * H : 3 * H]), logistic(z[3 * H :])
    c = f * c + i * g
    return o * np.tanh(c), c


CELLS = {"lstm": lstm_step}


def outputs(network, sequences, shift, scale):
    """Outputs (n_sequences, n_outputs) of the network in the order of the sequences."""
    return np.array([_outputs_of_one(network, (np.float64(x) - shift) * scale) for x in sequences])


def _outputs_of_one(network, inputs):
    step = CELLS[network.cell]
    inputs = np.clip(inputs, -1e9, 1e9)
    for k, H in enumerate(network.hidden_layer_sizes):
        W_x, W_h, v = (network.part(f"layer_{k}.{name}").astype(np.float64) for name in ["W_x", "W_h", "v"])
        h, c = np.zeros(H), np.zeros(H)
        above = []
        for x in inputs:
            h, c = step(x, h, c, W_x, W_h, v)
            above.append(h)
        inputs = above
    return h @ network.part("output.W").astype(np.float64) + network.part("output.b")


def mean_over_rows(each, weight):
    """Of losses (n, n_targets), where those of missing targets are NaN."""
    return sum(w * np.nansum(row) / len(row) for row, w in zip(each, weight, strict=True)) / len(each)


def squared_error(out, target, weight):
    return mean_over_rows((out - target) ** 2 / 2, weight)


def absolute_error(out, target, weight):
    return mean_over_rows(abs(out - target), weight)


def huber(out, target, weight, delta):
    error = abs(out - target)
    return mean_over_rows(np.where(error <= delta, error**2 / 2, delta * (error - delta / 2)), weight)


def quantile(out, target, weight, quantiles):
    losses = []
    for k, tau in enumerate(quantiles):
        o = [out[:, first :: len(quantiles)] for first in range(k + 1)]
        error = target - (o[0] + sum(np.log(1 + np.exp(gap)) for gap in o[1:]))
        losses.append(mean_over_rows(np.where(error > 0, tau * error, (tau - 1) * error), weight))
    return np.mean(losses)


def poisson(out, target, weight):
    return mean_over_rows(np.exp(out) - target * out, weight)


def gaussian_nll(out, target, weight):
    variance = np.exp(14 * np.tanh(out[:, 1::2] / 14))
    return mean_over_rows((np.log(variance) + (out[:, ::2] - target) ** 2 / variance) / 2, weight)


def binary_log_loss(out, target, weight):
    """Of one column or, summed over them, of several."""
    p = logistic(out)
    return out.shape[1] * mean_over_rows(-np.log(np.where(target, p, 1 - p)), weight)


def multinomial_log_loss(out, target, weight):
    p = np.exp(out) / np.exp(out).sum(axis=1, keepdims=True)
    return -sum(w * np.log(q[int(t)]) for q, t, w in zip(p, target[:, 0], weight, strict=True)) / len(out)


LOSSES = {
    "squared_error": squared_error,
    "absolute_error": absolute_error,
    "huber": huber,
    "quantile": quantile,
    "poisson": poisson,
    "gaussian_nll": gaussian_nll,
    "binary_log_loss": binary_log_loss,
    "multinomial_log_loss": multinomial_log_loss,
}


# Material for the tests.


def random_network(n_features, sizes, n_outputs, dtype="float64", cell="lstm", seed=0):
    """A network with no parameter at zero, so that none can be swapped or left out unnoticed."""
    network = Network(n_features, sizes, n_outputs, cell, dtype)
    rng = np.random.RandomState(seed)
    network.initialize(rng)
    network.parameters[network.n_weights :] += rng.uniform(-0.5, 0.5, len(network.parameters) - network.n_weights)
    return network


def random_sequences(lengths, n_features, dtype="float64", seed=1):
    values = np.random.RandomState(seed).normal(size=(sum(lengths), n_features)).astype(dtype)
    return Sequences(values, np.cumsum([0, *lengths]))


def ragged_lengths(n, longest=7, seed=2):
    """Lengths with ties, in no order, that begin with the shortest and the longest."""
    return [1, longest, *np.random.RandomState(seed).randint(1, longest + 1, size=n)][:n]


def random_targets(loss, n, n_outputs, seed=3):
    """Targets of a loss, and weights with mean 1, one of them zero."""
    rng = np.random.RandomState(seed)
    if loss == "squared_error":
        targets = rng.normal(size=(n, n_outputs))
    else:
        targets = rng.randint(0, max(n_outputs, 2), size=(n, 1)).astype(np.float64)
    weights = rng.uniform(0.2, 2, size=n)
    if n > 1:
        weights[0] = 0
    return targets, weights / weights.mean()
