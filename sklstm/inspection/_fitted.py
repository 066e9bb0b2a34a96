"""The network at the end of what a user fitted, and the sequences as they reach it."""

from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ..base import BaseLSTM


def taken_apart(estimator, X):
    """The fitted `LSTMRegressor` or `LSTMClassifier` in an estimator, a pipeline or a search, and what it gets of X."""
    check_is_fitted(estimator)
    if isinstance(estimator, BaseSearchCV):
        return taken_apart(estimator.best_estimator_, X)
    if isinstance(estimator, Pipeline):
        return taken_apart(estimator[-1], estimator[:-1].transform(X) if len(estimator) > 1 else X)
    if not isinstance(estimator, BaseLSTM):
        raise TypeError(
            "estimator must be a fitted LSTMRegressor or LSTMClassifier, or a pipeline or search that ends in one, "
            f"got a {type(estimator).__name__}."
        )
    return estimator, X
