"""Transformers of sequences: against pandas and scikit-learn's own on tables, in every form, without a look at other
rows or, where it counts, at what comes later."""

import pickle
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, QuantileTransformer, RobustScaler, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklstm import LSTMClassifier, Sequences, as_sequences
from sklstm.preprocessing import (
    SequenceFeatures,
    SequenceImputer,
    SequenceResampler,
    SequenceScaler,
    SequenceSelector,
    SequenceUnion,
    TimeFeatures,
    ToSequences,
)
from sklstm.preprocessing._statistics import STATISTICS

NAMES = ["HR", "SBP", "Lactate"]


def gappy(seed=0, lengths=(5, 1, 14, 9, 3, 8), dtype=np.float64, start="2024-01-31T20:07"):
    """Stays with gaps at irregular times, one of them without any value of the last feature."""
    rng = np.random.default_rng(seed)
    values = np.exp(rng.normal(size=(sum(lengths), 3))).astype(dtype)
    values[rng.random(values.shape) < 0.5] = np.nan
    values[: lengths[0], 2] = np.nan
    minutes = np.concatenate([np.cumsum(rng.integers(1, 200, size=length)) for length in lengths])
    times = np.datetime64(start, "m") + minutes.astype("m8[m]")
    return Sequences(values, np.cumsum([0, *lengths]), feature_names=NAMES, times=times)


X = gappy()
FRAME = pd.DataFrame(X.values, columns=NAMES).assign(
    stay=np.repeat(np.arange(len(X)), X.lengths), time=X.times
)  # the same as a table

TRANSFORMERS = {
    **{f"{method} scaler": SequenceScaler(method) for method in ("standard", "robust", "minmax", "quantile")},
    "clipped scaler": SequenceScaler("robust", clip=1.0),
    **{f"{way} imputer": SequenceImputer(way) for way in ("forward", "mean", "linear", "constant")},
    "imputer with all": SequenceImputer(add_indicator=True, add_elapsed=True),
    "selector": SequenceSelector([2, 0]),
    "times": TimeFeatures(),
    "union": SequenceUnion([("a", SequenceScaler()), ("b", SequenceImputer("linear"))]),
    "resampler": SequenceResampler(2.0),
}
ALL = pytest.mark.parametrize("transformer", TRANSFORMERS.values(), ids=TRANSFORMERS)
KEEP_STEPS = pytest.mark.parametrize(
    "transformer", [t for t in TRANSFORMERS.values() if not isinstance(t, SequenceResampler)]
)

FAULTS_OF_FEATURE_UNION = dict.fromkeys(
    ("check_estimators_overwrite_params", "check_dont_overwrite_parameters", "check_estimators_nan_inf"),
    "scikit-learn's FeatureUnion has the same",
)


@parametrize_with_checks(
    [
        *(transformer for name, transformer in TRANSFORMERS.items() if name != "selector"),
        SequenceSelector(0),
        SequenceFeatures(),
        ToSequences(),
    ],
    expected_failed_checks=lambda estimator: FAULTS_OF_FEATURE_UNION if isinstance(estimator, SequenceUnion) else {},
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


# ---------------------------------------------------------------------------------------------- forms and rows


def padded(X):
    cube = np.full((len(X), X.lengths.max(), X.n_features), np.nan)
    for row, x in zip(cube, X, strict=True):
        row[: len(x)] = x
    return cube


FORMS = {
    "list": list,
    "lists of lists": lambda X: [x.tolist() for x in X],
    "Fortran order": lambda X: [np.asfortranarray(x) for x in X],
    "Sequences without names": lambda X: Sequences(X.values, X.offsets),
    "padded": padded,
}


@ALL
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_form_gives_the_same(transformer, form):
    whole = Sequences(np.nan_to_num(X.values), X.offsets)  # in a padded array, steps without any value are padding
    expected = clone(transformer).fit_transform(whole)
    for fitted in clone(transformer).fit(whole), clone(transformer).fit(form(whole)):
        assert fitted.transform(form(whole)) == expected


@ALL
def test_a_sequence_alone_is_transformed_as_among_others(transformer):
    fitted = clone(transformer).fit(X)
    expected = fitted.transform(X)
    for i in range(len(X)):
        assert fitted.transform(X[[i]]) == expected[[i]]


def leak(transformer, rows, others):
    """Whether what rows become depends on others, which are not of the training."""
    changed = Sequences(1000 - np.nan_to_num(X.values), X.offsets, feature_names=NAMES, times=X.times)
    among = [changed[i] if i in others else X[i] for i in range(len(X))]
    among = X.with_values(np.concatenate(among), X.feature_names)
    alone = clone(transformer).fit(X[rows]).transform(X[rows])
    for fitted in clone(transformer).fit(among[rows]), clone(transformer).fit(X[rows]):
        fitted.transform(among[others])
        Z = fitted.transform(among)[rows]
        if not np.array_equal(getattr(Z, "values", Z), getattr(alone, "values", alone), equal_nan=True):
            return True
    return False


@pytest.mark.parametrize("transformer", [*TRANSFORMERS.values(), SequenceFeatures()], ids=[*TRANSFORMERS, "features"])
def test_of_other_rows_only_those_of_training_count(transformer):
    for train, test in KFold(3).split(X):
        assert not leak(transformer, train, test)


class LeakingScaler(SequenceScaler):
    """Learns from whatever it is given."""

    def transform(self, X):
        return clone(SequenceScaler()).fit(X).transform(X)


def test_a_leak_is_seen():
    assert leak(LeakingScaler(), np.arange(3), np.arange(3, 6))


@KEEP_STEPS
def test_only_a_straight_line_looks_ahead(transformer):
    later = Sequences(X.values.copy(), X.offsets, feature_names=NAMES, times=X.times)
    middle = X.offsets[2] + 7
    later.values[middle : X.offsets[3]] = 77.0
    fitted = clone(transformer).fit(X)
    before = slice(X.offsets[2], middle)
    same = np.array_equal(fitted.transform(later).values[before], fitted.transform(X).values[before], equal_nan=True)
    assert same is ("linear" not in repr(transformer))


@KEEP_STEPS
def test_lengths_and_times_stay(transformer):
    Z = clone(transformer).fit_transform(X)
    assert_array_equal(Z.offsets, X.offsets)
    assert_array_equal(Z.times, X.times)


@ALL
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_type_stays(transformer, dtype):
    Z = clone(transformer).fit_transform(gappy(dtype=dtype))
    assert Z.dtype == dtype
    assert_allclose(Z.values, clone(transformer).fit_transform(X).values, rtol=1e-4, atol=1e-4)


@ALL
def test_what_comes_in_is_not_written_to(transformer):
    values = X.values.copy()
    values.flags.writeable = False
    frozen = Sequences(values, X.offsets, times=X.times)
    assert_array_equal(clone(transformer).fit_transform(frozen).values, clone(transformer).fit_transform(X).values)
    assert_array_equal(values, X.values)


NAMES_OUT = {
    "imputer with all": [*NAMES, *(f"missing_{name}" for name in NAMES), *(f"elapsed_{name}" for name in NAMES)],
    "selector": ["Lactate", "HR"],
    "times": [*NAMES, "gap", "time"],
    "union": [*(f"a__{name}" for name in NAMES), *(f"b__{name}" for name in NAMES)],
}


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_names_of_features_are_kept(name):
    fitted = clone(TRANSFORMERS[name]).fit(X)
    expected = NAMES_OUT.get(name, NAMES)
    assert fitted.get_feature_names_out().tolist() == expected
    assert fitted.transform(X).feature_names.tolist() == expected
    assert fitted.transform(list(X)).feature_names is None
    assert clone(TRANSFORMERS[name]).fit(list(X)).transform(X).feature_names.tolist() == expected
    one = clone(TRANSFORMERS[name]).set_params(**{"features": 0} if name == "selector" else {}).fit(np.ones((4, 9)))
    out = one.transform(np.ones((4, 9)))
    if not isinstance(one, SequenceUnion):
        assert len(one.get_feature_names_out()) == (out.n_features if isinstance(out, Sequences) else 9)


@ALL
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_no_frames_come_out(transformer, library):
    table = np.nan_to_num(X[:, 0].values[:30].reshape(3, 10))
    with config_context(transform_output=library):
        assert clone(transformer).fit_transform(X) == clone(transformer).fit(X).transform(X)
        if not isinstance(transformer, SequenceSelector):
            assert isinstance(clone(transformer).fit_transform(table), np.ndarray | Sequences)


@ALL
def test_a_failed_fit_leaves_the_transformer_as_it_was(transformer):
    fitted = clone(transformer).fit(X)
    expected = fitted.transform(X)
    with pytest.raises(ValueError, match="infinity"):
        fitted.fit(Sequences([[np.inf] * 3], [0, 1]))
    assert fitted.transform(X) == expected


@ALL
def test_pickled(transformer):
    fitted = clone(transformer).fit(X)
    assert pickle.loads(pickle.dumps(fitted)).transform(X) == fitted.transform(X)


@ALL
def test_infinity_and_other_features_are_refused(transformer):
    fitted = clone(transformer).fit(X)
    for call in fitted.transform, clone(transformer).fit:
        with pytest.raises(ValueError, match=r"infinity: in sequence 1, time step 0, feature 2 \('Lactate'\)"):
            call(Sequences([[0, 0, 0], [1, 2, np.inf]], [0, 1, 2], feature_names=NAMES))
    with pytest.raises(ValueError, match=r"2 features, but .* is expecting 3"):
        fitted.transform(X[:, :2])


# ---------------------------------------------------------------------------------------------- scaling

ON_TABLES = {
    "standard": StandardScaler(),
    "robust": RobustScaler(),
    "minmax": MinMaxScaler(),
    "quantile": QuantileTransformer(n_quantiles=len(X.values), output_distribution="normal"),
}


@pytest.mark.parametrize("method", ON_TABLES)
def test_scaling_is_that_of_all_time_steps(method):
    scaler = SequenceScaler(method).fit(X)
    scaled = scaler.transform(X)
    assert_array_equal(scaled.values, ON_TABLES[method].fit_transform(X.values))
    back = scaler.inverse_transform(scaled)
    assert_allclose(back.values, X.values, rtol=1e-9)
    assert back.feature_names.tolist() == NAMES


def test_scaled_values_are_clipped():
    scaled = SequenceScaler(clip=0.5).fit_transform(X).values
    assert_array_equal(scaled, np.clip(StandardScaler().fit_transform(X.values), -0.5, 0.5))
    assert (np.abs(scaled[~np.isnan(scaled)]) == 0.5).any()


@pytest.mark.parametrize("method", ON_TABLES)
def test_a_feature_that_training_never_sees(method, recwarn):
    blank = Sequences(np.column_stack([X.values[:, 0], np.full(len(X.values), np.nan)]), X.offsets)
    scaled = SequenceScaler(method).fit(blank).transform([[[1.0, 2.0]]])
    assert np.isfinite(scaled.values).all()
    assert not recwarn


def test_values_too_large_to_scale():
    with pytest.raises(ValueError, match="Column 1 of X has values so large"):
        SequenceScaler().fit([np.array([[0, 1e200], [1, -1e200]])])


# ---------------------------------------------------------------------------------------------- filling gaps


def by_stay(function):
    return np.concatenate([function(part.set_index("time")[NAMES]) for _, part in FRAME.groupby("stay")])


def test_forward_is_that_of_pandas():
    expected = by_stay(lambda part: part.ffill())
    filled = SequenceImputer().fit_transform(X).values
    assert_allclose(filled, np.where(np.isnan(expected), FRAME[NAMES].mean(), expected), rtol=1e-15)


def test_linear_is_that_of_pandas():
    expected = by_stay(lambda part: part.interpolate("time", limit_direction="both"))
    filled = SequenceImputer("linear").fit_transform(X).values
    assert_allclose(filled, np.where(np.isnan(expected), FRAME[NAMES].mean(), expected), rtol=1e-12)


def test_mean_and_constant():
    assert_allclose(SequenceImputer("mean").fit_transform(X).values, FRAME[NAMES].fillna(FRAME[NAMES].mean()))
    assert_array_equal(SequenceImputer("constant", fill_value=-1).fit_transform(X).values, FRAME[NAMES].fillna(-1))
    assert_array_equal(SequenceImputer("constant").fit_transform(X).values, FRAME[NAMES].fillna(0))


@pytest.mark.parametrize("strategy", ["forward", "linear"])
def test_what_is_filled_in_before_the_first_value(strategy):
    filled, zero = (SequenceImputer(strategy, fill_value=value).fit_transform(X).values for value in (None, 0.0))
    differs = filled != zero
    assert differs.any()
    assert_array_equal(zero[differs], 0)
    assert_allclose(filled[differs], np.broadcast_to(FRAME[NAMES].mean(), filled.shape)[differs])


def test_indicators_and_time_elapsed():
    filled = SequenceImputer(add_indicator=True, add_elapsed=True).fit_transform(X)
    assert_array_equal(filled.values[:, 3:6], np.isnan(X.values))

    def elapsed(part):
        hours = ((part.index - part.index[0]) / pd.Timedelta("1h")).to_numpy()
        seen = part.notna().mul(hours, axis=0).where(part.notna()).ffill().fillna(0)
        return hours[:, np.newaxis] - seen

    assert_allclose(filled.values[:, 6:], by_stay(elapsed), atol=1e-12)

    def old(part):
        return np.where(part.ffill().isna(), 1, 1 - np.exp(-elapsed(part) / 5))

    scaled = SequenceImputer(add_elapsed=True, elapsed_scale=5).fit_transform(X)
    assert_allclose(scaled.values[:, 3:], by_stay(old), atol=1e-12)


def test_only_features_that_have_gaps_in_training_are_watched():
    values = X.values.copy()
    values[:, 1] = 5
    imputer = SequenceImputer(add_indicator=True).fit(Sequences(values, X.offsets, feature_names=NAMES))
    assert imputer.get_feature_names_out().tolist() == [*NAMES, "missing_HR", "missing_Lactate"]
    assert_array_equal(imputer.transform(X).values[:, 3:], np.isnan(X.values[:, [0, 2]]))
    assert not np.isnan(imputer.transform(X).values).any()


@pytest.mark.parametrize("strategy", ["forward", "mean", "linear", "constant"])
def test_gaps_come_back(strategy):
    imputer = SequenceImputer(strategy, add_indicator=True, add_elapsed=True).fit(X)
    assert imputer.inverse_transform(imputer.transform(X)) == X


def test_gaps_cannot_come_back_without_indicators():
    imputer = SequenceImputer().fit(X)
    assert not hasattr(imputer, "inverse_transform")
    imputer = SequenceImputer(add_indicator=True).fit(X)
    with pytest.raises(ValueError, match="X has 3 features, but transform returns 6"):
        imputer.inverse_transform(X)
    with pytest.raises(ValueError, match="not in the order in which transform returns them"):
        imputer.inverse_transform(imputer.transform(X)[:, [1, 0, 2, 3, 4, 5]])


@pytest.mark.parametrize("strategy", ["forward", "mean", "linear"])
def test_what_training_never_sees_is_filled_with_zero(strategy):
    imputer = SequenceImputer(strategy).fit([np.full(3, np.nan)])
    assert_array_equal(imputer.transform([np.full(2, np.nan)]).values, [[0], [0]])
    assert_array_equal(imputer.transform([np.array([5, np.nan])]).values[0], [5])


# ---------------------------------------------------------------------------------------------- times


@pytest.mark.parametrize("every", ["2h", "30min", "1D"])
@pytest.mark.parametrize(("origin", "of_pandas"), [("first", "start"), ("epoch", "epoch")])
@pytest.mark.parametrize("aggregate", ["mean", "min", "max", "std", "first", "last", "count"])
def test_resampling_is_that_of_pandas(every, origin, of_pandas, aggregate):
    hourly = SequenceResampler(pd.Timedelta(every), aggregate=aggregate, origin=origin).fit_transform(X)
    parameters = {"ddof": 0} if aggregate == "std" else {}
    for i, (_, part) in enumerate(FRAME.groupby("stay")):
        grid = getattr(part.set_index("time")[NAMES].resample(every, origin=of_pandas), aggregate)(**parameters)
        assert_allclose(hourly[i], grid.to_numpy(dtype=float), rtol=1e-10, atol=1e-12)
        assert_array_equal(hourly[[i]].times, grid.index.to_numpy().astype("M8[ns]"))


def test_each_feature_is_aggregated_in_its_own_way():
    ways = {"SBP": "sum", 2: "count"}
    found = SequenceResampler(4, aggregate=ways).fit_transform(X).values
    for k, way in enumerate(["mean", "sum", "count"]):
        assert_array_equal(found[:, k], SequenceResampler(4, aggregate=way).fit_transform(X).values[:, k])
    assert np.isnan(found[:, 1]).any()


@pytest.mark.parametrize("every", [2, 2.0, timedelta(hours=2), np.timedelta64(120, "m"), pd.Timedelta("2h")], ids=repr)
def test_intervals_in_hours_or_timedeltas(every):
    assert SequenceResampler(every).fit_transform(X) == SequenceResampler(2).fit_transform(X)


def test_numbers_for_times_and_no_times():
    series = np.arange(7.0)
    resampled = SequenceResampler(3).fit_transform([series])
    assert_array_equal(resampled[0][:, 0], [1, 4, 6])
    assert_array_equal(resampled.times, [0, 3, 6])
    tenths = as_sequences([series], times=[series / 10])
    assert_array_equal(SequenceResampler(0.1).fit_transform(tenths)[0][:, 0], series)
    late = as_sequences([series], times=[1e12 + series])
    resampled = SequenceResampler(4, origin="epoch").fit_transform(late)
    assert_array_equal(resampled.times, 1e12 + np.array([0, 4]))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"every": 0}, "'every' parameter"),
        ({"every": 1, "aggregate": "mode"}, "'aggregate' parameter"),
        ({"every": 1, "aggregate": {"HR": "mode"}}, "got 'mode' for 'HR'"),
        ({"every": 1, "aggregate": {"RR": "mean"}}, "aggregate names no feature: 'RR'"),
        ({"every": 1e-9}, "makes up to .* time steps of one sequence"),
        ({"every": 1e-300}, "makes up to .* time steps of one sequence"),
        ({"every": 1, "aggregate": {"HR": ["mean"]}}, r"got \['mean'\] for 'HR'"),
        ({"every": timedelta(hours=1)}, "needs times that are datetimes"),
    ],
)
def test_resampling_that_cannot_be(parameters, message):
    numbers = Sequences(X.values, X.offsets, feature_names=NAMES, times=np.arange(len(X.values)) * 1e3)
    with pytest.raises(ValueError, match=message):
        SequenceResampler(**parameters).fit(numbers).transform(numbers)


@pytest.mark.parametrize(
    ("every", "message"),
    [
        (timedelta(0), "longer than 0"),
        (timedelta(hours=-1), "a duration from 0 on"),
        (np.timedelta64("NaT"), "a duration from 0 on"),
        (np.timedelta64(1, "M"), "no fixed length"),
    ],
)
def test_durations_that_are_none(every, message):
    with pytest.raises(ValueError, match=message):
        SequenceResampler(every).fit_transform(X)


def test_an_interval_of_centuries_and_times_since_1970():
    assert (SequenceResampler(1e12).fit_transform(X).lengths == 1).all()
    late = as_sequences([np.arange(4.0)], times=[1.6e9 + np.arange(4) * 0.1])
    assert_array_equal(SequenceResampler(0.1).fit_transform(late)[0][:, 0], np.arange(4))


def test_gaps_between_steps_are_features():
    times = TimeFeatures(["time", "gap"]).fit_transform(X)
    hours = by_stay(lambda part: ((part.index - part.index[0]) / pd.Timedelta("1h")).to_numpy())
    assert_allclose(times.values[:, 3], hours)
    gaps = np.diff(hours, prepend=0)
    gaps[X.offsets[:-1]] = 0
    assert_allclose(times.values[:, 4], gaps)
    with pytest.raises(ValueError, match="'hour'"):
        TimeFeatures(["hour"]).fit(X)
    with pytest.raises(ValueError, match="'gap' twice"):
        make_pipeline(TimeFeatures(), TimeFeatures()).fit_transform(X)


# ---------------------------------------------------------------------------------------------- summaries


def test_summaries_are_those_of_pandas():
    names = [name for name in STATISTICS if name != "slope"]
    grouped = FRAME.groupby("stay")[NAMES]
    expected = [grouped.sum(min_count=1) if n == "sum" else grouped.std(ddof=0) if n == "std" else getattr(grouped, n)()
                for n in names]  # fmt: skip
    features = SequenceFeatures(names).fit(X)
    assert_allclose(features.transform(X), np.concatenate(expected, axis=1), rtol=1e-10)
    assert features.get_feature_names_out().tolist() == [f"{name}_{each}" for each in names for name in NAMES]


def test_slopes():
    slopes = SequenceFeatures(["slope"]).fit_transform(X)
    for i, (_, part) in enumerate(FRAME.groupby("stay")):
        hours = (part["time"] - part["time"].iloc[0]) / pd.Timedelta("1h")
        for k, name in enumerate(NAMES):
            seen = part[name].notna()
            expected = np.polyfit(hours[seen], part[name][seen], 1)[0] if seen.sum() > 1 else np.nan
            assert_allclose(slopes[i, k], expected, rtol=1e-8)


def test_summaries_at_the_end_of_a_pipeline_are_a_frame():
    pipeline = make_pipeline(SequenceImputer(), SequenceUnion([("all", SequenceScaler())]), SequenceFeatures(["last"]))
    frame = pipeline.set_output(transform="pandas").fit_transform(X)
    assert frame.columns.tolist() == [f"all__{name}_last" for name in NAMES]


def test_summaries_are_a_table_with_names():
    frame = SequenceFeatures(["mean", "count"]).set_output(transform="pandas").fit_transform(X)
    assert frame.columns.tolist() == [f"{name}_{each}" for each in ("mean", "count") for name in NAMES]
    assert SequenceFeatures(["last"]).fit(np.ones((4, 9))).get_feature_names_out().tolist() == ["x0_last"]


def test_no_slope_without_two_times():
    at_once = Sequences([[np.nan], [1.0], [2.0], [5.0]], [0, 4], times=[0, 0.1, 0.1, 0.1])
    assert np.isnan(SequenceFeatures(["slope"]).fit_transform(at_once)).all()


@pytest.mark.parametrize("statistics", [["median"], [], [["mean"]], ["mean", "mean"]])
def test_statistics_that_are_not_known(statistics):
    with pytest.raises(ValueError, match="statistics must be some of count, sum, mean"):
        SequenceFeatures(statistics).fit(X)


# ---------------------------------------------------------------------------------------------- layouts

CUBE = np.random.default_rng(0).normal(size=(4, 5, 2))
ROWS = {
    "time-major": ({}, CUBE.reshape(4, -1)),
    "feature-major": ({"layout": "feature_major"}, CUBE.transpose(0, 2, 1).reshape(4, -1)),
    "newest first": ({"newest_first": True}, CUBE[:, ::-1].reshape(4, -1)),
    "both": ({"layout": "feature_major", "newest_first": True}, CUBE[:, ::-1].transpose(0, 2, 1).reshape(4, -1)),
    "array": ({}, CUBE),
    "channels first": ({"layout": "feature_major"}, CUBE.transpose(0, 2, 1)),
}


@pytest.mark.parametrize(("parameters", "rows"), ROWS.values(), ids=ROWS)
def test_rows_become_sequences(parameters, rows):
    layout = ToSequences(2, **parameters)
    assert_array_equal(layout.fit_transform(rows).to_array(), CUBE)
    if rows.ndim == 2:
        assert_array_equal(layout.inverse_transform(CUBE), rows)
        static = np.arange(8.0).reshape(4, 2)
        layout = ToSequences(2, **parameters, n_static=2).fit(np.hstack([rows, static]))
        sequences = layout.transform(np.hstack([rows, static]))
        assert_array_equal(sequences[:, :2].to_array(), CUBE)
        assert_array_equal(sequences[:, 2:].to_array(), np.repeat(static[:, np.newaxis], 5, axis=1))
        assert_array_equal(layout.inverse_transform(sequences), np.hstack([rows, static]))


@pytest.mark.parametrize(
    ("parameters", "rows", "message"),
    [
        ({"n_features": 3}, np.zeros((2, 10)), "other 10 do not make whole time steps of n_features=3"),
        ({"n_static": 10}, np.zeros((2, 10)), "other 0 do not make whole time steps"),
        ({"n_features": 3}, CUBE, "which is 2 features by layout='time_major'"),
        ({"n_features": 2, "n_static": 1}, CUBE, "n_static=1"),
    ],
)
def test_rows_that_cannot_be_taken_apart(parameters, rows, message):
    with pytest.raises(ValueError, match=message):
        ToSequences(**parameters).fit(rows)


def test_names_of_static_columns_are_kept():
    rows = pd.DataFrame([[3.0, 2.0, 1.0, 50.0]], columns=["lag_1", "lag_2", "lag_3", "age"])
    sequences = ToSequences(newest_first=True, n_static=1).fit_transform(rows)
    assert sequences.feature_names.tolist() == ["x0", "age"]
    assert_array_equal(sequences[0], [[1, 50], [2, 50], [3, 50]])


def test_a_missing_lag_is_no_padding():
    assert ToSequences().fit_transform([[1, 2, np.nan], [1, 2, 3]]).lengths.tolist() == [3, 3]


@pytest.mark.parametrize(("fitted", "later"), [(CUBE, (2, 4, 4)), (CUBE.reshape(4, -1), (2, 10, 3))])
def test_rows_of_another_shape_than_in_fit(fitted, later):
    layout = ToSequences(2).fit(fitted)
    with pytest.raises(ValueError, match=r"X has|expecting"):
        layout.transform(np.zeros(later))
    with pytest.raises(ValueError, match="equal lengths and 2 features"):
        layout.inverse_transform([np.zeros((3, 2)), np.zeros((2, 2))])


# ---------------------------------------------------------------------------------------------- together


def test_different_features_are_treated_differently():
    union = SequenceUnion([
        ("vital", make_pipeline(SequenceSelector(["HR", "SBP"]), SequenceImputer(), SequenceScaler())),
        ("rest", make_pipeline(SequenceSelector("Lactate"), SequenceImputer("mean"))),
        ("left out", "drop"),
    ])  # fmt: skip
    Z = union.fit_transform(X)
    assert Z.feature_names.tolist() == ["vital__HR", "vital__SBP", "rest__Lactate"]
    assert_array_equal(Z.times, X.times)
    filled = SequenceImputer().fit_transform(X).values[:, :2]
    assert_array_equal(Z.values[:, :2], StandardScaler().fit_transform(filled))
    assert_allclose(Z.values[:, 2], SequenceImputer("mean").fit_transform(X).values[:, 2])


def test_a_union_needs_the_same_time_steps():
    with pytest.raises(ValueError, match="'b' returned sequences of other lengths or times than 'a'"):
        SequenceUnion([("a", SequenceScaler()), ("b", SequenceResampler(2))]).fit_transform(X)


def test_a_union_needs_the_same_times():
    halves = as_sequences([np.arange(3.0)], times=[[0.5, 1.5, 2.5]])
    union = SequenceUnion([("a", SequenceScaler()), ("b", SequenceResampler(1, origin="epoch"))])
    with pytest.raises(ValueError, match="'b' returned sequences of other lengths or times than 'a'"):
        union.fit_transform(halves)


@pytest.mark.parametrize("features", ["RR", 3, [True, False]], ids=repr)
def test_features_that_are_not_there(features):
    with pytest.raises(ValueError, match="not among the 3 features: HR, SBP, Lactate"):
        SequenceSelector(features).fit(X)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_search_tunes_every_step():
    many = gappy(lengths=tuple(range(1, 25)))
    died = np.arange(24) % 2
    pipeline = make_pipeline(
        SequenceResampler(1.0), SequenceImputer(), SequenceScaler(), LSTMClassifier(2, max_iter=1, random_state=0)
    )
    grid = {
        "sequenceresampler__every": [1.0, 3.0],
        "sequenceimputer__add_elapsed": [False, True],
        "sequencescaler__method": ["robust", "quantile"],
    }
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(many, died)
    assert len(search.cv_results_["params"]) == 8
    assert search.predict_proba(many).shape == (24, 2)
    trees = make_pipeline(SequenceFeatures(), HistGradientBoostingClassifier(max_iter=2))
    assert np.isfinite(cross_val_score(trees, many, died, cv=2)).all()
