"""One number of many time steps: of a sequence, or of what falls into one interval of a grid of times.

All take values (total_steps, n_features), the rows where each part begins, none of them empty, and the time of each
row. They give an array (n_parts, n_features), NaN where nothing was seen, but for the count.
"""

import numpy as np

from ..scaling import reject_overflow


def _count(values, starts, clock):
    return np.add.reduceat(~np.isnan(values), starts, axis=0, dtype=np.float64)


def _total(values, starts, clock):
    return np.add.reduceat(np.where(np.isnan(values), 0, values), starts, axis=0, dtype=np.float64)


def _sum(values, starts, clock):
    return np.where(_count(values, starts, clock) > 0, _total(values, starts, clock), np.nan)


def _mean(values, starts, clock):
    return _total(values, starts, clock) / _count(values, starts, clock)


def _deviations(values, starts, clock):
    """From the mean of each part."""
    return values - np.repeat(_mean(values, starts, clock), np.diff(starts, append=len(values)), axis=0)


def _std(values, starts, clock):
    return np.sqrt(_mean(_deviations(values, starts, clock) ** 2, starts, clock))


def _min(values, starts, clock):
    return np.fmin.reduceat(values, starts, axis=0)


def _max(values, starts, clock):
    return np.fmax.reduceat(values, starts, axis=0)


def _first(values, starts, clock):
    rows = np.where(np.isnan(values), len(values), np.arange(len(values))[:, np.newaxis])
    rows = np.minimum.reduceat(rows, starts, axis=0)
    # A part in which nothing was seen has NaN in every row, the first one too.
    return np.take_along_axis(values, np.where(rows < len(values), rows, starts[:, np.newaxis]), axis=0)


def _last(values, starts, clock):
    rows = np.where(np.isnan(values), -1, np.arange(len(values))[:, np.newaxis])
    rows = np.maximum.reduceat(rows, starts, axis=0)
    return np.take_along_axis(values, np.where(rows >= 0, rows, starts[:, np.newaxis]), axis=0)


def _slope(values, starts, clock):
    """Of the least-squares line over time; NaN where less than two times were seen."""
    times = np.where(np.isnan(values), np.nan, clock[:, np.newaxis])
    moves = _min(times, starts, clock) < _max(times, starts, clock)
    times = _deviations(times, starts, clock)
    longest = _max(np.abs(times), starts, clock)  # by which the squares become neither 0 nor infinite
    times = times / np.repeat(longest, np.diff(starts, append=len(values)), axis=0)
    slope = _total(times * _deviations(values, starts, clock), starts, clock) / _total(times**2, starts, clock)
    return np.where(moves, slope / longest, np.nan)


STATISTICS = {
    "count": _count,
    "sum": _sum,
    "mean": _mean,
    "std": _std,
    "min": _min,
    "max": _max,
    "first": _first,
    "last": _last,
    "slope": _slope,
}


def check_choice(parameter, names, known):
    """Raise a ValueError unless names are some of those known, each once."""
    names = list(names)
    wrong = [name for name in names if not isinstance(name, str) or name not in known or names.count(name) > 1]
    if wrong or not names:
        raise ValueError(
            f"{parameter} must be some of {', '.join(known)}, each once, got {wrong[0] if wrong else 'none'!r}."
        )


def statistic(name, values, starts, clock, columns=None):
    """The statistic of this name of each part; `columns` are the numbers of those of X that the values are of."""
    with np.errstate(all="ignore"):  # of nothing, it is NaN
        result = STATISTICS[name](values, starts, clock)
        if not np.isfinite(result).all():
            expected = ~np.isnan(STATISTICS[name](0 * values, starts, clock))
            reject_overflow(result, expected, f"their {name}", columns)
    return result
