"""What there is one of a time step: targets, weights and predictions, in the form of the sequences they belong to."""

import numpy as np

from .real_numbers import is_na, real_array, reject_masked
from .sequences import Sequences, place
from .validation import is_list


class StepForm:
    """The form that sequences came in, for what goes with their time steps.

    Inside, that is a table with a row a time step, sequence after sequence. Outside, it is an array of shape
    (n_sequences, n_timesteps, ...) where X is an array or a table, and else a list of arrays (n_timesteps_i, ...).

    Parameters
    ----------
    X : what the user passed
    sequences : Sequences
        What was made of it.
    """

    def __init__(self, X, sequences):
        self._offsets, self._lengths = sequences.offsets, sequences.lengths
        self._width = None if isinstance(X, Sequences) or is_list(X) else np.shape(X)[1]

    def table(self, values, name):
        """A row a time step, from an array (n_sequences, n_timesteps, ...) or a list of (n_timesteps_i, ...).

        Of an array, what belongs to padding is left out.
        """
        if isinstance(values, Sequences):
            values = list(values)
        reject_masked(values, name)
        values = np.asarray(values) if hasattr(values, "shape") else values
        if isinstance(values, np.ndarray) and values.ndim == 0:
            raise ValueError(f"{name} must hold an array of numbers or labels for each sequence of X, got {values!r}.")
        if isinstance(values, np.ndarray) and (values.dtype != object or values.ndim > 1):
            return self._from_array(values, name)
        try:
            arrays = [np.asarray(value) for value in values]
        except ValueError as error:
            raise ValueError(f"{name} must hold an array of numbers or labels for each sequence of X.") from error
        padded = self._width is not None
        for i, value in enumerate(values):
            reject_masked(value, f"{name}[{i}]")
        for i, (array, length) in enumerate(zip(arrays, self._lengths, strict=True)):
            if array.ndim == 0 or not (len(array) == length or (padded and len(array) == self._width)):
                found = "is a single value" if array.ndim == 0 else f"has {len(array)} time steps"
                raise ValueError(
                    f"{name}[{i}] {found}, but sequence {i} of X has {length} time steps: with return_sequences=True "
                    f"{name} needs as many, one a time step."
                )
            if array.shape[1:] != arrays[0].shape[1:]:
                raise ValueError(
                    f"{name}[{i}] has {array.shape[1:]} values a time step, but {name}[0] has {arrays[0].shape[1:]}."
                )
        return np.concatenate([array[:length] for array, length in zip(arrays, self._lengths, strict=True)])

    def _from_array(self, values, name):
        longest = self._lengths.max()
        fits = values.ndim > 1 and (
            values.shape[1] >= longest if self._width is None else values.shape[1] == self._width
        )
        if not fits:
            raise ValueError(
                f"With return_sequences=True, {name} holds a value a time step: an array of shape (n_sequences, "
                f"n_timesteps) or (n_sequences, n_timesteps, n_outputs), or a list of arrays. Its shape {values.shape} "
                f"does not fit sequences of {self._width or longest} time steps."
            )
        return values[np.arange(values.shape[1]) < self._lengths[:, np.newaxis]]

    def weights(self, sample_weight, name):
        """A weight a time step, from weights of the sequences, of time steps, or None."""
        if sample_weight is None:
            return np.ones(self._offsets[-1])
        sample_weight = list(sample_weight) if isinstance(sample_weight, Sequences) else sample_weight
        weights = sample_weight if isinstance(sample_weight, list | tuple) else np.atleast_1d(sample_weight)
        if len(weights) != len(self._lengths):
            raise ValueError(f"{name} has {len(weights)} elements, but X has {len(self._lengths)} sequences.")
        if np.ndim(weights[0]) == 0:
            return np.repeat(real_array(weights, name).astype(np.float64), self._lengths)
        weights = real_array(self.table(weights, name), name).astype(np.float64)
        if weights.ndim > 1:
            raise ValueError(f"{name} must hold one weight a time step, but it holds {weights.shape[1:]} of them.")
        return weights

    def place(self, row):
        """In words, where a row of the table is."""
        return place(self._offsets, row)

    def restore(self, table):
        """The form that X came in; padding becomes NaN, or None where values are not numbers."""
        if self._width is None:
            return np.split(table, self._offsets[1:-1])
        shape = len(self._lengths), self._width, *table.shape[1:]
        if len(table) == shape[0] * shape[1]:
            return table.reshape(shape)
        is_number = table.dtype.kind in "fiub"
        result = np.full(shape, np.nan if is_number else None, dtype=np.float64 if is_number else object)
        result[np.arange(self._width) < self._lengths[:, np.newaxis]] = table
        return result


def missing(targets):
    """Where targets are NaN or None."""
    if targets.dtype == object:
        return np.vectorize(lambda target: target is None or is_na(target) or target != target, otypes=[bool])(targets)
    return np.isnan(targets) if targets.dtype.kind == "f" else np.zeros(targets.shape, dtype=bool)


def reject_ragged(y, expected):
    """Raise a ValueError that says what is expected if targets have different shapes, as those of time steps do."""
    if len({np.asarray(target, dtype=object).shape for target in y}) > 1:
        raise ValueError(
            f"{expected}; it holds targets of different lengths. For one at each time step say return_sequences=True."
        )


def reject(wrong, what, place, advice, name="y"):
    """Raise a ValueError that says where the first of the targets is that are wrong."""
    if wrong.any():
        raise ValueError(f"Input {name} contains {what}, first in {place(np.argwhere(wrong)[0][0])}; {advice}.")
