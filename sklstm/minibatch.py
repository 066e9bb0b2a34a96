"""Minibatches through a network and back, in segments of time and within a given memory."""

from dataclasses import dataclass

import numpy as np

from ._core import backprop, kernels
from .head import Head
from .inputs import as_they_are, first_inputs
from .layout import TYPE_NAMES, Layout, aligned, grown
from .network import longest_first
from .sequences import offsets_of, steps_of

# Time steps that go through the core together. What the way back leaves of so many is still in the cache when the
# weights' gradients read it.
SEGMENT_STEPS = 64

NO_DROPOUT = {"seed": 0, "between": 0.0, "recurrent": 0.0}


@dataclass
class _Segment:
    """Steps first <= t < last of a minibatch."""

    first: int
    last: int
    cumulative: np.ndarray  # (n + 1,), rows of the n sequences that reach it, summed up


@dataclass
class _Place:
    """Where the core keeps what the way back of a stack needs of a segment."""

    size: int
    where: slice | None = None
    checkpoint: slice | None = None  # where the state before it is kept, if its place is given to others


class Minibatch:
    """A network's ways forward and back over minibatches of the same sequences, in memory that is kept between them.

    Parameters
    ----------
    network : Network
    sequences : Sequences
    shift, scale : ndarray of shape (n_features,) or (2 n_features,)
        Inputs are standardised as (x - shift) * scale; values by the second half, if there is one. The first is that of
        their changes, if values skip the layers, and of the times since they were observed, if these decay.
    n_threads : int
    max_memory : float or None
        Most megabytes to work in. Where they do not suffice for all time steps, early segments are computed a second
        time on the way back, from the state before each of them (Chen et al. 2016). The results are the same.
    input_gradient : bool
        Whether the derivatives by the standardised inputs, or by what is made of them, are wanted.
    """

    def __init__(self, network, sequences, shift, scale, n_threads, max_memory=None, input_gradient=False):
        self.network, self.sequences = network, sequences
        self.shift, self.scale = shift, scale
        self.max_threads, self.max_memory = n_threads, max_memory
        self.starts, self.lengths = sequences.offsets[:-1], sequences.lengths
        self._ragged = self.lengths.min() != self.lengths.max()
        self._first_inputs = first_inputs(network, sequences, shift, scale)
        self._layout = Layout(network.architecture, network.parts, input_gradient or self._first_inputs.wants_dx)
        self._stacks = [stack for level in self._layout.levels for stack in level]
        self._head = Head(network, n_threads)
        self.gradient = aligned(len(network.parameters), network.dtype)
        self._made_for = None  # the lengths of the minibatch before: often the same
        self._scratch = aligned(n_threads * kernels.SCRATCH, network.dtype).reshape(n_threads, -1)
        self._packed = aligned(self._layout.packed_size, network.dtype)
        self._state = self._work = aligned(0, network.dtype)
        self._forward_of_values = backprop.forward[TYPE_NAMES[network.dtype], TYPE_NAMES[sequences.dtype]]
        self._forward_of_table = backprop.forward[TYPE_NAMES[network.dtype], TYPE_NAMES[network.dtype]]
        self._backward = backprop.backward[TYPE_NAMES[network.dtype]]

    def reserve(self, rows, n_sequences):
        """Make room for any minibatch of so many of these sequences."""
        self._make_room(-np.sort(-self.lengths[rows])[:n_sequences])

    def forward(self, rows, dropout=None):
        """Order in which the rows are computed, longest first, and their outputs in that order.

        Outputs are (n_rows, n_outputs) or, if there is one at each time step, (total time steps, n_outputs), sequence
        after sequence; `steps` says which time steps of all sequences these are.
        """
        network = self.network
        lengths, starts = self.lengths[rows], self.starts[rows]
        if self._ragged:
            order, lengths, starts = longest_first(starts, lengths)
            rows = rows[order]
        self._batch_lengths, self._batch_starts, self._dropout = lengths, starts, dropout or NO_DROPOUT
        self._make_room(lengths)
        # A thread without a block would only be waited for.
        self._n_threads = min(self.max_threads, -(-len(rows) // backprop.ROWS))
        network.pack(self._layout, way_back=True, n_threads=self._n_threads, packed=self._packed)
        self._inputs, self._tables = [self._first_inputs.forward(starts, lengths, self._places, self._n_threads)], []
        self._head.begin(lengths, self._n_steps)
        for level in self._layout.levels[:-1]:
            table = np.empty((self._n_steps, sum(stack.n_outputs for stack in level)), dtype=network.dtype)
            self._tables.append(table)
            self._inputs.append(as_they_are(table, self._places))
        self._tables.append(self._head.table)
        top = self._stacks[-1].level
        for k, stack in enumerate(self._stacks):
            for segment, place in zip(self._segments, self._stack_places[k], strict=True):
                if place.checkpoint is not None:
                    self._work[place.checkpoint] = self._state[self._states[k]][: self._carried[k]]
                self._segment_forward(k, segment, place)
            if not network.architecture.wants_table and stack.level == top:
                backprop.last_states(
                    stack.array, self._state[self._states[k]], len(rows), self._head.features, stack.column
                )
        skipped = self.sequences.values, starts, self.shift, self.scale
        return rows, self._head.forward(self._packed, self._places, skipped, dropout)

    @property
    def steps(self):
        """Places in the sequences' table of the time steps of the minibatch, in the order of its outputs."""
        return steps_of(self._batch_starts, self._batch_lengths)

    @property
    def table(self):
        """h of the top layers at every time step, as the output layer sees it, in the order of the outputs."""
        return self._head.table

    def kept(self, reverse=False):
        """What the cells of the top layer keep of the one sequence that went forward: z and c of its time steps."""
        k = len(self._stacks) - self.network.architecture.n_directions + reverse
        segments = [
            backprop.kept_of_one(self._stacks[k].array, self._work[place.where], segment.last - segment.first)
            for segment, place in zip(self._segments, self._stack_places[k], strict=True)
        ]
        z, c = (np.concatenate(parts) for parts in zip(*segments, strict=True))
        return (z[::-1], c[::-1]) if reverse else (z, c)

    def backward(self, dout):
        """Fill `gradient` from the loss's derivatives by the outputs of the last forward pass.

        Returns the derivatives by the inputs, if they are wanted: an array of shape (total time steps, n_inputs),
        sequence after sequence in the order of the outputs. Where inputs also skip the layers, it is by what the
        layers see of them.
        """
        self.gradient.fill(0)
        dlast, dtable = self._head.backward(dout, self.gradient)
        k = len(self._stacks)
        for level in reversed(self._layout.levels):
            n_rows = self._n_steps if level[0].wants_dx else 0
            dinput = np.zeros((n_rows, level[0].n_inputs), dtype=self.network.dtype)
            for _ in level:
                k -= 1
                self._stack_backward(k, dlast, dtable, dinput)
            dlast, dtable = dlast[:0], dinput
        self._first_inputs.backward(dtable, self.gradient, self._scratch[0])
        return dtable

    def by_values(self, dinput):
        """Derivatives by the values of sequences of one length, (n_sequences, n_timesteps, n_features).

        From those by the inputs, as `backward` returns them. A value that is missing has the derivative 0.
        """
        n_sequences = len(self._batch_lengths)
        dvalues = self._first_inputs.by_values(dinput.reshape(n_sequences, -1, dinput.shape[1]))
        if self.network.architecture.skip_connection:
            n_features = dvalues.shape[2]
            dskipped = self._head.dskipped.reshape(n_sequences, -1, n_features)
            dvalues[:, -dskipped.shape[1] :] += dskipped * self.scale[-n_features:]
        return dvalues

    def _segment_forward(self, k, segment, place):
        stack = self._stacks[k]
        values, starts, shift, scale = self._inputs[stack.level]
        table = self._tables[stack.level]
        (self._forward_of_values if values is self.sequences.values else self._forward_of_table)(
            stack.array, self.network.parameters, self._packed, self._dropout, self._state[self._states[k]],
            self._work[place.where], values, starts, self._batch_lengths, segment.cumulative, segment.first,
            segment.last, shift, scale, table, stack.column, self._first_inputs.gamma, self._places, self._n_threads,
        )  # fmt: skip

    def _stack_backward(self, k, dlast, dtable, dinput):
        stack = self._stacks[k]
        for segment, place in zip(reversed(self._segments), reversed(self._stack_places[k]), strict=True):
            # Of what was computed last, nothing was overwritten.
            if place.checkpoint is not None and not (k == len(self._stacks) - 1 and segment is self._segments[-1]):
                self._state[self._states[k]][: self._carried[k]] = self._work[place.checkpoint]
                self._segment_forward(k, segment, place)
            self._backward(
                stack.array, self.network.parameters, self._packed, self._dropout, self._state[self._states[k]],
                self._work[place.where], self._batch_lengths, segment.cumulative, segment.first, segment.last,
                dlast, dtable, stack.column, self.gradient, dinput, self._first_inputs.gamma, self._places,
                self._scratch, self._n_threads,
            )  # fmt: skip

    def _make_room(self, lengths):
        """Cut a minibatch with these lengths, in falling order, into segments; buffers grow where they must."""
        made_for = lengths.tobytes()
        if made_for == self._made_for:
            return
        self._made_for = None  # these may not fit
        offsets = offsets_of(lengths)
        self._places = offsets[:-1]
        self._n_steps = int(offsets[-1])
        self._segments = self._cut(lengths)
        self._states, self._carried, start = [], [], 0
        for stack in self._stacks:
            carried, size = backprop.state_sizes(stack.array, len(lengths))
            self._states.append(slice(start, start + size))
            self._carried.append(carried)
            start += size
        room = self._place(len(lengths), start)
        self._state = grown(self._state, start)
        self._work = grown(self._work, room)
        self._made_for = made_for

    def _cut(self, lengths):
        longest = int(lengths[0])
        segments = []
        for first in range(0, longest, SEGMENT_STEPS):
            last = min(first + SEGMENT_STEPS, longest)
            n = int(np.searchsorted(-lengths, -first)) if first else len(lengths)
            segments.append(_Segment(first, last, offsets_of(np.minimum(lengths[:n], last) - first)))
        return segments

    def _place(self, n_sequences, state_size):
        """Give what is kept its places, and the early segments of each stack the same one if memory is short.

        Returns the room that they take.
        """
        self._stack_places = [
            [
                _Place(backprop.segment_size(stack.array, int(s.cumulative[-1]), len(s.cumulative) - 1))
                for s in self._segments
            ]
            for stack in self._stacks
        ]
        fixed = self._fixed_size(n_sequences, state_size)
        shared = max(place.size for places in self._stack_places for place in places)
        room = sum(place.size for places in self._stack_places for place in places)
        least = np.inf
        for n_shared in range(len(self._segments) + 1):
            if n_shared:
                room += shared if n_shared == 1 else 0
                room += sum(self._carried) - sum(places[n_shared - 1].size for places in self._stack_places)
            least = min(least, (fixed + room) * self.network.dtype.itemsize / 1e6)
            if self.max_memory is None or least <= self.max_memory:
                break
        else:
            raise ValueError(
                f"max_memory={self.max_memory} MB is too little to train on {n_sequences} sequences of up to "
                f"{self._segments[-1].last} time steps at a time: raise it to {np.ceil(least):.0f}, or lower "
                "batch_size."
            )
        start = shared if n_shared else 0
        for places, carried in zip(self._stack_places, self._carried, strict=True):
            for k, place in enumerate(places):
                place.where = slice(0, place.size) if k < n_shared else slice(start, start + place.size)
                if k < n_shared:
                    place.checkpoint = slice(start, start + carried)
                start += carried if k < n_shared else place.size
        return start

    def _fixed_size(self, n_sequences, state_size):
        """Numbers to work on beside the segments."""
        # Of larger minibatches before, the state is still there.
        size = self._packed.size + max(state_size, self._state.size) + self._scratch.size + self.gradient.size
        size += self._head.size(n_sequences, self._n_steps, self.network.dtype.itemsize)
        # The tables between the levels, and their derivatives of one level at a time and of the one above it.
        widths = [level[0].n_inputs for level in self._layout.levels[1 - self._first_inputs.wants_dx :]]
        return size + self._n_steps * (sum(widths) + sum(sorted(widths)[-2:]) + self._first_inputs.n_kept)
