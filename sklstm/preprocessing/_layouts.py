"""Flat rows, as other libraries lay them out, into sequences."""

from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data


class ToSequences(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):
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

    feature_names_in_ : ndarray of str of shape (n_features_in_,)
        Names of the columns, where they have them.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm.preprocessing import ToSequences
    >>> rows = np.array([[3, 2, 1, 30, 20, 10]])
    >>> ToSequences(n_features=2, layout="feature_major", newest_first=True).fit_transform(rows)
    array([[[ 1., 10.],
            [ 2., 20.],
            [ 3., 30.]]])
    """

    _parameter_constraints: dict = {  # noqa: RUF012 - scikit-learn's convention
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
            If the number of columns does not fit.
        """
        X = self._check(X, reset=True)
        if X.ndim == 3:
            n_features = X.shape[1 if self.layout == "feature_major" else 2]
            if n_features != self.n_features or self.n_static:
                raise ValueError(
                    f"X has the shape {X.shape}, which is {n_features} features by layout={self.layout!r}, without "
                    f"static columns; but n_features={self.n_features} and n_static={self.n_static}."
                )
            return self
        n_columns = X.shape[1] - self.n_static
        if n_columns <= 0 or n_columns % self.n_features:
            raise ValueError(
                f"X has {X.shape[1]} columns, of which n_static={self.n_static} belong to no time step: the other "
                f"{n_columns} do not make whole time steps of n_features={self.n_features}."
            )
        return self

    def transform(self, X):
        """Bring rows into the order of time steps and features.

        Parameters
        ----------
        X : array or data frame of shape (n_samples, n_timesteps * n_features + n_static)
            Rows as in `fit`.

        Returns
        -------
        X : ndarray of shape (n_samples, n_timesteps, n_features + n_static)
            Sequences, the oldest time step first.
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
        return np.concatenate([steps, np.repeat(static, steps.shape[1], axis=1)], axis=2)

    def inverse_transform(self, X):
        """Bring sequences back into flat rows.

        Parameters
        ----------
        X : array of shape (n_samples, n_timesteps, n_features + n_static)
            Sequences as `transform` returns them.

        Returns
        -------
        X : ndarray of shape (n_samples, n_timesteps * n_features + n_static)
            Rows.
        """
        check_is_fitted(self)
        X = np.asarray(X)
        steps, static = X[:, :: -1 if self.newest_first else 1, : self.n_features], X[:, 0, self.n_features :]
        if self.layout == "feature_major":
            steps = steps.transpose(0, 2, 1)
        return np.concatenate([steps.reshape(len(X), -1), static], axis=1)

    def _check(self, X, reset):
        return validate_data(
            self, X, reset=reset, dtype=[np.float64, np.float32], allow_nd=True, ensure_all_finite="allow-nan"
        )

    def __sklearn_is_fitted__(self):
        return hasattr(self, "n_features_in_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
