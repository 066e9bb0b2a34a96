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
    too_large = ~(np.isfinite(scaler.mean_) & np.isfinite(scaler.var_))
    if too_large.any():
        raise ValueError(
            f"Column {np.argmax(too_large)} of {name} has values so large that their variance overflows. Rescale it."
        )
    return scaler
