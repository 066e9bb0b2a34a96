"""Windows of long sequences, for forecasting."""

from datetime import timedelta
from numbers import Integral, Real

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.utils._param_validation import validate_params

from ..real_numbers import WHOLE, Interval
from ..sequences import Sequences, as_duration, rounding, time_gaps
from ..validation import as_sequences


@validate_params(
    {
        "X": "no_validation",
        "window": [Interval(Integral, 1, None, closed="left")],
        "horizon": [Interval(Integral, 1, None, closed="left")],
        "step": [Interval(Integral, 1, None, closed="left")],
        "gap": [Interval(Integral, 0, None, closed="left")],
        "target": [WHOLE, str],
        "max_gap": [np.timedelta64, timedelta, Interval(Real, 0, None, closed="left"), None],
    },
    prefer_skip_nested_validation=True,
)
def sliding_windows(X, *, window, horizon=1, step=1, gap=0, target=0, max_gap=None):
    """Windows of long sequences and what comes after each, for forecasting.

    No window, and no way from a window to its targets, crosses from one sequence to the next or, with `max_gap`, over a
    gap in time.

    Parameters
    ----------
    X : array, data frame, list or Sequences
        Long sequences in any form that :func:`~sklstm.as_sequences` accepts, for example one a patient.

    window : int
        Time steps of a window.

    horizon : int, default=1
        Time steps to forecast.

    step : int, default=1
        Time steps from the start of one window to that of the next.

    gap : int, default=0
        Time steps between a window's end and the first that is forecast.

    target : int or str, default=0
        The feature to forecast: its number, or its name if the features of `X` have names.

    max_gap : float or timedelta, default=None
        The longest time between two steps that still counts as no gap, in the units of the sequences' times; hours, if
        they are datetimes and this is a number. None means that there are no gaps.

    Returns
    -------
    X : ndarray of shape (n_windows, window, n_features), or Sequences if `X` is
        The windows, in the order of the sequences. `Sequences` keep names and times.

    y : ndarray of shape (n_windows, horizon), or (n_windows,) if `horizon` is 1
        The target feature at the `horizon` steps that follow each window after `gap`.

    groups : ndarray of shape (n_windows,)
        The sequence that each window is from. Pass it to group-wise cross-validation and to ``fit(groups=...)``:
        windows overlap, and a random split would put almost the same window on both sides.

    Raises
    ------
    ValueError
        If no window fits, if there is no such target, if there is `max_gap` without times, or if windows of an array or
        a list end with a time step that is missing in every feature, which an array could not tell from padding.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm.preprocessing import sliding_windows
    >>> X, y, groups = sliding_windows([np.arange(6), np.arange(10, 15)], window=3, horizon=2)
    >>> X[:, :, 0]
    array([[ 0.,  1.,  2.],
           [ 1.,  2.,  3.],
           [10., 11., 12.]])
    >>> y
    array([[ 3.,  4.],
           [ 4.,  5.],
           [13., 14.]])
    >>> groups
    array([0, 0, 1])
    """
    sequences = as_sequences(X)
    values = sequences.values
    if max_gap is not None and sequences.times is None:
        raise ValueError("max_gap needs times: pass as_sequences(X, times=...).")
    try:
        (target,) = sequences.feature_indices(target)
    except KeyError as error:
        raise ValueError(f"target={target!r} is not a feature: {error.args[0]}") from error
    lengths = sequences.lengths
    span = window + gap + horizon
    breaks = np.zeros(len(values), dtype=bool)  # whether a step does not follow the one before it
    breaks[sequences.offsets[:-1]] = True
    if max_gap is not None:
        breaks |= time_gaps(sequences) > as_duration(max_gap, "max_gap", sequences) + rounding(sequences)
    run_starts = np.flatnonzero(breaks)
    run_of_step = np.cumsum(breaks) - 1
    position = np.arange(len(values)) - run_starts[run_of_step]
    run_ends = np.append(run_starts[1:], len(values))
    starts = np.flatnonzero((position % step == 0) & (np.arange(len(values)) + span <= run_ends[run_of_step]))
    if len(starts) == 0:
        raise ValueError(
            f"No window fits: window, gap and horizon take {span} time steps, but the longest stretch of X without a "
            f"gap has {int((run_ends - run_starts).max())}."
        )
    y = sliding_window_view(values[:, target], horizon)[starts + window + gap]
    groups = np.repeat(np.arange(len(lengths)), lengths)[starts]
    return _windows(X, sequences, starts, window), y.ravel() if horizon == 1 else y, groups


def _windows(X, sequences, starts, window):
    rows = starts[:, np.newaxis] + np.arange(window)
    values = sequences.values[rows]
    if isinstance(X, Sequences):
        times, offsets = sequences.times, np.arange(len(starts) + 1) * window
        return Sequences(
            values.reshape(-1, sequences.n_features),
            offsets,
            feature_names=sequences.feature_names,
            times=None if times is None else times[rows].ravel(),
        )
    lost = np.isnan(values[:, -1]).all(axis=1)
    if lost.any():
        raise ValueError(
            f"Window {np.argmax(lost)} ends with a time step that is missing in every feature, and as an array that is "
            "padding: pass as_sequences(X), for windows that are Sequences."
        )
    return values
