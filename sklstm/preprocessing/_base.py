"""What transformers of sequences share: what they accept, what they return, and how its features are called."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils._param_validation import StrOptions, validate_parameter_constraints
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from ..atomic import unchanged_on_error
from ..validation import is_table, validate_sequences


def check_container(transform):
    """Raise an error for what `set_output` does not know, also where it changes nothing."""
    allowed = {"transform": [StrOptions({"default", "pandas", "polars"}), None]}
    validate_parameter_constraints(allowed, {"transform": transform}, caller_name="set_output")


def names_in(estimator, input_features):
    """Names of the features that come in: those that are passed, those of `fit`, or "x0", "x1" and so on."""
    if input_features is not None:
        names = input_features if isinstance(input_features, list | tuple) else np.atleast_1d(input_features)
        if np.ndim(names[0] if len(names) else 0) or not all(isinstance(name, str) for name in names):
            raise ValueError(f"input_features must be texts, one a feature, got {input_features!r}.")
    return _check_feature_names_in(estimator, input_features)


class SequenceTransformer(TransformerMixin, BaseEstimator):
    """Takes sequences of any form, missing values (NaN) included, and returns `Sequences`.

    A transformer says in `_fit` what it learns, in `_transform` what becomes of the values, and in `_names_out` what
    the new features are called; lengths and times stay.
    """

    _keeps_tables = True

    def __init_subclass__(cls, auto_wrap_output_keys=None, **kwargs):
        super().__init_subclass__(auto_wrap_output_keys=auto_wrap_output_keys, **kwargs)

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn from the training sequences.

        Parameters
        ----------
        X : array, data frame, list or Sequences
            The training sequences, in any form that :func:`~sklstm.as_sequences` accepts. NaN is a missing value.

        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted transformer.

        Raises
        ------
        ValueError
            If X or a parameter is not what it should be; the message says what and where. The transformer then stays
            as it was.
        """
        with unchanged_on_error(self):
            self._fit(validate_sequences(self, X, reset=True, allow_nan=True))
            self._is_fitted = True
        return self

    def _fit(self, sequences):
        """By default there is nothing to learn but the features."""

    def _stream(self, n_streams):
        """What transforms one time step of each of `n_streams` sequences after the other.

        An object with `step`, from values (n_streams, n_features), the times since the first step and since the one
        before, each (n_streams,), to values; and `remembered`, a dict of arrays with a row a stream.
        """
        raise ValueError(
            f"{type(self).__name__} needs more of a sequence than the steps up to now: take it out of the pipeline for "
            "a stream, or give the stream what it returns."
        )

    def _names_out(self, names):
        return names

    def _apply(self, X, function):
        """What `function` makes of the values of sequences."""
        check_is_fitted(self)
        sequences = validate_sequences(self, X, reset=False, allow_nan=True)
        names = sequences.feature_names
        return self._in_form(X, sequences, function(sequences), None if names is None else self._names_out(names))

    def _in_form(self, X, sequences, values, names):
        """New sequences; what came as a table stays one, if it still has one feature over time."""
        if is_table(X) and values.shape[1] == 1:
            return values.reshape(len(sequences), -1)
        return sequences.with_values(values, names)

    def transform(self, X):
        """Transform sequences.

        Parameters
        ----------
        X : array, data frame, list or Sequences
            Sequences in any form that :func:`~sklstm.as_sequences` accepts, of as many features as in `fit`. NaN is a
            missing value.

        Returns
        -------
        X : Sequences or ndarray of shape (n_sequences, n_timesteps)
            Sequences with the names and times that they came with. A table, which is one feature over time, stays one
            if it has one feature still.
        """
        return self._apply(X, self._transform)

    def get_feature_names_out(self, input_features=None):
        """Get the names of the features that `transform` returns.

        Parameters
        ----------
        input_features : array-like of str of shape (n_features,), default=None
            Names of the features; by default those that the training sequences have, or "x0", "x1" and so on.

        Returns
        -------
        feature_names_out : ndarray of str
            The names; of a table that stays one, those of its columns.
        """
        check_is_fitted(self)
        names = names_in(self, input_features)
        if not self._fitted_on_table:
            return self._names_out(names)
        of_one = self._names_out(np.array(["x0"], dtype=object))
        return names if len(of_one) == 1 and self._keeps_tables else of_one

    def set_output(self, *, transform=None):
        """Set the container of the output; sequences stay what they are, whatever is asked for.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            The container of what is a table.

        Returns
        -------
        self : object
            The transformer.
        """
        check_container(transform)
        return super().set_output(transform=transform) if self._sklearn_auto_wrap_output_keys else self

    def __sklearn_is_fitted__(self):
        return getattr(self, "_is_fitted", False)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def side_by_side(parts, dtype):
    """Features of all parts next to each other, in one precision."""
    try:
        with np.errstate(over="raise"):
            return np.concatenate(parts, axis=1, dtype=dtype)
    except FloatingPointError as error:
        raise ValueError(
            f"X is of {dtype}, which cannot hold the times or the fill_value that are to go with it: choose a larger "
            "unit of time and a smaller fill_value, or pass X as float64."
        ) from error
