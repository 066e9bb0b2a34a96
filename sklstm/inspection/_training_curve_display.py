"""Pictures of a training, epoch by epoch."""

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils._plotting import _validate_style_kwargs

from ..pipelines import take_apart
from ._panels import check_axes, make_panels

# Beyond this ratio of the highest loss to the lowest, the early epochs would press the late ones flat.
LOG_SCALE_RATIO = 10


class TrainingCurveDisplay:
    """The loss after each epoch, and the score on the data held out.

    The dotted line marks the epoch whose weights were kept. Losses and scores have panels of their own: on two scales
    in one, crossings would seem to mean something. Made by :meth:`from_estimator`; parameters are kept as attributes.

    Parameters
    ----------
    loss_curve : array-like of shape (n_epochs,)
        Training loss of each epoch.

    validation_loss_curve : array-like of shape (n_epochs,), default=None
        Loss on the data held out.

    validation_scores : array-like of shape (n_epochs,), default=None
        Score on the data held out.

    best_epoch : int, default=None
        The epoch whose weights were kept, counted from 1. None marks none.

    score_name : str, default=None
        What the scores are.

    name : str, default=None
        Name of the model, for the legend.

    Attributes
    ----------
    lines_ : list of matplotlib Line2D
        The losses, and the scores if they are drawn.

    best_lines_ : list of matplotlib Line2D
        What marks the best epoch, in each panel.

    ax_ : matplotlib Axes
        Axes of the losses.

    axes_ : ndarray of matplotlib axes
        The panels from top to bottom.

    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    sklearn.model_selection.LearningCurveDisplay : Scores over the number of training samples.

    Examples
    --------
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.datasets import make_vital_signs
    >>> from sklstm.inspection import TrainingCurveDisplay
    >>> X, y = make_vital_signs(50, random_state=0)
    >>> model = LSTMClassifier(8, max_iter=5, early_stopping=True, random_state=0).fit(X, y)
    >>> display = TrainingCurveDisplay.from_estimator(model)
    >>> [line.get_label() for line in display.lines_]
    ['training', 'held out', 'held out']
    """

    def __init__(
        self,
        *,
        loss_curve,
        validation_loss_curve=None,
        validation_scores=None,
        best_epoch=None,
        score_name=None,
        name=None,
    ):
        self.loss_curve = loss_curve
        self.validation_loss_curve = validation_loss_curve
        self.validation_scores = validation_scores
        self.best_epoch = best_epoch
        self.score_name = score_name
        self.name = name

    def plot(self, ax=None, *, scores=True, log_scale="auto", **kwargs):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib axes or array-like of them, default=None
            Axes for the losses; those for losses and scores, such as `axes_` of another display; or one axes whose
            place both take. None makes a new figure.

        scores : bool, default=True
            Whether to draw the scores too, where there are some.

        log_scale : bool or "auto", default="auto"
            Whether the axis of the losses is logarithmic; "auto" makes it so if none is zero or less and the highest is
            more than ten times the lowest.

        **kwargs : dict
            Keyword arguments for matplotlib's ``plot``, for all curves.

        Returns
        -------
        display : TrainingCurveDisplay
            The display, with what was drawn as attributes.

        Raises
        ------
        ValueError
            If `ax` has too few axes.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        has_scores = scores and self.validation_scores is not None
        self.axes_ = _panels(ax, 1 + has_scores)
        self.ax_, self.figure_ = self.axes_[0], self.axes_[0].figure
        is_watched = self.validation_loss_curve is not None
        style = _validate_style_kwargs({"linestyle": "--" if is_watched else "-"}, kwargs)
        self.lines_ = [self._draw(self.ax_, self.loss_curve, "training", style)]
        held_out = _validate_style_kwargs({"color": self.lines_[0].get_color()}, kwargs)
        if is_watched:
            self.lines_.append(self._draw(self.ax_, self.validation_loss_curve, "held out", held_out))
        if has_scores:
            self.lines_.append(self._draw(self.axes_[1], self.validation_scores, "held out", held_out))
            self.axes_[1].set_ylabel(self.score_name or "score")
        self.best_lines_ = [] if self.best_epoch is None else [self._mark(ax) for ax in self.axes_]
        if self._is_steep() if log_scale == "auto" else log_scale:
            _make_logarithmic(self.ax_)
        self.ax_.set_ylabel("loss")
        self.axes_[-1].set_xlabel("epoch")
        self.axes_[-1].xaxis.get_major_locator().set_params(integer=True)
        self.ax_.legend(frameon=False)
        return self

    def _draw(self, ax, curve, label, style):
        label = label if self.name is None else f"{self.name}, {label}"
        return ax.plot(np.arange(1, len(curve) + 1), curve, **{"label": label, **style})[0]

    def _mark(self, ax):
        label = f"best epoch: {self.best_epoch}"
        label = label if self.name is None else f"{self.name}, {label}"
        return ax.axvline(self.best_epoch, color=self.lines_[0].get_color(), linestyle=":", linewidth=1, label=label)

    def _is_steep(self):
        held_out = [] if self.validation_loss_curve is None else self.validation_loss_curve
        losses = np.concatenate([self.loss_curve, held_out], dtype=np.float64)
        losses = losses[np.isfinite(losses)]
        lowest, highest = losses.min(initial=np.inf), losses.max(initial=0)
        return lowest > 0 and highest > LOG_SCALE_RATIO * lowest

    @classmethod
    def from_estimator(cls, estimator, *, name=None, ax=None, scores=True, log_scale="auto", **kwargs):
        """Draw how a fitted network was trained.

        Parameters
        ----------
        estimator : LSTMRegressor, LSTMClassifier, Pipeline or search
            Fitted; the last step is the network. Of a search, the one refitted on all data.

        name : str, default=None
            Name of the model, for the legend.

        ax, scores, log_scale
            As in :meth:`plot`.

        **kwargs : dict
            Keyword arguments for matplotlib, as in :meth:`plot`.

        Returns
        -------
        display : TrainingCurveDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If `estimator` does not end in a network.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        _, model = take_apart(estimator)
        watched = model.loss_curve_ if model.validation_loss_curve_ is None else model.validation_loss_curve_
        display = cls(
            loss_curve=model.loss_curve_,
            validation_loss_curve=model.validation_loss_curve_,
            validation_scores=model.validation_scores_,
            # partial_fit goes on from the last weights, whatever came before.
            best_epoch=int(np.argmin(watched)) + 1 if model._partial_state is None else None,
            score_name=_score_name(model),
            name=name,
        )
        return display.plot(ax, scores=scores, log_scale=log_scale, **kwargs)


def _panels(ax, n_panels):
    if ax is not None and np.ndim(ax) > 0:
        axes = np.array([check_axes(one) for one in np.ravel(ax)])
        if len(axes) < n_panels:
            raise ValueError(f"ax has {len(axes)} axes, but losses and scores need {n_panels}: pass scores=False.")
        return axes[:n_panels]
    if ax is not None and n_panels == 1:
        return np.array([check_axes(ax)])
    return make_panels(ax, [2.6, 1.4][:n_panels], width=6.4, columns=(1,))[:, 0]


def _make_logarithmic(ax):
    from matplotlib.ticker import LogLocator, NullFormatter

    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter(NullFormatter())


def _score_name(model):
    if is_classifier(model):
        return "accuracy"
    return "D², pinball" if model._is_of_quantiles() else "R²"
