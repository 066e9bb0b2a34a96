"""Every form of the same data gives the same model, bit by bit; scikit-learn can cut a `Sequences`."""

import pickle

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from checks import ESTIMATORS, object_array
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMRegressor, Sequences, as_sequences
from sklstm.sequences import time_gaps

pytestmark = pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")

TINY = {"hidden_layer_sizes": 4, "max_iter": 2, "batch_size": 8, "random_state": 0, "n_jobs": 1}
N = 20
Y = np.arange(N) % 3  # classes or numbers, as one likes

rng = np.random.default_rng(0)
LENGTHS = rng.integers(1, 7, size=N)
LENGTHS[3] = 6
RAGGED = [rng.normal(size=(length, 2)) for length in LENGTHS]
CUBE = rng.normal(size=(N, 5, 2))
TABLE = rng.normal(size=(N, 5))
WHOLE = rng.integers(0, 2, size=(N, 5, 2))  # every real type holds these


def padded(arrays, n_more=0):
    result = np.full((len(arrays), max(map(len, arrays)) + n_more, arrays[0].shape[1]), np.nan)
    for row, array in zip(result, arrays, strict=True):
        row[: len(array)] = array
    return result


def sliced(arrays):
    """A Sequences that begins and ends within its values."""
    return as_sequences([np.full((3, 2), np.nan), *arrays, np.full((4, 2), np.inf)])[1:-1]


def fit(Estimator, X, y=Y, **parameters):
    return Estimator(**{**TINY, **parameters}).fit(X, y)


def predictions(model, X):
    return model.predict(X) if isinstance(model, LSTMRegressor) else model.predict_proba(X)


def assert_same_model(model, expected):
    assert_array_equal(model._network.parameters, expected._network.parameters)
    assert_array_equal(model._shift, expected._shift)
    assert_array_equal(model._scale, expected._scale)
    assert model.loss_curve_ == expected.loss_curve_


def assert_same_data(Estimator, X, X_expected):
    """Fitting to X gives the same model as fitting to the other form, and each predicts the other's form alike."""
    model, expected = fit(Estimator, X), fit(Estimator, X_expected)
    assert_same_model(model, expected)
    assert_array_equal(predictions(model, X), predictions(expected, X_expected))
    assert np.ptp(predictions(model, X), axis=0).max() > 0  # the data do matter


# ---------------------------------------------------------------------------------------------- forms

RAGGED_FORMS = {
    "tuple": tuple,
    "object array": object_array,
    "pandas Series": lambda X: pd.Series(list(X)),
    "nested lists": lambda X: [x.tolist() for x in X],
    "list of data frames": lambda X: [pd.DataFrame(x) for x in X],
    "mixed types": lambda X: [x if i % 2 else x.tolist() for i, x in enumerate(X)],
    "padded": padded,
    "padded more than needed": lambda X: padded(X, 3),
    "padded, Fortran order": lambda X: np.asfortranarray(padded(X)),
    "Sequences": as_sequences,
    "slice of a Sequences": sliced,
    "rows of a Sequences": lambda X: as_sequences(X[::-1])[np.arange(N)[::-1]],
}


@ESTIMATORS
@pytest.mark.parametrize("form", RAGGED_FORMS)
def test_ragged_forms_are_the_same_data(Estimator, form):
    X = RAGGED_FORMS[form](RAGGED)
    assert_same_data(Estimator, X, RAGGED)
    assert as_sequences(X) == as_sequences(RAGGED)


CUBE_FORMS = {
    "list": list,
    "tuple": tuple,
    "object array": object_array,
    "nested lists": lambda X: X.tolist(),
    "Sequences": as_sequences,
    "Fortran order": np.asfortranarray,
    "strides": lambda X: np.repeat(np.repeat(X, 2, axis=0), 3, axis=2)[::2, :, ::3],
    "negative strides": lambda X: X[::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1],
    "transposed": lambda X: X.transpose(2, 1, 0).copy().transpose(2, 1, 0),
    "big-endian": lambda X: X.astype(">f8"),
    "objects": lambda X: X.astype(object),
    "polars": lambda X: [pl.DataFrame(x, schema=["a", "b"]) for x in X],
}


@ESTIMATORS
@pytest.mark.parametrize("form", CUBE_FORMS)
def test_equal_lengths_in_any_form_and_memory_layout(Estimator, form):
    assert_same_data(Estimator, CUBE_FORMS[form](CUBE), CUBE)


TABLE_FORMS = {
    "three dimensions": lambda X: X[:, :, np.newaxis],
    "list of one-dimensional arrays": list,
    "list of tables": lambda X: [x[:, np.newaxis] for x in X],
    "object array": object_array,
    "nested lists": lambda X: X.tolist(),
    "nested tuples": lambda X: tuple(map(tuple, X.tolist())),
    "pandas": pd.DataFrame,
    "pandas with names": lambda X: pd.DataFrame(X, columns=list("abcde")),
    "polars": lambda X: pl.DataFrame(X, schema=list("abcde")),
    "Sequences": as_sequences,
    "Fortran order": np.asfortranarray,
    "objects": lambda X: X.astype(object),
}


@ESTIMATORS
@pytest.mark.parametrize("form", TABLE_FORMS)
def test_a_table_is_one_feature_over_time(Estimator, form):
    assert_same_data(Estimator, TABLE_FORMS[form](TABLE), TABLE)


TYPES = ["f2", "f4", "f8", ">f4", ">f8", ">i2", "g", "?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"]


@ESTIMATORS
@pytest.mark.parametrize("as_list", [False, True])
@pytest.mark.parametrize("dtype", TYPES)
def test_any_real_type(Estimator, dtype, as_list):
    X = WHOLE.astype(dtype)
    assert_same_data(Estimator, list(X) if as_list else X, WHOLE.astype(np.float64))


@ESTIMATORS
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_read_only_and_memory_maps(Estimator, dtype, tmp_path):
    X = CUBE.astype(dtype)
    read_only = X.copy()
    read_only.setflags(write=False)
    np.save(tmp_path / "X.npy", X)
    joblib.dump([X, as_sequences(X)], tmp_path / "X.joblib")
    mapped, mapped_sequences = joblib.load(tmp_path / "X.joblib", mmap_mode="r")
    assert isinstance(mapped, np.memmap)
    assert not mapped_sequences.values.flags.writeable
    for other in [read_only, np.load(tmp_path / "X.npy", mmap_mode="r"), mapped, mapped_sequences]:
        assert_same_data(Estimator, other, X)


@ESTIMATORS
def test_a_model_from_a_memory_map_predicts(Estimator, tmp_path):
    model = fit(Estimator, CUBE)
    joblib.dump(model, tmp_path / "model.joblib")
    mapped = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    assert_array_equal(predictions(mapped, CUBE), predictions(model, CUBE))


@ESTIMATORS
def test_predictions_do_not_depend_on_company_order_or_threads(Estimator):
    model = fit(Estimator, RAGGED)
    expected = predictions(model, RAGGED)
    assert_array_equal(np.concatenate([predictions(model, [x]) for x in RAGGED]), expected)
    order = np.random.default_rng(1).permutation(N)
    assert_array_equal(predictions(model, [RAGGED[i] for i in order]), expected[order])
    assert_same_model(fit(Estimator, RAGGED, n_jobs=2), model)
    assert_array_equal(predictions(model.set_params(n_jobs=3), RAGGED), expected)


# ---------------------------------------------------------------------------------------------- names and numbers


@ESTIMATORS
def test_number_and_names_of_features(Estimator):
    for X, n_features in [(CUBE, 2), (RAGGED, 2), (as_sequences(RAGGED), 2), (TABLE, 5), (list(TABLE), 1)]:
        model = fit(Estimator, X)
        assert model.n_features_in_ == n_features
        assert not hasattr(model, "feature_names_in_")
    frame = pd.DataFrame(TABLE, columns=list("abcde"))
    model = fit(Estimator, frame)
    assert_array_equal(model.feature_names_in_, list("abcde"))
    assert not hasattr(model.fit(CUBE, Y), "feature_names_in_")  # no names are left over from the last fit
    assert model.n_features_in_ == 2


@ESTIMATORS
def test_a_table_model_takes_sequences_of_any_length_but_tables_of_its_width(Estimator):
    model = fit(Estimator, TABLE)
    short = TABLE[:, :3]
    expected = predictions(model, list(short))
    assert_array_equal(predictions(model, short[:, :, np.newaxis]), expected)
    assert_array_equal(predictions(model, as_sequences(short)), expected)
    assert_array_equal(predictions(model, [*short, *TABLE]), [*expected, *predictions(model, TABLE)])
    assert len(predictions(model, [np.append(x, 9.0) for x in TABLE])) == N
    with pytest.raises(ValueError, match=r"X has 3 features, but .* is expecting 5 features as input"):
        model.predict(short)
    with pytest.raises(ValueError, match=r"X has 2 features, but .* is expecting 1 features as input"):
        model.predict(CUBE)


@ESTIMATORS
def test_a_model_of_one_feature_takes_tables_of_any_width(Estimator):
    model = fit(Estimator, TABLE[:, :, np.newaxis])
    assert model.n_features_in_ == 1
    for width in [1, 4, 5]:
        expected = predictions(model, list(TABLE[:, :width]))
        assert_array_equal(predictions(model, TABLE[:, :width]), expected)
        assert_array_equal(predictions(model, pd.DataFrame(TABLE[:, :width])), expected)


def test_renamed_columns_are_an_error():
    model = fit(LSTMRegressor, pd.DataFrame(TABLE, columns=list("abcde")))
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(pd.DataFrame(TABLE, columns=list("edcba")))


# ---------------------------------------------------------------------------------------------- Sequences


@pytest.fixture
def sequences():
    return as_sequences(RAGGED)


def assert_holds(sequences, arrays):
    assert isinstance(sequences, Sequences)
    assert len(sequences) == len(arrays)
    for sequence, array in zip(sequences, arrays, strict=True):
        assert_array_equal(sequence, array)


def test_length_shape_and_type(sequences):
    assert len(sequences) == N
    assert sequences.shape == (N,)
    assert sequences.ndim == 1
    assert sequences.dtype == np.float64
    assert sequences.n_features == 2
    assert_array_equal(sequences.lengths, LENGTHS)
    assert as_sequences([np.zeros(2, dtype=np.float32)]).dtype == np.float32
    assert as_sequences(sequences) is sequences


def test_iteration(sequences):
    assert_holds(sequences, RAGGED)
    assert_holds(sequences[4:7], RAGGED[4:7])
    assert list(map(len, sequences)) == LENGTHS.tolist()


@pytest.mark.parametrize("i", [0, 5, N - 1, -1, -N, np.int32(3), np.int64(-2)])
def test_one_sequence(sequences, i):
    assert_array_equal(sequences[i], RAGGED[i])
    assert_array_equal(sequences[2:][0], RAGGED[2])


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.uint16, np.uint64])
def test_a_number_of_few_bits(dtype):
    X = as_sequences(np.arange(300.0).reshape(300, 1, 1))
    assert X[dtype(3)].item() == 3
    assert X[dtype(127)].item() == 127


@pytest.mark.parametrize("i", [N, -N - 1, [0, N], [-N - 1]])
def test_out_of_range(sequences, i):
    with pytest.raises(IndexError):
        sequences[i]


@pytest.mark.parametrize(
    "key",
    [
        *[slice(3, 9), slice(None), slice(-4, None), slice(None, -15), slice(5, 5), slice(9, 3), slice(0, 10**9)],
        *[slice(None, None, 2), slice(None, None, -1), slice(10, 2, -3), slice(2, 9, 1)],
    ],
    ids=repr,
)
def test_slices(sequences, key):
    assert_holds(sequences[key], RAGGED[key])
    assert_holds(sequences[1:-1][key], RAGGED[1:-1][key])


@pytest.mark.parametrize(
    "key",
    [np.array([3, 0, 3, -1]), [2, 5], [], np.array([], dtype=int), range(3, 6), np.array([1, 2], dtype=np.int8)],
    ids=repr,
)
def test_index_lists(sequences, key):
    expected = [RAGGED[i] for i in key]
    assert_holds(sequences[key], expected)
    assert_holds(sequences[key, ...], expected)


def test_masks(sequences):
    mask = LENGTHS > 3
    expected = [x for x in RAGGED if len(x) > 3]
    assert 0 < len(expected) < N
    assert_holds(sequences[mask], expected)
    assert_holds(sequences[mask.tolist()], expected)
    assert_holds(sequences[mask, ...], expected)
    assert len(sequences[np.zeros(N, dtype=bool)]) == 0
    with pytest.raises(IndexError):
        sequences[mask[:-1]]


def test_equality(sequences):
    assert as_sequences([x.copy() for x in RAGGED]) == sequences
    assert sequences[2:5] == as_sequences(RAGGED[2:5])
    assert sequences[::-1] != sequences
    assert sequences[:-1] != sequences
    assert as_sequences([[1.0, 2.0], [3.0]]) != as_sequences([[1.0], [2.0, 3.0]])
    changed = as_sequences([*RAGGED[:-1], RAGGED[-1] + 1e-9])
    assert changed != sequences
    assert (sequences == "sequences") is False


def test_equality_is_one_truth_value(sequences):
    assert type(sequences[:] == sequences) is bool


def test_a_slice_shares_its_values_and_an_index_array_does_not(sequences):
    assert np.shares_memory(sequences[3:6].values, sequences.values)
    assert np.shares_memory(sequences[4], sequences.values)
    assert not np.shares_memory(sequences[[3, 4, 5]].values, sequences.values)
    assert np.shares_memory(as_sequences(CUBE).values, CUBE)
    assert np.shares_memory(as_sequences(TABLE).values, TABLE)


def test_pickle_of_a_slice_leaves_the_rest_out():
    X = as_sequences(np.random.default_rng(0).normal(size=(1000, 50, 4)))
    part = X[500:502]
    stored = pickle.dumps(part)
    assert len(stored) < 10 * part.lengths.sum() * 4 * 8
    assert pickle.loads(stored) == part
    assert pickle.loads(pickle.dumps(X[:0])).shape == (0,)


def test_representation(sequences):
    assert repr(sequences) == f"<Sequences: {N} of {LENGTHS.min()} to 6 time steps, 2 features, float64>"
    assert repr(sequences[:0]) == "<Sequences: 0 of no time steps, 2 features, float64>"


def test_unhashable(sequences):
    with pytest.raises(TypeError, match="unhashable"):
        hash(sequences)


def test_train_test_split(sequences):
    rows = np.arange(N)
    train, test, rows_train, rows_test, _, y_test = train_test_split(sequences, rows, Y, test_size=0.3, random_state=0)
    assert_holds(train, [RAGGED[i] for i in rows_train])
    assert_holds(test, [RAGGED[i] for i in rows_test])
    assert_array_equal(y_test, Y[rows_test])
    first, last = train_test_split(sequences, shuffle=False, test_size=5)
    assert_holds(first, RAGGED[:-5])
    assert_holds(last, RAGGED[-5:])


@pytest.mark.parametrize(
    ("values", "offsets", "words"),
    [
        (np.zeros(4), [0, 4], "values must have two dimensions"),
        (np.zeros((4, 1, 1)), [0, 4], "values must have two dimensions"),
        (np.zeros((4, 1)), [], "offsets must be a one-dimensional array of integers"),
        (np.zeros((4, 1)), 3, "offsets must be a one-dimensional array of integers"),
        (np.zeros((4, 1)), [[0, 4]], "offsets must be a one-dimensional array of integers"),
        (np.zeros((4, 1)), [0.0, 4.0], "offsets must be a one-dimensional array of integers"),
        (np.zeros((4, 1)), [0, 5], "offsets must ascend between 0 and the number of time steps, 4"),
        (np.zeros((4, 1)), [-1, 4], "offsets must ascend"),
        (np.zeros((4, 1)), [0, 3, 2, 4], "offsets must ascend"),
        (np.array([["a"]]), [0, 1], "values must hold real numbers"),
        (np.zeros((4, 1), dtype=complex), [0, 4], "Complex data not supported"),
    ],
)
def test_bad_values_and_offsets(values, offsets, words):
    with pytest.raises(ValueError, match=words):
        Sequences(values, offsets)


def test_padding_is_only_what_is_nan_in_every_feature_at_the_end():
    X = np.arange(24, dtype=float).reshape(2, 4, 3)
    X[0, 2:] = np.nan
    X[1, 3, :2] = np.nan  # no padding: feature 2 was measured
    X[1, 1] = np.nan  # no padding: not at the end
    sequences = as_sequences(X)
    assert sequences.lengths.tolist() == [2, 4]
    assert_array_equal(sequences[0], X[0, :2])
    assert_array_equal(sequences[1], X[1])


# ---------------------------------------------------------------------------------------------- names and times

NAMES = ["HR", "SBP", "Temp"]
VALUES = np.arange(15.0).reshape(5, 3)


def named(**more):
    return Sequences(VALUES, [0, 2, 5], feature_names=NAMES, times=[3, 4, 0, 1, 7], **more)


@pytest.mark.parametrize("rows", [[1, 0], slice(1, 2), np.array([False, True]), slice(None, None, -1)], ids=repr)
def test_rows_keep_names_and_times(rows):
    part = named()[rows]
    assert part.feature_names.tolist() == NAMES
    times = object_array([[3, 4], [0, 1, 7]])
    assert part.times.tolist() == [time for sequence in times[rows] for time in sequence]


@pytest.mark.parametrize(
    ("columns", "numbers"),
    [
        ("SBP", [1]),
        (["Temp", "HR"], [2, 0]),
        (1, [1]),
        (-1, [2]),
        ([2, 0], [2, 0]),
        (slice(1, None), [1, 2]),
        (np.array([True, False, True]), [0, 2]),
    ],
    ids=repr,
)
def test_columns_are_features(columns, numbers):
    X = named()
    part = X[:, columns]
    assert part == Sequences(VALUES[:, numbers], [0, 2, 5], feature_names=np.array(NAMES)[numbers], times=X.times)
    assert part.values.flags.c_contiguous
    assert_array_equal(X[1, columns], VALUES[2:, numbers])
    assert X[[1], columns] == part[[1]]


@pytest.mark.parametrize("columns", ["RR", 3, [0, 7], np.array([True, False])], ids=repr)
def test_columns_that_are_not_there(columns):
    with pytest.raises(KeyError, match="not among the 3 features: HR, SBP, Temp"):
        named()[:, columns]
    with pytest.raises(KeyError, match="not among the 3 features"):
        Sequences(VALUES, [0, 2, 5])[:, "HR"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"feature_names": ["a", "b"]}, "feature_names must be 3 texts"),
        ({"feature_names": ["a", "b", 3]}, "feature_names must be 3 texts"),
        ({"feature_names": ["a", "b", "a"]}, "'a' twice"),
        ({"times": [0, 1]}, r"times must have the shape \(5,\)"),
        ({"times": list("abcde")}, "times must be numbers or datetime64"),
        ({"times": [0, 1, 2, np.nan, 4]}, "no time for sequence 1, time step 1"),
        ({"times": [0, 1, 2, 5, 4]}, "sequence 1, time step 2, comes before"),
        ({"times": np.array(["2024-01-02", "2024-01-01"] + ["2024-01-03"] * 3, "M8[D]")}, "sequence 0, time step 1"),
        ({"times": np.array(["2024-01-02", "NaT"] + ["2024-01-03"] * 3, "M8[s]")}, "sequence 0, time step 1"),
    ],
)
def test_names_and_times_that_do_not_fit(more, message):
    with pytest.raises(ValueError, match=message):
        Sequences(VALUES, [0, 2, 5], **more)


def test_values_outside_of_all_sequences_take_their_times_with_them():
    assert Sequences(VALUES, [1, 3], times=[9, 0, 1, 0, 0]).times.tolist() == [0, 1]


def test_time_gaps():
    assert time_gaps(named()).tolist() == [0, 1, 0, 1, 6]
    assert time_gaps(Sequences(VALUES, [0, 2, 5])).tolist() == [0, 1, 0, 1, 1]
    days = np.array(["2024-01-01", "2024-01-02", "2023-01-01", "2023-01-01", "2023-01-03"], "M8[D]")
    assert time_gaps(Sequences(VALUES, [0, 2, 5], times=days)).tolist() == [0, 24, 0, 0, 48]


@pytest.mark.parametrize(
    ("X", "times"),
    [
        ([VALUES[:2], VALUES[2:]], [[3, 4], [0, 1, 7]]),
        (Sequences(VALUES, [0, 2, 5]), [np.array([3, 4]), np.array([0, 1, 7])]),
        (np.array([[*VALUES[:2], [np.nan] * 3], VALUES[2:]]), np.array([[3, 4, np.nan], [0, 1, 7]])),
    ],
    ids=["list", "Sequences", "padded array"],
)
def test_sequences_of_any_form_are_given_names_and_times(X, times):
    assert as_sequences(X, feature_names=NAMES, times=times) == named()


@pytest.mark.parametrize("library", [pd, pl], ids=["pandas", "polars"])
def test_data_frames_of_a_list_have_the_same_columns(library):
    frames = [library.DataFrame(dict(zip(NAMES, x.T, strict=True))) for x in (VALUES[:2], VALUES[2:])]
    assert as_sequences(frames) == Sequences(VALUES, [0, 2, 5], feature_names=NAMES)
    with pytest.raises(ValueError, match=r"Sequence 1 of X has the columns \['SBP', 'HR', 'Temp'\], but sequence 0"):
        as_sequences([frames[0], frames[1][["SBP", "HR", "Temp"]]])


def test_what_pandas_has_for_missing_is_nan():
    stay = pd.DataFrame({"HR": pd.array([80, None], dtype="Int64"), "SBP": [None, 120.0]})
    assert_array_equal(as_sequences([stay]).values, [[80, np.nan], [np.nan, 120]])
    assert_array_equal(as_sequences([[[pd.NA, 1], [2, None]]]).values, [[np.nan, 1], [2, np.nan]])


def test_arrays_of_sequences():
    assert_array_equal(Sequences(VALUES, [0, 2, 5])[[1, 1]].to_array(), [VALUES[2:], VALUES[2:]])
    ragged = Sequences(VALUES, [0, 2, 5]).to_array()
    assert_array_equal(ragged[0], [*VALUES[:2], [np.nan] * 3])
    assert_array_equal(ragged[1], VALUES[2:])


def test_numpy_takes_sequences_of_one_length():
    equal = Sequences(VALUES[:4], [0, 2, 4])
    assert_array_equal(np.asarray(equal), [VALUES[:2], VALUES[2:4]])
    assert np.asarray(equal, dtype=np.float32).dtype == np.float32
    assert not np.shares_memory(np.array(equal), equal.values)
    objects = np.asarray(Sequences(VALUES, [0, 2, 5]), dtype=object)
    assert [len(sequence) for sequence in objects] == [2, 3]
    for tool in (np.asarray, StandardScaler().fit):
        with pytest.raises(ValueError, match=r"different lengths are no array.*SequenceScaler.*to_array"):
            tool(Sequences(VALUES, [0, 2, 5]))


@pytest.mark.parametrize(
    ("values", "names"), [(VALUES[:4], NAMES), (VALUES, NAMES[:2]), (VALUES, ["a", "b", "a"]), (VALUES[:, 0], None)]
)
def test_other_values_that_do_not_fit(values, names):
    with pytest.raises(ValueError, match=r"rows, one a time step|feature_names"):
        named().with_values(values, names)


def test_times_that_cannot_be_held():
    years = np.array(["2600-01-01", "2601-01-01", "2000-01-01", "2001-01-01", "2002-01-01"], "M8[s]")
    with pytest.raises(ValueError, match="2600-01-01T00:00:00 for sequence 0, time step 0, which nanoseconds"):
        Sequences(VALUES, [0, 2, 5], times=years)
    with pytest.raises(ValueError, match="cannot hold"):
        Sequences(VALUES, [0, 2, 5], times=2**60 + np.arange(5))
    centuries = np.array(["1700-01-01", "2200-01-01", "2000-01-01", "2000-01-02", "2000-01-03"], "M8[D]")
    assert time_gaps(Sequences(VALUES, [0, 2, 5], times=centuries)).tolist() == [0, 24 * 182621, 0, 24, 24]


def test_times_of_other_lengths():
    X = [VALUES[:2], VALUES[2:]]
    with pytest.raises(ValueError, match=r"times\[1\] has shape \(2,\), but sequence 1 of X has 3"):
        as_sequences(X, times=[[3, 4], [0, 1]])
    with pytest.raises(ValueError, match="times has 1 elements, but X has 2"):
        as_sequences(X, times=[[3, 4]])


def test_names_of_features_are_checked_at_prediction():
    model = LSTMRegressor(2, max_iter=1, random_state=0).fit(named(), [0, 1])
    assert model.feature_names_in_.tolist() == NAMES
    expected = model.predict(named())
    assert_array_equal(model.predict([VALUES[:2], VALUES[2:]]), expected)
    with pytest.raises(ValueError, match="feature 0 of X is 'SBP', in fit it was 'HR'"):
        model.predict(named()[:, [1, 0, 2]])
    model.fit([VALUES[:2], VALUES[2:]], [0, 1])
    assert not hasattr(model, "feature_names_in_")
    assert_array_equal(model.predict(named()), expected)


def test_values_lie_where_their_type_may():
    """Processors forgive numbers that begin anywhere, compilers need not."""
    anywhere = np.empty(1 + 8 * 24, dtype=np.uint8)[1:].view(np.float64).reshape(3, 4, 2)
    anywhere[:] = np.arange(24).reshape(3, 4, 2)
    assert not anywhere.flags.aligned
    sequences = as_sequences(np.arange(24.0).reshape(3, 4, 2))
    rows = anywhere.reshape(12, 2)
    for each in [as_sequences(anywhere), Sequences(rows, [0, 4, 8, 12]), sequences.with_values(rows, None)]:
        assert each.values.flags.aligned
        assert_array_equal(each.values, sequences.values)
