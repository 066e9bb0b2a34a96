"""A recurrent network: its parameters, their first values, and predictions.

A network owns no data. Its parameters are one flat buffer with named parts, weights before biases, so that the penalty,
clipping, snapshots and the optimizers see one array.
"""

from dataclasses import asdict, replace

import numpy as np

from ._core import backprop, inference
from ._core import head as core_head
from .head import Head
from .inputs import as_they_are, first_inputs
from .layout import CELLS, TYPE_NAMES, Architecture, Layout, aligned, layers, parameter_shapes
from .sequences import offsets_of, steps_of
from .threads import single_threaded_blas

# Standard deviation that embeddings start with: larger ones drown what little a rare word has learnt.
EMBEDDING_SCALE = 0.1

# Rates of decay at the mean time since a value was observed: near those of values that are carried forward, but at 0 a
# rate would have no gradient.
INITIAL_INPUT_DECAY, INITIAL_STATE_DECAY = 0.1, 0.01

# Numbers that predictions keep of time steps at a time, where they need them: those of 65,000 steps of 64 units. Where
# they do not, sequences whose last states they keep at a time.
PREDICTED_AT_A_TIME, SEQUENCES_AT_A_TIME = 1 << 22, 1 << 14


class Network:
    """Parameters of a recurrent network, and the way from sequences to outputs.

    Parameters
    ----------
    architecture : Architecture
    """

    def __init__(self, architecture):
        n_parameters = self._lay_out(architecture)
        self.parameters = np.zeros(n_parameters, dtype=self.dtype)
        self.fixed = False

    def _lay_out(self, architecture):
        """Give the parts of the parameters their places; returns how many numbers they are."""
        self.architecture = architecture
        self.dtype = np.dtype(architecture.dtype)
        weights, others = parameter_shapes(architecture)
        self.parts, start = {}, 0
        for name, shape in {**weights, **others}.items():
            self.parts[name] = slice(start, start + int(np.prod(shape))), shape
            start = self.parts[name][0].stop
        self.n_weights = self.parts["output.W"][0].stop
        self.layout = Layout(architecture, self.parts)
        return start

    def part(self, name, buffer=None):
        """A named part of the parameters, or of a buffer laid out like them, as a view of its shape."""
        where, shape = self.parts[name]
        return (self.parameters if buffer is None else buffer)[where].reshape(shape)

    def initialize(self, rng):
        """Glorot-uniform input and output weights, an orthogonal recurrent matrix a gate, the cell's own biases."""
        architecture, cell = self.architecture, CELLS[self.architecture.cell]
        self.parameters.fill(0)
        if architecture.embedding_dim:
            # Nothing is known of an unknown token: it begins at the mean.
            self.part("embedding.W")[:-1] = EMBEDDING_SCALE * rng.standard_normal(
                (architecture.n_tokens, architecture.embedding_dim)
            )
        for name, level, _ in layers(architecture):
            n_units = architecture.hidden_layer_sizes[level]
            W_x, W_h = self.part(f"{name}.W_x"), self.part(f"{name}.W_h")
            W_x[:] = _glorot(W_x.shape[0], n_units, W_x.shape, rng)
            for gate in range(cell["n_gates"]):
                W_h[:, gate * n_units : (gate + 1) * n_units] = _orthogonal(n_units, rng)
            self.part(f"{name}.v")[:] = np.repeat(cell["initial"], n_units)
        if architecture.missing == "decay":
            self.part("decay.w")[:] = INITIAL_INPUT_DECAY
            W_d = self.part("layer_0.W_d")
            W_d[:] = rng.uniform(0, 2 * INITIAL_STATE_DECAY / len(W_d), W_d.shape)
        names = ["output.W"]
        if architecture.pooling == "attention":
            names += ["attention.W", "attention.v"]
        for name in names:
            W = self.part(name)
            W[:] = _glorot(len(W), W[0].size, W.shape, rng)

    def derived(self, **changes):
        """A network of another architecture, with this one's parameters where it has the like."""
        network = Network(replace(self.architecture, **changes))
        for name, (_, shape) in network.parts.items():
            if name in self.parts and self.parts[name][1] == shape:
                network.part(name)[:] = self.part(name)
        return network

    def forget_tokens(self, tokens):
        """Take tokens that are in no training sequence for what they are: unknown."""
        self.part("embedding.W")[tokens] = 0

    def forget_features(self, features):
        """Take features that are in no training sequence for what they are, though later they may be observed."""
        W_x = self.part("layer_0.W_x")
        W_x[features] = W_x[features + self.architecture.n_features] = 0

    def predict(self, sequences, shift, scale, n_threads):
        """Outputs of sequences, in their order: (n_sequences, n_outputs), or (total time steps, n_outputs)."""
        return self._run(sequences, shift, scale, n_threads)

    def attention_weights(self, sequences, shift, scale, n_threads):
        """The weight of every time step of the sequences, (total time steps, 1)."""
        return self._run(sequences, shift, scale, n_threads, attention=True)

    def _run(self, sequences, shift, scale, n_threads, attention=False):
        """The outputs, or the attention's weights, some sequences at a time."""
        lengths, starts, places = sequences.lengths, sequences.starts, sequences.offsets[:-1]
        by_step = attention or self.architecture.return_sequences
        n_columns = 1 if attention else self.architecture.n_outputs
        order = None
        if (lengths[1:] > lengths[:-1]).any():
            order, lengths, starts = longest_first(starts, lengths)
            places = places[order]
        n_threads = min(n_threads, -(-len(lengths) // backprop.ROWS))
        packed, states, scratch = self.for_prediction()
        prediction = _Prediction(self, packed, states, scratch, sequences, shift, scale, n_threads)
        result = np.empty((sequences.offsets[-1] if by_step else len(lengths), n_columns), dtype=self.dtype)
        for first, last in self._parts(lengths):
            some = prediction.run(starts[first:last], lengths[first:last])
            if attention:
                some = prediction.head.weights[:, np.newaxis]
            if by_step:
                result[steps_of(places[first:last], lengths[first:last])] = some
            else:
                result[first:last] = some
        if order is not None and not by_step:
            result[order] = result.copy()
        return result

    def _parts(self, lengths):
        """Sequences to be taken at a time: by what is kept of their time steps or, if nothing is, by their number."""
        if not self.layout.n_kept:
            for first in range(0, len(lengths), SEQUENCES_AT_A_TIME):
                yield first, min(first + SEQUENCES_AT_A_TIME, len(lengths))
            return
        first, total = 0, np.cumsum(lengths) * self.layout.n_kept
        while first < len(lengths):
            before = total[first - 1] if first else 0
            last = max(int(np.searchsorted(total, before + PREDICTED_AT_A_TIME, side="right")), first + 1)
            yield first, last
            first = last

    @property
    def fixed(self):
        """Whether the parameters stay as they are, so that what predictions need of them can be kept."""
        return self._fixed

    @fixed.setter
    def fixed(self, value):
        self._fixed, self._for_prediction = value, None

    def for_prediction(self):
        """The packed weights, and for the stacks the numbers of state and of scratch that `inference` needs."""
        prepared = self._for_prediction or self._prepare_prediction()
        if self._fixed:
            self._for_prediction = prepared
        return prepared

    def _prepare_prediction(self):
        packed = self.pack(self.layout, way_back=False, n_threads=1)
        stacks = [stack.array for level in self.layout.levels for stack in level]
        return packed, [inference.state_size(array) for array in stacks], max(map(inference.scratch_size, stacks))

    def __getstate__(self):
        # The rest follows, the layout for the instruction set of the machine that loads.
        return {"architecture": asdict(self.architecture), "parameters": self.parameters, "fixed": self.fixed}

    def __setstate__(self, state):
        self._lay_out(Architecture(**state["architecture"]))
        self.parameters, self.fixed = state["parameters"], state["fixed"]

    def pack(self, layout, way_back, n_threads, packed=None):
        """The weights in the order in which the core's products read them; `way_back` adds their transposes."""
        if packed is None:
            packed = aligned(layout.packed_size, self.dtype)
        for level in layout.levels:
            for stack in level:
                backprop.pack_weights(stack.array, self.parameters, packed, way_back, n_threads)
        core_head.pack_weights(layout.head, self.parameters, packed, way_back)
        return packed


class _Prediction:
    """Predictions of parts of the same sequences."""

    def __init__(self, network, packed, states, scratch_size, sequences, shift, scale, n_threads):
        self._network, self._packed, self._states = network, packed, states
        self._values, self._shift, self._scale = sequences.values, shift, scale
        self._first_inputs = first_inputs(network, sequences, shift, scale)
        self._n_threads = n_threads
        self._scratch = aligned(n_threads * scratch_size, network.dtype).reshape(n_threads, scratch_size)
        self.head = Head(network, n_threads)

    def run(self, starts, lengths):
        """Outputs of the sequences with these starts and lengths, in falling order."""
        network = self._network
        architecture, dtype = network.architecture, network.dtype
        places = offsets_of(lengths)[:-1]
        n_steps = int(lengths.sum()) if network.layout.n_kept else 0
        self.head.begin(lengths, n_steps)
        inputs = self._first_inputs.forward(starts, lengths, places, self._n_threads)
        states = iter(self._states)
        top = network.layout.levels[-1]
        for level in network.layout.levels:
            table = self.head.table
            if level is not top:
                table = np.empty((n_steps, sum(stack.n_outputs for stack in level)), dtype=dtype)
            for stack in level:
                size, h = next(states)
                state = np.zeros((len(lengths), size), dtype=dtype)
                inference.run[TYPE_NAMES[dtype], TYPE_NAMES[inputs[0].dtype]](
                    stack.array, network.parameters, self._packed, self._scratch, inputs[0], inputs[1], lengths,
                    inputs[2], inputs[3], state, True, table, stack.column, self._first_inputs.gamma, places,
                    self._n_threads,
                )  # fmt: skip
                if level is top and not architecture.wants_table:
                    width = architecture.hidden_layer_sizes[-1]
                    self.head.features[:, stack.column : stack.column + width] = state[:, h : h + width]
            if level is not top:
                inputs = as_they_are(table, places)
        return self.head.forward(self._packed, places, (self._values, starts, self._shift, self._scale))


def longest_first(starts, lengths):
    """Stable order by falling length, and the lengths and starts in it."""
    order = np.argsort(-lengths, kind="stable")
    return order, lengths[order], starts[order]


def _glorot(n_in, n_out, shape, rng):
    bound = np.sqrt(6 / (n_in + n_out))
    return rng.uniform(-bound, bound, size=shape)


def _orthogonal(n, rng):
    with single_threaded_blas():
        q, r = np.linalg.qr(rng.standard_normal((n, n)))
    return q * np.sign(np.diag(r))  # without the signs, not uniform over the orthogonal matrices
