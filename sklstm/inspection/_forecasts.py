"""What a picture of forecasts shows: levels of predictions, what came, and when."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from ..losses import GaussianNLL
from ._apart import take_apart


@dataclass
class Forecasts:
    """Predictions (n_rows, n_outputs, n_levels), a row a sequence or, with `by_step`, a time step of the only one.

    Levels are the bounds of intervals from the outside in, with the forecast in the middle if their number is odd.
    """

    table: np.ndarray
    interval_names: list
    by_step: bool

    @property
    def n_intervals(self):
        """How many pairs of bounds there are."""
        return self.table.shape[2] // 2

    def of_target(self, y):
        """Targets as a table of the same rows and outputs, (n_rows, n_outputs)."""
        n_rows, n_outputs, _ = self.table.shape
        y = np.asarray(y[0])[:n_rows] if self.by_step else np.asarray(y)
        if y.size != n_rows * n_outputs:
            raise ValueError(
                f"y has the shape {y.shape} for what is shown, but there are predictions of {n_outputs} outputs for "
                f"{n_rows} {'time steps' if self.by_step else 'sequences'}."
            )
        return y.reshape(n_rows, n_outputs).astype(np.float64)

    def chosen(self, table, output):
        """The column of an output, (n_rows, ...); with None the first or, of a lone sequence, all its outputs."""
        if output is None and not self.by_step and len(table) == 1:
            return table[0]
        output = output or 0
        if not 0 <= output < table.shape[1]:
            raise ValueError(f"output={output} must be the number of one of the {table.shape[1]} outputs.")
        return table[:, output]


def forecast(estimator, X, coverage):
    """The `Forecasts` of any regressor for sequences: one, if it predicts at every time step."""
    try:
        steps, model = take_apart(estimator)
    except ValueError:  # another library's
        predictions = np.asarray(estimator.predict(X))
        return Forecasts(predictions.reshape(len(predictions), -1, 1), [], by_step=False)
    for step in steps:
        X = step.transform(X)
    if isinstance(model._loss, GaussianNLL):
        mean, std = (np.asarray(_rows(model, part)) for part in model.predict(X, return_std=True))
        margin = norm.ppf((1 + coverage) / 2) * std
        levels, names = np.stack([mean - margin, mean, mean + margin], axis=-1), [_share(coverage)]
    elif model._is_of_quantiles():
        levels, quantiles = _rows(model, model.predict(X)), model._loss.quantiles
        pairs = zip(quantiles[: len(quantiles) // 2], quantiles[::-1], strict=False)
        names = [_share(high - low) for low, high in pairs]
    else:
        levels, names = _rows(model, model.predict(X))[..., np.newaxis], []
    return Forecasts(levels.reshape(len(levels), -1, levels.shape[-1]), names, bool(model.return_sequences))


def _rows(model, predictions):
    if not model.return_sequences:
        return predictions
    rows = np.asarray(predictions[0])
    return rows[~np.isnan(rows.reshape(len(rows), -1)).any(axis=1)]  # without padding


def _share(coverage):
    return f"{100 * coverage:.3g} % interval"


def times_within(sequences, by_step):
    """Times of a sequence's steps, and how they are called."""
    times = sequences.times
    if times is not None and len(times) > 1 and (times[1:] > times[:-1]).all():
        return times, "time"
    n_timesteps = sequences.lengths[0]
    if by_step:
        return np.arange(n_timesteps), "time step"
    return np.arange(1 - n_timesteps, 1), "time steps after the last one seen"


def times_of_windows(sequences, ahead):
    """Times of one forecast from each of several windows, and how they are called."""
    if sequences.times is None:
        return np.arange(len(sequences)), "window"
    ends = sequences.times[sequences.offsets[1:] - 1]
    if (ends[1:] <= ends[:-1]).any():
        k = np.argmax(ends[1:] <= ends[:-1])
        raise ValueError(
            f"sequence must choose windows of one series, in order: the one at place {k + 1} ends no later than that "
            "before it."
        )
    first = sequences.times[: sequences.offsets[1]]
    return ends + ahead * usual_step(first if len(first) > 1 else ends), "time"


def usual_step(times):
    """The time from one step to the next, as most have it; 1 where there is one step."""
    gaps = np.sort(np.diff(times))
    return gaps[len(gaps) // 2] if len(gaps) else 1
