"""Minibatches through a network and back, in segments of time and within a given memory."""

from dataclasses import dataclass

import numpy as np

from ._core import backprop
from .network import TYPE_NAMES, Plan, aligned, longest_first
from .sequences import offsets_of

# Time steps that go through the core together. What the way back leaves of so many is still in the cache when the
# weights' gradients read it.
SEGMENT_STEPS = 64


@dataclass
class _Segment:
    """Steps first <= t < last of a minibatch, and where the core keeps what the way back needs of them."""

    first: int
    last: int
    cumulative: np.ndarray  # (n + 1,), rows of the n sequences that reach it, summed up
    size: int
    place: slice | None = None
    checkpoint: slice | None = None  # where the state before it is kept, if its place is given to others


class Minibatch:
    """A network's ways forward and back over minibatches of the same sequences, in memory that is kept between them.

    Parameters
    ----------
    network : Network
    sequences : Sequences
    shift, scale : ndarray of shape (n_features,)
        Inputs are standardised as (x - shift) * scale.
    n_threads : int
    max_memory : float or None
        Most megabytes to work in. Where they do not suffice for all time steps, early segments are computed a second
        time on the way back, from the state before each of them (Chen et al. 2016). The results are the same.
    """

    def __init__(self, network, sequences, shift, scale, n_threads, max_memory=None):
        self.network, self.sequences = network, sequences
        self.shift, self.scale = shift, scale
        self.max_threads, self.max_memory = n_threads, max_memory
        self.starts, self.lengths = sequences.offsets[:-1], sequences.lengths
        self._ragged = self.lengths.min() != self.lengths.max()
        self.gradient = aligned(len(network.parameters), network.dtype)
        self._plans = {}
        self._made_for = None  # the lengths of the minibatch before: often the same
        self._scratch = aligned(n_threads * backprop.SCRATCH, network.dtype).reshape(n_threads, -1)
        self._packed = self._state = self._work = aligned(0, network.dtype)
        self._forward = backprop.forward[TYPE_NAMES[network.dtype], TYPE_NAMES[sequences.dtype]]
        self._backward = backprop.backward[TYPE_NAMES[network.dtype]]

    def reserve(self, rows, n_sequences):
        """Make room for any minibatch of so many of these sequences."""
        self._make_room(-np.sort(-self.lengths[rows])[:n_sequences])

    def forward(self, rows):
        """Order in which the rows are computed, longest first, and their outputs (n_rows, n_outputs) in that order."""
        self._batch_lengths, self._batch_starts = self.lengths[rows], self.starts[rows]
        order = np.arange(len(rows))
        if self._ragged:
            order, self._batch_lengths, self._batch_starts = longest_first(self._batch_starts, self._batch_lengths)
        self._rows_order = order
        self._make_room(self._batch_lengths)
        self._out = np.empty((len(rows), self.network.n_outputs), dtype=self.network.dtype)
        # A thread without a block would only be waited for.
        self._n_threads = min(self.max_threads, -(-len(rows) // backprop.ROWS))
        self.network.pack(self._plan, way_back=True, n_threads=self._n_threads, packed=self._packed)
        for segment in self._segments:
            if segment.checkpoint is not None:
                self._work[segment.checkpoint] = self._state[: self._plan.carried_size]
            self._segment_forward(segment)
        return rows[order], self._out

    def backward(self, dout, input_gradient=False):
        """Fill `gradient` from the loss's derivatives by the outputs of the last forward pass.

        With `input_gradient`, also returns the derivatives by the standardised inputs, as an array of shape (total
        time steps, n_features): sequence after sequence in the order that `forward` was given.
        """
        parts = []
        for segment in reversed(self._segments):
            if segment.checkpoint is not None and segment is not self._segments[-1]:
                self._state[: self._plan.carried_size] = self._work[segment.checkpoint]
                self._segment_forward(segment)
            dx = np.empty(
                (int(segment.cumulative[-1]) if input_gradient else 0, self.network.n_features), self._out.dtype
            )
            self._backward(
                self._plan.array, self.network.parameters, self._packed, self._state,
                self._work[segment.place], self._batch_lengths, segment.cumulative, segment.first, segment.last, dout,
                self.gradient, dx, self._scratch, self._n_threads,
            )  # fmt: skip
            parts.append(dx)
        return self._unpack(parts[::-1]) if input_gradient else None

    def _segment_forward(self, segment):
        self._forward(
            self._plan.array, self.network.parameters, self._packed, self._state,
            self._work[segment.place], self.sequences.values, self._batch_starts, self._batch_lengths,
            segment.cumulative, segment.first, segment.last, self.shift, self.scale, self._out, self._n_threads,
        )  # fmt: skip

    def _make_room(self, lengths):
        """Cut a minibatch with these lengths, in falling order, into segments; buffers grow where they must."""
        made_for = lengths.tobytes()
        if made_for == self._made_for:
            return
        if len(lengths) not in self._plans:
            self._plans[len(lengths)] = Plan(self.network, len(lengths))
        plan = self._plans[len(lengths)]
        segments = self._cut(plan, lengths)
        room = self._place(plan, segments)
        self._packed = _grown(self._packed, plan.packed_size)
        self._state = _grown(self._state, plan.state_size)
        self._work = _grown(self._work, room)
        self._plan, self._segments, self._made_for = plan, segments, made_for

    def _cut(self, plan, lengths):
        longest = int(lengths[0])
        segments = []
        for first in range(0, longest, SEGMENT_STEPS):
            last = min(first + SEGMENT_STEPS, longest)
            n = int(np.searchsorted(-lengths, -first)) if first else len(lengths)
            cumulative = offsets_of(np.minimum(lengths[:n], last) - first)
            size = backprop.segment_size(plan.array, int(cumulative[-1]), n)
            segments.append(_Segment(first, last, cumulative, size))
        return segments

    def _place(self, plan, segments):
        """Give every segment its place, and the early ones the same if memory is short. Returns the room they take."""
        shared = max(segment.size for segment in segments)
        room = sum(segment.size for segment in segments)
        least = np.inf
        for n_shared in range(len(segments) + 1):
            if n_shared:
                room += (shared if n_shared == 1 else 0) + plan.carried_size - segments[n_shared - 1].size
            least = min(least, self._megabytes(plan, room))
            if self.max_memory is None or least <= self.max_memory:
                break
        else:
            raise ValueError(
                f"max_memory={self.max_memory} MB is too little to train on {plan.n_sequences} sequences of up "
                f"to {segments[-1].last} time steps at a time: raise it to {np.ceil(least):.0f}, or lower batch_size."
            )
        start = shared if n_shared else 0
        for k, segment in enumerate(segments):
            if k < n_shared:
                segment.place = slice(0, segment.size)
                segment.checkpoint = slice(start, start + plan.carried_size)
                start = segment.checkpoint.stop
            else:
                segment.place = slice(start, start + segment.size)
                start = segment.place.stop
        return room

    def _megabytes(self, plan, size):
        # Of larger minibatches before, the state is still there.
        size += plan.packed_size + max(plan.state_size, self._state.size)
        size += self._scratch.size + self.gradient.size
        return size * self.network.dtype.itemsize / 1e6

    def _unpack(self, parts):
        """Rows packed by segment, block and time step, into the order of the sequences that `forward` was given."""
        rank = np.empty_like(self._rows_order)
        rank[self._rows_order] = np.arange(len(rank))
        offsets = offsets_of(self._batch_lengths[rank])[:-1][self._rows_order]  # of each sequence, longest first
        result = np.empty((int(self._batch_lengths.sum()), self.network.n_features), dtype=self.network.dtype)
        for segment, packed in zip(self._segments, parts, strict=True):
            counts = np.diff(segment.cumulative)
            sequence = np.repeat(np.arange(len(counts)), counts)
            step = np.arange(len(packed)) - np.repeat(segment.cumulative[:-1], counts) + segment.first
            order = np.lexsort((sequence, step, sequence // backprop.ROWS))
            result[(offsets[sequence] + step)[order]] = packed
        return result


def _grown(buffer, size):
    return buffer if len(buffer) >= size else aligned(size, buffer.dtype)
