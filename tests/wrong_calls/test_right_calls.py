"""Calls beside the wrong ones that are right: no check may refuse them."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from wrong_calls.shared import CUBE, NAMED, STEPS, TINY, Y, make, model

import sklstm
from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.inspection import ForecastDisplay
from sklstm.preprocessing import SequenceScaler, SequenceUnion

pytestmark = pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")

PARTS = [("a", SequenceScaler())]


@pytest.mark.parametrize("by_step", [False, True])
@pytest.mark.parametrize("weight", [2, 2.0, np.float32(2)])
def test_a_number_weighs_all_sequences_alike(weight, by_step):
    X, y = CUBE, STEPS if by_step else Y
    one, many = (make(LSTMRegressor, return_sequences=by_step) for _ in range(2))
    one.fit(X, y, sample_weight=weight)
    assert one.loss_curve_ == many.fit(X, y, sample_weight=np.full(len(X), 2.0)).loss_curve_


@pytest.mark.parametrize("now", [1_764_000_000_000_000_001, np.int64(2**53 + 1), pd.Timestamp("2026-01-01").value])
def test_times_that_do_not_count_need_not_be_exact(now):
    assert model("regressor").stream().step(CUBE[0, 0], time=now) == model("regressor").predict(CUBE[:1, :1])


def test_names_of_labels_need_no_order():
    classes = np.array(["HR", 1], dtype=object)
    labels = LSTMClassifier(**TINY).partial_fit(CUBE, np.c_[Y, 1 - Y], classes=classes).classes_
    assert_array_equal(labels, classes)


@pytest.mark.parametrize("container", [list, tuple, lambda parts: dict(parts).items()])
def test_a_union_of_pairs_in_any_container(container):
    assert SequenceUnion(container(PARTS)).fit_transform(NAMED).feature_names.tolist() == ["a__HR", "a__SpO2"]


def test_a_union_counts_what_it_prints(capsys):
    SequenceUnion(PARTS, verbose=1).fit(CUBE)
    assert "(step 1 of 1) Processing a" in capsys.readouterr().out


def test_a_union_checks_no_parameters_where_nothing_does():
    with sklearn.config_context(skip_parameter_validation=True):
        SequenceUnion(PARTS, verbose="yes").fit(CUBE)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_onnx_takes_a_dtype_for_its_name(dtype):
    by_name, by_dtype = (sklstm.to_onnx(model("regressor"), dtype=each) for each in [dtype, np.dtype(dtype)])
    assert by_name.graph.input == by_dtype.graph.input


def test_a_forecast_is_called_as_a_column_is():
    display = ForecastDisplay.from_estimator(model("steps"), CUBE, STEPS, target_name=0)
    assert display.ax_.get_ylabel() == "0"
