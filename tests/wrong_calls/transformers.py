"""Wrong calls of `sklstm.preprocessing`."""

from datetime import timedelta

import numpy as np
import pandas as pd
import polars as pl
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import InvalidParameterError
from wrong_calls.shared import CUBE, FRAME, NAMED, NAN, TABLE, TEXTS, model

from sklstm import as_sequences
from sklstm.preprocessing import (
    SequenceFeatures,
    SequenceImputer,
    SequenceResampler,
    SequenceScaler,
    SequenceSelector,
    SequenceTokenizer,
    SequenceUnion,
    TimeFeatures,
    ToSequences,
    add_static,
    frame_to_sequences,
    sequences_to_frame,
    sliding_windows,
)

EVERY_STEP = timedelta(hours=1)
DATED = as_sequences(CUBE, times=np.tile(np.arange(5).astype("M8[h]"), (10, 1)))


def fit(transformer, X=NAMED):
    return lambda: transformer.fit_transform(X)


def transform(name, X, method="transform"):
    return lambda: getattr(model(name), method)(X)


def windows(X=NAMED, **parameters):
    return lambda: sliding_windows(X, **{"window": 2, **parameters})


def read(df=FRAME, **parameters):
    return lambda: frame_to_sequences(df, **{"sequence": "id", "time": "hour", "features": ["HR"], **parameters})


def write(X=NAMED, **parameters):
    return lambda: sequences_to_frame(X, **parameters)


def union(*pairs, **parameters):
    return fit(SequenceUnion(list(pairs), **parameters))


INVALID = {
    f"{type(transformer).__name__}: {name}={getattr(transformer, name)!r}"[:70]: (
        fit(transformer),
        InvalidParameterError,
        f"The '{name}' parameter of {type(transformer).__name__} must be",
    )
    for transformer, name in [
        (SequenceScaler("z"), "method"),
        (SequenceScaler(clip=-1), "clip"),
        (SequenceScaler(clip=10**400), "clip"),
        (SequenceImputer("median"), "strategy"),
        (SequenceImputer(fill_value="0"), "fill_value"),
        (SequenceImputer(fill_value=NAN), "fill_value"),
        (SequenceImputer(add_indicator="yes"), "add_indicator"),
        (SequenceImputer(elapsed_scale=0), "elapsed_scale"),
        (SequenceResampler(0), "every"),
        (SequenceResampler("1h"), "every"),
        (SequenceResampler(1, origin="start"), "origin"),
        (SequenceSelector(None), "features"),
        (SequenceSelector(1.5), "features"),
        (SequenceFeatures("mean"), "statistics"),
        (ToSequences(0), "n_features"),
        (ToSequences(True), "n_features"),
        (ToSequences(n_static=-1), "n_static"),
        (ToSequences(layout="rows"), "layout"),
        (SequenceTokenizer(max_length=0), "max_length"),
        (SequenceTokenizer(truncate="middle"), "truncate"),
        (SequenceUnion(None), "transformer_list"),
        (SequenceUnion([], n_jobs=2.5), "n_jobs"),
        (SequenceUnion([], verbose="yes"), "verbose"),
    ]
}

TRANSFORMERS = {
    "no such statistic": (fit(SequenceFeatures(["median"])), ValueError, ["statistics must be some of", "'median'"]),
    "a statistic twice": (fit(SequenceFeatures(["min", "min"])), ValueError, "each once, got 'min'"),
    "statistics of arrays": (fit(SequenceFeatures([CUBE, CUBE])), ValueError, "statistics must be some of"),
    "no statistics": (fit(SequenceFeatures([])), ValueError, "got 'none'"),
    "no such time": (fit(TimeFeatures(["minute"])), ValueError, ["features must be some of", "'minute'"]),
    "no such aggregate": (fit(SequenceResampler(1, aggregate={"HR": "mode"})), ValueError, "got 'mode' for 'HR'"),
    "an aggregate of arrays": (fit(SequenceResampler(1, aggregate={"HR": CUBE})), ValueError, "for 'HR'"),
    "an aggregate of no feature": (fit(SequenceResampler(1, aggregate={"BP": "min"})), ValueError, "names no feature"),
    "every in hours without datetimes": (fit(SequenceResampler(EVERY_STEP)), ValueError, "needs times that are datet"),
    "every in months": (fit(SequenceResampler(np.timedelta64(1, "M")), DATED), ValueError, "has no fixed length"),
    "every below zero": (fit(SequenceResampler(-EVERY_STEP), DATED), ValueError, "every must be a duration from 0 on"),
    "every far too short": (fit(SequenceResampler(1e-12)), ValueError, "Choose a longer interval"),
    "select no such name": (fit(SequenceSelector(["BP"])), ValueError, "is not among the 2 features: HR, SpO2"),
    "select no such number": (fit(SequenceSelector([2])), ValueError, "[2] is not among the 2 features"),
    "select by name where there are none": (fit(SequenceSelector(["HR"]), CUBE), ValueError, "among the 2 features"),
    "a union of nothing": (union(), ValueError, "transformer_list must be a list of (name, transformer)"),
    "a union without names": (union(SequenceScaler()), ValueError, "transformer_list must be a list of (name"),
    "a union of one name": (union(("a", SequenceScaler()), ("a", SequenceScaler())), ValueError, "Names provided are"),
    "a union of numbers": (union(("a", 3)), TypeError, "should implement fit and transform"),
    "a union of classes": (union(("a", SequenceScaler)), TypeError, "got estimator class instead"),
    "a union of other lengths": (
        union(("a", SequenceScaler()), ("b", SequenceResampler(2.0))),
        ValueError,
        "'b' returned sequences of other lengths or times than 'a'",
    ),
    "output into a list": (lambda: SequenceScaler().set_output(transform="list"), ValueError, "'transform' parameter"),
    "a union's into a list": (
        lambda: SequenceUnion([("a", SequenceScaler())]).set_output(transform=3),
        ValueError,
        "The 'transform' parameter of set_output must be",
    ),
    "transform before fit": (lambda: SequenceScaler().transform(CUBE), NotFittedError, "not fitted yet"),
    "inverse_transform before fit": (lambda: SequenceScaler().inverse_transform(CUBE), NotFittedError, "not fitted"),
    "names before fit": (lambda: SequenceImputer().get_feature_names_out(), NotFittedError, "not fitted yet"),
    "rows before fit": (lambda: ToSequences().transform(TABLE), NotFittedError, "not fitted yet"),
    "texts before fit": (lambda: SequenceTokenizer().transform(TEXTS), NotFittedError, "not fitted yet"),
    "transform another width": (transform("scaler", CUBE[:, :, :1]), ValueError, "X has 1 features"),
    "transform other names": (
        transform("scaler", NAMED[:, ["SpO2", "HR"]]),
        ValueError,
        "feature names should match those that were passed during fit",
    ),
    "inverse_transform another width": (
        transform("scaler", CUBE[:, :, :1], "inverse_transform"),
        ValueError,
        "X has 1 features",
    ),
    "transform nothing": (transform("imputer", None), ValueError, "got NoneType"),
    "transform a class": (transform("imputer", SequenceImputer), ValueError, "X must be an array, a data frame"),
    "transform infinity": (transform("imputer", CUBE + np.inf), ValueError, ["infinity", "sequence 0, time step 0"]),
    "names too few": (transform("scaler", ["HR"], "get_feature_names_out"), ValueError, "input_features"),
    "names of arrays": (transform("scaler", [CUBE, CUBE], "get_feature_names_out"), ValueError, "must be texts"),
    "names a number": (transform("scaler", 3, "get_feature_names_out"), ValueError, "input_features must be texts"),
    "rows of another width": (transform("rows", np.zeros((3, 7))), ValueError, "X has 7 features"),
    "rows of text": (transform("rows", [["a"] * 6]), ValueError, "X must hold real numbers"),
    "rows ragged": (
        transform("rows", [[1, 2], [3]]),
        ValueError,
        "X has rows that differ in length, or hold more than",
    ),
    "rows of dicts": (
        transform("rows", np.array([[{}] * 6])),
        TypeError,
        "X must hold real numbers, got {}: argument must be a string or a real number.",
    ),
    "rows with a date": (
        fit(ToSequences(2), FRAME.assign(day=pd.Timestamp("2026-01-01"))[["id", "day"]]),
        TypeError,
        "X must hold real numbers, got Timestamp(",
    ),
    "rows that do not divide": (fit(ToSequences(2), np.zeros((3, 5))), ValueError, "do not make whole time steps"),
    "rows of static columns alone": (fit(ToSequences(n_static=5), TABLE), ValueError, "do not make whole time steps"),
    "rows back from others": (
        transform("rows", as_sequences([[1.0], [1.0, 2.0]]), "inverse_transform"),
        ValueError,
        "X must hold sequences of equal lengths and 2 features",
    ),
    "one text": (transform("tokenizer", "fine"), ValueError, "X must be an iterable of texts"),
    "no texts": (transform("tokenizer", []), ValueError, "X holds no texts"),
    "a missing text": (transform("tokenizer", ["fine", None]), ValueError, "element 1 is None"),
    "a table of texts": (transform("tokenizer", np.array([["a"]])), ValueError, "ndarray of shape (1, 1)"),
    "a class of texts": (transform("tokenizer", SequenceTokenizer), ValueError, "X must be an iterable of texts"),
    "back from a number": (transform("tokenizer", 3, "inverse_transform"), ValueError, "X must be a list of sequences"),
    "back from unknown numbers": (
        transform("tokenizer", [[0], [99]], "inverse_transform"),
        ValueError,
        "Sequence 1 of X must hold whole numbers from 0 to",
    ),
    "back from ragged numbers": (
        transform("tokenizer", [[[0], [1, 2]]], "inverse_transform"),
        ValueError,
        "Sequence 0 of X must hold whole numbers",
    ),
    "tokens too rare": (fit(SequenceTokenizer(min_df=9), TEXTS), ValueError, "as many of the 3 texts as min_df=9"),
}

WINDOWS = {
    **{
        f"sliding_windows: {name}={str(value)[:10]}": (
            windows(**{name: value}),
            InvalidParameterError,
            f"The '{name}' parameter of sliding_windows must be",
        )
        for name, value in [
            *[("window", 0), ("window", 2.5), ("window", True), ("window", 10**20), ("horizon", 0), ("step", -1)],
            *[("gap", -1), ("gap", None), ("target", None), ("target", 0.5), ("max_gap", -1), ("max_gap", "1h")],
        ]
    },
    "no window fits": (windows(window=5), ValueError, ["No window fits", "take 6 time steps", "has 5"]),
    "no such target": (windows(target="BP"), ValueError, "target='BP' is not a feature"),
    "no target of that number": (windows(target=2), ValueError, "target=2 is not a feature"),
    "gaps without times": (windows(CUBE, max_gap=1), ValueError, "max_gap needs times"),
    "gaps in hours without datetimes": (windows(max_gap=EVERY_STEP), ValueError, "needs times that are datetimes"),
    "windows of nothing": (windows(None), ValueError, "got NoneType"),
}

FRAMES = {
    "no frame": (read([1, 2]), ValueError, "df must be a pandas or polars DataFrame, got list"),
    "a lazy frame": (read(pl.from_pandas(FRAME).lazy()), ValueError, "Collect it first"),
    "no rows": (read(FRAME[:0]), ValueError, "df has no rows"),
    "no such column": (read(sequence="patient"), ValueError, "df has no column 'patient', which sequence names"),
    "no such feature": (read(features=["BP"]), ValueError, "df has no column 'BP', which features names"),
    "a feature that is a number": (read(features=[3]), ValueError, "Names of columns must be texts"),
    "features in a text": (read(features="HR"), ValueError, "features must be a list of names, got 'HR'"),
    "no features": (read(features=[]), ValueError, "features is empty"),
    "features a class": (read(features=list), ValueError, "features must be a list of names"),
    "features a scalar": (read(features=np.array("HR")), ValueError, "features must be a list of names"),
    "a column twice": (read(features=["HR", "hour"]), ValueError, "Column 'hour' is named twice"),
    "features of text": (read(features=["ward"]), ValueError, ["Column 'ward'", "must hold numbers", "row 0"]),
    "times of text": (read(time="ward"), ValueError, "Column 'ward' (time) must hold numbers"),
    "the name of no column": (read(sequence=3), InvalidParameterError, "The 'sequence' parameter"),
    "times twice": (read(pd.concat([FRAME, FRAME])), ValueError, ["have the same time", "Aggregate them"]),
    "a missing identifier": (
        read(FRAME.assign(id=[NAN, *FRAME.id[1:]])),
        ValueError,
        "Column 'id' (sequence) has no identifier in row 0",
    ),
    "a target that changes": (read(target="ward"), ValueError, "Column 'ward' (target) changes"),
    "targets of steps without a target": (read(return_sequences=True), ValueError, "target must name the column"),
    "static, no frame": (read(static=[1]), ValueError, "static must be a pandas or polars"),
    "static of other rows": (
        lambda: add_static(NAMED, np.ones((3, 1)), ["age"]),
        ValueError,
        "static must have the shape (10, n_static)",
    ),
    "static of text": (lambda: add_static(CUBE, [["a"]] * 10), ValueError, "static must hold real numbers"),
    "static ragged": (lambda: add_static(CUBE, [[1], [1, 2]] * 5), ValueError, "static is itself ragged"),
    "static without names": (lambda: add_static(NAMED, np.ones((10, 1))), ValueError, "name those of static too"),
    "names where X has none": (lambda: add_static(CUBE, np.ones((10, 1)), ["age"]), ValueError, "have no names"),
    "a name that is there": (lambda: add_static(NAMED, np.ones((10, 1)), ["HR"]), ValueError, "'HR' twice"),
    "static names a scalar": (
        lambda: add_static(NAMED, np.ones((10, 1)), np.array("age")),
        ValueError,
        "feature_names must be a list of names",
    ),
    "columns that are numbers": (
        lambda: add_static(CUBE, pd.DataFrame(np.ones((10, 1)))),
        ValueError,
        "Names of columns must be texts",
    ),
    "ids too few": (write(ids=[1, 2]), ValueError, "ids must have the shape (10,)"),
    "ids ragged": (write(ids=[[1], [2, 3]]), ValueError, "ids must hold one identifier a sequence"),
    "y too short": (write(y=[1, 2]), ValueError, "y must hold one element a sequence of X, 10 in all"),
    "y a number": (write(y=3), ValueError, "but has type int"),
    "a column's name twice": (write(time="HR"), ValueError, "2 columns would have the name 'HR'"),
    "no such backend": (write(backend="dask"), InvalidParameterError, "The 'backend' parameter"),
    "a frame of nothing": (write(None), ValueError, "got NoneType"),
}

CASES = INVALID | TRANSFORMERS | WINDOWS | FRAMES
