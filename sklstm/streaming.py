"""One time step at a time: what a model has seen so far is kept, and each new step costs the same."""

import os
from collections.abc import Mapping
from copy import copy, deepcopy
from datetime import UTC, date
from numbers import Integral
from threading import Lock
from weakref import WeakSet

import numpy as np

from .network_stream import NetworkStream
from .preprocessing._streams import InTurn, stream_of
from .real_numbers import Interval, first_other, real_array

DOUBLE, SINGLE = np.dtype(np.float64), np.dtype(np.float32)

# What times are counted in, which no sequence changes.
STEPS, NUMBERS, DATETIMES, ZONED = 0, 1, 2, 3
HOUR = 3_600_000_000  # microseconds

NUMBER = Interval(Integral, 1, None, closed="left")

_streams = WeakSet()


def _unlock_in_child():
    # Of a fork while another thread was in a step, which does not go on there.
    for stream in _streams:
        stream._lock = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock_in_child)


class Stream:
    """A fitted model that takes one time step after the other, and predicts after each.

    What it predicts has the same bits as what `predict` gives for the whole sequence so far. It keeps what the model
    needs of the past and no more, so that a step costs the same after a minute and after a year.

    Streams are made by `LSTMRegressor.stream`, `LSTMClassifier.stream` and :func:`sklstm.stream`. A stream keeps the
    model as it is then, whatever becomes of the estimator, and shares its weights: a model may have any number of them,
    in different threads. It can be pickled, and copied by :func:`copy.deepcopy`.

    Attributes
    ----------
    n_streams : int
        Sequences that are stepped together.

    n_features_in_ : int
        Number of features of a time step.

    feature_names_in_ : ndarray of str of shape (n_features,) or None
        Their names, where the training sequences had any.

    n_steps : ndarray of int of shape (n_streams,)
        Time steps that each sequence has had.

    state : dict of str to ndarray
        What is remembered, copied, by name: ``"layer_0.h"`` of shape (n_streams, n_units) is the output of the first
        layer after the last time step, ``"layer_0.c"`` its memory, and so on; ``"model"`` tells networks apart. Setting
        it to what it was takes the stream back to there; rows may be those of other streams of the same model.

    See Also
    --------
    sklstm.stream : Streams of models and pipelines.
    """

    def __init__(self, steps, model, n_streams=1):
        if not NUMBER.is_satisfied_by(n_streams):
            raise ValueError(f"n_streams must be a number of sequences from 1 on, got {n_streams!r}.")
        self.n_streams = int(n_streams)
        # A fit replaces what a model has learnt, but changes transformers themselves.
        self._steps, self._model = deepcopy(steps), copy(model)
        self._network = NetworkStream(self._model, self.n_streams)
        self._preparation = InTurn([stream_of(step, self.n_streams) for step in self._steps])
        first = (self._steps or [self._model])[0]
        self.n_features_in_ = first._n_features
        names = getattr(first, "feature_names_in_", None)
        self.feature_names_in_ = names if names is not None and len(names) == self.n_features_in_ else None
        self._check_width()
        self._clock = Clock(self.n_streams, self._network.with_times)
        # Times count for the steps before the network, and for values that decay.
        self._counts_time = bool(self._steps) or self._network.with_times is not None
        self._remembered_before_network = dict(self._preparation.remembered)
        if self._counts_time:
            times = {f"time.{name}": array for name, array in self._clock.remembered.items()}
            self._remembered_before_network |= times
        self._remembered = self._network.remembered | self._remembered_before_network
        self._fresh = {name: array[:1].copy() for name, array in self._remembered.items()}
        self._lock = Lock()
        self._views = self._shapes()
        _streams.add(self)

    def _check_width(self):
        """Raise a ValueError if what comes out of the steps is not what the network takes."""
        nothing, zeros = np.full((self.n_streams, self.n_features_in_), np.nan), np.zeros(self.n_streams)
        n_features = self._preparation.step(nothing, zeros, zeros).shape[1]
        if n_features != self._model._n_features:
            raise ValueError(
                f"The steps before the model return {n_features} features, but it was fitted to "
                f"{self._model._n_features}: fit the pipeline as a whole."
            )

    def _shapes(self):
        """For each shape that a time step may have, views of that shape of the network's inputs and predictions."""
        n, n_features, y = self.n_streams, self.n_features_in_, self._network.y
        shapes = {(n, n_features): y}
        if n_features == 1:
            shapes[n,] = y
        if n == 1:
            shapes |= {shape[1:]: y.reshape(y.shape[1:]) for shape in [(n, n_features), *shapes]}
        return {shape: (None if self._steps else self._network.x.reshape(shape), y) for shape, y in shapes.items()}

    def step(self, x, time=None, out=None):
        """Take in one time step of each sequence.

        Parameters
        ----------
        x : array-like of shape (n_streams, n_features) or, of one stream, (n_features,) or dict
            The values. NaN, None and pandas.NA are missing values where the pipeline fills gaps or the model has
            ``missing="decay"``. Where the model knows names of features, those of a data frame or a series are checked,
            and of one stream a dict may say values by name.

        time : number, datetime or date, or array-like of shape (n_streams,), default=None
            When the step was taken, not before the one before; datetimes with a time zone are brought to UTC, and a
            date is its midnight. None means one step after the other, a unit of time apart. It counts for what fills
            gaps and for ``missing="decay"``, where all steps of a sequence have times, or none.

        out : ndarray of float64, default=None
            Where to write the result, of its shape: no memory is then allocated. None makes a new array.

        Returns
        -------
        y : float or ndarray
            What `predict` of a regressor or `predict_proba` of a classifier gives for the sequences so far, for their
            last time step with ``return_sequences=True``. If `x` is of one stream, without the axis of sequences.

        Raises
        ------
        ValueError
            If `x`, `time` or `out` are not what they should be. The stream then stays as it was.
        """
        if type(x) is not np.ndarray or (x.dtype is not DOUBLE and x.dtype is not SINGLE):
            x = self._real(self._by_position(x))
        try:
            inputs, y = self._views[x.shape]
        except KeyError:
            raise ValueError(self._of_shape(x.shape)) from None
        if out is not None and not (
            isinstance(out, np.ndarray) and out.shape == y.shape and out.dtype == DOUBLE and out.flags.writeable
        ):
            raise ValueError(f"out must be a writeable array of float64 of shape {y.shape}, got {out!r}.")
        with self._lock:
            if self._counts_time:
                self._timed_step(x.reshape(self.n_streams, -1), time)
            else:
                if time is not None:
                    self._clock.check(time)
                inputs[...] = x
                self._network.step()
            if out is None:
                return y.copy() if y.ndim else y[()]
            out[...] = y
            return out

    def _real(self, x):
        """The values as floats; a ValueError names the feature that has something else."""
        try:
            return real_array(x, "x")
        except ValueError as error:
            values = np.asarray(x, dtype=object)
            other = first_other(values.reshape(self.n_streams, -1)) if values.shape in self._views else None
            if other is None:
                raise
            (stream, feature), value = other
            where = f"feature {feature if self.feature_names_in_ is None else repr(self.feature_names_in_[feature])}"
            where += f" of stream {stream}" if self.n_streams > 1 else ""
            raise ValueError(f"x must hold real numbers, but {where} is {value!r}.") from error

    def _by_position(self, x):
        """A row, or rows, without the names of its features, which are checked, or by which a dict is sorted."""
        names, is_dict = self.feature_names_in_, isinstance(x, Mapping)
        if is_dict and names is None:
            raise ValueError("x is a dict, but the model was fitted to features without names: pass an array.")
        if is_dict and self.n_streams > 1:
            raise ValueError("x is a dict, but there are several streams: pass an array or a data frame, a row each.")
        if isinstance(x, list | tuple) and x and all(isinstance(row, Mapping) for row in x):
            raise ValueError("x is a list of dicts: pass a data frame, pd.DataFrame(rows), or an array.")
        of_x = list(x) if is_dict else getattr(x, "columns", getattr(x, "index", None))
        if names is None or of_x is None or callable(of_x):
            return x
        if sorted(of_x, key=str) != sorted(names):
            got = ", ".join(map(str, of_x))
            raise ValueError(f"x must have the features that fit had, {', '.join(names)}, got {got}.")
        if not is_dict and list(of_x) != list(names):
            raise ValueError(f"x must have its features in the order of fit: take x[{list(names)}].")
        return [x[name] for name in names] if is_dict else x

    def _of_shape(self, shape):
        n, n_features = self.n_streams, self.n_features_in_
        expected = f"({n_features},), {n_features} features" if n == 1 else f"({n}, {n_features}), a row a stream"
        return f"x must hold one time step, of shape {expected}, got shape {shape}."

    def _timed_step(self, x, time):
        before = {name: array.copy() for name, array in self._remembered_before_network.items()}
        n_steps = self._network.n_steps[0]
        try:
            elapsed, gap = self._clock.advance(time, self._network.n_steps)
            if self._steps and np.isinf(x).any():
                self._network.reject(x, np.argmax(np.isinf(x)), self.feature_names_in_)
            self._network.x[...], self._network.gaps[...] = self._preparation.step(x, elapsed, gap), gap
            self._network.step()
        except BaseException:
            if self._network.n_steps[0] == n_steps:  # and not when Ctrl-C comes after the step
                _put(self._remembered_before_network, slice(None), before)
            raise

    def reset(self, streams=None):
        """Begin new sequences.

        Parameters
        ----------
        streams : int, slice, array-like of int or of bool, default=None
            Which of the streams; None means all.

        Returns
        -------
        self : Stream
            The stream.

        Raises
        ------
        ValueError
            If there are no such streams.
        """
        which = slice(None) if streams is None else self._numbers_of(streams)
        with self._lock:
            _put(self._remembered, which, self._fresh)
        return self

    def _numbers_of(self, streams):
        wrong = ValueError(f"streams={streams!r} must be numbers of some of the {self.n_streams} streams.")
        if isinstance(streams, slice):
            return streams
        try:
            which = np.atleast_1d(np.asarray(streams))
        except ValueError as error:
            raise wrong from error
        if isinstance(streams, bool | np.bool_) or which.ndim > 1 or (which.size and which.dtype.kind not in "iub"):
            raise wrong
        try:
            return np.arange(self.n_streams)[which if which.size else np.empty(0, dtype=np.intp)]
        except IndexError as error:
            raise wrong from error

    def __repr__(self):
        return (
            f"<{type(self).__name__} of {self.n_streams}: {type(self._model).__name__}, {self.n_features_in_} features>"
        )

    @property
    def n_steps(self):
        return self._network.n_steps.copy()

    @property
    def state(self):
        with self._lock:
            arrays = {name: array.copy() for name, array in self._remembered.items()}
        return {"model": np.tile(self._network.fingerprint(), (self.n_streams, 1)), **arrays}

    @state.setter
    def state(self, state):
        own = self.state
        if not isinstance(state, Mapping) or set(state) != set(own):
            raise ValueError(f"state must be a dict of {', '.join(own)}, as a stream of this model has it.")
        arrays = {}
        for name in own:
            try:
                array = arrays[name] = np.asarray(state[name])
            except ValueError as error:
                raise ValueError(f"state[{name!r}] must be an array, as a stream of this model has it.") from error
            if array.shape != own[name].shape or array.dtype != own[name].dtype:
                raise ValueError(
                    f"state[{name!r}] must be of shape {own[name].shape} and dtype {own[name].dtype}, got "
                    f"{array.shape} and {array.dtype}."
                )
        if (arrays["model"] != own["model"]).any():
            raise ValueError("state is of a model with other weights: what it remembers means nothing to this one.")
        if (arrays["n_steps"] < 0).any():
            raise ValueError(f"state['n_steps'] must be numbers of steps from 0 on, got {arrays['n_steps']}.")
        for name, array in arrays.items():
            known = array[~np.isnan(array)] if name.startswith("step_") else array  # of steps that wait for values
            if not np.isfinite(known).all():
                raise ValueError(f"state[{name!r}] must be finite, but has NaN or infinity.")
        with self._lock:
            _put(self._remembered, slice(None), arrays)

    def __reduce__(self):
        return Stream, (self._steps, self._model, self.n_streams), {"state": self.state}

    def __setstate__(self, attributes):
        _put(self._remembered, slice(None), attributes["state"])


def _put(remembered, which, arrays):
    """Set some rows of what is remembered: all of it, or Ctrl-C would leave the half."""

    def put():
        for name, array in remembered.items():
            array[which] = arrays[name]

    try:
        put()
    except BaseException:
        put()
        raise


class Clock:
    """When the steps of streams were taken.

    Parameters
    ----------
    n_streams : int
    with_times : bool or None
        Whether steps must have times; None if either will do.
    """

    def __init__(self, n_streams, with_times):
        self._with_times = with_times
        # Of datetimes, microseconds since 1970, which doubles count exactly for centuries.
        self._start, self._last = np.zeros(n_streams), np.zeros(n_streams)
        self._unit = np.zeros(n_streams, dtype=np.int8)
        self.remembered = {"start": self._start, "last": self._last, "unit": self._unit}

    def advance(self, time, n_steps):
        """How long after the first step and after the one before the next steps are, each (n_streams,)."""
        if self._with_times is not None and self._with_times is not (time is not None):
            raise ValueError(
                'With missing="decay", the times of the steps count: '
                + ("pass time, as the sequences of fit had times." if self._with_times else "those of fit had none.")
            )
        if time is None and not self._unit.any():
            return n_steps.astype(np.float64), (n_steps > 0).astype(np.float64)
        unit, now = self._numbers(time, n_steps)
        fresh = n_steps == 0
        if (~fresh & (self._unit != unit)).any():
            raise ValueError("time must be of one kind for all steps of a sequence, or be None for all of them.")
        early = ~fresh & (now < self._last)
        if early.any():
            raise ValueError(f"time must not go back: in stream {np.argmax(early)} it is before that of the last step.")
        self._start[fresh], self._last[fresh], self._unit[fresh] = now[fresh], now[fresh], unit
        elapsed, gap = now - self._start, now - self._last
        self._last[:] = now
        return (elapsed / HOUR, gap / HOUR) if unit >= DATETIMES else (elapsed, gap)

    def check(self, time):
        """Raise a ValueError for what are no times, also where they do not count."""
        is_number = type(time) in (int, float) and -np.inf < time < np.inf
        if not is_number and not (isinstance(time, date) and time == time):  # else at a glance: a step takes no longer
            self._times(time)

    def _numbers(self, time, n_steps):
        """The unit of the times, and the times in it, as doubles."""
        if time is None:
            return STEPS, n_steps.astype(np.float64)
        unit, times = self._times(time)
        now = np.broadcast_to(times, self._last.shape).astype(np.float64)
        if times.dtype.kind in "iu" and (now.astype(times.dtype) != times).any():
            raise ValueError(f"time must be what float64 holds exactly, got {time!r}. Subtract a start from all.")
        return unit, now

    def _times(self, time):
        """The unit of the times, and one time or one of each stream."""
        try:
            times, unit = np.asarray(time), NUMBERS
        except ValueError as error:
            raise ValueError(f"time must be one for each stream, got {time!r}.") from error
        if times.dtype.kind == "O" and all(isinstance(each, date) and each == each for each in times.flat):  # no NaT
            unit = ZONED if all(_has_zone(each) for each in times.flat) else unit
            times = np.array([_in_utc(each) for each in times.flat], dtype="M8[us]").reshape(times.shape)
        if times.dtype.kind not in "iufM" or times.shape not in ((), self._last.shape):
            raise ValueError(
                f"time must be a number or a datetime, or {len(self._last)} of them, one a stream, got {time!r}."
            )
        if not np.isfinite(times).all():
            raise ValueError(f"time must be known, got {time!r}.")
        if times.dtype.kind == "M":
            unit, times = max(unit, DATETIMES), times.astype("M8[us]").astype(np.int64)
        return unit, times


def _has_zone(time):
    return getattr(time, "tzinfo", None) is not None


def _in_utc(time):
    """A date, or a datetime without a time zone."""
    return time.astimezone(UTC).replace(tzinfo=None) if _has_zone(time) else time
