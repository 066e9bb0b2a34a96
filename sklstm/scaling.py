"""The scales of inputs and targets, and errors where there are none."""

import numpy as np
from sklearn.preprocessing import StandardScaler

from .inputs import elapsed
from .sequences import differences

# Values whose mean and variance are taken at a time: bounds the memory that it takes, whatever the sequences lie in.
SCALED_AT_A_TIME = 1 << 20

# Deviations below the first are lost when they are squared; those below so many roundings of the mean are not told from
# rounding errors. scikit-learn's own limit for the second grows with the number of time steps, without end.
LEAST_SPREAD, ROUNDING = 1e-140, 64 * np.finfo(np.float64).eps

NOTHING_SEEN = {"mean_": 0.0, "var_": 0.0, "scale_": 1.0}


def scaling_of(values_of, data, rows):
    """Shift and scale of `values_of` sequences over all time steps of the training rows."""
    scaler = _scaler("X", values_of, data, rows)
    return scaler.mean_.astype(np.float64), 1 / scaler.scale_.astype(np.float64)


def scale_of_elapsed(data, rows):
    """The scale that brings the mean time since each feature was observed to 1, whatever the unit of the times."""
    total = (data.sequence_weights()[rows] * data.sequences.lengths[rows]).sum()
    mean = sum(
        (values * (weights / total)[:, np.newaxis]).sum(axis=0) for values, weights in _weighted(elapsed, data, rows)
    )
    return 1 / np.where(mean > 0, np.maximum(mean, np.finfo(np.float64).tiny), 1)


def least_change(shift):
    """Deviations of changes up to this are rounding errors, those of the two values that each is a difference of."""
    return 2 * ROUNDING * np.abs(shift)


def ever_changes(data, rows):
    """Which features change within a sequence of the training rows."""
    parts = (differences(data.sequences[part]) for part in _parts(data, rows))
    return np.any([(changes != 0).any(axis=0) for changes in parts], axis=0)


def never_observed(data, rows):
    """Which features have no value in the training rows."""
    parts = (data.sequences[part].values for part in _parts(data, rows))
    return np.all([np.isnan(values).all(axis=0) for values in parts], axis=0)


def unseen_tokens(data, rows, n_tokens):
    """Which of the tokens below `n_tokens` are in none of the training rows."""
    seen = np.zeros(n_tokens, dtype=bool)
    for part in _parts(data, rows):
        seen[data.sequences[part].values.astype(np.int64)] = True
    return np.flatnonzero(~seen)


def _parts(data, rows):
    """The training rows, some at a time: whole sequences, of so many values or one sequence more."""
    ends = np.cumsum(data.sequences.lengths[rows]) * data.sequences.n_features
    return np.split(rows, 1 + np.flatnonzero(np.diff((ends - 1) // SCALED_AT_A_TIME)))


def _scaler(name, values_of, data, rows):
    heaviest = data.sequence_weights().max()
    return fit_scaler(name, ((values, weights / heaviest) for values, weights in _weighted(values_of, data, rows)))


def _weighted(values_of, data, rows):
    """`values_of` sequences and the weight of each time step, some of the training rows at a time."""
    sequences, weights = data.sequences, data.sequence_weights()
    for part in _parts(data, rows):
        # In double precision, since beside single values scikit-learn rounds the weights.
        values = values_of(sequences[part]).astype(np.float64, copy=False)
        yield values, np.repeat(weights[part], sequences.lengths[part])


def fit_scaler(name, parts):
    """A `StandardScaler` of `parts`, pairs of values and weights; errors call the values by `name`.

    NaN are left out; what is NaN throughout has mean 0 and scale 1. What never varies has itself for a mean, to the
    bit, and scale 1.
    """
    scaler, lowest, highest = StandardScaler(), np.inf, -np.inf
    with np.errstate(all="ignore"):
        for values, weights in parts:
            before = {key: getattr(scaler, key, first) for key, first in NOTHING_SEEN.items()}
            scaler.partial_fit(values, sample_weight=weights)
            seen = (weights > 0)[:, np.newaxis] & ~np.isnan(values)
            lowest = np.minimum(lowest, values.min(axis=0, where=seen, initial=np.inf))
            highest = np.maximum(highest, values.max(axis=0, where=seen, initial=-np.inf))
            # What a part has nothing of would become NaN for good.
            unseen = ~seen.any(axis=0)
            for key, learnt in before.items():
                getattr(scaler, key)[unseen] = np.broadcast_to(learnt, unseen.shape)[unseen]
    check_range(scaler, name)
    reject_least_spread(lowest, highest, LEAST_SPREAD, name)
    deviation, constant = np.sqrt(scaler.var_), lowest == highest
    scaler.mean_[constant] = lowest[constant]
    scaler.scale_ = np.where(~constant & (deviation > ROUNDING * np.abs(scaler.mean_)), deviation, 1)
    return scaler


def reject_least_spread(lowest, highest, least, name):
    """Raise a ValueError for a column whose values differ by more than roundings, but by less than can be scaled.

    Returns which columns are constant, or so up to roundings.
    """
    with np.errstate(all="ignore"):  # where nothing was seen, there is no lowest value
        spread = highest - lowest
        constant = spread <= ROUNDING * np.maximum(np.abs(lowest), np.abs(highest))
        too_close = ~constant & (spread < least)
    if too_close.any():
        raise ValueError(
            f"Column {np.argmax(too_close)} of {name} has values whose spread is only {spread[too_close][0]:.1e}, "
            "which is too little to scale them by. Rescale it: multiply it by a large number."
        )
    return constant


def reject_overflow(result, expected, what, columns=None):
    """Raise a ValueError for the first column of a result that overflowed: infinite, or NaN where a number is expected.

    `columns` are the numbers of the columns, where the result is of some of X.
    """
    overflown = (np.isinf(result) | (np.isnan(result) & expected)).any(axis=0)
    if overflown.any():
        column = np.argmax(overflown) if columns is None else columns[np.argmax(overflown)]
        raise ValueError(f"Column {column} of X has values so large that {what} overflows. Rescale it.")


def check_range(scaler, name):
    """Raise a ValueError if values were so large that what a scaler learnt of them is not finite."""
    learnt = [getattr(scaler, each, None) for each in ("mean_", "var_", "center_", "scale_", "data_range_")]
    if hasattr(scaler, "quantiles_"):
        with np.errstate(over="ignore"):
            learnt.append(scaler.quantiles_[-1] - scaler.quantiles_[0])
    for numbers in learnt:
        if numbers is not None and not np.isfinite(numbers).all():
            raise ValueError(
                f"Column {np.argmin(np.isfinite(numbers))} of {name} has values so large that their spread overflows. "
                "Rescale it."
            )
