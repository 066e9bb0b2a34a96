"""Pictures of what a network with attention looks at."""

import numpy as np
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils._plotting import _validate_style_kwargs

from ._apart import look_at
from ._panels import BLUE, TimeAxis, make_stack


class AttentionDisplay:
    """How much each time step of a sequence, or each word of a text, counts for the output.

    Weights of a network with ``pooling="attention"`` as bars, below the sequence. The dashed line is where all steps
    count alike. Made by :meth:`from_estimator`; parameters are kept as attributes.

    Parameters
    ----------
    weights : ndarray of shape (n_timesteps,)
        The weights of the time steps, which sum to 1.

    values : ndarray of shape (n_timesteps, n_features), default=None
        The sequence. None leaves it out.

    feature_names : array-like of str of shape (n_features,), default=None
        Names of its features; by default "x0", "x1" and so on.

    times : ndarray of shape (n_timesteps,), default=None
        When the steps were taken: ascending numbers or datetime64. None numbers them from 0.

    tokens : array-like of str of shape (n_timesteps,), default=None
        Words, to be written below their weights; `values` are then left out.

    Attributes
    ----------
    weights_ : matplotlib StepPatch
        The bars.

    even_ : matplotlib Line2D
        The line where all steps count alike.

    sequence_ : matplotlib Artist or None
        The line or the heat map of the sequence.

    ax_ : matplotlib Axes
        Axes of the weights.

    axes_ : ndarray of matplotlib axes
        The panels from top to bottom.

    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    SaliencyDisplay : What the output owes to each value, for any network.

    Notes
    -----
    A weight belongs to the state of the top layer at a time step, which knows the steps before it too (and with
    ``bidirectional=True`` those behind it).

    Examples
    --------
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.datasets import make_vital_signs
    >>> from sklstm.inspection import AttentionDisplay
    >>> X, y = make_vital_signs(50, random_state=0)
    >>> model = LSTMClassifier(8, pooling="attention", max_iter=5, random_state=0).fit(X, y)
    >>> display = AttentionDisplay.from_estimator(model, X, sequence=3)
    >>> round(float(display.weights.sum()), 3)
    1.0
    """

    def __init__(self, *, weights, values=None, feature_names=None, times=None, tokens=None):
        self.weights = weights
        self.values = values
        self.feature_names = feature_names
        self.times = times
        self.tokens = tokens

    def plot(self, ax=None, *, time_name=None, **kwargs):
        """Draw the weights.

        Parameters
        ----------
        ax : matplotlib axes, default=None
            Axes whose place the panels take; None makes a new figure.

        time_name : str, default=None
            What stands below the time axis; by default "time" where there are times, else "time step".

        **kwargs : dict
            Keyword arguments for matplotlib's ``stairs``, which draws the bars.

        Returns
        -------
        display : AttentionDisplay
            The display, with what was drawn as attributes.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        weights = np.asarray(self.weights)
        axis = TimeAxis(len(weights), self.times, self.tokens, time_name)
        values = None if self.tokens is not None else self.values
        panels, self.sequence_ = make_stack(ax, axis, values, self.feature_names, [1.4])
        self.axes_, self.ax_, self.figure_ = panels[:, 0], panels[-1, 0], panels[0, 0].figure
        panels[-1, 1].set_axis_off()
        style = _validate_style_kwargs({"fill": True, "color": BLUE, "alpha": 0.8}, kwargs)
        self.weights_ = self.ax_.stairs(weights, axis.edges, **style)
        even = {"color": "0.2", "linestyle": "--", "linewidth": 1, "label": "all alike"}
        self.even_ = self.ax_.axhline(1 / len(weights), **even)
        self.ax_.legend(handles=[self.even_], frameon=False)
        self.ax_.set(ylabel="weight", ylim=(0, None), xlim=axis.edges[[0, -1]])
        axis.label(self.ax_)
        return self

    @classmethod
    def from_estimator(cls, estimator, X, *, sequence=0, time_name=None, ax=None, **kwargs):
        """Draw what a fitted network looks at in one sequence.

        Parameters
        ----------
        estimator : LSTMRegressor, LSTMClassifier, Pipeline or search
            Fitted, with ``pooling="attention"``. Behind a :class:`~sklstm.preprocessing.SequenceTokenizer`, the words
            are written below their weights.

        X : array, data frame, list or Sequences
            Sequences as `estimator` takes them; texts if it begins with a tokenizer.

        sequence : int, default=0
            The number of the one to be shown.

        time_name, ax
            As in :meth:`plot`.

        **kwargs : dict
            Keyword arguments for matplotlib, as in :meth:`plot`.

        Returns
        -------
        display : AttentionDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If there is no such sequence, or `estimator` does not end in a network with attention.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        model, one, about = look_at(estimator, X, sequence)
        if not hasattr(model, "attention_weights"):
            pooling = model._network.architecture.pooling
            raise ValueError(
                f'AttentionDisplay needs a network with pooling="attention", but this one has {pooling!r}.'
            )
        display = cls(weights=model.attention_weights(one)[0], values=one[0], **about)
        return display.plot(ax, time_name=time_name, **kwargs)
