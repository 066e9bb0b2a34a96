"""Long tables into sequences and back, the same from pandas and polars."""

import re
import sys
from datetime import datetime, timedelta, timezone

import numpy as np
import pandas as pd
import polars as pl
import polars.testing
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold, cross_val_score

from sklstm import LSTMClassifier, LSTMRegressor, as_sequences
from sklstm.preprocessing import add_static, frame_to_sequences, sequences_to_frame

pytestmark = pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")

LIBRARIES = {"pandas": pd.DataFrame, "polars": pl.DataFrame}
EACH_LIBRARY = pytest.mark.parametrize("library", LIBRARIES)

# Two sequences, interleaved and out of order.
VITALS = {
    "patient": ["b", "a", "b", "a", "b"],
    "hour": [2, 0, 0, 1, 1],
    "HR": [92.0, 70.0, 85.0, 72.0, None],
    "ventilated": [True, False, False, False, True],
}
VALUES = [[70, 0], [72, 0], [85, 0], [np.nan, 1], [92, 1]]
MIDNIGHT = datetime(2024, 3, 1)


def table(library, /, **columns):
    """The vital signs, with other columns or more of them."""
    return LIBRARIES[library]({**VITALS, **columns})


def long_table(library, seed=0, n_rows=300):
    """Rows in random order, of sequences of random lengths, with gaps."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(n_rows, 3))
    values[rng.uniform(size=values.shape) < 0.1] = np.nan
    columns = {
        "patient": np.array([f"p{i}" for i in rng.integers(0, 20, size=n_rows)], dtype=object),
        "hour": rng.permutation(n_rows).astype(float),
        **{name: values[:, k] for k, name in enumerate(["HR", "SpO2", "age"])},
    }
    order = np.random.default_rng(seed).permutation(n_rows)
    return LIBRARIES[library]({name: column[order] for name, column in columns.items()})


def convert(df, **parameters):
    return frame_to_sequences(df, **{"sequence": "patient", "time": "hour", **parameters})


def error_of(function, *args, **parameters):
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the callers check the words
        function(*args, **parameters)
    return str(error.value)


# ---------------------------------------------------------------------------------------------- sequences


@EACH_LIBRARY
def test_rows_are_sorted_by_identifier_and_time(library):
    X, ids = convert(table(library))
    assert_array_equal(X.values, VALUES)
    assert_array_equal(X.offsets, [0, 2, 5])
    assert_array_equal(X.times, [0, 1, 0, 1, 2])
    assert X.feature_names.tolist() == ["HR", "ventilated"]
    assert ids.tolist() == ["a", "b"]
    assert ids.dtype == object


@EACH_LIBRARY
def test_the_order_of_the_rows_does_not_matter(library):
    X, ids = convert(long_table(library))
    for seed in 1, 2, 3:
        shuffled, shuffled_ids = convert(long_table(library, seed))
        for name in "values", "offsets", "times":
            assert_array_equal(getattr(shuffled, name), getattr(X, name))
        assert_array_equal(shuffled_ids, ids)


@EACH_LIBRARY
def test_sequences_are_the_groups_of_the_table(library):
    X, ids = convert(long_table(library))
    groups = long_table("pandas").sort_values("hour").groupby("patient")
    assert ids.tolist() == list(groups.groups)
    for sequence, (_, group) in zip(X, groups, strict=True):
        assert_array_equal(sequence, group[["HR", "SpO2", "age"]])


@EACH_LIBRARY
def test_one_row_is_one_sequence(library):
    X, y, ids = convert(table(library)[:1], target="ventilated")
    assert_array_equal(X.values, [[92]])
    assert (y.tolist(), ids.tolist()) == ([True], ["b"])


@EACH_LIBRARY
def test_sequences_may_have_steps_at_the_same_times(library):
    X, _ = convert(table(library, hour=[1, 0, 0, 1, 2]))
    assert_array_equal(X.times, [0, 1, 0, 1, 2])
    X, ids = convert(table(library, patient=list("ebcda"), hour=[7] * 5))
    assert_array_equal(X.times, [7] * 5)
    assert ids.tolist() == list("abcde")


@EACH_LIBRARY
def test_the_table_stays_as_it_was(library):
    df = table(library, outcome=["worse", None, "worse", None, "worse"])
    convert(df, features=["HR"], target="outcome")
    assert_same_table(df, table(library, outcome=["worse", None, "worse", None, "worse"]))


@pytest.mark.parametrize("features", [["ventilated", "HR"], ("ventilated", "HR"), pd.Index(["ventilated", "HR"])])
def test_features_are_the_columns_asked_for_in_that_order(features):
    X, _ = convert(table("pandas", died=1), features=features)
    assert X.feature_names.tolist() == ["ventilated", "HR"]
    assert_array_equal(X.values, np.array(VALUES)[:, ::-1])


LARGE = 2**62  # as a float, it would be equal to LARGE + 1
IDENTIFIERS = {
    "numbers": ([10, 9, 10, 9, 10], [9, 10]),
    "floats": ([1.5, 0.5, 1.5, 0.5, 1.5], [0.5, 1.5]),
    "large numbers": ([LARGE + 1, LARGE, LARGE + 1, LARGE, LARGE + 1], [LARGE, LARGE + 1]),
    "texts": (["é", "z", "é", "z", "é"], ["z", "é"]),
    "datetimes": ([datetime(2024, 1, 2), datetime(2024, 1, 1)] * 2 + [datetime(2024, 1, 2)], None),
}


@EACH_LIBRARY
@pytest.mark.parametrize("kind", IDENTIFIERS)
def test_identifiers_of_any_kind(library, kind):
    column, expected = IDENTIFIERS[kind]
    X, ids = convert(table(library, patient=column))
    assert_array_equal(X.values, VALUES)
    assert expected is None or ids.tolist() == expected


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pd.Categorical(["b", "a", "b", "a", "b"], categories=["b", "a"], ordered=True), ["a", "b"]),
        (pd.Categorical([2, 1, 2, 1, 2], categories=[2, 1]), [1, 2]),
        (pd.array([LARGE + 1, LARGE, LARGE + 1, LARGE, LARGE + 1], dtype="Int64"), [LARGE, LARGE + 1]),
        (pd.Series([2**70 + 1, 2**70, 2**70 + 1, 2**70, 2**70 + 1], dtype=object), [2**70, 2**70 + 1]),
        ([("w", 2), ("w", 1)] * 2 + [("w", 2)], [("w", 1), ("w", 2)]),
        (pl.Series(["b", "a", "b", "a", "b"], dtype=pl.Categorical), ["a", "b"]),
        (pl.Series(["b", "a", "b", "a", "b"], dtype=pl.Enum(["b", "a"])), ["a", "b"]),
    ],
    ids="categories|categories of numbers|nullable|larger than 64 bits|tuples|Categorical|Enum".split("|"),
)
def test_categories_are_identified_by_what_they_stand_for(column, expected):
    X, ids = convert(table("polars" if isinstance(column, pl.Series) else "pandas", patient=column))
    assert_array_equal(X.values, VALUES)
    assert ids.tolist() == expected


def hours(*, unit=timedelta(hours=1), start=MIDNIGHT):
    return [start + hour * unit for hour in VITALS["hour"]]


UTC = np.datetime64(MIDNIGHT, "ns") + np.array([0, 1, 0, 1, 2]) * np.timedelta64(1, "h")
TIMES = {
    "float32": (np.array(VITALS["hour"], dtype=np.float32), np.array([0.0, 1, 0, 1, 2])),
    "datetimes": (hours(), UTC),
    "milliseconds": (np.array(hours(), dtype="M8[ms]"), UTC),
    "time zone": (hours(start=MIDNIGHT.replace(tzinfo=timezone(timedelta(hours=-5)))), UTC + np.timedelta64(5, "h")),
    "durations": (hours(unit=timedelta(minutes=30), start=timedelta(0)), np.array([0, 0.5, 0, 0.5, 1])),
}


@EACH_LIBRARY
@pytest.mark.parametrize("kind", TIMES)
def test_times_of_any_kind(library, kind):
    column, expected = TIMES[kind]
    X, _ = convert(table(library, hour=column))
    assert_array_equal(X.values, VALUES)
    assert_array_equal(X.times, expected)
    assert X.times.dtype == expected.dtype


def test_dates_are_times():
    X, _ = convert(table("polars", hour=[day.date() for day in hours(unit=timedelta(days=1))]))
    assert_array_equal(X.values, VALUES)
    assert_array_equal(
        X.times, np.array(["2024-03-01", "2024-03-02", "2024-03-01", "2024-03-02", "2024-03-03"], "M8[ns]")
    )


@EACH_LIBRARY
def test_values_are_float32_if_all_features_are(library):
    single = np.array([92, 70, 85, 72, np.nan], dtype=np.float32)
    assert convert(table(library, HR=single), features=["HR"])[0].dtype == np.float32
    assert convert(table(library, HR=single))[0].dtype == np.float64


MISSING = {
    "Int64": pd.array([92, 70, 85, 72, None], dtype="Int64"),
    "Float32": pd.array([92, 70, 85, 72, None], dtype="Float32"),
    "UInt8": pl.Series([92, 70, 85, 72, None], dtype=pl.UInt8),
    "Int128": pl.Series([92, 70, 85, 72, None], dtype=pl.Int128),
    "Decimal": pl.Series(["92", "70", "85", "72", None]).cast(pl.Decimal(10, 2)),
    "NaN": pl.Series([92.0, 70, 85, 72, float("nan")]),
}


@pytest.mark.parametrize("kind", MISSING)
def test_missing_values_are_nan(kind):
    column = MISSING[kind]
    X, _ = convert(table("polars" if isinstance(column, pl.Series) else "pandas", HR=column))
    assert_array_equal(X.values, VALUES)


@pytest.mark.parametrize(
    "column", [pd.array([True, None] * 2 + [True], dtype="boolean"), pl.Series([True, None] * 2 + [True])]
)
def test_missing_booleans_are_nan(column):
    X, _ = convert(table("polars" if isinstance(column, pl.Series) else "pandas", ventilated=column))
    assert_array_equal(X.values[:, 1], [np.nan, np.nan, 1, 1, 1])


@EACH_LIBRARY
@pytest.mark.parametrize("dtype", [object, float, "M8[ns]"])
def test_a_column_without_any_value_is_nan(library, dtype):
    nothing = [None] * 5 if dtype is object else np.full(5, np.nan).astype(dtype)
    X, y, _ = convert(table(library, nothing=nothing, died=nothing), target="died")
    assert np.isnan(X.values[:, 2]).all()
    assert y.dtype == float
    assert np.isnan(y).all()


# ---------------------------------------------------------------------------------------------- targets

LABELS = {
    "numbers": [1, 0, 1, 0, 1],
    "floats": [1.5, 0.5, 1.5, 0.5, 1.5],
    "booleans": [True, False, True, False, True],
    "texts": ["worse", "well", "worse", "well", "worse"],
}


@EACH_LIBRARY
@pytest.mark.parametrize("kind", LABELS)
def test_one_target_a_sequence(library, kind):
    X, y, _ = convert(table(library, outcome=LABELS[kind]), target="outcome")
    assert y.tolist() == LABELS[kind][1::-1]
    assert y.dtype == (object if kind == "texts" else np.asarray(LABELS[kind]).dtype)
    assert "outcome" not in X.feature_names


@EACH_LIBRARY
@pytest.mark.parametrize("kind", LABELS)
def test_one_target_a_time_step(library, kind):
    _, y, _ = convert(table(library, outcome=LABELS[kind]), target="outcome", return_sequences=True)
    assert [steps.tolist() for steps in y] == [LABELS[kind][1:2] * 2, LABELS[kind][:1] * 3]


@EACH_LIBRARY
def test_several_targets_are_columns(library):
    df = table(library, died=LABELS["numbers"], risk=LABELS["floats"])
    assert_array_equal(convert(df, target=["died", "risk"])[1], [[0, 0.5], [1, 1.5]])
    assert_array_equal(convert(df, target=["died"])[1], [[0], [1]])
    *_, y = convert(df, target=["died", "risk"], return_sequences=True)[1]
    assert_array_equal(y, [[1, 1.5]] * 3)


MISSING_LABELS = {
    "NaN": ("pandas", [1, np.nan, 1, np.nan, 1], [np.nan, 1.0]),
    "null": ("polars", [1, None, 1, None, 1], [np.nan, 1.0]),
    "nullable": ("pandas", pd.array([True, None, True, None, True], dtype="boolean"), [np.nan, 1.0]),
    "texts": ("pandas", ["worse", None, "worse", None, "worse"], [np.nan, "worse"]),
    "polars texts": ("polars", ["worse", None, "worse", None, "worse"], [np.nan, "worse"]),
    "objects": ("pandas", pd.Series(["worse", None, "worse", None, "worse"], dtype=object), [np.nan, "worse"]),
    "categories": ("pandas", pd.Categorical(["worse", None, "worse", None, "worse"]), [np.nan, "worse"]),
}


@pytest.mark.parametrize("kind", MISSING_LABELS)
def test_a_target_that_is_missing_everywhere_is_nan(kind):
    library, column, expected = MISSING_LABELS[kind]
    _, y, _ = convert(table(library, outcome=column), target="outcome")
    assert str(y.tolist()) == str(expected)


@EACH_LIBRARY
def test_missing_targets_of_time_steps_are_nan(library):
    _, y, _ = convert(table(library), features=["ventilated"], target="HR", return_sequences=True)
    assert_array_equal(y[0], [70, 72])
    assert_array_equal(y[1], [85, np.nan, 92])


@EACH_LIBRARY
@pytest.mark.parametrize(
    ("column", "words"),
    [
        ([1, 0, 1, 0, 2], ["'died' (target) changes within the sequence 'b'", "1 in row 2 and 2 in row 4"]),
        ([1, 0, None, 0, 1], ["'b'", "nan in row 2 and 1.0 in row 4"]),
        (["no", "no", "no", "yes", "no"], ["'a'", "'no' in row 1 and 'yes' in row 3", "return_sequences=True"]),
        (["no", "no", None, "no", "no"], ["'b'", "nan in row 2 and 'no' in row 4"]),
    ],
)
def test_a_target_that_changes_is_an_error(library, column, words):
    df = table(library, died=column)
    for target in "died", ["died"]:
        message = error_of(convert, df, target=target)
        assert all(word in message for word in words), message


@EACH_LIBRARY
def test_estimators_take_what_comes_out(library):
    df = table(library, HR=[92.0, 70, 85, 72, 80], outcome=LABELS["texts"])
    X, y, _ = convert(df, target="outcome")
    assert LSTMClassifier(2, max_iter=1).fit(X, y).predict(X).shape == (2,)
    X, y, _ = convert(df, features=["ventilated"], target="HR", return_sequences=True)
    model = LSTMRegressor(2, max_iter=1, return_sequences=True).fit(X, y)
    assert [len(steps) for steps in model.predict(X)] == [2, 3]
    assert model.feature_names_in_.tolist() == ["ventilated"]


# ---------------------------------------------------------------------------------------------- static features


@EACH_LIBRARY
@pytest.mark.parametrize("other", LIBRARIES)
def test_static_columns_are_found_by_identifier(library, other):
    static = LIBRARIES[other]({"age": [54, 30, None], "patient": ["b", "c", "a"], "male": [True, False, False]})
    X, ids = convert(table(library), static=static)
    assert X.feature_names.tolist() == ["HR", "ventilated", "age", "male"]
    assert_array_equal(X.values[:, :2], VALUES)
    assert_array_equal(X.values[:, 2:], [[np.nan, 0]] * 2 + [[54, 1]] * 3)
    assert_array_equal(X.times, [0, 1, 0, 1, 2])
    assert ids.tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("ids", "others"),
    [
        (pd.Categorical(["a"] * 5), ["a"]),
        (np.ones(5, dtype=np.int8), np.array([1], dtype=np.uint64)),
        (np.array([MIDNIGHT] * 5, dtype="M8[ns]"), [MIDNIGHT]),
    ],
    ids=["categories", "integers", "units of time"],
)
def test_static_identifiers_may_be_of_another_type_of_the_same_kind(ids, others):
    df = table("pandas", patient=ids, hour=range(5))
    X, _ = convert(df, static=pl.DataFrame({"patient": others, "age": [71]}))
    assert_array_equal(X[:, "age"].values, [[71]] * 5)


@pytest.mark.parametrize(
    ("static", "words"),
    [
        ({"patient": ["a"], "age": [1]}, ["no rows for the sequence 'b' ('patient')", "1 such"]),
        ({"patient": ["a", "b", "b"], "age": [1, 2, 3]}, ["2 rows for the sequence 'b'"]),
        ({"patient": [0, 1], "age": [1, 2]}, ["no rows for the sequence 'a'", "2 such", "nt64, those of df object"]),
        ({"patient": ["a", "b"], "sex": ["m", "f"]}, ["'sex' of static must hold numbers", "encode"]),
        ({"patient": ["a", "b"]}, ["static has no features"]),
        ({"id": ["a", "b"], "age": [1, 2]}, ["static has no column 'patient'", "It has: id, age"]),
    ],
)
@EACH_LIBRARY
def test_errors_in_static_say_what_and_where(library, static, words):
    message = error_of(convert, table("pandas"), static=LIBRARIES[library](static))
    assert all(word in message for word in words), message


@EACH_LIBRARY
@pytest.mark.parametrize(("name", "role"), [("hour", "time"), ("HR", "features"), ("died", "target")])
def test_static_may_not_bring_a_column_that_has_a_role(library, name, role):
    static = LIBRARIES[library]({"patient": ["a", "b"], "age": [54, 71], name: [0, 1]})
    message = error_of(convert, table(library, died=LABELS["numbers"]), target=["died"], static=static)
    assert message == f"Column {name!r} of static is also in df ({role}). Leave it out of static."


def test_static_may_bring_a_column_of_the_table_that_has_no_role():
    static = pd.DataFrame({"patient": ["a", "b"], "HR": [71, 92]})
    X, _ = convert(table("pandas"), features=["ventilated"], static=static)
    assert_array_equal(X[:, "HR"].values[:, 0], [71, 71, 92, 92, 92])


STATIC = np.array([[71.0, 1], [54, 0]])


@pytest.mark.parametrize(
    "form", [np.asarray, pd.DataFrame, lambda x: x.tolist(), lambda x: pl.DataFrame(x, orient="row")]
)
def test_add_static_repeats_a_row_at_every_step(form):
    sequences = [np.zeros((2, 1)), np.ones((3, 1))]
    X = add_static(
        sequences, form(STATIC) if form is not pd.DataFrame else pd.DataFrame(STATIC, columns=["age", "male"])
    )
    assert_array_equal(X.values, np.column_stack([[0, 0, 1, 1, 1], np.repeat(STATIC, [2, 3], axis=0)]))
    assert X.lengths.tolist() == [2, 3]
    assert X.feature_names is None


@pytest.mark.parametrize(
    ("static", "feature_names", "expected"),
    [
        (STATIC, ["age", "male"], ["age", "male"]),
        (pd.DataFrame(STATIC, columns=["age", "male"]), None, ["age", "male"]),
        (pl.DataFrame(STATIC, schema=["age", "male"]), ["years", "m"], ["years", "m"]),
    ],
)
def test_add_static_names_the_new_features_and_keeps_times(static, feature_names, expected):
    X = as_sequences(np.zeros((2, 2, 1)), feature_names=["HR"], times=[[0, 5], [1, 2]])
    X = add_static(X, static, feature_names)
    assert X.feature_names.tolist() == ["HR", *expected]
    assert_array_equal(X.times, [0, 5, 1, 2])


@pytest.mark.parametrize("types", [("f4", "f4", "f4"), ("f4", "f8", "f8"), ("f8", "f4", "f8"), ("f4", "i4", "f8")])
def test_add_static_is_float32_if_both_are(types):
    X, static, expected = types
    assert add_static(np.zeros((2, 3, 1), dtype=X), STATIC.astype(static)).dtype == expected


@pytest.mark.parametrize(
    ("names", "static", "feature_names", "words"),
    [
        (None, STATIC[:1], None, "shape (2, n_static), one row a sequence of X, got (1, 2)"),
        (None, STATIC[:, 0], None, "got (2,)"),
        (None, [["m"], ["f"]], None, "static must hold real numbers"),
        (None, pd.DataFrame({"sex": ["m", "f"]}), None, "'sex' of static must hold numbers"),
        (None, pl.DataFrame({"age": [1, 2]}).lazy(), None, "static is a lazy frame"),
        (None, STATIC, ["age", "male"], "The features of X have no names"),
        (["HR"], STATIC, None, "name those of static too, by feature_names"),
        (["HR"], STATIC, ["age"], "feature_names must be 3 texts"),
        (["HR"], STATIC, ["HR", "male"], "feature_names has 'HR' twice"),
        (["HR"], STATIC, "HR", "feature_names must be a list of names"),
    ],
)
def test_add_static_errors(names, static, feature_names, words):
    X = as_sequences(np.zeros((2, 2, 1)), feature_names=names)
    assert words in error_of(add_static, X, static, feature_names)


# ---------------------------------------------------------------------------------------------- errors

ERRORS = {
    "no column": ({}, {"time": "minute"}, ["no column 'minute', which time names", "It has: patient, hour, HR"]),
    "no feature": ({}, {"features": ["HR", "BP"]}, ["no column 'BP', which features names"]),
    "no target": ({}, {"target": ["HR", "BP"]}, ["no column 'BP', which target names"]),
    "two roles": ({}, {"time": "patient"}, ["'patient' is named twice: by sequence and by time"]),
    "feature and target": (
        {},
        {"features": ["HR"], "target": "HR"},
        ["'HR' is named twice: by features and by target"],
    ),
    "feature twice": ({}, {"features": ["HR", "HR"]}, ["'HR' is named twice"]),
    "features as text": ({}, {"features": "HR"}, ["features must be a list of names, got 'HR'"]),
    "no features": ({}, {"features": []}, ["features is empty"]),
    "no other columns": (
        {},
        {"target": ["HR", "ventilated"]},
        ["df has no features: no columns but 'patient', 'hour'"],
    ),
    "missing identifier": (
        {"patient": ["b", "a", None, "a", None]},
        {},
        ["'patient' (sequence) has no identifier in row 2", "2 such rows"],
    ),
    "NaN as identifier": ({"patient": [1.0, 2.0, np.nan, 2.0, 1.0]}, {}, ["no identifier in row 2", "1 such rows"]),
    "missing time": ({"hour": [2, 0, 0, None, 1]}, {}, ["'hour' (time) has no time in row 3"]),
    "NaN as time": ({"hour": [2.0, 0, 0, np.nan, 1]}, {}, ["'hour' (time) has no time in row 3"]),
    "NaT": ({"hour": [MIDNIGHT] * 4 + [None]}, {}, ["'hour' (time) has no time in row 4"]),
    "infinite time": ({"hour": [2.0, 0, 0, np.inf, 1]}, {}, ["'hour' (time) is inf in row 3"]),
    "large time": ({"hour": [2, 0, 0, 2**53, 1]}, {}, ["is 9007199254740992 in row 3", "not exact"]),
    "distant time": (
        {"hour": np.array(["3000-01-01"] * 5, dtype="M8[us]")},
        {},
        ["'hour' is 3000-01-01T00:00:00.000000 in row 0", "1678 to 2261"],
    ),
    "times as texts": ({"hour": list("abcde")}, {}, ["'hour' (time) must hold numbers, datetimes", "to_datetime"]),
    "times as booleans": ({"hour": [True] * 5}, {}, ["'hour' (time) must hold numbers"]),
    "equal times": (
        {"hour": [1, 0, 1, 0, 1]},
        {},
        ["Rows 1 and 3", "the same time, 0.0 ('hour'), in the sequence 'a' ('patient')", "3 rows too many", "groupby"],
    ),
    "equal datetimes": ({"hour": [MIDNIGHT] * 5}, {}, ["2024-03-01T00:00:00.000000000 ('hour')"]),
    "texts": ({"HR": list("abcde")}, {}, ["'HR' of df must hold numbers or booleans", "encode it", "through features"]),
    "a text among numbers": (
        {"HR": np.array([80, None, "n/a", 82, "x"], dtype=object)},
        {},
        ["'HR' of df must hold numbers", "'n/a' in row 2", 'pandas.to_numeric(..., errors="coerce")'],
    ),
    "datetimes": ({"HR": [MIDNIGHT] * 5}, {}, ["'HR' of df must hold numbers or booleans"]),
    "datetimes as target": ({"HR": [MIDNIGHT] * 5}, {"target": "HR"}, ["'HR' (target) must hold numbers, booleans or"]),
    "texts as targets": (
        {"HR": list("bbbbb")},
        {"target": ["HR"]},
        ["Several targets must be numbers", "'HR' has texts"],
    ),
    "steps of no target": ({}, {"return_sequences": True}, ["return_sequences=True", "target must name"]),
}


@EACH_LIBRARY
@pytest.mark.parametrize("case", ERRORS)
def test_errors_say_what_and_where(library, case):
    columns, parameters, words = ERRORS[case]
    message = error_of(convert, table(library, **columns), **parameters)
    assert all(word in message for word in words), message


def test_what_to_do_about_equal_times_works():
    df = table("pandas", hour=[1, 0, 1, 0, 1], state=list("uvwxy"))
    advice = re.search(r"df\.groupby\(.*\)", error_of(convert, df, features=["HR"]))
    X, _ = convert(eval(advice.group()), features=["HR"])
    assert_array_equal(X.values, [[71], [88.5]])


@pytest.mark.parametrize("last", ["n/a", 90], ids=["a text", "objects"])
def test_what_to_do_about_objects_works(last):
    df = table("pandas", HR=np.array([80, None, 81, 82, last], dtype=object))
    assert 'for example by pandas.to_numeric(..., errors="coerce")' in error_of(convert, df, features=["HR"])
    df["HR"] = pd.to_numeric(df["HR"], errors="coerce")
    assert np.isnan(convert(df, features=["HR"])[0].values).sum() == (2 if last == "n/a" else 1)


FIVE = np.arange(5)
TABLE_ERRORS = {
    "lazy": (pl.LazyFrame(VITALS), ["df is a lazy frame", "df.collect()"]),
    "no frame": (np.zeros((3, 3)), ["df must be a pandas or polars DataFrame, got ndarray"]),
    "no rows": (table("pandas")[:0], ["df has no rows"]),
    "no rows in polars": (table("polars")[:0], ["df has no rows"]),
    "index": (table("pandas").set_index(["patient", "hour"]), ["no column 'patient'", "df.reset_index()"]),
    "same name": (table("pandas").rename(columns={"HR": "hour"}), ["df has columns of the same name", "'hour'"]),
    "name that is no text": (table("pandas").rename(columns={"HR": 3}), ["Names of columns must be texts", "has 3"]),
    "mixed identifiers": (
        table("pandas", patient=pd.Series(["b", 1, "b", 1, "b"], dtype=object)),
        ["'patient' (sequence) must hold identifiers that can be sorted, but has int and str"],
    ),
    "lists as identifiers": (table("polars", patient=[[1]] * 5), ["'patient' (sequence) must hold identifiers"]),
    "objects": (table("pandas", HR=pd.Series(FIVE, dtype=object)), ["'HR' of df", "its type is object. Convert"]),
    "categories": (table("pandas", HR=pd.Categorical(FIVE)), ["'HR' of df", "category"]),
    "lists": (table("polars", HR=[[1]] * 5), ["'HR' of df", "List(Int64)"]),
    "complex": (table("pandas", HR=FIVE * 1j), ["'HR' of df", "complex128"]),
}


@pytest.mark.parametrize("case", TABLE_ERRORS)
def test_tables_that_are_none_say_why(case):
    df, words = TABLE_ERRORS[case]
    message = error_of(convert, df)
    assert all(word in message for word in words), message


@pytest.mark.parametrize("parameters", [{"sequence": 0}, {"time": None}, {"return_sequences": "yes"}], ids=repr)
def test_parameters_are_validated(parameters):
    with pytest.raises(ValueError, match=r"parameter of .*frame_to_sequences must be"):
        convert(table("pandas"), **parameters)


def test_infinity_is_left_for_estimators_to_refuse():
    X, _ = convert(table("pandas", HR=[np.inf, 70, 85, 72, 80]))
    assert "contains infinity: in sequence 1, time step 2, feature 0 ('HR')" in error_of(
        LSTMRegressor().fit, X, [0.0, 1.0]
    )


# ---------------------------------------------------------------------------------------------- the way back


def assert_same_table(df, expected):
    assert type(df) is type(expected)
    if isinstance(df, pd.DataFrame):
        pd.testing.assert_frame_equal(df, expected)
    else:
        polars.testing.assert_frame_equal(df, expected)


def sorted_rows(df, library):
    by = ["patient", "hour"]
    return df.sort(by) if library == "polars" else df.sort_values(by, ignore_index=True)


@EACH_LIBRARY
@pytest.mark.parametrize("column", [[2.0, 0, 0, 1, 1], np.array(hours(), dtype="M8[ns]")], ids=["numbers", "datetimes"])
def test_there_and_back_again_is_the_sorted_table(library, column):
    df = LIBRARIES[library](
        {
            "patient": VITALS["patient"],
            "hour": column,
            "HR": VITALS["HR"],
            "risk": LABELS["floats"],
            "state": LABELS["texts"],
        }
    )
    X, y, ids = convert(df, features=["HR", "risk"], target="state")
    back = sequences_to_frame(X, ids, y=y, sequence="patient", time="hour", target="state", backend=library)
    assert_same_table(back, sorted_rows(df, library))


@EACH_LIBRARY
def test_there_and_back_again_with_a_target_a_time_step(library):
    df = table(library, hour=[2.0, 0, 0, 1, 1], ventilated=[1.0, 0, 0, 0, 1], state=["up", "up", "down", "down", None])
    X, y, ids = convert(df, target="state", return_sequences=True)
    back = sequences_to_frame(X, ids, y=y, sequence="patient", time="hour", target="state", backend=library)
    assert_same_table(back, sorted_rows(df, library))


@EACH_LIBRARY
def test_names_and_times_that_are_not_there_are_counted(library):
    df = sequences_to_frame([[[1, 2]], [[3, 4], [5, 6]]], backend=library)
    expected = {"sequence": [0, 1, 1], "time": [0, 0, 1], "x0": [1.0, 3, 5], "x1": [2.0, 4, 6]}
    assert_same_table(df, LIBRARIES[library](expected))


RAGGED = [np.zeros((2, 1)), np.zeros((3, 1))]
PAIRS = np.zeros((2, 2, 1))
CUBE = np.zeros((2, 4, 1))
PADDED = np.where(np.arange(4)[:, np.newaxis] < np.array([2, 3])[:, np.newaxis, np.newaxis], 0.0, np.nan)
STEPS = np.arange(8).reshape(2, 4)
TARGETS = {
    "one": (RAGGED, [7, 8], {"target": [7, 7, 8, 8, 8]}),
    "labels": (RAGGED, np.array(["no", "yes"]), {"target": ["no"] * 2 + ["yes"] * 3}),
    "column": (RAGGED, pd.Series([7, 8], index=["a", "b"]), {"target": [7, 7, 8, 8, 8]}),
    "outputs": (RAGGED, np.array([[1, 2], [3, 4]]), {"target_0": [1, 1, 3, 3, 3], "target_1": [2, 2, 4, 4, 4]}),
    "as many outputs as steps": (
        RAGGED,
        STEPS[:, 1:],
        {"target_0": [1, 1, 5, 5, 5], "target_1": [2, 2, 6, 6, 6], "target_2": [3, 3, 7, 7, 7]},
    ),
    "as many outputs as steps of Sequences": (
        as_sequences(PAIRS),
        np.array([[1, 2], [3, 4]]),
        {"target_0": [1, 1, 3, 3], "target_1": [2, 2, 4, 4]},
    ),
    "table of outputs": (
        RAGGED,
        pd.DataFrame([["no", 2], ["yes", 4]]),
        {"target_0": ["no"] * 2 + ["yes"] * 3, "target_1": [2, 2, 4, 4, 4]},
    ),
    "one output": (RAGGED, np.array([[7], [8]]), {"target": [7, 7, 8, 8, 8]}),
    "steps": (RAGGED, [[1, 2], [3, 4, 5]], {"target": [1, 2, 3, 4, 5]}),
    "objects": (RAGGED, pd.Series([[1, 2], [3, 4, 5]], index=["a", "b"]), {"target": [1, 2, 3, 4, 5]}),
    "steps of outputs": (
        RAGGED,
        [STEPS[:, :2].T, STEPS[:, 1:].T],
        {"target_0": [0, 1, 1, 2, 3], "target_1": [4, 5, 5, 6, 7]},
    ),
    "steps of equal numbers": (list(PAIRS), [[1, 2], [3, 4]], {"target": [1, 2, 3, 4]}),
    "longest": (RAGGED, STEPS[:, 1:, np.newaxis], {"target": [1, 2, 5, 6, 7]}),
    "array": (CUBE, STEPS, {"target": [0, 1, 2, 3, 4, 5, 6, 7]}),
    "array of outputs": (
        CUBE,
        STEPS[:, :, np.newaxis] * [1, -1],
        {"target_0": STEPS.ravel(), "target_1": -STEPS.ravel()},
    ),
    "padded": (PADDED, STEPS, {"target": [0, 1, 4, 5, 6]}),
    "padded lists": (PADDED, STEPS.tolist(), {"target": [0, 1, 4, 5, 6]}),
    "steps of a padded array": (PADDED, [STEPS[0, :2], STEPS[1, :3]], {"target": [0, 1, 4, 5, 6]}),
    "nested lists": (STEPS.tolist(), STEPS + 1, {"target": range(1, 9)}),
    "missing texts": (RAGGED, ["well", np.nan], {"target": ["well"] * 2 + [None] * 3}),
    "missing texts of steps": (
        RAGGED,
        [["well", np.nan], [None, "worse", "well"]],
        {"target": ["well", None, None, "worse", "well"]},
    ),
    "no texts of steps": (RAGGED, [["well", "well"], [np.nan] * 3], {"target": ["well"] * 2 + [None] * 3}),
    "missing texts of an array": (
        PAIRS,
        [["well", np.nan], ["well", "worse"]],
        {"target": ["well", None, "well", "worse"]},
    ),
    "outputs beside an array": (CUBE, STEPS[:, :2], {"target_0": [0] * 4 + [4] * 4, "target_1": [1] * 4 + [5] * 4}),
}


@EACH_LIBRARY
@pytest.mark.parametrize("case", TARGETS)
def test_targets_of_every_form(library, case):
    X, y, expected = TARGETS[case]
    df = sequences_to_frame(X, y=y, backend=library)
    assert list(df.columns) == ["sequence", "time", "x0", *expected]
    for name, values in expected.items():
        assert [None if value != value else value for value in df[name].to_list()] == list(values)


@EACH_LIBRARY
def test_predictions_come_back_to_the_table(library):
    X = np.random.default_rng(0).normal(size=(3, 4, 2))
    model = LSTMRegressor(2, max_iter=1, return_sequences=True, random_state=0)
    for form in X, as_sequences(X), list(X):
        prediction = model.fit(form, X[:, :, 0]).predict(form)
        df = sequences_to_frame(form, y=prediction, backend=library)
        assert_array_equal(df["target"], np.concatenate(list(prediction)))


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"ids": ["a"]}, "ids must have the shape (2,), one a sequence of X, got (1,)"),
        ({"ids": 3}, "ids must have the shape (2,)"),
        ({"y": [1, 2, 3]}, "y must hold one element a sequence of X, 2 in all, but has 3 elements"),
        ({"y": 3}, "but has type int"),
        ({"y": [[1, 2], [3, 4, 5, 6]]}, "y[1] has shape (4,), but sequence 1 of X has 3 time steps"),
        ({"y": [[1, 2], [3, 4]]}, "pass an array of shape (n_sequences, n_outputs)"),
        ({"y": [np.zeros((2, 2)), np.zeros((3, 1))]}, "y[1] has shape (3, 1)"),
        ({"y": np.zeros((2, 2, 2))}, "y has shape (2, 2, 2), but sequences of X have up to 3 time steps"),
        ({"y": np.zeros((2, 1, 1, 1))}, "y has shape (2, 1, 1, 1)"),
        ({"sequence": "time"}, "2 columns would have the name 'time'"),
        ({"time": "x0"}, "2 columns would have the name 'x0'"),
        ({"y": [1, 2], "target": "x0"}, "2 columns would have the name 'x0'"),
        ({"backend": "duckdb"}, "'backend' parameter of"),
    ],
)
def test_errors_on_the_way_back(parameters, words):
    assert words in error_of(sequences_to_frame, RAGGED, **parameters)


@EACH_LIBRARY
@pytest.mark.parametrize("ids", [["a", "b"], np.array(["a", "b"]), pd.Series(["a", "b"]), pl.Series(["a", "b"])])
def test_identifiers_are_repeated_at_every_step(library, ids):
    assert sequences_to_frame(RAGGED, ids, backend=library)["sequence"].to_list() == ["a"] * 2 + ["b"] * 3


def test_numbers_among_texts_stay_numbers():
    df = sequences_to_frame(RAGGED, [1, "b"], y=["a", 2], backend="pandas")
    assert df["sequence"].tolist() == [1, 1, "b", "b", "b"]
    assert df["target"].tolist() == ["a", "a", 2, 2, 2]
    assert sequences_to_frame(RAGGED, y=[[1, "b"], [3, 4, 5]], backend="pandas")["target"].tolist() == [1, "b", 3, 4, 5]


@pytest.mark.parametrize(("parameters", "name"), [({"ids": [1, "b"]}, "sequence"), ({"y": ["a", 2]}, "target")])
def test_polars_takes_no_numbers_among_texts(parameters, name):
    message = error_of(sequences_to_frame, RAGGED, **parameters, backend="polars")
    assert f"Column {name!r} would have texts and other values" in message


def test_pandas_goes_first(monkeypatch):
    assert isinstance(sequences_to_frame(RAGGED), pd.DataFrame)
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert isinstance(sequences_to_frame(RAGGED), pl.DataFrame)
    with pytest.raises(ImportError, match="backend='pandas' needs pandas: pip install pandas"):
        sequences_to_frame(RAGGED, backend="pandas")
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(ImportError, match="needs pandas or polars: pip install pandas, or pip install polars"):
        sequences_to_frame(RAGGED)


def test_static_features_stay_with_their_sequences_in_cross_validation():
    """What decides is static, and the order of the folds is not that of the sequences."""
    rng = np.random.default_rng(0)
    ids = np.repeat(np.arange(60), rng.integers(1, 6, size=60))
    df = pd.DataFrame({"id": ids, "t": np.arange(len(ids)), "noise": rng.normal(size=len(ids))})
    patients = pd.DataFrame({"id": rng.permutation(60)})
    patients["age"] = 40.0 + patients["id"] % 2
    X, _ = frame_to_sequences(df, sequence="id", time="t", static=patients)
    model = LSTMClassifier(4, max_iter=150, random_state=0)
    cv = KFold(3, shuffle=True, random_state=0)
    assert cross_val_score(model, X, np.arange(60) % 2, cv=cv).min() == 1
    assert cross_val_score(model, X[:, ["noise"]], np.arange(60) % 2, cv=cv).max() < 0.8
