"""What transformers of sequences share: what they accept and what they return."""

from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ..validation import is_table, validate_sequences


class SequenceTransformer(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):
    """Takes sequences of any form, gaps (NaN) included, and returns `Sequences`.

    A transformer says in `_fit` what it learns and in `_transform` what becomes of the values; lengths and times stay.
    """

    def _learn(self, X):
        sequences = validate_sequences(self, X, reset=True, allow_nan=True)
        self._fit(sequences)
        return self

    def _apply(self, X, function):
        """What `function` makes of the values of sequences."""
        check_is_fitted(self)
        sequences = validate_sequences(self, X, reset=False, allow_nan=True)
        named = sequences.feature_names is not None and not self._fitted_on_table
        return in_form(X, sequences, function(sequences), self.get_feature_names_out() if named else None)

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

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_n_features")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def in_form(X, sequences, values, names):
    """Transformed sequences; what came as a table stays one, if it still has one feature over time."""
    if is_table(X) and values.shape[1] == 1:
        return values.reshape(len(sequences), -1)
    return sequences.with_values(values, names)
