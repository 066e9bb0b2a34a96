"""The part of the training data that early stopping watches."""

import numpy as np
from sklearn.model_selection import GroupShuffleSplit, StratifiedGroupKFold, train_test_split


def split(rows, labels, groups, fraction, rng):
    """Part sequences into those to train on and those to watch.

    Parameters
    ----------
    rows : ndarray of int
        The sequences.
    labels : ndarray of shape (n_rows,) or None
        Their classes, which are spread evenly over both parts where that can be done.
    groups : ndarray of shape (n_sequences,) or None
        Groups that are not to be torn apart, of all sequences.
    fraction : float
        Share of the sequences, or of the groups, that is held out.
    rng : RandomState

    Returns
    -------
    kept, held_out : ndarray of int
    """
    if len(rows) < 2:
        raise ValueError("early_stopping=True needs at least two sequences (n_samples = 1): set it to False.")
    if labels is not None:
        # With a class of one member, or more classes than sequences to hold out, there is no even spread.
        counts = np.unique(labels, return_counts=True)[1]
        n_held_out = _n_held_out(len(rows), fraction)
        if counts.min() < 2 or min(n_held_out, len(rows) - n_held_out) < len(counts):
            labels = None
    if groups is None:
        size = _n_held_out(len(rows), fraction)
        kept, held_out = train_test_split(rows, test_size=size, random_state=rng, stratify=labels)
        return np.sort(kept), held_out
    n_groups = len(np.unique(groups[rows]))
    if n_groups < 2:
        raise ValueError("early_stopping needs at least two groups to hold one out: set it to False.")
    n_held_out = _n_held_out(n_groups, fraction)
    if labels is None:
        splitter = GroupShuffleSplit(1, test_size=n_held_out, random_state=rng)
        kept, held_out = next(splitter.split(rows, groups=groups[rows]))
        return rows[kept], rows[held_out]
    # Folds of whole groups with the classes spread evenly: as many of them are held out as come nearest the share.
    n_folds = int(min(20, n_groups, np.unique(labels, return_counts=True)[1].min()))
    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=rng)
    folds = [fold for _, fold in splitter.split(rows, labels, groups[rows])]
    n_held_out = int(np.clip(round(fraction * n_folds), 1, n_folds - 1))
    held_out = np.isin(np.arange(len(rows)), np.concatenate(folds[:n_held_out]))
    return rows[~held_out], rows[held_out]


def _n_held_out(n, fraction):
    """How many of n sequences or groups are held out."""
    n_held_out = int(np.ceil(fraction * n))
    if n_held_out == n:
        raise ValueError(
            f"validation_fraction={fraction} would hold out all {n} sequences or groups, and the train set will be "
            "empty: lower it, or set early_stopping=False."
        )
    return n_held_out
