"""The stack of recurrent layers and its output layer: where parameters lie, and the ways forward and back.

A network owns no data. Its parameters are one flat buffer with named parts, weights before biases, so that the penalty,
clipping, snapshots and the optimizers see one array.
"""

import numpy as np

from ._core import backprop, inference
from ._core.kernels import LAYER, NETWORK, PANELS, registry
from .threads import single_threaded_blas

CELLS = registry()

# The names by which fused functions of the core are picked.
TYPE_NAMES = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}

CACHE_LINE = 64  # bytes
LINE = CACHE_LINE // 4  # numbers, in single precision


def aligned(size, dtype):
    """A flat array that begins on a cache line, uninitialised: vectors that straddle two lines take twice the time."""
    dtype = np.dtype(dtype)
    memory = np.empty(size * dtype.itemsize + CACHE_LINE, dtype=np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    return memory[start : start + size * dtype.itemsize].view(dtype)


class Network:
    """Shapes and parameters of a recurrent network.

    Parameters
    ----------
    n_features, n_outputs : int
    hidden_layer_sizes : sequence of int
        Units of each recurrent layer, from the input up.
    cell : str
        A name in `CELLS`.
    dtype : {"float32", "float64"}
        The computing type.
    """

    def __init__(self, n_features, hidden_layer_sizes, n_outputs, cell, dtype):
        self.n_features, self.n_outputs = n_features, n_outputs
        self.hidden_layer_sizes = tuple(hidden_layer_sizes)
        self.cell = cell
        self.dtype = np.dtype(dtype)
        self.parts, self.n_weights, n_parameters = self._lay_out()
        self.parameters = np.zeros(n_parameters, dtype=self.dtype)
        self.fixed = False

    def _lay_out(self):
        """Slices and shapes of the named parts in the flat buffer, the number of weights, and of all parameters."""
        n_gates, n_vectors = CELLS[self.cell]["n_gates"], len(CELLS[self.cell]["initial"])
        weights, vectors = {}, {}
        n_inputs = self.n_features
        for k, n_units in enumerate(self.hidden_layer_sizes):
            # One matrix for the core, which multiplies [h_{t-1} | x_t] by it.
            weights[f"layer_{k}.W_h"] = (n_units, n_gates * n_units)
            weights[f"layer_{k}.W_x"] = (n_inputs, n_gates * n_units)
            vectors[f"layer_{k}.v"] = (n_vectors * n_units,)
            n_inputs = n_units
        weights["output.W"] = (n_inputs, self.n_outputs)
        vectors["output.b"] = (self.n_outputs,)
        parts, start = {}, 0
        for name, shape in {**weights, **vectors}.items():
            parts[name] = slice(start, start + int(np.prod(shape))), shape
            start = parts[name][0].stop
        return parts, parts["output.W"][0].stop, start

    def part(self, name, buffer=None):
        """A named part of the parameters, or of a buffer laid out like them, as a view of its shape."""
        where, shape = self.parts[name]
        return (self.parameters if buffer is None else buffer)[where].reshape(shape)

    def initialize(self, rng):
        """Glorot-uniform input and output weights, an orthogonal recurrent matrix a gate, the cell's own biases."""
        n_gates, initial = CELLS[self.cell]["n_gates"], CELLS[self.cell]["initial"]
        for k, n_units in enumerate(self.hidden_layer_sizes):
            W_x, W_h = self.part(f"layer_{k}.W_x"), self.part(f"layer_{k}.W_h")
            W_x[:] = _glorot(W_x.shape[0], n_units, W_x.shape, rng)
            for gate in range(n_gates):
                W_h[:, gate * n_units : (gate + 1) * n_units] = _orthogonal(n_units, rng)
            self.part(f"layer_{k}.v")[:] = np.repeat(initial, n_units)
        W = self.part("output.W")
        W[:] = _glorot(*W.shape, W.shape, rng)
        self.part("output.b")[:] = 0

    def predict(self, sequences, shift, scale, n_threads):
        """Outputs (n_sequences, n_outputs) of sequences, in their order."""
        lengths, starts = sequences.lengths, sequences.offsets[:-1]
        order = None
        if (lengths[1:] > lengths[:-1]).any():
            order, lengths, starts = longest_first(starts, lengths)
        n_threads = min(n_threads, -(-len(lengths) // backprop.ROWS))
        prepared = self._for_prediction or self._prepare_prediction(n_threads)
        if self._fixed:
            self._for_prediction = prepared
        plan, packed, scratch_size = prepared
        scratch = aligned(n_threads * scratch_size, self.dtype).reshape(n_threads, scratch_size)
        out = np.empty((len(lengths), self.n_outputs), dtype=self.dtype)
        inference.predict[TYPE_NAMES[self.dtype], TYPE_NAMES[sequences.dtype]](
            plan.array, self.parameters, packed, scratch, sequences.values, starts, lengths, shift, scale, out,
            n_threads,
        )  # fmt: skip
        if order is not None:
            out[order] = out.copy()
        return out

    @property
    def fixed(self):
        """Whether the parameters stay as they are, so that what predictions need of them can be kept."""
        return self._fixed

    @fixed.setter
    def fixed(self, value):
        self._fixed, self._for_prediction = value, None

    def _prepare_prediction(self, n_threads):
        plan = Plan(self, 0)  # predictions keep no state
        packed = self.pack(plan, way_back=False, n_threads=n_threads)
        return plan, packed, inference.scratch_size(plan.array)

    def __getstate__(self):
        # Weights are packed for the instruction set of the machine that loads them.
        return {**vars(self), "_for_prediction": None}

    def pack(self, plan, way_back, n_threads, packed=None):
        """The weights in the order in which the core's products read them; `way_back` adds their transposes."""
        if packed is None:
            packed = aligned(plan.packed_size, self.dtype)
        backprop.pack_weights[TYPE_NAMES[self.dtype]](plan.array, self.parameters, packed, way_back, n_threads)
        return packed


class Plan:
    """Where the compiled core finds what it works on, for a network and a number of sequences.

    Attributes
    ----------
    array : ndarray of int64
        Sizes, and places in the flat buffers (parameters, packed weights, state), as the core's structures have them.
    packed_size, state_size : int
        Numbers in the last two.
    carried_size : int
        Those at the beginning of the state that go from one segment of time to the next.
    """

    def __init__(self, network, n_sequences):
        n_gates, n_vectors = CELLS[network.cell]["n_gates"], len(CELLS[network.cell]["initial"])
        panel = PANELS[network.dtype.name]
        n_layers, n_words = len(network.hidden_layer_sizes), NETWORK.itemsize // 8
        self.array = np.zeros(n_words + n_layers * LAYER.itemsize // 8, dtype=np.int64)
        net, layers = self.array[:n_words].view(NETWORK), self.array[n_words:].view(LAYER)
        packed, state = _Allotment(), _Allotment()

        def packed_matrix(n_rows, n_columns):
            return packed.allot(n_rows * -(-n_columns // panel) * panel)

        n_inputs, n_vector_parameters = network.n_features, 0
        for k, (layer, H) in enumerate(zip(layers, network.hidden_layer_sizes, strict=True)):
            F, G, V = n_inputs, n_gates * H, n_vectors * H
            layer["F"], layer["H"], layer["K"], layer["G"], layer["V"] = F, H, F + H, G, V
            layer["W"], layer["v"] = network.parts[f"layer_{k}.W_h"][0].start, network.parts[f"layer_{k}.v"][0].start
            layer["packed"] = packed_matrix(F + H, G)
            layer["packed_h"], layer["packed_x"] = packed_matrix(G, H), packed_matrix(G, F)
            layer["h"], layer["c"] = state.allot(n_sequences * H), state.allot(n_sequences * H)
            layer["dv"] = n_vector_parameters
            n_inputs, n_vector_parameters = H, n_vector_parameters + V
        self.carried_size = state.size
        for layer, H in zip(layers, network.hidden_layer_sizes, strict=True):
            layer["dh"], layer["dc"] = state.allot(n_sequences * H), state.allot(n_sequences * H)
        net["cell"], net["n_layers"], net["O"] = CELLS[network.cell]["index"], n_layers, network.n_outputs
        net["W_out"], net["b_out"] = network.parts["output.W"][0].start, network.parts["output.b"][0].start
        net["packed_out"] = packed_matrix(n_inputs, network.n_outputs)
        net["packed_out_t"] = packed_matrix(network.n_outputs, n_inputs)
        net["V"] = n_vector_parameters
        net["dv"] = state.allot(-(-n_sequences // backprop.ROWS) * n_vector_parameters)
        self.n_sequences, self.packed_size, self.state_size = n_sequences, packed.size, state.size


class _Allotment:
    """Places in a flat buffer. Each begins on a cache line, so that no two threads write to the same."""

    def __init__(self):
        self.size = 0

    def allot(self, count):
        start, self.size = self.size, self.size + -(-count // LINE) * LINE
        return start


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
