"""One time step at a time: what a model has seen so far is kept, and each new step costs the same."""

from contextlib import suppress
from copy import copy
from numbers import Integral
from threading import Lock

import numpy as np

from ._core import inference, losses
from ._core.kernels import pack_matrix
from .layout import CELLS, PANELS, TYPE_NAMES, aligned
from .preprocessing._streams import InTurn, n_features_of, stream_of
from .sequences import real_array
from .threads import effective_n_threads

DOUBLE, SINGLE = np.dtype(np.float64), np.dtype(np.float32)

# What times are counted in, which no sequence changes.
STEPS, NUMBERS, DATETIMES = 0, 1, 2
HOUR = 3_600_000_000  # microseconds


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

    n_steps : ndarray of int of shape (n_streams,)
        Time steps that each sequence has had.

    state : dict of str to ndarray
        What is remembered, copied, by name: ``"layer_0.h"`` of shape (n_streams, n_units) is the output of the first
        layer after the last time step, ``"layer_0.c"`` its memory, and so on. Setting it to what it was takes the
        stream back to there.

    See Also
    --------
    sklstm.stream : Streams of models and pipelines.
    """

    def __init__(self, steps, model, n_streams=1):
        if isinstance(n_streams, bool) or not isinstance(n_streams, Integral) or n_streams < 1:
            raise ValueError(f"n_streams must be a number of sequences from 1 on, got {n_streams!r}.")
        self.n_streams = int(n_streams)
        self._steps, self._model = list(steps), copy(model)
        self._network = NetworkStream(self._model, self.n_streams)
        self._preparation = InTurn([stream_of(step, self.n_streams) for step in self._steps])
        self.n_features_in_ = n_features_of(self._steps[0]) if self._steps else self._model._n_features
        self._clock = Clock(self.n_streams, self._network.with_times)
        # Times count for the steps before the network, and for values that decay.
        self._counts_time = bool(self._steps) or self._network.with_times is not None
        before_network = dict(self._preparation.remembered)
        if self._counts_time:
            before_network |= {f"time.{name}": array for name, array in self._clock.remembered.items()}
        self._remembered = self._network.remembered | before_network
        self._remembered_before_network = list(before_network.values())
        self._fresh = {name: array[:1].copy() for name, array in self._remembered.items()}
        self._lock = Lock()
        self._views = self._shapes()

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
        x : array-like of shape (n_streams, n_features) or, of one stream, (n_features,)
            The values. NaN is a missing value where the pipeline fills gaps or the model has ``missing="decay"``.

        time : number or datetime, or array-like of shape (n_streams,), default=None
            When the step was taken, not before the one before. None means one step after the other, a unit of time
            apart. It counts for what fills gaps and for ``missing="decay"``, where all steps of a sequence have times,
            or none.

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
            x = real_array(x, "x")
        try:
            inputs, y = self._views[x.shape]
        except KeyError:
            raise ValueError(self._of_shape(x.shape)) from None
        if out is not None and (not isinstance(out, np.ndarray) or out.shape != y.shape or out.dtype != DOUBLE):
            raise ValueError(f"out must be an array of float64 of shape {y.shape}, got {out!r}.")
        with self._lock:
            if self._counts_time:
                self._timed_step(x.reshape(self.n_streams, -1), time)
            else:
                inputs[...] = x
                self._network.step()
            if out is None:
                return y.copy() if y.ndim else y[()]
            out[...] = y
            return out

    def _of_shape(self, shape):
        n, n_features = self.n_streams, self.n_features_in_
        expected = f"({n_features},), {n_features} features" if n == 1 else f"({n}, {n_features}), a row a stream"
        return f"x must hold one time step, of shape {expected}, got shape {shape}."

    def _timed_step(self, x, time):
        before = [array.copy() for array in self._remembered_before_network]
        try:
            elapsed, gap = self._clock.advance(time, self._network.n_steps)
            if self._steps and np.isinf(x).any():
                self._network.reject(x, np.argmax(np.isinf(x)), getattr(self._steps[0], "feature_names_in_", None))
            self._network.x[...], self._network.gaps[...] = self._preparation.step(x, elapsed, gap), gap
            self._network.step()
        except BaseException:
            for array, value in zip(self._remembered_before_network, before, strict=True):
                array[...] = value
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
        """
        which = slice(None) if streams is None else np.arange(self.n_streams)[streams]
        with self._lock:
            for name, array in self._remembered.items():
                array[which] = self._fresh[name]
        return self

    @property
    def n_steps(self):
        return self._network.n_steps.copy()

    @property
    def state(self):
        with self._lock:
            return self._copy()

    @state.setter
    def state(self, state):
        names = ", ".join(self._remembered)
        if not isinstance(state, dict) or state.keys() != self._remembered.keys():
            raise ValueError(f"state must be a dict of {names}, as a stream of this model has it.")
        arrays = {name: np.asarray(array) for name, array in state.items()}
        for name, array in self._remembered.items():
            if arrays[name].shape != array.shape or arrays[name].dtype != array.dtype:
                raise ValueError(
                    f"state[{name!r}] must be of shape {array.shape} and dtype {array.dtype}, got "
                    f"{arrays[name].shape} and {arrays[name].dtype}."
                )
        with self._lock:
            self._restore(arrays)

    def _copy(self):
        return {name: array.copy() for name, array in self._remembered.items()}

    def _restore(self, arrays):
        for name, array in self._remembered.items():
            array[...] = arrays[name]

    def __reduce__(self):
        return Stream, (self._steps, self._model, self.n_streams), {"state": self.state}

    def __setstate__(self, attributes):
        self.state = attributes["state"]


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
        return (elapsed / HOUR, gap / HOUR) if unit == DATETIMES else (elapsed, gap)

    def _numbers(self, time, n_steps):
        """The unit of the times, and the times in it."""
        if time is None:
            return STEPS, n_steps.astype(np.float64)
        times = np.asarray(time)
        if times.dtype.kind == "O":
            with suppress(TypeError, ValueError):
                times = times.astype("M8[us]")
        if times.dtype.kind not in "iufM" or times.shape not in ((), self._last.shape):
            raise ValueError(
                f"time must be a number or a datetime, or {len(self._last)} of them, one a stream, got {time!r}."
            )
        if not np.isfinite(times).all():
            raise ValueError(f"time must be known, got {time!r}.")
        unit = NUMBERS
        if times.dtype.kind == "M":
            unit, times = DATETIMES, times.astype("M8[us]").astype(np.int64)
        return unit, np.broadcast_to(times, self._last.shape).astype(np.float64)


class NetworkStream:
    """The network of a fitted model, one step at a time.

    Parameters
    ----------
    model : LSTMRegressor or LSTMClassifier
    n_streams : int
    """

    def __init__(self, model, n_streams):
        architecture = model._network.architecture
        if architecture.bidirectional:
            raise ValueError(
                "bidirectional=True reads sequences from their end, which a stream does not have: fit a model with "
                "bidirectional=False."
            )
        self._model, self._n = model, n_streams
        n_blocks = -(-n_streams // inference.ROWS)
        self._n_threads = min(effective_n_threads(model.n_jobs), n_blocks)
        self.with_times = model._has_times if architecture.missing == "decay" else None
        of_one = model._predictions(np.zeros((1, architecture.n_outputs), dtype=architecture.dtype))
        self.y = np.zeros((n_streams, *of_one.shape[1:]))
        arrays, numbers = self._arrays()
        self.x, self.gaps, self.n_steps = arrays["x"], arrays["gaps"], arrays["n_steps"]
        self.remembered = self._named(arrays)
        self._core = inference.Stepper(architecture.dtype == "float64", arrays | {"y": self.y}, numbers)

    def step(self):
        """Take in `x` and, where times count, `gaps`, the times since the step before; leaves predictions in `y`."""
        # In a forked child there is but one thread, which is asked each time where it matters.
        n_threads = 1 if self._n_threads == 1 else min(self._n_threads, effective_n_threads(self._model.n_jobs))
        wrong = self._core.step(n_threads)
        if wrong >= 0:
            self.reject(self.x, wrong, getattr(self._model, "feature_names_in_", None))

    def reject(self, x, which, names):
        """Raise a ValueError about one of the numbers of x, (n_streams, n_features)."""
        stream, feature = divmod(int(which), x.shape[1])
        value = x[stream, feature]
        where = f"feature {feature}" if names is None or len(names) != x.shape[1] else f"feature {names[feature]!r}"
        where += f" of stream {stream}" if self._n > 1 else ""
        if np.isnan(value):
            raise ValueError(
                f"x contains NaN: {where}. Fill gaps, for example by a SequenceImputer in a pipeline, or fit a model "
                'with missing="decay".'
            )
        if np.isinf(value):
            raise ValueError(f"x contains infinity: {where}. Pass NaN, to what fills gaps, if nothing is known.")
        raise ValueError(f"With embedding_dim, x holds tokens, whole numbers from 0, but {where} is {value}.")

    def _arrays(self):
        """The arrays and numbers that the core's `Stepper` names."""
        model, network, n = self._model, self._model._network, self._n
        architecture, loss, dtype = network.architecture, model._loss, network.dtype
        packed, [(size, h)], scratch_size = network.for_prediction()
        [[stack]] = network.layout.levels
        decays, n_tokens = architecture.missing == "decay", architecture.n_tokens
        F, H, n_inputs = architecture.n_features, architecture.hidden_layer_sizes[0], architecture.n_inputs
        numbers = {
            "n": n, "F": F, "n_inputs": n_inputs, "n_tokens": n_tokens, "state_size": size, "h_column": h,
            "input": inference.INPUTS["decaying" if decays else "tokens" if n_tokens else "values"],
            "pooling": inference.POOLINGS[architecture.pooling], "skips": architecture.skip_connection,
            "link": losses.LINKS[loss.link], "n_each": loss.n_each, "scratch_size": scratch_size,
        }  # fmt: skip
        input_scaling = model._shift, model._scale
        if decays or n_tokens:  # what the first layer reads is made of the values
            input_scaling = np.zeros(n_inputs), np.ones(n_inputs)
        parameters = {
            "stack": stack.array, "head": network.layout.head, "params": network.parameters, "packed": packed,
            "shift": model._shift, "scale": model._scale, "target_shift": loss._shift, "target_scale": loss._scale,
            "input_shift": input_scaling[0], "input_scale": input_scaling[1],
        }  # fmt: skip
        if n_tokens:
            parameters["embedding"] = network.part("embedding.W")
        if decays:
            parameters |= {"decay_w": network.part("decay.w"), "decay_b": network.part("decay.b")}
            parameters |= {"b_d": network.part("layer_0.b_d"), "W_d": aligned(F * (H + PANELS[dtype.name]), dtype)}
            pack_matrix[TYPE_NAMES[dtype]](network.part("layer_0.W_d"), parameters["W_d"])
        D = architecture.n_top
        own = {
            "x": ((n, F), np.float64), "gaps": ((n,), np.float64), "n_steps": ((n,), np.int64),
            "state": ((n, size), dtype), "rows": ((n, 2, n_inputs), np.float64), "pooled": ((n, D), dtype),
            "softmax": ((n, 2), np.float64), "since": ((n, F), np.float64), "observed": ((n, F), dtype),
            "delta": ((n, F), dtype), "gamma": ((n, H), dtype), "projected": ((n, D), dtype),
            "features": ((n, architecture.n_seen), dtype), "out": ((n, architecture.n_outputs), dtype),
            "scratch": ((self._n_threads, scratch_size), dtype),
        }  # fmt: skip
        return parameters | {name: _zeros(*of) for name, of in own.items()}, numbers

    def _named(self, arrays):
        """What is remembered from step to step, as parts of the arrays."""
        architecture = self._model._network.architecture
        named, column = {"n_steps": arrays["n_steps"]}, 0
        n_memories = CELLS[architecture.cell]["n_memories"]
        for level, n_units in enumerate(architecture.hidden_layer_sizes):
            for name in ["h", "c"][: 1 + n_memories]:
                named[f"layer_{level}.{name}"] = arrays["state"][:, column : column + n_units]
                column += n_units
        if architecture.pooling != "last":
            named["pooled"] = arrays["pooled"]
        if architecture.pooling == "attention":
            named["attention"] = arrays["softmax"]
        if architecture.skip_connection:
            named["inputs"] = arrays["rows"][:, 1]
        if architecture.missing == "decay":
            named |= {"since": arrays["since"], "observed": arrays["observed"]}
        return named


def _zeros(shape, dtype):
    array = aligned(int(np.prod(shape)), dtype).reshape(shape)
    array.fill(0)
    return array
