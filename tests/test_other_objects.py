"""Python objects that are no sequences, or no times: fuzzing found them, and errors say what they are."""

import numpy as np
import pandas as pd
import pytest

from sklstm import as_sequences
from sklstm.preprocessing import SequenceScaler, ToSequences


@pytest.mark.parametrize(
    ("times", "words"), [(3, "the times of each sequence.*got array"), ([[[1], [2, 3]], [1, 2, 3]], "a time for each")]
)
def test_times_that_are_no_arrays(times, words):
    with pytest.raises(ValueError, match=f"times.* must hold {words}"):
        as_sequences([[0.0, 1.0], [1.0, 2.0, 3.0]], times=times)


def test_times_of_two_kinds():
    times = [np.array(["2024-01-01", "2024-01-02"], "M8[D]"), [0, 1]]
    with pytest.raises(ValueError, match="times must be numbers or datetimes for all sequences"):
        as_sequences(np.zeros((2, 2, 1)), times=times)


@pytest.mark.parametrize(
    ("X", "value"),
    [
        (np.array([[1.0, {}], [2.0, 3.0]], dtype=object), "{}"),
        (pd.DataFrame({"a": [1.0], "b": pd.to_datetime(["2024-01-01"])}), "Timestamp.*"),
        (pd.DataFrame({"a": [1.0], "b": pd.to_datetime(["NaT"])}), "NaT"),
        (np.array([[1.0, pd.NA]], dtype=object), "<NA>"),
        (np.array([[1.0, np.timedelta64(1, "h")]], dtype=object), "np.timedelta64.*"),
        (np.array([[None, np.complex64(1j)]], dtype=object), r"np.complex64\(1j\)"),
    ],
)
def test_objects_in_a_table_are_named(X, value):
    with pytest.raises(
        TypeError, match=rf"^X must hold real numbers, got {value}: argument must be a string or a real"
    ):
        as_sequences(X)


@pytest.mark.parametrize(
    ("X", "words"),
    [
        (pd.DataFrame(np.zeros((2, 2)), columns=["a", 1]), "all input features have string names"),
        (np.zeros((2, 2)).view(np.matrix), "np.matrix is not supported"),
    ],
    ids=["names of two kinds", "matrix"],
)
@pytest.mark.parametrize("transformer", [SequenceScaler(), ToSequences()], ids=repr)
def test_what_scikit_learn_says_of_tables_is_left(transformer, X, words):
    with pytest.raises(TypeError, match=words):
        transformer.fit(X)


def test_a_missing_value_among_numbers_is_one():
    X = pd.DataFrame({"a": pd.array([1, None], dtype="Int64"), "b": [1.0, 2.0]})
    assert np.isnan(as_sequences(X).values).sum() == 1


class Frame:
    """A data frame whose columns have no type in common, as some of polars'."""

    def __array__(self, dtype=None, copy=None):
        raise np.exceptions.DTypePromotionError


def test_a_frame_of_a_list_whose_columns_are_no_numbers_is_named():
    with pytest.raises(ValueError, match="Sequence 0 of X must hold real numbers, got Frame of columns that do not"):
        as_sequences([Frame()])
