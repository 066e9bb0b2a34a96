"""Wrong calls of `sklstm.stream` and of streams."""

from copy import deepcopy
from datetime import UTC, datetime

import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from wrong_calls.shared import CUBE, INF, NAN, Y, make, model

import sklstm
from sklstm import LSTMRegressor
from sklstm.preprocessing import SequenceImputer, SequenceResampler

STEP = CUBE[0, 0]


def stream(model, n_streams=1):
    return lambda: sklstm.stream(model, n_streams)


def step(x, of="regressor", n_streams=1, before=(), **parameters):
    """A call of `step`, after other steps at these times."""

    def call():
        stream = sklstm.stream(model(of), n_streams)
        for time in before:
            stream.step(STEP, time=time)
        stream.step(x, **parameters)

    return call


def reset(streams):
    return lambda: model("regressor").stream(3).reset(streams)


def set_state(name=None, value=None, of="regressor"):
    """A call that sets the state of a stream of the regressor, with one of its arrays replaced."""

    def call():
        stream = model("regressor").stream()
        state = model(of).stream().state
        stream.state = state if name is None else {**state, name: value}

    return call


def unchanged_by_a_wrong_step():
    """A wrong step, and then one whose error says that the stream is as it was."""
    stream = sklstm.stream(model("named"))
    before = stream.state
    try:
        stream.step([1, 2, 3])
    except ValueError:
        assert all((array == before[name]).all() for name, array in stream.state.items())
    stream.step("ab")


CASES = {
    "of no model": (stream(3), ValueError, "The model must be an LSTMRegressor"),
    "of a class": (stream(LSTMRegressor), ValueError, "The model must be an LSTMRegressor"),
    "of somebody else's": (stream(LinearRegression()), ValueError, "got LinearRegression()"),
    "of both ways": (lambda: model("both ways").stream(), ValueError, "bidirectional"),
    "of a resampler": (
        lambda: sklstm.stream(make_pipeline(SequenceResampler(1.0), make(LSTMRegressor)).fit(CUBE, Y)),
        ValueError,
        "SequenceResampler needs more of a sequence than the steps up to now",
    ),
    "of lines between": (
        lambda: sklstm.stream(make_pipeline(SequenceImputer("linear"), make(LSTMRegressor)).fit(CUBE, Y)),
        ValueError,
        "linear",
    ),
    **{
        f"n_streams={str(n)[:10]}": (
            lambda n=n: model("regressor").stream(n),
            ValueError,
            "n_streams must be a number of sequences from 1 on",
        )
        for n in [0, -1, 2.5, True, None, "3", np.timedelta64(1, "h"), 10**400, [1]]
    },
    "x of another width": (step([1, 2, 3]), ValueError, ["one time step, of shape (2,)", "got shape (3,)"]),
    "x of all steps": (step(CUBE), ValueError, "got shape (10, 5, 2)"),
    "x nothing": (step(None), ValueError, "x must hold"),
    "x a text": (step("ab"), ValueError, "x must hold real numbers"),
    "x a text among numbers": (step([1, "high"]), ValueError, "feature 1 is 'high'"),
    "x a text, by name": (step([1, "high"], of="named"), ValueError, "feature 'SpO2' is 'high'"),
    "x complex": (step([1, 1j]), ValueError, "feature 1 is 1j"),
    "x beyond": (step([1, 10**400]), ValueError, "feature 1 is 1000"),
    "x ragged": (step([[1], [1, 2]]), ValueError, "x must hold real numbers, but feature 0 is [1]"),
    "x masked": (step(np.ma.masked_less(STEP, 9)), ValueError, "x is a masked array"),
    "x NaN": (step([1, NAN]), ValueError, "x contains NaN: feature 1"),
    "x infinite": (step([INF, 1], of="pipeline"), ValueError, ["infinity", "HR"]),
    "x a dict without names": (step({"HR": 1}), ValueError, "fitted to features without names"),
    "x a dict of others": (step({"HR": 1, "BP": 2}, of="named"), ValueError, "features that fit had, HR, SpO2"),
    "x a series in another order": (
        step(pd.Series({"SpO2": 1.0, "HR": 2.0}), of="named"),
        ValueError,
        "in the order of fit",
    ),
    "x one of several": (step(STEP, n_streams=2), ValueError, "(2, 2), a row a stream"),
    "time a text": (step(STEP, of="named", time="noon"), ValueError, "time must be a number or a datetime"),
    "time a text, where it does not count": (
        step(STEP, time="noon"),
        ValueError,
        "time must be a number or a datetime",
    ),
    "time unknown, where it does not count": (step(STEP, time=NAN), ValueError, "time must be known, got nan"),
    "time without end, where it does not count": (step(STEP, time=INF), ValueError, "time must be known, got inf"),
    "time of True, where it does not count": (step(STEP, time=True), ValueError, "time must be a number or a datetime"),
    "time that float64 rounds": (
        step(STEP, of="pipeline", time=2**53 + 1),
        ValueError,
        "time must be what float64 holds exactly, got 9007199254740993",
    ),
    "times too many": (step(STEP, time=[1, 2]), ValueError, "or 1 of them"),
    "times ragged": (step(STEP, of="pipeline", time=[[1], [2, 3]]), ValueError, "time must be one for each stream"),
    "time unknown": (step(STEP, of="pipeline", time=NAN), ValueError, "time must be known"),
    "time not a time": (step(STEP, of="pipeline", time=np.datetime64("NaT")), ValueError, "time must be"),
    "time that goes back": (step(STEP, of="pipeline", before=[2], time=1), ValueError, "time must not go back"),
    "time of another kind": (
        step(STEP, of="pipeline", before=[2], time=datetime(2020, 1, 1, tzinfo=UTC)),
        ValueError,
        "time must be of one kind",
    ),
    "no time": (step(STEP, of="decay"), ValueError, ["the times of the steps count", "pass time"]),
    "out of another shape": (step(STEP, out=np.zeros(3)), ValueError, "out must be a writeable array of float64"),
    "out of another type": (step(STEP, out=np.zeros((), np.float32)), ValueError, "out must be"),
    "out a list": (step(STEP, out=[0.0]), ValueError, "out must be a writeable array"),
    "after a wrong step": (unchanged_by_a_wrong_step, ValueError, "x must hold real numbers"),
    **{
        f"reset {str(streams)[:20]}": (reset(streams), ValueError, "must be numbers of some of the 3 streams")
        for streams in [3, "all", 0.5, True, [0, 9], [[0], [1, 2]], np.ones(2, bool), {0}, np.zeros((1, 1), int)]
    },
    "state None": (lambda: setattr(model("regressor").stream(), "state", None), ValueError, "state must be a dict of"),
    "state of another model": (set_state(of="classifier"), ValueError, "state is of a model with other weights"),
    "state of another network": (set_state(of="tokens"), ValueError, "state is of a model with other"),
    "state of too many": (set_state("more", 3), ValueError, "state must be a dict of"),
    "state of other rows": (set_state("n_steps", np.zeros(2, int)), ValueError, "state['n_steps'] must be of shape"),
    "state ragged": (set_state("layer_0.h", [[0], [1, 2]]), ValueError, "state['layer_0.h'] must be an array"),
    "state of NaN": (
        set_state("layer_0.h", np.full((1, 4), NAN, np.float32)),
        ValueError,
        "state['layer_0.h'] must be finite",
    ),
    "state of steps below zero": (set_state("n_steps", np.array([-1])), ValueError, "numbers of steps from 0 on"),
    "after another fit": (
        lambda: sklstm.stream(deepcopy(model("regressor")).fit(CUBE[:, :, :1], Y)).step(STEP),
        ValueError,
        "one time step, of shape (1,)",
    ),
}
