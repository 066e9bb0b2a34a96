"""Arrays that a user passes to be drawn, checked: errors call them by the arguments' names."""

from contextlib import suppress

import numpy as np

from ..sequences import real_array


def values_of(values, name, most_ndim=1):
    """Real numbers, a row a time step, or None."""
    if values is None:
        return None
    values = real_array(values, name)
    if not 1 <= values.ndim <= most_ndim or not values.size:
        shape = "(n_steps,)" + " or (n_steps, n_intervals)" * (most_ndim == 2)
        raise ValueError(f"{name} must be an array of shape {shape} that is not empty, got the shape {values.shape}.")
    return values


def times_of(times, name):
    """Numbers or datetime64, one a time step."""
    times = np.asarray(times)
    if times.dtype == object:  # as datetimes of Python, and those with a time zone, are
        with suppress(ValueError, TypeError):
            times = times.astype("M8[us]")
    if times.ndim != 1 or times.dtype.kind not in "iufM":
        raise ValueError(
            f"{name} must be a one-dimensional array of numbers or datetime64, got {times.dtype} of shape "
            f"{times.shape}."
        )
    return times


def bounds_of(lower, upper, names):
    """Bounds of shape (n_steps, n_intervals)."""
    if lower.shape != upper.shape:
        raise ValueError(f"lower has the shape {lower.shape}, but upper {upper.shape}.")
    lower, upper = lower.reshape(len(lower), -1), upper.reshape(len(upper), -1)
    if (lower > upper).any():
        step, k = np.argwhere(lower > upper)[0]
        raise ValueError(f"lower is above upper at time step {step}: {lower[step, k]} > {upper[step, k]}.")
    if names is not None and (isinstance(names, str) or len(names) != lower.shape[1]):
        raise ValueError(f"interval_names must list {lower.shape[1]} names, one an interval, got {names!r}.")
    return lower, upper
