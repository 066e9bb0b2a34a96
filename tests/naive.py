"""A NumPy twin of the compiled core, written to be read: one sequence and one time step at a time, in float64.

Nothing here is batched, sorted, packed or clever, and nothing is shared with the package but the names of parameters.
A new cell adds its step to `CELLS`.
"""

import numpy as np

from sklstm import Sequences
from sklstm.layout import Architecture
from sklstm.network import Network
from sklstm.sequences import time_gaps


def logistic(z):
    return 1 / (1 + np.exp(-z))


ACTIVATIONS = {"tanh": np.tanh, "relu": lambda z: np.maximum(z, 0), "logistic": logistic, "identity": lambda z: z}
RECURRENT_ACTIVATIONS = {"logistic": logistic, "hard_sigmoid": lambda z: np.clip(z / 6 + 0.5, 0, 1)}


# A step returns h, c, and by name what else there is to see of the units.


def lstm_step(x, h, c, W_x, W_h, v, a, s):
    z_i, z_f, z_g, z_o = np.split(x @ W_x + h @ W_h + v, 4)
    i, f, g, o = s(z_i), s(z_f), a(z_g), s(z_o)
    c = f * c + i * g
    return o * a(c), c, {"input gate": i, "forget gate": f, "candidate": g, "output gate": o, "cell state": c}


def peephole_step(x, h, c, W_x, W_h, v, a, s):
    b, (p_i, p_f, p_o) = v[: 4 * len(h)], np.split(v[4 * len(h) :], 3)
    z_i, z_f, z_g, z_o = np.split(x @ W_x + h @ W_h + b, 4)
    i, f, g = s(z_i + p_i * c), s(z_f + p_f * c), a(z_g)
    c = f * c + i * g
    o = s(z_o + p_o * c)
    return o * a(c), c, {"input gate": i, "forget gate": f, "candidate": g, "output gate": o, "cell state": c}


def gru_step(x, h, c, W_x, W_h, v, a, s):
    x_m, x_r, x_u = np.split(x @ W_x, 3)
    h_r, h_u, h_q = np.split(h @ W_h, 3)
    b_m, b_r, b_u, b_q = np.split(v, 4)
    r, u = s(x_r + h_r + b_r), s(x_u + h_u + b_u)
    m = a(x_m + b_m + r * (h_q + b_q))
    return (1 - u) * m + u * h, c, {"candidate": m, "reset gate": r, "update gate": u}


def rnn_step(x, h, c, W_x, W_h, v, a, s):
    return a(x @ W_x + h @ W_h + v), c, {}


CELLS = {"lstm": lstm_step, "peephole": peephole_step, "gru": gru_step, "rnn": rnn_step}


def outputs(network, sequences, shift, scale):
    """Outputs of the network in the order of the sequences, (n_sequences, n_outputs) or (total steps, n_outputs)."""
    gaps = np.split(time_gaps(sequences), sequences.offsets[1:-1])
    found = [_outputs_of_one(network, np.float64(x), gap, shift, scale) for x, gap in zip(sequences, gaps, strict=True)]
    return np.concatenate(found) if network.architecture.return_sequences else np.array(found)


def part(network, name):
    return network.part(name).astype(np.float64)


def _outputs_of_one(network, x, gaps, shift, scale):
    h, last = hidden(network, x, shift, scale, gaps)
    F = x.shape[1]
    skipping = np.clip((x - shift[-F:]) * scale[-F:], -1e9, 1e9)[:, : F * network.architecture.skip_connection]
    if network.architecture.return_sequences:
        seen = np.hstack([h, skipping])
    else:
        seen = np.hstack([_pooled(network, h, last), skipping[-1]])
    return seen @ part(network, "output.W") + part(network, "output.b")


def hidden(network, x, shift, scale, gaps=None, shown=None):
    """The top layers' h at every time step, and after the last they take.

    A dict that is passed as `shown` is filled: by the name of each layer, its gates and states at every time step.
    """
    shown = {} if shown is None else shown
    architecture, F = network.architecture, x.shape[1]
    inputs = (x - shift[-F:]) * scale[-F:]
    if architecture.skip_connection:
        changes = np.diff(x, axis=0, prepend=x[:1])
        inputs = np.where(scale[:F] == 0, inputs, (changes - shift[:F]) * scale[:F])
    inputs = np.clip(inputs, -1e9, 1e9)
    if architecture.embedding_dim:
        tokens = np.where((x >= 0) & (x < architecture.n_tokens), x, architecture.n_tokens).astype(int).ravel()
        inputs = part(network, "embedding.W")[tokens]
    gamma = None
    if architecture.missing == "decay":
        inputs, gamma = decayed(network, inputs, np.minimum(elapsed(x, gaps) * scale[:F], 1e9))
    for level in range(len(architecture.hidden_layer_sizes)):
        name = f"layer_{level}"
        shown[name] = _layer(network, name, inputs, gamma if level == 0 else None)
        forward = shown[name]["hidden state"]
        last = forward[-1]
        if architecture.bidirectional:
            back = _layer(network, f"{name}.reverse", inputs[::-1])
            shown[f"{name}.reverse"] = back = {which: table[::-1] for which, table in back.items()}
            forward, last = np.hstack([forward, back["hidden state"]]), np.hstack([last, back["hidden state"][0]])
        inputs = forward
    return inputs, last


def elapsed(x, gaps):
    """The time since each value was last observed, or since the first step."""
    delta = np.zeros(x.shape)
    for t in range(1, len(x)):
        delta[t] = gaps[t] + np.where(np.isnan(x[t - 1]), delta[t - 1], 0)
    return delta


def decayed(network, x, delta):
    """What a network sees of values that may be missing, and what is left of its state before each time step."""
    w, b, W_d, b_d = (part(network, name) for name in ["decay.w", "decay.b", "layer_0.W_d", "layer_0.b_d"])
    last, seen = np.zeros(x.shape[1]), []
    for x_t, delta_t in zip(x, delta, strict=True):
        m = ~np.isnan(x_t)
        last = np.where(m, x_t, last)
        seen.append([*np.where(m, x_t, np.exp(-np.maximum(0, w * delta_t + b)) * last), *m])
    return np.array(seen), np.exp(-np.maximum(0, delta @ W_d + b_d))


def _layer(network, name, inputs, gamma=None):
    architecture = network.architecture
    W_x, W_h, v = (part(network, f"{name}.{which}") for which in ["W_x", "W_h", "v"])
    h, c = np.zeros(len(W_h)), np.zeros(len(W_h))
    a, s = ACTIVATIONS[architecture.activation], RECURRENT_ACTIVATIONS[architecture.recurrent_activation]
    found = []
    for t, x in enumerate(inputs):
        if gamma is not None:
            h, c = gamma[t] * h, gamma[t] * c
        h, c, gates = CELLS[architecture.cell](x, h, c, W_x, W_h, v, a, s)
        found.append({**gates, "hidden state": h})
    return {name: np.array([each[name] for each in found]) for name in found[0]}


def _pooled(network, h, last):
    pooling = network.architecture.pooling
    if pooling == "attention":
        return attention(network, h) @ h
    return {"last": last, "mean": h.mean(axis=0), "max": h.max(axis=0)}[pooling]


def attention(network, h):
    scores = np.tanh(h @ part(network, "attention.W") + part(network, "attention.b")) @ part(network, "attention.v")
    return np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()


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

# Beside one direction and the last state: each way to pool in either direction, and what else there is to ask for.
ARCHITECTURES = {
    "bidirectional": {"bidirectional": True},
    "mean": {"pooling": "mean"},
    "mean of both": {"pooling": "mean", "bidirectional": True, "skip_connection": True},
    "max": {"pooling": "max", "skip_connection": True},
    "max of both": {"pooling": "max", "bidirectional": True},
    "attention": {"pooling": "attention"},
    "attention to both": {"pooling": "attention", "bidirectional": True, "skip_connection": True},
    "each step": {"return_sequences": True},
    "each step of both": {"return_sequences": True, "bidirectional": True},
    "each step, skipping": {"return_sequences": True, "skip_connection": True},
    "each step of both, skipping": {"return_sequences": True, "bidirectional": True, "skip_connection": True},
    "skipping": {"skip_connection": True},
    "skipping both": {"skip_connection": True, "bidirectional": True},
    "tokens": {"embedding_dim": 3, "n_tokens": 5},
    "tokens of both": {"embedding_dim": 3, "n_tokens": 5, "bidirectional": True, "pooling": "mean"},
    "each token": {"embedding_dim": 3, "n_tokens": 5, "return_sequences": True},
    "decay": {"missing": "decay"},
    "decay, mean": {"missing": "decay", "pooling": "mean"},
    "decay, each step": {"missing": "decay", "return_sequences": True},
}
DROPOUT = {"seed": 5, "between": 0.3, "recurrent": 0.25}


def random_network(n_features, sizes, n_outputs, dtype="float64", cell="lstm", seed=0, **architecture):
    """A network with no parameter at zero, so that none can be swapped or left out unnoticed."""
    network = Network(Architecture(n_features, tuple(sizes), n_outputs, cell, dtype, **architecture))
    rng = np.random.RandomState(seed)
    network.initialize(rng)
    network.parameters[network.n_weights :] += rng.uniform(-0.5, 0.5, len(network.parameters) - network.n_weights)
    if network.architecture.missing == "decay":
        network.part("layer_0.W_d")[:] += rng.uniform(-0.5, 0.5, network.part("layer_0.W_d").shape)
        network.part("decay.w")[:] += 0.5  # some values decay, others do not yet
    return network


def random_sequences(lengths, n_features, dtype="float64", seed=1):
    values = np.random.RandomState(seed).normal(size=(sum(lengths), n_features)).astype(dtype)
    return Sequences(values, np.cumsum([0, *lengths]))


def with_missing_values(sequences, seed=5):
    """Half of the values missing, all of the first sequence's, and steps at any times."""
    rng = np.random.RandomState(seed)
    values = np.where(rng.uniform(size=sequences.values.shape) < 0.5, np.nan, sequences.values)
    values[: sequences.offsets[1]] = np.nan
    return Sequences(values, sequences.offsets, times=np.cumsum(rng.exponential(size=len(values))))


def random_problem(n_features, sizes, n_outputs, lengths, shift, scale, **architecture):
    """A network, sequences, and what they are standardised by.

    Sequences are of tokens, if there are embeddings, some unknown; and have missing values, if these decay.
    """
    if architecture.get("missing") == "decay":
        network = random_network(n_features, sizes, n_outputs, **architecture)
        sequences = with_missing_values(random_sequences(lengths, n_features))
        return network, sequences, np.append(0 * shift, shift), np.append(0 * scale + 0.7, scale)
    if not architecture.get("embedding_dim"):
        network = random_network(n_features, sizes, n_outputs, **architecture)
        return network, random_sequences(lengths, n_features), shift, scale
    network = random_network(1, sizes, n_outputs, **architecture)
    tokens = np.random.RandomState(1).randint(-1, architecture["n_tokens"] + 2, size=(sum(lengths), 1))
    return network, Sequences(tokens.astype(np.float64), np.cumsum([0, *lengths])), np.zeros(1), np.ones(1)


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
