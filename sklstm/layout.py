"""Where a network's parameters lie in its flat buffer, and what the compiled core is told about them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ._core import kernels
from ._core.kernels import ACTIVATIONS, HEAD, LAYER, PANELS, RECURRENT_ACTIVATIONS, STACK

CELLS = kernels.registry()
POOLINGS = ("last", "mean", "max", "attention")

# The names by which fused functions of the core are picked.
TYPE_NAMES = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}

CACHE_LINE = 64  # bytes
LINE = CACHE_LINE // 4  # numbers, in single precision


@dataclass(frozen=True)
class Architecture:
    """What a network is made of; the estimators' parameters of these names say what they mean."""

    n_features: int
    hidden_layer_sizes: tuple
    n_outputs: int
    cell: str = "lstm"
    dtype: str = "float32"
    activation: str = "tanh"
    recurrent_activation: str = "logistic"
    bidirectional: bool = False
    pooling: str = "last"
    return_sequences: bool = False
    skip_connection: bool = False
    n_tokens: int = 0
    embedding_dim: int | None = None
    missing: str = "error"

    @cached_property
    def n_directions(self):
        """Layers side by side at each level."""
        return 2 if self.bidirectional else 1

    @cached_property
    def n_inputs(self):
        """Width of the first layer's input."""
        if self.missing == "decay":
            return 2 * self.n_features
        return self.embedding_dim or self.n_features

    @cached_property
    def n_top(self):
        """Width of what the top layers give."""
        return self.n_directions * self.hidden_layer_sizes[-1]

    @cached_property
    def n_seen(self):
        """Width of what the output layer sees."""
        return self.n_top + (self.n_features if self.skip_connection else 0)

    @cached_property
    def wants_table(self):
        """Whether the top layers' h is needed at every time step."""
        return self.return_sequences or self.pooling != "last"


def layer_name(level, reverse):
    """The name before those of a layer's parameters."""
    return f"layer_{level}.reverse" if reverse else f"layer_{level}"


def layers(architecture):
    """The names of the recurrent layers, from the input up, forward before reverse, and their level and direction."""
    for level in range(len(architecture.hidden_layer_sizes)):
        for reverse in range(architecture.n_directions):
            yield layer_name(level, reverse), level, reverse


def parameter_shapes(architecture):
    """Dicts of the shapes of the named parts of the parameters: the weights, and what no penalty is put on."""
    cell = CELLS[architecture.cell]
    n_gates, n_vectors = cell["n_gates"], len(cell["initial"])
    weights, others = {}, {}
    if architecture.embedding_dim:
        # One row more, for tokens that the training data do not have.
        others["embedding.W"] = (architecture.n_tokens + 1, architecture.embedding_dim)
    if architecture.missing == "decay":
        others["decay.w"] = others["decay.b"] = (architecture.n_features,)
        weights["layer_0.W_d"] = (architecture.n_features, architecture.hidden_layer_sizes[0])
        others["layer_0.b_d"] = (architecture.hidden_layer_sizes[0],)
    n_inputs = architecture.n_inputs
    for level, n_units in enumerate(architecture.hidden_layer_sizes):
        for reverse in range(architecture.n_directions):
            name = layer_name(level, reverse)
            # One matrix for the core, which multiplies [h_{t-1} | x_t] by it.
            weights[f"{name}.W_h"] = (n_units, n_gates * n_units)
            weights[f"{name}.W_x"] = (n_inputs, n_gates * n_units)
            others[f"{name}.v"] = (n_vectors * n_units,)
        n_inputs = architecture.n_directions * n_units
    if architecture.pooling == "attention":
        weights["attention.W"] = (n_inputs, n_inputs)
        weights["attention.v"] = (n_inputs,)
        others["attention.b"] = (n_inputs,)
    weights["output.W"] = (architecture.n_seen, architecture.n_outputs)
    others["output.b"] = (architecture.n_outputs,)
    return weights, others


@dataclass(eq=False)
class Stack:
    """Layers that go through time together, as the core is told of them.

    All layers of a network in one direction; or one layer of a bidirectional network, whose inputs are those of both
    directions below at every time step, so that the ways through time follow one another.
    """

    array: np.ndarray  # int64: a stack_t and its layer_t's
    level: int  # of all stacks of the network, the first ones being 0
    n_inputs: int
    n_outputs: int
    column: int  # where its h begins in the table of the level above
    wants_dx: bool


class Layout:
    """The core's view of a network on this machine: weights are packed for its instruction set.

    Parameters
    ----------
    architecture : Architecture
    parts : dict of str to (slice, shape)
        Where the named parameters lie.
    input_gradient : bool
        Whether the derivatives by the inputs of the first layer are needed.
    """

    def __init__(self, architecture, parts, input_gradient=False):
        self._architecture, self._parts = architecture, parts
        self._panel = PANELS[architecture.dtype]
        self.packed_size = 0
        self.levels = self._levels(input_gradient)
        self.head = self._head()
        self.n_kept = self._n_kept()

    def _levels(self, input_gradient):
        """Lists of the stacks that have the same input."""
        architecture = self._architecture
        sizes = architecture.hidden_layer_sizes
        widths = [architecture.n_inputs, *(architecture.n_directions * size for size in sizes)]
        if not architecture.bidirectional:
            return [[self._stack(range(len(sizes)), widths, 0, input_gradient)]]
        return [
            [self._stack([level], widths, reverse, input_gradient or level > 0) for reverse in range(2)]
            for level in range(len(sizes))
        ]

    def _stack(self, levels, widths, reverse, wants_dx):
        architecture, n_words = self._architecture, STACK.itemsize // 8
        cell = CELLS[architecture.cell]
        array = np.zeros(n_words + len(levels) * LAYER.itemsize // 8, dtype=np.int64)
        stack, layers = array[:n_words].view(STACK)[0], array[n_words:].view(LAYER)
        n_vector_parameters = 0
        for level, layer in zip(levels, layers, strict=True):
            F, H = widths[level], architecture.hidden_layer_sizes[level]
            G, V = cell["n_gates"] * H, len(cell["initial"]) * H
            layer["level"], layer["F"], layer["H"], layer["K"], layer["G"], layer["V"] = level, F, H, F + H, G, V
            layer["Z"], layer["h_column"] = cell["n_columns"] * H, cell["h_column"] * H
            layer["C"] = cell["n_memories"] * H
            layer["W"] = self._start(f"{layer_name(level, reverse)}.W_h")
            layer["v"] = self._start(f"{layer_name(level, reverse)}.v")
            layer["packed"] = self._packed(F + H, G)
            layer["packed_h"], layer["packed_x"] = self._packed(G, H), self._packed(G, F)
            layer["dv"] = n_vector_parameters
            n_vector_parameters += V
        stack["cell"], stack["n_layers"] = cell["index"], len(levels)
        stack["activations"] = ACTIVATIONS.index(architecture.activation) + len(
            ACTIVATIONS
        ) * RECURRENT_ACTIVATIONS.index(architecture.recurrent_activation)
        stack["changes"] = architecture.skip_connection and levels[0] == 0
        stack["reverse"], stack["wants_dx"], stack["V"] = reverse, wants_dx, n_vector_parameters
        H = architecture.hidden_layer_sizes[levels[-1]]
        return Stack(array, levels[0], widths[levels[0]], H, reverse * H, bool(wants_dx))

    def _n_kept(self):
        """Numbers that are kept of every time step, even without the way back."""
        architecture = self._architecture
        n = sum(stack.n_outputs for level in self.levels[:-1] for stack in level)
        if architecture.wants_table:
            n += architecture.n_seen
        if architecture.embedding_dim is not None:
            n += architecture.n_inputs
        if architecture.missing == "decay":
            n += 3 * architecture.n_features + architecture.hidden_layer_sizes[0]
        return n

    def _head(self):
        architecture = self._architecture
        array = np.zeros(HEAD.itemsize // 8, dtype=np.int64)
        head = array.view(HEAD)[0]
        D, P, O = architecture.n_top, architecture.n_seen, architecture.n_outputs  # noqa: E741
        head["D"], head["P"], head["O"] = D, P, O
        head["W"], head["b"] = self._start("output.W"), self._start("output.b")
        head["packed"], head["packed_t"] = self._packed(P, O), self._packed(O, P)
        if architecture.pooling == "attention":
            head["A"] = D
            head["W_a"], head["b_a"] = self._start("attention.W"), self._start("attention.b")
            head["v_a"] = self._start("attention.v")
            head["packed_a"], head["packed_a_t"] = self._packed(D, D), self._packed(D, D)
        return array

    def _start(self, name):
        return self._parts[name][0].start

    def _packed(self, n_rows, n_columns):
        """A place for a matrix in panels of columns, on a cache line."""
        start = self.packed_size
        self.packed_size += -(-n_rows * -(-n_columns // self._panel) * self._panel // LINE) * LINE
        return start


def aligned(size, dtype):
    """A flat array that begins on a cache line, uninitialised: vectors that straddle two lines take twice the time."""
    dtype = np.dtype(dtype)
    memory = np.empty(size * dtype.itemsize + CACHE_LINE, dtype=np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    return memory[start : start + size * dtype.itemsize].view(dtype)


def grown(buffer, size):
    """The buffer, or a larger one where it is too small."""
    return buffer if len(buffer) >= size else aligned(size, buffer.dtype)
