"""Standardisation, and errors where it cannot be had."""

import numpy as np
from sklearn.preprocessing import StandardScaler


def fit_scaler(name, parts):
    """A `StandardScaler` of `parts`, pairs of values and weights; errors call the values by `name`.

    NaN are left out; what is NaN throughout has mean 0 and scale 1.
    """
    scaler = StandardScaler()
    with np.errstate(all="ignore"):
        for values, weights in parts:
            scaler.partial_fit(values, sample_weight=weights)
            # A mean of nothing is NaN, and would remain so.
            unseen = np.full(values.shape[1], scaler.n_samples_seen_) == 0
            scaler.mean_[unseen], scaler.var_[unseen], scaler.scale_[unseen] = 0, 0, 1
    check_range(scaler, name)
    return scaler


def check_range(scaler, name):
    """Raise a ValueError if values were so large that what a scaler learnt of them is not finite."""
    learnt = [getattr(scaler, each, None) for each in ("mean_", "var_", "center_", "scale_", "data_range_")]
    for numbers in learnt:
        if numbers is not None and not np.isfinite(numbers).all():
            raise ValueError(
                f"Column {np.argmin(np.isfinite(numbers))} of {name} has values so large that their spread overflows. "
                "Rescale it."
            )
