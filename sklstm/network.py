"""The stack of recurrent layers and its output layer: where parameters lie, and the ways forward and back.

A network owns no data. Its parameters are one flat buffer with named parts, weights before biases, so that the penalty,
clipping, snapshots and the optimizers see one array.
"""

import numpy as np

from ._core import backprop, inference
from ._core.cells import LAYER, NETWORK, registry
from .sequences import offsets_of
from .threads import single_threaded_blas

CELLS = registry()

# The names by which fused functions of the core are picked.
TYPE_NAMES = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}

# Sequences whose steps one thread computes together in training. Few rows leave work for every thread; wide layers'
# weights no longer fit in the second-level cache, and more rows share each read of them.
BLOCK_ROWS, WIDE_BLOCK_ROWS, WIDE = 8, 32, 256


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

    def _lay_out(self):
        """Slices and shapes of the named parts in the flat buffer, the number of weights, and of all parameters."""
        n_gates, n_vectors = CELLS[self.cell]["n_gates"], len(CELLS[self.cell]["initial"])
        weights, vectors = {}, {}
        n_inputs = self.n_features
        for k, n_units in enumerate(self.hidden_layer_sizes):
            weights[f"layer_{k}.W_x"] = (n_inputs, n_gates * n_units)
            weights[f"layer_{k}.W_h"] = (n_units, n_gates * n_units)
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
        order, lengths, starts = _longest_first(sequences.offsets[:-1], sequences.lengths)
        network, layers, _ = self._plan()
        n_threads = min(n_threads, -(-len(lengths) // inference.ROWS))
        work = np.empty((n_threads, inference.scratch_size(network, layers)), dtype=self.dtype)
        out = np.empty((len(lengths), self.n_outputs), dtype=self.dtype)
        run = inference.predict[TYPE_NAMES[self.dtype], TYPE_NAMES[sequences.dtype]]
        with single_threaded_blas():
            run(network, layers, self.parameters, work, sequences.values, starts, lengths, shift, scale, out, n_threads)
        result = np.empty_like(out)
        result[order] = out
        return result

    def _plan(self, n_steps=0, n_sequences=0, block_rows=1):
        """Sizes and places for the compiled core, and how many numbers a minibatch's workspace holds."""
        n_gates, n_vectors = CELLS[self.cell]["n_gates"], len(CELLS[self.cell]["initial"])
        widest = max(self.hidden_layer_sizes)
        n_blocks = -(-n_sequences // block_rows)
        layers = np.zeros(len(self.hidden_layer_sizes), dtype=LAYER)
        size = 0

        def allot(count):
            # Every array begins on a cache line, so that no two threads write to the same.
            nonlocal size
            start, size = size, size + -(-count // 16) * 16
            return start

        network = np.zeros(1, dtype=NETWORK)
        net = network[0]
        net["x"] = allot(n_steps * self.n_features)
        n_inputs, n_vector_parameters = self.n_features, 0
        for k, (layer, n_units) in enumerate(zip(layers, self.hidden_layer_sizes, strict=True)):
            layer["F"], layer["H"], layer["G"], layer["V"] = n_inputs, n_units, n_gates * n_units, n_vectors * n_units
            for name in ["W_x", "W_h", "v"]:
                layer[name] = self.parts[f"layer_{k}.{name}"][0].start
            layer["z"], layer["c"] = allot(n_steps * n_gates * n_units), allot(n_steps * n_units)
            layer["h"], layer["dv"] = allot(n_steps * n_units), n_vector_parameters
            n_inputs, n_vector_parameters = n_units, n_vector_parameters + n_vectors * n_units
        net["cell"], net["n_layers"], net["H"] = CELLS[self.cell]["index"], len(layers), widest
        net["O"], net["block_rows"], net["V"] = self.n_outputs, block_rows, n_vector_parameters
        net["W_out"], net["b_out"] = self.parts["output.W"][0].start, self.parts["output.b"][0].start
        net["dx"] = allot(n_steps * widest if len(layers) > 1 else 0)
        net["last"] = allot(n_sequences * self.hidden_layer_sizes[-1])
        net["dh"], net["dc"] = allot(n_blocks * block_rows * widest), allot(n_blocks * block_rows * widest)
        net["dv"] = allot(n_blocks * n_vector_parameters)
        net["zeros"] = allot(block_rows * widest)
        return network, layers, size


class Minibatch:
    """A network's ways forward and back over minibatches of the same sequences, in memory that is kept between them.

    Parameters
    ----------
    network : Network
    sequences : Sequences
    shift, scale : ndarray of shape (n_features,)
        Inputs are standardised as (x - shift) * scale.
    n_threads : int
    """

    def __init__(self, network, sequences, shift, scale, n_threads):
        self.network, self.sequences = network, sequences
        self.shift, self.scale, self.n_threads = shift, scale, n_threads
        self.starts, self.lengths = sequences.offsets[:-1], sequences.lengths
        self.block_rows = WIDE_BLOCK_ROWS if max(network.hidden_layer_sizes) >= WIDE else BLOCK_ROWS
        self.gradient = np.zeros_like(network.parameters)
        self._work = np.empty(0, dtype=network.dtype)
        self._shape = self._places = None
        self._forward = backprop.forward[TYPE_NAMES[network.dtype], TYPE_NAMES[sequences.dtype]]
        self._backward = backprop.backward[TYPE_NAMES[network.dtype]]

    def forward(self, rows):
        """Order in which the rows are computed, longest first, and their outputs (n_rows, n_outputs) in that order."""
        order, self._batch_lengths, starts = _longest_first(self.starts[rows], self.lengths[rows])
        self._cumulative = offsets_of(self._batch_lengths)
        network, layers = self._make_room(int(self._cumulative[-1]), len(rows))
        # A thread without a block would only be waited for.
        self._n_threads = min(self.n_threads, -(-len(rows) // self.block_rows))
        out = np.empty((len(rows), self.network.n_outputs), dtype=self.network.dtype)
        self._forward(
            network, layers, self.network.parameters, self._work, self.sequences.values, starts, self._batch_lengths,
            self._cumulative, self.shift, self.scale, out, self._n_threads,
        )  # fmt: skip
        return rows[order], out

    def backward(self, dout, input_gradient=False):
        """Fill `gradient` from the loss's derivatives by the outputs of the last forward pass.

        With `input_gradient`, also returns the derivatives by the standardised inputs, packed by time as the
        core holds them: block by block, and within it step by step, longest sequence first.
        """
        network, layers = self._places
        n_steps = int(self._cumulative[-1]) if input_gradient else 0
        dx = np.empty((n_steps, self.network.n_features), dtype=self.network.dtype)
        self._backward(
            network, layers, self.network.parameters, self._work, self._batch_lengths, self._cumulative, dout,
            self.gradient, dx, self._n_threads,
        )  # fmt: skip
        return dx

    def _make_room(self, n_steps, n_sequences):
        if (n_steps, n_sequences) != self._shape:
            network, layers, size = self.network._plan(n_steps, n_sequences, self.block_rows)
            if size > len(self._work):
                self._work = np.empty(size, dtype=self.network.dtype)
            self._shape, self._places = (n_steps, n_sequences), (network, layers)
        return self._places


def _longest_first(starts, lengths):
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
