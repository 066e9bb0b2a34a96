"""What a single time step tells of the targets: linear models of it, and whether it tells more than these know."""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import Ridge

# So many time steps tell what a linear model of them is.
MOST_STEPS = 1 << 13

N_FOLDS = 5

# Penalties, as shares of all weights, so that whole weights stand for repetitions.
LINEAR_PENALTY, NONLINEAR_PENALTY = 1e-6, 1e-3

N_NONLINEAR = 100

# Beyond it, squares of features that are not standardised leave no digits for the penalty, and normal equations are
# singular. A decomposition of the features themselves takes longer, and solves them all the same.
LARGEST_STEP = 1e4


@dataclass
class LinearModels:
    """Linear models of each target, and the shares of the variance that they and others explain.

    Shares are those of cross-validation, for which sequences stay whole and in their order: neither a model with more
    features than there are patients nor one that knows the days around passes for a good one. NaN for a target that
    never varies.
    """

    coef: np.ndarray  # (n_features, n_targets)
    intercept: np.ndarray  # (n_targets,)
    explained: np.ndarray  # (n_targets,)
    explained_nonlinearly: np.ndarray  # (n_targets,) by the features and random nonlinear functions of them


def telling_steps(targets, weights):
    """Steps to fit linear models to: of those with a weight and a target, no more than it takes."""
    kept = np.flatnonzero((weights > 0) & ~np.isnan(targets).all(axis=1))
    if len(kept) > MOST_STEPS:
        kept = np.sort(np.random.RandomState(0).choice(kept, MOST_STEPS, replace=False))
    return kept


def fit_linear_models(steps, targets, weights, sequences):
    """Linear models of targets.

    Parameters
    ----------
    steps : ndarray of shape (n, n_features)
        Standardised features of time steps.
    targets : ndarray of shape (n, n_targets)
        NaN where a target is missing; of each step, there is one.
    weights : ndarray of shape (n,)
        None of them zero.
    sequences : ndarray of shape (n,)
        Which sequence each is of, in rising order.

    Returns
    -------
    LinearModels
    """
    n_targets = targets.shape[1]
    models = LinearModels(np.zeros((steps.shape[1], n_targets)), *np.full((3, n_targets), np.nan))
    nonlinear = np.hstack([steps, _random_functions(steps)])
    known = ~np.isnan(targets)
    for pattern in np.unique(known, axis=1).T:  # targets that are known together have a model together
        columns = np.flatnonzero((known == pattern[:, np.newaxis]).all(axis=0))
        X, y, w = steps[pattern], targets[np.ix_(pattern, columns)], weights[pattern]
        model = _ridge(LINEAR_PENALTY, X, w).fit(X, y, sample_weight=w)
        models.coef[:, columns] = model.coef_.reshape(len(columns), -1).T  # of one target, it has no axis
        models.intercept[columns] = model.intercept_
        folds = _folds(sequences[pattern])
        models.explained[columns] = _explained(LINEAR_PENALTY, X, y, w, folds)
        models.explained_nonlinearly[columns] = _explained(NONLINEAR_PENALTY, nonlinear[pattern], y, w, folds)
    return models


def _ridge(penalty, X, weights):
    is_regular = np.abs(X).max(initial=0) < LARGEST_STEP
    return Ridge(alpha=penalty * weights.sum(), solver="auto" if is_regular else "svd")


def _random_functions(steps):
    """Values of units whose weights are drawn at random, with a bend anywhere in the range of the features."""
    rng = np.random.RandomState(0)
    W = rng.standard_normal((steps.shape[1], N_NONLINEAR)) / np.sqrt(steps.shape[1])
    return np.tanh(2 * (steps @ W + rng.standard_normal(N_NONLINEAR)))


def _folds(sequences):
    """The fold of each step: runs of whole sequences, or of time steps where there are few sequences."""
    groups = np.unique(sequences, return_inverse=True)[1]
    if groups[-1] + 1 < N_FOLDS:
        groups = np.arange(len(sequences))
    n_groups = groups[-1] + 1
    return groups * min(N_FOLDS, n_groups) // n_groups


def _explained(penalty, X, y, weights, folds):
    """The share of each target's variance that is explained where a model has not been fitted; NaN without any."""
    if folds[-1] == 0:
        return np.full(y.shape[1], np.nan)
    errors = np.empty_like(y)
    for fold in range(folds[-1] + 1):
        rest = folds != fold
        model = _ridge(penalty, X[rest], weights[rest]).fit(X[rest], y[rest], sample_weight=weights[rest])
        errors[~rest] = y[~rest] - model.predict(X[~rest]).reshape(-1, y.shape[1])
    deviations = y - np.average(y, axis=0, weights=weights)
    total = weights @ deviations**2
    varies = (np.ptp(y, axis=0) > 0) & (total > 0)
    return np.where(varies, 1 - weights @ errors**2 / np.where(varies, total, 1), np.nan)
