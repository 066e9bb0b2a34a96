"""Synthetic sequences."""

from numbers import Integral, Real

import numpy as np
from scipy.signal import lfilter
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import validate_params

from ..real_numbers import Interval
from ..sequences import Sequences, offsets_of

# A row a vital sign: mean and standard deviation of patients' own levels, amplitude of the daily rhythm, standard
# deviation and hour-to-hour correlation of the fluctuations, what deterioration adds at its worst, limits. Levels and
# fluctuations are of the size that ICU data of adults have; nothing is fitted to them.
NAMES = "HR", "SBP", "MAP", "RR", "SpO2", "temperature"
VITAL_SIGNS = np.array(
    [
        # level spread rhythm noise correlation effect low high
        [82, 12, 3.0, 5.0, 0.80, 26, 25, 220],  # heart rate, beats/min
        [122, 15, 4.0, 9.0, 0.65, -28, 40, 260],  # systolic pressure, mmHg
        [82, 9, 2.5, 6.0, 0.65, -19, 25, 180],  # mean pressure, mmHg
        [18, 2.5, 0.5, 2.2, 0.55, 8, 5, 60],  # respiration, breaths/min
        [97, 1.2, 0.1, 1.1, 0.60, -5, 60, 100],  # oxygen saturation, %
        [36.9, 0.3, 0.25, 0.18, 0.85, 1.2, 33, 42],  # temperature, degrees Celsius
    ]
)


@validate_params(
    {
        "n_sequences": [Interval(Integral, 1, None, closed="left")],
        "n_timesteps": [Interval(Integral, 2, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_adding_problem(n_sequences=1000, n_timesteps=100, *, random_state=None):
    """Generate the adding problem: remember two numbers among many and add them (regression).

    The first feature is noise, uniform on [0, 1); the second is 1 at two time steps, one in each half of the sequence,
    and 0 elsewhere. The target is the sum of the two marked numbers. Always answering 1 has a mean squared error of
    1/6.

    Parameters
    ----------
    n_sequences : int, default=1000
        Number of sequences, at least 1.

    n_timesteps : int, default=100
        Length of every sequence, at least 2. The longer, the harder.

    random_state : int, RandomState instance or None, default=None
        Determines the numbers and the marks. Pass an int for reproducible output.

    Returns
    -------
    X : ndarray of shape (n_sequences, n_timesteps, 2)
        Numbers and marks, float64.

    y : ndarray of shape (n_sequences,)
        Sums of the marked numbers, between 0 and 2.

    Raises
    ------
    ValueError
        If `n_sequences` is less than 1 or `n_timesteps` less than 2.

    References
    ----------
    .. [1] S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1735-1780, 1997.
       :doi:`10.1162/neco.1997.9.8.1735`. The form in use today: theirs has values in [-1, 1], other marks and variable
       lengths.

    Examples
    --------
    >>> from sklstm.datasets import make_adding_problem
    >>> X, y = make_adding_problem(n_sequences=5, n_timesteps=20, random_state=0)
    >>> X.shape, X[:, :, 1].sum(axis=1)
    ((5, 20, 2), array([2., 2., 2., 2., 2.]))
    >>> bool((y == (X[:, :, 0] * X[:, :, 1]).sum(axis=1)).all())
    True
    """
    rng = check_random_state(random_state)
    X = np.zeros((n_sequences, n_timesteps, 2))
    X[:, :, 0] = rng.uniform(size=(n_sequences, n_timesteps))
    rows, half = np.arange(n_sequences), n_timesteps // 2
    first, second = rng.randint(half, size=n_sequences), rng.randint(half, n_timesteps, size=n_sequences)
    X[rows, first, 1] = X[rows, second, 1] = 1
    return X, X[rows, first, 0] + X[rows, second, 0]


@validate_params(
    {
        "n_patients": [Interval(Integral, 1, None, closed="left")],
        "min_hours": [Interval(Integral, 2, None, closed="left")],
        "max_hours": [Interval(Integral, 2, None, closed="left")],
        "horizon": [Interval(Integral, 1, None, closed="left")],
        "event_rate": [Interval(Real, 0, 1, closed="both")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_vital_signs(n_patients=200, *, min_hours=12, max_hours=72, horizon=6, event_rate=0.3, random_state=None):
    """Generate hourly vital signs of patients, some of whom are about to deteriorate (classification).

    The data are synthetic. They serve tests, benchmarks and examples; nothing about real patients can be learned from
    them. Each patient has levels of their own, a daily rhythm and autocorrelated fluctuations; systolic and mean
    pressure go together. Before a deterioration its signs build up over 6 to 18 hours: faster heart and breath,
    lower pressure and oxygen saturation, fever. A third of the other patients have been through a passing episode that
    looks alike but is over by the end, so that a summary of the whole stay misleads.

    Parameters
    ----------
    n_patients : int, default=200
        Number of patients.

    min_hours, max_hours : int, default=12 and 72
        Bounds of the lengths, which are uniform between them, both included; at least 2.

    horizon : int, default=6
        Patients with an outcome of 1 deteriorate within `horizon` hours after the last row.

    event_rate : float, default=0.3
        Probability of an outcome of 1, between 0 and 1.

    random_state : int, RandomState instance or None, default=None
        Determines the data. Pass an int for reproducible output.

    Returns
    -------
    X : Sequences of n_patients sequences of shape (n_hours_i, 6)
        One row an hour, float64: heart rate (beats/min), systolic and mean blood pressure (mmHg), respiratory rate
        (breaths/min), oxygen saturation (%) and temperature (degrees Celsius): "HR", "SBP", "MAP", "RR", "SpO2" and
        "temperature".

    y : ndarray of int of shape (n_patients,)
        1 if the patient deteriorates in the `horizon` hours that follow the sequence, else 0.

    Raises
    ------
    ValueError
        If `max_hours` is less than `min_hours`, or a parameter is out of its range.

    Examples
    --------
    >>> from sklstm.datasets import make_vital_signs
    >>> X, y = make_vital_signs(n_patients=50, random_state=0)
    >>> X.n_features, int(X.lengths.min()) >= 12, int(X.lengths.max()) <= 72
    (6, True, True)
    """
    if max_hours < min_hours:
        raise ValueError(f"max_hours must be at least min_hours, got max_hours={max_hours} and min_hours={min_hours}.")
    rng = check_random_state(random_state)
    lengths = rng.randint(min_hours, max_hours + 1, size=n_patients)
    y = (rng.uniform(size=n_patients) < event_rate).astype(np.int64)
    values = [_patient(rng, n_hours, outcome, horizon) for n_hours, outcome in zip(lengths, y, strict=True)]
    return Sequences(np.concatenate(values), offsets_of(lengths), feature_names=NAMES), y


def _patient(rng, n_hours, outcome, horizon):
    level, spread, rhythm, noise, correlation, effect, low, high = VITAL_SIGNS.T
    hours = np.arange(n_hours)

    # A row an hour, and a last one that sets the patient's own levels.
    shocks = rng.normal(size=(n_hours + 1, len(level)))
    shocks[:, 2] = 0.8 * shocks[:, 1] + 0.6 * shocks[:, 2]  # mean pressure follows systolic, correlation 0.8
    own_level, shocks = level + spread * shocks[-1], shocks[:-1]
    fluctuation = np.empty_like(shocks)
    for k, rho in enumerate(correlation):
        # Stationary from the first hour on: that one has the full variance, the others the innovations' share.
        innovation = noise[k] * shocks[:, k] * np.where(hours == 0, 1, np.sqrt(1 - rho**2))
        fluctuation[:, k] = lfilter([1], [1, -rho], innovation)

    build_up = rng.uniform(6, 18)
    if outcome:
        onset = n_hours - 1 + rng.uniform(0, horizon)
        severity = np.clip(1 - (onset - hours) / build_up, 0, 1)
    elif rng.uniform() < 1 / 3:
        build_up = min(build_up, n_hours - 1)  # over by the last row, in a short stay too
        peak = rng.uniform(0, n_hours - 1 - build_up)
        severity = np.clip(1 - np.abs(hours - peak) / build_up, 0, 1)
    else:
        severity = np.zeros(n_hours)

    clock = 2 * np.pi * (hours + rng.uniform(0, 24)) / 24
    signs = own_level + np.outer(np.sin(clock), rhythm) + fluctuation + np.outer(severity, effect)
    signs[:, 2] = np.minimum(signs[:, 2], signs[:, 1] - 8)  # no mean pressure near or above the systolic
    return np.clip(signs, low, high)
