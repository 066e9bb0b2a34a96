"""ONNX graphs that are written like formulas, and sequences in them."""

from functools import partial

import numpy as np

from ._onnx import FIRST_OPSET


class Graph:
    """Nodes and constants that are added to a container of skl2onnx.

    An operator of ONNX is a method: ``graph.Add(x, 1.5)`` adds a node and returns the name of its output, or a list of
    names if `n_outputs` is more than 1. Inputs are names, or arrays, which become constants.
    """

    def __init__(self, scope, container):
        if container.target_opset < FIRST_OPSET:
            raise ValueError(
                f"Recurrent networks need at least opset {FIRST_OPSET}, but target_opset is {container.target_opset}."
            )
        self.opset = container.target_opset
        self._scope, self._container = scope, container

    def __getattr__(self, operator):
        if operator.startswith("_"):
            raise AttributeError(operator)
        return partial(self._node, operator)

    def _node(self, operator, *inputs, n_outputs=1, outputs=None, **attributes):
        inputs = [each if isinstance(each, str) else self.constant(each) for each in inputs]
        outputs = outputs or [self.new_name(operator.lower()) for _ in range(n_outputs)]
        attributes = {name: value for name, value in attributes.items() if value is not None}
        self._add_node(operator, inputs, outputs, attributes)
        return outputs[0] if len(outputs) == 1 else outputs

    def constant(self, value):
        """The name of a constant."""
        from onnx import numpy_helper

        name = self.new_name("constant")
        self._add_constant(name, numpy_helper.from_array(np.asarray(value), name))
        return name

    def new_name(self, prefix):
        """A name that nothing has yet."""
        return self._scope.get_unique_variable_name(prefix)

    def _add_node(self, operator, inputs, outputs, attributes):
        name = self._scope.get_unique_operator_name(operator)
        self._container.add_node(operator, inputs, outputs, name=name, **attributes)

    def _add_constant(self, name, tensor):
        self._container.initializers.append(tensor)

    def cast(self, x, dtype):
        """The same numbers in another type."""
        from onnx import helper

        return self.Cast(x, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def sum(self, x, *axes):
        """The sum over some axes."""
        return self.ReduceSum(x, np.array(axes), keepdims=0)

    def max(self, x, axis):
        """The largest number along an axis."""
        if self.opset < 18:  # where axes became an input
            return self.ReduceMax(x, axes=[axis], keepdims=0)
        return self.ReduceMax(x, np.array([axis]), keepdims=0)

    def scan(self, step, states, sequences, kept_dtypes, backwards=False):
        """A loop over the time steps of sequences (batch, time, .).

        Parameters
        ----------
        step : callable
            Takes a graph, the states, and the sequences at one step, and returns new states and what there is to keep
            of the step, in two lists.
        states : list of pairs (name, dtype)
            The states before the first step.
        sequences : list of pairs (name, dtype)
            What the loop reads.
        kept_dtypes : list of dtype
            The types of what is kept.
        backwards : bool
            Whether the last step comes first.

        Returns
        -------
        names : list of str
            The last states, and (batch, time, .) what was kept.
        """
        from onnx import helper

        body = _Body(self)
        inputs = [(self.new_name("before"), dtype) for _, dtype in states]
        inputs += [(self.new_name("at_step"), dtype) for _, dtype in sequences]
        names = [name for name, _ in inputs]
        after, kept = step(body, names[: len(states)], names[len(states) :])
        outputs = list(zip(after + kept, [dtype for _, dtype in states] + kept_dtypes, strict=True))
        body = helper.make_graph(
            body.nodes,
            self.new_name("step"),
            [_value(name, dtype) for name, dtype in inputs],
            [_value(name, dtype) for name, dtype in outputs],
            body.constants,
        )
        return self.Scan(
            *[name for name, _ in states + sequences],
            outputs=[self.new_name("scanned") for _ in outputs],
            body=body,
            num_scan_inputs=len(sequences),
            scan_input_axes=[1] * len(sequences),
            scan_output_axes=[1] * len(kept),
            scan_input_directions=[int(backwards)] * len(sequences),
            scan_output_directions=[int(backwards)] * len(kept),
        )


class _Body(Graph):
    """The graph of a step, in a loop of another graph."""

    def __init__(self, graph):
        self.opset, self._scope = graph.opset, graph._scope
        self.nodes, self.constants = [], []

    def _add_node(self, operator, inputs, outputs, attributes):
        from onnx import helper

        self.nodes.append(helper.make_node(operator, inputs, outputs, **attributes))

    def _add_constant(self, name, tensor):
        self.constants.append(tensor)


def _value(name, dtype):
    """What a loop reads or leaves, (batch, .): ONNX Runtime cannot always find out that there are two axes."""
    from onnx import helper

    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), [None, None])


class Batch:
    """Sequences in a graph.

    Parameters
    ----------
    graph : Graph
    X : str
        The values, (batch, time, features), or (batch, time) if there is one feature.
    dtype : dtype
        Their type.
    rank : {2, 3}
    lens : str or None
        The sequences' numbers of time steps, (batch,). Where it is negative or there is none, trailing time steps that
        are NaN in every feature are padding; but a table has none.
    times : str or None
        When the steps were taken, (batch, time), in double precision; without them, they are one unit apart.

    Attributes
    ----------
    X : str
        The values, (batch, time, features), NaN in the padding. A sequence that `predict` refuses for an infinity or
        its times is nothing but padding, also for the steps that follow: a transformer could make a number of it.
    lens, lens64 : str
        Lengths (batch,), as int32 and int64.
    n_steps, steps : str
        The length of the time axis, and the numbers of the steps, (time,).
    mask : str
        Whether there is a step, (batch, time, 1).
    """

    def __init__(self, graph, X, dtype, rank, lens=None, times=None):
        self.graph, self.dtype, self.rank, self.times = graph, np.dtype(dtype), rank, times
        if rank == 2:
            X = graph.Unsqueeze(X, np.array([2]))
        self.n_steps = graph.Gather(graph.Shape(X), np.array(1))
        self.steps = graph.Range(np.array(0), self.n_steps, np.array(1))
        lengths = self._everything(X) if rank == 2 else self._without_padding(X)
        if lens is not None:
            given = self._one_of_each(graph.cast(lens, np.int64), X)
            lengths = graph.Where(graph.Less(given, np.array(0)), lengths, given)
        self._end_at(lengths, X)
        self._end_at(graph.Where(self._refused(), np.array(0), lengths), X)

    def _end_at(self, lengths, X):
        graph = self.graph
        self.lens64, self.lens = lengths, graph.cast(lengths, np.int32)
        self.mask = graph.Less(graph.Unsqueeze(self.steps, np.array([0, 2])), self.column(lengths))
        self.X = self.where_there(X, np.nan)

    def _refused(self):
        """Which sequences have infinities, or times that go back or are missing, and so no time steps here."""
        graph = self.graph
        wrong = graph.sum(graph.cast(graph.IsInf(self.X), np.int64), 1, 2)
        if self.times is not None:
            backwards = graph.And(self.mask, graph.Not(graph.GreaterOrEqual(self.gaps(), 0.0)))
            wrong = graph.Add(wrong, graph.sum(graph.cast(backwards, np.int64), 1, 2))
        return graph.Greater(wrong, np.array(0))

    def _n_sequences(self, X):
        return self.graph.Slice(self.graph.Shape(X), np.array([0]), np.array([1]))

    def _one_of_each(self, lengths, X):
        """The lengths; other than those left out, that is negative ones, they must be as many as the sequences."""
        graph = self.graph
        left_out = graph.Less(graph.max(lengths, axis=0), np.array(0))
        return graph.Reshape(lengths, graph.Where(left_out, graph.Shape(lengths), self._n_sequences(X)))

    def _everything(self, X):
        return self.graph.Expand(self.n_steps, self._n_sequences(X))

    def _without_padding(self, X):
        graph = self.graph
        n_seen = graph.sum(graph.cast(graph.Not(graph.IsNaN(X)), np.int64), 2)
        ends = graph.Add(self.steps, np.array(1))
        return graph.max(graph.Where(graph.Greater(n_seen, np.array(0)), ends, np.array(0)), axis=1)

    def column(self, of_sequences):
        """What there is one of a sequence, (batch, 1, 1)."""
        return self.graph.Unsqueeze(of_sequences, np.array([1, 2]))

    def where_there(self, x, otherwise, dtype=None):
        """Values of time steps (batch, time, .), or in the padding a number."""
        return self.graph.Where(self.mask, x, np.array(otherwise, self.dtype if dtype is None else dtype))

    def gaps(self):
        """How long after the step before each one is, (batch, time, 1); 0 at the first."""
        graph = self.graph
        clock = graph.Expand(self.clock(), graph.Shape(self.mask))
        return graph.Sub(clock, self.before(clock))

    def before(self, x):
        """What was at the step before; at the first, what is there."""
        graph = self.graph
        first = graph.Slice(x, np.array([0]), np.array([1]), np.array([1]))
        return graph.Concat(first, graph.Slice(x, np.array([0]), np.array([-1]), np.array([1])), axis=1)

    def clock(self):
        """How long after the first step each one is, (batch, time, 1), or (1, time, 1) without times."""
        graph = self.graph
        if self.times is None:
            return graph.Unsqueeze(graph.cast(self.steps, np.float64), np.array([0, 2]))
        times = graph.Unsqueeze(self.times, np.array([2]))
        return graph.Sub(times, graph.Slice(times, np.array([0]), np.array([1]), np.array([1])))
