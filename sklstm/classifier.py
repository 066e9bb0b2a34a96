"""The classifier: labels out of sequences."""

import numpy as np
from scipy.special import log_expit, log_softmax
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.metrics import accuracy_score
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from .atomic import reads_at_once
from .base import BaseLSTM
from .docs import shared_documentation
from .losses import BinaryLogLoss, MultinomialLogLoss
from .metrics import sequence_scorer, weights_to_score
from .real_numbers import reject_masked
from .steps import missing, reject, reject_ragged

__all__ = ["LSTMClassifier"]


@shared_documentation
class LSTMClassifier(ClassifierMixin, BaseLSTM):
    """Classification of sequences with a recurrent network: LSTM, GRU or simple.

    The network reads a sequence from its first time step to its last; a linear layer turns its last state, or all of
    them, into the log odds of the second of two classes, or into a score for each of several. It is trained on the log
    loss by backpropagation through time over whole sequences.

    Parameters
    ----------
    {network}

    class_weight : dict or "balanced", default=None
        Weights of the classes, as ``{{label: weight}}``, by which the weights of sequences (or of time steps) are
        multiplied. "balanced" gives each class the same weight in all. Not for several labels a sequence.

    {training}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels; with several a sequence, the numbers of their columns.

    {attributes}

    See Also
    --------
    LSTMRegressor : Regression on sequences.

    {notes}

    Examples
    --------
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.datasets import load_japanese_vowels
    >>> X, speaker = load_japanese_vowels(return_X_y=True)
    >>> model = LSTMClassifier(hidden_layer_sizes=32, max_iter=30, random_state=0).fit(X, speaker)
    >>> X_test, speaker_test = load_japanese_vowels(subset="test", return_X_y=True)
    >>> model.score(X_test, speaker_test) > 0.9
    True
    >>> model.predict_proba(X_test[:5]).shape
    (5, 9)
    """

    _parameter_constraints: dict = {
        **BaseLSTM._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, None],
    }

    def __init__(
        self,
        hidden_layer_sizes=(64,),
        *,
        cell="lstm",
        activation="tanh",
        recurrent_activation="logistic",
        bidirectional=False,
        pooling="last",
        return_sequences=False,
        skip_connection=False,
        embedding_dim=None,
        missing="error",
        dropout=0.0,
        recurrent_dropout=0.0,
        class_weight=None,
        solver="adam",
        alpha=0.0001,
        l1_ratio=0.0,
        batch_size=32,
        learning_rate="adaptive",
        learning_rate_init=0.01,
        power_t=0.5,
        max_iter=200,
        max_fun=15000,
        average=True,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        checkpoint=None,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping="auto",
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        clip_norm=1.0,
        standardize=True,
        n_jobs=None,
        max_memory=None,
        dtype="float32",
    ):
        self._set_parameters(locals())

    @available_if(BaseLSTM._has_partial_fit)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one epoch on more data, keeping the optimizer's state.

        The first call sets up the network and learns the scales of the inputs; later calls keep them.

        Parameters
        ----------
        X : array, data frame, list or Sequences
            The training sequences, in any form that :func:`~sklstm.as_sequences` accepts.

        y : array-like of shape (n_sequences,) or (n_sequences, n_labels), or as in `fit` for every time step
            The labels.

        classes : array-like of shape (n_classes,), default=None
            All labels that will ever come. Needed in the first call unless its `y` holds them all.

        sample_weight : array-like of shape (n_sequences,), or as in `fit` for every time step, default=None
            Weights.

        Returns
        -------
        self : object
            The estimator, trained a little further.
        """
        if self.class_weight == "balanced":
            raise ValueError(
                'class_weight="balanced" needs all data at once and does not go with partial_fit. Pass the weights as '
                "a dict; sklearn.utils.class_weight.compute_class_weight computes them."
            )
        return self._partial_fit(X, y, sample_weight, classes=classes)

    @reads_at_once
    def predict(self, X):
        """Predict the labels of sequences, or of their time steps.

        Parameters
        ----------
        X : array, data frame, list or Sequences
            Sequences in any form that :func:`~sklstm.as_sequences` accepts, of as many features as in `fit`.

        Returns
        -------
        y : ndarray of shape (n_sequences,) or (n_sequences, n_labels)
            The most probable label of each sequence; with several labels a sequence, which of them it has. With
            ``return_sequences=True`` the same for every time step, in the form that X came in: an array
            (n_sequences, n_timesteps, ...), with NaN (or None) for padding, or a list of arrays (n_timesteps_i, ...).
        """
        out, sequences = self._outputs(X)
        if self._multilabel:
            predicted = (out > 0).astype(int)
        else:
            predicted = self.classes_[(out.ravel() > 0).astype(int) if out.shape[1] == 1 else out.argmax(axis=1)]
        return self._in_form(X, sequences, predicted)

    @reads_at_once
    def decision_function(self, X):
        """Scores of the classes before they become probabilities.

        Parameters
        ----------
        X : array, data frame, list or Sequences
            Sequences in any form that :func:`~sklstm.as_sequences` accepts, of as many features as in `fit`.

        Returns
        -------
        scores : ndarray of shape (n_sequences,) or (n_sequences, n_classes)
            With two classes the log odds of ``classes_[1]``, else a score for each class, or the log odds of each
            label. With ``return_sequences=True`` the same for every time step, in the form that X came in.
        """
        return self._of_scores(X, lambda scores: scores)

    @reads_at_once
    def predict_proba(self, X):
        """Probabilities of the classes.

        Parameters
        ----------
        X : array, data frame, list or Sequences
            Sequences in any form that :func:`~sklstm.as_sequences` accepts, of as many features as in `fit`.

        Returns
        -------
        probabilities : ndarray of shape (n_sequences, n_classes)
            In the order of `classes_`. Each row sums to 1; but of several labels a sequence, each has a probability of
            its own. With ``return_sequences=True`` the same for every time step, in the form that X came
            in. A sequence's probabilities have the same bits whatever other sequences they are predicted with, in
            whatever order and on however many threads.
        """
        out, sequences = self._outputs(X)
        return self._in_form(X, sequences, self._predictions(out))

    def _predictions(self, out):
        return self._loss.predict(out)

    @reads_at_once
    def predict_log_proba(self, X):
        """Logarithms of the probabilities of the classes.

        Parameters
        ----------
        X : array, data frame, list or Sequences
            Sequences in any form that :func:`~sklstm.as_sequences` accepts, of as many features as in `fit`.

        Returns
        -------
        log_probabilities : ndarray of shape (n_sequences, n_classes)
            Finite where the probability itself would round to zero. With ``return_sequences=True`` the same for every
            time step, in the form that X came in.
        """
        return self._of_scores(X, self._log_probabilities)

    def _of_scores(self, X, function):
        out, sequences = self._outputs(X)
        scores = out.astype(np.float64)
        return self._in_form(
            X, sequences, function(scores.ravel() if len(self.classes_) == 2 and scores.shape[1] == 1 else scores)
        )

    def _log_probabilities(self, scores):
        if self._multilabel:
            return log_expit(scores)
        if scores.ndim == 1:
            return np.column_stack([log_expit(-scores), log_expit(scores)])
        return log_softmax(scores, axis=1)

    @reads_at_once
    def score(self, X, y, sample_weight=None):
        """Accuracy of the predicted labels.

        Parameters
        ----------
        X : array, data frame, list or Sequences
            Sequences in any form that :func:`~sklstm.as_sequences` accepts, of as many features as in `fit`.

        y : array-like of shape (n_sequences,) or (n_sequences, n_labels), or as in `fit` for every time step
            The true labels.

        sample_weight : array-like of shape (n_sequences,), or as in `fit` for every time step, default=None
            Weights.

        Returns
        -------
        accuracy : float
            Share of the sequences, or of the time steps, whose label (or all of whose labels) is right.
        """
        if self.return_sequences:
            return sequence_scorer("accuracy")(self, X, y, sample_weight=sample_weight)
        predicted, weights = self.predict(X), weights_to_score(sample_weight)
        check_consistent_length(predicted, y)
        try:
            return accuracy_score(y, predicted, sample_weight=weights)
        except TypeError as error:  # of labels that have no order among those of fit, such as dates among numbers
            raise ValueError(f"y must hold labels like those of fit, {self.classes_.tolist()}, got {y!r}.") from error

    def _encode_targets(self, y, reset, place, classes=None):
        expected = "y must hold one label a sequence, or 0 and 1 for each of several labels"
        reject_masked(y, "y")
        try:
            y = check_array(y, dtype=None, ensure_2d=False, ensure_all_finite=False, input_name="y", estimator=self)
        except ValueError as error:
            reject_ragged(y, expected)
            raise ValueError(f"{expected}: {error}") from error
        if y.dtype == object:
            reject_ragged(y, expected)
        if y.dtype.kind == "V":
            raise ValueError(f"{expected}; it holds records, of {y.dtype}.")
        advice = "give such time steps any label, and the weight 0" if self.return_sequences else "leave such out"
        reject(missing(y), "NaN or None", place, advice)
        y = check_array(y, dtype=None, ensure_2d=False, input_name="y", estimator=self)  # infinity is left to reject
        multilabel = type_of_target(y) == "multilabel-indicator"
        if not multilabel:
            try:
                y = column_or_1d(y, warn=not self.return_sequences)
            except ValueError as error:
                raise ValueError(f"{expected}: {error}") from error
        elif not np.isin(y, [0, 1]).all():
            raise ValueError(f"{expected}; it holds the values {np.unique(y).tolist()}.")
        check_classification_targets(y)
        if reset:
            self._multilabel = multilabel
            self._learn_classes(y, classes)
        elif multilabel != self._multilabel or (multilabel and y.shape[1] != len(self.classes_)):
            raise ValueError(
                "y must hold "
                + (
                    f"{len(self.classes_)} columns of 0 and 1, one a label"
                    if self._multilabel
                    else "one label a sequence"
                )
                + f", as in fit; its shape is {y.shape}."
            )
        elif classes is not None and not np.array_equal(self.classes_, _checked(classes, multilabel)):
            raise ValueError(f"classes={classes!r} are not those of the first call, {self.classes_!r}.")
        if multilabel:
            return np.asarray(y, dtype=np.float64)
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(f"y contains classes that are not among the known ones, {self.classes_!r}: {unknown!r}.")
        return np.searchsorted(self.classes_, y).astype(np.float64)[:, np.newaxis]

    def _learn_classes(self, y, classes):
        if self._multilabel:
            self.classes_ = np.arange(y.shape[1]) if classes is None else _checked(classes, multilabel=True)
            if self.classes_.shape != y.shape[1:]:
                raise ValueError(f"classes={classes!r} must name the {y.shape[1]} labels that y has a column for.")
            self._loss, self._n_targets = BinaryLogLoss(multilabel=True), y.shape[1]
        else:
            self.classes_ = np.unique(y) if classes is None else _checked(classes, multilabel=False)
            if len(self.classes_) < 2:
                of = "y holds only one class:" if classes is None else "classes are"
                raise ValueError(f"A classifier needs at least two classes, but {of} {self.classes_.tolist()}.")
            binary = len(self.classes_) == 2
            self._loss, self._n_targets = BinaryLogLoss() if binary else MultinomialLogLoss(len(self.classes_)), 1
        self.n_outputs_ = self._loss.n_network_outputs(self._n_targets)
        self.out_activation_ = self._loss.out_activation

    def _class_weights(self, targets, weights, learn):
        if self._multilabel:
            if self.class_weight is not None:
                raise ValueError("class_weight is for one label a sequence: with several, weigh them by sample_weight.")
            return 1.0
        labels = targets[:, 0].astype(int)
        if learn:
            self._class_factors = self._factors_of_classes(labels[weights > 0])
        factors = self._class_factors[labels]
        if not (np.isfinite(factors).all() and (factors >= 0).all() and (factors * weights).any()):
            raise ValueError(
                "class_weight must hold finite numbers, none negative, and leave some sequence a weight that is not "
                f"zero; got {self.class_weight!r}."
            )
        return factors

    def _factors_of_classes(self, labels):
        if self.class_weight == "balanced":
            counts = np.bincount(labels, minlength=len(self.classes_))
            return counts.sum() / np.maximum(counts, 1) / np.count_nonzero(counts)
        weight = self.class_weight or {}
        unknown = set(weight) - set(self.classes_)
        if unknown:
            raise ValueError(f"class_weight has weights for {unknown}, but the classes are {self.classes_.tolist()}.")
        return np.array([weight.get(label, 1.0) for label in self.classes_], dtype=np.float64)

    def _labels(self, targets):
        return None if self._multilabel else targets[:, 0]

    def _validation_score(self, out, targets, weights):
        if self._multilabel:
            right = ((out > 0) == (targets > 0)).all(axis=1)
        else:
            right = (out.ravel() > 0 if out.shape[1] == 1 else out.argmax(axis=1)) == targets[:, 0]
        return float(np.average(right, weights=weights))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def _checked(classes, multilabel):
    """All classes that were passed, sorted; of several labels, their names in the order of their columns."""
    wrong = ValueError(f"classes must be the labels that y may hold, in one dimension, got {classes!r}.")
    try:
        labels = np.asarray(classes)
        if labels.ndim != 1 or missing(labels).any():
            raise wrong
        distinct = set(labels) if multilabel else np.unique(labels)  # which sorts them
    except (TypeError, ValueError) as error:  # ragged, or of types that have no order
        raise wrong from error
    if multilabel and len(distinct) < len(labels):
        raise ValueError(f"classes has a label twice: {classes!r}.")
    return labels if multilabel else distinct
