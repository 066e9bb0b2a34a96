"""sktime's forecasters and panels: time runs forward, and features stay apart."""

import numpy as np
import pandas as pd
import pytest
from integrations.recorder import EXOGENOUS, N, Recorder, Y
from numpy.testing import assert_array_equal
from sklearn.pipeline import make_pipeline
from sktime.datasets import load_basic_motions
from sktime.datatypes import convert_to
from sktime.forecasting.compose import make_reduction
from sktime.forecasting.model_selection import ForecastingGridSearchCV
from sktime.split import SingleWindowSplitter

from sklstm import LSTMRegressor, as_sequences
from sklstm.preprocessing import ToSequences, frame_to_sequences, sliding_windows

pytestmark = [
    pytest.mark.filterwarnings("ignore:The default of config:FutureWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

WINDOW = 4

SCITYPES = pytest.mark.parametrize("scitype", ["tabular-regressor", "time-series-regressor"])
FEATURES = pytest.mark.parametrize("n_features", [1, 3])


def forecast(model, n_features, strategy="recursive", **kind):
    """A fitted forecaster of one feature and, if there are more, exogenous ones, and its next two steps."""
    fh, known = [1, 2], EXOGENOUS if n_features > 1 else None
    pipeline = make_pipeline(ToSequences(n_features, layout="feature_major"), model)
    forecaster = make_reduction(pipeline, strategy=strategy, window_length=WINDOW, **kind)
    forecaster.fit(Y, X=None if known is None else known[:N], fh=fh)
    return forecaster, forecaster.predict(fh, X=None if known is None else known[N:]).to_numpy().ravel()


@SCITYPES
@FEATURES
@pytest.mark.parametrize("strategy", ["recursive", "direct", "multioutput"])
def test_time_runs_forward(scitype, n_features, strategy):
    forecaster, forecasts = forecast(Recorder(), n_features, strategy, scitype=scitype)
    model = forecaster.estimators_[0] if strategy == "direct" else forecaster.estimator_
    seen = model[-1]
    targets = seen.y_ if seen.y_.ndim == 1 else seen.y_[:, 0]
    before = targets[:, np.newaxis] - np.arange(WINDOW, 0, -1)
    assert_array_equal(seen.X_, np.add.outer(before, 100 * np.arange(n_features)))
    assert_array_equal(seen.asked_[0][0], np.add.outer(np.arange(N - WINDOW, N), 100 * np.arange(n_features)))
    assert_array_equal(forecasts, [N, N] if strategy == "direct" else [N, N + 1])


@SCITYPES
@FEATURES
def test_the_model_is_that_of_sliding_windows(scitype, n_features):
    table = np.column_stack([Y**1.5, 30 * np.sin(EXOGENOUS[:N])])[:, :n_features]
    X, y, _ = sliding_windows([table], window=WINDOW)
    lstm = LSTMRegressor(3, max_iter=5, random_state=0)
    pipeline = make_pipeline(ToSequences(n_features, layout="feature_major"), lstm)
    forecaster = make_reduction(pipeline, window_length=WINDOW, scitype=scitype)
    known = pd.DataFrame(table[:, 1:]) if n_features > 1 else None
    forecaster.fit(pd.Series(table[:, 0]), X=known)
    later = None if known is None else pd.DataFrame(np.zeros((1, n_features - 1)), index=[N])
    expected = lstm.fit(X, y).predict(table[np.newaxis, -WINDOW:])
    assert_array_equal(forecaster.predict([1], X=later), expected)


def test_a_search_over_windows_and_networks():
    pipeline = make_pipeline(ToSequences(layout="feature_major"), LSTMRegressor(2, max_iter=2, random_state=0))
    forecaster = make_reduction(pipeline, window_length=3)
    grid = {"window_length": [3, 5], "estimator__lstmregressor__cell": ["lstm", "gru"]}
    search = ForecastingGridSearchCV(
        forecaster, SingleWindowSplitter(fh=[1, 2], window_length=N - 3), grid, backend="None"
    )
    assert search.fit(Y, fh=[1, 2]).best_params_.keys() == grid.keys()
    assert len(search.cv_results_) == 4
    assert search.predict().shape == (2,)


def test_panels_of_every_kind():
    channels_first, labels = load_basic_motions("train", return_type="numpy3D")
    expected = as_sequences(channels_first.transpose(0, 2, 1))
    assert ToSequences(6, layout="feature_major").fit_transform(channels_first) == expected
    frames = convert_to(channels_first, "df-list")
    assert_array_equal(as_sequences(frames).values, expected.values)
    assert as_sequences(frames).feature_names.tolist() == list(frames[0].columns)
    table = convert_to(channels_first, "pd-multiindex").rename_axis(["case", "time"]).reset_index()
    X, cases = frame_to_sequences(table, sequence="case", time="time")
    assert_array_equal(X.values, expected.values)
    assert_array_equal(cases, np.arange(len(labels)))
