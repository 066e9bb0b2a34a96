"""Sliding windows: which steps they take, and what they never cross."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from sklstm import LSTMRegressor, Sequences, as_sequences
from sklstm.preprocessing import sliding_windows

TWO = [np.arange(6), np.arange(10, 15)]


def cut(X, times=None, **parameters):
    """Windows as an array, of sequences with times if there are any."""
    X, y, groups = sliding_windows(X if times is None else as_sequences(X, times=times), **parameters)
    return X if isinstance(X, np.ndarray) else X.to_array(), y, groups


def windows_of(X, **parameters):
    """First value of each window's first feature, as a list, and y and groups."""
    windows, y, groups = cut(X, **parameters)
    assert windows.shape == (len(y), parameters["window"], as_sequences(X).n_features)
    assert len(groups) == len(y)
    return windows[:, 0, 0].tolist(), y.tolist(), groups.tolist()


def test_values_of_all_windows():
    windows, y, groups = cut(TWO, window=3, horizon=2)
    assert_array_equal(windows[:, :, 0], [[0, 1, 2], [1, 2, 3], [10, 11, 12]])
    assert_array_equal(y, [[3, 4], [4, 5], [13, 14]])
    assert_array_equal(groups, [0, 0, 1])
    assert windows.flags.c_contiguous


@pytest.mark.parametrize(
    ("parameters", "starts", "y", "groups"),
    [
        ({"window": 4}, [0, 1, 10], [4, 5, 14], [0, 0, 1]),
        ({"window": 1}, [0, 1, 2, 3, 4, 10, 11, 12, 13], [1, 2, 3, 4, 5, 11, 12, 13, 14], [0] * 5 + [1] * 4),
        ({"window": 2, "step": 2}, [0, 2, 10, 12], [2, 4, 12, 14], [0, 0, 1, 1]),
        ({"window": 2, "step": 3}, [0, 3, 10], [2, 5, 12], [0, 0, 1]),
        ({"window": 2, "step": 100}, [0, 10], [2, 12], [0, 1]),
        ({"window": 2, "gap": 1}, [0, 1, 2, 10, 11], [3, 4, 5, 13, 14], [0, 0, 0, 1, 1]),
        ({"window": 2, "gap": 3}, [0], [5], [0]),
        ({"window": 2, "horizon": 2, "gap": 1}, [0, 1, 10], [[3, 4], [4, 5], [13, 14]], [0, 0, 1]),
        ({"window": 3, "horizon": 3}, [0], [[3, 4, 5]], [0]),
        ({"window": 2, "horizon": 2, "step": 2, "gap": 1}, [0, 10], [[3, 4], [13, 14]], [0, 1]),
    ],
)
def test_step_gap_and_horizon(parameters, starts, y, groups):
    assert windows_of(TWO, **parameters) == (starts, y, groups)


@pytest.mark.parametrize("target", [0, 1, -1, np.int64(1)])
def test_target_is_one_of_the_features(target):
    X = np.arange(24.0).reshape(2, 4, 3)
    windows, y, groups = cut(X, window=2, horizon=2, target=target)
    assert_array_equal(windows, X[:, :2])
    assert_array_equal(y, X[:, 2:, target])
    assert_array_equal(groups, [0, 1])


FORMS = {
    "list": lambda X: list(X[:, :, np.newaxis]),
    "one-dimensional": list,
    "table": lambda X: X,
    "data frame": pd.DataFrame,
    "three dimensions": lambda X: X[:, :, np.newaxis],
    "Sequences": as_sequences,
    "slice of a Sequences": lambda X: as_sequences([[7.0, 7.0], *X, [8.0]])[1:-1],
}


@pytest.mark.parametrize("form", FORMS)
def test_any_form_of_sequences(form):
    X = np.arange(15.0).reshape(3, 5)
    assert windows_of(FORMS[form](X), window=3, gap=1) == ([0, 5, 10], [4, 9, 14], [0, 1, 2])


def test_types_are_kept():
    windows, y, _ = cut(np.zeros((2, 4), dtype=np.float32), window=2)
    assert windows.dtype == y.dtype == np.float32


def test_padding_is_no_time_step():
    X = np.arange(10.0).reshape(2, 5, 1)
    X[0, 3:] = np.nan
    assert windows_of(X, window=2) == ([0, 5, 6, 7], [2, 7, 8, 9], [0, 1, 1, 1])


# ---------------------------------------------------------------------------------------------- gaps in time

GAP_TIMES = [np.array([0, 1, 2, 10, 11, 12]), np.arange(5)]
HOURS = [np.datetime64("2024-01-31T22", "h") + time for time in GAP_TIMES]


@pytest.mark.parametrize(
    ("times", "max_gap"),
    [
        (GAP_TIMES, 1),
        (GAP_TIMES, 7.5),
        ([time.astype(float) for time in GAP_TIMES], 1.0),
        ([time.tolist() for time in GAP_TIMES], 1),
        ([time.astype(np.uint8) for time in GAP_TIMES], 1),
        (HOURS, np.timedelta64(1, "h")),
        (HOURS, np.timedelta64(90, "m")),
        (HOURS, pd.Timedelta("1h")),
        ([time.astype("M8[ns]") for time in HOURS], np.timedelta64(1, "h")),
        ([pd.DatetimeIndex(time) for time in HOURS], np.timedelta64(1, "h")),
        ([pd.Series(time) for time in HOURS], np.timedelta64(1, "h")),
    ],
    ids="int wide float list unsigned hours minutes Timedelta ns DatetimeIndex Series".split(),
)
def test_no_window_spans_a_gap_in_time(times, max_gap):
    starts, y, groups = windows_of(TWO, window=2, times=times, max_gap=max_gap)
    assert starts == [0, 3, 10, 11, 12]
    assert y == [2, 5, 12, 13, 14]
    assert groups == [0, 0, 1, 1, 1]


def test_a_gap_as_long_as_max_gap_is_none():
    assert windows_of(TWO, window=5, times=GAP_TIMES, max_gap=8) == windows_of(TWO, window=5)
    with pytest.raises(ValueError, match="No window fits"):
        windows_of(TWO, window=5, times=GAP_TIMES, max_gap=7)


def test_no_way_to_the_target_spans_a_gap():
    # Step 3 comes late: neither between the window and its target, nor within the horizon.
    assert windows_of(TWO, window=1, gap=1, times=GAP_TIMES, max_gap=1)[0] == [0, 3, 10, 11, 12]
    assert windows_of(TWO, window=1, horizon=2, times=GAP_TIMES, max_gap=1)[0] == [0, 3, 10, 11, 12]


def test_steps_begin_anew_after_a_gap():
    X, times = [np.arange(12)], [np.r_[0:5, 10:17]]
    assert windows_of(X, window=2, step=2, times=times, max_gap=1)[0] == [0, 2, 5, 7, 9]


def test_equal_times_are_no_gap():
    assert windows_of([[1, 2, 3]], window=2, times=[[0, 0, 0]], max_gap=0)[0] == [1]


# ---------------------------------------------------------------------------------------------- a property


@pytest.mark.parametrize("seed", range(10))
def test_every_window_is_a_stretch_of_its_own_sequence(seed):
    rng = np.random.default_rng(seed)
    n_features = rng.integers(1, 4)
    lengths = rng.integers(1, 30, size=8)
    lengths[0] = 30
    values = rng.permutation(lengths.sum() * n_features).reshape(-1, n_features).astype(float)  # all different
    X = np.split(values, np.cumsum(lengths)[:-1])
    times = [np.cumsum(rng.choice([1, 2, 3], p=[0.5, 0.4, 0.1], size=length)) for length in lengths]
    window, horizon, step, gap = (int(rng.integers(low, 4)) for low in (1, 1, 1, 0))
    target, max_gap = int(rng.integers(n_features)), int(rng.integers(2, 4))
    windows, y, groups = cut(
        X, window=window, horizon=horizon, step=step, gap=gap, target=target, times=times, max_gap=max_gap
    )
    assert y.shape == ((len(windows),) if horizon == 1 else (len(windows), horizon))
    found = [[] for _ in X]
    for one, targets, group in zip(windows, y.reshape(-1, horizon), groups, strict=True):
        start = int(np.flatnonzero(X[group][:, 0] == one[0, 0])[0])
        found[group].append(start)
        assert_array_equal(one, X[group][start : start + window])
        first = start + window + gap
        assert_array_equal(targets, X[group][first : first + horizon, target])
        assert np.diff(times[group][start : first + horizon]).max(initial=0) <= max_gap
    assert (np.diff(groups) >= 0).all()
    # And none is missing: a stretch without a gap holds a window every `step` steps for as long as they fit.
    span = window + gap + horizon
    for time, starts in zip(times, found, strict=True):
        expected = [
            begin + offset
            for begin, end in _stretches(time, max_gap)
            for offset in range(0, end - begin - span + 1, step)
        ]
        assert starts == expected


def _stretches(time, max_gap):
    cuts = [0, *(i for i in range(1, len(time)) if time[i] - time[i - 1] > max_gap), len(time)]
    return list(pairwise(cuts))


# ---------------------------------------------------------------------------------------------- errors and use


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"window": 6}, ["No window fits", "take 7 time steps", "has 6"]),
        ({"window": 3, "horizon": 3, "gap": 1}, ["No window fits", "take 7 time steps"]),
        ({"window": 3, "times": [GAP_TIMES[0]] * 2, "max_gap": 1}, ["times[1] has shape (6,)", "sequence 1", "5 time"]),
        ({"window": 2, "max_gap": 1}, ["max_gap needs times"]),
        ({"window": 2, "times": GAP_TIMES, "max_gap": np.timedelta64(1, "h")}, ["needs times that are datetimes"]),
        ({"window": 2, "times": HOURS, "max_gap": np.timedelta64("NaT")}, ["max_gap must be a duration"]),
        ({"window": 2, "times": HOURS, "max_gap": np.timedelta64(-1, "h")}, ["max_gap must be a duration"]),
        ({"window": 2, "times": GAP_TIMES[:1], "max_gap": 1}, ["times has 1 elements", "X has 2 sequences"]),
        (
            {"window": 2, "times": [GAP_TIMES[0], [0, 1, 3, 2, 4]], "max_gap": 9},
            ["must ascend", "sequence 1, time step 3"],
        ),
        (
            {"window": 2, "times": [HOURS[0][::-1], HOURS[1]], "max_gap": np.timedelta64(9, "h")},
            ["must ascend", "sequence 0"],
        ),
        ({"window": 2, "target": 1}, ["target=1 is not", "1 features"]),
        ({"window": 2, "target": -2}, ["target=-2"]),
        ({"window": 2, "target": "HR"}, ["target='HR' is not a feature"]),
    ],
)
def test_errors_say_what_and_where(parameters, words):
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the words are checked below
        cut(TWO, **parameters)
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    "parameters",
    [
        {"window": 0},
        {"window": 2.0},
        {"window": 2, "horizon": 0},
        {"window": 2, "step": 0},
        {"window": 2, "gap": -1},
        {"window": 2, "target": 1.0},
        {"window": 2, "times": HOURS, "max_gap": -1},
    ],
    ids=repr,
)
def test_parameters_are_validated(parameters):
    with pytest.raises(ValueError, match=r"parameter of .*sliding_windows must be"):
        cut(TWO, **parameters)


def test_unsigned_times_must_ascend_too():
    with pytest.raises(ValueError, match="must ascend"):
        cut([np.arange(5)], window=1, times=[np.array([0, 3, 1, 2, 4], dtype=np.uint8)], max_gap=9)


@pytest.mark.parametrize(
    ("time", "max_gap"),
    [
        (np.array([0, 1, np.nan, 50, 51]), 1),
        (np.array(["2024-01-01", "2024-01-02", "NaT", "2024-03-01", "2024-03-02"], "M8[D]"), np.timedelta64(1, "D")),
    ],
    ids=["NaN", "NaT"],
)
def test_a_missing_time_is_an_error(time, max_gap):
    with pytest.raises(ValueError, match="no time for sequence 0, time step 2"):
        cut([np.arange(5)], window=2, times=[time], max_gap=max_gap)


def test_a_gap_that_leaves_no_window():
    with pytest.raises(ValueError, match="longest stretch of X without a gap has 2"):
        cut([np.arange(4)], window=2, times=[[0, 1, 9, 10]], max_gap=1)


def test_windows_do_not_write_to_the_series():
    X = np.arange(10.0)
    windows, y, _ = cut([X], window=3)
    windows[:] = -1
    y[:] = -1
    assert_array_equal(X, np.arange(10.0))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_windows_go_into_a_model():
    X = [np.sin(np.arange(30) / 3 + phase) for phase in range(4)]
    windows, y, groups = cut(X, window=6, horizon=2)
    model = LSTMRegressor(4, max_iter=2, early_stopping=True, random_state=0, n_jobs=1).fit(windows, y, groups=groups)
    assert model.predict(windows).shape == y.shape


def test_rounding_makes_no_gap():
    assert windows_of([np.arange(6)], window=2, times=[np.arange(6) * 0.1], max_gap=0.1)[0] == [0, 1, 2, 3]
    minutes = np.datetime64("2024-01-01T00:00", "m") + 5 * np.arange(100)
    assert len(cut([np.arange(100)], window=5, times=[minutes], max_gap=pd.Timedelta("5min"))[0]) == 95
    hours = np.arange(100) * 5 / 60
    assert len(cut([np.arange(100)], window=5, times=[hours], max_gap=5 / 60)[0]) == 95


def test_windows_of_sequences_are_sequences():
    times = np.arange(12.0)
    values = np.column_stack([np.arange(12), np.full(12, np.nan)])
    X = Sequences(values, [0, 7, 12], feature_names=["HR", "lactate"], times=times)
    windows, y, groups = sliding_windows(X, window=3, target="HR")
    assert windows.feature_names.tolist() == ["HR", "lactate"]
    assert_array_equal(windows.times.reshape(-1, 3)[:, 0], y - 3)
    assert_array_equal(windows[:, "HR"].to_array()[:, :, 0], windows.times.reshape(-1, 3))
    assert_array_equal(groups, [0, 0, 0, 0, 1, 1])


def test_a_step_without_any_value_is_no_padding():
    X = [np.array([1.0, 2.0, np.nan, 4.0, 5.0])]
    with pytest.raises(ValueError, match=r"Window 1 ends with a time step that is missing .* as_sequences\(X\)"):
        sliding_windows(X, window=2)
    assert_array_equal(sliding_windows(as_sequences(X), window=2)[0].lengths, [2, 2, 2])
