"""Pictures of forecasts: what is drawn for which time, and between which bounds."""

from datetime import UTC, datetime

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from sklstm import LSTMClassifier, LSTMRegressor, as_sequences
from sklstm.inspection import ForecastDisplay
from sklstm.preprocessing import SequenceResampler, SequenceScaler, ToSequences, sliding_windows

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("error:No artists with labels"),
]

START, HOUR = np.datetime64("2026-03-01T10:00", "ns"), np.timedelta64(1, "h")


def series(with_times=True):
    values = np.random.default_rng(0).normal([80, 97], 5, size=(40, 2)).cumsum(axis=0)
    return as_sequences(
        [values], feature_names=["HR", "SpO2"], times=[START + np.arange(40) * HOUR] if with_times else None
    )


def regressor(**parameters):
    return LSTMRegressor(4, max_iter=2, random_state=0).set_params(**parameters)


@pytest.mark.parametrize("with_times", [True, False])
def test_a_horizon_follows_its_history(with_times):
    X, y, _ = sliding_windows(series(with_times), window=6, horizon=3)
    model = make_pipeline(SequenceScaler(), regressor()).fit(X, y)
    display = ForecastDisplay.from_estimator(model, X, y, sequence=5)
    assert_allclose(display.line_.get_ydata(), model.predict(X)[5])
    assert_array_equal(display.true_line_.get_ydata(), y[5])
    assert_array_equal(display.history_line_.get_ydata(), X[5][:, 0])
    if with_times:
        assert_array_equal(display.history_times, X[5:6].times)
        assert_array_equal(display.times, START + np.arange(11, 14) * HOUR)
    else:
        assert_array_equal(display.history_times, np.arange(-5, 1))
        assert_array_equal(display.times, [1, 2, 3])
    assert display.ax_.get_ylabel() == "HR"


def test_several_quantiles_are_bands_around_the_middle_one():
    X, y, _ = sliding_windows(series(), window=6, horizon=3)
    model = regressor(loss="quantile", quantile=[0.05, 0.25, 0.5, 0.75, 0.95]).fit(X, y)
    display = ForecastDisplay.from_estimator(model, X, sequence=1)
    levels = model.predict(X)[1]
    assert_array_equal(display.y_pred, levels[:, 2])
    assert_array_equal(display.lower, levels[:, :2])
    assert_array_equal(display.upper, levels[:, [4, 3]])
    assert [band.get_label() for band in display.bands_] == ["90 % interval", "50 % interval"]
    assert display.true_line_ is None


def test_two_quantiles_are_a_band_without_a_middle():
    X, y, _ = sliding_windows(series(), window=6, horizon=3)
    model = regressor(loss="quantile", quantile=[0.1, 0.9]).fit(X, y)
    display = ForecastDisplay.from_estimator(model, X)
    assert display.line_ is None
    assert_array_equal(display.upper[:, 0], model.predict(X)[0, :, 1])


@pytest.mark.parametrize(("coverage", "z"), [(0.95, 1.959964), (0.5, 0.67449)])
def test_a_normal_distribution_is_a_band(coverage, z):
    X, y, _ = sliding_windows(series(), window=6, horizon=3)
    model = regressor(loss="gaussian_nll").fit(X, y)
    display = ForecastDisplay.from_estimator(model, X, sequence=2, coverage=coverage)
    mean, std = model.predict(X, return_std=True)
    assert_allclose(display.y_pred, mean[2])
    assert_allclose(display.upper[:, 0] - mean[2], z * std[2], rtol=1e-5)
    assert_allclose(mean[2] - display.lower[:, 0], z * std[2], rtol=1e-5)
    assert display.interval_names == [f"{100 * coverage:.3g} % interval"]


@pytest.mark.parametrize("form", ["list", "array"])
@pytest.mark.parametrize("loss", ["squared_error", "gaussian_nll"])
def test_forecasts_from_each_step_are_drawn_where_they_are_for(form, loss):
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(length, 2)) for length in (5, 8, 6)]
    y = [rng.normal(size=(len(x), 2)) for x in X]
    model = regressor(return_sequences=True, loss=loss).fit(X, y)
    expected = model.predict(X)[0][:, 1]
    if form == "array":  # the first sequence with padding
        X = as_sequences(X).to_array()
        y = as_sequences(y).to_array()
    display = ForecastDisplay.from_estimator(model, X, y, output=1)
    assert_allclose(display.y_pred, expected)
    assert_array_equal(display.true_line_.get_ydata(), y[0][:5, 1])
    assert_array_equal(display.times, np.arange(1, 6))
    assert display.history_line_ is None  # the same values again
    same = ForecastDisplay.from_estimator(model, X, ahead=0)
    assert_array_equal(same.times, np.arange(5))
    assert_array_equal(same.history_line_.get_ydata(), X[0][:5, 0])


def test_windows_that_follow_each_other_have_a_forecast_each():
    X, y, _ = sliding_windows(series(), window=6, horizon=3)
    model = regressor().fit(X, y)
    display = ForecastDisplay.from_estimator(model, X, y, sequence=slice(4, 20), output=2, ahead=3)
    assert_allclose(display.y_pred, model.predict(X)[4:20, 2])
    assert_array_equal(display.y_true, y[4:20, 2])
    assert_array_equal(display.times, START + np.arange(4 + 8, 20 + 8) * HOUR)
    with pytest.raises(ValueError, match=r"windows of one series, in order: the one at place 1"):
        ForecastDisplay.from_estimator(model, X, sequence=[5, 4])
    untimed = X.to_array()
    display = ForecastDisplay.from_estimator(model, untimed, sequence=slice(4, 20))
    assert_array_equal(display.times, np.arange(16))
    assert display.ax_.get_xlabel() == "window"


def test_windows_of_one_step_are_as_far_apart_as_their_steps():
    X, y, _ = sliding_windows(series(), window=1)
    display = ForecastDisplay.from_estimator(regressor().fit(X, y), X, sequence=slice(0, 3))
    assert_array_equal(display.times, START + np.arange(1, 4) * HOUR)
    assert_array_equal(ForecastDisplay.from_estimator(regressor().fit(X, y), X).times, [1])


@pytest.mark.parametrize("n_windows", [1, 5])
def test_one_step_ahead_by_any_regressor(n_windows):
    X, y, _ = sliding_windows([np.arange(30.0)], window=6)
    model = LinearRegression().fit(X[:, :, 0], y)
    display = ForecastDisplay.from_estimator(model, X[:, :, 0], y, sequence=slice(n_windows) if n_windows > 1 else 0)
    assert_allclose(display.y_pred, y[:n_windows])
    assert display.bands_ == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sequence": 99}, r"sequence=99 must be the number of one of the 32 sequences"),
        ({"output": 3}, r"output=3 must be the number of one of the 3 outputs"),
        ({"feature": "MAP"}, r"feature='MAP' is not a feature: .* HR, SpO2"),
        *(({"sequence": chosen}, r"sequence=.* sequences of X") for chosen in ([0, 99], [], 1.0, "a", True, None)),
        *(({"output": output}, r"output=.* must be the number of one of the 3") for output in (1.5, "a", True, -1)),
        *(({"coverage": share}, r"'coverage' parameter .* range \(0.0, 1.0\)") for share in (95, "a", None)),
        *(({"ahead": ahead}, r"'ahead' parameter .* must be an int") for ahead in ("a", np.nan)),
        ({"estimator": None}, r"'estimator' parameter"),
        ({"X": "ab"}, r"X is a single text"),
        ({"y": np.zeros((32, 2))}, r"y has the shape \(1, 2\) for what is shown, .* 3 outputs for 1 sequences"),
        ({"y": np.full((32, 3), "a")}, r"y must hold real numbers"),
        ({"y": np.zeros((8, 3)), "sequence": 20}, r"inconsistent numbers of samples: \[32, 8\]"),
        ({"ax": 3}, r"ax must be one axes of matplotlib, got 3"),
    ],
)
def test_what_does_not_fit_is_named(arguments, message):
    X, y, _ = sliding_windows(series(), window=6, horizon=3)
    with pytest.raises(ValueError, match=message):
        ForecastDisplay.from_estimator(**{"estimator": regressor().fit(X, y), "X": X, **arguments})


def test_rows_are_shown_as_the_first_step_lays_them_out():
    rows = np.random.default_rng(0).normal(size=(12, 6))
    layout = ToSequences(n_features=2, layout="feature_major", newest_first=True)
    model = make_pipeline(layout, regressor()).fit(rows, rows[:, :2])
    display = ForecastDisplay.from_estimator(model, rows, sequence=3, feature=1)
    assert_array_equal(display.history, rows[3, 5:2:-1])
    assert_array_equal(display.history_times, [-2, -1, 0])


def test_forecasts_from_each_step_are_for_the_steps_that_reach_the_network():
    X = as_sequences([np.arange(8.0)], times=[np.arange(8) / 2])
    model = make_pipeline(SequenceResampler(every=1.0), regressor(return_sequences=True)).fit(X, [np.arange(4.0)])
    display = ForecastDisplay.from_estimator(model, X)
    assert_array_equal(display.times, [1, 2, 3, 4])
    assert_array_equal(display.history_times, X.times)
    with pytest.raises(ValueError, match=r"y\[0\] has 8 time steps, but sequence 0 of X has 4"):
        ForecastDisplay.from_estimator(model, X, [np.arange(8.0)])


def test_the_fitted_network_is_shown_and_not_its_new_settings():
    X, y, _ = sliding_windows(series(), window=6, horizon=3)
    model = regressor().fit(X, y).set_params(return_sequences=True)
    assert_allclose(ForecastDisplay.from_estimator(model, X).y_pred, model.predict(X)[0])


@pytest.mark.parametrize(("history", "marked"), [([1.0], [0]), ([1.0, np.nan, 2.0, 3.0, np.nan, 4.0], [0, 5])])
def test_a_value_between_gaps_has_a_marker(history, marked):
    line = ForecastDisplay.from_predictions(None, [1.0], history=history).history_line_
    assert line.get_marker() == "."
    assert_array_equal(line.get_markevery(), marked)
    own = ForecastDisplay.from_predictions(None, [1.0], history=history, history_kwargs={"marker": "s"})
    assert own.history_line_.get_markevery() is None


@pytest.mark.parametrize(("style", "color"), [({"facecolor": "red"}, "red"), ({"c": "red"}, "red"), ({}, "#0072b2")])
def test_bands_are_coloured_as_asked(style, color):
    area = ForecastDisplay.from_predictions(None, None, lower=[0, 0], upper=[1, 1], band_kwargs=style)
    assert_array_equal(area.bands_[0].get_facecolor()[0, :3], matplotlib.colors.to_rgb(color))
    bar = ForecastDisplay.from_predictions(None, None, lower=[0], upper=[1], band_kwargs=style).bands_[0]
    assert_array_equal(bar.lines[2][0].get_color()[0, :3], matplotlib.colors.to_rgb(color))


def test_a_display_is_drawn_from_lists():
    display = ForecastDisplay(
        y_pred=[1, 2], times=[0, 1], lower=[0, 1], upper=[2, 3], history=[0, 1], history_times=[-1, 0]
    )
    assert_array_equal(display.plot().line_.get_ydata(), [1, 2])
    assert len(display.bands_) == 1


def test_classifiers_are_refused():
    X = np.random.default_rng(0).normal(size=(8, 4))
    with pytest.raises(ValueError, match=r"needs a regressor"):
        ForecastDisplay.from_estimator(LSTMClassifier(3, max_iter=1).fit(X, [0, 1] * 4), X)


def test_predictions_made_elsewhere_are_drawn():
    figure, ax = plt.subplots()
    display = ForecastDisplay.from_predictions(
        [1.0, 2.0],
        [1.5, 2.5],
        lower=[1.0, 2.0],
        upper=[2.0, 3.0],
        history=[0.0, 1.0, 0.5],
        ax=ax,
        line_kwargs={"c": "black"},
        band_kwargs={"alpha": 0.5},
    )
    assert_array_equal(display.line_.get_data(), [[1, 2], [1.5, 2.5]])
    assert_array_equal(display.history_line_.get_data(), [[-2, -1, 0], [0, 1, 0.5]])
    assert (display.figure_, display.line_.get_color(), display.bands_[0].get_alpha()) == (figure, "black", 0.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lower": [0, 1]}, r"lower and upper must be passed together"),
        ({"y_pred": None}, r"There is nothing to draw"),
        ({"y_pred": [1, 2, 3]}, r"y_true holds 2 time steps, but there are forecasts for 3"),
        ({"y_pred": ["a", "b"]}, r"y_pred must hold real numbers"),
        *(({"y_pred": values}, r"y_pred must be an array of shape \(n_steps,\)") for values in ([], 1.0, [[1], [2]])),
        ({"history": []}, r"history must be .* not empty"),
        ({"history_times": [0, 1]}, r"history_times was passed without history"),
        ({"history": [1, 2], "history_times": [0]}, r"history_times holds 1 times for the 2 of history"),
        ({"history": [1], "history_times": np.array([START])}, r"both be numbers or both be datetime64"),
        ({"times": ["a", "b"]}, r"times must be a one-dimensional array of numbers or datetime64"),
        ({"lower": [0, 3], "upper": [1, 2]}, r"lower is above upper at time step 1: 3.0 > 2.0"),
        ({"lower": [0, 1], "upper": [[2], [2]]}, r"lower has the shape \(2,\), but upper \(2, 1\)"),
        ({"lower": [0, 1], "upper": [2, 2], "interval_names": "a"}, r"interval_names must list 1 names"),
        ({"lower": [0, 1], "upper": [2, 2], "interval_names": []}, r"interval_names must list 1 names"),
    ],
)
def test_predictions_that_do_not_go_together_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ForecastDisplay.from_predictions(**{"y_true": [1, 2], "y_pred": [1, 2], **arguments})


@pytest.mark.parametrize("zone", [None, UTC])
def test_times_may_be_datetimes_of_python(zone):
    times = [datetime(2026, 1, day, tzinfo=zone) for day in (1, 2)]
    display = ForecastDisplay.from_predictions(None, [1.0, 2.0], times=times)
    assert_array_equal(display.times, np.array(["2026-01-01", "2026-01-02"], dtype="M8[us]"))
