"""A recurrent network as nodes of ONNX, from sequences to its outputs."""

from functools import cached_property

import numpy as np

from .._core.losses import MAX_LOG_RATE, MAX_LOG_VARIANCE
from ..layout import layer_name
from ..losses import GaussianNLL, Poisson, Quantile

# For each cell, the operator, and which of our blocks of H columns it has where: of W_x, of W_h, of v as its two
# biases, and of v as its peepholes. Where None is, one of our biases is the sum of two.
OPERATORS = {
    "lstm": ("LSTM", [0, 3, 1, 2], [0, 3, 1, 2], [0, 3, 1, 2, None, None, None, None], []),
    "peephole": ("LSTM", [0, 3, 1, 2], [0, 3, 1, 2], [0, 3, 1, 2, None, None, None, None], [4, 6, 5]),
    "gru": ("GRU", [2, 1, 0], [1, 0, 2], [2, 1, 0, None, None, 3], []),
    "rnn": ("RNN", [0], [0], [0, None], []),
}

# Names of activations there, and their alpha and beta.
ACTIVATIONS = {
    "tanh": ("Tanh", [], []),
    "relu": ("Relu", [], []),
    "logistic": ("Sigmoid", [], []),
    "identity": ("Affine", [1.0], [0.0]),
    "hard_sigmoid": ("HardSigmoid", [1 / 6], [0.5]),
}

FARTHEST = 1e9  # where inputs are clipped, as in packing.pxd
LOWEST = np.finfo(np.float32).min


def check_network(architecture):
    """Raise a ValueError if ONNX has no operator for the cell."""
    if architecture.cell not in OPERATORS:
        raise ValueError(
            f"cell={architecture.cell!r} has no operator in ONNX: only {', '.join(map(repr, OPERATORS))} can be "
            "exported."
        )


class NetworkGraph:
    """The network of a fitted estimator, in single precision.

    Parameters
    ----------
    batch : Batch
    estimator : LSTMRegressor or LSTMClassifier

    Attributes
    ----------
    out : str
        The outputs, (batch, n_outputs) or (batch, time, n_outputs).
    valid : str
        Whether a sequence, or a time step, has an output, with an axis of length 1 behind. One without time steps, or
        with a value that `predict` refuses, has none; neither has padding.
    """

    def __init__(self, batch, estimator):
        self._batch, self._graph, self._network = batch, batch.graph, estimator._network
        self._architecture = estimator._network.architecture
        check_network(self._architecture)
        self._check_times(estimator)
        self._shift, self._scale = estimator._shift, estimator._scale
        self._values = self._graph.cast(batch.where_there(batch.X, 0), np.float64)
        self.valid = self._valid()
        self.out = self._head(*self._layers())

    def _check_times(self, estimator):
        if self._architecture.missing == "decay" and estimator._has_times is not bool(self._batch.times):
            raise ValueError(
                'With missing="decay", the times of the steps count: '
                + ("the sequences of fit have some" if estimator._has_times else "the sequences of fit have none")
                + f", so the graph needs times={estimator._has_times}."
            )

    def _part(self, name):
        return self._network.part(name).astype(np.float32)

    # ------------------------------------------------------------------------------------------ inputs

    def _valid(self):
        graph, batch = self._graph, self._batch
        valid = graph.And(graph.Greater(batch.lens64, np.array(0)), graph.LessOrEqual(batch.lens64, batch.n_steps))
        if self._architecture.missing == "error":
            n_wrong = graph.sum(graph.cast(self._wrong(), np.int64), 1, 2)
            valid = graph.And(graph.Equal(n_wrong, np.array(0)), valid)
        if self._architecture.return_sequences:
            return graph.And(batch.column(valid), batch.mask)
        return graph.Unsqueeze(valid, np.array([1]))

    def _wrong(self):
        """Which values are gaps, or no tokens."""
        graph, values = self._graph, self._values
        wrong = graph.IsNaN(values)
        if self._architecture.embedding_dim:
            broken = graph.Not(graph.Equal(values, graph.Floor(values)))
            wrong = graph.Or(wrong, graph.Or(broken, graph.Less(values, 0.0)))
        return wrong

    def _standardised(self, values, shift, scale):
        graph = self._graph
        return graph.Clip(graph.Mul(graph.Sub(values, shift), scale), -FARTHEST, FARTHEST)

    @cached_property
    def _values_themselves(self):
        F = self._architecture.n_features
        return self._standardised(self._values, self._shift[-F:], self._scale[-F:])

    def _changes(self):
        """By how much each value changed since the step before; what never does, as it is."""
        graph, F = self._graph, self._architecture.n_features
        changes = graph.Sub(self._values, self._batch.before(self._values))
        changes = self._standardised(changes, self._shift[:F], self._scale[:F])
        constant = self._scale[:F] == 0
        return graph.Where(constant, self._values_themselves, changes) if constant.any() else changes

    def _embeddings(self):
        graph, n_tokens = self._graph, self._architecture.n_tokens
        tokens = graph.Squeeze(self._values, np.array([2]))
        known = graph.And(graph.GreaterOrEqual(tokens, 0.0), graph.Less(tokens, float(n_tokens)))
        rows = graph.cast(graph.Where(known, tokens, float(n_tokens)), np.int64)
        return graph.Gather(self._part("embedding.W"), rows)

    def _inputs(self):
        """Inputs of the first layer, (batch, time, n_inputs)."""
        if self._architecture.embedding_dim:
            return self._embeddings()
        values = self._changes() if self._architecture.skip_connection else self._values_themselves
        return self._graph.cast(values, np.float32)

    # ------------------------------------------------------------------------------------------ layers

    def _layers(self):
        """The top layers' h at every time step, (batch, time, n_top), and their last, (batch, n_top)."""
        graph, architecture = self._graph, self._architecture
        levels = list(range(len(architecture.hidden_layer_sizes)))
        if architecture.missing == "decay":
            table, last = self._decaying_layer()
            levels = levels[1:]
        else:
            table, last = graph.Transpose(self._inputs(), perm=[1, 0, 2]), None
        for level in levels:
            width = architecture.n_directions * architecture.hidden_layer_sizes[level]
            Y, last, *_ = self._operator(graph, level, table, self._batch.lens, *self._first_states(level))
            table = graph.Reshape(graph.Transpose(Y, perm=[0, 2, 1, 3]), np.array([0, 0, width]))
            last = graph.Reshape(graph.Transpose(last, perm=[1, 0, 2]), np.array([0, width]))
        return graph.Transpose(table, perm=[1, 0, 2]), last

    def _operator(self, graph, level, x, lens="", *states):
        """A level's h at every time step (time, directions, batch, H), and the last states (directions, batch, H)."""
        architecture = self._architecture
        H, n_directions = architecture.hidden_layer_sizes[level], architecture.n_directions
        operator, order_W, order_R, order_B, order_P = OPERATORS[architecture.cell]
        names = [layer_name(level, reverse) for reverse in range(n_directions)]
        inputs = [
            np.stack([_blocks(self._part(f"{name}.W_x"), order_W, H).T for name in names]),
            np.stack([_blocks(self._part(f"{name}.W_h"), order_R, H).T for name in names]),
            np.stack([_blocks(self._part(f"{name}.v"), order_B, H) for name in names]),
            lens,
            *states,
        ]
        if order_P:
            inputs.append(np.stack([_blocks(self._part(f"{name}.v"), order_P, H) for name in names]))
        a, s = architecture.activation, architecture.recurrent_activation
        used = [ACTIVATIONS[each] for each in {"LSTM": [s, a, a], "GRU": [s, a], "RNN": [a]}[operator] * n_directions]
        return getattr(graph, operator)(
            x,
            *inputs,
            n_outputs=3 if operator == "LSTM" and states else 2,
            hidden_size=H,
            direction="bidirectional" if n_directions == 2 else "forward",
            activations=[name for name, _, _ in used],
            activation_alpha=[alpha for _, each, _ in used for alpha in each] or None,
            activation_beta=[beta for _, _, each in used for beta in each] or None,
            linear_before_reset=1 if operator == "GRU" else None,
        )

    def _first_states(self, level):
        """Zeros, where peepholes come behind them: skl2onnx does not sort nodes with inputs that are left out."""
        if self._architecture.cell != "peephole":
            return []
        H = self._architecture.hidden_layer_sizes[level]
        return [self._zeros(np.float32, [self._architecture.n_directions], self._n_sequences(), [H])] * 2

    def _n_sequences(self):
        return self._graph.Slice(self._graph.Shape(self._batch.mask), np.array([0]), np.array([1]))

    def _zeros(self, dtype, *shape):
        return self._graph.Expand(np.array(0, dtype), self._graph.Concat(*shape, axis=0))

    def _decaying_layer(self):
        """The first layer over values that may be missing; what it does is told in decay.pyx."""
        graph, batch, architecture = self._graph, self._batch, self._architecture
        F, H = architecture.n_features, architecture.hidden_layer_sizes[0]
        w, b, W_d, b_d = (self._part(name) for name in ("decay.w", "decay.b", "layer_0.W_d", "layer_0.b_d"))
        unit = self._scale[:F]
        has_memory = OPERATORS[architecture.cell][0] == "LSTM"

        def step(graph, before, now):
            (last, since, *states), (x, missing, gap, there) = before, now
            since = graph.Add(since, gap)
            delta = graph.cast(graph.Min(graph.Mul(since, unit), FARTHEST), np.float32)
            last = graph.Where(missing, last, x)
            rate = graph.Relu(graph.Add(graph.Mul(delta, w), b))
            seen = graph.Where(missing, graph.Mul(graph.Exp(graph.Neg(rate)), last), last)
            observed = graph.cast(graph.Not(missing), np.float32)
            inputs = graph.Unsqueeze(graph.Concat(seen, observed, axis=1), np.array([0]))
            left = graph.Exp(graph.Neg(graph.Relu(graph.Add(graph.MatMul(delta, W_d), b_d))))
            decayed = [graph.Unsqueeze(graph.Mul(left, state), np.array([0])) for state in states]
            _, *after = self._operator(graph, 0, inputs, "", *decayed)
            # Behind a sequence's end, its state stays.
            after = [
                graph.Where(there, graph.Squeeze(new, np.array([0])), old)
                for new, old in zip(after, states, strict=True)
            ]
            return [last, graph.Where(missing, since, 0.0), *after], [graph.Identity(after[0])]

        read = [
            (graph.cast(self._values_themselves, np.float32), np.float32),
            (graph.IsNaN(self._values), np.bool_),
            (batch.gaps(), np.float64),
            (batch.mask, np.bool_),
        ]
        kinds = [np.float32, np.float64, *[np.float32] * (1 + has_memory)]
        widths = [F, F, *[H] * (1 + has_memory)]
        n_sequences = self._n_sequences()
        states = [self._zeros(kind, n_sequences, [width]) for kind, width in zip(kinds, widths, strict=True)]
        scanned = graph.scan(step, list(zip(states, kinds, strict=True)), read, [np.float32])
        return graph.Transpose(scanned[-1], perm=[1, 0, 2]), scanned[2]

    # ------------------------------------------------------------------------------------------ outputs

    def _head(self, table, last):
        """What the output layer makes of the top layers' h."""
        graph, architecture = self._graph, self._architecture
        seen = table if architecture.return_sequences else self._pooled(table, last)
        if architecture.skip_connection:
            values = graph.cast(self._values_themselves, np.float32)
            if not architecture.return_sequences:
                end = graph.Sub(self._batch.column(self._batch.lens64), np.array(1))
                is_last = graph.Equal(graph.Unsqueeze(self._batch.steps, np.array([0, 2])), end)
                values = graph.sum(graph.Where(is_last, values, np.float32(0)), 1)
            seen = graph.Concat(seen, values, axis=-1)
        return graph.Add(graph.MatMul(seen, self._part("output.W")), self._part("output.b"))

    def _pooled(self, table, last):
        graph, batch, pooling = self._graph, self._batch, self._architecture.pooling
        if pooling == "last":
            return last
        if pooling == "max":
            return graph.max(batch.where_there(table, LOWEST, np.float32), axis=1)
        if pooling == "attention":
            projected = graph.Tanh(graph.Add(graph.MatMul(table, self._part("attention.W")), self._part("attention.b")))
            scores = graph.MatMul(projected, self._part("attention.v")[:, np.newaxis])
            table = graph.Mul(table, graph.Softmax(batch.where_there(scores, LOWEST, np.float32), axis=1))
        total = graph.sum(batch.where_there(table, 0, np.float32), 1)
        if pooling == "attention":
            return total
        return graph.Div(total, graph.cast(graph.Unsqueeze(batch.lens64, np.array([1])), np.float32))


def _blocks(array, order, H):
    """Blocks of H columns in another order, with zeros where there is none."""
    return np.concatenate(
        [0 * array[..., :H] if k is None else array[..., k * H : (k + 1) * H] for k in order], axis=-1
    )


# ---------------------------------------------------------------------------------------------- what outputs mean


def predictions(graph, network, estimator):
    """A regressor's predictions, in double precision, NaN where there are none."""
    loss, out = estimator._loss, graph.cast(network.out, np.float64)
    if isinstance(loss, Quantile):
        return _quantiles(graph, network, estimator, out)
    if isinstance(loss, Poisson):
        out = graph.Exp(graph.Min(out, float(MAX_LOG_RATE)))
    elif isinstance(loss, GaussianNLL):
        out = graph.Gather(out, np.arange(0, 2 * estimator._n_targets, 2), axis=-1)
    scaled = graph.Add(graph.Mul(out, loss._scale), loss._shift)
    return _squeezed(graph, estimator, graph.Where(network.valid, scaled, np.nan))


def standard_deviations(graph, network, estimator):
    """Those of a regressor that learnt them, of the shape of its predictions."""
    out = graph.Gather(network.out, np.arange(1, 2 * estimator._n_targets, 2), axis=-1)
    bounded = graph.Tanh(graph.Div(graph.cast(out, np.float64), float(MAX_LOG_VARIANCE)))
    std = graph.Mul(graph.Exp(graph.Mul(bounded, MAX_LOG_VARIANCE / 2)), estimator._loss._scale)
    return _squeezed(graph, estimator, graph.Where(network.valid, std, np.nan))


def _quantiles(graph, network, estimator, out):
    """Each target's first quantile, and on it what softplus makes of the outputs that follow."""
    loss, n_targets = estimator._loss, estimator._n_targets
    n_quantiles = len(loss.quantiles)
    of_rows = [0, 0] if estimator._network.architecture.return_sequences else [0]
    out = graph.Reshape(out, np.array([*of_rows, n_targets, n_quantiles]))
    softplus = graph.Add(graph.Max(out, 0.0), graph.Log(graph.Add(graph.Exp(graph.Neg(graph.Abs(out))), 1.0)))
    out = graph.CumSum(graph.Where(np.arange(n_quantiles) == 0, out, softplus), np.array(-1))
    scaled = graph.Add(graph.Mul(out, loss._scale[:, np.newaxis]), loss._shift[:, np.newaxis])
    scaled = graph.Where(graph.Unsqueeze(network.valid, np.array([-1])), scaled, np.nan)
    if not loss.is_list:
        scaled = graph.Squeeze(scaled, np.array([-1]))
    return _squeezed(graph, estimator, scaled)


def _squeezed(graph, estimator, y):
    axis = 1 + estimator._network.architecture.return_sequences
    return graph.Squeeze(y, np.array([axis])) if estimator._one_dimensional_target else y


def probabilities(graph, network, estimator):
    """A classifier's probabilities, NaN where there are none."""
    out = network.out
    if estimator._multilabel:
        found = graph.Sigmoid(out)
    elif len(estimator.classes_) == 2:
        found = graph.Sigmoid(graph.Concat(graph.Neg(out), out, axis=-1))
    else:
        found = graph.Softmax(out, axis=-1)
    return graph.Where(network.valid, found, np.float32(np.nan))


def labels(graph, network, estimator):
    """A classifier's labels; where there are none, what `no_label` says."""
    out, classes = network.out, classes_of(estimator)
    above = graph.Greater(out, np.float32(0))
    if estimator._multilabel:
        return graph.Where(network.valid, graph.cast(above, np.int64), no_label(classes))
    valid = graph.Squeeze(network.valid, np.array([-1]))
    if len(classes) == 2:
        rows = graph.cast(graph.Squeeze(above, np.array([-1])), np.int64)
    else:
        rows = graph.ArgMax(out, axis=-1, keepdims=0)
    rows = graph.Where(valid, rows, np.array(len(classes)))
    return graph.Gather(np.append(classes, no_label(classes)), rows)


def classes_of(estimator):
    """The labels in a type of ONNX: int64, double precision or texts."""
    classes = np.arange(2) if estimator._multilabel else estimator.classes_
    if classes.dtype.kind in "biu":
        if classes.max() > np.iinfo(np.int64).max:
            raise ValueError(f"The labels must fit into int64 for ONNX, but classes_ has {classes.max()}.")
        return classes.astype(np.int64)
    if classes.dtype.kind == "f":
        return classes.astype(np.float64)
    if all(isinstance(label, str) for label in classes):
        return classes.astype(object)
    raise ValueError(f"The labels must be numbers or texts for ONNX, but classes_ is {classes!r}.")


def no_label(classes):
    """What stands for a label where there is none: the least integer, NaN, or the empty text."""
    none = {"i": np.iinfo(np.int64).min, "f": np.nan, "O": ""}[classes.dtype.kind]
    return np.array(none, classes.dtype)
