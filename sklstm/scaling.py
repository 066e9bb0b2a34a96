"""The scales of inputs and targets, and errors where there are none."""

from contextlib import contextmanager

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
    """The scale that brings the mean time since each feature was observed to 1."""
    mean = _scaler("X, in the times since they were observed,", elapsed, data, rows).mean_
    return 1 / np.where(mean > 0, mean, 1)


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
    sequences, weights = data.sequences, data.sequence_weights()
    weights = weights / weights.max()
    # In double precision, since beside single values scikit-learn rounds the weights.
    return fit_scaler(
        name,
        (
            (
                values_of(sequences[part]).astype(np.float64, copy=False),
                np.repeat(weights[part], sequences.lengths[part]),
            )
            for part in _parts(data, rows)
        ),
    )


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
    """Raise a ValueError for a column whose values differ, but by less than can be scaled."""
    with np.errstate(all="ignore"):  # where nothing was seen, there is no lowest value
        spread = highest - lowest
    too_close = (spread > 0) & (spread < least)
    if too_close.any():
        raise ValueError(
            f"Column {np.argmax(too_close)} of {name} has values that all lie within {spread[too_close][0]:.1e}, which "
            "is too little to scale them by. Rescale it: multiply it by a large number."
        )


@contextmanager
def no_overflow(values, what):
    """Have an overflow of what is computed of the values (n, n_features) raise a ValueError that names their column."""
    try:
        with np.errstate(over="raise"):
            yield
    except FloatingPointError as error:
        column = np.argmax(np.abs(values).max(axis=0, where=~np.isnan(values), initial=0))
        raise ValueError(f"Column {column} of X has values so large that {what} overflows. Rescale it.") from error


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
