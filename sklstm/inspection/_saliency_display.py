"""Pictures of what an output owes to each value of a sequence."""

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils._plotting import _validate_style_kwargs

from ._apart import look_at, names_of
from ._gradients import integrated_gradients
from ._panels import DIVERGING, MOST_ROWS, TimeAxis, diverging, heat_map, make_panels, name_rows


class SaliencyDisplay:
    """What a prediction owes to each feature at each time step, by integrated gradients.

    A heat map of features over time: red raises the output, blue lowers it. The bars beside it are the sums over time;
    all together they make up the difference between the output for the sequence and that for the baseline. Made by
    :meth:`from_estimator`; parameters are kept as attributes.

    Parameters
    ----------
    attributions : ndarray of shape (n_timesteps, n_features)
        The attributions of one sequence, as an element of what :func:`integrated_gradients` returns.

    prediction, baseline_prediction : float, default=None
        The output that is explained, for the sequence and for the baseline.

    target_name : str, default=None
        What the output is.

    feature_names : array-like of str of shape (n_features,), default=None
        Names of the features; by default "x0", "x1" and so on.

    times : ndarray of shape (n_timesteps,), default=None
        When the steps were taken: ascending numbers or datetime64. None numbers them from 0.

    tokens : array-like of str of shape (n_timesteps,), default=None
        Words, to be written below the time steps.

    Attributes
    ----------
    heatmap_ : matplotlib QuadMesh
        The attributions over time.

    bars_ : matplotlib BarContainer or None
        Their sums over time; None with tokens.

    ax_ : matplotlib Axes
        Axes of the heat map.

    axes_ : ndarray of matplotlib axes
        Those of the heat map and the bars.

    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    integrated_gradients : The numbers.
    permutation_importance : What the score owes to each feature, over all sequences.

    Examples
    --------
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.datasets import make_vital_signs
    >>> from sklstm.inspection import SaliencyDisplay
    >>> X, y = make_vital_signs(50, random_state=0)
    >>> model = LSTMClassifier(8, max_iter=5, random_state=0).fit(X, y)
    >>> display = SaliencyDisplay.from_estimator(model, X, sequence=3)
    >>> display.attributions.shape == X[3].shape
    True
    """

    def __init__(
        self,
        *,
        attributions,
        prediction=None,
        baseline_prediction=None,
        target_name=None,
        feature_names=None,
        times=None,
        tokens=None,
    ):
        self.attributions = attributions
        self.prediction = prediction
        self.baseline_prediction = baseline_prediction
        self.target_name = target_name
        self.feature_names = feature_names
        self.times = times
        self.tokens = tokens

    def plot(self, ax=None, *, time_name=None, bar_kwargs=None, **kwargs):
        """Draw the attributions.

        Parameters
        ----------
        ax : matplotlib axes, default=None
            Axes whose place the panels take; None makes a new figure.

        time_name : str, default=None
            What stands below the time axis; by default "time" where there are times, else "time step".

        bar_kwargs : dict, default=None
            Keyword arguments for matplotlib's ``barh``.

        **kwargs : dict
            Keyword arguments for matplotlib's ``pcolormesh``, which draws the heat map.

        Returns
        -------
        display : SaliencyDisplay
            The display, with what was drawn as attributes.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        attributions = np.asarray(self.attributions)
        n_timesteps, n_features = attributions.shape
        axis = TimeAxis(n_timesteps, self.times, self.tokens, time_name)
        has_bars = self.tokens is None
        columns = (34, 8, 1) if has_bars else (40, 1)
        (panels,) = make_panels(ax, [max(1.2, 0.5 + 0.25 * min(n_features, MOST_ROWS))], columns=columns)
        self.ax_, self.axes_, self.figure_ = panels[0], panels[:-1], panels[0].figure
        self.heatmap_ = heat_map(self.ax_, axis, attributions, diverging(attributions), **kwargs)
        self.figure_.colorbar(self.heatmap_, cax=panels[-1], label="attribution")
        if has_bars:
            name_rows(self.ax_, names_of(self.feature_names, n_features))
            self.bars_ = self._draw_sums(panels[1], bar_kwargs or {})
        else:
            self.bars_ = None
            self.ax_.set_yticks([])
        self.ax_.set_title(self._title())
        axis.label(self.ax_)
        return self

    def _draw_sums(self, ax, bar_kwargs):
        import matplotlib

        sums = np.nansum(self.attributions, axis=0)
        low, high = matplotlib.colormaps[DIVERGING]([0.15, 0.85])
        style = _validate_style_kwargs({"color": [high if value > 0 else low for value in sums]}, bar_kwargs)
        bars = ax.barh(np.arange(len(sums)), sums, **style)
        ax.axvline(0, color="0.2", linewidth=0.8)
        ax.set(ylim=self.ax_.get_ylim(), yticks=[])
        ax.set_title("sum over time", fontsize="medium")
        ax.locator_params(axis="x", nbins=3)
        ax.tick_params(labelbottom=True)
        return bars

    def _title(self):
        name = "output" if self.target_name is None else self.target_name
        title = name if self.prediction is None else f"{name}: {_number(self.prediction)}"
        at_baseline = self.baseline_prediction
        return title if at_baseline is None else f"{title}, at the baseline {_number(at_baseline)}"

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        sequence=0,
        target=None,
        step=None,
        baseline=None,
        tol=1e-3,
        target_name=None,
        time_name=None,
        ax=None,
        bar_kwargs=None,
        **kwargs,
    ):
        """Draw what a fitted network's output for one sequence owes to each value.

        Parameters
        ----------
        estimator : LSTMRegressor, LSTMClassifier, Pipeline or search
            Fitted; the last step is the network, and attributions are of the features that it sees.

        X : array, data frame, list or Sequences
            Sequences as `estimator` takes them.

        sequence : int, default=0
            The number of the one to be shown.

        target, step, baseline, tol
            As in :func:`integrated_gradients`: which output or class is explained, at which time step of a network with
            ``return_sequences=True``, compared with what, and how exactly.

        target_name : str, default=None
            What the output is, for the title; by default the class or the number of the output, where there are
            several.

        time_name, ax, bar_kwargs
            As in :meth:`plot`.

        **kwargs : dict
            Keyword arguments for matplotlib, as in :meth:`plot`.

        Returns
        -------
        display : SaliencyDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If there is no such sequence or output, or `estimator` does not end in a network.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        model, one, about = look_at(estimator, X, sequence)
        result = integrated_gradients(model, one, target=target, step=step, baseline=baseline, tol=tol)
        display = cls(
            attributions=result.attributions[0],
            prediction=float(result.predictions[0]),
            baseline_prediction=float(result.baseline_predictions[0]),
            target_name=_name_of_target(model, one, target, step) if target_name is None else target_name,
            **about,
        )
        return display.plot(ax, time_name=time_name, bar_kwargs=bar_kwargs, **kwargs)


def _number(value):
    return f"{value:.3g}".replace("-", "\N{MINUS SIGN}")  # as on the axes


def _name_of_target(model, X, target, step):
    if not is_classifier(model):
        return None if target is None else f"output {target}"
    if target is None:
        target = model.classes_[1] if len(model.classes_) == 2 else _predicted(model, X, step)
    return f"{'log odds' if model.out_activation_ == 'logistic' else 'score'} of class {target}"


def _predicted(model, X, step):
    predicted = model.predict(X)[0]
    return predicted[-1 if step is None else step] if model._network.architecture.return_sequences else predicted
