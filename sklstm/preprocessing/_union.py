"""Different transformers for different features, side by side."""

import numpy as np
from sklearn.pipeline import FeatureUnion
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from ..validation import as_sequences
from ._base import SequenceTransformer


class FeatureSelector(SequenceTransformer):
    """Take some features of sequences, by name or number, in the order that is asked for.

    Parameters
    ----------
    features : int, str, array-like of these, array-like of bool, or slice
        The features. Names need `Sequences` that have them.

    Attributes
    ----------
    features_ : ndarray of int
        Their numbers.

    n_features_in_ : int
        Number of features of a time step; of a table, its number of columns.

    feature_names_in_ : ndarray of str of shape (n_features_in_,)
        Names of the features, where the training sequences have them.

    See Also
    --------
    SequenceUnion : Puts selections that were transformed in different ways side by side.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm.preprocessing import FeatureSelector
    >>> FeatureSelector([2, 0]).fit_transform([np.array([[1, 2, 3], [4, 5, 6]])])[0]
    array([[3., 1.],
           [6., 4.]])
    """

    def __init__(self, features):
        self.features = features

    def fit(self, X, y=None):
        """Find the features.

        Parameters
        ----------
        X : array, data frame, list or Sequences
            The training sequences, in any form that :func:`~sklstm.as_sequences` accepts.

        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted selector.

        Raises
        ------
        ValueError
            If there are no such features.
        """
        return self._learn(X)

    def _fit(self, sequences):
        try:
            self.features_ = sequences.columns(self.features)
        except KeyError as error:
            raise ValueError(f"features={error.args[0]}") from error

    def _transform(self, sequences):
        return np.ascontiguousarray(sequences.values[:, self.features_])

    def get_feature_names_out(self, input_features=None):
        """Get the names of the features taken.

        Parameters
        ----------
        input_features : array-like of str of shape (n_features,), default=None
            Names of all features; by default those that the training sequences have, or "x0", "x1" and so on.

        Returns
        -------
        feature_names_out : ndarray of str
            The names.
        """
        check_is_fitted(self)
        return _check_feature_names_in(self, input_features)[self.features_]


class SequenceUnion(FeatureUnion):
    """Put what several transformers make of the same sequences side by side.

    What :class:`~sklearn.pipeline.FeatureUnion` is for tables, and with its parameters, for sequences of any form,
    different lengths and gaps included. With :class:`FeatureSelector` in front of each, different features are treated
    differently.

    Parameters
    ----------
    transformer_list : list of (str, transformer)
        Names and transformers that keep the time steps; "passthrough" and "drop" are two.

    n_jobs : int, default=None
        Number of transformers that work at a time.

    transformer_weights : None
        Not for sequences, which their transformers scale.

    verbose : bool, default=False
        Whether to print how long each takes.

    verbose_feature_names_out : bool, default=True
        Whether to put the transformers' names before those of the features, as in "vital__HR".

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklstm import as_sequences
    >>> from sklstm.preprocessing import FeatureSelector, SequenceScaler, SequenceUnion
    >>> X = as_sequences([np.array([[60.0, 1.0], [80.0, 900.0]])], feature_names=["HR", "CRP"])
    >>> union = SequenceUnion([
    ...     ("vital", make_pipeline(FeatureSelector(["HR"]), SequenceScaler("minmax"))),
    ...     ("laboratory", make_pipeline(FeatureSelector(["CRP"]), SequenceScaler("quantile", clip=3.0))),
    ... ])
    >>> Z = union.fit_transform(X)
    >>> Z.feature_names
    array(['vital__HR', 'laboratory__CRP'], dtype=object)
    >>> Z[0]
    array([[ 0., -3.],
           [ 1.,  3.]])
    """

    def _hstack(self, Xs):
        names, parts = [name for name, _, _ in self._iter()], [as_sequences(X) for X in Xs]
        for name, part in zip(names, parts, strict=True):
            if not np.array_equal(part.offsets, parts[0].offsets):
                raise ValueError(
                    f"{name!r} returned sequences of other lengths than {names[0]!r}: a union needs transformers that "
                    "keep the time steps."
                )
        features = None
        if all(part.feature_names is not None for part in parts):
            features = self._add_prefix_for_feature_names_out(
                [(name, part.feature_names) for name, part in zip(names, parts, strict=True)]
            )
        return parts[0].with_values(np.concatenate([part.values for part in parts], axis=1), features)
