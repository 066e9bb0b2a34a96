"""The classifier: labels out of sequences."""

import numpy as np
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils import check_array, column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets

from ._core import losses
from .base import BaseLSTM
from .docs import shared_documentation

__all__ = ["LSTMClassifier"]


@shared_documentation
class LSTMClassifier(ClassifierMixin, BaseLSTM):
    """Classification of sequences with a long short-term memory network.

    The network reads a sequence from its first time step to its last; a linear layer turns its last state into the log
    odds of the second of two classes, or into a score for each of several. It is trained on the log loss by
    backpropagation through time over whole sequences.

    Parameters
    ----------
    {parameters}

    class_weight : dict or "balanced", default=None
        Weights of the classes, as ``{{label: weight}}``, by which the sequences' weights are multiplied. "balanced"
        gives each class the same weight in all.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.

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

    _parameter_constraints: dict = {  # noqa: RUF012 - scikit-learn's convention
        **BaseLSTM._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, None],
    }

    def __init__(
        self,
        hidden_layer_sizes=(64,),
        *,
        solver="adam",
        alpha=0.0001,
        l1_ratio=0.0,
        batch_size=32,
        learning_rate="adaptive",
        learning_rate_init=0.01,
        power_t=0.5,
        max_iter=200,
        max_fun=15000,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
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
        class_weight=None,
    ):
        super().__init__(
            hidden_layer_sizes,
            solver=solver,
            alpha=alpha,
            l1_ratio=l1_ratio,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            power_t=power_t,
            max_iter=max_iter,
            max_fun=max_fun,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            warm_start=warm_start,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            n_iter_no_change=n_iter_no_change,
            clip_norm=clip_norm,
            standardize=standardize,
            n_jobs=n_jobs,
            max_memory=max_memory,
            dtype=dtype,
        )
        self.class_weight = class_weight

    @available_if(BaseLSTM._has_partial_fit)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one epoch on more data, keeping the optimizer's state.

        The first call sets up the network and learns the scales of the inputs; later calls keep them.

        Parameters
        ----------
        X : array, data frame, list or Sequences
            The training sequences, in any form that :func:`~sklstm.as_sequences` accepts.

        y : array-like of shape (n_sequences,)
            The labels.

        classes : array-like of shape (n_classes,), default=None
            All labels that will ever come. Needed in the first call unless its `y` holds them all.

        sample_weight : array-like of shape (n_sequences,), default=None
            Weights of the sequences.

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

    def predict(self, X):
        """Predict the labels of sequences.

        Parameters
        ----------
        X : array, data frame, list or Sequences
            Sequences in any form that :func:`~sklstm.as_sequences` accepts, of as many features as in `fit`.

        Returns
        -------
        y : ndarray of shape (n_sequences,)
            The most probable label of each sequence.
        """
        scores = self.decision_function(X)
        return self.classes_[(scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)]

    def decision_function(self, X):
        """Scores of the classes before they become probabilities.

        Parameters
        ----------
        X : array, data frame, list or Sequences
            Sequences in any form that :func:`~sklstm.as_sequences` accepts, of as many features as in `fit`.

        Returns
        -------
        scores : ndarray of shape (n_sequences,) or (n_sequences, n_classes)
            With two classes the log odds of ``classes_[1]``, else a score for each class.
        """
        outputs = self._outputs(X)
        return outputs.ravel() if len(self.classes_) == 2 else outputs

    def predict_proba(self, X):
        """Probabilities of the classes.

        Parameters
        ----------
        X : array, data frame, list or Sequences
            Sequences in any form that :func:`~sklstm.as_sequences` accepts, of as many features as in `fit`.

        Returns
        -------
        probabilities : ndarray of shape (n_sequences, n_classes)
            In the order of `classes_`; each row sums to 1. A sequence's probabilities have the same bits whatever other
            sequences they are predicted with, in whatever order and on however many threads.
        """
        scores = self.decision_function(X)
        if scores.ndim == 1:
            return np.column_stack([expit(-scores), expit(scores)])
        return softmax(scores, axis=1)

    def predict_log_proba(self, X):
        """Logarithms of the probabilities of the classes.

        Parameters
        ----------
        X : array, data frame, list or Sequences
            Sequences in any form that :func:`~sklstm.as_sequences` accepts, of as many features as in `fit`.

        Returns
        -------
        log_probabilities : ndarray of shape (n_sequences, n_classes)
            Finite where the probability itself would round to zero.
        """
        scores = self.decision_function(X)
        if scores.ndim == 1:
            return np.column_stack([log_expit(-scores), log_expit(scores)])
        return log_softmax(scores, axis=1)

    def _encode_targets(self, y, reset, classes=None):
        try:
            y = column_or_1d(y, warn=True)
        except ValueError as error:
            raise ValueError(f"y must hold one label a sequence: {error}") from error
        check_array(y, dtype=None, ensure_2d=False, input_name="y", estimator=self)
        check_classification_targets(y)
        if reset:
            self.classes_ = np.unique(y if classes is None else classes)
            if len(self.classes_) < 2:
                raise ValueError(
                    f"A classifier needs at least two classes, but y holds only one class: {self.classes_[0]}."
                )
            binary = len(self.classes_) == 2
            self.n_outputs_ = 1 if binary else len(self.classes_)
            self.out_activation_ = "logistic" if binary else "softmax"
        elif classes is not None and not np.array_equal(self.classes_, np.unique(classes)):
            raise ValueError(f"classes={classes!r} are not those of the first call, {self.classes_!r}.")
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(f"y contains classes that are not among the known ones, {self.classes_!r}: {unknown!r}.")
        return np.searchsorted(self.classes_, y).astype(np.float64)[:, np.newaxis]

    @property
    def _loss(self):
        return losses.binary_log_loss if self.n_outputs_ == 1 else losses.multinomial_log_loss

    def _class_weights(self, targets, weights, learn):
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

    def _strata(self, targets):
        # With a class of one member, or more classes than sequences to hold out, there is no even spread.
        counts = np.unique(targets, return_counts=True)[1]
        n_held_out = self._n_held_out(len(targets))
        return targets[:, 0] if counts.min() > 1 and min(n_held_out, len(targets) - n_held_out) >= len(counts) else None

    def _validation_score(self, out, targets, weights):
        predicted = out.ravel() > 0 if out.shape[1] == 1 else out.argmax(axis=1)
        return float(np.average(predicted == targets[:, 0], weights=weights))
