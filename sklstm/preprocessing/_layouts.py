"""Flat rows, as other libraries lay them out, into sequences."""

from numbers import Integral

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from ..atomic import unchanged_on_error
from ..real_numbers import Interval
from ..sequences import Sequences
from ..validation import as_sequences, reject_other_than_numbers
from ._base import SequenceTransformer, names_in


class ToSequences(SequenceTransformer):
    """Bring rows that other libraries lay out flat into the order of time steps and features.

    A row of numbers does not say which of them is the oldest, nor which belong to the same time step; read in the wrong
    order, it still trains. As the first step of a pipeline, this says it:

    - sktime's ``make_reduction`` hands tabular regressors ``layout="feature_major"`` rows, and time-series regressors
      arrays (n_samples, n_features, n_timesteps), which are feature-major too;
    - skforecast hands over the newest value first (``newest_first=True``), and behind the lags exogenous columns that
      belong to no time step (`n_static`).

    Parameters
    ----------
    n_features : int, default=1
        Features of a time step.

    layout : {"time_major", "feature_major"}, default="time_major"
        Whether all features of a time step stand side by side, or all time steps of a feature.

    newest_first : bool, default=False
        Whether rows begin with the last time step.

    n_static : int, default=0
        How many of a row's last columns belong to no time step. They become features that are the same at every one.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns.

    feature_names_in_ : ndarray of str of shape (n_features,)
        Names of the columns, where they have them.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm.preprocessing import ToSequences
    >>> rows = np.array([[3, 2, 1, 30, 20, 10]])
    >>> ToSequences(n_features=2, layout="feature_major", newest_first=True).fit_transform(rows)[0]
    array([[ 1., 10.],
           [ 2., 20.],
           [ 3., 30.]])
    """

    _parameter_constraints: dict = {
        "n_features": [Interval(Integral, 1, None, closed="left")],
        "layout": [StrOptions({"time_major", "feature_major"})],
        "newest_first": ["boolean"],
        "n_static": [Interval(Integral, 0, None, closed="left")],
    }

    def __init__(self, n_features=1, *, layout="time_major", newest_first=False, n_static=0):
        self.n_features = n_features
        self.layout = layout
        self.newest_first = newest_first
        self.n_static = n_static

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Check that rows can be taken apart so.

        Parameters
        ----------
        X : array or data frame of shape (n_samples, n_timesteps * n_features + n_static)
            Flat rows, or an array (n_samples, n_timesteps, n_features), or (n_samples, n_features, n_timesteps) if they
            are feature-major.

        y : None
            Ignored.

        Returns
        -------
        self : object
            The transformer.

        Raises
        ------
        ValueError
            If the number of columns does not fit. The transformer then stays as it was.
        """
        with unchanged_on_error(self):
            self._check(X, reset=True)
            self._is_fitted = True
        return self

    def transform(self, X):
        """Bring rows into the order of time steps and features.

        Parameters
        ----------
        X : array or data frame of shape (n_samples, n_timesteps * n_features + n_static)
            Rows as in `fit`.

        Returns
        -------
        X : Sequences
            Sequences of equal lengths, the oldest time step first. Where columns have names, the features are called
            "x0", "x1" and so on, and static ones as their columns are.

        Raises
        ------
        ValueError
            If the shape of `X` is not that of `fit`.
        """
        check_is_fitted(self)
        X = self._check(X, reset=False)
        n_columns = X.shape[1] - self.n_static
        static = X[:, np.newaxis, n_columns:] if X.ndim == 2 else X[:, :1, :0]
        if self.layout == "feature_major":
            steps = X[:, :n_columns].reshape(len(X), self.n_features, -1).transpose(0, 2, 1)
        else:
            steps = X[:, :n_columns].reshape(len(X), -1, self.n_features)
        if self.newest_first:
            steps = steps[:, ::-1]
        values = np.concatenate([steps, np.repeat(static, steps.shape[1], axis=1)], axis=2)
        named = hasattr(self, "feature_names_in_")
        return Sequences(
            values.reshape(-1, values.shape[2]),
            np.arange(len(X) + 1) * steps.shape[1],
            feature_names=self.get_feature_names_out() if named else None,
        )

    def inverse_transform(self, X):
        """Bring sequences back into flat rows.

        Parameters
        ----------
        X : array, list or Sequences
            Sequences as `transform` returns them.

        Returns
        -------
        X : ndarray of shape (n_samples, n_timesteps * n_features + n_static)
            Rows.

        Raises
        ------
        ValueError
            If sequences differ in length or have other features.
        """
        check_is_fitted(self)
        sequences = as_sequences(X)
        n_features = self.n_features + self.n_static
        if sequences.n_features != n_features or len(set(sequences.lengths)) > 1:
            raise ValueError(f"X must hold sequences of equal lengths and {n_features} features, got {sequences!r}.")
        X = sequences.values.reshape(len(sequences), -1, n_features)
        steps, static = X[:, :: -1 if self.newest_first else 1, : self.n_features], X[:, 0, self.n_features :]
        if self.layout == "feature_major":
            steps = steps.transpose(0, 2, 1)
        return np.concatenate([steps.reshape(len(X), -1), static], axis=1)

    def get_feature_names_out(self, input_features=None):
        """Get the names of the features of a time step.

        Parameters
        ----------
        input_features : array-like of str of shape (n_features,), default=None
            Names of the columns; by default those of the training rows, or "x0", "x1" and so on.

        Returns
        -------
        feature_names_out : ndarray of str
            "x0", "x1" and so on, then those of the columns that belong to no time step.
        """
        check_is_fitted(self)
        columns = names_in(self, input_features)
        static = columns[len(columns) - self.n_static :] if self.n_static else []
        return np.array([*(f"x{k}" for k in range(self.n_features)), *static], dtype=object)

    def _check(self, X, reset):
        reject_other_than_numbers(X)
        X = validate_data(
            self, X, reset=reset, dtype=[np.float64, np.float32], allow_nd=True, ensure_all_finite="allow-nan"
        )
        if X.ndim == 3:
            n_features = X.shape[1 if self.layout == "feature_major" else 2]
            if n_features != self.n_features or self.n_static:
                raise ValueError(
                    f"X has the shape {X.shape}, which is {n_features} features by layout={self.layout!r}, without "
                    f"static columns; but n_features={self.n_features} and n_static={self.n_static}."
                )
            return X
        n_columns = X.shape[1] - self.n_static
        if n_columns <= 0 or n_columns % self.n_features:
            raise ValueError(
                f"X has {X.shape[1]} columns, of which n_static={self.n_static} belong to no time step: the other "
                f"{n_columns} do not make whole time steps of n_features={self.n_features}."
            )
        return X
