"""Pipelines and searches that end in a recurrent estimator, taken apart."""

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from .atomic import snapshot
from .base import BaseLSTM
from .preprocessing._streams import single_steps
from .streaming import Stream


def take_apart(estimator):
    """The fitted steps that prepare X, in a list, and the recurrent estimator that reads it, as it is now."""
    steps, whole = [], estimator
    while not isinstance(estimator, BaseLSTM):
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif isinstance(estimator, Pipeline):
            steps += single_steps(estimator[:-1])
            estimator = estimator.steps[-1][1]
        else:
            raise ValueError(
                "The model must be an LSTMRegressor or an LSTMClassifier, or a Pipeline or a fitted search that ends "
                f"in one, got {whole!r}."
            )
    estimator = snapshot(estimator)
    check_is_fitted(estimator)
    return steps, estimator


def prepared(steps, X):
    """X behind the steps."""
    for step in steps:
        X = step.transform(X)
    return X


def stream(model, n_streams=1):
    """Make a stream of a fitted model or pipeline: it takes one time step at a time, and predicts after each.

    Parameters
    ----------
    model : LSTMRegressor, LSTMClassifier, Pipeline or fitted search
        A pipeline of :class:`~sklstm.preprocessing.SequenceImputer` (but for ``strategy="linear"``),
        :class:`~sklstm.preprocessing.SequenceScaler`, :class:`~sklstm.preprocessing.TimeFeatures` and
        :class:`~sklstm.preprocessing.SequenceSelector`, also in a :class:`~sklstm.preprocessing.SequenceUnion`, that
        ends in a model.

    n_streams : int, default=1
        Sequences that are stepped together.

    Returns
    -------
    stream : Stream
        A stream that has seen nothing yet; see its `step`.

    Raises
    ------
    ValueError
        If the model, or a step of the pipeline, needs more of a sequence than the steps up to now.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> import sklstm
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.datasets import make_vital_signs
    >>> from sklstm.preprocessing import SequenceImputer
    >>> X, deteriorates = make_vital_signs(100, random_state=0)
    >>> model = make_pipeline(SequenceImputer(), LSTMClassifier(8, max_iter=5, random_state=0)).fit(X, deteriorates)
    >>> stream = sklstm.stream(model)
    >>> for signs in X[0]:
    ...     risk = stream.step(signs)[1]
    >>> bool(risk == model.predict_proba(X[:1])[0, 1])
    True
    """
    return Stream(*take_apart(model), n_streams)
