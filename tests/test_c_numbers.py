"""What single precision makes of long sequences, of large and small numbers, and of NaN."""

import numpy as np
import pytest
from c_library import Library
from c_models import DECAYING, ONE_TARGET, TARGETS, TIMED, F, X, fitted, regressor, values
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline

from sklstm import Sequences, as_sequences, to_c
from sklstm.preprocessing import SequenceImputer

pytestmark = pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")

SLOW = Sequences(TIMED.values, TIMED.offsets, times=1e4 * TIMED.times)
LINEAR = {"cell": "rnn", "activation": "identity", "dtype": "float64"}


@pytest.mark.parametrize(
    "model",
    [
        regressor(1, missing="decay", **LINEAR),
        make_pipeline(SequenceImputer(add_elapsed=True), regressor(1, **LINEAR)),
        make_pipeline(SequenceImputer(add_elapsed=True, elapsed_scale=1e4), regressor(1, **LINEAR)),
    ],
    ids=["decay", "elapsed", "aged"],
)
def test_the_time_since_a_feature_was_seen_after_many_short_steps(tmp_path, model):
    model = fitted(model, SLOW, np.linspace(-1.0, 1.0, len(SLOW)))
    x, gap = np.full((100_000, F), np.nan), float(np.float32(0.1))
    x[0], x[:, 0] = [10, 50, 1], 1  # of which the last two are seen once
    to_c(model, tmp_path / "long.h")
    expected = model.predict(as_sequences([x], times=[gap * np.arange(len(x))]))
    assert_allclose(Library(tmp_path, ["long"]).steps("long", x, gap, 1), expected, rtol=2e-6)


@pytest.mark.parametrize("pooling", ["mean", "attention"])
def test_the_mean_of_many_steps(tmp_path, pooling):
    model = fitted(regressor(1, pooling=pooling, dtype="float64"), X, TARGETS)
    x = np.random.RandomState(0).normal(size=(1_000_000, F)).astype(np.float32)
    x[:300_000] += 1
    to_c(model, tmp_path / "long.h")
    assert_allclose(Library(tmp_path, ["long"]).steps("long", x, 1.0, 2), model.predict([x])[0], rtol=1e-6)


@pytest.mark.parametrize(
    ("model", "of_x", "of_y"),
    [
        (regressor(), 1e-40, 1),
        (regressor(), 5e-38, 1),
        (regressor(), 1e38, 1),
        (regressor(), 1e40, 1),
        (regressor(), 1, 1e-42),
        (regressor(), 1, 1e40),
        (make_pipeline(SequenceImputer(add_elapsed=True, elapsed_scale=1e-39), regressor()), 1, 1),
        (make_pipeline(SequenceImputer(add_elapsed=True, elapsed_scale=1e39), regressor()), 1, 1),
    ],
)
def test_numbers_that_no_float_has_room_or_digits_for(tmp_path, model, of_x, of_y):
    X = DECAYING if hasattr(model, "steps") else values()
    model.fit([of_x * np.float64(x) for x in X], of_y * ONE_TARGET)
    with pytest.raises(ValueError, match="does not fit into a C float"):
        to_c(model, tmp_path / "model.h")
