"""What the pictures share: panels one below the other, a time axis, heat maps, and the sequence itself.

matplotlib is imported where something is drawn, so that the package needs it for nothing else.
"""

import numpy as np

from ._apart import names_of

# Of the palette by Okabe and Ito, which the colour-blind can tell apart.
BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "0.45"
SEQUENTIAL, DIVERGING, MISSING = "viridis", "RdBu_r", "0.8"

# More names of rows or words below an axis than these would run into each other.
MOST_ROWS, MOST_TOKENS = 40, 80


def make_panels(ax, heights, width=8.0, columns=(40, 1)):
    """Panels, an array (n_rows, n_columns) of axes, in a new figure or in the place of `ax`.

    Parameters
    ----------
    ax : matplotlib axes or None
    heights : list of float
        Heights of the rows, in inches where the figure is new.
    width : float
        Width of a new figure in inches.
    columns : tuple of float
        Proportions of the columns; the last is for colour bars.
    """
    import matplotlib.pyplot as plt

    ratios = {"height_ratios": heights, "width_ratios": columns}
    if ax is None:
        figure = plt.figure(figsize=(width, sum(heights) + 0.8), layout="constrained")
        grid = figure.add_gridspec(len(heights), len(columns), **ratios)
    else:
        spec = check_axes(ax).get_subplotspec()
        if spec is None:
            raise ValueError("ax must be one of a grid, as plt.subplots makes them: its place is divided into panels.")
        ax.set_axis_off()
        figure = ax.figure
        if figure.get_layout_engine() is None:  # which would see to the gaps
            ratios |= {"wspace": 0.05, "hspace": 0.2}
        grid = spec.subgridspec(len(heights), len(columns), **ratios)
    panels = np.empty((len(heights), len(columns)), dtype=object)
    for place in np.ndindex(panels.shape):
        panels[place] = figure.add_subplot(grid[place], sharex=panels[0, 0] if place[1] == 0 else None)
        panels[place].tick_params(labelbottom=place[0] == len(heights) - 1)
    return panels


class TimeAxis:
    """Where time steps lie on the axis of x, and what stands below it.

    Steps that share a time, or have none, are numbered from 0; tokens are written out.
    """

    def __init__(self, n_timesteps, times=None, tokens=None, name=None):
        if not isinstance(name, str | None):
            raise ValueError(f"time_name must be a text or None, got {name!r}.")
        self._tokens = tokens
        times = None if times is None else np.asarray(times)
        has_times = times is not None and (times[1:] > times[:-1]).all()
        self.at = times if has_times else np.arange(n_timesteps)
        self.edges = _edges(self.at)
        self._name = name or ("time" if has_times else "time step")

    def label(self, ax):
        """Say what time is, below the lowest panel."""
        if self._tokens is None:
            label_times(ax, self.at, self._name)
            return
        every = -(-len(self._tokens) // MOST_TOKENS)
        ax.set_xticks(self.at[::every], self._tokens[::every], rotation=90 if len(self._tokens) > 12 else 45)
        if len(self._tokens) <= 12:
            for text in ax.get_xticklabels():
                text.set(ha="right", rotation_mode="anchor")


def label_times(ax, at, name):
    """Name the axis of x; dates are written short."""
    if at.dtype.kind == "M":
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        locator = AutoDateLocator(maxticks=8)
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    elif at.dtype.kind in "iu":
        from matplotlib.ticker import MaxNLocator

        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel(name)


def _edges(at):
    """Where the cells of a heat map begin and end: halfway between neighbouring steps."""
    if len(at) == 1:
        half = np.timedelta64(30, "m") if at.dtype.kind == "M" else 0.5
        return np.array([at[0] - half, at[0] + half])
    half = np.diff(at) / 2
    return np.concatenate([at[:1] - half[:1], at[:-1] + half, at[-1:] + half[-1:]])


def heat_map(ax, axis, table, style, **kwargs):
    """Draw a table (n_timesteps, n_rows), its first row on top; what is missing is grey.

    Keyword arguments replace those of the style, and a norm its limits too.
    """
    if "norm" in kwargs:
        style = {"cmap": style["cmap"]}
    rows = np.arange(table.shape[1] + 1) - 0.5
    ax.set_facecolor(MISSING)
    image = ax.pcolormesh(axis.edges, rows, np.ma.masked_invalid(table).T, **{**style, **kwargs})
    ax.set_ylim(rows[-1], rows[0])
    return image


def diverging(table, share=1.0):
    """Colours that are neutral at zero, and that tell apart this share of the values."""
    known = np.abs(table[np.isfinite(table)])
    highest = (np.quantile(known, share) if len(known) else 0) or 1.0
    return {"cmap": DIVERGING, "vmin": -highest, "vmax": highest}


def alone(values):
    """The numbers of values without a neighbour, which a line leaves out."""
    known = np.concatenate([[False], ~np.isnan(values), [False]])
    return np.flatnonzero(known[1:-1] & ~known[:-2] & ~known[2:])


def check_axes(ax):
    """`ax`, if it is an axes."""
    from matplotlib.axes import Axes

    if not isinstance(ax, Axes):
        raise ValueError(f"ax must be one axes of matplotlib, got {ax!r}.")
    return ax


def name_rows(ax, names):
    """Write the names of a heat map's rows beside it, as many as there is room for."""
    every = -(-len(names) // MOST_ROWS)
    ax.set_yticks(np.arange(len(names))[::every], names[::every])


def draw_sequence(ax, colours, axis, values, feature_names):
    """Draw one feature as a line, several as a heat map, each in its own standard deviations."""
    if values.shape[1] == 1:
        colours.set_axis_off()
        ax.set_ylabel(feature_names[0])
        every = None if len(values) < 60 else alone(values[:, 0])
        return ax.plot(axis.at, values[:, 0], color=GREY, marker=".", markevery=every)[0]
    known = np.ma.masked_invalid(values)
    spread = np.ma.filled(known.std(axis=0), 0)
    deviations = (known - known.mean(axis=0)) / np.where(spread > 0, spread, 1)
    image = heat_map(ax, axis, deviations.filled(np.nan), {"cmap": "PuOr_r", "vmin": -3, "vmax": 3})
    name_rows(ax, feature_names)
    ax.figure.colorbar(image, cax=colours, label="z-score")
    return image


def make_stack(ax, axis, values, feature_names, heights):
    """Panels as `make_panels` makes them, below one of the sequence unless `values` is None; and what that shows."""
    if values is None:
        return make_panels(ax, heights), None
    values = np.asarray(values)
    n_features = values.shape[1]
    height = 1.1 if n_features == 1 else 0.4 + 0.2 * min(n_features, MOST_ROWS)
    panels = make_panels(ax, [height, *heights])
    return panels, draw_sequence(*panels[0], axis, values, names_of(feature_names, n_features))
