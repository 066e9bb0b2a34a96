"""What the first layer reads: values as they are, embeddings of tokens, or values that decay where they are missing.

Each kind is made once for some sequences. Its `forward` takes those of a minibatch, longest first, and returns the
inputs of a stack: the table to read, where each sequence begins in it, shift and scale. If `gamma` has rows, it then
says what is left of the layer's state before each time step. `backward` adds to the gradient what follows from the
derivatives by the inputs, where these are made of parameters (`wants_dx`); `by_values` turns these derivatives into
those by the sequences' values.
"""

import numpy as np

from ._core import decay, embedding
from .layout import PANELS, TYPE_NAMES, aligned, grown
from .sequences import time_gaps


def first_inputs(network, sequences, shift, scale):
    """What the network's first layer reads of sequences: `Values`, `Embeddings` or `DecayingValues`."""
    architecture = network.architecture
    kind = DecayingValues if architecture.missing == "decay" else Embeddings if architecture.embedding_dim else Values
    return kind(network, sequences, shift, scale)


def as_they_are(table, places):
    """Inputs of a stack, from rows of a table that need no scaling: with where sequences begin, shift and scale."""
    return table, places, np.zeros(table.shape[1]), np.ones(table.shape[1])


class Values:
    """Values, standardised while they are read."""

    wants_dx = False
    n_kept = 0  # numbers that are kept of a time step beside the inputs and their derivatives

    def __init__(self, network, sequences, shift, scale):
        self._network, self._values, self._shift, self._scale = network, sequences.values, shift, scale
        self.gamma = np.empty((0, 1), dtype=network.dtype)

    def forward(self, starts, lengths, places, n_threads):
        return self._values, starts, self._shift, self._scale

    def backward(self, dinput, gradient, scratch):
        pass

    def by_values(self, dinput):
        """Derivatives by the values, from those by the inputs, both (n_sequences, n_timesteps, .)."""
        n_features = dinput.shape[2]
        dvalues = dinput * self._scale[-n_features:]
        if self._network.architecture.skip_connection:
            changing = self._scale[:n_features] != 0
            by_change = dinput * self._scale[:n_features]
            # The first step has no change; each other value counts in its own change and against the next.
            by_change[:, 0] = 0
            by_change[:, :-1] -= by_change[:, 1:]
            dvalues[:, :, changing] = by_change[:, :, changing]
        return dvalues


class Embeddings(Values):
    """The embeddings of tokens."""

    wants_dx = True

    def forward(self, starts, lengths, places, n_threads):
        table = np.empty((lengths.sum(), self._network.architecture.n_inputs), dtype=self._network.dtype)
        embedding.embed[TYPE_NAMES[self._values.dtype], TYPE_NAMES[table.dtype]](
            self._values, starts, lengths, self._network.part("embedding.W"), table
        )
        self._starts, self._lengths = starts, lengths
        return as_they_are(table, places)

    def backward(self, dinput, gradient, scratch):
        embedding.embed_backward[TYPE_NAMES[self._values.dtype], TYPE_NAMES[gradient.dtype]](
            self._values, self._starts, self._lengths, dinput, self._network.part("embedding.W", gradient)
        )


class DecayingValues(Values):
    """Values, or what is left of them where they are missing, and which of them are not."""

    wants_dx = True

    def __init__(self, network, sequences, shift, scale):
        super().__init__(network, sequences, shift, scale)
        self._gaps = time_gaps(sequences)
        self._shape = network.parts["layer_0.W_d"][1]
        self.n_kept = sum(self._shape)
        self._memory = aligned(0, network.dtype)

    def forward(self, starts, lengths, places, n_threads):
        (F, H), n_steps, dtype = self._shape, lengths.sum(), self._network.dtype
        self._memory = grown(self._memory, n_steps * (3 * F + H))
        parts = np.split(self._memory[: n_steps * (3 * F + H)], [n_steps * F, n_steps * 3 * F])
        self._delta, self._table, self.gamma = (part.reshape(n_steps, -1) for part in parts)
        decay.forward[TYPE_NAMES[self._values.dtype], TYPE_NAMES[dtype]](
            self._values, self._gaps, starts, lengths, self._shift, self._scale, *self._parts(),
            np.empty(F * (H + PANELS[dtype.name]), dtype=dtype), self._delta, self._table, self.gamma, places,
            n_threads,
        )  # fmt: skip
        return as_they_are(self._table, places)

    def backward(self, dinput, gradient, scratch):
        w, b, _, _ = self._parts()
        decay.backward[TYPE_NAMES[gradient.dtype]](
            self._delta, self._table, dinput, self.gamma, w, b, *self._parts(gradient), scratch
        )

    def by_values(self, dinput):
        n_sequences, n_timesteps, n_inputs = dinput.shape
        n_features = n_inputs // 2
        w, b, _, _ = self._parts()
        observed = self._table.reshape(dinput.shape)[:, :, n_features:] > 0
        left = np.exp(-np.maximum(w * self._delta.reshape(n_sequences, n_timesteps, -1) + b, 0))
        dvalues = dinput[:, :, :n_features] * np.where(observed, 1, left)
        # What stands in for a missing value was the last one before.
        for t in range(n_timesteps - 1, 0, -1):
            dvalues[:, t - 1] += np.where(observed[:, t], 0, dvalues[:, t])
        return np.where(observed, dvalues, 0) * self._scale[n_features:]

    def _parts(self, buffer=None):
        return [self._network.part(name, buffer) for name in ("decay.w", "decay.b", "layer_0.W_d", "layer_0.b_d")]


def elapsed(sequences):
    """The time since each value was last observed, or since the first time step: (total steps, n_features)."""
    delta = np.empty(sequences.values.shape)
    decay.elapsed[TYPE_NAMES[sequences.dtype]](sequences.values, time_gaps(sequences), sequences.offsets, delta)
    return delta
