"""Pictures of forecasts beside what came."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils import _safe_indexing, check_consistent_length
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils._param_validation import HasMethods, validate_params
from sklearn.utils._plotting import _validate_style_kwargs

from ..real_numbers import WHOLE, Interval
from ..validation import as_sequences
from ._apart import behind_layout, chosen_rows
from ._arrays import bounds_of, times_of, values_of
from ._forecasts import forecast, history_of, when
from ._panels import BLUE, GREY, ORANGE, alone, check_axes, label_times

# More points than these on a line would hide it.
MOST_POINTS = 80


class ForecastDisplay:
    """Forecasts, how sure they are, what led up to them and what came.

    Made by :meth:`from_estimator` or :meth:`from_predictions`; parameters are kept as attributes.

    Parameters
    ----------
    y_pred : ndarray of shape (n_steps,) or None
        The forecasts. None where there are intervals alone.

    y_true : ndarray of shape (n_steps,), default=None
        What came.

    lower, upper : ndarray of shape (n_steps, n_intervals), default=None
        Bounds of the intervals, from the widest to the narrowest.

    interval_names : list of str, default=None
        What the intervals are.

    times : ndarray of shape (n_steps,)
        When the forecasts are for: numbers or datetime64.

    history : ndarray of shape (n_before,), default=None
        The series before, as the model sees it.

    history_times : ndarray of shape (n_before,), default=None
        When that was.

    target_name : str or int, default=None
        What is forecast, and in which unit.

    time_name : str, default="time"
        What stands below the time axis.

    Attributes
    ----------
    line_ : matplotlib Line2D or None
        The forecasts.

    true_line_, history_line_ : matplotlib Line2D or None
        What came, and what was before.

    bands_ : list of matplotlib artists
        The intervals.

    ax_ : matplotlib Axes
        The axes.

    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    sklearn.metrics.PredictionErrorDisplay : Errors of all predictions of a regressor.

    Examples
    --------
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.datasets import load_glucose
    >>> from sklstm.inspection import ForecastDisplay
    >>> from sklstm.preprocessing import sliding_windows
    >>> X, y, person = sliding_windows(load_glucose().data[:2], window=12, horizon=6, step=24)
    >>> model = LSTMRegressor(8, max_iter=5, random_state=0).fit(X, y)
    >>> display = ForecastDisplay.from_estimator(model, X, y, sequence=10, target_name="glucose, mg/dL")
    >>> display.y_pred.shape, display.history.shape
    ((6,), (12,))
    """

    def __init__(
        self,
        *,
        y_pred,
        times,
        y_true=None,
        lower=None,
        upper=None,
        interval_names=None,
        history=None,
        history_times=None,
        target_name=None,
        time_name="time",
    ):
        self.y_pred = y_pred
        self.times = times
        self.y_true = y_true
        self.lower = lower
        self.upper = upper
        self.interval_names = interval_names
        self.history = history
        self.history_times = history_times
        self.target_name = target_name
        self.time_name = time_name

    def plot(self, ax=None, *, line_kwargs=None, band_kwargs=None, true_kwargs=None, history_kwargs=None):
        """Draw the forecasts.

        Parameters
        ----------
        ax : matplotlib axes, default=None
            Axes to draw on; None makes a new figure.

        line_kwargs, true_kwargs, history_kwargs : dict, default=None
            Keyword arguments for matplotlib's ``plot``, of the forecasts, of what came and of what was before.

        band_kwargs : dict, default=None
            Keyword arguments for matplotlib's ``fill_between``, which draws the intervals.

        Returns
        -------
        display : ForecastDisplay
            The display, with what was drawn as attributes.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots(figsize=(8, 3.6), layout="constrained")
        self.ax_, self.figure_ = check_axes(ax), ax.figure
        times = np.asarray(self.times)
        points = {"marker": "o", "markersize": 3.5}
        if len(times) <= MOST_POINTS:
            points["markevery"] = None
        before = {"color": GREY, "label": "before", "marker": "."}
        came = {"color": ORANGE, "label": "what came", **points, "linewidth": 0.8}
        forecast = {"color": BLUE, "label": "forecast", **points, "zorder": 3}
        self.history_line_ = self._draw(self.history, self.history_times, before, history_kwargs)
        self.bands_ = self._draw_bands(times, band_kwargs)
        self.true_line_ = self._draw(self.y_true, times, came, true_kwargs)
        self.line_ = self._draw(self.y_pred, times, forecast, line_kwargs)
        if self.history is not None and self.history_times[-1] < times[0]:
            ax.axvline(self.history_times[-1], color="0.7", linestyle=":", linewidth=1)
        label_times(ax, times, self.time_name)
        ax.set_ylabel("target" if self.target_name is None else self.target_name)
        if ax.get_legend_handles_labels()[0]:
            ax.legend(frameon=False, ncols=5, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0)
        return self

    def _draw(self, values, times, style, user_style):
        if values is None:
            return None
        if "marker" not in (user_style or {}):
            style = {"markevery": alone(values), **style}
        style = _validate_style_kwargs(style, user_style or {})
        return self.ax_.plot(times, values, **style)[0]

    def _draw_bands(self, times, band_kwargs):
        if self.lower is None:
            return []
        bands = []
        lower, upper = (np.reshape(bound, (len(times), -1)).T for bound in (self.lower, self.upper))
        for k, (low, high) in enumerate(zip(lower, upper, strict=True)):
            name = None if self.interval_names is None else self.interval_names[k]
            style = {"facecolor": BLUE, "alpha": min(0.2 + 0.15 * k, 0.8), "linewidth": 0, "label": name}
            style = _validate_style_kwargs(style, band_kwargs or {})
            if len(times) == 1:  # an area would have no width
                color = style.get("color", style["facecolor"])
                style = {"color": color, "label": name, "elinewidth": 1 + 2 * k, "capsize": 4, "fmt": "none"}
                bands.append(self.ax_.errorbar(times, (low + high) / 2, (high - low) / 2, **style))
            else:
                bands.append(self.ax_.fill_between(times, low, high, **style))
        return bands

    @classmethod
    @validate_params(
        {
            "estimator": [HasMethods(["predict"])],
            "X": "no_validation",
            "y": ["array-like", None],
            "sequence": "no_validation",
            "output": "no_validation",
            "feature": [WHOLE, str, None],
            "ahead": [WHOLE],
            "coverage": [Interval(Real, 0, 1, closed="neither")],
            "target_name": [str, Integral, None],
            "time_name": [str, None],
        },
        prefer_skip_nested_validation=True,
    )
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        sequence=0,
        output=None,
        feature=0,
        ahead=1,
        coverage=0.95,
        target_name=None,
        time_name=None,
        ax=None,
        **kwargs,
    ):
        """Draw what a fitted regressor forecasts.

        Three pictures come of three models:

        - With several outputs that are the steps of a horizon, the forecast behind one sequence.
        - With ``return_sequences=True``, the forecasts from each time step of one sequence.
        - For windows of one series that follow each other, as :func:`~sklstm.preprocessing.sliding_windows` cuts them,
          one forecast from each: `sequence` then chooses several.

        A list of quantiles draws bands between the outer ones, and the middle one as the forecast;
        ``loss="gaussian_nll"`` a band of `coverage`.

        Parameters
        ----------
        estimator : estimator
            A fitted regressor: an LSTMRegressor, a Pipeline or a search that ends in one, or any other.

        X : array, data frame, list or Sequences
            Sequences as `estimator` takes them.

        y : array-like, default=None
            What came, in the form that `estimator` was fitted with.

        sequence : int, slice or array-like of int, default=0
            The number of the sequence to be shown, or those of windows that follow each other.

        output : int, default=None
            The output to be shown, where outputs are not the steps of one horizon. None takes the horizon of one
            sequence, else the first output.

        feature : int or str, default=0
            The feature of `X` that is forecast, to be drawn as what was before, where that is not drawn as what came.
            Of rows that a :class:`~sklstm.preprocessing.ToSequences` at the start of a Pipeline lays out, one of the
            features behind it. None draws nothing.

        ahead : int, default=1
            How many time steps after the last one seen (with ``return_sequences=True``, after each step) the forecast
            is for, or the first one of a horizon: 0 if targets belong to the steps themselves. A time step is as long
            as most.

        coverage : float, default=0.95
            Probability of the interval that is drawn with ``loss="gaussian_nll"``.

        target_name : str or int, default=None
            What is forecast, and in which unit; by default the name of `feature`, if there is one.

        time_name : str, default=None
            What stands below the time axis; by default what is known of the times.

        ax : matplotlib axes, default=None
            Axes to draw on; None makes a new figure.

        **kwargs : dict
            `line_kwargs`, `band_kwargs`, `true_kwargs` and `history_kwargs`, as in :meth:`plot`.

        Returns
        -------
        display : ForecastDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If there is no such sequence, output or feature, if `y` does not go with it, if `estimator` is a classifier,
            or an argument is not of the type above.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        if is_classifier(estimator):
            raise ValueError("ForecastDisplay needs a regressor, but estimator is a classifier.")
        rows = chosen_rows(X, sequence)
        check_consistent_length(X, y)
        estimator, part = behind_layout(estimator, _safe_indexing(X, rows))
        sequences, forecasts = as_sequences(part), forecast(estimator, part, coverage)
        y_true = None if y is None else forecasts.chosen(forecasts.of_target(_safe_indexing(y, rows)), output)
        levels = forecasts.chosen(forecasts.table, output)
        times, history_times, default_name = when(sequences, forecasts, len(levels), ahead)
        name, history = history_of(sequences, feature)
        if len(sequences) > 1 or (forecasts.by_step and y is not None):
            history = None
        n_intervals, has_middle = forecasts.n_intervals, levels.shape[1] % 2
        return cls.from_predictions(
            y_true,
            levels[:, n_intervals] if has_middle else None,
            lower=levels[:, :n_intervals] if n_intervals else None,
            upper=levels[:, ::-1][:, :n_intervals] if n_intervals else None,
            interval_names=forecasts.interval_names if n_intervals else None,
            times=times,
            history=history,
            history_times=None if history is None else history_times,
            target_name=name if target_name is None else target_name,
            time_name=default_name if time_name is None else time_name,
            ax=ax,
            **kwargs,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true,
        y_pred,
        *,
        lower=None,
        upper=None,
        interval_names=None,
        times=None,
        history=None,
        history_times=None,
        target_name=None,
        time_name=None,
        ax=None,
        **kwargs,
    ):
        """Draw forecasts that have been made.

        Parameters
        ----------
        y_true : array-like of shape (n_steps,) or None
            What came. None if that is not known.

        y_pred : array-like of shape (n_steps,) or None
            The forecasts. None if there are intervals alone.

        lower, upper : array-like of shape (n_steps,) or (n_steps, n_intervals), default=None
            Bounds of intervals, from the widest to the narrowest.

        interval_names : list of str of length n_intervals, default=None
            What the intervals are, for the legend.

        times : array-like of shape (n_steps,), default=None
            When the forecasts are for: numbers or datetime64. None numbers them from 0 or, behind a history, from 1.

        history : array-like of shape (n_before,), default=None
            The series before.

        history_times : array-like of shape (n_before,), default=None
            When that was. None numbers them up to 0, the last.

        target_name : str or int, default=None
            What is forecast, and in which unit.

        time_name : str, default=None
            What stands below the time axis; by default "time" where there are `times`, else "time step".

        ax, **kwargs
            As in :meth:`from_estimator`.

        Returns
        -------
        display : ForecastDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If there is nothing to draw, a bound without the other or a lower one above the upper, or if arrays have
            other shapes, lengths or kinds of values.
        """
        check_matplotlib_support(f"{cls.__name__}.from_predictions")
        if (lower is None) != (upper is None):
            raise ValueError("lower and upper must be passed together.")
        if y_pred is None and lower is None:
            raise ValueError("There is nothing to draw: pass y_pred, or lower and upper.")
        if history is None and history_times is not None:
            raise ValueError("history_times was passed without history, to which it belongs.")
        arrays = {"y_pred": values_of(y_pred, "y_pred"), "y_true": values_of(y_true, "y_true")}
        arrays |= {"lower": values_of(lower, "lower", most_ndim=2), "upper": values_of(upper, "upper", most_ndim=2)}
        n_steps = len(arrays["lower"] if y_pred is None else arrays["y_pred"])
        arrays["times"] = times_of(np.arange(n_steps) + (history is not None) if times is None else times, "times")
        for name, array in arrays.items():
            if array is not None and len(array) != n_steps:
                raise ValueError(f"{name} holds {len(array)} time steps, but there are forecasts for {n_steps}.")
        if lower is not None:
            arrays["lower"], arrays["upper"] = bounds_of(arrays["lower"], arrays["upper"], interval_names)
        history = values_of(history, "history")
        if history is not None:
            before = np.arange(1 - len(history), 1) if history_times is None else history_times
            history_times = times_of(before, "history_times")
            if len(history_times) != len(history):
                raise ValueError(f"history_times holds {len(history_times)} times for the {len(history)} of history.")
            if (history_times.dtype.kind == "M") != (arrays["times"].dtype.kind == "M"):
                raise ValueError("times and history_times must both be numbers or both be datetime64.")
        display = cls(
            **arrays,
            interval_names=interval_names,
            history=history,
            history_times=history_times,
            target_name=target_name,
            time_name=("time step" if times is None else "time") if time_name is None else time_name,
        )
        return display.plot(ax, **kwargs)
