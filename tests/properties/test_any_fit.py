"""What holds of the estimators for data of any sizes, contents and form."""

import pickle
import re
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from checks import assert_same_bits
from forms import Form, forms, padded
from hypothesis import assume, example, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from strategies import (
    HELD_BY_MORE_TYPES,
    INPUTS,
    MOST_SEQUENCES,
    SHORT,
    Sizes,
    Task,
    at_corners,
    predictions,
    tasks,
    what_is_learnt,
)

import sklstm

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names"),
]

BY_STEP = Task(Sizes((7, 1, 4), 2), {"return_sequences": True, "missing": "decay"}, gaps="last steps")


SKIPPING = Task(Sizes((7, 2, 3, 4, 2), 3), {"skip_connection": True}, contents="single")


def assert_same_model(actual, expected):
    actual, expected = what_is_learnt(actual), what_is_learnt(expected)
    assert actual.keys() == expected.keys()
    for name, array in expected.items():
        assert_same_bits(actual[name], array, name)


def assert_same_predictions(actual, expected):
    assert_same_bits(np.concatenate(actual), np.concatenate(expected))


# ---------------------------------------------------------------------------------------------- what does not matter


@example(task=replace(SKIPPING, weighted=True, seed=2), one=Form(dtype="f4"), other=Form())
@example(task=SKIPPING, one=Form(dtype="f4"), other=Form())
@example(task=SKIPPING, one=Form(dtype="f2"), other=Form(dtype=">f2"))
@at_corners(lambda sizes: {"task": Task(sizes, contents="whole"), "one": Form("pandas", "i1"), "other": Form()})
@given(task=tasks(contents=HELD_BY_MORE_TYPES), one=forms(), other=forms())
def test_the_form_of_the_data_does_not_matter(task, one, other):
    X, Z, lengths = one(task.X), other(task.X), task.sizes.lengths
    model, again = task.fit(X), task.fit(Z)
    assert_same_model(again, model)
    expected = predictions(model, X, lengths)
    assert_same_predictions(predictions(again, Z, lengths), expected)
    assert_same_predictions(predictions(model, Z, lengths), expected)


@at_corners(lambda sizes: {"task": Task(sizes), "n_jobs": 3})
@given(task=tasks(), n_jobs=st.integers(2, 3))
def test_threads_and_memory_do_not_matter(task, n_jobs):
    """As many megabytes as the error asks for are enough."""
    with pytest.raises(ValueError, match="max_memory=1e-09 MB is too little") as error:
        task.fit(n_jobs=n_jobs, max_memory=1e-9)
    model = task.fit(n_jobs=1)
    again = task.fit(n_jobs=n_jobs, max_memory=int(re.search(r"raise it to (\d+)", str(error.value))[1]))
    assert_same_model(again, model)
    assert_same_predictions(*(predictions(fitted, task.X, task.sizes.lengths) for fitted in (again, model)))


@at_corners(lambda sizes: {"task": Task(sizes), "more": 1})
@given(task=tasks(), more=st.integers(1, 5000))
def test_a_batch_of_more_sequences_than_there_are_is_one_of_all(task, more):
    n = len(task.sizes.lengths)
    assert_same_model(task.fit(batch_size=n + more), task.fit(batch_size=n))


def without_the_end(x):
    """A sequence up to the last step that has a value."""
    return x[: len(x) - np.argmin(np.isnan(x).all(axis=1)[::-1])]


@example(task=BY_STEP)
@example(task=replace(BY_STEP, gaps="steps"))
@at_corners(lambda sizes: {"task": Task(sizes)})
@given(task=tasks())
def test_padding_does_not_matter(task):
    """What misses every feature at the end is padding in an array, and is left out of the list as well."""
    assume(not any(np.isnan(x).all() for x in task.X))
    X = [without_the_end(x) for x in task.X]
    lengths = [len(x) for x in X]
    task = replace(task, sizes=replace(task.sizes, lengths=tuple(lengths)))
    n_steps, y = max(lengths) + 2, task.y
    cube = padded([*X, np.full((n_steps, X[0].shape[1]), np.nan)])[:-1]
    if task.model.return_sequences:
        y = np.stack([np.concatenate([rows, np.repeat(rows[:1], n_steps - len(rows), axis=0)]) for rows in y])
    model, again = task.fit(X), task.model.fit(cube, y, task.sample_weight)
    assert_same_model(again, model)
    assert_same_predictions(predictions(again, cube, lengths), predictions(model, X, lengths))


@example(task=BY_STEP, rows=[2, 0, 2])
@at_corners(lambda sizes: {"task": Task(sizes), "rows": [-1, 0]})
@given(task=tasks(), rows=st.lists(st.integers(-MOST_SEQUENCES, MOST_SEQUENCES), min_size=1, max_size=40))
def test_company_does_not_matter(task, rows):
    model, X, lengths = task.fit(), task.X, task.sizes.lengths
    rows = [row % len(X) for row in rows]
    expected = predictions(model, X, lengths)
    some = predictions(model, [X[row] for row in rows], [lengths[row] for row in rows])
    assert_same_predictions(some, [expected[row] for row in rows])
    assert_same_predictions(predictions(model, [X[rows[0]]], [lengths[rows[0]]]), [expected[rows[0]]])


ONE_DIRECTION = [inputs for inputs in INPUTS if not inputs.get("bidirectional")]


@at_corners(lambda sizes: {"task": Task(sizes, {"cell": "gru"}), "end": 2})
@given(task=tasks(inputs=ONE_DIRECTION), end=st.integers(1, SHORT))
def test_a_stream_predicts_what_whole_sequences_do(task, end):
    model, x = task.fit(), task.X[0]
    stream = sklstm.stream(model)
    steps = [stream.step(values) for values in x]
    if model.return_sequences:
        assert_same_bits(np.array(steps), *predictions(model, [x], [len(x)]))
        return
    for length in {1, min(end, len(x)), len(x)}:
        assert_same_bits(np.atleast_1d(steps[length - 1]), np.ravel(predictions(model, [x[:length]], [length])))


# ---------------------------------------------------------------------------------------------- what stays


@at_corners(lambda sizes: {"task": Task(sizes)})
@given(task=tasks())
def test_saved_and_pickled_models_are_the_same(task):
    model = task.fit()
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder, "model.sklstm"))
        loaded = sklstm.load(Path(folder, "model.sklstm"))
    for again in loaded, pickle.loads(pickle.dumps(model)):
        assert again.get_params() == model.get_params()
        assert_same_model(again, model)
        assert_same_predictions(*(predictions(fitted, task.X, task.sizes.lengths) for fitted in (again, model)))


def bytes_of(data):
    """All numbers of what was passed."""
    if data is None:
        return b""
    if isinstance(data, list | tuple) or (isinstance(data, np.ndarray) and data.dtype.kind == "O" and data.ndim == 1):
        return b"".join(map(bytes_of, data))
    if isinstance(data, sklstm.Sequences):
        data = data.values
    return np.asarray(data).tobytes()


def read_only(data):
    if isinstance(data, list):
        return [read_only(array) for array in data]
    data.flags.writeable = False
    return data


@at_corners(lambda sizes: {"task": Task(sizes), "form": Form("Sequences"), "early_stopping": False})
@given(task=tasks(), form=forms(), early_stopping=st.booleans())
def test_the_data_stay_as_they_are(task, form, early_stopping):
    """As arrays that cannot be written to, too."""
    options = {"early_stopping": True} if early_stopping and task.options.get("solver") != "lbfgs" else {}
    data = [form(task.X), task.y, task.sample_weight]
    data[1:] = [value if value is None else read_only(value) for value in data[1:]]
    before = [bytes_of(value) for value in data]
    watched = {"X_val": data[0], "y_val": data[1], "sample_weight_val": data[2]} if options else {}
    model = task.model.set_params(**options).fit(*data, **watched)
    predictions(model, data[0], task.sizes.lengths)
    assert [bytes_of(value) for value in data] == before


# ---------------------------------------------------------------------------------------------- numbers


@at_corners(lambda sizes: {"task": Task(sizes, {"max_iter": 2}, contents="far")})
@given(task=tasks())
def test_all_numbers_are_finite(task):
    model = task.fit()
    for name, numbers in what_is_learnt(model).items():
        assert np.isfinite(numbers).all(), name
    assert np.isfinite(np.concatenate(predictions(model, task.X, task.sizes.lengths))).all()


def weights_as_copies(task):
    copies = np.repeat(np.arange(len(task.X)), task.sample_weight.astype(int))
    X, y = task.X, task.y
    return [X[i] for i in copies], [y[i] for i in copies] if isinstance(y, list) else y[copies]


@at_corners(lambda sizes: {"task": Task(sizes, weighted=True)})
@given(task=tasks(["normal", "far"], [inputs for inputs in INPUTS if not inputs.get("skip_connection")]))
def test_whole_weights_are_copies(task):
    """Of the loss that L-BFGS begins with, of all sequences at once; sums in another order are rounded otherwise.

    Not where inputs skip the layers, which starts as a linear model if cross-validation says so: there, copies are on
    either side. Nor at kinks: of inputs that never vary the maximum is at any step, and a median is one of the targets.
    """
    task = replace(task, weighted=True).with_options(solver="lbfgs", dtype="float64", dropout=0, recurrent_dropout=0)
    task = task if task.is_classifier else task.with_options(loss="squared_error")
    weighted = task.fit(max_fun=1)
    copied = task.model.set_params(max_fun=1).fit(*weights_as_copies(task))
    assert_allclose(weighted.loss_curve_, copied.loss_curve_, rtol=1e-6, atol=1e-12)


@at_corners(lambda sizes: {"task": Task(sizes, weighted=True)})
@given(task=tasks())
def test_a_weight_of_zero_is_leaving_out(task):
    task = replace(task, weighted=True)
    kept, y = np.flatnonzero(task.sample_weight), task.y
    y = [y[i] for i in kept] if isinstance(y, list) else y[kept]
    fitted = task.model.fit([task.X[i] for i in kept], y, task.sample_weight[kept])
    assert_same_model(task.fit(), fitted)
