"""What a picture of forecasts shows: levels of predictions, what came, and when."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np
from scipy.stats import norm

from ..losses import GaussianNLL
from ..pipelines import prepared, take_apart
from ..sequences import Sequences, real_array
from ..steps import StepForm
from ..validation import as_sequences


@dataclass
class Forecasts:
    """Predictions (n_rows, n_outputs, n_levels), a row a sequence or, with `by_step`, a time step of the only one.

    Levels are the bounds of intervals from the outside in, with the forecast in the middle if their number is odd.
    """

    table: np.ndarray
    interval_names: list
    seen: Sequences  # those that the estimator, or the network in it, gets
    form: StepForm | None  # of the only sequence, with `by_step`

    @property
    def by_step(self):
        """Whether there is a forecast from each time step."""
        return self.form is not None

    @property
    def n_intervals(self):
        """How many pairs of bounds there are."""
        return self.table.shape[2] // 2

    def of_target(self, y):
        """Targets as a table of the same rows and outputs, (n_rows, n_outputs)."""
        n_rows, n_outputs, _ = self.table.shape
        y = real_array(self.form.table(y, "y") if self.by_step else y, "y")
        if y.size != n_rows * n_outputs:
            raise ValueError(
                f"y has the shape {y.shape} for what is shown, but there are predictions of {n_outputs} outputs for "
                f"{n_rows} {'time steps' if self.by_step else 'sequences'}."
            )
        return y.reshape(n_rows, n_outputs)

    def chosen(self, table, output):
        """The column of an output, (n_rows, ...); with None the first or, of a lone sequence, all its outputs."""
        if output is None and not self.by_step and len(table) == 1:
            return table[0]
        output = 0 if output is None else output
        is_number = isinstance(output, Integral) and not isinstance(output, bool)
        if not is_number or not 0 <= output < table.shape[1]:
            raise ValueError(f"output={output!r} must be the number of one of the {table.shape[1]} outputs.")
        return table[:, output]


def forecast(estimator, X, coverage):
    """The `Forecasts` of any regressor for sequences: one, if it predicts at every time step."""
    try:
        steps, model = take_apart(estimator)
    except ValueError:  # another library's
        predictions = real_array(estimator.predict(X), "The prediction")
        return Forecasts(predictions.reshape(len(predictions), -1, 1), [], as_sequences(X), form=None)
    X = prepared(steps, X)
    seen = as_sequences(X)
    by_step = model._network.architecture.return_sequences
    if by_step and len(seen) > 1:
        raise ValueError(f"With return_sequences=True, sequence must be one number, but it chooses {len(seen)}.")

    def rows(predictions):
        return predictions[0][: seen.lengths[0]] if by_step else predictions  # without padding

    if isinstance(model._loss, GaussianNLL):
        mean, std = (rows(part) for part in model.predict(X, return_std=True))
        margin = norm.ppf((1 + coverage) / 2) * std
        levels, names = np.stack([mean - margin, mean, mean + margin], axis=-1), [_share(coverage)]
    elif model._is_of_quantiles():
        levels, quantiles = rows(model.predict(X)), model._loss.quantiles
        pairs = zip(quantiles[: len(quantiles) // 2], quantiles[::-1], strict=False)
        names = [_share(high - low) for low, high in pairs]
    else:
        levels, names = rows(model.predict(X))[..., np.newaxis], []
    table = levels.reshape(len(levels), -1, levels.shape[-1])
    return Forecasts(table, names, seen, StepForm(X, seen) if by_step else None)


def _share(coverage):
    return f"{100 * coverage:.3g} % interval"


def when(sequences, forecasts, n_steps, ahead):
    """Times of the forecasts and of the steps of the only sequence, or None if there are more, and how they are called.

    Parameters
    ----------
    sequences : Sequences
        What was before.
    forecasts : Forecasts
    n_steps : int
        How many forecasts there are.
    ahead : int
        How many time steps after the last one seen, or each, the first is for.
    """
    if len(sequences) > 1:
        times, name = _of_windows(sequences, ahead)
        return times, None, name
    history_times, name = _within(sequences, forecasts.by_step)
    if not forecasts.by_step:
        step = _usual_step(history_times)
        return history_times[-1] + (ahead + np.arange(n_steps)) * step, history_times, name
    # A transformer may put other time steps in the place of these; another one may forget their times.
    is_same = forecasts.seen.times is None and n_steps == len(history_times)
    start = history_times if is_same else _within(forecasts.seen, by_step=True)[0]
    return start + ahead * _usual_step(start), history_times, name


def history_of(sequences, feature):
    """The name of a feature, if it has one, and its values in the first sequence."""
    if feature is None:
        return None, None
    try:
        (number,) = sequences.feature_indices(feature)
    except KeyError as error:
        raise ValueError(f"feature={feature!r} is not a feature: {error.args[0]}") from error
    names = sequences.feature_names
    return None if names is None else names[number], sequences[0][:, number]


def _within(sequences, by_step):
    """Times of a sequence's steps, and how they are called."""
    times = sequences.times
    if times is not None and len(times) > 1 and (times[1:] > times[:-1]).all():
        return times, "time"
    n_timesteps = sequences.lengths[0]
    if by_step:
        return np.arange(n_timesteps), "time step"
    return np.arange(1 - n_timesteps, 1), "time steps after the last one seen"


def _of_windows(sequences, ahead):
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
    return ends + ahead * _usual_step(first if len(first) > 1 else ends), "time"


def _usual_step(times):
    """The time from one step to the next, as most have it; 1 where there is one step."""
    gaps = np.sort(np.diff(times))
    return gaps[len(gaps) // 2] if len(gaps) else 1
