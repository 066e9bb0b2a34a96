"""skforecast's forecasters: time runs forward, though their newest lag comes first."""

import numpy as np
import pandas as pd
import pytest
from integrations.recorder import DAYS, EXOGENOUS, N, Recorder, Y
from numpy.testing import assert_array_equal
from skforecast.direct import ForecasterDirect, ForecasterDirectMultiVariate
from skforecast.model_selection import TimeSeriesFold, backtesting_forecaster, grid_search_forecaster
from skforecast.preprocessing import RollingFeatures
from skforecast.recursive import ForecasterRecursive
from sklearn.pipeline import make_pipeline

from sklstm import LSTMRegressor
from sklstm.preprocessing import ToSequences, add_static, sliding_windows

pytestmark = [
    pytest.mark.filterwarnings("ignore::skforecast.exceptions.ResidualsUsageWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

LAGS = 4
TINY = LSTMRegressor(3, max_iter=5, random_state=0)

KINDS = pytest.mark.parametrize(
    ("kind", "parameters"), [(ForecasterRecursive, {}), (ForecasterDirect, {"steps": 2})], ids=["recursive", "direct"]
)


def first_model(forecaster):
    """The network of the next step."""
    pipeline = forecaster.estimators_[1] if hasattr(forecaster, "estimators_") else forecaster.estimator
    return pipeline[-1]


def sequences_before(days, n_static):
    """The days before each, oldest first, beside what is exogenous on the day itself."""
    before = np.subtract.outer(days, np.arange(LAGS, 0, -1))[:, :, np.newaxis]
    static = np.add.outer(days, [100, 200])[:, np.newaxis, :n_static]
    return np.concatenate([before, np.repeat(static, LAGS, axis=1)], axis=2)


@KINDS
@pytest.mark.parametrize("n_static", [0, 2])
def test_time_runs_forward(kind, parameters, n_static):
    known = EXOGENOUS if n_static else EXOGENOUS.iloc[:, :0]
    pipeline = make_pipeline(ToSequences(newest_first=True, n_static=n_static), Recorder())
    forecaster = kind(pipeline, lags=LAGS, **parameters)
    forecaster.fit(Y, exog=known[:N] if n_static else None)
    forecasts = forecaster.predict(steps=2, exog=known[N:] if n_static else None)
    seen = first_model(forecaster)
    assert_array_equal(seen.X_, sequences_before(seen.y_, n_static))
    assert_array_equal(seen.asked_[1], sequences_before([N], n_static))  # before that, of its residuals
    assert_array_equal(forecasts, [N, N] if kind is ForecasterDirect else [N, N + 1])


def test_statistics_of_windows_belong_to_no_step():
    pipeline = make_pipeline(ToSequences(newest_first=True, n_static=3), Recorder())
    window = RollingFeatures(["mean"], window_sizes=LAGS)
    forecaster = ForecasterRecursive(pipeline, lags=LAGS, window_features=window)
    forecaster.fit(Y, exog=EXOGENOUS[:N])
    seen = first_model(forecaster)
    assert_array_equal(seen.X_[:, :, [0, 2, 3]], sequences_before(seen.y_, 2))
    assert_array_equal(seen.X_[:, 0, 1], seen.X_[:, :, 0].mean(axis=1))


def test_several_series_are_features():
    rows = ToSequences(2, layout="feature_major", newest_first=True, n_static=2)
    forecaster = ForecasterDirectMultiVariate(
        make_pipeline(rows, Recorder()), level="y", steps=2, lags=LAGS, transformer_series=None
    )
    forecaster.fit(pd.DataFrame({"y": Y, "z": 50 + Y}), exog=EXOGENOUS[:N])
    seen = first_model(forecaster)
    assert_array_equal(seen.X_[:, :, [0, 2, 3]], sequences_before(seen.y_, 2))
    assert_array_equal(seen.X_[:, :, 1], seen.X_[:, :, 0] + 50)


@KINDS
@pytest.mark.parametrize("n_static", [0, 2])
def test_the_model_is_that_of_sliding_windows(kind, parameters, n_static):
    y, known = pd.Series(DAYS**1.5), 30 * np.sin(EXOGENOUS)
    forecaster = kind(make_pipeline(ToSequences(newest_first=True, n_static=n_static), TINY), lags=LAGS, **parameters)
    forecaster.fit(y[:N], exog=known[:N] if n_static else None)
    X, targets, _ = sliding_windows([y], window=LAGS)
    if n_static:
        X = add_static(X, known[LAGS:].to_numpy())
    n_learnt = N - LAGS - parameters.get("steps", 1) + 1
    expected = TINY.fit(X[:n_learnt], targets[:n_learnt]).predict(X[N - LAGS :][:1])
    assert_array_equal(forecaster.predict(steps=1, exog=known[N:] if n_static else None), expected)


def test_backtests_and_searches():
    forecaster = ForecasterRecursive(make_pipeline(ToSequences(newest_first=True), TINY), lags=LAGS)
    y, options = Y + np.sin(Y), {"metric": "mean_absolute_error", "show_progress": False}
    cv = TimeSeriesFold(steps=2, initial_train_size=14)
    error, forecasts = backtesting_forecaster(forecaster, y, cv, **options)
    assert len(forecasts) == 6
    grid = {"lstmregressor__cell": ["lstm", "gru"]}
    found = grid_search_forecaster(forecaster, y, cv, grid, lags_grid=[3, LAGS], verbose=False, **options)
    assert len(found) == 4
    of_lstm = found[(found["lstmregressor__cell"] == "lstm") & (found["lags"].str.len() == LAGS)]
    assert_array_equal(of_lstm["mean_absolute_error"], error["mean_absolute_error"])
