"""What holds of transformers and windows for sequences of any sizes, gaps and times: plain twins, and ways back."""

from collections import Counter

import numpy as np
import pytest
from checks import assert_same_bits
from forms import forms
from hypothesis import assume, example, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from strategies import CONTENTS, GAPS, LONGEST, MOST_FEATURES, make_sequences, seeds

import sklstm
from sklstm import LSTMRegressor, as_sequences
from sklstm.preprocessing import (
    SequenceImputer,
    SequenceResampler,
    SequenceScaler,
    SequenceSelector,
    SequenceTokenizer,
    SequenceUnion,
    TimeFeatures,
    ToSequences,
    frame_to_sequences,
    sequences_to_frame,
    sliding_windows,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

METHODS = ["standard", "robust", "minmax", "quantile"]
STRATEGIES = ["forward", "mean", "linear", "constant"]


def with_times(X, kind, seed, least_gap=0):
    """Sequences whose times, if they have any, are whole eighths or minutes: sums of them are exact."""
    rng = np.random.default_rng(seed)
    ticks = [np.cumsum(rng.integers(least_gap, 20, size=len(x))) for x in X]
    if kind == "none":
        return as_sequences(X)
    if kind == "numbers":
        return as_sequences(X, times=[tick / 8 for tick in ticks])
    return as_sequences(X, times=[np.datetime64("2026-03-01T05:07") + 7 * tick.astype("m8[m]") for tick in ticks])


def spreads(X):
    return np.nanmax(X.values, axis=0, initial=-np.inf) - np.nanmin(X.values, axis=0, initial=np.inf)


@st.composite
def sequences(draw, contents=tuple(CONTENTS), gaps=tuple(GAPS), dtypes=("f4", "f8"), least_gap=0):
    """A container of sequences with gaps."""
    n, n_features, seed = (
        draw(st.lists(st.integers(1, 12), min_size=1, max_size=9)),
        draw(st.integers(1, 4)),
        draw(seeds),
    )
    X = make_sequences(n, n_features, draw(st.sampled_from(contents)), draw(st.sampled_from(gaps)), seed)
    dtype, kind = draw(st.sampled_from(dtypes)), draw(st.sampled_from(["none", "numbers", "datetimes"]))
    X = with_times([x.astype(dtype) for x in X], kind, seed, least_gap)
    assume(not ((spreads(X) > 0) & (spreads(X) < 1e-4)).any())  # which is too little for quantiles
    return X


def large(kind="numbers"):
    """Long sequences, and such of many features, with gaps."""
    for n, n_features in ([LONGEST, 1], 1), ([7, 5], MOST_FEATURES):
        yield with_times(make_sequences(n, n_features, "normal", "some", 0), kind, 0, least_gap=1)


LONG, WIDE = large()

# ---------------------------------------------------------------------------------------------- values and gaps


@example(X=LONG, method="quantile")
@example(X=WIDE, method="robust")
@given(X=sequences(), method=st.sampled_from(METHODS))
def test_scaled_values_come_back(X, method):
    scaler = SequenceScaler(method).fit(X)
    scaled = scaler.transform(X)
    assert not np.isinf(scaled.values).any()
    back = scaler.inverse_transform(scaled)
    size, spread = (np.nanmax(values, initial=0) for values in (abs(X.values), spreads(X)))
    tolerance = 2e-7 * size + 3e-6 * spread if X.dtype == np.float32 else 1e-9 * size
    assert_allclose(back.values, X.values, rtol=0, atol=tolerance)
    assert_array_equal(back.offsets, X.offsets)


@example(X=LONG, strategy="linear", add_elapsed=True)
@example(X=WIDE, strategy="forward", add_elapsed=True)
@given(X=sequences(), strategy=st.sampled_from(STRATEGIES), add_elapsed=st.booleans())
def test_gaps_are_filled_and_nothing_else_changes(X, strategy, add_elapsed):
    imputer = SequenceImputer(strategy, add_indicator=True, add_elapsed=add_elapsed)
    filled = imputer.fit_transform(X)
    seen = ~np.isnan(X.values)
    assert np.isfinite(filled.values).all()
    assert filled.dtype == X.dtype
    assert_same_bits(filled.values[:, : X.n_features][seen], X.values[seen])
    assert imputer.inverse_transform(filled) == X


@example(X=LONG)
@given(X=sequences())
def test_forward_takes_the_last_value(X):
    expected = []
    for x in X:
        last = np.full(X.n_features, -5.0)
        for row in x:
            last = np.where(np.isnan(row), last, row)
            expected.append(last)
    filled = SequenceImputer(fill_value=-5).fit_transform(X)
    assert_array_equal(filled.values, np.array(expected, dtype=X.dtype))


STATISTICS = {"count": len, "sum": sum, "min": min, "max": max, "first": lambda x: x[0], "last": lambda x: x[-1]}


def resampled(x, clock, every, name):
    """Interval after interval, the statistic of what was seen in it."""
    rows = []
    for k in range(int((clock[-1] - clock[0]) // every) + 1):
        inside = (clock - clock[0]) // every == k
        seen = [column[~np.isnan(column)].tolist() for column in x[inside].T]
        rows.append([STATISTICS[name](values) if values or name == "count" else np.nan for values in seen])
    return rows


@example(X=LONG, every=0.5, name="last")
@given(
    X=sequences(["whole"], dtypes=["f8"]), every=st.sampled_from([0.125, 0.5, 3.0]), name=st.sampled_from([*STATISTICS])
)
def test_resampling_is_that_of_each_interval(X, every, name):
    clocks = [np.arange(length) for length in X.lengths]
    if X.times is not None:
        hours = (X.times - X.times[0]) / np.timedelta64(1, "h") if X.times.dtype.kind == "M" else X.times
        clocks = np.split(np.round(hours * 480) / 480, X.offsets[1:-1])
    unit = 480  # whole numbers of which are minutes and eighths alike
    clocks = [np.round(clock * unit).astype(int) for clock in clocks]
    expected = [resampled(x, clock, round(every * unit), name) for x, clock in zip(X, clocks, strict=True)]
    actual = SequenceResampler(every, aggregate=name).fit_transform(X)
    assert actual.lengths.tolist() == [len(rows) for rows in expected]
    assert_array_equal(actual.values, np.concatenate(expected))


TRANSFORMERS = [
    *(SequenceScaler(method) for method in METHODS),
    *(SequenceImputer(strategy, add_indicator=True, add_elapsed=True) for strategy in STRATEGIES),
    TimeFeatures(),
    SequenceResampler(2.0, aggregate="slope"),
    SequenceSelector([0]),
    SequenceUnion([("scaled", SequenceScaler()), ("as they are", SequenceSelector(slice(None)))]),
]


def values_of(X):
    return X.values if isinstance(X, sklstm.Sequences) else X.reshape(-1, 1)


@given(
    X=sequences(["whole", "bits"], ["none", "some"], ["f8"]),
    transformer=st.sampled_from(TRANSFORMERS),
    one=forms(["f8", ">f8", "i4", "?", "O"]),
    other=forms(["f8", "g", "u2"]),
)
def test_the_form_does_not_matter(X, transformer, one, other):
    one, other = one(list(X)), other(list(X))
    fitted, again = clone(transformer).fit(one), clone(transformer).fit(other)
    expected = values_of(fitted.transform(one))
    assert_same_bits(values_of(again.transform(other)), expected)
    assert_same_bits(values_of(fitted.transform(other)), expected)


@given(X=sequences(), transformer=st.sampled_from(TRANSFORMERS), rows=st.lists(st.integers(0, 99), min_size=1))
def test_company_does_not_matter(X, transformer, rows):
    fitted, rows = clone(transformer).fit(X), np.array(rows) % len(X)
    assert fitted.transform(X[rows]) == fitted.transform(X)[rows]


@given(
    X=sequences(["normal", "whole", "far"], dtypes=["f8"]),
    strategy=st.sampled_from(["forward", "mean", "constant"]),
    method=st.sampled_from(METHODS),
    clip=st.sampled_from([None, 2.0]),
)
def test_streams_of_pipelines_predict_what_whole_sequences_do(X, strategy, method, clip):
    imputer = SequenceImputer(strategy, add_indicator=True, add_elapsed=True, elapsed_scale=3.0)
    model = LSTMRegressor(3, max_iter=1, return_sequences=True, random_state=0)
    pipeline = make_pipeline(imputer, TimeFeatures(), SequenceScaler(method, clip=clip), model)
    pipeline.fit(X, [np.arange(length) for length in X.lengths])
    stream, times = sklstm.stream(pipeline), [None] * len(X.values) if X.times is None else X.times
    for expected, x, start in zip(pipeline.predict(X), X, X.starts, strict=True):
        steps = [stream.step(values, time=time) for values, time in zip(x, times[start:], strict=False)]
        assert_same_bits(np.array(steps), expected)
        stream.reset()


# ---------------------------------------------------------------------------------------------- windows, tables, texts


def windows_of(X, window, horizon, step, gap, max_gap):
    """Windows, what follows them, and the sequence of each, by slices of each stretch without a gap."""
    found, clocks = [], np.split(X.times, X.offsets[1:-1])
    for i, (x, clock) in enumerate(zip(X, clocks, strict=True)):
        breaks = [] if max_gap is None else np.flatnonzero(np.diff(clock) > max_gap) + 1
        for run in np.split(x, breaks):
            for start in range(0, len(run) - window - gap - horizon + 1, step):
                end = start + window
                found.append((run[start:end], run[end + gap : end + gap + horizon, -1], i))
    return found


@example(X=LONG, window=50, horizon=3, step=7, gap=2, max_gap=1.0)
@given(
    X=sequences(gaps=["none", "some"], least_gap=1).filter(lambda X: X.times is not None),
    window=st.integers(1, 5),
    horizon=st.integers(1, 3),
    step=st.integers(1, 4),
    gap=st.integers(0, 2),
    max_gap=st.sampled_from([None, 1.0]),
)
def test_windows_are_slices(X, window, horizon, step, gap, max_gap):
    limit = np.timedelta64(60, "m") if X.times.dtype.kind == "M" else 1.0
    options = {"window": window, "horizon": horizon, "step": step, "gap": gap}
    expected = windows_of(X, **options, max_gap=None if max_gap is None else limit)
    if not expected:
        with pytest.raises(ValueError, match="No window fits"):
            sliding_windows(X, **options, max_gap=max_gap)
        return
    windows, y, groups = sliding_windows(X, **options, target=X.n_features - 1, max_gap=max_gap)
    rows, targets, numbers = zip(*expected, strict=True)
    assert_same_bits(windows.values, np.concatenate(rows))
    assert set(windows.lengths) == {window}
    assert_same_bits(y.reshape(-1, horizon), np.array(targets))
    assert groups.tolist() == list(numbers)


@example(X=LONG, backend="polars", seed=0)
@example(X=WIDE, backend="pandas", seed=0)
@given(X=sequences(least_gap=1), backend=st.sampled_from(["pandas", "polars"]), seed=seeds)
def test_sequences_come_back_from_tables(X, backend, seed):
    """Of rows in any order."""
    ids, y = np.array([f"patient {i:03}" for i in range(len(X))]), np.arange(len(X)) % 3
    table = sequences_to_frame(X, ids, y=y, sequence="patient", time="hour", target="y", backend=backend)
    rows = np.random.default_rng(seed).permutation(len(table))
    table = table.iloc[rows] if backend == "pandas" else table[rows]
    back, targets, found = frame_to_sequences(table, sequence="patient", time="hour", target="y")
    assert_same_bits(back.values, X.values)
    assert_array_equal(back.offsets, X.offsets)
    assert X.times is None or np.array_equal(back.times, X.times)
    assert found.tolist() == ids.tolist()
    assert targets.tolist() == y.tolist()


@given(X=sequences(), columns=st.lists(st.lists(st.integers(-4, 3), min_size=1, max_size=5), min_size=1, max_size=3))
def test_unions_of_selections_are_columns(X, columns):
    columns = [[column % X.n_features for column in part] for part in columns]
    union = SequenceUnion([(f"part {k}", SequenceSelector(part)) for k, part in enumerate(columns)])
    expected = X.values[:, np.concatenate(columns)]
    assert_same_bits(union.fit_transform(X).values, np.ascontiguousarray(expected))


@given(
    X=sequences(["normal"], ["none"], ["f8"]),
    layout=st.sampled_from(["time_major", "feature_major"]),
    newest_first=st.booleans(),
    n_static=st.integers(0, 2),
)
def test_rows_come_back(X, layout, newest_first, n_static):
    n_steps = X.lengths.min()
    cube = np.array([x[:n_steps] for x in X])
    in_order = cube[:, ::-1] if newest_first else cube
    if layout == "feature_major":
        in_order = in_order.transpose(0, 2, 1)
    rows = np.hstack([in_order.reshape(len(X), -1), np.arange(len(X) * n_static).reshape(len(X), n_static)])
    adapter = ToSequences(X.n_features, layout=layout, newest_first=newest_first, n_static=n_static)
    found = adapter.fit_transform(rows)
    assert_array_equal(found.to_array()[:, :, : X.n_features], cube)
    assert_array_equal(adapter.inverse_transform(found), rows)


texts = st.lists(st.text("aAbÄß?", max_size=12), min_size=1, max_size=9)


@given(X=texts, new=texts, min_df=st.integers(1, 2), max_length=st.sampled_from([None, 3]))
def test_tokens_are_the_frequent_characters(X, new, min_df, max_length):
    """By the most frequent first; others keep their places."""
    cut = [text.lower()[:max_length] for text in X]
    counts, n_texts = Counter("".join(cut)), Counter(char for text in cut for char in set(text))
    kept = sorted((char for char in counts if n_texts[char] >= min_df), key=lambda char: (-counts[char], char))
    assume(kept)
    tokenizer = SequenceTokenizer(analyzer="char", min_df=min_df, max_length=max_length)
    found = tokenizer.fit_transform(X)
    assert [*tokenizer.vocabulary_] == kept
    for text, numbers, again in zip(cut, found, tokenizer.transform(X), strict=True):
        assert_array_equal(again, numbers)
        assert (
            numbers.tolist() == [kept.index(char) + 1 if char in kept else 0 for char in text or "\0"][: len(numbers)]
        )
        assert len(numbers) == max(1, len(text))
    for text, tokens in zip(new, tokenizer.inverse_transform(tokenizer.transform(new)), strict=True):
        text = text.lower()[:max_length]
        assert tokens.tolist() == [char if char in kept else "<unknown>" for char in text or "\0"]
