"""Standardisation, and errors where it cannot be had."""

import numpy as np
from sklearn.preprocessing import StandardScaler

NOTHING_SEEN = {"mean_": 0.0, "var_": 0.0, "scale_": 1.0}


def fit_scaler(name, parts):
    """A `StandardScaler` of `parts`, pairs of values and weights; errors call the values by `name`.

    NaN are left out; what is NaN throughout has mean 0 and scale 1.
    """
    scaler = StandardScaler()
    with np.errstate(all="ignore"):
        for values, weights in parts:
            before = {key: getattr(scaler, key, first) for key, first in NOTHING_SEEN.items()}
            scaler.partial_fit(values, sample_weight=weights)
            # What a part has nothing of would become NaN for good.
            unseen = ~((weights > 0)[:, np.newaxis] & ~np.isnan(values)).any(axis=0)
            for key, learnt in before.items():
                getattr(scaler, key)[unseen] = np.broadcast_to(learnt, unseen.shape)[unseen]
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
