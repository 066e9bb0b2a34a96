"""Pictures of what the units of a layer do over time."""

import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage
from sklearn.utils._optional_dependencies import check_matplotlib_support

from ._apart import look_at
from ._gates import gate_activations
from ._panels import SEQUENTIAL, TimeAxis, diverging, heat_map, make_stack

MEMORIES = "cell state", "hidden state"  # the first of them that a cell has is its memory

# A unit that counts up has states far beyond those of the others, which would all be white.
SHOWN_SHARE = 0.95


class GateDisplay:
    """What a layer keeps, forgets and lets out, step by step of one sequence.

    A heat map of units over time for each gate, from 0 (shut) to 1 (open), and one for the memory; the sequence is on
    top. Made by :meth:`from_estimator`; parameters are kept as attributes.

    Parameters
    ----------
    activations : dict of str to ndarray of shape (n_timesteps, n_units)
        The gates and states of one sequence, as an element of what :func:`gate_activations` returns.

    values : ndarray of shape (n_timesteps, n_features), default=None
        The sequence. None leaves it out.

    feature_names : array-like of str of shape (n_features,), default=None
        Names of its features; by default "x0", "x1" and so on.

    times : ndarray of shape (n_timesteps,), default=None
        When the steps were taken: ascending numbers or datetime64. None numbers them from 0.

    tokens : array-like of str of shape (n_timesteps,), default=None
        Words, to be written below the time steps; `values` are then left out.

    Attributes
    ----------
    heatmaps_ : dict of str to matplotlib QuadMesh
        The drawn gates and states.

    sequence_ : matplotlib Artist or None
        The line or the heat map of the sequence.

    unit_order_ : ndarray of int of shape (n_units,)
        The units from top to bottom.

    axes_ : ndarray of matplotlib axes
        The panels from top to bottom.

    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    gate_activations : The numbers.
    SaliencyDisplay : What the output owes to each value.

    Examples
    --------
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.datasets import make_vital_signs
    >>> from sklstm.inspection import GateDisplay
    >>> X, y = make_vital_signs(50, random_state=0)
    >>> model = LSTMClassifier(8, max_iter=5, random_state=0).fit(X, y)
    >>> display = GateDisplay.from_estimator(model, X, sequence=3)
    >>> list(display.heatmaps_)
    ['input gate', 'forget gate', 'output gate', 'cell state']
    """

    def __init__(self, *, activations, values=None, feature_names=None, times=None, tokens=None):
        self.activations = activations
        self.values = values
        self.feature_names = feature_names
        self.times = times
        self.tokens = tokens

    def plot(self, ax=None, *, names=None, sort_units=True, time_name=None, gate_kwargs=None, state_kwargs=None):
        """Draw the heat maps.

        Parameters
        ----------
        ax : matplotlib axes, default=None
            Axes whose place the panels take; None makes a new figure.

        names : list of str, default=None
            The gates and states to draw. None takes the gates and the memory: of an LSTM the cell state, else the
            hidden state.

        sort_units : bool, default=True
            Whether units whose memory (without one, what is drawn first) takes a similar course stand beside each
            other, in all panels alike. False keeps their numbers' order.

        time_name : str, default=None
            What stands below the time axis; by default "time" where there are times, else "time step".

        gate_kwargs, state_kwargs : dict, default=None
            Keyword arguments for matplotlib's ``pcolormesh``, of gates and of states.

        Returns
        -------
        display : GateDisplay
            The display, with what was drawn as attributes.

        Raises
        ------
        ValueError
            If `names` are not some of the activations, or `ax` is no axes of a grid.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        activations = {name: np.asarray(table, dtype=np.float64) for name, table in self.activations.items()}
        names = _checked(names, activations)
        memory = activations[next((name for name in MEMORIES if name in activations), names[0])]
        n_timesteps, n_units = memory.shape
        self.unit_order_ = _by_similarity(memory) if sort_units else np.arange(n_units)
        axis = TimeAxis(n_timesteps, self.times, self.tokens, time_name)
        values = None if self.tokens is not None else self.values
        panels, self.sequence_ = make_stack(ax, axis, values, self.feature_names, [1.0] * len(names))
        self.axes_, self.figure_ = panels[:, 0], panels[0, 0].figure
        self.heatmaps_ = {}
        for name, (panel, colours) in zip(names, panels[-len(names) :], strict=True):
            table = activations[name][:, self.unit_order_]
            is_gate = _is_gate(name)
            style = {"cmap": SEQUENTIAL, "vmin": 0, "vmax": 1} if is_gate else diverging(table, SHOWN_SHARE)
            image = heat_map(panel, axis, table, style, **((gate_kwargs if is_gate else state_kwargs) or {}))
            self.figure_.colorbar(image, cax=colours, extend="neither" if is_gate else "both")
            panel.set_yticks([(n_units - 1) / 2], [name])
            self.heatmaps_[name] = image
        self.axes_[0].set_title(f"{n_units} units" + ", by similarity" * bool(sort_units))
        axis.label(self.axes_[-1])
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        sequence=0,
        layer=0,
        direction="forward",
        ax=None,
        **kwargs,
    ):
        """Draw the gates of a fitted network for one sequence.

        Parameters
        ----------
        estimator : LSTMRegressor, LSTMClassifier, Pipeline or search
            Fitted; the last step is the network, and the sequence is shown as that sees it.

        X : array, data frame, list or Sequences
            Sequences as `estimator` takes them.

        sequence : int, default=0
            The number of the one to be shown.

        layer : int, default=0
            The layer, counted from that nearest to the inputs.

        direction : {"forward", "backward"}, default="forward"
            The direction of a bidirectional layer.

        ax : matplotlib axes, default=None
            Axes whose place the panels take; None makes a new figure.

        **kwargs : dict
            `names`, `sort_units`, `time_name`, `gate_kwargs` and `state_kwargs`, as in :meth:`plot`.

        Returns
        -------
        display : GateDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If there is no such sequence, layer or name, or `estimator` does not end in a network.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        model, one, about = look_at(estimator, X, sequence)
        (activations,) = gate_activations(model, one, layer=layer, direction=direction)
        return cls(activations=activations, values=one[0], **about).plot(ax, **kwargs)


def _checked(names, activations):
    """The names of what is drawn; by default the gates and the first of the memories."""
    if names is None:
        memory = [name for name in MEMORIES if name in activations][:1]
        names = [name for name in activations if _is_gate(name)] + memory
    if isinstance(names, str) or not len(names):
        raise ValueError(f"names must be a list of some of {', '.join(activations)}, got {names!r}.")
    unknown = [name for name in names if name not in activations]
    if unknown:
        raise ValueError(f"names has {unknown[0]!r}, but the cell has {', '.join(activations)}.")
    return names


def _is_gate(name):
    return name.endswith(" gate")


def _by_similarity(memory):
    """Order of the units in which neighbours are alike: that of the leaves of a hierarchical clustering."""
    if memory.shape[1] < 3:
        return np.arange(memory.shape[1])
    return leaves_list(linkage(memory.T, "average", optimal_ordering=True))
