"""Summaries of sequences, for models that take a row a sample."""

import numpy as np

from ..sequences import step_times
from ._base import SequenceTransformer
from ._statistics import STATISTICS, check_choice, statistic


class SequenceFeatures(SequenceTransformer, auto_wrap_output_keys=("transform",)):
    """Summarise each sequence by a few numbers a feature, for models that know no time.

    Missing values (NaN) are left out. What was never seen in a sequence is NaN, which gradient boosting takes as it is
    and a :class:`~sklearn.impute.SimpleImputer` fills.

    Parameters
    ----------
    statistics : list of str, default=("mean", "min", "max", "last", "count")
        Any of "count" (of values seen), "sum", "mean", "std", "min", "max", "first", "last" and "slope" (of the
        least-squares line over time; an hour is the unit of datetimes, a time step where there are no times).

    Attributes
    ----------
    n_features_in_ : int
        Number of features of a time step; of a table, its number of columns.

    feature_names_in_ : ndarray of str of shape (n_features,)
        Names of the features, where the training sequences have them.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm.preprocessing import SequenceFeatures
    >>> X = [np.array([1.0, np.nan, 4.0]), np.array([np.nan, 7.0])]
    >>> SequenceFeatures(["mean", "slope", "count"]).fit_transform(X)
    array([[2.5, 1.5, 2. ],
           [7. , nan, 1. ]])
    """

    _parameter_constraints: dict = {"statistics": [list, tuple]}

    _keeps_tables = False

    def __init__(self, statistics=("mean", "min", "max", "last", "count")):
        self.statistics = statistics

    def _fit(self, sequences):
        check_choice("statistics", self.statistics, STATISTICS)

    def transform(self, X):
        """Summarise sequences.

        Parameters
        ----------
        X : array, data frame, list or Sequences
            Sequences in any form that :func:`~sklstm.as_sequences` accepts, of as many features as in `fit`.

        Returns
        -------
        features : ndarray of shape (n_sequences, n_statistics * n_features)
            All features' first statistic, then their second one, and so on.
        """
        return self._apply(X, self._transform)

    def _transform(self, sequences):
        starts, clock = sequences.offsets[:-1], step_times(sequences)
        return np.concatenate([statistic(name, sequences.values, starts, clock) for name in self.statistics], axis=1)

    def _in_form(self, X, sequences, values, names):
        return values

    def _names_out(self, names):
        return np.array([f"{name}_{each}" for each in self.statistics for name in names], dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
