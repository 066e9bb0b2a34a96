"""Different transformers for different features, side by side."""

from collections.abc import ItemsView
from numbers import Integral

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator
from sklearn.pipeline import FeatureUnion

from ..atomic import unchanged_on_error
from ..real_numbers import JOBS
from ..validation import as_sequences
from ._base import SequenceTransformer, check_container
from ._streams import StepByStep, Together, single_steps, stream_of


class SequenceSelector(SequenceTransformer):
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

    feature_names_in_ : ndarray of str of shape (n_features,)
        Names of the features, where the training sequences have them.

    See Also
    --------
    SequenceUnion : Puts selections that were transformed in different ways side by side.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm.preprocessing import SequenceSelector
    >>> SequenceSelector([2, 0]).fit_transform([np.array([[1, 2, 3], [4, 5, 6]])])[0]
    array([[3., 1.],
           [6., 4.]])
    """

    _parameter_constraints: dict = {"features": ["array-like", Integral, str, slice]}

    def __init__(self, features):
        self.features = features

    def _fit(self, sequences):
        try:
            self.features_ = sequences.feature_indices(self.features)
        except KeyError as error:
            raise ValueError(f"features={error.args[0]}") from error

    def _transform(self, sequences):
        return np.ascontiguousarray(sequences.values[:, self.features_])

    def _stream(self, n_streams):
        return StepByStep(lambda values, elapsed, gap: values[:, self.features_])

    def _names_out(self, names):
        return names[self.features_]


class SequenceUnion(FeatureUnion, auto_wrap_output_keys=None):
    """Put what several transformers make of the same sequences side by side.

    What :class:`~sklearn.pipeline.FeatureUnion` is for tables, for sequences of any form, different lengths and missing
    values included. With :class:`SequenceSelector` in front of each, different features are treated
    differently.

    Parameters
    ----------
    transformer_list : list of (str, transformer)
        Names and transformers that keep the time steps. "drop" leaves one out; :class:`SequenceSelector` keeps features
        as they are.

    n_jobs : int, default=None
        Number of transformers that work at a time.

    verbose : bool, default=False
        Whether to print how long each takes.

    verbose_feature_names_out : bool, default=True
        Whether to put the transformers' names before those of the features, as in "vital__HR".

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklstm import as_sequences
    >>> from sklstm.preprocessing import SequenceSelector, SequenceScaler, SequenceUnion
    >>> X = as_sequences([np.array([[60.0, 1.0], [80.0, 900.0]])], feature_names=["HR", "CRP"])
    >>> union = SequenceUnion([
    ...     ("vital", make_pipeline(SequenceSelector(["HR"]), SequenceScaler("minmax"))),
    ...     ("laboratory", make_pipeline(SequenceSelector(["CRP"]), SequenceScaler("quantile", clip=3.0))),
    ... ])
    >>> Z = union.fit_transform(X)
    >>> Z.feature_names
    array(['vital__HR', 'laboratory__CRP'], dtype=object)
    >>> Z[0]
    array([[ 0., -3.],
           [ 1.,  3.]])
    """

    _parameter_constraints: dict = {
        "transformer_list": [list, tuple, ItemsView],
        "n_jobs": JOBS,
        "verbose": ["verbose"],
        "verbose_feature_names_out": ["boolean", str, callable],
    }

    def __init__(self, transformer_list, *, n_jobs=None, verbose=False, verbose_feature_names_out=True):
        super().__init__(
            transformer_list, n_jobs=n_jobs, verbose=verbose, verbose_feature_names_out=verbose_feature_names_out
        )

    def fit(self, X, y=None, **fit_params):
        """Fit all transformers.

        Parameters
        ----------
        X : array, data frame, list or Sequences
            The training sequences, in any form that the transformers accept.

        y : array-like, default=None
            Targets, for transformers that want them.

        **fit_params : dict
            Metadata, for transformers that request them.

        Returns
        -------
        self : object
            The fitted union.

        Raises
        ------
        ValueError
            If X or a parameter is not what it should be. The union and its parts then stay as they were.
        """
        self._check_parameters()
        with unchanged_on_error(*self._estimators()):
            return super().fit(X, y, **fit_params)

    def fit_transform(self, X, y=None, **params):
        """Fit all transformers, and transform.

        Parameters
        ----------
        X, y : as in `fit`

        **params : dict
            Metadata, for transformers that request them.

        Returns
        -------
        X : Sequences
            The features of all transformers side by side.

        Raises
        ------
        ValueError
            If X or a parameter is not what it should be. The union and its parts then stay as they were.
        """
        self._check_parameters()
        with unchanged_on_error(*self._estimators()):
            return super().fit_transform(X, y, **params)

    def _estimators(self):
        """All that fitting changes: the union, its parts, and what these are made of."""
        parts = [part for _, part in self.transformer_list if isinstance(part, BaseEstimator)]
        inner = [each for part in parts for each in part.get_params().values() if isinstance(each, BaseEstimator)]
        return [self, *parts, *inner]

    def _check_parameters(self):
        if not get_config()["skip_parameter_validation"]:
            self._validate_params()
        pairs = self.transformer_list
        if not pairs or not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
            raise ValueError(f"transformer_list must be a list of (name, transformer), got {pairs!r}.")

    def set_output(self, *, transform=None):
        """Leave the output as it is: sequences, whatever container is asked for.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            Ignored.

        Returns
        -------
        self : object
            The union.
        """
        check_container(transform)
        return self

    def _hstack(self, Xs):
        names, parts = [name for name, _, _ in self._iter()], [as_sequences(X) for X in Xs]
        for name, part in zip(names, parts, strict=True):
            if not (np.array_equal(part.offsets, parts[0].offsets) and np.array_equal(part.times, parts[0].times)):
                raise ValueError(
                    f"{name!r} returned sequences of other lengths or times than {names[0]!r}: a union needs "
                    "transformers that keep the time steps."
                )
        features = None
        if all(part.feature_names is not None for part in parts):
            features = self._add_prefix_for_feature_names_out(
                [(name, part.feature_names) for name, part in zip(names, parts, strict=True)]
            )
        return parts[0].with_values(np.concatenate([part.values for part in parts], axis=1), features)

    def _stream(self, n_streams):
        return Together([stream_of(transformer, n_streams) for _, transformer, _ in self._iter()])

    @property
    def _n_features(self):
        first = next((steps[0] for _, part, _ in self._iter() if (steps := single_steps(part))), None)
        if first is None:
            raise ValueError(f"{self!r} only repeats features: leave it out, or give a part a transformer.")
        return first._n_features
