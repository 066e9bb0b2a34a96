"""What single precision makes of long sequences, of large and small numbers, and of NaN."""

import numpy as np
import pytest
from c_library import Library
from c_models import DECAYING, ONE_TARGET, TARGETS, TIMED, F, X, classifier, fitted, last, regressor
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline

from sklstm import Sequences, as_sequences, to_c
from sklstm.preprocessing import SequenceImputer, SequenceScaler

pytestmark = pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")

SLOW = Sequences(TIMED.values, TIMED.offsets, times=1e5 * TIMED.times)


@pytest.mark.parametrize(
    "model",
    [
        regressor(1, missing="decay", dtype="float64"),
        make_pipeline(SequenceImputer(add_elapsed=True), regressor(1, dtype="float64")),
        make_pipeline(SequenceImputer(add_elapsed=True, elapsed_scale=1e5), regressor(1, dtype="float64")),
    ],
    ids=["decay", "elapsed", "aged"],
)
def test_the_time_since_a_feature_was_seen_after_many_short_steps(tmp_path, model):
    model, x = fitted(model, SLOW, TARGETS), np.full((100_000, F), np.nan)
    x[0], x[:, 0] = 1, 1
    to_c(model, tmp_path / "long.h")
    gap = float(np.float32(0.1))
    expected = model.predict(as_sequences([x], times=[gap * np.arange(len(x))]))[0]
    print(expected, Library(tmp_path, ["long"]).steps("long", x, gap, 2))
    assert_allclose(Library(tmp_path, ["long"]).steps("long", x, gap, 2), expected, rtol=1e-6)


@pytest.mark.parametrize("pooling", ["mean", "attention"])
def test_the_mean_of_many_steps(tmp_path, pooling):
    model = fitted(regressor(1, pooling=pooling, dtype="float64"), X, TARGETS)
    x = np.random.RandomState(0).normal(size=(1_000_000, F)).astype(np.float32)
    x[:300_000] += 1
    to_c(model, tmp_path / "long.h")
    print(model.predict([x])[0], Library(tmp_path, ["long"]).steps("long", x, 1.0, 2))
    assert_allclose(Library(tmp_path, ["long"]).steps("long", x, 1.0, 2), model.predict([x])[0], rtol=1e-6)
