"""What the output layer sees of the top layers: their last state, every time step, or time steps pooled into one."""

import numpy as np

from ._core import head as core
from ._core import kernels
from .layout import aligned


class Head:
    """The way from the top layers' h to the outputs, and back, over minibatches in memory that is kept between them.

    Parameters
    ----------
    network : Network
    max_threads : int
    """

    def __init__(self, network, max_threads):
        self.network, self._max_threads = network, max_threads
        self._layout, self._architecture = network.layout.head, network.architecture
        self._buffers = {}
        self._scratch = None

    def begin(self, lengths, n_steps):
        """Make room for sequences with these lengths. Sets

        - `features` (n_rows, n_seen), a row a sequence, or a time step if there is an output at each;
        - `table` (n_steps, .), which the top layers are to write h to, without rows if they are not.
        """
        architecture = self._architecture
        self.lengths = lengths
        n_rows = n_steps if architecture.return_sequences else len(lengths)
        self.features = self._room("features", n_rows, architecture.n_seen)
        if architecture.return_sequences:
            self.table = self.features
        elif architecture.wants_table:
            self.table = self._room("table", n_steps, architecture.n_top)
        else:
            self.table = self.features[:0]

    def size(self, n_sequences, n_steps, itemsize):
        """Numbers that training on so many sequences and time steps needs."""
        architecture = self._architecture
        n_rows = n_steps if architecture.return_sequences else n_sequences
        size = kernels.SCRATCH + 2 * n_rows * architecture.n_seen
        # Outputs, their derivatives, and in double precision as many targets, weights and places of steps.
        size += n_rows * (2 * architecture.n_outputs + (architecture.n_outputs + 3) * 8 // itemsize)
        if architecture.wants_table and not architecture.return_sequences:
            size += 2 * n_steps * architecture.n_top
        if architecture.pooling == "attention":
            size += n_steps * (architecture.n_top + 1)
        return size

    def forward(self, packed, places, skipped, dropout=None):
        """Outputs (n_rows, n_outputs), once the layers have written to `table`, or their last h to `features`.

        Parameters
        ----------
        packed : ndarray
            The packed weights.
        places : ndarray of int64 of shape (n_sequences,)
            Where each sequence begins in the table.
        skipped : tuple of (values, starts, shift, scale)
            The inputs, for those that skip the layers.
        dropout : dict or None
            What to drop, in training.
        """
        architecture, parameters = self._architecture, self.network.parameters
        features, table, lengths = self.features, self.table, self.lengths
        self._packed, self._places, self._dropout = packed, places, dropout
        self._n_threads = min(self._max_threads, len(lengths))
        if architecture.return_sequences or architecture.pooling == "last":
            pass
        elif architecture.pooling == "mean":
            core.mean_forward(table, places, lengths, features, self._n_threads)
        elif architecture.pooling == "max":
            self._which = np.empty((len(lengths), architecture.n_top), dtype=np.int64)
            core.max_forward(table, places, lengths, features, self._which, self._n_threads)
        else:
            self._projected = self._room("projected", len(table), architecture.n_top)
            self.weights = np.empty(len(table), dtype=table.dtype)
            core.attention_forward(
                self._layout, parameters, packed, table, places, lengths, self._projected, self.weights, features,
                self._n_threads,
            )  # fmt: skip
        if dropout is not None and dropout["between"]:
            core.drop_features(dropout, features, architecture.n_top)
        if architecture.skip_connection:
            values, starts, shift, scale = skipped
            shift, scale = shift[-architecture.n_features :], scale[-architecture.n_features :]
            core.skip_inputs(
                values, starts, lengths, shift, scale, features, architecture.n_top, architecture.return_sequences
            )
        out = np.empty((len(features), architecture.n_outputs), dtype=parameters.dtype)
        core.output_forward(self._layout, parameters, packed, features, out, self._n_threads)
        return out

    def backward(self, dout, gradient):
        """Add to the gradient; returns the derivatives by the last h and by the table, one of them without rows.

        Those by the inputs that skip the layers, a row of outputs each, are left in `dskipped`.
        """
        architecture, places, lengths = self._architecture, self._places, self.lengths
        if self._scratch is None:
            self._scratch = aligned(kernels.SCRATCH, gradient.dtype).reshape(1, -1)
        dfeatures = self._room("dfeatures", *self.features.shape)
        core.output_backward(
            self._layout, self._packed, self.features, dout, dfeatures, gradient, self._scratch, self._n_threads
        )
        if self._dropout is not None and self._dropout["between"]:
            core.drop_features(self._dropout, dfeatures, architecture.n_top)
        self.dskipped = dfeatures[:, architecture.n_top :]
        nothing = dfeatures[:0]
        if architecture.return_sequences:
            return nothing, dfeatures
        if architecture.pooling == "last":
            return dfeatures, nothing
        dtable = self._room("dtable", *self.table.shape)
        if architecture.pooling == "mean":
            core.mean_backward(dtable, places, lengths, dfeatures, self._n_threads)
        elif architecture.pooling == "max":
            core.max_backward(dtable, places, lengths, dfeatures, self._which, self._n_threads)
        else:
            core.attention_backward(
                self._layout, self.network.parameters, self._packed, self.table, places, lengths, self._projected,
                self.weights, dfeatures, dtable, gradient, self._scratch, self._n_threads,
            )  # fmt: skip
        return nothing, dtable

    def _room(self, name, n_rows, n_columns):
        """A table in a buffer of this name, which grows where it must."""
        size = n_rows * n_columns
        if name not in self._buffers or len(self._buffers[name]) < size:
            self._buffers[name] = aligned(size, self.network.parameters.dtype)
        return self._buffers[name][:size].reshape(n_rows, n_columns)
